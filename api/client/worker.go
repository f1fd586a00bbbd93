package client

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// worker is the one goroutine of a source that numbers and sends. One batch is in flight at a time.
type worker struct {
	source  *Source
	journal *journal
	next    verify.Chain // after all that is acknowledged
	flight  []*job       // numbered from next on, on disk, not acknowledged
	queue   []*job       // without numbers
	head    []byte       // a head of an earlier session, to be continued
	fresh   bool         // there is no record yet
	aligned bool         // the log's idea of this source was held against the record
	alone   bool         // no event of an earlier process is left
	stuck   int          // answers in a row that made no progress
	closed  error        // of closing the journal
}

const (
	// maxFlight bounds a batch in bytes of leaves, well below what the log takes.
	maxFlight = 24 << 20
	// maxStuck is how many answers in a row may contradict what is in flight before that is an alarm: requests whose answers
	// were lost may still be at work.
	maxStuck = 8
)

// restore takes up what an earlier process left.
func (w *worker) restore(last *snapshot) error {
	if last == nil {
		w.fresh = true
		return nil
	}
	s := w.source
	if last.Log != s.client.Origin() || last.Source != s.o.Name {
		return fmt.Errorf("the state in %s is of source %s in the log %s, not of %s in %s", s.o.State, last.Source, last.Log, s.o.Name, s.client.Origin())
	}
	w.next, w.head = verify.Chain{Seq: last.Seq, Prev: last.Prev}, last.Head
	at := w.next
	for _, raw := range last.Pending {
		sub, err := event.DecodeSubmission(raw)
		if err != nil {
			return fmt.Errorf("couldn't read a pending event: %w", err)
		}
		j, err := orphan(sub.Envelope.Payload, sub.Witness)
		if err != nil {
			return err
		}
		if err := at.Judge(j.event); err != nil {
			return fmt.Errorf("the pending events are no chain: %w", err)
		}
		j.sub = sub
		at = verify.After(j.event, j.digest)
		w.flight = append(w.flight, j)
	}
	for i, payload := range last.Waiting {
		var sealed []byte
		if i < len(last.Sealed) {
			sealed = last.Sealed[i]
		}
		j, err := orphan(payload, sealed)
		if err != nil {
			return err
		}
		w.queue = append(w.queue, j)
	}
	return nil
}

// orphan makes a job of an event that nobody waits for any more.
func orphan(payload, sealed []byte) (*job, error) {
	e, err := event.Decode(payload)
	if err != nil {
		return nil, fmt.Errorf("couldn't read a recorded event: %w", err)
	}
	if e.Proof == event.ProofDeferred && event.DigestOf(sealed) != e.Witness {
		return nil, errors.New("couldn't read a recorded event: the sealed witness beside it is another one")
	}
	return &job{ctx: context.Background(), orphan: true, sealed: sealed, event: e, digest: event.DigestOf(payload)}, nil
}

// run works until ctx ends or something can't be gone on from.
func (w *worker) run(ctx context.Context) {
	err := w.work(ctx)
	if ctx.Err() != nil {
		err = ErrClosed
	}
	w.source.fail(err, append(w.flight, w.queue...)...)
	w.closed = w.journal.close()
}

func (w *worker) work(ctx context.Context) error {
	for {
		w.lookForOrphans()
		if err := w.wait(ctx); err != nil {
			return err
		}
		if err := w.align(ctx); err != nil {
			if err := w.bear(ctx, err); err != nil {
				return err
			}
			continue
		}
		if len(w.flight) == 0 {
			w.queue = append(w.queue, w.source.take()...)
			if err := w.number(ctx); err != nil {
				return err
			}
		}
		if len(w.flight) > 0 {
			if err := w.send(ctx); err != nil {
				return err
			}
		}
	}
}

// lookForOrphans tells those in Recover once nothing of an earlier process waits for an answer any more.
func (w *worker) lookForOrphans() {
	orphan := func(j *job) bool { return j.orphan }
	if !w.alone && !slices.ContainsFunc(w.flight, orphan) && !slices.ContainsFunc(w.queue, orphan) {
		w.alone = true
		close(w.source.left)
	}
}

