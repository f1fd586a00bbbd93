package monitor_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/verify"
)

// from is a client that speaks from an address of this machine.
func from(t testing.TB, address string) *http.Client {
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// serveAt serves a monitor at an address of this machine.
func serveAt(t testing.TB, address string, m *monitor.Monitor) string {
	t.Helper()
	l, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(m.Handler())
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// TestPartition has a log show three histories to three monitors, each at an address of its own. They agree on the beginning, so that
// each alone sees nothing wrong. Two rounds of gossip, and all three have evidence that convinces whoever knows the log's key.
func TestPartition(t *testing.T) {
	k := newLogKey(t)
	common, data := founded(t, k)
	common.accesses(data, 300)
	log := serveLog(t, common.shows(0))
	addresses := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	var monitors []*watcher
	var urls []string
	for i, address := range addresses {
		client := from(t, address)
		s, err := monitor.NewHTTPSource(log.URL, client)
		if err != nil {
			t.Fatal(err)
		}
		w := &watcher{t: t, clock: newClock(), dir: t.TempDir()}
		w.cfg = monitor.Config{Dir: w.dir, Logs: []monitor.LogConfig{{Key: k.key, Law: true, Sources: []monitor.Source{s}}}, HTTP: client, Patience: time.Hour, Now: w.clock.now}
		w.open()
		t.Cleanup(func() { w.Close() })
		monitors, urls = append(monitors, w), append(urls, serveAt(t, address, w.Monitor))

		branch := common.branch()
		branch.say("gateway/1", access(data))
		if i > 0 { // the others' records are other ones
			claims := access(data)
			claims.Records = int64(i)
			branch = common.branch()
			branch.say("gateway/1", claims)
		}
		branch.accesses(data, 40*i) // and their sizes
		log.mu.Lock()
		log.views[address] = branch.shows(branch.size())
		log.mu.Unlock()
	}
	for _, w := range monitors {
		w.round()
		w.wantAlarms()
	}
	for gossiping := range 2 {
		for i, w := range monitors {
			for j, url := range urls {
				if i != j {
					if err := w.Exchange(t.Context(), url); err != nil {
						t.Fatal(err)
					}
				}
			}
			w.round()
		}
		t.Logf("after round %d: %d, %d and %d alarms", gossiping+1, len(monitors[0].alarms()), len(monitors[1].alarms()), len(monitors[2].alarms()))
	}
	for i, w := range monitors {
		if len(w.alarms()) == 0 {
			t.Fatalf("monitor %d has no alarm; trouble: %q", i, w.status().Trouble)
		}
		for _, a := range w.alarms() {
			if a.Kind != monitor.Rewrite && a.Kind != monitor.Fork {
				t.Errorf("monitor %d has the alarm %s: %s", i, a.Kind, a.Detail)
			}
			w.wantFork(a, k)
		}
		w.wantSize(log.views[addresses[i]].size())
		if s := w.status(); i > 0 && (len(s.Trouble) > 0 || s.Pending > 0) {
			t.Errorf("monitor %d still follows up what is known to be of another history: %q, %d heads", i, s.Trouble, s.Pending)
		}
	}
	// Evidence is handed on after a restart, too, and can be fetched.
	monitors[2].again()
	if g := monitors[2].Gossip(); len(g.Forks) == 0 {
		t.Error("the evidence was forgotten")
	}
	a := monitors[0].alarms()[0]
	response, err := http.Get(urls[0] + "/v1/" + strings.Replace(a.Evidence[0], "evidence/", "evidence/"+monitor.LogDir(origin)+"/", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || !bytes.Equal(body, monitors[0].evidence(a, ".fork")) {
		t.Errorf("the evidence is served as %q, %v", body, err)
	}
}

// TestHidden has others be shown heads that a monitor isn't.
func TestHidden(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 50)
	log := serveLog(t, h.branch().shows(20))
	w := watch(t, k, log.URL)
	w.round()
	tell := func(note []byte) {
		t.Helper()
		if err := w.Receive(t.Context(), &verify.Gossip{Checkpoints: [][]byte{note}}, "client"); err != nil {
			t.Fatal(err)
		}
	}
	// One that the log serves all the same is followed up.
	tell(h.note(40))
	served := h.branch().shows(20)
	served.bend = func(path string, b []byte) []byte {
		if path == "checkpoint" {
			return b
		}
		return h.tile(path, 40)
	}
	log.show(served)
	w.round()
	w.wantSize(40)
	w.wantAlarms()
	// One that it doesn't serve is hidden.
	tell(h.note(55))
	w.lasting()
	w.wantAlarms(monitor.Hidden)
	// Until it does.
	log.show(h.branch().shows(55))
	w.round()
	w.wantSize(55)
	if s := w.status(); len(s.Trouble) != 0 || s.Pending != 0 {
		t.Errorf("there is still trouble: %+v", s)
	}
}

// TestPendingFork has two heads contradict each other that a monitor hasn't come to yet.
func TestPendingFork(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	f := h.branch()
	h.accesses(data, 50)
	f.register("other/1", "service")
	f.accesses(data, 49)
	w := watch(t, k, serveLog(t, h.branch().shows(5)).URL)
	w.round()
	if err := w.Receive(t.Context(), &verify.Gossip{Checkpoints: [][]byte{h.note(55), f.note(55)}}, "client"); err != nil {
		t.Fatal(err)
	}
	w.wantAlarms(monitor.Fork)
	w.wantFork(w.alarms()[0], k)
}

func TestGossipOverHTTP(t *testing.T) {
	k, stranger := newLogKey(t), newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 10)
	w := watch(t, k, serveLog(t, h.shows(12)).URL)
	w.round()
	url := serveAt(t, "127.0.0.1", w.Monitor) + "/gossip/checkpoints"
	post := func(body []byte) (int, []byte) {
		t.Helper()
		response, err := http.Post(url, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, b
	}
	strange, _ := founded(t, stranger)
	gossip := verify.Gossip{Checkpoints: [][]byte{h.note(7), strange.note(3), []byte("nonsense"), []byte("other.example\n1\n")}}
	code, body := post(gossip.Encode())
	g, err := verify.ParseGossip(body)
	if code != http.StatusOK || err != nil || len(g.Checkpoints) != 1 || !bytes.Equal(g.Checkpoints[0], h.note(12)) {
		t.Fatalf("the answer is %d %s, %v", code, body, err)
	}
	w.wantAlarms()
	if code, _ := post([]byte("{")); code != http.StatusBadRequest {
		t.Errorf("what is no gossip is answered %d", code)
	}
	if code, _ := post(make([]byte, verify.MaxGossip+1)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("what is too much is answered %d", code)
	}
	var codes []int
	for range 40 {
		code, _ := post([]byte(`{"checkpoints":[]}`))
		codes = append(codes, code)
	}
	if codes[0] != http.StatusOK || !slices.Contains(codes, http.StatusTooManyRequests) {
		t.Errorf("nobody is stopped: %v", codes)
	}
	w.clock.move(time.Minute)
	if code, _ := post([]byte(`{"checkpoints":[]}`)); code != http.StatusOK {
		t.Errorf("nobody is let in again: %d", code)
	}
	response, err := http.Get(strings.TrimSuffix(url, "/gossip/checkpoints") + "/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var status struct{ Logs []monitor.Status }
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil || len(status.Logs) != 1 || status.Logs[0].Size != 12 {
		t.Errorf("the status is %+v, %v", status, err)
	}
	if got := fmt.Sprint(w.Gossip().Checkpoints); got == "" {
		t.Error("there is nothing to tell")
	}
}
