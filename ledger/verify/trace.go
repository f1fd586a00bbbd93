package verify

import (
	"context"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
)

// Tracer is a Library in which one can go from an event to those that refer to it, too.
type Tracer interface {
	Library
	// Referring are the indices of the entries of a kind whose claims refer to the event of an entry.
	Referring(ctx context.Context, to *Entry, kind event.Kind) ([]int64, error)
}

// Trace collects a bundle about where an entry comes from: the entry, what its claims refer to, and so on back to raw data; on the way all steps
// of a run up to the one that matters, and all chunks from which a data set was released. With accesses, what was read of each of the
// data sets, too. BundleReport.Provenance then says how it all hangs together.
func Trace(ctx context.Context, from Tracer, head Head, index int64, accesses bool) (*Bundle, error) {
	c := newCollecting(from, head)
	t := &tracing{collecting: c, from: from, accesses: accesses, seen: map[int64]bool{}}
	if err := t.visit(ctx, index); err != nil {
		return nil, fmt.Errorf("couldn't trace entry %d: %w", index, err)
	}
	return c.bundle()
}

type tracing struct {
	*collecting
	from     Tracer
	accesses bool
	seen     map[int64]bool
}

// visit asks about an entry, and about those that it comes from.
func (t *tracing) visit(ctx context.Context, index int64) error {
	if t.seen[index] || index >= t.head.Size {
		return nil
	}
	t.seen[index] = true
	entry, err := t.ask(ctx, index)
	if err != nil {
		return err
	}
	for _, ref := range References(entry.Event.Claims) {
		at, err := t.from.Find(ctx, ref.Event)
		if err == nil {
			err = t.visit(ctx, at)
		}
		if err != nil {
			return err
		}
		if step, ok := entry.Event.Claims.(*event.TrainingStepClaims); ok {
			if err := t.steps(ctx, t.have[at], step.Step); err != nil {
				return err
			}
		}
	}
	if entry.Event.Kind() == event.Dataset {
		return t.made(ctx, entry)
	}
	return nil
}

// steps asks about the steps of a run before one of them. Those that others claim of it are not its own.
func (t *tracing) steps(ctx context.Context, run *Entry, before int64) error {
	if run == nil {
		return nil
	}
	indices, err := t.from.Referring(ctx, run, event.TrainingStep)
	if err != nil {
		return err
	}
	for _, i := range indices {
		if t.seen[i] || i >= t.head.Size {
			continue
		}
		e, err := t.look(ctx, i)
		if err != nil {
			return err
		}
		if s, ok := e.Event.Claims.(*event.TrainingStepClaims); !ok || s.Run != run.Digest || s.Step >= before || e.Event.Source != run.Event.Source {
			continue
		}
		t.seen[i] = true // their run is known, and what comes before them asked about here
		if _, err := t.ask(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// made asks about the chunks from which a data set was released, and about what was read of it.
func (t *tracing) made(ctx context.Context, data *Entry) error {
	indices, err := t.from.Referring(ctx, data, event.Anonymization)
	if err != nil {
		return err
	}
	for _, i := range indices {
		if i >= t.head.Size {
			continue
		}
		e, err := t.look(ctx, i)
		if err != nil {
			return err
		}
		if c, ok := e.Event.Claims.(*event.AnonymizationClaims); ok && c.Released == data.Digest {
			if err := t.visit(ctx, i); err != nil {
				return err
			}
		}
	}
	if !t.accesses {
		return nil
	}
	if indices, err = t.from.Referring(ctx, data, event.DataAccess); err != nil {
		return err
	}
	for _, i := range indices {
		if err := t.visit(ctx, i); err != nil {
			return err
		}
	}
	return nil
}
