package dataaccess

import (
	"testing"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
)

// A real proof of the small class verifies, and with any one public input changed it doesn't.
func TestEachPublicInputCounts(t *testing.T) {
	s, err := statement.ByName("data-access-16")
	if err != nil {
		t.Fatal(err)
	}
	k := keytest.Keys(t, s.Name, func() (constraint.ConstraintSystem, error) { return Compile(16) })
	w, p, err := Sample(16)
	if err != nil {
		t.Fatal(err)
	}
	assignment, err := Assign(16, w, p)
	if err != nil {
		t.Fatal(err)
	}
	circuittest.EachPublicInputCounts(t, k, assignment, p.Elements(), s.Inputs)
}

// Without bindPublic a proof verifies for any event.
func TestUnboundContext(t *testing.T) {
	a := reads(t, data(t, 1), 4)
	list, err := a.w.Accesses(1, mask)
	if err != nil {
		t.Fatal(err)
	}
	a.p.Accesses = list
	assignment, err := Assign(1, a.w, a.p)
	if err != nil {
		t.Fatal(err)
	}
	underAttack.UnboundContext(t, New(1), assignment)
}
