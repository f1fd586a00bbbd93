package circuittest

import (
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs"
	"github.com/consensys/gnark/frontend/cs/r1cs"

	"github.com/attestlog/attestlog/prover/gadget"
)

// Solve tells whether an assignment satisfies a constraint system: nil if it does.
// The challenge is what a prover can't choose: a hash of all that is committed to.
// It panics where an input has no value.
func Solve(ccs constraint.ConstraintSystem, assignment frontend.Circuit, opts ...solver.Option) error {
	w, err := frontend.NewWitness(assignment, ecc.BN254.ScalarField())
	if err != nil {
		panic(err) // an input is missing: the test is wrong
	}
	challenge := solver.OverrideHint(solver.GetHintID(cs.Bsb22CommitmentComputePlaceholder), func(field *big.Int, in, out []*big.Int) error {
		h := sha256.New()
		for _, v := range in {
			h.Write(v.FillBytes(make([]byte, fr.Bytes)))
		}
		out[0].Mod(new(big.Int).SetBytes(h.Sum(nil)), field)
		return nil
	})
	return ccs.IsSolved(w, append([]solver.Option{solver.WithHints(gadget.Hints()...), challenge}, opts...)...)
}

// weakened is a circuit in which one group may be weakened. Its inputs are the
// circuit's, in their order, so that its witness is one of the real system too.
type weakened[C, G any] struct {
	Circuit C
	define  func(frontend.API, *C) error
}

func (w *weakened[C, G]) Define(api frontend.API) error { return w.define(api, &w.Circuit) }

// weakened is the circuit with the given inputs. Without weaken it is the sound one.
func (c *Circuit[C, G]) weakened(inputs *C, weaken func(*G)) *weakened[C, G] {
	return &weakened[C, G]{Circuit: *inputs, define: func(api frontend.API, inputs *C) error {
		g := c.Sound()
		if weaken != nil {
			weaken(&g)
		}
		return c.Define(api, inputs, g)
	}}
}

// compile compiles without the checks of a production circuit, which a weakened one
// need not pass.
func compile(t testing.TB, c frontend.Circuit) constraint.ConstraintSystem {
	t.Helper()
	ccs, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, c)
	if err != nil {
		t.Fatal(err)
	}
	return ccs
}
