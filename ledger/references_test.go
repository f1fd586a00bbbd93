package ledger

import (
	"encoding/binary"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
)

// What is remembered of a data set is what would be computed, is computed once, and is no more than there is room for.
func TestDatasetsAreRemembered(t *testing.T) {
	s := &datasets{known: map[event.Digest]event.Element{}}
	claims := &event.DatasetClaims{Columns: []event.Column{{Name: "age", Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Max: 9}}}}, Rows: 3}
	want, err := statement.Dataset(claims)
	if err != nil {
		t.Fatal(err)
	}
	c := &candidate{datasets: s, refs: []resolved{{digest: event.Digest{1}, event: &event.Event{Claims: claims}}, {digest: event.Digest{2}, event: &event.Event{Claims: &event.ApprovalClaims{}}}}}
	for range 2 {
		if got, err := c.Dataset(event.Digest{1}); err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
		*claims = event.DatasetClaims{} // an entry never changes: the second time, nothing is computed
	}
	for _, unknown := range []event.Digest{{2}, {3}} { // no data set; not referred to
		if _, err := c.Dataset(unknown); err == nil {
			t.Errorf("event %s has a commitment", unknown)
		}
	}
	if _, err := s.commitment(event.Digest{4}, claims); err == nil || len(s.known) != 1 {
		t.Errorf("a data set without columns: %v, %d remembered", err, len(s.known))
	}
	*claims = event.DatasetClaims{Columns: []event.Column{{Name: "age"}}, Rows: 3}
	var d event.Digest
	for i := range uint64(maxReferred + 20) {
		binary.BigEndian.PutUint64(d[:], i)
		if _, err := s.commitment(d, claims); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.known) != maxReferred {
		t.Errorf("%d are remembered, want %d", len(s.known), maxReferred)
	}
}

// A served model's run, step and weights must belong together, whether that is proven or claimed.
func TestJudgeServedStep(t *testing.T) {
	run, weights := event.Digest{1}, event.Element{31: 2}
	for name, c := range map[string]struct {
		step  event.TrainingStepClaims
		check string
	}{
		"as claimed":    {event.TrainingStepClaims{Run: run, After: weights, Step: 3}, ""},
		"another run":   {event.TrainingStepClaims{Run: event.Digest{9}, After: weights}, "step"},
		"other weights": {event.TrainingStepClaims{Run: run, After: event.Element{}}, "weights"},
	} {
		claims := &event.ModelVersionClaims{Run: run, Step: event.Digest{2}, Weights: weights}
		ref := verify.Reference{Member: "step", Event: claims.Step, Kind: event.TrainingStep}
		r := judgeReference(claims, ref, &event.Event{Claims: &c.step})
		switch {
		case r == nil && c.check == "":
		case r == nil || r.Code != ClaimsOutOfRange || r.Check != c.check:
			t.Errorf("%s: got %v, want a refusal of %q", name, r, c.check)
		}
	}
}
