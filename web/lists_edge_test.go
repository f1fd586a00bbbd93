package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/monitor/status"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
	"github.com/attestlog/attestlog/web/webtest"
)

// TestEmptyLists: a log without an entry has all of these pages, and each says so.
func TestEmptyLists(t *testing.T) {
	log := webtest.Empty(t)
	for _, policy := range []*verify.Policy{nil, log.Policy} {
		h := viewOf(t, log, func(c *Config) { c.Policy = policy })
		wantTexts(t, h, "/sources", 200, "No source is registered yet.")
		wantTexts(t, h, "/sources/gateway/eu-1", 404, "No source of this name")
		wantTexts(t, h, "/statements", 200, "No statement is registered yet")
		wantTexts(t, h, "/heads", 200, "The log has published no head yet")
		wantTexts(t, h, "/heads/1", 404, "published no head of exactly 1 entries")
		wantTexts(t, h, "/consistency", 200, "The log has published no head yet.")
		wantTexts(t, h, "/consistency?from=1&to=1", 404)
		wantTexts(t, h, "/monitors", 200, "This viewer asks no monitor.", "attestlog-monitor serve")
		wantTexts(t, h, "/proving", 200, "Nothing is deferred in this log", "No worker has been seen")
	}
}

// TestHostileLists: texts that try to break out of a page stay texts.
func TestHostileLists(t *testing.T) {
	log := webtest.Hostile(t)
	_, url := follow(t, log)
	h := viewOf(t, log, func(c *Config) { c.Monitors = []Monitor{asked(t, log, `<script>alert(1)</script>`, url)} })
	targets := []string{"/sources", "/statements", "/heads", "/monitors", "/proving", "/consistency"}
	law := newLaw(t, log)
	for _, name := range law.sources() {
		targets = append(targets, "/sources/"+name)
	}
	for _, s := range law.statements() {
		targets = append(targets, "/statements/"+s.ID.String())
	}
	forbidden := regexp.MustCompile(`(?i)<script|<img|<base|<form action="https|<a [^>]*href="?(javascript|https?):|[\x{202a}-\x{202e}\x{2066}-\x{2069}\x{200b}-\x{200f}]|\sstyle=`)
	for _, target := range targets {
		res, body := get(t, h, "GET", target)
		if res.StatusCode != 200 {
			t.Errorf("%s: status %d: %s", target, res.StatusCode, plainText(body))
		}
		if found := forbidden.FindString(body); found != "" {
			t.Errorf("%s has %q", target, found)
		}
		if len(body) > 512<<10 {
			t.Errorf("%s has %d bytes", target, len(body))
		}
	}
	if len(targets) < 10 {
		t.Errorf("only %d pages were looked at", len(targets))
	}
	wantTexts(t, h, "/sources/"+webtest.LongSource(), 200)
	for _, target := range []string{"/sources?after=%3Cscript%3E", "/heads?before=1%22%3E", "/statements?from=%00", "/consistency?from=%3C&to=%3E"} {
		if _, body := get(t, h, "GET", target); forbidden.MatchString(body) {
			t.Errorf("%s: what is asked for gets into the page", target)
		}
	}
}

