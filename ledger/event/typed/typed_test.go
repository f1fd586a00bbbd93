package typed_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/typed"
)

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func TestSubmissionMayBeTypedByHand(t *testing.T) {
	s := event.Submission{Envelope: event.Sign([]byte("{}"), key)}
	b, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	loose := bytes.ReplaceAll(b, []byte(`,"payloadType"`), []byte(",\n  \"payloadType\""))
	got, err := typed.Submission(loose)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := event.DecodeSubmission(loose); err == nil {
		t.Error("the strict reader takes it, too")
	}
	if again, _ := got.Encode(); !bytes.Equal(again, b) {
		t.Errorf("got %s, want %s", again, b)
	}
	for name, bad := range map[string]string{
		"not JSON":       "{",
		"repeated":       `{"envelope":{},"envelope":{}}`,
		"unknown":        string(bytes.Replace(b, []byte(`{"envelope"`), []byte(`{"x":1,"envelope"`), 1)),
		"missing":        `{}`,
		"two signatures": string(bytes.Replace(b, []byte(`}]}`), []byte(`},{"keyid":"","sig":""}]}`), 1)),
	} {
		if _, err := typed.Submission([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzSubmission: what is read has one canonical form, which both readers take, and the strict one no other.
func FuzzSubmission(f *testing.F) {
	f.Add([]byte(`{ "envelope": {"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"","sig":""}]}}`))
	for _, s := range []event.Submission{
		{Envelope: event.Sign([]byte("{}"), key)},
		{Envelope: event.Sign([]byte("{}"), key), Witness: []byte("age-encryption.org/v1\n")},
		{Envelope: event.Sign([]byte("{}"), key), Proof: []byte{1}, Witness: []byte{2}},
	} {
		if b, err := s.Encode(); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := typed.Submission(b)
		if err != nil {
			return
		}
		canonical, err := s.Encode()
		if err != nil {
			t.Fatalf("it decodes but does not encode: %v", err)
		}
		again, err := event.DecodeSubmission(canonical)
		if err != nil {
			t.Fatalf("its canonical form does not decode: %v", err)
		}
		if twice, _ := again.Encode(); !bytes.Equal(twice, canonical) {
			t.Fatal("the canonical form is not stable")
		}
		if _, err := event.DecodeSubmission(b); err == nil && !bytes.Equal(b, canonical) {
			t.Fatal("the strict reader takes another form")
		}
	})
}
