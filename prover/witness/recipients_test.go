package witness_test

import (
	"testing"

	"filippo.io/age"

	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
)

// Whoever has an identity that was sealed to opens it, and nobody is sealed to by a mistyped name.
func TestSealTo(t *testing.T) {
	one, two, other := identity(t), identity(t), identity(t)
	s, err := statement.ByName("model-version")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := witness.SealTo(sample(t, s), one.Recipient().String(), two.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []age.Identity{one, two} {
		if _, err := witness.Open(sealed, id); err != nil {
			t.Errorf("identity %d: %v", i, err)
		}
	}
	if _, err := witness.Open(sealed, other); err == nil {
		t.Error("an identity that was not sealed to opens it")
	}
	for _, wrong := range []string{"", "age1", other.String(), one.Recipient().String()[1:]} {
		if _, err := witness.SealTo(sample(t, s), one.Recipient().String(), wrong); err == nil {
			t.Errorf("sealed to %q", wrong)
		}
	}
	if _, err := witness.SealTo(sample(t, s)); err == nil {
		t.Error("sealed to nobody")
	}
}
