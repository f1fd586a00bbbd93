package circuittest

import (
	"context"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// EachPublicInputCounts makes a real proof with real keys (those of keytest), checks
// that its public inputs are the statement's, one for each name, that it verifies,
// and that it doesn't with any one of them changed, each in a subtest of that name.
// It returns the proof.
func EachPublicInputCounts(t *testing.T, k *keys.Keys, assignment frontend.Circuit, stated []event.Element, names []string) []byte {
	t.Helper()
	proof, public, err := k.Prove(context.Background(), assignment)
	if err != nil {
		t.Fatal(err)
	}
	if len(stated) != len(public) || len(names) != len(public) || k.VerifyingKey.NumPublic() != len(public) {
		t.Fatalf("%d inputs are named, %d stated, %d are in the proof, %d in the key", len(names), len(stated), len(public), k.VerifyingKey.NumPublic())
	}
	for i, e := range stated {
		if public[i] != e {
			t.Errorf("input %d is %s in the circuit, and %s in the statement", i, public[i], e)
		}
	}
	if err := zkverify.Verify(k.VerifyingKey, proof, public); err != nil {
		t.Fatalf("the proof doesn't verify: %v", err)
	}
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			changed := append(public[:0:0], public...)
			changed[i][31] ^= 1
			if zkverify.Verify(k.VerifyingKey, proof, changed) == nil {
				t.Error("the proof verifies for another value")
			}
		})
	}
	return proof
}

// UnboundContext attacks the group that nothing but the context depends on: without
// it a proof verifies for any event, by another event's context. Three guards stop
// such a circuit. shape is the circuit without an assignment, honest a true one of
// the same size; a small size will do.
func (c *Circuit[C, G]) UnboundContext(t *testing.T, shape, honest *C) {
	t.Helper()
	ccs := compile(t, c.weakened(shape, c.Unbind))
	pk, vk, err := groth16.Setup(ccs)
	if err != nil {
		t.Fatal(err)
	}
	field := ecc.BN254.ScalarField()
	full, err := frontend.NewWitness(c.weakened(honest, nil), field)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := groth16.Prove(ccs, pk, full, backend.WithSolverOptions(solver.WithHints(gadget.Hints()...)))
	if err != nil {
		t.Fatal(err)
	}
	*c.Context(honest) = 12345 // another event's
	other, err := frontend.NewWitness(c.weakened(honest, nil), field, frontend.PublicOnly())
	if err != nil {
		t.Fatal(err)
	}
	if err := groth16.Verify(proof, vk, other); err != nil {
		t.Errorf("the attack fails even without the group, so that it proves nothing: %v", err)
	}

	// The guards: the circuit doesn't compile, its keys aren't set up, and its verifying key isn't taken.
	if loose, err := gadget.Unconstrained(ccs); err != nil || len(loose) != 1 || loose[0] != "Circuit_Context" {
		t.Errorf("unconstrained wires: %v, %v", loose, err)
	}
	if _, err := keys.Setup(context.Background(), ccs, nil); err == nil {
		t.Error("keys are set up")
	}
	if _, err := keys.FromGnarkVK(vk); err == nil {
		t.Error("the verifying key is taken")
	}
}
