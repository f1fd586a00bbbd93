package worker_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/witness"
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

// identify registers another prover with an identity of its own, and makes it the one that workers begin with.
func (w *live) identify(name string, letter byte) (before *age.X25519Identity) {
	w.t.Helper()
	own, err := age.GenerateX25519Identity()
	if err != nil {
		w.t.Fatal(err)
	}
	keyLetters[name] = letter
	w.register(name, event.RoleProver, own.Recipient().String())
	before, w.identity = w.identity, own
	return before
}

// sealedTo is a deferred model version whose witness one identity alone can open.
func (w *live) sealedTo(one *age.X25519Identity) event.Digest {
	w.t.Helper()
	claims, known := w.version()
	sealed, err := witness.Seal(known, one.Recipient())
	if err != nil {
		w.t.Fatal(err)
	}
	return w.deferred(claims, w.model, sealed)
}

// revoke revokes the key of a source.
func (w *live) revoke(name string) {
	w.say("operator/1", &event.SourceClaims{Action: event.SourceRevoke, Source: name, Key: keyOf(keyLetters[name]).Public().(ed25519.PublicKey)}, nil)
}

// A witness that this worker can't open is left to a live prover with another identity, and refused once there is none.
func TestLeavesToOthers(t *testing.T) {
	w := startLive(t)
	first := w.identify("prover/3", 'r')
	d := w.sealedTo(first)
	r := w.work("prover/3")
	until(t, "the job is left", func() bool { return gathered(t, r, "attestlog_prover_jobs_total", "model-version", "later") >= 2 })
	if n := len(w.attestations(d)); n != 0 || !strings.Contains(r.said.String(), "left a job to others") || !strings.Contains(r.said.String(), "such as prover/1") {
		t.Errorf("%d attestations, and it wasn't said who is waited for", n)
	}
	own := w.identity
	w.identity = first
	one := w.work("prover/1")
	w.proven(d)
	one.stop()

	second := w.sealedTo(first)
	w.identity = own
	w.revoke("prover/1")
	asked := gathered(t, r, "attestlog_prover_jobs_total", "model-version", "later")
	until(t, "the second job is left, too", func() bool {
		return gathered(t, r, "attestlog_prover_jobs_total", "model-version", "later") > asked+1
	})
	if n := len(w.attestations(second)); n != 0 {
		t.Errorf("refused with prover/2 alive, which has the same identity as prover/1")
	}
	w.revoke("prover/2")
	if a := w.attested(second); a.Outcome != event.OutcomeRefused || a.Reason != "undecryptable" {
		t.Errorf("attested as %s %s", a.Outcome, a.Reason)
	}
}

// Another prover that never comes isn't waited for longer than Grace.
func TestGrace(t *testing.T) {
	w := startLive(t)
	d := w.sealedTo(w.identify("prover/3", 'r'))
	w.work("prover/3", func(c *worker.Config) { c.Grace = time.Nanosecond })
	if a := w.attested(d); a.Outcome != event.OutcomeRefused || a.Reason != "undecryptable" {
		t.Errorf("attested as %s %s", a.Outcome, a.Reason)
	}
}
