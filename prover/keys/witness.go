package keys

import (
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend/witness"
	cs "github.com/consensys/gnark/constraint/bn254"

	"github.com/attestlog/attestlog/ledger/event"
)

// publicInputs are the public inputs of a full witness.
func publicInputs(full witness.Witness) ([]event.Element, error) {
	public, err := full.Public()
	if err != nil {
		return nil, err
	}
	vector, ok := public.Vector().(fr.Vector)
	if !ok {
		return nil, fmt.Errorf("the witness is over another field than bn254's")
	}
	elements := make([]event.Element, len(vector))
	for i := range vector {
		elements[i] = vector[i].Bytes()
	}
	return elements, nil
}

// proveError keeps the values that gnark quotes in an error about a constraint
// out of it: they are the witness.
func proveError(err error) error {
	var unsatisfied *cs.UnsatisfiedConstraintError
	if errors.As(err, &unsatisfied) {
		return fmt.Errorf("couldn't prove: %w (constraint %d)", ErrUnsatisfied, unsatisfied.CID)
	}
	return fmt.Errorf("couldn't prove: %w", err)
}
