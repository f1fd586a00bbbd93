// Package schema reads the small YAML file in which the owner of a data set says what its columns are, what people may
// consent to, and where it stands who did.
//
//	format: attestlog-schema/v1
//	name: german-credit
//	purposes: [credit-scoring, marketing]     # ordered: purpose number i is bit i of a row's consent mask; at most 64
//	consent:
//	  file: consent.csv                       # columns: row (from 0), and one of yes/no for each purpose
//	columns:                                  # in the order in which the data set will have them
//	  - {name: age, role: quasi, min: 0, max: 127}
//	  - {name: job, role: quasi, labels: [clerk, smith]}
//	  - {name: class, role: sensitive}        # labels as the ARFF file declares them
//	  - {name: none-1, role: quasi, fill: '-'}  # a column that the file doesn't have, to fill a place: one label in every row
//	ignore: [remarks]                         # columns of the file that are not committed to
//
// Instead of a file, `consent: {column: agreed}` names a column of the table that lists each row's purposes, separated
// by ';', or says none. That column is not part of the data set.
//
// Ranges and labels become public with the data set's entry; what single rows hold doesn't. So give ranges that follow
// from what a column means, not from the values that happen to occur.
package schema

import (
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/document"
	"github.com/attestlog/attestlog/ledger/event"
)

// MaxFile bounds a schema file, in bytes.
const MaxFile = 1 << 20

// Format is what a schema's first member says.
const Format = "attestlog-schema/v1"

// kind is what such a file is. It is never written to.
var kind = document.Kind{Name: "schema", Format: Format, Max: MaxFile}

// Schema is the contents of a schema file, each member checked by itself.
type Schema struct {
	Format   string   `yaml:"format"`
	Name     string   `yaml:"name"`
	Purposes []string `yaml:"purposes"`
	Consent  Consent  `yaml:"consent"`
	Columns  []Column `yaml:"columns"`
	Ignore   []string `yaml:"ignore"`
}

// Consent says where each row's consent stands: at most one of the two.
type Consent struct {
	File   string `yaml:"file"`   // a CSV file, relative to the schema's folder
	Column string `yaml:"column"` // a column of the table
}

// Column describes one column.
type Column struct {
	Name   string     `yaml:"name"`
	Role   event.Role `yaml:"role"`
	Min    *int64     `yaml:"min"`
	Max    *int64     `yaml:"max"`
	Labels []string   `yaml:"labels"`
	Fill   string     `yaml:"fill"` // a column that the table doesn't have: this one label in every row

	line int
}

// plainColumn is Column without its method, for decoding.
type plainColumn Column

// UnmarshalYAML keeps the line, which later errors name.
func (c *Column) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a column is described as {name: …, role: …}", n.Line)
	}
	for i := 0; i < len(n.Content); i += 2 {
		// Decoding a node forgets that unknown members are to be refused.
		if key := n.Content[i]; !slices.Contains([]string{"name", "role", "min", "max", "labels", "fill"}, key.Value) {
			return fmt.Errorf("line %d: a column has no member %q: want name, role, min, max, labels or fill", key.Line, document.Clip(key.Value))
		}
	}
	var plain plainColumn
	if err := n.Decode(&plain); err != nil {
		return err
	}
	*c = Column(plain)
	c.line = n.Line
	return nil
}

