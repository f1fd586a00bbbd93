package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// judgeStep holds a training step, proven or not, against its run and the step before it.
func (j *judge) judgeStep(ctx context.Context, tx *tilestore.Tx, first int64, c *candidate) (*Refusal, error) {
	step, ok := c.event.Claims.(*event.TrainingStepClaims)
	if !ok {
		return nil, nil
	}
	referred, err := c.Event(step.Run)
	if err != nil {
		return &Refusal{Code: UnknownReference, Check: "run", Detail: err.Error()}, nil
	}
	if err := verify.JudgeRun(c.event, step, referred); err != nil {
		return refuseViolation(err), nil
	}
	at, known := j.runs[step.Run]
	if !known {
		if at, err = loadProgress(ctx, tx, first, c.event.Source, step.Run, referred.Claims.(*event.TrainingRunClaims)); err != nil {
			return nil, err
		}
		j.runs[step.Run] = at
	}
	return refuse(at.Judge(step)), nil
}

// loadProgress finds out where a run stands from the steps that are committed, of which there are none before the run. It is asked once a run and
// term: from then on the judge knows.
func loadProgress(ctx context.Context, tx *tilestore.Tx, size int64, source string, digest event.Digest, run *event.TrainingRunClaims) (verify.Progress, error) {
	start := verify.NewProgress(run)
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
				return start.After(s), nil
			}
		}
		if len(rows) < q.Limit {
			return start, nil
		}
		q.Cursor = q.Next(rows[len(rows)-1])
	}
}
