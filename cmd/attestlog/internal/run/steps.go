package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/model"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/statement/training"
	"github.com/attestlog/attestlog/prover/witness"
)

// Outcome is a step that is done, as far as it goes: taken, and logged where there is a recorder.
type Outcome struct {
	Step    int64
	Weights statement.SaltedWeights
	Receipt *verify.Receipt // nil if the step was not submitted
}

// Resume finds out which steps were taken and which of them the log has. The run must have its place, and data and table be its data set.
func (r *Run) Resume(ctx context.Context, data *event.DatasetClaims, t *table.Table) error {
	root, err := r.placed.RootThrough(r.log.Key())
	if err != nil {
		return err
	}
	if err := r.readSteps(); err != nil {
		return err
	}
	taken := int64(len(r.steps))
	weights := r.first
	if taken > 0 {
		if weights, err = r.weightsAfter(taken); err != nil {
			return err
		}
	}
	if r.trainer, err = training.Resume(r.Claims(), r.digest, root, data, t, weights, taken); err != nil {
		return err
	}
	if r.begun {
		return r.catchUp(ctx)
	}
	return nil
}

// readSteps reads what was claimed, and the receipts.
func (r *Run) readSteps() error {
	r.steps, r.logged = nil, 0
	for number := int64(1); number <= r.Claims().Steps; number++ {
		name := stepFile(number, "json")
		b, err := r.disk.Read(name, draft.MaxFile, false)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		d, err := draft.Decode(b)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		claims, ok := d.Claims.(*event.TrainingStepClaims)
		if !ok {
			return fmt.Errorf("%s: its claims are of kind %s, not of a training step", name, d.Claims.Kind())
		}
		r.steps = append(r.steps, claims)
		found, err := r.receipt(stepFile(number, "receipt.json"))
		if err != nil {
			return err
		}
		if found == nil {
			continue
		}
		if err := r.settle(number, found); err != nil {
			return err
		}
	}
	if err := statement.CheckTrainingChain(r.digest, r.Claims(), r.steps); err != nil {
		return fmt.Errorf("the steps in the folder are no chain: %w", err)
	}
	return nil
}

// settle takes a receipt for a step: that of the next one that lacked its own.
func (r *Run) settle(number int64, found *verify.Receipt) error {
	_, entry, err := found.Open(r.log.Key())
	if err != nil {
		return fmt.Errorf("the receipt of step %d doesn't hold: %w", number, err)
	}
	claims, ok := entry.Event.Claims.(*event.TrainingStepClaims)
	if !ok || *claims != *r.steps[number-1] || entry.Event.Source != r.source {
		return fmt.Errorf("the receipt of step %d is that of another event", number)
	}
	if number != r.logged+1 {
		return fmt.Errorf("step %d has a receipt, and step %d has none: a file is missing in the folder", number, r.logged+1)
	}
	r.logged = number
	return nil
}

// weightsAfter reads weights and holds them against the step that claims them.
func (r *Run) weightsAfter(step int64) (statement.SaltedWeights, error) {
	if step == 0 {
		return r.first, nil
	}
	m, err := r.model(step)
	if err != nil {
		return statement.SaltedWeights{}, fmt.Errorf("couldn't read the weights after step %d: %w", step, err)
	}
	if m.Run != r.digest || m.Weights.Commit() != r.steps[step-1].After {
		return statement.SaltedWeights{}, fmt.Errorf("%s holds the weights of another run or step than those that step %d claims", ModelFile(step), step)
	}
	return m.Weights, nil
}

