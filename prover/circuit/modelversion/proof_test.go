package modelversion

import (
	"context"
	"testing"

	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// A real proof verifies, and with any one public input changed it doesn't.
func TestEachPublicInputCounts(t *testing.T) {
	k := keytest.Keys(t, "model-version", Compile)
	w, p, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	assignment, err := Assign(w, p)
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
	names := []string{"context", "releases", "weights", "configuration", "predicates"}
	if len(names) != len(public) || k.VerifyingKey.NumPublic() != len(public) {
		t.Fatalf("%d inputs are named, %d are in the proof, %d in the key", len(names), len(public), k.VerifyingKey.NumPublic())
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
	t.Run("a false witness", func(t *testing.T) {
		if _, _, err := k.Prove(context.Background(), assign(t, serves(t, is("absent", "!=", 1)))); err == nil {
			t.Error("something false is proven")
		}
	})
}

// Without bindPublic a proof verifies for any event: another event's context. Three guards stop such a circuit.
func TestUnboundContext(t *testing.T) {
	ccs := compile(t, &weakened{attack: &attack{weaken: func(g *groups) { g.bind = func(frontend.API, *Circuit) {} }}})
	pk, vk, err := groth16.Setup(ccs)
	if err != nil {
		t.Fatal(err)
	}
	assignment := assign(t, serves(t, is("temperature", "=", 700)))
	full, err := frontend.NewWitness(&weakened{Circuit: *assignment}, field)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := groth16.Prove(ccs, pk, full)
	if err != nil {
		t.Fatal(err)
	}
	assignment.Context = 12345 // another event's
	other, err := frontend.NewWitness(&weakened{Circuit: *assignment}, field, frontend.PublicOnly())
	if err != nil {
		t.Fatal(err)
	}
	if err := groth16.Verify(proof, vk, other); err != nil {
		t.Errorf("the attack fails even without the group, so that it proves nothing: %v", err)
	}

	// The guards: the circuit doesn't compile, its keys aren't set up, and its verifying key isn't taken.
	if loose, err := gadget.Unconstrained(ccs); err != nil || len(loose) != 1 || loose[0] != "Context" {
		t.Errorf("unconstrained wires: %v, %v", loose, err)
	}
	if _, err := keys.Setup(context.Background(), ccs, nil); err == nil {
		t.Error("keys are set up")
	}
	if _, err := keys.FromGnarkVK(vk); err == nil {
		t.Error("the verifying key is taken")
	}
}
