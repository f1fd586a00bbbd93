package client

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// SourceOptions say who reports.
type SourceOptions struct {
	// Name is the source's, "name/instance", and Key the key that is registered for it. One process at a time may report as one
	// source: give each replica an instance of its own.
	Name string
	Key  ed25519.PrivateKey
	// State is the path of the file that this source keeps, with a lock beside it. Without it a source can't tell a log that
	// forgot its events from one that never had them: keep it as you keep a database.
	State string
	// Settled, if set, is called with the receipt of every event, in order, before Record returns it; also with those of events that
	// an earlier process recorded and didn't live to see logged. It must not block.
	Settled func(*Receipt)
	// Refused, if set, is called with an event that an earlier process recorded and that the log refuses now, or that has to be
	// proven again, for which nobody is there.
	Refused func(*event.Event, error)
	// Now is the source's clock; time.Now if nil.
	Now func() time.Time
}

// Draft is an event that has no number yet.
type Draft struct {
	Subject event.Subject
	Claims  event.Claims
	// Statement and Prove make an event whose proof comes with it: Prove is called once the event has its number, because the
	// proof is bound to it, and again if the number changes. Its ctx is event.Context(e.Log, e.Statement, digest).
	Statement event.Digest
	Prove     func(ctx context.Context, e *event.Event, digest event.Digest) ([]byte, error)
	// Statement and Sealed make an event whose proof is deferred: Sealed is the witness, sealed to the log's provers (Client.Seal). It is kept
	// with the event in the source's state until the log has both, encrypted as it is.
	Sealed []byte
	// Time is the source's, in milliseconds since 1970; now if 0.
	Time         int64
	Purpose      string
	Jurisdiction string
	Retention    string
	Period       *event.Period
	Correlation  event.Correlation
}

// event gives a draft its place.
func (d *Draft) event(log, source string, at verify.Chain) *event.Event {
	e := &event.Event{
		Subject: d.Subject, Log: log, Source: source, Seq: at.Seq, Prev: at.Prev, Time: d.Time, Proof: event.ProofNone,
		Claims: d.Claims, Purpose: d.Purpose, Jurisdiction: d.Jurisdiction, Retention: d.Retention, Period: d.Period, Correlation: d.Correlation,
	}
	switch {
	case d.Prove != nil:
		e.Proof, e.Statement = event.ProofInline, d.Statement
	case len(d.Sealed) > 0:
		e.Proof, e.Statement, e.Witness = event.ProofDeferred, d.Statement, event.DigestOf(d.Sealed)
	}
	return e
}

// ErrClosed says that a source was closed before the log answered. The event may be on disk, and is then sent when the source is opened again.
var ErrClosed = errors.New("the source is closed")

// Source reports events to a log, in one chain. It is safe for concurrent use: what many goroutines record while a request is under way
// goes out together in the next one.
//
// An event is written to disk before it is first sent, and sent byte for byte the same until the log has answered; so a
// crash at any point neither loses an event whose sending began nor logs one twice. When the log refuses an event, those that were numbered after it get
// new numbers, signatures and proofs. What the log says of this source's history is held against the own record: a log that
// claims another one is an *Alarm, after which the source stops.
type Source struct {
	client *Client
	o      SourceOptions
	stop   context.CancelCauseFunc
	done   chan struct{} // closed when the worker has ended
	left   chan struct{} // closed when nothing is left of an earlier process

	mu     sync.Mutex
	queued []*job
	failed error
	wake   chan struct{} // of capacity 1: there is something queued

	worker worker // touched by the worker's goroutine alone
}

// job is one event on its way.
type job struct {
	ctx    context.Context // the caller's
	draft  Draft
	orphan bool        // recorded by an earlier process: nobody waits, and nobody can prove
	done   chan result // of capacity 1; nil for an orphan

	sealed []byte       // the witness of a deferred event
	event  *event.Event // with its place, once it has one
	digest event.Digest
	sub    *event.Submission
}

type result struct {
	receipt *Receipt
	err     error
}

