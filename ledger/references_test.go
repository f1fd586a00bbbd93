package ledger

import (
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

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
