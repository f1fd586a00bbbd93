package trainingstep

import (
	"testing"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
)

// A real proof of the small class verifies, and with any one public input changed it doesn't.
func TestEachPublicInputCounts(t *testing.T) {
	s, err := statement.ByName("training-step-32x32")
	if err != nil {
		t.Fatal(err)
	}
	k := keytest.Keys(t, s.Name, func() (constraint.ConstraintSystem, error) { return Compile(s.Capacity, s.MaxColumns) })
	w, p, err := Sample(s.Capacity, s.MaxColumns)
	if err != nil {
		t.Fatal(err)
	}
	assignment, err := Assign(s.Capacity, s.MaxColumns, w, p)
	if err != nil {
		t.Fatal(err)
	}
	proof := circuittest.EachPublicInputCounts(t, k, assignment, p.Elements(), s.Inputs)
	if len(proof) != 192 {
		t.Errorf("the proof has %d bytes, not the 128 of a proof and 64 of a commitment", len(proof))
	}
}

// Without bindPublic a proof verifies for any event.
func TestUnboundContext(t *testing.T) {
	const rows, columns = 1, 15
	w, p, err := Sample(rows, columns)
	if err != nil {
		t.Fatal(err)
	}
	assignment, err := Assign(rows, columns, w, p)
	if err != nil {
		t.Fatal(err)
	}
	underAttack.UnboundContext(t, New(rows, columns), assignment)
}
