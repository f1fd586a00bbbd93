package monitor_test

import (
	"context"
	"testing"

	"github.com/attestlog/attestlog/ledger/monitor"
)

// overAChunk is a history of more than a chunk of entries, a fork of it, and a view that doesn't give the last of its entries: a chunk is judged by then,
// under a head that isn't reached.
func overAChunk(t *testing.T, k *logKey) (h, f *history, v *view) {
	t.Helper()
	h, data := founded(t, k)
	f = h.branch()
	f.register("other/1", "service")
	h.accesses(data, 9000)
	v = h.shows(h.size())
	v.bend = func(path string, b []byte) []byte {
		if path == "tile/entries/x000/035.p/45" || path == "tile/entries/035.p/45" {
			return nil
		}
		return b
	}
	return h, f, v
}

// TestInterrupted has somebody bring half of a fork and leave before evidence is made. Nothing is lost by that, and the monitor goes on.
func TestInterrupted(t *testing.T) {
	k := newLogKey(t)
	h, f, v := overAChunk(t, k)
	log := serveLog(t, v)
	w := watch(t, k, log.URL)
	ctx, cancel := context.WithCancel(t.Context())
	w.round()
	if s := w.status(); s.Size != 8192 || s.HeadSize != 0 {
		t.Fatalf("%d entries were read, and the head of %d was reached", s.Size, s.HeadSize)
	}
	cancel()
	if err := w.Logs()[0].Receive(ctx, f.note(6), "somebody"); err == nil {
		t.Error("who left is told that all is well")
	}
	w.wantAlarms()
	if err := w.Logs()[0].Receive(t.Context(), f.note(6), "somebody"); err != nil {
		t.Fatal(err)
	}
	w.wantAlarms(monitor.Rewrite)
	w.wantFork(w.alarms()[0], k)
	log.show(h.shows(h.size()))
	w.round()
	w.wantSize(h.size())
}
