package anonymization

import (
	"context"
	"testing"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// A real proof of the small class verifies, and with any one public input changed it doesn't.
func TestEachPublicInputCounts(t *testing.T) {
	k := keytest.Keys(t, "anonymization-128", func() (constraint.ConstraintSystem, error) { return Compile(128) })
	w, p, err := Sample(128)
	if err != nil {
		t.Fatal(err)
	}
	assignment, err := Assign(128, w, p)
	if err != nil {
		t.Fatal(err)
	}
	proof, public, err := k.Prove(context.Background(), assignment)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range p.Elements() {
		if public[i] != e {
			t.Errorf("input %d is %s in the circuit, and %s in the statement", i, public[i], e)
		}
	}
	if err := zkverify.Verify(k.VerifyingKey, proof, public); err != nil {
		t.Fatalf("the proof doesn't verify: %v", err)
	}
	s, err := statement.ByName("anonymization-128")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Inputs) != len(public) || k.VerifyingKey.NumPublic() != len(public) {
		t.Fatalf("%d inputs are named, %d are in the proof, %d in the key", len(s.Inputs), len(public), k.VerifyingKey.NumPublic())
	}
	for i, name := range s.Inputs {
		t.Run(name, func(t *testing.T) {
			changed := append(public[:0:0], public...)
			changed[i][31] ^= 1
			if zkverify.Verify(k.VerifyingKey, proof, changed) == nil {
				t.Error("the proof verifies for another value")
			}
		})
	}
}
