package anonymization

import (
	"testing"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
)

// A real proof of the small class verifies, and with any one public input changed it doesn't.
func TestEachPublicInputCounts(t *testing.T) {
	s, err := statement.ByName("anonymization-128")
	if err != nil {
		t.Fatal(err)
	}
	k := keytest.Keys(t, s.Name, func() (constraint.ConstraintSystem, error) { return Compile(128) })
	w, p, err := Sample(128)
	if err != nil {
		t.Fatal(err)
	}
	assignment, err := Assign(128, w, p)
	if err != nil {
		t.Fatal(err)
	}
	circuittest.EachPublicInputCounts(t, k, assignment, p.Elements(), s.Inputs)
}

// Without bindPublic a proof would serve any event.
func TestUnboundContext(t *testing.T) {
	w, p, err := Sample(4)
	if err != nil {
		t.Fatal(err)
	}
	assignment, err := Assign(4, w, p)
	if err != nil {
		t.Fatal(err)
	}
	underAttack.UnboundContext(t, New(4), assignment)
}