// catchUp fetches receipts that an earlier process didn't live to keep. A log that has steps which the folder doesn't know of
// shows that the folder is an old copy, or that somebody else has the source's key: then nothing more is done.
func (r *Run) catchUp(ctx context.Context) error {
	find := func(number int64) (*verify.Receipt, int64, error) {
		at := int64(0)
		found, err := r.log.Newest(ctx, event.TrainingStep, func(e *event.Event) bool {
			c := e.Claims.(*event.TrainingStepClaims)
			if e.Source != r.source || c.Run != r.digest || number > 0 && c.Step != number {
				return false
			}
			at = c.Step
			return true
		})
		return found, at, err
	}
	_, last, err := find(0)
	if err != nil {
		return err
	}
	if taken := int64(len(r.steps)); last > taken {
		return fmt.Errorf("the log has step %d of this run, and the folder ends with step %d: it is an old copy, or somebody else reports as %s", last, taken, r.source)
	}
	for r.logged < last {
		number := r.logged + 1
		found, _, err := find(number)
		if err != nil {
			return err
		}
		if found == nil {
			return fmt.Errorf("the log has step %d of this run, and shows no step %d", last, number)
		}
		if err := r.settle(number, found); err != nil {
			return err
		}
		if err := r.keepReceipt(stepFile(number, "receipt.json"), found); err != nil {
			return err
		}
	}
	return nil
}

// Digest is the event of the run, and Source who trains.
func (r *Run) Digest() event.Digest { return r.digest }

// Source is who trains.
func (r *Run) Source() string { return r.source }

// Trainer takes the steps. It is there once the run was resumed.
func (r *Run) Trainer() *training.Trainer { return r.trainer }

// First are the first weights.
func (r *Run) First() statement.SaltedWeights { return r.first }

// Taken is how many steps were taken, and Logged how many of these the log has.
func (r *Run) Taken() int64 { return int64(len(r.steps)) }

// Logged is how many steps the log has.
func (r *Run) Logged() int64 { return r.logged }

// Next logs the first step that was taken and isn't logged yet, after taking one if there is none; without a recorder it takes one and
// writes its witness for somebody else to submit it. After the last step it returns io.EOF.
func (r *Run) Next(ctx context.Context, recorder Recorder) (*Outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if recorder == nil || r.logged == r.Taken() {
		if r.Taken() == r.Claims().Steps {
			return nil, io.EOF
		}
		step, err := r.take(recorder == nil)
		if err != nil {
			return nil, err
		}
		if recorder == nil {
			return &Outcome{Step: step.Claims.Step, Weights: step.Witness.After}, nil
		}
		return r.submit(ctx, recorder, step)
	}
	number := r.logged + 1
	before, err := r.weightsAfter(number - 1)
	if err != nil {
		return nil, err
	}
	after, err := r.weightsAfter(number)
	if err != nil {
		return nil, err
	}
	step, err := r.trainer.Again(number, before, after)
	if err != nil {
		return nil, err
	}
	return r.submit(ctx, recorder, step)
}

// take takes a step. It is taken once its claims are on disk; weights and salt, which those commit to, are there before.
func (r *Run) take(forOthers bool) (*training.Step, error) {
	step, err := r.trainer.Step()
	if err != nil {
		return nil, err
	}
	number := step.Claims.Step
	if err := r.keepModel(&model.Model{Run: r.digest, Step: number, Weights: step.Witness.After}); err != nil {
		return nil, err
	}
	if forOthers {
		b, err := witness.Encode(step.Witness)
		if err != nil {
			return nil, err
		}
		if err := r.disk.Write(stepFile(number, "witness"), b, true); err != nil {
			return nil, err
		}
	}
	text, err := r.stepDraft(step.Claims).Encode()
	if err != nil {
		return nil, err
	}
	if err := r.disk.Write(stepFile(number, "json"), text, false); err != nil {
		return nil, err
	}
	r.steps = append(r.steps, step.Claims)
	return step, nil
}

func (r *Run) submit(ctx context.Context, recorder Recorder, step *training.Step) (*Outcome, error) {
	number := step.Claims.Step
	found, err := recorder.Record(ctx, r.stepDraft(step.Claims), step.Witness)
	if err != nil {
		return nil, fmt.Errorf("couldn't log step %d: %w", number, err)
	}
	if err := r.settle(number, found); err != nil {
		return nil, err
	}
	if err := r.keepReceipt(stepFile(number, "receipt.json"), found); err != nil {
		return nil, err
	}
	return &Outcome{Step: number, Weights: step.Witness.After, Receipt: found}, nil
}
