package monitor_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/monitor/status"
)

// TestReport asks a monitor as a viewer does: before anything is wrong, and with a fork.
func TestReport(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 20)
	log := serveLog(t, h.shows(h.size()))
	peer := watch(t, k, log.URL)
	peerURL := serveAt(t, "127.0.0.1", peer.Monitor)
	gone, err := net.Listen("tcp", "127.0.0.1:0") // an address where nobody answers
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	w := watch(t, k, log.URL)
	w.cfg.Peers, w.cfg.Version = []string{peerURL, "http://user:secret@" + gone.Addr().String() + "/", "http://127.0.0.1:1"}, "v9"
	begun := w.clock.now().UnixMilli()
	w.clock.move(time.Hour)
	w.again()
	w.round()
	url := serveAt(t, "127.0.0.1", w.Monitor)
	client, err := status.NewClient(url, &http.Client{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(log string) *status.Report {
		t.Helper()
		r, err := client.Report(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if err := w.Exchange(t.Context(), peerURL); err != nil {
		t.Fatal(err)
	}
	if err := w.Exchange(t.Context(), w.cfg.Peers[1]); err == nil {
		t.Fatal("a peer that is gone answers")
	}
	r := ask(origin)
	now := w.clock.now().UnixMilli()
	s, ok := r.Of(origin)
	if !ok || r.Version != "v9" || r.Time != now || r.Since != now || s.Since != begun || !s.Law || s.Size != h.size() || s.HeadSize != h.size() || s.HeadSeen != now ||
		s.Head != string(h.note(h.size())) || s.Contact != now || s.Raised() != 0 {
		t.Errorf("the report is %+v", r)
	}
	if p := r.Peers; len(p) != 3 || p[0] != (status.Peer{URL: peerURL, Asked: now, Spoke: now}) || p[1].Spoke != 0 || !p[1].Trouble || p[2].Asked != 0 ||
		strings.Contains(p[1].URL, "secret") {
		t.Errorf("of its peers it says %+v", p)
	}
	if r := ask("other.example/log"); len(r.Logs) != 0 {
		t.Errorf("of a log that it doesn't follow it says %+v", r.Logs)
	}
	if r := ask(""); len(r.Logs) != 1 {
		t.Errorf("of all logs it says %+v", r.Logs)
	}

	w.clock.move(time.Minute) // nothing is new, but that the log answers
	w.round()
	if s, _ := ask(origin).Of(origin); s.Contact != w.clock.now().UnixMilli() || s.HeadSeen != now {
		t.Errorf("after another round it is %+v", s)
	}

	other := h.branch()
	claims := access(data)
	claims.Records = 9
	other.say("gateway/1", claims)
	h.accesses(data, 1)
	log.show(h.shows(h.size()))
	w.round()
	if err := w.Logs()[0].Receive(t.Context(), other.note(other.size()), "client"); err != nil {
		t.Fatal(err)
	}
	s, _ = ask(origin).Of(origin)
	if len(s.Alarms) == 0 || !s.Alarms[0].Kind.TwoHistories() {
		t.Fatalf("the alarms are %+v", s.Alarms)
	}
	a := s.Alarms[0]
	got, err := client.Evidence(t.Context(), &a, a.Evidence[0])
	if err != nil || !bytes.Equal(got, w.evidence(a, ".fork")) {
		t.Errorf("the evidence is served as %q, %v", got, err)
	}
	if _, err := w.Evidence(origin, "journal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is no evidence gives %v", err)
	}
}