// Parse reads a schema. Errors name the line where they can.
func Parse(b []byte) (*Schema, error) {
	s := new(Schema)
	if err := kind.Decode(b, s); err != nil {
		return nil, err
	}
	s.normalize()
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// normalize brings every name to the form that events demand.
func (s *Schema) normalize() {
	each := func(list []string) {
		for i := range list {
			list[i] = norm.NFC.String(list[i])
		}
	}
	s.Name, s.Consent.Column = norm.NFC.String(s.Name), norm.NFC.String(s.Consent.Column)
	each(s.Purposes)
	each(s.Ignore)
	for i := range s.Columns {
		s.Columns[i].Name = norm.NFC.String(s.Columns[i].Name)
		each(s.Columns[i].Labels)
		s.Columns[i].Fill = norm.NFC.String(s.Columns[i].Fill)
	}
}

func (s *Schema) check() error {
	if err := kind.Check(s.Format); err != nil {
		return err
	}
	switch {
	case s.Name == "" || len(s.Name) > 256:
		return errors.New("name: the data set needs a name of 1 to 256 bytes")
	case len(s.Columns) == 0:
		return errors.New("columns: describe at least one")
	case len(s.Columns) > event.MaxColumns:
		return fmt.Errorf("columns: %d are described, and at most %d can be committed to", len(s.Columns), event.MaxColumns)
	case len(s.Purposes) > event.MaxPurposes:
		return fmt.Errorf("purposes: %d are named, and at most %d fit a consent mask", len(s.Purposes), event.MaxPurposes)
	case s.Consent.File != "" && s.Consent.Column != "":
		return errors.New("consent: name a file or a column, not both")
	case len(s.Purposes) > 0 && s.Consent == (Consent{}):
		return errors.New("consent: purposes are named, so say where it stands who consented: `consent: {file: consent.csv}` or `consent: {column: …}`")
	case len(s.Purposes) == 0 && s.Consent != (Consent{}):
		return errors.New("purposes: consent is given, so name what it is for")
	}
	for i, p := range s.Purposes {
		if p == "" || len(p) > 64 || p == "none" || p == "row" {
			return fmt.Errorf("purposes: %q can't name a purpose: want 1 to 64 bytes, and neither `none` nor `row`", document.Clip(p))
		}
		if slices.Contains(s.Purposes[:i], p) {
			return fmt.Errorf("purposes: %q stands twice", p)
		}
	}
	for i := range s.Columns {
		if err := s.Columns[i].check(); err != nil {
			return fmt.Errorf("line %d: column %q: %w", s.Columns[i].line, document.Clip(s.Columns[i].Name), err)
		}
		for _, before := range s.Columns[:i] {
			if before.Name == s.Columns[i].Name {
				return fmt.Errorf("line %d: column %q is described twice (line %d)", s.Columns[i].line, before.Name, before.line)
			}
		}
	}
	return nil
}

func (c *Column) check() error {
	switch c.Role {
	case event.RoleDirect, event.RoleQuasi, event.RoleSensitive, event.RoleOther:
	default:
		return fmt.Errorf("role %q is unknown: want direct, quasi, sensitive or other", document.Clip(string(c.Role)))
	}
	switch {
	case c.Name == "" || len(c.Name) > 64:
		return errors.New("the name must have 1 to 64 bytes")
	case (c.Min == nil) != (c.Max == nil):
		return errors.New("min and max belong together")
	case c.Fill != "" && (c.Min != nil || c.Labels != nil):
		return errors.New("a column that is filled has its one label, and neither range nor labels")
	case c.Fill != "":
		return checkLabels([]string{c.Fill})
	case c.Min != nil && c.Labels != nil:
		return errors.New("a column has either a range (min, max) or labels")
	case c.Min != nil && (*c.Min < -maxInteger || *c.Max > maxInteger || *c.Max < *c.Min || *c.Max-*c.Min > 65535):
		return errors.New("min to max must be at most 65,536 integers: codes have 16 bits")
	case c.Labels != nil:
		return checkLabels(c.Labels)
	}
	return nil
}

// maxInteger is what an event can state: 53 bits.
const maxInteger = 1<<53 - 1

func checkLabels(labels []string) error {
	if len(labels) == 0 || len(labels) > event.MaxLabels {
		return fmt.Errorf("there are %d labels, and 1 to %d are allowed", len(labels), event.MaxLabels)
	}
	seen := make(map[string]bool, len(labels))
	for _, l := range labels {
		switch {
		case l == "" || len(l) > 128:
			return errors.New("a label must have 1 to 128 bytes")
		case seen[l]:
			return fmt.Errorf("the label %q stands twice", l)
		}
		seen[l] = true
	}
	return nil
}
