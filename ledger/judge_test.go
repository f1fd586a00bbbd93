package ledger

import (
	"bytes"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
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
