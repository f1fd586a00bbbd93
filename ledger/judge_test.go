package ledger

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// A leaf that is stamped is the leaf that package event encodes.
func TestStamp(t *testing.T) {
	for name, sub := range map[string]event.Submission{
		"claim":  {Envelope: event.Envelope{Payload: []byte("{}")}},
		"proven": {Envelope: event.Envelope{Payload: bytes.Repeat([]byte("x"), 40000), KeyID: event.Digest{1}}, Proof: bytes.Repeat([]byte{7}, 128)},
	} {
		body, err := sub.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, logged := range []int64{0, 1700000000123, 253402300799999} {
			leaf := event.Leaf{Submission: sub, Logged: logged}
			want, err := leaf.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if got := stamp(body, logged); !bytes.Equal(got, want) || len(got) > len(body)+stampSize {
				t.Errorf("%s at %d: %q, want %q", name, logged, got, want)
			}
		}
	}
}

// A stranger's registration costs no copy of the registry; the operator's gets one, and leaves the committed one alone.
func TestStrangersDontCopyTheRegistry(t *testing.T) {
	const origin = "log.example/test"
	key := func(letter byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{letter}, ed25519.SeedSize))
	}
	register := func(by, source string, signer, letter byte, role event.SourceRole) *candidate {
		public := key(letter).Public().(ed25519.PublicKey)
		e := &event.Event{Subject: event.Subject{Name: source}, Log: origin, Source: by, Seq: 1, Proof: event.ProofNone,
			Claims: &event.SourceClaims{Action: event.SourceRegister, Source: source, Role: role, Key: public,
				Consent: ed25519.Sign(key(letter), event.ConsentMessage(origin, source, public, nil, ""))}}
		payload, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		envelope := event.Sign(payload, key(signer))
		return &candidate{sub: &event.Submission{Envelope: envelope}, event: e, digest: envelope.Digest()}
	}
	registry := verify.NewRegistry(origin)
	founder := register("op/1", "op/1", 'o', 'o', event.RoleOperator)
	registry.Apply(0, founder.event, founder.sub.Envelope.KeyID)
	d := &door{origin: origin}
	if got := d.identifyInOrder(registry, 1, []*candidate{register("op/1", "a/1", 'x', 'a', event.RoleService)}); got != registry {
		t.Error("a stranger's event had the registry copied")
	}
	got := d.identifyInOrder(registry, 1, []*candidate{register("op/1", "a/1", 'o', 'a', event.RoleService)})
	if _, known := got.Source("a/1"); !known {
		t.Error("the operator's registration had no effect on the events after it")
	}
	if _, known := registry.Source("a/1"); known {
		t.Error("what is not committed changed the committed registry")
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(formatCursor(100, 7, true))
	f.Add(formatCursor(1, 1, false))
	f.Add("djEgMSAxIHRydWU")
	f.Fuzz(func(t *testing.T, s string) {
		for _, descending := range []bool{false, true} {
			size, at, ok := parseCursor(s, descending)
			if ok && (at < 1 || at > size || formatCursor(size, at, descending) != s) {
				t.Errorf("%q is read as %d of %d", s, at, size)
			}
		}
	})
}
