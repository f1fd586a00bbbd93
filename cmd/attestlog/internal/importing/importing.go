// Package importing reads what an operator says of a circuit whose verifying key is to be imported, in a small YAML file:
//
//	format: attestlog-statement/v1
//	name: income-threshold                     # of a-z 0-9 . _ -, and nobody else's
//	shows: The committed income is above the threshold.
//	notShown:                                  # at least one sentence
//	  - That the income is true.
//	inputs:                                    # the public inputs behind the context, in the circuit's order
//	  - {name: threshold, type: integer, min: 0, max: 1000000}
//	  - {name: adult, type: boolean}
//	  - {name: register, type: dataset}
//
// Names are those of the circuit's signals. Types are boolean, dataset, digest (two public inputs), element, integer and text.
package importing

import (
	"fmt"

	"golang.org/x/text/unicode/norm"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/document"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// MaxFile bounds a description, in bytes.
const MaxFile = 256 << 10

// Format is what a description's first member says.
const Format = "attestlog-statement/v1"

// kind is what such a file is. It is never written to.
var kind = document.Kind{Name: "description", Format: Format, Max: MaxFile}

type description struct {
	Format   string   `yaml:"format"`
	Name     string   `yaml:"name"`
	Shows    string   `yaml:"shows"`
	NotShown []string `yaml:"notShown"`
	Inputs   []input  `yaml:"inputs"`
}

type input struct {
	Name string          `yaml:"name"`
	Type event.InputType `yaml:"type"`
	Min  *int64          `yaml:"min"`
	Max  *int64          `yaml:"max"`
}

// Claims reads a description, and makes of it and of the key what registers the statement. What comes back has passed the checks that the log makes,
// but those of names that are taken in it.
func Claims(b []byte, vk *zkverify.VerifyingKey, transcript event.Digest) (*event.StatementClaims, error) {
	d, err := parse(b)
	if err != nil {
		return nil, err
	}
	c := &event.StatementClaims{Action: event.StatementRegister, Proves: event.Custom, Name: d.Name, Setup: event.SetupImported, Transcript: transcript,
		Shows: norm.NFC.String(d.Shows), VerifyingKey: vk.Bytes()}
	for _, sentence := range d.NotShown {
		c.NotShown = append(c.NotShown, norm.NFC.String(sentence))
	}
	for i, in := range d.Inputs {
		described, err := in.describe()
		if err != nil {
			return nil, fmt.Errorf("inputs[%d]: %w", i, err)
		}
		c.Inputs = append(c.Inputs, described)
	}
	return c, check(c, vk)
}

func parse(b []byte) (*description, error) {
	d := new(description)
	if err := kind.Decode(b, d); err != nil {
		return nil, err
	}
	if err := kind.Check(d.Format); err != nil {
		return nil, err
	}
	return d, nil
}

func (in *input) describe() (event.Input, error) {
	out := event.Input{Name: in.Name, Type: in.Type}
	if in.Type == event.InputInteger {
		if in.Min == nil || in.Max == nil {
			return out, fmt.Errorf("%s is an integer: say from where to where it goes, with min and max", document.Clip(in.Name))
		}
		out.Min, out.Max = *in.Min, *in.Max
		return out, nil
	}
	if in.Min != nil || in.Max != nil {
		return out, fmt.Errorf("%s is of type %q, and only integers have min and max", document.Clip(in.Name), document.Clip(string(in.Type)))
	}
	return out, nil
}

// check has the event's own rules judge the claims, and holds the inputs against the key.
func check(c *event.StatementClaims, vk *zkverify.VerifyingKey) error {
	e := &event.Event{Subject: event.Subject{Name: "statement"}, Log: "draft", Source: "draft/draft", Seq: 1, Proof: event.ProofNone, Claims: c}
	if _, err := e.Encode(); err != nil {
		return err
	}
	s, err := statement.Registered(c)
	if err != nil {
		return err
	}
	if got := vk.NumPublic(); got != len(s.Inputs) {
		return fmt.Errorf("the verifying key takes %d public inputs, and with the context, which comes first, %d are described: %q; a digest takes two, and circom puts a circuit's outputs before its inputs",
			got, len(s.Inputs), s.Inputs)
	}
	return nil
}