// OpenSource opens a source's state, and starts to send what an earlier process left there. It doesn't wait for the log.
func (c *Client) OpenSource(o SourceOptions) (*Source, error) {
	if err := event.CheckSource(o.Name); err != nil {
		return nil, err
	}
	if len(o.Key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("couldn't open source %s: it has no key", o.Name)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	j, last, err := openJournal(o.State)
	if err != nil {
		return nil, err
	}
	s := &Source{client: c, o: o, done: make(chan struct{}), left: make(chan struct{}), wake: make(chan struct{}, 1)}
	s.worker = worker{source: s, journal: j, next: verify.NewChain()}
	if err := s.worker.restore(last); err != nil {
		return nil, errors.Join(err, j.close())
	}
	ctx, stop := context.WithCancelCause(context.Background())
	s.stop = stop
	go func() {
		defer close(s.done)
		s.worker.run(ctx)
	}()
	return s, nil
}

// Record logs an event and returns its verified receipt. A refusal is a *Problem, a log that misbehaves an *Alarm.
// When ctx ends first, the event may be logged all the same.
func (s *Source) Record(ctx context.Context, d Draft) (*Receipt, error) {
	if d.Time == 0 {
		d.Time = s.o.Now().UnixMilli()
	}
	if d.Prove != nil && len(d.Sealed) > 0 {
		return nil, errors.New("couldn't record the event: it has a proof of its own and a witness for somebody else's; want one of the two")
	}
	if len(d.Sealed) > event.MaxWitness {
		return nil, fmt.Errorf("couldn't record the event: its sealed witness has %d bytes, and the log takes at most %d", len(d.Sealed), event.MaxWitness)
	}
	j := &job{ctx: ctx, draft: d, sealed: d.Sealed, done: make(chan result, 1)}
	s.mu.Lock()
	if s.failed != nil {
		defer s.mu.Unlock()
		return nil, s.failed
	}
	s.queued = append(s.queued, j)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	select {
	case r := <-j.done:
		return r.receipt, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("couldn't wait for the log's answer: %w", context.Cause(ctx))
	}
}

// Recover waits until the log has answered every event that an earlier process recorded. From then on the log says which of
// them it has: whoever died without hearing the answer can ask, before recording the same thing once more.
func (s *Source) Recover(ctx context.Context) error {
	select {
	case <-s.left:
		return nil
	case <-s.done:
		return s.Err()
	case <-ctx.Done():
		return fmt.Errorf("couldn't wait for the log's answer: %w", context.Cause(ctx))
	}
}

// Close stops sending and waits for the worker. What is on disk is sent when the source is opened again.
func (s *Source) Close() error {
	s.stop(ErrClosed)
	<-s.done
	return s.worker.closed
}

// Err is why the source stopped: an *Alarm, a broken disk, or ErrClosed. It is nil while it works.
func (s *Source) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// take hands over what was queued.
func (s *Source) take() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := s.queued
	s.queued = nil
	return jobs
}

// fail ends the source: whoever waits, and whoever comes, gets the error.
func (s *Source) fail(err error, jobs ...*job) {
	s.mu.Lock()
	s.failed = err
	jobs = append(jobs, s.queued...)
	s.queued = nil
	s.mu.Unlock()
	for _, j := range jobs {
		if j.done != nil {
			j.done <- result{err: err}
		}
	}
	if !errors.Is(err, ErrClosed) {
		s.client.logger.LogAttrs(context.Background(), slog.LevelError, "source stopped", slog.String("source", s.o.Name), slog.Any("err", err))
	}
}

// settle answers a job with its receipt.
func (s *Source) settle(j *job, receipt *Receipt) {
	if s.o.Settled != nil {
		s.o.Settled(receipt)
	}
	if j.done != nil {
		j.done <- result{receipt: receipt}
	}
}

// refuse answers a job with an error.
func (s *Source) refuse(j *job, err error) {
	if j.done != nil {
		j.done <- result{err: err}
	} else if s.o.Refused != nil {
		s.o.Refused(j.event, err)
	}
}
