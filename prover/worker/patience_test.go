package worker_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/worker"
)

// missing is a log that doesn't have an event yet, as long as there is an error to say so.
type missing struct {
	worker.Log
	asked atomic.Int64
	says  atomic.Pointer[error]
}

func (m *missing) Event(ctx context.Context, d event.Digest) (*client.Receipt, error) {
	m.asked.Add(1)
	if err := m.says.Load(); err != nil {
		return nil, *err
	}
	return m.Log.Event(ctx, d)
}

// An event that is in the log, but in no published head, is waited for, however long that takes. One that the log doesn't have at all is asked
// for several times before its job is dropped.
func TestWaitsForTheLog(t *testing.T) {
	notFound := error(&client.Problem{Status: http.StatusNotFound, Code: client.CodeNotFound})
	unpublished := fmt.Errorf("%w: %w", client.ErrUnpublished, notFound)
	for _, tc := range []struct {
		name  string
		says  error
		tries int64 // until it is there; 0: it never is
	}{
		{"no head has it yet", unpublished, 8},
		{"the log is behind", notFound, 3},
		{"the log doesn't have it", notFound, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, log := startLive(t), new(missing)
			log.says.Store(&tc.says)
			w.work("prover/1", func(c *worker.Config) { log.Log, c.Log = c.Log, log })
			d := w.someVersion()
			if tc.tries == 0 {
				until(t, "the job is dropped", func() bool { return w.jobs("cancelled") == 1 })
				if n := log.asked.Load(); n < 5 || len(w.attestations(d)) != 0 {
					t.Errorf("dropped after %d tries, with %d attestations", n, len(w.attestations(d)))
				}
				return
			}
			until(t, "the log was asked several times", func() bool { return log.asked.Load() >= tc.tries })
			log.says.Store(nil)
			w.proven(d)
		})
	}
}