// wait returns when there is something to do.
func (w *worker) wait(ctx context.Context) error {
	w.queue = append(w.queue, w.source.take()...)
	for len(w.flight) == 0 && len(w.queue) == 0 {
		select {
		case <-w.source.wake:
			w.queue = append(w.queue, w.source.take()...)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// bear decides about an error that concerns no event in particular: it waits where waiting may help, tells those who wait where the log says
// no (such as to a source that is not registered yet), and returns the error where the source must stop.
func (w *worker) bear(ctx context.Context, err error) error {
	var problem *Problem
	var broken *brokenError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &problem) && !problem.temporary() && len(w.flight) == 0:
		kept := w.queue[:0]
		for _, j := range w.queue {
			if j.orphan {
				kept = append(kept, j)
			} else {
				w.source.refuse(j, err)
			}
		}
		w.queue = kept
		if len(kept) == 0 {
			return nil
		}
	case errors.As(err, &problem), errors.As(err, &broken):
	default:
		return err
	}
	w.source.client.logger.LogAttrs(ctx, slog.LevelWarn, "the log can't be reached", slog.String("source", w.source.o.Name), slog.Any("err", err))
	return sleep(ctx, w.source.client.most)
}

// number gives queued events their places, proves and signs them, and writes them to disk. Before something is proven, which takes
// long, what is ready goes out.
func (w *worker) number(ctx context.Context) error {
	at, size := w.next, 0
	for len(w.queue) > 0 && len(w.flight) < MaxBatch && size < maxFlight {
		j := w.queue[0]
		if j.draft.Prove != nil && len(w.flight) > 0 {
			break
		}
		w.queue = w.queue[1:]
		if err := j.ctx.Err(); err != nil { // the caller has left, and the event has no number yet: it never was
			w.source.refuse(j, err)
			continue
		}
		if err := w.place(ctx, j, at); err != nil {
			if ctx.Err() != nil {
				w.queue = append([]*job{j}, w.queue...)
				return ctx.Err()
			}
			w.source.refuse(j, err)
			continue
		}
		at = verify.After(j.event, j.digest)
		size += (len(j.sub.Envelope.Payload)+len(j.sealed))*4/3 + 1024
		w.flight = append(w.flight, j)
	}
	if len(w.flight) == 0 {
		return w.record(false)
	}
	return w.record(true)
}

// place gives an event its place: number, prev, digest, proof, signature.
func (w *worker) place(ctx context.Context, j *job, at verify.Chain) error {
	s := w.source
	e := j.event
	if j.orphan {
		e.Seq, e.Prev = at.Seq, at.Prev
	} else {
		e = j.draft.event(s.client.Origin(), s.o.Name, at)
	}
	payload, err := e.Encode()
	if err != nil {
		return err
	}
	digest := event.DigestOf(payload)
	var proof []byte
	if e.Proof == event.ProofInline {
		if j.orphan {
			return errors.New("the event's number changed after a crash, and nobody is left to prove it again: record it again")
		}
		proving, cancel := context.WithCancelCause(j.ctx)
		release := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
		proof, err = j.draft.Prove(proving, e, digest)
		release()
		cancel(nil)
		if err != nil {
			return fmt.Errorf("couldn't prove the event: %w", err)
		}
	}
	j.event, j.digest = e, digest
	j.sub = &event.Submission{Envelope: event.Sign(payload, s.o.Key), Proof: proof, Witness: j.sealed}
	return nil
}

// record writes the state to disk. What is sent on its strength must wait for a durable one; an acknowledgement need not be:
// if it is lost, the event is sent again, and found.
func (w *worker) record(durable bool) error {
	s := w.source
	last := &snapshot{Log: s.client.Origin(), Source: s.o.Name, Seq: w.next.Seq, Prev: w.next.Prev, Head: s.client.Head()}
	if last.Head == nil {
		last.Head = w.head
	}
	for _, j := range w.flight {
		raw, err := j.sub.Encode()
		if err != nil {
			return err
		}
		last.Pending = append(last.Pending, json.RawMessage(raw))
	}
	var sealed [][]byte
	for _, j := range w.queue {
		if !j.orphan {
			continue // its caller still waits, and sees it fail if this process does
		}
		payload, err := j.event.Encode()
		if err != nil {
			return err
		}
		last.Waiting = append(last.Waiting, payload)
		sealed = append(sealed, j.sealed)
		if j.sealed != nil {
			last.Sealed = sealed
		}
	}
	return w.journal.append(last, durable)
}

// send sends what is in flight and sees to the answers.
func (w *worker) send(ctx context.Context) error {
	jobs := w.flight[:min(len(w.flight), MaxBatch)]
	subs := make([]*event.Submission, len(jobs))
	for i, j := range jobs {
		subs[i] = j.sub
	}
	outcomes, err := w.source.client.SubmitBatch(ctx, subs)
	if err != nil {
		return w.bear(ctx, err)
	}
	settled := 0
	for settled < len(outcomes) && outcomes[settled].Err == nil {
		settled++
	}
	for _, o := range outcomes[settled:] {
		if o.Receipt != nil {
			return &Alarm{What: "the log logged an event whose predecessor it refused", Notes: [][]byte{o.Receipt.Note}}
		}
	}
	w.flight = w.flight[settled:]
	if settled > 0 {
		last := jobs[settled-1]
		w.next, w.stuck = verify.After(last.event, last.digest), 0
		if err := w.record(false); err != nil {
			return err
		}
		for i, j := range jobs[:settled] {
			w.source.settle(j, outcomes[i].Receipt)
		}
	}
	if settled == len(outcomes) {
		return nil
	}
	return w.refused(ctx, outcomes[settled].Err)
}

// refused sees to the first event in flight, which the log refused, and to those behind it.
func (w *worker) refused(ctx context.Context, err error) error {
	var problem *Problem
	if !errors.As(err, &problem) {
		return err
	}
	first := w.flight[0]
	current := event.KeyID(w.source.o.Key.Public().(ed25519.PublicKey))
	switch {
	case problem.temporary() || problem.Code == CodeDependsOn:
		return sleep(ctx, max(problem.RetryAfter, w.source.client.pause))
	case problem.Code == CodeSequenceGap || problem.Code == CodeSequenceFork:
		return w.contradicted(ctx, problem)
	case (problem.Code == CodeRevokedKey || problem.Code == CodeWrongKey) && first.sub.Envelope.KeyID != current:
		// The key was rotated since. The payload, and with it digest and proof, stays; only the signature is new.
		for _, j := range w.flight {
			j.sub = &event.Submission{Envelope: event.Sign(j.sub.Envelope.Payload, w.source.o.Key), Proof: j.sub.Proof, Witness: j.sealed}
		}
		return w.record(true)
	}
	// The event is out. Those behind it name it as their predecessor: they go back to the head of the queue for other numbers.
	w.queue = append(w.flight[1:len(w.flight):len(w.flight)], w.queue...)
	w.flight = nil
	if err := w.record(true); err != nil {
		return err
	}
	w.source.refuse(first, err)
	return nil
}

// contradicted sees to a log that expects another event than the one that follows what it acknowledged. If the one that it
// expects is in flight, an earlier request is still at work, and all is sent again. Otherwise it has another history.
func (w *worker) contradicted(ctx context.Context, p *Problem) error {
	if p.Expected != nil && w.onRecord(*p.Expected) && w.stuck < maxStuck {
		w.stuck++
		return sleep(ctx, w.source.client.pause)
	}
	return w.otherHistory(p.Expected, p)
}

// onRecord tells whether a place in the source's chain is one that this source knows: behind the last acknowledged event, or behind one in flight.
func (w *worker) onRecord(at verify.Chain) bool {
	if at == w.next {
		return true
	}
	for _, j := range w.flight {
		if at == verify.After(j.event, j.digest) {
			return true
		}
	}
	return false
}

func (w *worker) otherHistory(claimed *verify.Chain, err error) *Alarm {
	what := "the log claims another history of source " + w.source.o.Name
	if claimed != nil {
		what = fmt.Sprintf("the log says that event %d of source %s follows %s; recorded here is that event %d follows %s. "+
			"Either the log forgot or invented events, or somebody else has the source's key, or the state in %s is an old copy",
			claimed.Seq, w.source.o.Name, claimed.Prev, w.next.Seq, w.next.Prev, w.source.o.State)
	}
	return &Alarm{What: what, Notes: [][]byte{w.source.client.Head()}, Err: err}
}
