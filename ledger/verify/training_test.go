package verify_test

import (
	"context"
	"strings"
	"testing"

	"github.com/consensys/gnark/constraint"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement/training"
)

// placed resolves what a trainer has at hand: the run, its data set, and the tree that the log had with the run.
type placed struct {
	run  *event.Event
	data *event.DatasetClaims
	root [32]byte
}

func (p placed) Event(d event.Digest) (*event.Event, error) {
	if d == p.run.Claims.(*event.TrainingRunClaims).Dataset {
		return &event.Event{Claims: p.data}, nil
	}
	return p.run, nil
}

func (p placed) RootThrough(event.Digest) ([32]byte, error) { return p.root, nil }

// A training step is proven for the rows that the run's place in the log picks. An auditor finds that place in the run's own
// inclusion proof; for a run at another place the same step is refuted.
func TestEvidenceOfATrainingStep(t *testing.T) {
	c, err := circuit.ByName("training-step-32x32")
	if err != nil {
		t.Fatal(err)
	}
	k := keytest.Keys(t, c.Statement.Name, func() (constraint.ConstraintSystem, error) { return c.Compile() })
	set, none := smallDataset(), event.Digest{}
	for _, moved := range []bool{false, true} {
		l, h := newPaperLog(t), &history{t: t}
		l.write(l.draft("op/1", h.register("op/1", 'o', event.RoleOperator), none), 'o', nil)
		registered := theStatement()
		registered.Name, registered.Proves, registered.VerifyingKey = c.Statement.Name, event.TrainingStep, k.VerifyingKey.Bytes()
		l.write(l.draft("op/1", registered, none), 'o', nil)
		l.write(l.draft("op/1", h.register("bank/1", 'b', event.RoleController), none), 'o', nil)
		l.write(l.draft("op/1", h.register("gateway/1", 'g', event.RoleService), none), 'o', nil)
		data := l.write(l.draft("bank/1", set.claims, none), 'b', nil)

		first := training.NewWeights()
		features, err := training.FromCodings(set.claims, "age")
		if err != nil {
			t.Fatal(err)
		}
		run := &event.TrainingRunClaims{Batch: 8, Dataset: data, Features: features, Label: event.Label{Column: "class", Positive: 1},
			LearningRate: 6554, Steps: 3, Weights: first.Commit()}
		e := l.draft("gateway/1", run, none)
		digest := l.write(e, 'g', nil)
		root, err := tlog.TreeHash(int64(len(l.leaves)), l)
		if err != nil {
			t.Fatal(err)
		}
		if moved {
			root[0]++ // the trainer wishes that the log had been another one
		}
		trainer, err := training.New(run, digest, root, set.claims, set.table, first)
		if err != nil {
			t.Fatal(err)
		}
		step, err := trainer.Step()
		if err != nil {
			t.Fatal(err)
		}
		s := l.draft("gateway/1", step.Claims, k.VerifyingKey.Digest())
		l.write(s, 'g', func(d event.Digest) []byte {
			assignment, err := c.Assign(step.Witness, s, d, placed{e, set.claims, root})
			if err != nil {
				t.Fatal(err)
			}
			proof, _, err := k.Prove(context.Background(), assignment)
			if err != nil {
				t.Fatal(err)
			}
			return proof
		})
		at := int64(len(l.leaves)) - 1
		for range 5 { // so that the run's proof has more than what was there when it came
			l.write(l.draft("bank/1", set.claims, none), 'b', nil)
		}
		receipt, err := l.Receipt(t.Context(), at-1, int64(len(l.leaves)))
		if err != nil {
			t.Fatal(err)
		}
		if !moved {
			if got, err := receipt.RootThrough(l.key); err != nil || got != root {
				t.Errorf("the root through the run is %x, %v, want %x", got, err, root)
			}
			receipt.Index--
			if _, err := receipt.RootThrough(l.key); err == nil {
				t.Error("a root comes out of a receipt that doesn't hold")
			}
		}
		report, err := l.gather(at).Verify(l.key)
		if b, other := reread(t, l.bundle(at, at-1)).Verify(l.key, nil); moved == (other == nil) || b.Claims[1].Verdict != report.Verdict {
			t.Errorf("a bundle says %v, and the evidence %v", other, err)
		}
		if moved {
			if err == nil || report.Verdict != verify.Refuted {
				t.Errorf("rows that another place in the log would pick: %s, %v", report.Verdict, err)
			}
			continue
		}
		if err != nil || report.Verdict != verify.Proven || len(report.Doubts) > 0 {
			t.Fatalf("%s, %v\n%+v", report.Verdict, err, report.Steps)
		}
		if proven := strings.Join(report.Proven, " "); !strings.Contains(proven, "Step 1 of 3") || !strings.Contains(proven, "8 rows") {
			t.Errorf("what is proven is %v", report.Proven)
		}
		if !strings.Contains(strings.Join(report.Trusted, " "), c.Statement.NotShown[0]) {
			t.Errorf("what stays trusted does not mention how rows are picked: %v", report.Trusted)
		}
	}
}
