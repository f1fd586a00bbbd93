package verify_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit/modelversion"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
)

// TestEvidenceOfAServedModel proves one model twice: once with its run stated, once with it withheld.
func TestEvidenceOfAServedModel(t *testing.T) {
	l, h := newPaperLog(t), &history{t: t}
	k := keytest.Keys(t, "model-version", modelversion.Compile)
	none := event.Digest{}
	l.write(l.draft("op/1", h.register("op/1", 'o', event.RoleOperator), none), 'o', nil)
	registered := theStatement()
	registered.Name, registered.Proves, registered.VerifyingKey = "model-version", event.ModelVersion, k.VerifyingKey.Bytes()
	l.write(l.draft("op/1", registered, none), 'o', nil)
	l.write(l.draft("op/1", h.register("bank/1", 'b', event.RoleController), none), 'o', nil)
	l.write(l.draft("op/1", h.register("gateway/1", 'g', event.RoleService), none), 'o', nil)

	made := event.Element{31: 7} // the commitment to the weights that training ended with
	data := l.write(l.draft("bank/1", smallDataset().claims, none), 'b', nil)
	run := l.write(l.draft("bank/1", &event.TrainingRunClaims{
		Batch: 32, Dataset: data, Features: []event.Feature{{Column: "age", Scale: 1}}, Label: event.Label{Column: "class", Positive: 1}, LearningRate: 1, Steps: 1,
	}, none), 'b', nil)
	step := l.write(l.draft("bank/1", &event.TrainingStepClaims{After: made, Run: run, Step: 1}, none), 'b', nil)
	approved, err := statement.Approve([]statement.ModelRelease{{Weights: event.Element{31: 6}, Salt: table.Salt{1}}, {Weights: made, Salt: table.Salt{2}}})
	if err != nil {
		t.Fatal(err)
	}
	approval := l.write(l.draft("bank/1", approved.Claims(), none), 'b', nil)
	release, err := approved.Find(made)
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := statement.NewConfiguration(table.Salt{3}, statement.Setting{Key: "temperature", Value: 700})
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name            string
		withheld        bool
		proven, trusted []string
		silent          string
	}{
		{"stated", false, []string{"are those after step 1 of the run " + run.String(), `"temperature" ≤ 1000; "temperature" in {1, 700}`, "approved"},
			[]string{"UNTRUSTED", "Training step 1", "declares what it serves"}, "its run is withheld"},
		{"withheld", true, []string{"its run is withheld", `"temperature" ≤ 1000`}, []string{"UNTRUSTED"}, made.String()},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &statement.ModelVersionWitness{Release: release, Configuration: configuration}
			claims := &event.ModelVersionClaims{Approval: approval, Version: "1.4.0", Predicates: []event.Predicate{
				{Key: "temperature", Comparison: "<=", Bounds: []int64{1000}}, {Key: "temperature", Comparison: "in", Bounds: []int64{1, 700}}}}
			w.StateRun(claims, run, step)
			if c.withheld {
				if err := w.WithholdRun(claims, table.Salt{4}); err != nil {
					t.Fatal(err)
				}
			}
			e := l.draft("gateway/1", claims, k.VerifyingKey.Digest())
			l.write(e, 'g', func(digest event.Digest) []byte {
				p, err := statement.DeriveModelVersion(claims, event.Context(e.Log, e.Statement, digest), written{approval: approved.Claims(),
					run: &event.TrainingRunClaims{}, step: &event.TrainingStepClaims{After: made, Run: run, Step: 1}})
				if err != nil {
					t.Fatal(err)
				}
				assignment, err := modelversion.Assign(w, p)
				if err != nil {
					t.Fatal(err)
				}
				proof, _, err := k.Prove(context.Background(), assignment)
				if err != nil {
					t.Fatal(err)
				}
				return proof
			})
			report, err := l.gather(int64(len(l.leaves)) - 1).Verify(l.key)
			if err != nil || report.Verdict != verify.Proven {
				t.Fatalf("%s, %v\n%+v", report.Verdict, err, report.Steps)
			}
			proven, trusted := strings.Join(report.Proven, "\n"), strings.Join(report.Trusted, "\n")
			for _, want := range c.proven {
				if !strings.Contains(proven, want) {
					t.Errorf("what is proven does not mention %q:\n%s", want, proven)
				}
			}
			for _, want := range c.trusted {
				if !strings.Contains(trusted, want) {
					t.Errorf("what stays trusted does not mention %q:\n%s", want, trusted)
				}
			}
			if strings.Contains(proven+trusted, c.silent) {
				t.Errorf("the report mentions %q:\n%s\n%s", c.silent, proven, trusted)
			}
		})
	}
}

// TestWhatIsOnlySaid verifies a training run and an approval, which have no proofs: the report says in words what they claim.
func TestWhatIsOnlySaid(t *testing.T) {
	l, h, none := newPaperLog(t), &history{t: t}, event.Digest{}
	l.write(l.draft("op/1", h.register("op/1", 'o', event.RoleOperator), none), 'o', nil)
	l.write(l.draft("op/1", h.register("bank/1", 'b', event.RoleController), none), 'o', nil)
	claims := new(*smallDataset().claims) // a copy: other tests have the same data set
	claims.Columns = append(slices.Clone(claims.Columns), event.Column{Name: "verdict", Role: event.RoleOther, Coding: event.Coding{Category: &event.CategoryCoding{Labels: []string{"bad", "good"}}}},
		event.Column{Name: "grade", Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Min: -5, Max: 5}}})
	data := l.write(l.draft("bank/1", claims, none), 'b', nil)
	for _, c := range []struct {
		claims event.Claims
		says   string
	}{
		{&event.TrainingRunClaims{Batch: 32, Dataset: data, Features: []event.Feature{{Column: "age", Scale: 1}}, Label: event.Label{Column: "verdict", Positive: 1},
			LearningRate: 32768, L2: 66, Steps: 20}, `on "German Credit", 32 rows a step, that predicts whether verdict is "good" from age, with the learning rate 0.5 and l2 0.0010071`},
		{&event.TrainingRunClaims{Batch: 32, Dataset: data, Features: []event.Feature{{Column: "age", Scale: 1}}, Label: event.Label{Column: "grade", Positive: 7}, LearningRate: 1, Steps: 1},
			"grade is 2 from age"},
		{&event.TrainingRunClaims{Batch: 32, Dataset: data, Features: []event.Feature{{Column: "age", Scale: 1}}, Label: event.Label{Column: "verdict", Positive: 2}, LearningRate: 1, Steps: 1},
			"verdict is code 2"},
		{&event.ApprovalClaims{Releases: event.Element{31: 1}}, `Source bank/1 approves releases of "German Credit"`},
	} {
		l.write(l.draft("bank/1", c.claims, none), 'b', nil)
		report, err := l.gather(int64(len(l.leaves)) - 1).Verify(l.key)
		if err != nil || report.Verdict != verify.Claimed {
			t.Fatalf("%s, %v\n%+v", report.Verdict, err, report.Steps)
		}
		if claimed := strings.Join(report.Claimed, "\n"); !strings.Contains(claimed, c.says) {
			t.Errorf("what is claimed does not mention %q:\n%s", c.says, claimed)
		}
	}
}

// written are claims by the digest of their event.
type written map[event.Digest]event.Claims

func (w written) Event(d event.Digest) (*event.Event, error) { return &event.Event{Claims: w[d]}, nil }
