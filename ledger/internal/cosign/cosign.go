package cosign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Config says whom to ask, and how.
type Config struct {
	Policy *verify.Policy // its witnesses with URLs are asked
	Key    note.Verifier  // the log's
	// Deadline is how long a head waits for its cosignatures, and a witness has for its answer; 5 s if zero.
	Deadline time.Duration
	// Grace is how long a head that has enough waits for the rest; 200 ms if zero.
	Grace time.Duration
	// HTTP may be nil.
	HTTP *http.Client
	// Prove makes consistency proofs of the log's own tree.
	Prove func(ctx context.Context, from, to int64) ([][32]byte, error)
	// Newest is the size of the newest head that the log has signed: whoever got a receipt may show its head to a witness before the log
	// does, and nothing is wrong with that.
	Newest func() int64
	// Keep stores a request that a witness refused, durably, before the alarm is raised.
	Keep   func(Suspicion) error
	Logger *slog.Logger
	Now    func() time.Time
}

const (
	defaultDeadline = 5 * time.Second
	// A witness on another continent answers in less than defaultGrace, so that where all are up all are in at once; and a head, of which there is
	// one a second, is not older for it to anybody who looks.
	defaultGrace = 200 * time.Millisecond
	// maxUnanswered is how many requests in a row a witness may leave without a cosignature until heads don't wait for it any more: more than a
	// restart or a lost packet costs.
	maxUnanswered = 3
)

// Suspicion is a hint that two histories are signed with the log's key.
type Suspicion struct {
	Witness string
	Time    time.Time
	Reason  string
	Request []byte // the body that the witness refused
}

// Status is how it stands with a witness.
type Status struct {
	Name, Key, URL string
	Size           int64     // of the newest head that it cosigned, as far as this process knows; 0 for none
	Cosigned       time.Time // the witness's own time of that cosignature
	Asked          time.Time // when it was asked last; zero if never
	Trouble        string    // why the last answer was no cosignature; empty if it was one
	Alarm          string    // latched: the first hint at a fork
	Unawaited      bool      // it left so many requests in a row without a cosignature that heads don't wait for it until it cosigns again

	unanswered int // requests in a row that brought no cosignature
}

// AheadError says that a witness saw a larger tree than the log has: the log's database lost entries, or another one signs with its key.
type AheadError struct {
	Witness     string
	Size, Known int64 // the witness's tree, and ours
}

func (e *AheadError) Error() string {
	return fmt.Sprintf("witness %s cosigned a tree of %d entries, and this log has %d", e.Witness, e.Size, e.Known)
}

// Witnesses asks the witnesses of a policy. Safe for concurrent use, but one head is collected for at a time.
type Witnesses struct {
	cfg    Config
	turns  []chan struct{} // for each witness, a token while it is asked: it is asked one thing at a time
	asking sync.WaitGroup  // everything that is under way
	news   chan struct{}   // holds a token while there is something that came late

	collect sync.Mutex
	replace context.CancelFunc // ends what waits for its turn to ask about the head before; collect is held

	mu     sync.Mutex
	states []Status // as the policy's witnesses
	late   []late
}

// New asks nobody yet.
func New(cfg Config) *Witnesses {
	if cfg.Deadline <= 0 {
		cfg.Deadline = defaultDeadline
	}
	if cfg.Grace <= 0 {
		cfg.Grace = defaultGrace
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	w := &Witnesses{cfg: cfg, states: make([]Status, len(cfg.Policy.Witnesses)), turns: make([]chan struct{}, len(cfg.Policy.Witnesses)),
		news: make(chan struct{}, 1), replace: func() {}}
	for i, known := range cfg.Policy.Witnesses {
		w.states[i] = Status{Name: known.Name, Key: known.VKey}
		w.turns[i] = make(chan struct{}, 1)
		if known.URL != nil {
			w.states[i].URL = known.URL.String()
		}
	}
	return w
}

// Remember takes over what a published head says: how far each witness was when it cosigned it; and tells whether its cosignatures satisfy
// the policy. An error means that the head can't be read; then the witnesses will say themselves how far they are.
func (w *Witnesses) Remember(signed []byte) (quorum bool, err error) {
	head, cosignatures, err := w.cfg.Policy.Open(signed, w.cfg.Key)
	var few *verify.QuorumError
	if err != nil && !errors.As(err, &few) {
		return false, fmt.Errorf("couldn't read the cosignatures of a published head: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range cosignatures {
		if s := &w.states[c.Witness]; head.Size >= s.Size {
			s.Size, s.Cosigned = head.Size, c.Time
		}
	}
	return few == nil, nil
}

// Status says how it stands with each witness, in the policy's order.
func (w *Witnesses) Status() []Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Status(nil), w.states...)
}

