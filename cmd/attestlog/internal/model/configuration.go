package model

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/document"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// ConfigurationFormat is what a configuration says it is.
const ConfigurationFormat = "attestlog-configuration/v1"

// MaxConfiguration bounds a configuration, in bytes.
const MaxConfiguration = 64 << 10

// configuration is what such a file is. It is never written to.
var configuration = document.Kind{Name: "configuration", Format: ConfigurationFormat, Max: MaxConfiguration}

// ParseConfiguration reads the settings that a model is served under. Errors name line and key, and never a value.
func ParseConfiguration(b []byte) ([]statement.Setting, error) {
	var document yaml.Node
	if err := configuration.Decode(b, &document); err != nil {
		return nil, err
	}
	members, err := mapping(document.Content[0], "the configuration")
	if err != nil {
		return nil, err
	}
	var settings []statement.Setting
	format := ""
	for _, m := range members {
		switch m.key.Value {
		case "format":
			format = m.value.Value
		case "settings":
			if settings, err = parseSettings(m.value); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("line %d: there is no member of this name: want format and settings", m.key.Line)
		}
	}
	if format != ConfigurationFormat {
		return nil, fmt.Errorf("want `format: %s`", ConfigurationFormat)
	}
	// With any salt: what can be committed at all.
	if _, err := statement.NewConfiguration(table.Salt{1}, settings...); err != nil {
		return nil, err
	}
	return settings, nil
}

func parseSettings(n *yaml.Node) ([]statement.Setting, error) {
	members, err := mapping(n, "settings")
	if err != nil {
		return nil, err
	}
	var settings []statement.Setting
	for _, m := range members {
		value, err := strconv.ParseInt(m.value.Value, 10, 64)
		if err != nil || m.value.Kind != yaml.ScalarNode || m.value.ShortTag() != "!!int" {
			return nil, fmt.Errorf("line %d: the value of %.64q is not an integer: write fractions in thousandths, say, and modes by number", m.value.Line, m.key.Value)
		}
		settings = append(settings, statement.Setting{Key: norm.NFC.String(m.key.Value), Value: value})
	}
	return settings, nil
}

type member struct{ key, value *yaml.Node }

// mapping gives the members of a mapping, none of them twice.
func mapping(n *yaml.Node, what string) ([]member, error) {
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: %s must be a list of `key: value`", n.Line, what)
	}
	var members []member
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			return nil, fmt.Errorf("line %d: %s has a key that is no text", key.Line, what)
		}
		if first, twice := seen[key.Value]; twice {
			return nil, fmt.Errorf("line %d: the key %.64q stands in line %d already", key.Line, key.Value, first)
		}
		seen[key.Value] = key.Line
		members = append(members, member{key, n.Content[i+1]})
	}
	return members, nil
}