// newLaw is the law of a log, as a viewer of it folds it.
func newLaw(t *testing.T, log *webtest.Log) *lawState {
	t.Helper()
	v, err := newViewer(Config{Log: log.Connect()})
	if err != nil {
		t.Fatal(err)
	}
	state, err := v.law.state(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// TestForkedMonitors has the log's key sign two histories: a monitor brings evidence, which stands on every page and can be taken home; and one that was shown
// the other history is found out by the viewer's own comparison.
func TestForkedMonitors(t *testing.T) {
	log := webtest.Full(t)
	_, fine := follow(t, log)
	m, url := follow(t, log)
	splitView(t, log, m, 40)
	regulator := asked(t, log, "the regulator", url)
	h := viewOf(t, log, func(c *Config) {
		c.Monitors = []Monitor{asked(t, log, "the university", fine), regulator, asked(t, log, "the deaf", "http://127.0.0.1:1")}
	})
	var id string
	var alarm status.Alarm
	for key := range regulator.Status(t.Context()).Forks {
		id = key
	}
	if s := regulator.Status(t.Context()).Standing; len(s.Alarms) != 1 || s.Alarms[0].ID != id {
		t.Fatalf("the regulator's alarms are %+v, and its evidence is %q", s.Alarms, id)
	} else {
		alarm = s.Alarms[0]
	}
	body := wantTexts(t, h, "/monitors", 200, "3 monitors", "Heard from the regulator fork 149", "the deaf missing – none never the university fresh",
		"This viewer checked the evidence under the log’s key.", "attestlog verify-fork fork-"+id+".fork --log-key log.pub", "it can’t be reached", "it came from somebody who reads the log")
	if strings.Contains(body, "<h2 id=\"monitor-0\"><bdi>the university") {
		t.Error("the monitor with an alarm isn't first")
	}
	for _, target := range []string{"/sources", "/proving", "/nowhere"} {
		if _, body := get(t, h, "GET", target); !strings.Contains(body, `href="/monitors#alarm-`+id+`"`) {
			t.Errorf("%s has no banner", target)
		}
	}
	res, file := get(t, h, "GET", "/monitors/evidence/"+id)
	fork, err := verify.ParseFork([]byte(file))
	if err == nil {
		_, err = fork.Check(log.Key)
	}
	if err != nil || !strings.Contains(res.Header.Get("Content-Disposition"), id) {
		t.Errorf("the evidence: %v, %v", err, res.Header)
	}
	kept, err := m.Evidence(webtest.Origin, alarm.Evidence[0])
	if err != nil || !bytes.Equal(kept, []byte(file)) {
		t.Errorf("it isn't what the monitor keeps: %v", err)
	}

	// Another one that has the same evidence raises the same alarm: it stands once above the pages, and below the name of each.
	again, againURL := follow(t, log)
	splitView(t, log, again, 40)
	both := viewOf(t, log, func(c *Config) { c.Monitors = []Monitor{regulator, asked(t, log, "the ministry", againURL)} })
	_, page := get(t, both, "GET", "/monitors")
	if strings.Count(page, "the regulator and the ministry") != 1 || !strings.Contains(page, `id="alarm-`+id+`"`) || !strings.Contains(page, `id="alarm-`+id+`-1"`) {
		t.Errorf("two monitors with one alarm:\n%s", page)
	}

	// The monitor's own viewer shows the same.
	wantTexts(t, viewOf(t, log, func(c *Config) { c.Monitors = []Monitor{NewLocalMonitor("this monitor", log.Key, m, nil)} }), "/monitors", 200,
		"this monitor fork 149", "This viewer checked the evidence under the log’s key.")

	// One that says it reached a head that nobody here was shown, without an alarm of its own.
	other, err := verify.SignHead(log.Signer, 30, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	said := NewLocalMonitor("the cheated", log.Key, &paperWatcher{report: status.Report{Logs: []status.Standing{{Log: webtest.Origin, Size: 30, HeadSize: 30, Head: string(other), HeadSeen: 1, Alarms: []status.Alarm{}}}}}, time.Now)
	stranger := logtest.New(t, webtest.Origin)
	lying := NewLocalMonitor("the liar", log.Key, &paperWatcher{report: status.Report{Logs: []status.Standing{{Log: webtest.Origin, Head: string(stranger.History(9, 9, "").Head(9)), Alarms: []status.Alarm{}}}}}, time.Now)
	elsewhere := NewLocalMonitor("elsewhere", log.Key, &paperWatcher{report: status.Report{Logs: []status.Standing{}}}, time.Now)
	h = viewOf(t, log, func(c *Config) { c.Monitors = []Monitor{elsewhere, lying, said} })
	wantTexts(t, h, "/monitors", 200, "the cheated fork", "It saw another history than the one that is shown here.", "It isn’t signed by this log’s key.", "It doesn’t watch this log.")
	if _, body := get(t, h, "GET", "/sources"); !strings.Contains(body, "the cheated was shown a head of 30 entries that is of another history") {
		t.Errorf("no banner after the viewer found two histories:\n%s", body)
	}
	wantTexts(t, h, "/heads", 200, "the cheated monitor 30", "fork It is another history")
}

// TestMonitorsWithoutTheLog: whoever watches the log is shown when it doesn't answer.
func TestMonitorsWithoutTheLog(t *testing.T) {
	log := logtest.New(t, paperOrigin)
	p := &paperWatcher{report: status.Report{Logs: []status.Standing{{Log: paperOrigin, Alarms: []status.Alarm{alarmOf(status.Unreachable, firstID, "")}, Trouble: []string{"unreachable: http://log.example/"},
		Beyond: map[status.Kind]int64{"stale": 3}}}}}
	v := newPaper(t, func(c *Config, paper *paperLog) {
		c.Monitors = []Monitor{NewLocalMonitor("north", log.Key, p, func() time.Time { return noon })}
		paper.heads = func() ([]client.PublishedHead, error) { return nil, errors.New("no network") }
	})
	wantTexts(t, v.routes(), "/monitors", 200, "north trouble", "It raised alarms that an outage may explain.", "The log showed no head for a long time.", "unreachable: http://log.example/",
		"what <the monitor> ⟨U+202E⟩says", "3 further alarms of the kind stale")
}

// TestUnlawfulList: where the log lists an entry about keys that its law forbids, no page shows what follows from it.
func TestUnlawfulList(t *testing.T) {
	log := webtest.Full(t)
	honest := log.Connect()
	v, err := newViewer(Config{Log: &leftOut{Client: honest, drop: log.At(webtest.SourceRegistered)}})
	if err != nil {
		t.Fatal(err)
	}
	wantTexts(t, v.routes(), "/sources/gateway/eu-1", 502, "The log said what an honest log can’t", "its law forbids")
}

// leftOut is a log that leaves an entry out of its lists.
type leftOut struct {
	*client.Client
	drop int64
}

func (l *leftOut) Entries(ctx context.Context, q client.Query) (client.Page, error) {
	page, err := l.Client.Entries(ctx, q)
	var kept []*verify.Entry
	for _, e := range page.Entries {
		if e.Index != l.drop {
			kept = append(kept, e)
		}
	}
	page.Entries = kept
	return page, err
}

// TestRhythm: what a source's habit is, and when it breaks it.
func TestRhythm(t *testing.T) {
	day := func(days ...int64) *rhythm {
		e := &verify.Entry{Leaf: &event.Leaf{Logged: days[0] * msPerDay}}
		return &rhythm{seq: 9, last: e, days: days}
	}
	for _, c := range []struct {
		r      *rhythm
		silent int64 // days
		pause  int64
		want   bool
	}{
		{day(100, 99, 98, 97, 96), 1, 1, false},
		{day(100, 99, 98, 97, 96), 2, 1, false},
		{day(100, 99, 98, 97, 96), 3, 1, true},
		{day(100, 97, 96, 95, 94), 6, 3, false}, // a week-end
		{day(100, 97, 96, 95, 94), 7, 3, true},
		{day(100, 10, 9, 8, 7), 180, 90, false},
		{day(100, 99, 98, 97), 1000, 0, false}, // no habit yet
		{day(100), 1000, 0, false},
		{&rhythm{}, 1000, 0, false},
	} {
		now := time.UnixMilli((100 + c.silent) * msPerDay)
		if got := c.r.overdue(now); got != c.want || c.r.pause() != c.pause {
			t.Errorf("on days %v and then silent for %d days: overdue %v, a pause of %d", c.r.days, c.silent, got, c.r.pause())
		}
	}
}

// TestQueueWords: what is said of a queue of proofs.
func TestQueueWords(t *testing.T) {
	lately, once := noon.Add(-time.Second), noon.Add(-time.Hour)
	for _, c := range []struct {
		q    client.ProvingQueue
		mark string
	}{
		{client.ProvingQueue{}, "idle"},
		{client.ProvingQueue{Waiting: 3, Running: 1, Served: lately}, "running"},
		{client.ProvingQueue{Waiting: 3, Served: lately}, "waiting"},
		{client.ProvingQueue{Waiting: 3, Served: once}, "trouble"},
		{client.ProvingQueue{Waiting: 3}, "trouble"},
		{client.ProvingQueue{Waiting: 3, Running: 1, Failing: 1, Served: lately}, "trouble"},
	} {
		if row := queueOf(c.q, noon); row.Mark != c.mark {
			t.Errorf("%+v is %s: %s", c.q, row.Mark, row.Words)
		}
	}
	if got := fmt.Sprint(seconds(1500*time.Millisecond), " ", seconds(90*time.Second)); got != "1.5 s 1m30s" {
		t.Errorf("durations are written %s", got)
	}
}
