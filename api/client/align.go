package client

import (
	"context"
	"log/slog"

	"github.com/attestlog/attestlog/ledger/verify"
)

// align holds what the log says of this source against the record, once, before anything is sent.
func (w *worker) align(ctx context.Context) error {
	if w.aligned {
		return nil
	}
	s := w.source
	if w.head != nil {
		if _, err := s.client.heads.open(ctx, w.head, true); err != nil {
			return err
		}
	}
	state, err := s.client.SourceState(ctx, s.o.Name)
	if err != nil {
		return err
	}
	switch {
	case w.fresh:
		err = w.adopt(ctx, state.Next)
	case !w.onRecord(state.Next):
		err = w.settleDifference(ctx, state.Next)
	}
	if err != nil {
		return err
	}
	w.fresh, w.aligned = false, true
	return w.record(true)
}

// adopt begins a record with what the log says, as there is nothing to hold against it: but the event that it says is the last must be in
// the log, and this source's.
func (w *worker) adopt(ctx context.Context, next verify.Chain) error {
	if next == verify.NewChain() {
		return nil
	}
	s := w.source
	receipt, err := s.client.Event(ctx, next.Prev)
	if err != nil {
		return err
	}
	entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
	if err != nil {
		return err
	}
	if entry.Event.Source != s.o.Name || verify.After(entry.Event, entry.Digest) != next {
		return w.otherHistory(&next, nil)
	}
	s.client.logger.LogAttrs(ctx, slog.LevelWarn, "no state of this source was found: it goes on after its last event in the log",
		slog.String("source", s.o.Name), slog.Int64("seq", next.Seq))
	w.next = next
	return nil
}

// settleDifference asks again a few times where the log is behind the record: a server that only reads may lag. A log that stays
// behind has lost acknowledged events, and one that is ahead has events that this source never signed, unless all that they do is to
// change its key.
func (w *worker) settleDifference(ctx context.Context, claimed verify.Chain) error {
	for try := 0; claimed.Seq < w.next.Seq && try < 5; try++ {
		if err := sleep(ctx, w.source.client.pause<<try); err != nil {
			return err
		}
		state, err := w.source.client.SourceState(ctx, w.source.o.Name)
		if err != nil {
			return err
		}
		claimed = state.Next
		if w.onRecord(claimed) {
			return nil
		}
	}
	if followed, err := w.follow(ctx, claimed); followed || err != nil {
		return err
	}
	return w.otherHistory(&claimed, nil)
}
