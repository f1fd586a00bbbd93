package worker_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/attestlog/attestlog/ledger/event"
)

// A worker that isn't the one that the log has registered doesn't begin.
func TestCheck(t *testing.T) {
	w := startLive(t)
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keyLetters["plain/1"], keyLetters["gone/1"] = 'l', 'n'
	w.register("plain/1", event.RoleProver, "")
	w.register("gone/1", event.RoleProver, w.identity.Recipient().String())
	w.say("gone/1", &event.SourceClaims{Action: event.SourceRevoke, Source: "gone/1", Key: keyOf('n').Public().(ed25519.PublicKey)}, nil)
	c := w.client()
	for _, tc := range []struct {
		name     string
		key      byte
		identity *age.X25519Identity
		want     string // in the error; empty: none
	}{
		{"prover/1", 'p', w.identity, ""},
		{"prover/1", 'p', other, "the identity at hand is that of " + other.Recipient().String()},
		{"prover/1", 'q', w.identity, "the key at hand"},
		{"service/1", 's', w.identity, "it is registered as service"},
		{"plain/1", 'l', w.identity, "without a recipient"},
		{"gone/1", 'n', w.identity, "its key was revoked"},
		{"nobody/1", 'p', w.identity, "no such source"},
	} {
		self, err := c.Check(t.Context(), tc.name, keyOf(tc.key), tc.identity)
		if tc.want == "" {
			if err != nil || self.Name != tc.name || self.Registered != 2 {
				t.Errorf("%s: %+v, %v", tc.name, self, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s with the key %c: %v, want %q", tc.name, tc.key, err, tc.want)
		}
	}
	// A key that came by rotation is as good.
	rotated := keyOf('x').Public().(ed25519.PublicKey)
	w.say("prover/2", &event.SourceClaims{Action: event.SourceRotate, Source: "prover/2", Key: rotated,
		Consent: ed25519.Sign(keyOf('x'), event.ConsentMessage(origin, "prover/2", rotated, nil, ""))}, nil)
	if _, err := c.Check(t.Context(), "prover/2", keyOf('x'), w.identity); err != nil {
		t.Errorf("with a rotated key: %v", err)
	}
	if _, err := c.Check(t.Context(), "prover/2", keyOf('q'), w.identity); err == nil {
		t.Error("with the key from before the rotation")
	}
}
