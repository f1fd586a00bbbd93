package statement

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
)

// MaxPublicInputs is how many public inputs a statement can have, ctx included: what prover/zkverify takes.
const MaxPublicInputs = event.MaxInputs + 1

// Registered is the statement that an entry registers: the table's row of its name, or one that was imported, which says itself what it
// is about. Whoever derives public inputs for an event takes the statement from here, with the claims of the entry that e.Statement names, so
// that imported statements are like any other.
func Registered(c *event.StatementClaims) (Statement, error) {
	known, err := ByName(c.Name)
	switch {
	case c.Action != event.StatementRegister:
		return Statement{}, fmt.Errorf("the entry registers no statement: its action is %q", c.Action)
	case c.Proves == event.Custom && reserved(c.Name):
		return Statement{}, fmt.Errorf("%s is a name for statements of attestlog's own, now or later: no other can be imported under it", c.Name)
	case c.Proves == event.Custom:
		return imported(c)
	case err != nil:
		return Statement{}, err
	case known.Proves != c.Proves:
		return Statement{}, fmt.Errorf("%s proves events of kind %s, not %s", c.Name, known.Proves, c.Proves)
	}
	return known, nil
}

// reserved tells whether a name is kept for statements of attestlog's own: those that there are, and those that may come, which begin with a
// kind of events. If one could be imported under data-access-256, then everything under it would stop verifying with the version that adds
// a statement of that name.
func reserved(name string) bool {
	return slices.ContainsFunc(event.Kinds(), func(k event.Kind) bool { return name == k.String() || strings.HasPrefix(name, k.String()+"-") })
}

// imported is a statement of somebody's own circuit. Shows and NotShown are the importer's words.
func imported(c *event.StatementClaims) (Statement, error) {
	s := Statement{Name: c.Name, Proves: event.Custom, Inputs: []string{"context"}, Shows: c.Shows, NotShown: c.NotShown, schema: c.Inputs}
	for _, in := range c.Inputs {
		if in.Type == event.InputDigest {
			s.Inputs = append(s.Inputs, in.Name+"[0]", in.Name+"[1]")
			continue
		}
		s.Inputs = append(s.Inputs, in.Name)
	}
	if len(s.Inputs) > MaxPublicInputs {
		return Statement{}, fmt.Errorf("%s has %d public inputs, the context and each digest's two included, and at most %d can be verified", c.Name, len(s.Inputs), MaxPublicInputs)
	}
	return s, nil
}

// Imported tells whether a statement was imported.
func (s Statement) Imported() bool { return s.Proves == event.Custom }

// deriveCustom derives the public inputs of an imported statement. The claims must have exactly the values that the statement's entry
// describes, in its order.
func (s Statement) deriveCustom(c *event.CustomClaims, ctx event.Element, refs Resolver) ([]event.Element, error) {
	if len(c.Inputs) != len(s.schema) {
		return nil, rangeError(NotTheSchema, "inputs", "%s takes %d values, and there are %d", s.Name, len(s.schema), len(c.Inputs))
	}
	public := []event.Element{ctx}
	for i, in := range s.schema {
		v := c.Inputs[i]
		if v.Name != in.Name || v.Type != in.Type {
			return nil, rangeError(NotTheSchema, "inputs", "value %d of %s is %q, of type %s, and not %q, of type %s", i+1, s.Name, in.Name, in.Type, v.Name, v.Type)
		}
		elements, err := deriveValue(in, v, refs)
		if err != nil {
			return nil, err
		}
		public = append(public, elements...)
	}
	return public, nil
}

// deriveValue gives a value as the public inputs that stand for it: two of a digest, one of everything else.
func deriveValue(in event.Input, v event.Value, refs Resolver) ([]event.Element, error) {
	switch in.Type {
	case event.InputBoolean:
		if v.Boolean {
			return []event.Element{number(1)}, nil
		}
		return []event.Element{number(0)}, nil
	case event.InputInteger:
		if v.Integer < in.Min || v.Integer > in.Max {
			return nil, rangeError(NotTheSchema, "inputs", "%s is %d, and not between %d and %d", in.Name, v.Integer, in.Min, in.Max)
		}
		var x fr.Element
		return []event.Element{fromField(*x.SetInt64(v.Integer))}, nil
	case event.InputElement:
		if _, err := toField("inputs", v.Element); err != nil {
			return nil, err
		}
		return []event.Element{v.Element}, nil
	case event.InputText:
		return []event.Element{Text(v.Text)}, nil
	case event.InputDigest:
		high, low := DigestHalves(v.Digest)
		return []event.Element{high, low}, nil
	case event.InputDataset:
		data, err := datasetOf("inputs", v.Dataset, refs)
		if err != nil {
			return nil, err
		}
		d, err := Dataset(data)
		if err != nil {
			return nil, err
		}
		return []event.Element{d}, nil
	}
	return nil, rangeError(NotTheSchema, "inputs", "%s is of type %q, which is none that is known", in.Name, in.Type)
}

// Text is a text as a public input: the first 31 bytes of SHA-256("attestlog/text/v1" ‖ the text in UTF-8), as a big-endian number.
func Text(s string) (e event.Element) {
	sum := sha256.Sum256([]byte("attestlog/text/v1" + s))
	copy(e[1:], sum[:31])
	return e
}

// DigestHalves is a SHA-256 digest as two public inputs: its first and its last 16 bytes, as big-endian numbers.
func DigestHalves(d event.Digest) (first, last event.Element) {
	copy(first[16:], d[:16])
	copy(last[16:], d[16:])
	return first, last
}
