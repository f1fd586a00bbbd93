package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/verify"
)

// errOthers says that a witness isn't sealed to this worker, but may be to another prover.
var errOthers = errors.New("its witness is not sealed to this worker's identity, and is left to the provers that have another one")

// leave decides about an event whose witness this worker can't open. It may well be sealed to a prover with another identity that has a live
// key: to that one the event is left, with [errOthers], until Grace is over since the log took the event. If there is no such prover, or the
// time is over, nobody will open the witness, and leave returns nil: the event is to be refused.
func (w *Worker) leave(ctx context.Context, entry *verify.Entry) error {
	provers, err := w.provers.now(ctx)
	if err != nil {
		return fmt.Errorf("couldn't find out who else may open the witness of event %s: %w", entry.Digest, err)
	}
	own := w.c.Identity.Recipient().String()
	other := slices.IndexFunc(provers, func(p client.Prover) bool { return p.Recipient != own })
	until := time.UnixMilli(entry.Leaf.Logged).Add(w.c.Grace)
	if other < 0 || !time.Now().Before(until) {
		return nil
	}
	return fmt.Errorf("event %s: %w (such as %s), until %s", entry.Digest, errOthers, provers[other].Name, until.UTC().Format(time.RFC3339))
}

// provers remembers for a while which provers are live: many witnesses may ask at once. One that is registered meanwhile is none to whom
// what waits was sealed.
type provers struct {
	log Log
	age time.Duration

	mu    sync.Mutex
	known []client.Prover
	asked time.Time
}

func (p *provers) now(ctx context.Context) ([]client.Prover, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asked.IsZero() && time.Since(p.asked) < p.age {
		return p.known, nil
	}
	known, err := p.log.Provers(ctx)
	if err != nil {
		return nil, err
	}
	p.known, p.asked = known, time.Now()
	return known, nil
}
