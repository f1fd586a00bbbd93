package gadget_test

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
)

func TestPolesAreSumsOfInverses(t *testing.T) {
	in := append(random(5), numbers(0, 1, 70, 4095)...) // a point, four values or weights, and the constants' weights
	point, weights := in[0], in[5:]
	constants := make([]uint64, 70) // more than share a factor of the guard
	for i := range constants {
		constants[i] = uint64(3 * i)
	}
	pole := func(v fr.Element) (e fr.Element) { return *e.Inverse(e.Sub(&point, &v)) }
	var poles, weighted, known fr.Element
	for i := 1; i < 5; i++ {
		p := pole(in[i])
		poles.Add(&poles, &p)
		p.Mul(&p, &weights[i-1])
		weighted.Add(&weighted, &p)
	}
	for i, c := range constants {
		p := pole(numbers(int64(c))[0])
		p.Mul(&p, &weights[i%4])
		known.Add(&known, &p)
	}
	run := func(api frontend.API, in []frontend.Variable) []frontend.Variable {
		all := make([]frontend.Variable, len(constants))
		for i := range all {
			all[i] = in[5+i%4]
		}
		return []frontend.Variable{
			gadget.Poles(api, in[0], in[1:5]), gadget.WeightedPoles(api, in[0], in[1:5], in[5:]), gadget.ConstantPoles(api, in[0], constants, all),
		}
	}
	n, err := check(t, run, in, []fr.Element{poles, weighted, known})
	if err != nil {
		t.Error(err)
	}
	if want := 4 + 8 + (70 + 63 + 1 + 1) + 3; n != want { // powers, the product of two factors and its inverse
		t.Errorf("they cost %d constraints, want %d", n, want)
	}
	if _, err := check(t, run, in, []fr.Element{poles, known, weighted}); err == nil {
		t.Error("other sums are accepted")
	}
	in[0] = numbers(3 * 69)[0]
	if _, err := check(t, run, in, []fr.Element{poles, weighted, known}); err == nil {
		t.Error("a point that is one of the constants is accepted: 0/0")
	}
}

func TestProducts(t *testing.T) {
	run := func(api frontend.API, in []frontend.Variable) []frontend.Variable {
		p := gadget.NewProducts(api)
		p.Assert(api.Add(in[0], 1), api.Sub(in[1], in[0]), api.Mul(in[2], 3))
		p.Assert(in[0], in[3], 0)
		return in[:1]
	}
	for _, c := range []struct {
		in []int64
		ok bool
	}{
		{[]int64{2, 7, 5, 0}, true},
		{[]int64{0, 15, 5, 9}, true},
		{[]int64{2, 7, 6, 0}, false},
		{[]int64{2, 7, 5, 1}, false},
	} {
		n, err := check(t, run, numbers(c.in...), numbers(c.in[0]))
		if (err == nil) != c.ok {
			t.Errorf("%v: %v", c.in, err)
		}
		if n != 3 { // and the comparison of the output
			t.Errorf("two products cost %d constraints, want 2", n-1)
		}
	}
}

// looked looks one number up in a table of constants.
type looked struct {
	Value  frontend.Variable
	Public frontend.Variable `gnark:",public"`
	Counts [4]frontend.Variable
}

func (c *looked) Define(api frontend.API) error {
	gadget.BindPublic(api, c.Public)
	x, y := gadget.Challenges(api, gadget.NewHasher(api), append(c.Counts[:], c.Value))
	api.AssertIsDifferent(x, y)
	api.AssertIsEqual(gadget.Poles(api, x, []frontend.Variable{c.Value}), gadget.ConstantPoles(api, x, []uint64{2, 3, 5, 7}, c.Counts[:]))
	return nil
}

func TestChallengesCommit(t *testing.T) {
	ccs, err := gadget.Compile(&looked{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(ccs.GetCommitments().CommitmentIndexes()); n != 1 {
		t.Errorf("there are %d commitments, want 1", n)
	}
}
