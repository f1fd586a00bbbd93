package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
)

// Outcome is the answer to one submission: a receipt, or a refusal.
type Outcome struct {
	Receipt   *Receipt
	Duplicate bool // the event was in the log already, and the receipt is of that entry
	Refusal   *Refusal
}

// Receipt proves to whoever knows the log's key that an event is in the log.
type Receipt struct {
	Index  int64
	Digest event.Digest
	Logged int64  // milliseconds since 1970
	Leaf   []byte // what the tree hashes
	// Size, Hashes and Checkpoint are the tree's size, the inclusion proof of the leaf in that tree (RFC 6962, from the leaf up)
	// and the C2SP checkpoint, signed, that commits to it. All receipts of one call of Submit have the same.
	Size       int64
	Hashes     [][32]byte
	Checkpoint []byte
}

// Submit judges and logs events, in their order, and answers when they are durable: one outcome each. Events of one source must
// stand in the order of their numbers; after one of them is refused, the later ones of that source are not judged.
//
// An event that is in the log already gets its entry's receipt. Where ctx ends first the outcome is unknown: send the event again.
func (l *Ledger) Submit(ctx context.Context, subs []*event.Submission) []Outcome {
	outcomes := make([]Outcome, len(subs))
	if len(subs) == 0 {
		return outcomes
	}
	defer func() { l.metrics.answered(outcomes) }()
	t := l.term.Load()
	if t == nil {
		return refuseAll(outcomes, l.standing.Load().reason)
	}
	waiting := l.inflight.Add(int64(len(subs)))
	l.metrics.queue.Set(float64(waiting))
	defer func() { l.metrics.queue.Set(float64(l.inflight.Add(int64(-len(subs))))) }()
	// A call larger than the queue would never get in otherwise than alone.
	if waiting > int64(l.cfg.MaxQueue) && waiting > int64(len(subs)) {
		return refuseAll(outcomes, busy())
	}
	list, err := l.door.admit(ctx, t.state, subs)
	switch {
	case err != nil && ctx.Err() != nil:
		return refuseAll(outcomes, unavailable(err, "the request ended before it was judged, and nothing of it was logged; send it again"))
	case err != nil:
		l.log.Error("couldn't judge a submission", "error", err)
		return refuseAll(outcomes, unavailable(err, "the database can't be read at the moment"))
	}
	t.sequence(ctx, list)
	t.answer(ctx, list, outcomes)
	return outcomes
}

func busy() *Refusal {
	return &Refusal{Code: Busy, Detail: "too many events wait already; try again later", RetryAfter: time.Second}
}

func unknownOutcome(err error) *Refusal {
	return &Refusal{Code: OutcomeUnknown, cause: err,
		Detail: "nobody can say yet whether the event was logged; send the same event again: if it was, the answer is its receipt"}
}

func refuseAll(outcomes []Outcome, r *Refusal) []Outcome {
	for i := range outcomes {
		outcomes[i].Refusal = r
	}
	return outcomes
}

// sequence hands what the door let through to the sequencer, and waits. Then every candidate has its fate.
func (t *term) sequence(ctx context.Context, list []*candidate) {
	all := make([]tilestore.Item, len(list))
	items := make([]*tilestore.Item, 0, len(list))
	for i, c := range list {
		if c.refusal == nil && c.duplicate == nil {
			all[i] = tilestore.Item{Submission: c, Size: len(c.body) + len(c.sub.Witness)}
			items = append(items, &all[i])
		}
	}
	if len(items) == 0 {
		return
	}
	done, err := t.leader.Enqueue(items...)
	if err == nil {
		select {
		case <-done:
		case <-ctx.Done():
			// The sequencer still has the candidates: what it does with them is nobody's to read any more.
			for i := range list {
				if all[i].Submission != nil {
					list[i] = &candidate{sub: list[i].sub, digest: list[i].digest, refusal: unknownOutcome(ctx.Err())}
				}
			}
			return
		}
	}
	for i, c := range list {
		if it := &all[i]; it.Submission != nil {
			t.settle(ctx, c, it, err)
		}
	}
}

// settle takes over what became of an item.
func (t *term) settle(ctx context.Context, c *candidate, it *tilestore.Item, enqueued error) {
	err := enqueued
	if err == nil {
		err = it.Err
	}
	switch {
	case err != nil:
		c.refusal = refuseItem(err)
	case it.Duplicate:
		row, err := t.ledger.store.Row(ctx, it.Index)
		if err != nil {
			c.refusal = unknownOutcome(err)
			return
		}
		c.duplicate = &row
	}
}

// refuseItem says in the ledger's terms why an item was not stored.
func refuseItem(err error) *Refusal {
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, tilestore.ErrFull):
		return busy()
	case errors.Is(err, tilestore.ErrStopped):
		return unavailable(err, "this process stopped leading the log before it was stored; send it again")
	}
	return unknownOutcome(err)
}

// answer gives each candidate its outcome. Receipts are made under one signed head.
func (t *term) answer(ctx context.Context, list []*candidate, outcomes []Outcome) {
	last := int64(-1)
	for _, c := range list {
		switch {
		case c.refusal != nil:
		case c.duplicate != nil:
			last = max(last, c.duplicate.Index)
		default:
			last = max(last, c.placed.index)
		}
	}
	var head *signedTree
	var err error
	if last >= 0 {
		head, err = t.notary.covering(ctx, last)
	}
	for i, c := range list {
		o := &outcomes[i]
		switch {
		case c.refusal != nil:
			o.Refusal = c.refusal
		case err != nil:
			o.Refusal = unknownOutcome(err)
		case c.duplicate != nil:
			o.Duplicate = true
			o.Receipt, o.Refusal = t.receipt(ctx, c.digest, c.duplicate.Index, c.duplicate.Logged, c.duplicate.Leaf, head)
		default:
			o.Receipt, o.Refusal = t.receipt(ctx, c.digest, c.placed.index, c.placed.logged, c.placed.leaf, head)
		}
	}
}

// receipt proves one entry under a signed head: from memory if the entry is new, from tiles if not.
func (t *term) receipt(ctx context.Context, digest event.Digest, index, logged int64, leaf []byte, head *signedTree) (*Receipt, *Refusal) {
	r := &Receipt{Index: index, Digest: digest, Logged: logged, Leaf: leaf, Size: head.tree.size, Checkpoint: head.note}
	if head.keeps(index) {
		r.Hashes = head.inclusion(index)
		return r, nil
	}
	proof, err := t.ledger.store.Inclusion(ctx, index, head.tree.size)
	if err != nil {
		return nil, unknownOutcome(err)
	}
	r.Hashes = hashes(proof)
	return r, nil
}

// hashes gives hashes the type of fixed length.
func hashes(list [][]byte) [][32]byte {
	out := make([][32]byte, len(list))
	for i := range list {
		out[i] = [32]byte(list[i])
	}
	return out
}
