package simulate_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/zkverify"
	"github.com/attestlog/attestlog/prover/zkverify/simulate"
)

func setup(t testing.TB, seed string, public int) *simulate.Setup {
	t.Helper()
	s, err := simulate.New([]byte(seed), public)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Simulated proofs are proofs like any other: one by one and at once, for their own inputs alone.
func TestProve(t *testing.T) {
	s := setup(t, "a seed", 3)
	var items []zkverify.Item
	for i := range 70 {
		public := []event.Element{{31: byte(i)}, {30: 1}, {}}
		proof, err := s.Prove(public)
		if err != nil {
			t.Fatal(err)
		}
		if len(proof) != zkverify.ProofSize || i > 0 && bytes.Equal(proof, items[0].Proof) {
			t.Fatalf("proof %d has %d bytes, or is that of other inputs", i, len(proof))
		}
		items = append(items, zkverify.Item{VK: s.VerifyingKey(), Proof: proof, Public: public})
	}
	if err := zkverify.Verify(items[9].VK, items[9].Proof, items[9].Public); err != nil {
		t.Error(err)
	}
	items[11].Proof = items[12].Proof
	other := setup(t, "another seed", 3)
	if bytes.Equal(other.VerifyingKey().Bytes(), s.VerifyingKey().Bytes()) {
		t.Error("another seed gives the same keys")
	}
	items[40].VK = other.VerifyingKey()
	for i, err := range zkverify.VerifyBatch(items) {
		switch bad := i == 11 || i == 40; {
		case bad && !errors.Is(err, zkverify.ErrInvalid):
			t.Errorf("item %d: %v, want %v", i, err, zkverify.ErrInvalid)
		case !bad && err != nil:
			t.Errorf("item %d: %v", i, err)
		}
	}
}

func TestSameSeedSameKeys(t *testing.T) {
	a, b := setup(t, "a seed", 6), setup(t, "a seed", 6)
	if a.VerifyingKey().Digest() != b.VerifyingKey().Digest() {
		t.Error("the same seed gives other keys")
	}
}

func TestRefusals(t *testing.T) {
	s := setup(t, "a seed", 2)
	if _, err := s.Prove(make([]event.Element, 3)); err == nil {
		t.Error("one public input too many is proven")
	}
	if _, err := s.Prove([]event.Element{{0: 0xff}, {}}); err == nil {
		t.Error("a public input beyond r is proven")
	}
	if _, err := simulate.New(nil, 0); err == nil {
		t.Error("a statement without public inputs is set up")
	}
}
