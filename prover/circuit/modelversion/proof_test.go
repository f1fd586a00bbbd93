package modelversion

import (
	"context"
	"testing"

	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/keys/keytest"
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
	names := []string{"context", "releases", "weights", "configuration", "predicates"}
	circuittest.EachPublicInputCounts(t, k, assignment, p.Elements(), names)
	t.Run("a false witness", func(t *testing.T) {
		if _, _, err := k.Prove(context.Background(), assign(t, serves(t, is("absent", "!=", 1)))); err == nil {
			t.Error("something false is proven")
		}
	})
}

// Without bindPublic a proof verifies for any event.
func TestUnboundContext(t *testing.T) {
	underAttack.UnboundContext(t, new(Circuit), assign(t, serves(t, is("temperature", "=", 700))))
}
