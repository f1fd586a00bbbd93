package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
)

// progress is where a training run stands: which step comes next, and the weights that it begins with.
type progress struct {
	next    int64
	weights event.Element
}

// judgeStep holds a training step, proven or not, against its run and the step before it. A run's steps are its own source's, come
// in order, and each begins with the weights that the one before ended with. So there is one history of a run: no step has two
// successors, and a trainer can't take a step again until he likes the outcome.
func (j *judge) judgeStep(ctx context.Context, tx *tilestore.Tx, first int64, c *candidate) (*Refusal, error) {
	step, ok := c.event.Claims.(*event.TrainingStepClaims)
	if !ok {
		return nil, nil
	}
	referred, err := c.Event(step.Run)
	if err != nil {
		return &Refusal{Code: UnknownReference, Check: "run", Detail: err.Error()}, nil
	}
	run, ok := referred.Claims.(*event.TrainingRunClaims)
	refuse := func(check, format string, args ...any) (*Refusal, error) {
		return &Refusal{Code: ClaimsOutOfRange, Check: check, Detail: fmt.Sprintf(format, args...)}, nil
	}
	switch {
	case !ok:
		return refuse("run", "run must name an event of kind %s; %s is of kind %s", event.TrainingRun, step.Run, referred.Kind())
	case referred.Source != c.event.Source:
		return refuse("run", "the run %s is source %s's, whose steps nobody else can report", step.Run, referred.Source)
	case step.Step > run.Steps:
		return refuse("step", "the run has %d steps: there is no step %d", run.Steps, step.Step)
	}
	at, known := j.runs[step.Run]
	if !known {
		if at, err = loadProgress(ctx, tx, first, c.event.Source, step.Run, run); err != nil {
			return nil, err
		}
		j.runs[step.Run] = at
	}
	switch {
	case step.Step != at.next:
		return refuse("step", "the run's next step is number %d, not %d", at.next, step.Step)
	case step.Before != at.weights:
		return refuse("before", "step %d begins with the weights that the one before it ended with, %s, not with %s", step.Step, at.weights, step.Before)
	}
	return nil, nil
}

// loadProgress finds out where a run stands from the steps that are committed, of which there are none before the run. It is asked once a run and
// term: from then on the judge knows.
func loadProgress(ctx context.Context, tx *tilestore.Tx, size int64, source string, digest event.Digest, run *event.TrainingRunClaims) (progress, error) {
	start := progress{next: 1, weights: run.Weights}
	row, err := tx.RowByDigest(ctx, digest)
	if errors.Is(err, tilestore.ErrNotFound) {
		return start, nil // it came with this batch
	}
	if err != nil {
		return start, fmt.Errorf("couldn't find a training run: %w", err)
	}
	q := tilestore.Query{Size: size, Kinds: []event.Kind{event.TrainingStep}, Source: source, Descending: true, Limit: 100}
	for {
		rows, err := tx.Scan(ctx, q)
		if err != nil {
			return start, fmt.Errorf("couldn't read the steps of a training run: %w", err)
		}
		for _, r := range rows {
			if r.Index < row.Index {
				return start, nil
			}
			entry, err := openRow(r)
			if err != nil {
				return start, err
			}
			if s := entry.Event.Claims.(*event.TrainingStepClaims); s.Run == digest {
				return progress{s.Step + 1, s.After}, nil
			}
		}
		if len(rows) < q.Limit {
			return start, nil
		}
		q.Cursor = q.Next(rows[len(rows)-1])
	}
}
