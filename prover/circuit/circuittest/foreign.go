package circuittest

import (
	"math/big"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
)

// Foreign stands for a circuit that attestlog doesn't have, whose verifying key is imported: behind ctx it has values, of which the
// first is the square of a secret, and the others mean nothing.
type Foreign struct {
	Root   frontend.Variable
	Public []frontend.Variable `gnark:",public"`
}

// Define implements frontend.Circuit.
func (c *Foreign) Define(api frontend.API) error {
	gadget.BindPublic(api, c.Public...)
	api.AssertIsEqual(api.Mul(c.Root, c.Root), c.Public[1])
	return nil
}

// CompileForeign compiles it for so many public inputs, ctx included.
func CompileForeign(inputs int) (constraint.ConstraintSystem, error) {
	return gadget.Compile(&Foreign{Public: make([]frontend.Variable, inputs)})
}

// AssignForeign assigns public inputs and the root of the second one.
func AssignForeign(root int64, public []event.Element) *Foreign {
	c := &Foreign{Root: root}
	for _, e := range public {
		c.Public = append(c.Public, new(big.Int).SetBytes(e[:]))
	}
	return c
}
