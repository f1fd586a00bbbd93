package worker_test

import (
	"errors"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/prover/worker"
)

// A worker whose attestations the log won't take any more ends, says why, and gives its jobs back; nothing is proven for nothing.
func TestEndsWhenNothingCanBeAttested(t *testing.T) {
	ended := func(t *testing.T, r *working) {
		t.Helper()
		select {
		case <-r.ended:
		case <-time.After(time.Minute):
			t.Fatal("the worker goes on")
		}
		r.stop()
		if err := r.Err(); !errors.Is(err, worker.ErrMute) || !errors.Is(err, r.ends) {
			t.Errorf("it says %v", err)
		}
	}
	t.Run("its source stopped", func(t *testing.T) {
		w := startLive(t)
		r := w.work("prover/1", func(c *worker.Config) { c.Prover = noProver{} })
		r.ends = client.ErrClosed
		if err := r.source.Close(); err != nil {
			t.Fatal(err)
		}
		d := w.someVersion()
		ended(t, r)
		w.work("prover/2")
		w.proven(d)
	})
	t.Run("its key was revoked", func(t *testing.T) {
		w := startLive(t)
		r := w.work("prover/1")
		r.ends = worker.ErrMute
		w.proven(w.someVersion())
		w.revoke("prover/1")
		d := w.sealedTo(w.identity)
		ended(t, r)
		if !client.HasCode(r.Err(), client.CodeRevokedKey) {
			t.Errorf("it says %v", r.Err())
		}
		if n := len(w.attestations(d)); n != 0 {
			t.Errorf("%d attestations", n)
		}
	})
	t.Run("its source stopped while it proved", func(t *testing.T) {
		w, g := startLive(t), newGate()
		r := w.work("prover/1", func(c *worker.Config) { c.Prover = g })
		r.ends = client.ErrClosed
		first, second := w.someVersion(), w.someVersion()
		<-g.began
		if err := r.source.Close(); err != nil {
			t.Fatal(err)
		}
		g.open <- nil
		ended(t, r)
		if len(g.began) != 0 {
			t.Error("it began to prove another event")
		}
		w.work("prover/2")
		w.proven(first, second)
	})
}
