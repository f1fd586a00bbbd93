package client

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"log/slog"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// maxFollowed is how many changes of its key a source follows that happened without it.
const maxFollowed = 64

// follow goes on behind changes of this source's key that are not on record, because they were made elsewhere: with the recovery key, on
// a machine that has no state. It tells whether these are all that the log has beyond the record. Each must be in the log and hold by the
// log's law, signed by the outgoing key or the recovery key; so none was invented, and whoever made it could have made it anyway. If one
// of them ended the key at hand for good, the log says so when that key signs next.
func (w *worker) follow(ctx context.Context, claimed verify.Chain) (bool, error) {
	at := claimed
	for steps := 0; !w.onRecord(at); steps++ {
		if steps == maxFollowed || at.Seq <= w.next.Seq {
			return false, nil
		}
		before, err := w.keyChange(ctx, at)
		if before == nil || err != nil {
			return false, err
		}
		at = *before
	}
	// What is in flight up to there is logged; what isn't waits for other numbers.
	logged := 0
	for logged < len(w.flight) && w.flight[logged].event.Seq < at.Seq {
		logged++
	}
	w.queue = append(w.flight[logged:len(w.flight):len(w.flight)], w.queue...)
	w.flight = w.flight[:logged]
	for len(w.flight) > 0 {
		if err := w.send(ctx); err != nil {
			return false, err
		}
	}
	w.next, w.stuck = claimed, 0
	w.source.client.logger.LogAttrs(ctx, slog.LevelInfo, "the source's key was changed elsewhere",
		slog.String("source", w.source.o.Name), slog.Int64("seq", claimed.Seq))
	return true, w.record(true)
}

// keyChange is the place before the event that leads to at, if that event changes this source's key and its evidence holds; else nil.
func (w *worker) keyChange(ctx context.Context, at verify.Chain) (*verify.Chain, error) {
	c, name := w.source.client, w.source.o.Name
	receipt, err := c.Event(ctx, at.Prev)
	if HasCode(err, CodeNotFound) {
		return nil, nil // the log names an event that it doesn't have
	}
	if err != nil {
		return nil, err
	}
	entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
	if err != nil {
		return nil, err
	}
	e := entry.Event
	claims, ok := e.Claims.(*event.SourceClaims)
	if !ok || e.Source != name || claims.Source != name || claims.Action == event.SourceRegister || verify.After(e, entry.Digest) != at {
		return nil, nil
	}
	own := w.source.o.Key.Public().(ed25519.PublicKey)
	if claims.Action == event.SourceRevoke && entry.Leaf.Envelope.KeyID == event.KeyID(own) && !bytes.Equal(claims.Key, own) {
		return nil, nil // an earlier key's, by the key at hand, which goes on: only a source that keeps count may sign that
	}
	head, err := verify.OpenHead(receipt.Note, c.Key())
	if err != nil {
		return nil, err
	}
	evidence, err := verify.Gather(ctx, c.Library(), receipt.Index, head.Size)
	if err != nil {
		return nil, err
	}
	if _, err := evidence.Verify(c.Key()); err != nil {
		return nil, alarm(err, "the log holds a change of the key of source %s that its law forbids (entry %d)", name, receipt.Index)
	}
	return &verify.Chain{Seq: e.Seq, Prev: e.Prev}, nil
}
