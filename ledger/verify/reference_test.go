package verify_test

import (
	"errors"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

func TestReferences(t *testing.T) {
	a, b, d := event.Digest{1}, event.Digest{2}, event.Digest{3}
	for name, c := range map[string]struct {
		claims event.Claims
		want   []verify.Reference
	}{
		"data-access":   {&event.DataAccessClaims{Dataset: a}, []verify.Reference{{Member: "dataset", Event: a, Kind: event.Dataset}}},
		"anonymization": {&event.AnonymizationClaims{Dataset: a, Released: b}, []verify.Reference{{Member: "dataset", Event: a, Kind: event.Dataset}, {Member: "released", Event: b, Kind: event.Dataset}}},
		"training-run":  {&event.TrainingRunClaims{Dataset: a}, []verify.Reference{{Member: "dataset", Event: a, Kind: event.Dataset}}},
		"training-step": {&event.TrainingStepClaims{Run: a}, []verify.Reference{{Member: "run", Event: a, Kind: event.TrainingRun}}},
		"model-version": {&event.ModelVersionClaims{Approval: a}, []verify.Reference{{Member: "approval", Event: a, Kind: event.Approval}}},
		"model-version-run": {&event.ModelVersionClaims{Approval: a, Run: b, Step: d}, []verify.Reference{
			{Member: "approval", Event: a, Kind: event.Approval}, {Member: "run", Event: b, Kind: event.TrainingRun}, {Member: "step", Event: d, Kind: event.TrainingStep}}},
		"custom": {&event.CustomClaims{Inputs: []event.Value{{Type: event.InputDigest, Digest: b}, {Type: event.InputDataset, Dataset: a}}},
			[]verify.Reference{{Member: "inputs", Event: a, Kind: event.Dataset}}},
		"attestation": {&event.AttestationClaims{Event: a}, []verify.Reference{{Member: "event", Event: a}}},
		"seal":        {&event.SealClaims{Policy: a}, []verify.Reference{{Member: "policy", Event: a, Kind: event.Policy}}},
		"erasure":     {&event.ErasureClaims{Event: a}, []verify.Reference{{Member: "event", Event: a}}},
		"approval":    {&event.ApprovalClaims{}, nil},
	} {
		got := verify.References(c.claims)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
			continue
		}
		for i, ref := range got {
			if ref != c.want[i] {
				t.Errorf("%s: got %v, want %v", name, ref, c.want[i])
			}
			var v *verify.Violation
			if err := ref.Judge(event.Policy); ref.Kind != 0 && ref.Kind != event.Policy && !errors.As(err, &v) {
				t.Errorf("%s: an event of the wrong kind may stand for %s: %v", name, ref.Member, err)
			}
			if err := ref.Judge(ref.Kind); ref.Kind != 0 && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
