package gadget_test

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/std/math/bits"
	"github.com/consensys/gnark/test"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
)

var field = ecc.BN254.ScalarField()

// circuit runs a function over inputs and compares the outputs.
type circuit struct {
	In  []frontend.Variable
	Out []frontend.Variable
	run func(api frontend.API, in []frontend.Variable) []frontend.Variable
}

func (c *circuit) Define(api frontend.API) error {
	for i, out := range c.run(api, c.In) {
		api.AssertIsEqual(out, c.Out[i])
	}
	return nil
}

// check solves the circuit with a real constraint system and says how many constraints it has.
func check(t *testing.T, run func(api frontend.API, in []frontend.Variable) []frontend.Variable, in, out []fr.Element) (constraints int, err error) {
	t.Helper()
	shape := &circuit{In: make([]frontend.Variable, len(in)), Out: make([]frontend.Variable, len(out)), run: run}
	ccs, err := frontend.Compile(field, r1cs.NewBuilder, shape)
	if err != nil {
		t.Fatal(err)
	}
	values := &circuit{In: make([]frontend.Variable, len(in)), Out: make([]frontend.Variable, len(out))}
	for i := range in {
		values.In[i] = in[i]
	}
	for i := range out {
		values.Out[i] = out[i]
	}
	w, err := frontend.NewWitness(values, field)
	if err != nil {
		t.Fatal(err)
	}
	return ccs.GetNbConstraints(), ccs.IsSolved(w)
}

func random(n int) []fr.Element {
	e := make([]fr.Element, n)
	for i := range e {
		e[i].MustSetRandom()
	}
	return e
}

func numbers(n ...int64) []fr.Element {
	e := make([]fr.Element, len(n))
	for i := range e {
		e[i].SetInt64(n[i])
	}
	return e
}

func TestPermutationIsItsTwin(t *testing.T) {
	for width, constraints := range map[int]int{2: 216, 3: 240, 4: 264, 8: 363, 16: 555} {
		in := random(width)
		out := append([]fr.Element(nil), in...)
		poseidon.Permute(out)
		n, err := check(t, func(api frontend.API, in []frontend.Variable) []frontend.Variable {
			state := append([]frontend.Variable(nil), in...)
			gadget.NewPermutation(api, width).Permute(state)
			return state
		}, in, out)
		if err != nil {
			t.Errorf("width %d: %v", width, err)
		}
		if n != constraints+width { // one more for each comparison
			t.Errorf("width %d costs %d constraints, want %d", width, n-width, constraints)
		}
	}
}

func TestSumIsItsTwin(t *testing.T) {
	for _, n := range []int{1, 14, 15, 16, 30, 31} { // the hash of nothing is a constant, which the vectors have
		in := random(n + 1) // one is left out of the hash, so that there is an input
		out := []fr.Element{poseidon.Sum(poseidon.Block, in[:n]...)}
		run := func(api frontend.API, in []frontend.Variable) []frontend.Variable {
			h := gadget.NewHasher(api)
			gadget.BindPublic(api, in[n])
			return []frontend.Variable{h.Sum(poseidon.Block, in[:n]...)}
		}
		if _, err := check(t, run, in, out); err != nil {
			t.Errorf("%d elements: %v", n, err)
		}
		if _, err := check(t, run, in, random(1)); err == nil {
			t.Errorf("%d elements: another hash is accepted", n)
		}
	}
}

func TestClimbIsItsTwin(t *testing.T) {
	const levels = 2
	for position := range int64(16) {
		in := random(1 + 3*levels)
		node := in[0]
		for level, p := 0, int(position); level < levels; level, p = level+1, p/4 {
			s := in[1+3*level:]
			node = poseidon.Node([][4]fr.Element{
				{node, s[0], s[1], s[2]},
				{s[0], node, s[1], s[2]},
				{s[1], s[2], node, s[0]},
				{s[1], s[2], s[0], node},
			}[p%4])
		}
		n, err := check(t, func(api frontend.API, in []frontend.Variable) []frontend.Variable {
			h := gadget.NewHasher(api)
			siblings := make([][3]frontend.Variable, levels)
			for l := range siblings {
				siblings[l] = [3]frontend.Variable(in[1+3*l : 4+3*l])
			}
			return []frontend.Variable{h.Climb(in[0], siblings, gadget.Bits(api, in[1+3*levels], 2*levels))}
		}, append(in, numbers(position)...), []fr.Element{node})
		if err != nil {
			t.Errorf("position %d: %v", position, err)
		}
		if want := levels*267 + 2*levels + 1 + 1; n != want {
			t.Errorf("climbing %d levels costs %d constraints, want %d", levels, n, want)
		}
	}
}