// cosign gets one witness's cosignature, and keeps count of how it stands with it.
func (w *Witnesses) cosign(ctx context.Context, i int, head verify.Head) (verify.Cosignature, error) {
	w.mu.Lock()
	old := w.states[i].Size
	w.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, w.cfg.Deadline)
	defer cancel()
	c, err := w.exchange(limited, i, min(old, head.Size), head)
	if err != nil && ctx.Err() != nil { // who asked is leaving, and the witness has nothing to do with that
		return c, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.states[i]
	s.Asked = w.cfg.Now()
	if err != nil {
		if s.Trouble == "" { // once per outage, not once a second
			w.cfg.Logger.Warn("a witness didn't cosign", "witness", s.Name, "size", head.Size, "error", err)
		}
		s.Trouble = err.Error()
		if s.unanswered++; s.unanswered == maxUnanswered {
			w.cfg.Logger.Warn("heads don't wait for a witness any more until it cosigns again", "witness", s.Name, "requests", maxUnanswered)
			s.Unawaited = true
		}
		return c, err
	}
	if s.Trouble != "" {
		w.cfg.Logger.Info("a witness cosigns again", "witness", s.Name, "size", head.Size)
	}
	s.Size, s.Cosigned, s.Trouble, s.Unawaited, s.unanswered = head.Size, c.Time, "", false, 0
	return c, nil
}

// exchange asks, and asks again from the size that the witness names if it is another.
func (w *Witnesses) exchange(ctx context.Context, i int, old int64, head verify.Head) (verify.Cosignature, error) {
	witness := &w.cfg.Policy.Witnesses[i]
	for attempt := 0; ; attempt++ {
		request := &verify.AddCheckpoint{Old: old, Note: head.Note}
		if old > 0 && old < head.Size {
			hashes, err := w.cfg.Prove(ctx, old, head.Size)
			if err != nil {
				return verify.Cosignature{}, fmt.Errorf("couldn't prove to the witness that the log continues its %d entries: %w", old, err)
			}
			request.Hashes = hashes
		}
		answer, err := ask(ctx, w.cfg.HTTP, witness, request)
		var stale *staleError
		var refused *refusedError
		switch {
		case errors.As(err, &stale) && stale.size > head.Size && stale.size <= w.cfg.Newest():
			w.reached(i, stale.size)
			return verify.Cosignature{}, fmt.Errorf("the witness saw a newer head of this log, of %d entries, already", stale.size)
		case errors.As(err, &stale) && stale.size > head.Size:
			if ctx.Err() != nil { // the term is over, and what it signed isn't known any more
				return verify.Cosignature{}, ctx.Err()
			}
			ahead := &AheadError{Witness: witness.Name, Size: stale.size, Known: max(head.Size, w.cfg.Newest())}
			w.raise(i, request, ahead.Error())
			return verify.Cosignature{}, ahead
		case errors.As(err, &stale) && stale.size != old && attempt < 2:
			old = stale.size
			continue
		case errors.As(err, &refused):
			w.raise(i, request, refused.Error())
			return verify.Cosignature{}, err
		case err != nil:
			return verify.Cosignature{}, err
		}
		return w.accept(i, head, answer)
	}
}

// reached records how far a witness is: the next head is proven from there.
func (w *Witnesses) reached(i int, size int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states[i].Size = max(w.states[i].Size, size)
}

// accept finds the witness's own cosignature among what it answered.
func (w *Witnesses) accept(i int, head verify.Head, answer []byte) (verify.Cosignature, error) {
	_, cosignatures, err := w.cfg.Policy.Open(append(append([]byte(nil), head.Note...), answer...), w.cfg.Key)
	var few *verify.QuorumError
	if err != nil && !errors.As(err, &few) {
		return verify.Cosignature{}, fmt.Errorf("the witness's answer is no cosignature: %w", err)
	}
	for _, c := range cosignatures {
		if c.Witness == i {
			return c, nil
		}
	}
	return verify.Cosignature{}, errors.New("the witness's answer has no cosignature by the key that the policy names")
}

// raise keeps what hints at a fork, and latches the alarm.
func (w *Witnesses) raise(i int, request *verify.AddCheckpoint, reason string) {
	name := w.cfg.Policy.Witnesses[i].Name
	w.mu.Lock()
	again := w.states[i].Alarm != ""
	if !again {
		w.states[i].Alarm = reason
	}
	w.mu.Unlock()
	if again { // the first request is the evidence; a witness can't fill the disk
		return
	}
	err := w.cfg.Keep(Suspicion{Witness: name, Time: w.cfg.Now(), Reason: reason, Request: request.Encode()})
	w.cfg.Logger.Error("ALARM: a witness hints at another history under this log's key", "witness", name, "reason", reason, "kept", err == nil, "error", err)
}
