package gadget_test

import (
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs"
	"github.com/consensys/gnark/frontend/cs/r1cs"

	"github.com/attestlog/attestlog/prover/gadget"
)

// lookupCircuit has a byte, a number of three bytes, an entry of a table of constants, and one of a table of values.
type lookupCircuit struct {
	Byte, Number, Square frontend.Variable
	Values               [4]frontend.Variable
	At, Value            frontend.Variable
}

func (c *lookupCircuit) Define(api frontend.API) error {
	l := gadget.NewLookups(api, gadget.NewHasher(api))
	l.Byte(c.Byte)
	l.Bytes(c.Number, 3)
	l.In([]*big.Int{big.NewInt(0), big.NewInt(1), big.NewInt(4), big.NewInt(9)}, []frontend.Variable{c.Square, api.Mul(c.Square, 1)})
	l.At(c.Values[:], []frontend.Variable{c.At}, []frontend.Variable{c.Value})
	l.Close()
	return nil
}

func TestLookups(t *testing.T) {
	ccs, err := frontend.Compile(field, r1cs.NewBuilder, new(lookupCircuit))
	if err != nil {
		t.Fatal(err)
	}
	minus := func(n int64) *big.Int { return new(big.Int).Sub(field, big.NewInt(n)) }
	values := [4]frontend.Variable{100, minus(7), 300, 300}
	for _, c := range []struct {
		name   string
		in     lookupCircuit
		ok     bool
		cheat  solver.Hint // in place of BytesHint
		counts solver.Hint // in place of CountHint
	}{
		{"all right", lookupCircuit{Byte: 255, Number: 1<<24 - 1, Square: 9, At: 1, Value: minus(7)}, true, nil, nil},
		{"zeros", lookupCircuit{Byte: 0, Number: 0, Square: 0, At: 0, Value: 100}, true, nil, nil},
		{"a byte too large", lookupCircuit{Byte: 256, Number: 0, Square: 0, At: 0, Value: 100}, false, nil, nil},
		{"a byte below 0", lookupCircuit{Byte: minus(1), Number: 0, Square: 0, At: 0, Value: 100}, false, nil, nil},
		{"a number too large", lookupCircuit{Byte: 0, Number: 1 << 24, Square: 0, At: 0, Value: 100}, false, nil, nil},
		{"a number too large in bytes too large", lookupCircuit{Byte: 0, Number: 1 << 24, Square: 0, At: 0, Value: 100}, false,
			func(_ *big.Int, in, out []*big.Int) error {
				out[0].SetInt64(0)
				out[1].SetInt64(0)
				out[2].Rsh(in[0], 16)
				return nil
			}, nil},
		{"no square", lookupCircuit{Byte: 0, Number: 0, Square: 3, At: 0, Value: 100}, false, nil, nil},
		{"no square, and made-up counts", lookupCircuit{Byte: 0, Number: 0, Square: 3, At: 0, Value: 100}, false, nil,
			func(m *big.Int, in, out []*big.Int) error {
				if err := gadget.CountHint(m, in, out); err != nil {
					return err
				}
				if len(out) == 4 {
					out[1].SetInt64(1)
					out[2].SetInt64(1)
				}
				return nil
			}},
		{"a value at another place", lookupCircuit{Byte: 0, Number: 0, Square: 0, At: 0, Value: 300}, false, nil, nil},
		{"the same value at two places", lookupCircuit{Byte: 0, Number: 0, Square: 0, At: 3, Value: 300}, true, nil, nil},
		{"a place beyond the table", lookupCircuit{Byte: 0, Number: 0, Square: 0, At: 4, Value: 300}, false, nil, nil},
	} {
		c.in.Values = values
		w, err := frontend.NewWitness(&c.in, field)
		if err != nil {
			t.Fatal(err)
		}
		opts := []solver.Option{solver.WithHints(gadget.Hints()...), solver.OverrideHint(solver.GetHintID(cs.Bsb22CommitmentComputePlaceholder), commitment)}
		if c.cheat != nil {
			opts = append(opts, solver.OverrideHint(solver.GetHintID(gadget.BytesHint), c.cheat))
		}
		if c.counts != nil {
			opts = append(opts, solver.OverrideHint(solver.GetHintID(gadget.CountHint), c.counts))
		}
		if err := ccs.IsSolved(w, opts...); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// commitment plays the prover's: what it gives depends on everything that is committed to.
func commitment(_ *big.Int, in, out []*big.Int) error {
	h := sha256.New()
	for _, v := range in {
		h.Write(v.FillBytes(make([]byte, 32)))
	}
	out[0].SetBytes(h.Sum(nil)[:31])
	return nil
}
