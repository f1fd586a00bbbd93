package event_test

import (
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
)

// The entry itself says UNTRUSTED of keys that no ceremony made.
func TestSubjectOfKeys(t *testing.T) {
	for setup, untrusted := range map[event.Setup]bool{event.SetupOneParty: true, event.SetupImported: true, event.SetupCeremony: false} {
		c := &event.StatementClaims{Name: "model-version", Setup: setup, VerifyingKey: []byte{1, 2, 3}}
		s := c.Subject()
		if !strings.HasPrefix(s.Name, c.Name) || strings.Contains(s.Name, "UNTRUSTED") != untrusted || (s.Name == c.Name) == untrusted {
			t.Errorf("%s: the entry is about %q", setup, s.Name)
		}
		if s.Digest != event.DigestOf(c.VerifyingKey) {
			t.Errorf("%s: the entry is about %s", setup, s.Digest)
		}
	}
}
