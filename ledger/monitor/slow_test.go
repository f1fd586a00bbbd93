package monitor_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/monitor"
)

// hangs makes requests for a path of a view that is served wait until the test ends. began has an element for the first of them.
func (v *view) hangs(t *testing.T, path string) (began <-chan struct{}) {
	signal, end := make(chan struct{}, 1), make(chan struct{})
	t.Cleanup(func() { close(end) })
	v.bend = func(asked string, b []byte) []byte {
		if asked == path {
			select {
			case signal <- struct{}{}:
			default:
			}
			<-end
		}
		return b
	}
	return signal
}

// TestSilentAddress has one of a log's addresses take requests and never answer: the log is followed by the others.
func TestSilentAddress(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 10)
	silent := h.shows(h.size())
	mute, well := serveLog(t, silent), serveLog(t, h.shows(h.size()))
	silent.hangs(t, "checkpoint")
	w := watch(t, k, mute.URL, well.URL)
	first, err := monitor.NewHTTPSource(mute.URL, &http.Client{}) // whose requests have no limit of their own
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Logs[0].Sources[0], w.cfg.HeadTime = first, 50*time.Millisecond
	w.again()
	w.round()
	w.wantSize(h.size())
	if s := w.status(); len(s.Trouble) != 1 || !strings.HasPrefix(s.Trouble[0], "unreachable: "+mute.URL) {
		t.Errorf("the trouble is %q", s.Trouble)
	}
	w.clock.move(2 * time.Hour)
	w.round()
	w.wantAlarms(monitor.Unreachable)
}

// TestSlowEvidence has a log that doesn't give what proves its unlawful entries: the monitor waits for that once, not for each of them.
func TestSlowEvidence(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	for range 10 {
		h.say("nobody/1", access(data))
	}
	h.accesses(data, 600) // so that the first tile isn't read but for a proof
	v := h.shows(h.size())
	log := serveLog(t, v)
	began := v.hangs(t, "tile/0/000")
	w := watch(t, k, log.URL)
	w.cfg.EvidenceTime = 50 * time.Millisecond
	w.again()
	w.round()
	w.wantSize(h.size())
	select {
	case <-began:
	default:
		t.Fatal("the log wasn't asked for a proof")
	}
	if s := w.status(); len(s.Alarms) != 10 || len(w.evidence(s.Alarms[9], ".note")) == 0 {
		t.Errorf("there are %d alarms", len(s.Alarms))
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if n := log.asked["tile/0/000"]; n != 1 {
		t.Errorf("it was asked %d times for what it doesn't give", n)
	}
}

// TestWellWhileEvidenceIsMade asks how the monitor is while a log takes its time to give evidence against itself.
func TestWellWhileEvidenceIsMade(t *testing.T) {
	k := newLogKey(t)
	h, f, v := overAChunk(t, k)
	log := serveLog(t, v)
	w := watch(t, k, log.URL)
	w.round()
	w.wantSize(8192)
	slow := h.shows(h.size())
	log.show(slow)
	began := slow.hangs(t, "tile/0/000")

	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.Logs()[0].Receive(ctx, f.note(6), "somebody")
	}()
	t.Cleanup(func() { leave(); <-done })
	select {
	case <-began:
	case <-done:
		t.Fatal("no evidence had to be made")
	}
	answer := httptest.NewRecorder()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		w.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
	}()
	select {
	case <-asked:
	case <-time.After(10 * time.Second): // of the 30 s that the evidence may take
		t.Fatal("nobody hears how the monitor is")
	}
	if answer.Code != http.StatusOK {
		t.Errorf("it answers %d %s", answer.Code, answer.Body)
	}
}
