package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/monitor/status"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// paperWatcher is a monitor that says what a test says, over HTTP and in the process.
type paperWatcher struct {
	report   status.Report
	evidence map[string][]byte
	asked    atomic.Int64 // for evidence
}

func (p *paperWatcher) Report(string) *status.Report { return &p.report }

func (p *paperWatcher) Evidence(_, name string) ([]byte, error) {
	p.asked.Add(1)
	b, ok := p.evidence[name]
	if !ok {
		return nil, fmt.Errorf("no %s", name)
	}
	return b, nil
}

func (p *paperWatcher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/status" {
		_ = json.NewEncoder(w).Encode(p.report)
		return
	}
	b, err := p.Evidence("", "evidence/"+r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	if err != nil {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(b)
}

const paperOrigin = "log.example/paper"

// forked makes evidence that a log's key signed two histories: a head of size, and one of more.
func forked(t *testing.T, log *logtest.Log, size, more int64) []byte {
	t.Helper()
	left, right := log.History(more, more, ""), log.History(more, 2, "other")
	a, err := verify.OpenHead(left.Head(size), log.Key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := verify.OpenHead(right.Head(more), log.Key)
	if err != nil {
		t.Fatal(err)
	}
	fork, err := verify.ProveFork(t.Context(), a, b, log.Key, right.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	return fork.Encode()
}

func alarmOf(kind status.Kind, id, suffix string) status.Alarm {
	a := status.Alarm{ID: id, Log: paperOrigin, Kind: kind, Time: noon.UnixMilli(), Detail: "what <the monitor> \u202esays"}
	if suffix != "" {
		a.Evidence = []string{"evidence/" + string(kind) + "-" + id + suffix}
	}
	return a
}

const (
	firstID  = "0000000000000001"
	secondID = "0000000000000002"
	thirdID  = "0000000000000003"
)

// TestRemoteMonitor asks a monitor over HTTP: while all is well, with two histories of which one alarm's evidence is worth nothing, and when it is gone.
func TestRemoteMonitor(t *testing.T) {
	log := logtest.New(t, paperOrigin)
	other := logtest.New(t, paperOrigin)
	p := &paperWatcher{evidence: map[string][]byte{}}
	p.report = status.Report{Version: "v1", Since: 5, Logs: []status.Standing{{Log: paperOrigin, Size: 7, Alarms: []status.Alarm{}}}, Peers: []status.Peer{{URL: "http://peer.example"}}}
	server := httptest.NewServer(p)
	defer server.Close()
	at := noon
	m := remote(t, server.URL, log.Key, &at)
	if s := m.Status(t.Context()); s.heard() || s.Trouble != "" || m.Name() != strings.TrimPrefix(server.URL, "http://") {
		t.Errorf("before it was asked it is %+v", s)
	}
	m.Ask(t.Context())
	if s := m.Status(t.Context()); !s.Answered.Equal(noon) || s.Version != "v1" || s.Since != 5 || s.Standing.Size != 7 || len(s.Peers) != 1 || len(s.Forks) != 0 {
		t.Errorf("it is %+v", s)
	}
	p.report.Logs[0].Alarms = []status.Alarm{alarmOf(status.Rewrite, firstID, ".fork"), alarmOf(status.Fork, secondID, ".fork"), alarmOf(status.Rewrite, thirdID, ".fork")}
	p.evidence["evidence/rewrite-"+firstID+".fork"] = forked(t, log, 3, 7)
	p.evidence["evidence/fork-"+secondID+".fork"] = forked(t, other, 3, 3) // signed by another key
	m.Ask(t.Context())
	s := m.Status(t.Context())
	if fork := s.Forks[firstID]; len(s.Forks) != 1 || fork.Report == nil || fork.Report.First.Size != 3 || fork.Report.Second.Size != 7 || string(fork.File) != string(p.evidence["evidence/rewrite-"+firstID+".fork"]) {
		t.Errorf("the evidence is %+v", s.Forks)
	}
	// What was looked at is not fetched again; what couldn't be read is.
	asked := p.asked.Load()
	p.evidence["evidence/rewrite-"+thirdID+".fork"] = forked(t, log, 4, 9)
	m.Ask(t.Context())
	if again := m.Status(t.Context()); p.asked.Load() != asked+1 || len(again.Forks) != 2 || len(s.Forks) != 1 {
		t.Errorf("after %d more questions there are %d pieces of evidence, and in the older status %d", p.asked.Load()-asked, len(again.Forks), len(s.Forks))
	}
	server.Close()
	for range 3 {
		at = at.Add(time.Minute)
		m.Ask(t.Context())
	}
	if s := m.Status(t.Context()); s.Trouble != "it can’t be reached" || !s.TroubleSince.Equal(noon.Add(time.Minute)) || !s.Answered.Equal(noon) || !s.Asked.Equal(at) || len(s.Standing.Alarms) != 3 {
		t.Errorf("of a monitor that is gone it says %+v", s)
	}
}

func remote(t *testing.T, url string, key note.Verifier, at *time.Time) *RemoteMonitor {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	m, err := NewRemoteMonitor(RemoteConfig{URL: url, Key: key, HTTP: &http.Client{Transport: transport}, Within: 200 * time.Millisecond, Every: time.Millisecond, Now: func() time.Time { return *at }})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestNoPageWaitsForAMonitor has one that takes a question and never answers.
func TestNoPageWaitsForAMonitor(t *testing.T) {
	log := logtest.New(t, paperOrigin)
	asked := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	at := noon
	m := remote(t, server.URL, log.Key, &at)
	m.cfg.Within = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { m.Run(ctx); close(ended) }()
	<-asked
	v := newPaper(t, func(c *Config, _ *paperLog) { c.Monitors = []Monitor{m} })
	if res, _ := get(t, v.routes(), "GET", "/entries"); res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
	cancel()
	<-ended
	if s := m.Status(t.Context()); s.Trouble != "" {
		t.Errorf("the end of the viewer is taken for trouble: %q", s.Trouble)
	}
	m.cfg.Within = 10 * time.Millisecond
	m.Ask(t.Context())
	if s := m.Status(t.Context()); s.Trouble != "it doesn’t answer in time" {
		t.Errorf("a slow monitor is in the trouble %q", s.Trouble)
	}
}

// TestBanner: what an honest log can't do stands on every page, error pages among them, whoever's monitor it is; outages don't.
func TestBanner(t *testing.T) {
	log := logtest.New(t, paperOrigin)
	p := &paperWatcher{report: status.Report{Logs: []status.Standing{{Log: paperOrigin, Alarms: []status.Alarm{alarmOf(status.Unreachable, firstID, "")}}}}, evidence: map[string][]byte{}}
	m := NewLocalMonitor("north <b>", log.Key, p, func() time.Time { return noon })
	v := newPaper(t, func(c *Config, _ *paperLog) { c.Monitors = []Monitor{m} })
	for _, kind := range []status.Kind{status.Unreachable, status.Stale, status.BadHead, status.Unwitnessed, status.Rollback, status.Withheld, status.Hidden} {
		p.report.Logs[0].Alarms = []status.Alarm{alarmOf(kind, firstID, "")}
		if _, body := get(t, v.routes(), "GET", "/entries"); strings.Contains(body, "caught at") {
			t.Errorf("what an outage or a server that lags may be the cause of is shown as if the log had lied: %s", kind)
		}
		if _, body := get(t, v.routes(), "GET", "/monitors"); !strings.Contains(body, kindWords(kind)) || !strings.Contains(body, "alarms that an outage may explain") {
			t.Errorf("the monitors' page lacks %s:\n%s", kind, body)
		}
	}
	p.report.Logs[0].Alarms = []status.Alarm{alarmOf(status.Rewrite, secondID, ".fork"), alarmOf("bad-signature", thirdID, ".leaf")}
	for _, step := range []struct{ name, want string }{{"unchecked", ">More</a>"}, {"checked", "This viewer checked the evidence: a signed head of 3 entries is not the beginning of the signed tree of 7."}} {
		for _, target := range []string{"/entries", "/nowhere"} {
			_, body := get(t, v.routes(), "GET", target)
			for _, want := range []string{"caught at what an honest log can’t do", "north &lt;b&gt;", "history was rewritten", "breaks the log’s law: bad signature", `href="/monitors#alarm-` + secondID + `"`, step.want} {
				if !strings.Contains(body, want) {
					t.Errorf("%s, %s: the banner lacks %q:\n%s", step.name, target, want, body)
				}
			}
			if word := strings.Contains(body, "A monitor says:"); word != (step.name == "unchecked") {
				t.Errorf("%s, %s: it is told as a monitor's word: %t", step.name, target, word)
			}
		}
		p.evidence["evidence/rewrite-"+secondID+".fork"] = forked(t, log, 3, 7)
	}
	p.report.Logs[0].Alarms = nil
	for i := range 9 {
		p.report.Logs[0].Alarms = append(p.report.Logs[0].Alarms, alarmOf("sequence-gap", fmt.Sprintf("%016x", i), ".leaf"))
	}
	if _, body := get(t, v.routes(), "GET", "/entries"); strings.Count(body, "sequence gap") != maxBanner || !strings.Contains(body, "(And 6 more.)") {
		t.Errorf("many alarms fill the page:\n%s", body)
	}
}

// A monitor whose head can't be compared with what is shown here may be following another log: that it is content means nothing.
func TestContentMonitorOfAnotherKey(t *testing.T) {
	content := MonitorStatus{Standing: status.Standing{Log: paperOrigin, Head: "a note"}, Answered: noon}
	view := monitorView{MonitorStatus: content, Heard: true, Follows: true, Head: comparison{Mark: "verified"}}
	if mark, _ := stateOf(&view, noon); mark != "fresh" {
		t.Errorf("a monitor that follows the log is %s", mark)
	}
	view.Head.Mark = "trouble"
	if mark, why := stateOf(&view, noon); mark != "trouble" {
		t.Errorf("a monitor of another log is %s: %s", mark, why)
	}
}
