package monitor_test

import (
	"crypto/ed25519"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/verify"
)

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.UnixMilli(1_800_000_000_000)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// watcher is a monitor of one log.
type watcher struct {
	*monitor.Monitor
	t     testing.TB
	clock *clock
	dir   string
	cfg   monitor.Config
}

func source(t testing.TB, url string) monitor.Source {
	t.Helper()
	s, err := monitor.NewHTTPSource(url, &http.Client{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// watch opens a monitor of an attestlog log.
func watch(t testing.TB, k *logKey, urls ...string) *watcher {
	t.Helper()
	w := &watcher{t: t, clock: newClock(), dir: t.TempDir()}
	lc := monitor.LogConfig{Key: k.key, Law: true}
	for _, url := range urls {
		lc.Sources = append(lc.Sources, source(t, url))
	}
	w.cfg = monitor.Config{Dir: w.dir, Logs: []monitor.LogConfig{lc}, Patience: time.Minute, Unreachable: time.Hour, Now: w.clock.now}
	w.open()
	t.Cleanup(func() { w.Close() })
	return w
}

func (w *watcher) open() {
	w.t.Helper()
	m, err := monitor.Open(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Monitor = m
}

// again closes the monitor and opens it anew.
func (w *watcher) again() {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func (w *watcher) round() {
	w.t.Helper()
	if err := w.Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// lasting are rounds between which patience ends.
func (w *watcher) lasting() {
	w.t.Helper()
	w.round()
	w.clock.move(2 * time.Minute)
	w.round()
}

func (w *watcher) status() *monitor.Status { return w.Status()[0] }

func (w *watcher) alarms() []monitor.Alarm { return w.status().Alarms }

// wantAlarms fails unless exactly these kinds were raised, in order.
func (w *watcher) wantAlarms(kinds ...monitor.Kind) {
	w.t.Helper()
	var got []monitor.Kind
	var details []string
	for _, a := range w.alarms() {
		got, details = append(got, a.Kind), append(details, a.Detail)
	}
	if !slices.Equal(got, kinds) {
		w.t.Fatalf("alarms %v, want %v\n%s", got, kinds, strings.Join(details, "\n"))
	}
}

func (w *watcher) wantSize(size int64) {
	w.t.Helper()
	if s := w.status(); s.Size != size {
		w.t.Fatalf("%d entries were read, want %d; trouble: %q", s.Size, size, s.Trouble)
	}
}

// evidence reads a file of an alarm's, by its suffix.
func (w *watcher) evidence(a monitor.Alarm, suffix string) []byte {
	w.t.Helper()
	for _, name := range a.Evidence {
		if strings.HasSuffix(name, suffix) {
			b, err := os.ReadFile(filepath.Join(w.dir, monitor.LogDir(origin), name))
			if err != nil {
				w.t.Fatal(err)
			}
			return b
		}
	}
	w.t.Fatalf("alarm %s has no evidence %s, but %q", a.Kind, suffix, a.Evidence)
	return nil
}

// wantFork fails unless an alarm's evidence convinces whoever knows the log's key.
func (w *watcher) wantFork(a monitor.Alarm, k *logKey) *verify.ForkReport {
	w.t.Helper()
	f, err := verify.ParseFork(w.evidence(a, ".fork"))
	if err != nil {
		w.t.Fatal(err)
	}
	report, err := f.Check(k.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// accesses appends events of the gateway's.
func (h *history) accesses(data event.Digest, n int) {
	for range n {
		h.say("gateway/1", access(data))
	}
}

func TestFollow(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	log := serveLog(t, h.shows(0))
	w := watch(t, k, log.URL)
	w.round()
	w.wantSize(0)
	for _, more := range []int{0, 3, 500, 1, 300, 70} {
		h.accesses(data, more)
		log.show(h.branch().shows(h.size()))
		w.round()
		w.wantSize(h.size())
		w.wantAlarms()
		if more == 500 {
			w.again()
			w.wantSize(h.size())
		}
		if w.status().HeadSize != h.size() || w.status().Head != string(h.note(h.size())) {
			t.Fatalf("the head is %q", w.status().Head)
		}
	}
	// Every head that the log ever signed fits.
	for size := range h.size() + 1 {
		if err := w.Logs()[0].Receive(t.Context(), h.note(size), "somebody"); err != nil {
			t.Fatal(err)
		}
	}
	w.wantAlarms()
	w.again()
	w.round()
	w.wantAlarms()
	status, err := monitor.ReadStatus(w.dir)
	if err != nil || len(status) != 1 || status[0].Size != h.size() || status[0].Log != origin {
		t.Errorf("the directory says %+v, %v", status, err)
	}
}

func TestLogWithoutLaw(t *testing.T) {
	k := newLogKey(t)
	h := newHistory(t, k)
	for i := range 700 {
		h.write(fmt.Appendf(nil, "anything %d", i))
	}
	log := serveLog(t, h.shows(600))
	w := watch(t, k, log.URL)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.cfg.Logs[0].Law = false
	w.cfg.Dir = t.TempDir()
	w.open()
	w.round()
	w.wantSize(600)
	log.show(h.shows(700))
	w.round()
	w.wantSize(700)
	w.wantAlarms()
	// What was only rebuilt can't count as judged.
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.cfg.Logs[0].Law = true
	if m, err := monitor.Open(w.cfg); err == nil || !strings.Contains(err.Error(), "begin anew") {
		t.Errorf("opened as a log with a law: %v, %v", m, err)
	}
	w.cfg.Logs[0].Law = false
	w.open()
}

// TestExtensionLines follows a log of others whose heads have extension lines, another one each time (C2SP tlog-checkpoint allows them). They say nothing, and
// excuse nothing. A log under our law has none.
func TestExtensionLines(t *testing.T) {
	k := newLogKey(t)
	h := newHistory(t, k)
	for i := range 500 {
		h.write(fmt.Appendf(nil, "anything %d", i))
	}
	cosigner, policy := newTimedCosigner(t, "witness.example/w")
	w := watch(t, k, "http://127.0.0.1:1/")
	show := func(h *history, size int64, extension string) *view {
		t.Helper()
		v := h.branch().shows(size)
		text, _, _ := strings.Cut(string(h.note(size)), "\n\n")
		cosigner.at = w.clock.now()
		signed, err := note.Sign(&note.Note{Text: text + "\n" + extension}, h.signer, cosigner)
		if err != nil {
			t.Fatal(err)
		}
		v.head = signed
		return v
	}
	log := serveLog(t, show(h, 300, "Timestamp: 1\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.cfg.Logs[0].Sources = []monitor.Source{source(t, log.URL)}
	w.cfg.Logs[0].Law, w.cfg.Logs[0].Policy = false, policy
	w.open()
	w.round()
	w.wantSize(300)
	first := w.status().Head
	if !strings.Contains(first, "Timestamp: 1\n") || !strings.Contains(first, "— witness.example/w ") {
		t.Errorf("the head that is kept is %q", first)
	}
	log.show(show(h, 300, "Timestamp: 2\nand more\n"))
	w.lasting()
	if again := w.status().Head; again != first {
		t.Errorf("of one tree there is a second note: %q", again)
	}
	log.show(show(h, 500, ""))
	w.round()
	w.again()
	w.wantSize(500)
	w.wantAlarms()
	f := h.rebuild(h.leaves[:499])
	f.write([]byte("something else"))
	log.show(show(f, 500, "Timestamp: 3\n"))
	w.round()
	w.wantAlarms(monitor.Fork)
	w.wantFork(w.alarms()[0], k)

	// What reads as a head of others is none of ours.
	ours, data := founded(t, k)
	ours.accesses(data, 3)
	strict := watch(t, k, serveLog(t, show(ours, ours.size(), "Timestamp: 1\n")).URL)
	strict.lasting()
	strict.wantAlarms(monitor.BadHead)
}

// TestHeads has a log sign and serve what it should not. All begin with an honest log of 300 entries, which the monitor has read.
func TestHeads(t *testing.T) {
	for _, tc := range []struct {
		name string
		kind monitor.Kind
		then func(honest *history, data event.Digest) *view
		fork bool // the evidence convinces others
	}{
		{"forks: another root for the same size", monitor.Fork, func(h *history, data event.Digest) *view {
			f := cut(h, 299)
			f.accesses(data, 1)
			f.leaves[299][len(f.leaves[299])-2] ^= 1
			return f.rebuild(f.leaves).shows(300)
		}, true},
		{"rewrites: a larger tree that doesn't continue it", monitor.Rewrite, func(h *history, _ event.Digest) *view {
			leaves := slices.Clone(h.leaves)
			leaves[100], leaves[101] = leaves[101], leaves[100]
			f := h.rebuild(leaves)
			f.write(h.leaves[299])
			return f.shows(301)
		}, true},
		{"rewrites the past in a smaller tree", monitor.Rewrite, func(h *history, _ event.Digest) *view {
			leaves := slices.Clone(h.leaves[:200])
			leaves[7] = h.leaves[8]
			return h.rebuild(leaves).shows(200)
		}, true},
		{"drops an entry", monitor.Rewrite, func(h *history, data event.Digest) *view {
			h.accesses(data, 2) // and goes on as if nothing had happened
			return h.rebuild(slices.Delete(slices.Clone(h.leaves), 50, 51)).shows(301)
		}, true},
		{"rolls back", monitor.Rollback, func(h *history, _ event.Digest) *view { return h.shows(250) }, false},
		{"withholds a bundle", monitor.Withheld, func(h *history, data event.Digest) *view {
			h.accesses(data, 300)
			v := h.shows(600)
			v.bend = func(path string, b []byte) []byte {
				if strings.HasPrefix(path, "tile/entries/002") || strings.HasPrefix(path, "tile/entries/001") {
					return nil
				}
				return b
			}
			return v
		}, false},
		{"withholds hash tiles", monitor.Withheld, func(h *history, data event.Digest) *view {
			h.accesses(data, 300)
			v := h.shows(600)
			v.bend = func(path string, b []byte) []byte {
				if strings.HasPrefix(path, "tile/0/") {
					return nil
				}
				return b
			}
			return v
		}, false},
		{"alters a leaf that it serves", monitor.Altered, func(h *history, data event.Digest) *view {
			h.accesses(data, 300)
			v := h.shows(600)
			v.bend = func(path string, b []byte) []byte {
				if path == "tile/entries/001" {
					b[len(b)-3] ^= 1
				}
				return b
			}
			return v
		}, false},
		{"serves entries in another order than its tree has", monitor.Altered, func(h *history, data event.Digest) *view {
			h.accesses(data, 300)
			other := h.rebuild(h.leaves)
			other.leaves = slices.Clone(h.leaves)
			other.leaves[520], other.leaves[521] = h.leaves[521], h.leaves[520]
			v := h.shows(600)
			v.bend = func(path string, b []byte) []byte {
				if strings.HasPrefix(path, "tile/entries/") {
					return other.tile(path, 600)
				}
				return b
			}
			return v
		}, false},
		{"serves a bundle cut short", monitor.Altered, func(h *history, data event.Digest) *view {
			h.accesses(data, 300)
			v := h.shows(600)
			v.bend = func(path string, b []byte) []byte {
				if path == "tile/entries/001" {
					b = b[:len(b)-5]
				}
				return b
			}
			return v
		}, false},
		{"signs a root that its tiles don't lead to", monitor.Tiles, func(h *history, data event.Digest) *view {
			h.accesses(data, 10)
			v := h.shows(310)
			v.head = h.signed(310, [32]byte{1, 2, 3})
			return v
		}, false},
		{"promises entries that there aren't", monitor.Withheld, func(h *history, _ event.Digest) *view {
			v := h.shows(300)
			v.head = h.signed(1<<40, [32]byte{1, 2, 3})
			return v
		}, false},
		{"serves a head that it didn't sign", monitor.BadHead, func(h *history, _ event.Digest) *view {
			v := h.shows(300)
			v.head = append(h.note(300), '\n')
			return v
		}, false},
		{"is gone", monitor.Unreachable, func(h *history, _ event.Digest) *view {
			v := h.shows(300)
			v.bend = func(string, []byte) []byte { return nil }
			return v
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := newLogKey(t)
			h, data := founded(t, k)
			h.accesses(data, 295)
			log := serveLog(t, h.branch().shows(300))
			w := watch(t, k, log.URL)
			w.cfg.Unreachable = time.Minute
			w.again()
			w.round()
			w.wantSize(300)
			w.wantAlarms()
			log.show(tc.then(h, data))
			if !tc.fork {
				w.round() // it may pass by itself
				w.wantAlarms()
				w.clock.move(2 * time.Minute)
			}
			w.round()
			w.wantAlarms(tc.kind)
			w.wantSize(300)
			if tc.fork {
				w.wantFork(w.alarms()[0], k)
			}
			// The alarm is latched: once, whatever comes, and after a restart.
			w.round()
			w.wantAlarms(tc.kind)
			w.again()
			w.wantAlarms(tc.kind)
			// The honest log comes back, and is followed.
			honest := h.branch()
			honest.accesses(data, 20)
			log.show(honest.shows(honest.size()))
			w.round()
			w.wantSize(honest.size())
			if tc.kind == monitor.Tiles { // by now it is known what the root should have been
				w.wantAlarms(monitor.Tiles, monitor.Rewrite)
				w.wantFork(w.alarms()[1], k)
				return
			}
			w.wantAlarms(tc.kind)
		})
	}
}

// cut is the history of the first so many entries.
func cut(h *history, size int) *history {
	f := h.rebuild(h.leaves[:size])
	for name, chain := range h.chains {
		f.chains[name] = chain
	}
	return f
}

func revoke(source string) *event.SourceClaims {
	return &event.SourceClaims{Action: event.SourceRevoke, Source: source, Key: public(source)}
}

func rotate(source, to string) *event.SourceClaims {
	return &event.SourceClaims{Action: event.SourceRotate, Source: source, Key: public(to),
		Consent: ed25519.Sign(key(to), event.ConsentMessage(origin, source, public(to), nil, ""))}
}
