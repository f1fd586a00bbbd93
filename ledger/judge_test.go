package ledger

import (
	"bytes"
	"slices"
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

// The operator's side looks for the same references as the auditor's, whatever the kind.
func TestReferencesAreTheAuditors(t *testing.T) {
	a, b := event.Digest{1}, event.Digest{2}
	filled := map[event.Kind][]event.Claims{
		event.DataAccess:    {&event.DataAccessClaims{Dataset: a}},
		event.Anonymization: {&event.AnonymizationClaims{Dataset: a, Released: b}},
		event.TrainingRun:   {&event.TrainingRunClaims{Dataset: a}},
		event.TrainingStep:  {&event.TrainingStepClaims{Run: a}},
		event.ModelVersion:  {&event.ModelVersionClaims{Approval: a}, &event.ModelVersionClaims{Approval: a, Run: b}},
		event.Attestation:   {&event.AttestationClaims{Event: a}},
		event.Seal:          {&event.SealClaims{Policy: a}},
		event.Erasure:       {&event.ErasureClaims{Event: a}},
	}
	for _, kind := range event.Kinds() {
		for _, claims := range append(filled[kind], kind.NewClaims()) {
			var got []event.Digest
			for _, ref := range references(nil, claims) {
				got = append(got, ref.digest)
			}
			if want := verify.References(&event.Event{Claims: claims}); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", kind, got, want)
			}
		}
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
