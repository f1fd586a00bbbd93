package event

import (
	"fmt"
	"strings"

	"github.com/attestlog/attestlog/ledger/event/canon"
)

// Limits of statements that were imported, and of the events under them.
const (
	MaxInputs   = 255 // named values: with ctx, as many public inputs as prover/zkverify takes
	MaxDatasets = 8   // of them references to data sets
	MaxText     = 256 // bytes of a text
	MaxShows    = 1024
	MaxNotShown = 16
)

// InputType is how a named value of an event becomes public inputs of a circuit; prover/statement/SPEC.md has the rules. The list is closed.
type InputType string

const (
	InputBoolean InputType = "boolean" // 1 or 0
	InputDataset InputType = "dataset" // the event that commits to a data set: its commitment D
	InputDigest  InputType = "digest"  // a SHA-256 digest: two inputs, its halves
	InputElement InputType = "element" // a number of the field as it is
	InputInteger InputType = "integer" // of 53 bits and a sign
	InputText    InputType = "text"    // the beginning of its SHA-256
)

func inputTypes() []string {
	return []string{string(InputBoolean), string(InputDataset), string(InputDigest), string(InputElement), string(InputInteger), string(InputText)}
}

// Input describes one named value of the events that an imported statement proves, in the order of the circuit's public inputs after ctx.
type Input struct {
	Max, Min int64 // of an integer, inclusive
	Name     string
	Type     InputType
}

func (in *Input) members(o *canon.Object) {
	// In canonical order the bounds stand before the type that has them.
	bounded := o.Has("max", in.Type == InputInteger)
	if bounded {
		o.Int("max", &in.Max, -canon.MaxInt, canon.MaxInt)
		o.Int("min", &in.Min, -canon.MaxInt, canon.MaxInt)
	}
	describeInput(o, &in.Name, &in.Type)
	switch {
	case o.Err() != nil:
	case bounded != (in.Type == InputInteger):
		o.Fail("max", "an integer has max and min, and nothing else has")
	case in.Min > in.Max:
		o.Fail("max", "no number is between %d and %d", in.Min, in.Max)
	}
}

func describeInput(o *canon.Object, name *string, typ *InputType) {
	o.Text("name", name, 1, 64)
	check(o, "name", CheckInput, *name)
	o.Word("type", (*string)(typ), inputTypes()...)
}

// CheckInput tells whether name can name a value: it can name a circuit's signal, too. The context has its name already.
func CheckInput(name string) error {
	plain := len(name) > 0 && len(name) <= 64 && !('0' <= name[0] && name[0] <= '9')
	for i := range len(name) {
		b := name[i]
		plain = plain && ('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_')
	}
	if !plain || name == "context" {
		return fmt.Errorf("%q can't name a value: want 1 to 64 of a-z A-Z 0-9 _, not beginning with a digit, and not context", canon.Clip(strings.ToValidUTF8(name, "?")))
	}
	return nil
}

// CheckStatementName tells whether an imported statement can have this name: it has none of the letters that only look like others.
func CheckStatementName(name string) error {
	if !isPlain(name, 64, isSourceByte) {
		return fmt.Errorf("%q can't name an imported statement: want 1 to 64 of a-z 0-9 . _ -", canon.Clip(strings.ToValidUTF8(name, "?")))
	}
	return nil
}

// describeInputs describes a list of named values, of one type of Go or another.
func describeInputs[T any](o *canon.Object, list *[]T, members func(*T, *canon.Object), of func(*T) (name string, typ InputType)) {
	n := len(*list)
	o.List("inputs", &n, 0, MaxInputs, func(i int, el *canon.Element) {
		if i == len(*list) {
			*list = append(*list, *new(T))
		}
		el.Object(func(o *canon.Object) { members(&(*list)[i], o) })
	})
	distinct(o, "inputs", n, func(i int) string { name, _ := of(&(*list)[i]); return name })
	datasets := 0
	for i := range *list {
		if _, typ := of(&(*list)[i]); typ == InputDataset {
			datasets++
		}
	}
	if o.Err() == nil && datasets > MaxDatasets {
		o.Fail("inputs", "%d data sets may stand here, not %d", MaxDatasets, datasets)
	}
}

// CustomClaims are values with names, of an event under a statement that was imported: what a proof shows of them, the statement's
// importer says. Without a proof they are the source's word, and mean what their names say.
type CustomClaims struct {
	Inputs []Value // of a proven event exactly those of the statement, in its order
}

// Value is one named value. The member that Type names is set, the others are zero.
type Value struct {
	Name    string
	Type    InputType
	Boolean bool
	Dataset Digest // the event that commits to the data set
	Digest  Digest
	Element Element
	Integer int64
	Text    string
}

func (*CustomClaims) Kind() Kind { return Custom }

func (c *CustomClaims) members(o *canon.Object) {
	describeInputs(o, &c.Inputs, (*Value).members, func(v *Value) (string, InputType) { return v.Name, v.Type })
}

func (v *Value) members(o *canon.Object) {
	describeInput(o, &v.Name, &v.Type)
	switch v.Type {
	case InputBoolean:
		o.Bool("value", &v.Boolean)
	case InputDataset:
		o.Hex("value", v.Dataset[:])
	case InputDigest:
		o.Hex("value", v.Digest[:])
	case InputElement:
		element(o, "value", &v.Element)
	case InputInteger:
		o.Int("value", &v.Integer, -canon.MaxInt, canon.MaxInt)
	case InputText:
		o.Text("value", &v.Text, 1, MaxText)
	}
}
