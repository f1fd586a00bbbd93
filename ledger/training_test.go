package ledger_test

import (
	"context"
	"testing"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement/training"
)

func trainingRun(data event.Digest) *event.TrainingRunClaims {
	return &event.TrainingRunClaims{Batch: 8, Dataset: data, Features: []event.Feature{{Column: "age", Scale: 1000, Offset: -65536}},
		Label: event.Label{Column: "class", Positive: 1}, LearningRate: 6554, Steps: 4, Weights: event.Element{31: 1}}
}

// trainingStep leads from weights number step to the next, as all steps of these tests do.
func trainingStep(run event.Digest, step byte) *event.TrainingStepClaims {
	return &event.TrainingStepClaims{Run: run, Step: int64(step), Before: event.Element{31: step}, After: event.Element{31: step + 1}}
}

// The steps of a run form one chain, whatever comes between them, and whoever leads.
func TestStepsOfARunFormOneChain(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	run := w.must(w.say("gateway/1", 'g', trainingRun(data)))[0].Digest
	refuse := func(name, source string, key byte, c *event.TrainingStepClaims, check string) {
		t.Helper()
		if r := w.refuse(ledger.ClaimsOutOfRange, w.say(source, key, c)); r.Check != check {
			t.Errorf("%s: refused for %q (%s), want %q", name, r.Check, r.Detail, check)
		}
		w.forget(source)
	}
	other := func(step byte, change func(c *event.TrainingStepClaims)) *event.TrainingStepClaims {
		c := trainingStep(run, step)
		change(c)
		return c
	}
	refuse("a step before the first", "gateway/1", 'g', trainingStep(run, 2), "step")
	refuse("a first step with other weights", "gateway/1", 'g', other(1, func(c *event.TrainingStepClaims) { c.Before[0] = 1 }), "before")
	refuse("another source's step", "bank/1", 'b', trainingStep(run, 1), "run")
	first := w.say("gateway/1", 'g', trainingStep(run, 1))
	w.must(first)
	refuse("a second successor", "gateway/1", 'g', other(1, func(c *event.TrainingStepClaims) { c.After[31] = 9 }), "step")
	w.must(first) // the very same is a resend
	refuse("a step with other weights", "gateway/1", 'g', other(2, func(c *event.TrainingStepClaims) { c.Before[31] = 1 }), "before")

	// A second run, with a step between those of the first; then two of the first in one request, of which the second is a fork.
	second := w.must(w.say("gateway/1", 'g', trainingRun(data)))[0].Digest
	w.must(w.say("gateway/1", 'g', trainingStep(second, 1)))
	out := w.log.Submit(t.Context(), []*event.Submission{
		w.say("gateway/1", 'g', trainingStep(run, 2)), w.say("gateway/1", 'g', trainingStep(run, 2)),
		w.say("gateway/1", 'g', other(2, func(c *event.TrainingStepClaims) { c.After[31] = 9 })),
	})
	if out[0].Refusal != nil || out[1].Refusal == nil || out[1].Refusal.Check != "step" || out[2].Refusal == nil {
		t.Errorf("a step and two forks in one request: %v, %v, %v", out[0].Refusal, out[1].Refusal, out[2].Refusal)
	}
	w.forget("gateway/1")

	w.stop()
	w.start() // the judge remembers nothing, and reads where runs stand
	refuse("a second successor, after a restart", "gateway/1", 'g', trainingStep(run, 2), "step")
	w.must(w.say("gateway/1", 'g', trainingStep(run, 3)), w.say("gateway/1", 'g', trainingStep(second, 2)), w.say("gateway/1", 'g', trainingStep(run, 4)))
	refuse("more steps than the run has", "gateway/1", 'g', trainingStep(run, 5), "step")
	// A run and its first step in one request.
	third := w.say("gateway/1", 'g', trainingRun(data))
	w.must(third, w.say("gateway/1", 'g', trainingStep(third.Envelope.Digest(), 1)))
}

// placed is what a trainer has at hand: the run, its data set, and the head that its receipt came with.
type placed struct {
	run, data *event.Event
	root      [32]byte
}

func (p placed) Event(d event.Digest) (*event.Event, error) {
	if d == p.run.Claims.(*event.TrainingRunClaims).Dataset {
		return p.data, nil
	}
	return p.run, nil
}

func (p placed) RootThrough(event.Digest) ([32]byte, error) { return p.root, nil }

// The ledger derives the rows of a proven step from its own tree.
func TestProvenTrainingStep(t *testing.T) {
	w, set := newWorld(t), smallDataset()
	data := w.found()
	c, err := circuit.ByName("training-step-32x32")
	if err != nil {
		t.Fatal(err)
	}
	k := keytest.Keys(t, c.Statement.Name, func() (constraint.ConstraintSystem, error) { return c.Compile() })
	registered := accessStatement(k)
	registered.Name, registered.Proves = c.Statement.Name, event.TrainingStep
	w.must(w.say("op/1", 'o', registered))

	first := training.NewWeights()
	run := trainingRun(data)
	run.Weights = first.Commit()
	e := w.draft("gateway/1", run)
	receipt := w.must(w.sign(e, 'g'))[0]
	tree, err := parseTree(string(receipt.Checkpoint))
	if err != nil || tree.N != receipt.Index+1 {
		t.Fatalf("the run's receipt is for a tree of %d, %v", tree.N, err)
	}
	w.must(w.say("bank/1", 'b', set.claims)) // the log goes on
	trainer, err := training.New(run, receipt.Digest, tree.Hash, set.claims, set.table, first)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		step, err := trainer.Step()
		if err != nil {
			t.Fatal(err)
		}
		s := w.draft("gateway/1", step.Claims)
		s.Proof, s.Statement = event.ProofInline, k.VerifyingKey.Digest()
		sub := w.sign(s, 'g')
		assignment, err := c.Assign(step.Witness, s, sub.Envelope.Digest(), placed{e, &event.Event{Claims: set.claims}, tree.Hash})
		if err != nil {
			t.Fatal(err)
		}
		if sub.Proof, _, err = k.Prove(context.Background(), assignment); err != nil {
			t.Fatal(err)
		}
		damaged := *sub
		damaged.Proof = append([]byte{}, sub.Proof...)
		damaged.Proof[0] ^= 0x40 // −A instead of A
		w.refuse(ledger.ProofInvalid, &damaged)
		w.must(sub)
	}
}
