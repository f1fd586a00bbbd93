package gadget

import (
	"errors"
	"fmt"
	"strings"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
)

// ErrUnconstrained says that some wire of a circuit stands in no constraint, so that a prover may give it any value.
var ErrUnconstrained = errors.New("the circuit is unsound")

// Compile turns a circuit into its constraint system over BN254, and refuses it if
// any wire is unconstrained, whatever the options. gnark 0.16.1 has a check of that
// name, but it does nothing.
func Compile(circuit frontend.Circuit, options ...frontend.CompileOption) (constraint.ConstraintSystem, error) {
	ccs, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, circuit, options...)
	if err == nil {
		err = CheckConstrained(ccs)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't compile the circuit: %w", err)
	}
	return ccs, nil
}

// CheckConstrained wraps [ErrUnconstrained] if any wire stands in no constraint (see [BindPublic] for
// what that means for a public input).
func CheckConstrained(ccs constraint.ConstraintSystem) error {
	loose, err := Unconstrained(ccs)
	if err != nil {
		return err
	}
	if len(loose) > 0 {
		return fmt.Errorf("%w: %d of its wires are unconstrained, among them %s", ErrUnconstrained, len(loose), strings.Join(loose[:min(len(loose), 8)], ", "))
	}
	return nil
}

// Unconstrained names the wires of a constraint system that stand in none of its
// constraints with a coefficient other than zero.
func Unconstrained(ccs constraint.ConstraintSystem) ([]string, error) {
	system, ok := ccs.(constraint.R1CS[constraint.U64])
	if !ok {
		return nil, fmt.Errorf("a %T is no rank-1 constraint system", ccs)
	}
	public, secret, internal := ccs.GetNbPublicVariables(), ccs.GetNbSecretVariables(), ccs.GetNbInternalVariables()
	seen := make([]bool, public+secret+internal)
	seen[0] = true // the constant one
	mark := func(l constraint.LinearExpression) {
		for _, t := range l {
			if t.CoeffID() != constraint.CoeffIdZero {
				seen[t.WireID()] = true
			}
		}
	}
	it := system.GetR1CIterator()
	for c := it.Next(); c != nil; c = it.Next() {
		mark(c.L)
		mark(c.R)
		mark(c.O)
	}
	var loose []string
	for wire, ok := range seen {
		switch {
		case ok:
		case wire < public+secret:
			loose = append(loose, system.VariableToString(wire))
		default:
			loose = append(loose, fmt.Sprintf("internal wire %d", wire))
		}
	}
	return loose, nil
}
