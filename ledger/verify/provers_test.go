package verify_test

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

const (
	recipientA = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
	recipientB = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"
)

// prover is register for a prover that witnesses are sealed to.
func (h *history) prover(source string, key byte, recipient string) *event.SourceClaims {
	c := h.register(source, key, event.RoleProver)
	c.Recipient = recipient
	c.Consent = ed25519.Sign(keyOf(key), event.ConsentMessage(origin, source, c.Key, nil, recipient))
	return c
}

// A recipient stands in the log only with the word of the prover that it is for: otherwise an operator could have witnesses sealed to
// himself under a prover's name.
func TestRecipientNeedsConsent(t *testing.T) {
	h := newHistory(t)
	swapped := h.prover("p/1", 'p', recipientA)
	swapped.Recipient = recipientB
	h.refused(verify.RuleSignature, "op/1", 'o', swapped)
	added := h.register("p/1", 'p', event.RoleProver)
	added.Recipient = recipientA
	h.refused(verify.RuleSignature, "op/1", 'o', added)
	left := h.prover("p/1", 'p', recipientA)
	left.Recipient = ""
	h.refused(verify.RuleSignature, "op/1", 'o', left)
	h.must("op/1", 'o', h.prover("p/1", 'p', recipientA))
	if s, _ := h.r.Source("p/1"); s.Recipient != recipientA {
		t.Errorf("the recipient of p/1 is %q", s.Recipient)
	}
}

// Witnesses are sealed to those who are live, and to nobody else.
func TestProvers(t *testing.T) {
	h := newHistory(t)
	want := func(names ...string) {
		t.Helper()
		var got []string
		for _, s := range h.r.Provers() {
			got = append(got, s.Name)
		}
		if !slices.Equal(got, names) {
			t.Errorf("the provers are %q, want %q", got, names)
		}
	}
	want()
	h.must("op/1", 'o', h.register("plain/1", 'q', event.RoleProver)) // without a recipient
	h.must("op/1", 'o', h.register("a/1", 'a', event.RoleService))
	want()
	h.must("op/1", 'o', h.prover("p/2", 'p', recipientA))
	h.must("op/1", 'o', h.prover("p/1", 'r', recipientB))
	want("p/2", "p/1")
	before := h.r.Clone()
	h.must("p/2", 'p', h.revoke("p/2", 'p', 0))
	want("p/1")
	h.must("p/1", 'r', h.rotate("p/1", 's'))
	want("p/1")
	h.must("op/1", 'o', h.rotate("p/2", 't')) // another key doesn't bring it back: whoever stole the first may have its identity
	want("p/1")
	if n := len(before.Provers()); n != 2 {
		t.Errorf("a clone from before has %d provers, want 2", n)
	}
}
