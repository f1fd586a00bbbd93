package circuit_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// several resolve events.
type several map[event.Digest]*event.Event

func (s several) Event(d event.Digest) (*event.Event, error) {
	if e, ok := s[d]; ok {
		return e, nil
	}
	return nil, fmt.Errorf("no event %s", d)
}

// From claims to assignment, with the run stated and withheld: one circuit takes both.
func TestAssignModelVersion(t *testing.T) {
	c, err := circuit.ByName("model-version")
	if err != nil {
		t.Fatal(err)
	}
	ccs, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	approval, err := statement.Approve([]statement.ModelRelease{{Weights: event.Element{31: 1}, Salt: table.Salt{1}}, {Weights: event.Element{31: 2}, Salt: table.Salt{2}}})
	if err != nil {
		t.Fatal(err)
	}
	release, err := approval.Find(event.Element{31: 2})
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := statement.NewConfiguration(table.Salt{3}, statement.Setting{Key: "temperature", Value: 700})
	if err != nil {
		t.Fatal(err)
	}
	run, step := event.Digest{2}, event.Digest{3}
	refs := several{
		{1}:  {Claims: approval.Claims()},
		run:  {Claims: &event.TrainingRunClaims{}},
		step: {Claims: &event.TrainingStepClaims{Run: run, Step: 20, After: event.Element{31: 2}}},
	}
	w := &statement.ModelVersionWitness{Release: release, Configuration: configuration}
	claims := &event.ModelVersionClaims{Approval: event.Digest{1}, Predicates: []event.Predicate{{Key: "temperature", Comparison: "<=", Bounds: []int64{1000}}}, Version: "1"}
	e := &event.Event{Log: "log.example", Proof: event.ProofInline, Statement: event.Digest{7}, Claims: claims}
	for _, withheld := range []bool{false, true} {
		w.StateRun(claims, run, step)
		if withheld {
			if err := w.WithholdRun(claims, table.Salt{4}); err != nil {
				t.Fatal(err)
			}
		}
		assignment, err := c.Assign(w, e, event.Digest{9}, refs)
		if err != nil {
			t.Fatal(err)
		}
		full, err := frontend.NewWitness(assignment, ecc.BN254.ScalarField())
		if err != nil {
			t.Fatal(err)
		}
		if err := ccs.IsSolved(full); err != nil {
			t.Errorf("run withheld: %v: %v", withheld, err)
		}
	}
	claims.Predicates[0].Key = "top-k"
	_, err = c.Assign(w, e, event.Digest{9}, refs)
	var v *statement.Violation
	if !errors.Is(err, circuit.ErrFalse) || !errors.As(err, &v) || v.Rule != statement.RuleAbsent {
		t.Errorf("an absent key: got %v, want rule %s", err, statement.RuleAbsent)
	}
	claims.Predicates = nil
	claims.Run = run
	var r *statement.RangeError
	if _, err = c.Assign(w, e, event.Digest{9}, refs); !errors.As(err, &r) || r.Code != statement.NotTheModel {
		t.Errorf("a run without its step: got %v", err)
	}
}