func TestRootIsItsTwin(t *testing.T) {
	in := random(16)
	var parents [4]fr.Element
	for i := range parents {
		parents[i] = poseidon.Node([4]fr.Element(in[4*i:]))
	}
	n, err := check(t, func(api frontend.API, in []frontend.Variable) []frontend.Variable {
		h := gadget.NewHasher(api)
		return []frontend.Variable{h.Root(in)}
	}, in, []fr.Element{poseidon.Node(parents)})
	if err != nil || n != 5*264+1 {
		t.Errorf("16 nodes: %d constraints, %v", n, err)
	}
}

func TestBits(t *testing.T) {
	wrapped := new(big.Int).Sub(field, big.NewInt(1))
	for _, c := range []struct {
		name string
		v    *big.Int
		ok   bool
	}{
		{"zero", big.NewInt(0), true},
		{"largest", big.NewInt(1<<20 - 1), true},
		{"one too large", big.NewInt(1 << 20), false},
		{"minus one", wrapped, false},
	} {
		var v fr.Element
		v.SetBigInt(c.v)
		_, err := check(t, func(api frontend.API, in []frontend.Variable) []frontend.Variable {
			return []frontend.Variable{gadget.Sum(api, gadget.Bits(api, in[0], 20))}
		}, []fr.Element{v}, []fr.Element{v})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestBitsAreBinary(t *testing.T) {
	// A malicious prover writes 1 as the digits (3, −1): the sum is right.
	forge := func(_ *big.Int, _, out []*big.Int) error {
		out[0].SetInt64(3)
		out[1].Sub(field, big.NewInt(1))
		return nil
	}
	solve := func(checked bool) error {
		return test.IsSolved(&digitsCircuit{checked: checked}, &digitsCircuit{In: 1}, field, test.WithReplacementHint(solver.GetHintID(bits.GetHints()[1]), forge))
	}
	if err := solve(false); err != nil {
		t.Errorf("the forgery doesn't even convince Digits: %v", err)
	}
	if solve(true) == nil {
		t.Error("Bits accepts digits that are not binary")
	}
}

// digitsCircuit writes its input in two digits, with or without the proof that they are binary.
type digitsCircuit struct {
	In      frontend.Variable
	checked bool
}

func (c *digitsCircuit) Define(api frontend.API) error {
	if c.checked {
		gadget.Bits(api, c.In, 2)
	} else {
		gadget.Digits(api, c.In, 2)
	}
	return nil
}

func TestAssertImplies(t *testing.T) {
	run := func(api frontend.API, in []frontend.Variable) []frontend.Variable {
		api.AssertIsBoolean(in[0])
		gadget.AssertImplies(api, in[0], in[1])
		return in[:1]
	}
	for _, c := range []struct {
		condition, digit int64
		ok               bool
	}{{0, 0, true}, {0, 1, true}, {1, 1, true}, {1, 0, false}, {0, 2, false}, {1, 2, false}, {0, -1, false}} {
		n, err := check(t, run, numbers(c.condition, c.digit), numbers(c.condition))
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
		if n != 3 { // boolean, implication, comparison of the output
			t.Errorf("an implication costs %d constraints, want 1", n-2)
		}
	}
}

func TestMux(t *testing.T) {
	values := random(8)
	for i, want := range values {
		in := append(append([]fr.Element(nil), values...), numbers(int64(i))...)
		n, err := check(t, func(api frontend.API, in []frontend.Variable) []frontend.Variable {
			return []frontend.Variable{gadget.Mux(api, gadget.Bits(api, in[8], 3), in[:8])}
		}, in, []fr.Element{want})
		if err != nil {
			t.Errorf("value %d: %v", i, err)
		}
		if n != 7+4+1 {
			t.Errorf("a mux of 8 costs %d constraints, want 7", n-5)
		}
	}
}

func TestPack(t *testing.T) {
	in := numbers(1, 65535, 258)
	var want fr.Element
	want.SetBigInt(new(big.Int).SetBytes([]byte{1, 2, 255, 255, 0, 1}))
	if _, err := check(t, func(api frontend.API, in []frontend.Variable) []frontend.Variable {
		return []frontend.Variable{gadget.Pack(api, in, 16)}
	}, in, []fr.Element{want}); err != nil {
		t.Error(err)
	}
}
