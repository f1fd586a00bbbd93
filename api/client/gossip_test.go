package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// Bundle makes a memLog one that monitors can follow.
func (m *memLog) Bundle(_ context.Context, n int64, width int) (b []byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, leaf := range m.leaves[n*torchwood.TileWidth:][:width] {
		if b, err = torchwood.AppendTileEntry(b, leaf); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// fill has a source log so many further events.
func (m *memLog) fill(t testing.TB, source string, n int) {
	t.Helper()
	for range n {
		m.mu.Lock()
		at, ok := m.chains[source]
		m.mu.Unlock()
		if !ok {
			at = verify.NewChain()
		}
		sub, _ := submission(t, source, at)
		if o := m.Submit(t.Context(), []*event.Submission{sub})[0]; o.Refusal != nil {
			t.Fatal(o.Refusal)
		}
	}
}

// fork is a log under the same key with the same first n entries.
func (m *memLog) fork(t testing.TB, n int) *memLog {
	t.Helper()
	other := m.twin()
	for i := range n {
		if o := other.Submit(t.Context(), []*event.Submission{&m.entry(int64(i)).Decoded.Submission})[0]; o.Refusal != nil {
			t.Fatal(o.Refusal)
		}
	}
	return other
}

// watched is a real monitor of a log, which serves.
type watched struct {
	*monitor.Monitor
	t   testing.TB
	url string
}

func watch(t testing.TB, log *memLog, url string) *watched {
	t.Helper()
	key, err := note.NewVerifier(log.public)
	if err != nil {
		t.Fatal(err)
	}
	source, err := monitor.NewHTTPSource(url, &http.Client{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	m, err := monitor.Open(monitor.Config{Dir: t.TempDir(), Patience: time.Hour, Unreachable: time.Hour,
		Logs: []monitor.LogConfig{{Key: key, Sources: []monitor.Source{source}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(m.Handler())
	t.Cleanup(server.Close)
	w := &watched{m, t, server.URL}
	w.round()
	return w
}

func (w *watched) round() {
	w.t.Helper()
	if err := w.Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// see has a client look at the log's head.
func see(t testing.TB, c *client.Client) {
	t.Helper()
	if _, err := c.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestGossip tells a monitor of heads on both sides of what it read, all of one history.
func TestGossip(t *testing.T) {
	log := newMemLog(t)
	url := serveLog(t, log, nil)
	c, _ := connect(t, url, log.public)
	log.fill(t, "gateway/1", 2)
	see(t, c)
	log.fill(t, "gateway/1", 2)
	m := watch(t, log, url)
	log.fill(t, "gateway/1", 3)
	see(t, c)
	got, err := c.Gossip(t.Context(), m.url+"/")
	if err != nil || got.Given != 2 || len(got.Unconfirmed) > 0 || got.Reason != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	// The monitor read 4 entries, and heard of 7 by now: it says both.
	if len(got.Heard) != 2 || got.Heard[0].Size != 4 || got.Heard[1].Size != 7 {
		t.Errorf("the client heard of %+v", got.Heard)
	}
	m.round()
	if s := m.Status()[0]; s.Size != 7 || len(s.Alarms) > 0 {
		t.Errorf("the monitor is at %d of 7 entries, with alarms %v", s.Size, s.Alarms)
	}
	if got := len(c.Heads()); got != 3 {
		t.Errorf("the client keeps %d heads, want those of 2, 4 and 7 entries", got)
	}
}

// TestGossipFindsFork has a log show a client one history and a monitor another, which begin alike. Whoever of them saw more, both have
// evidence after one exchange; and the next session of the client passes it on, whatever the log shows it by then.
func TestGossipFindsFork(t *testing.T) {
	const common = 3
	for name, c := range map[string]struct {
		here, there int // entries that the client and the monitor saw
		down        bool
	}{
		"the monitor saw more":                      {here: 4, there: 9},
		"the client saw more":                       {here: 9, there: 4},
		"the client saw far more":                   {here: 300, there: 5},
		"both saw as many":                          {here: 5, there: 5},
		"the log is gone, and the monitor saw more": {here: 4, there: 9, down: true},
		"the log is gone, and both saw as many":     {here: 5, there: 5, down: true},
	} {
		t.Run(name, func(t *testing.T) {
			here := newMemLog(t)
			here.fill(t, "gateway/1", common)
			there := here.fork(t, common)
			here.fill(t, "gateway/1", c.here-common)
			there.fill(t, "gateway/2", c.there-common)
			url := serveLog(t, here, nil)
			one, transport := connect(t, url, here.public, func(o *client.Options) { o.Retries = -1 })
			see(t, one)
			m := watch(t, there, serveLog(t, there, nil))
			if c.down {
				transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
					if strings.HasPrefix(url, "http://"+r.URL.Host) {
						return nil, errors.New("the log is gone")
					}
					return send()
				})
			}
			_, err := one.Gossip(t.Context(), m.url)
			checkFork(t, one, err)
			if !bytes.Equal(one.Head(), here.head().Note) {
				t.Error("the client no longer stands by the history that it saw first")
			}
			// Where the monitor can't read the client's tree it alone has no evidence; but once the client has, it is given it.
			seen := one.Seen()
			if len(seen.Forks) == 0 {
				t.Fatal("the client forgot the evidence")
			}
			later, _ := connect(t, url, here.public, func(o *client.Options) { o.Seen = seen })
			_, err = later.Gossip(t.Context(), m.url)
			checkFork(t, later, err)
			alarms := m.Status()[0].Alarms
			if len(alarms) == 0 {
				t.Fatal("the monitor has no alarm")
			}
			for _, a := range alarms {
				if a.Kind != monitor.Fork && a.Kind != monitor.Rewrite {
					t.Errorf("the monitor has the alarm %s: %s", a.Kind, a.Detail)
				}
			}
		})
	}
}

// checkFork fails unless err is an alarm with evidence that convinces.
func checkFork(t testing.TB, c *client.Client, err error) {
	t.Helper()
	var alarm *client.Alarm
	if !errors.As(err, &alarm) || alarm.Fork == nil {
		t.Fatalf("got %v, want an alarm with evidence", err)
	}
	kept, err := verify.ParseFork(alarm.Fork.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Check(c.Key()); err != nil {
		t.Errorf("the evidence shows nothing: %v", err)
	}
}

// TestGossipUnconfirmed hears of heads that the log doesn't show this client.
func TestGossipUnconfirmed(t *testing.T) {
	ahead := newMemLog(t)
	ahead.fill(t, "gateway/1", 6)
	behind := ahead.fork(t, 4)
	url := serveLog(t, behind, nil)
	c, transport := connect(t, url, behind.public, func(o *client.Options) { o.Retries = -1 })
	see(t, c)
	m := watch(t, ahead, serveLog(t, ahead, nil))
	got, err := c.Gossip(t.Context(), m.url)
	if err != nil || len(got.Heard) != 0 || len(got.Unconfirmed) != 1 || got.Unconfirmed[0].Size != 6 || !client.HasCode(got.Reason, client.CodeNotFound) {
		t.Errorf("got %+v, %v", got, err)
	}
	behind.fill(t, "gateway/1", 2) // it lagged
	if got, err = c.Gossip(t.Context(), m.url); err != nil || len(got.Heard) != 1 || got.Reason != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	// What the log can't be asked about is not believed, either.
	ahead.fill(t, "gateway/1", 1)
	m.round()
	transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if strings.HasPrefix(url, "http://"+r.URL.Host) {
			return nil, errors.New("the log is gone")
		}
		return send()
	})
	if got, err = c.Gossip(t.Context(), m.url); err != nil || len(got.Unconfirmed) != 1 || got.Reason == nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestGossipIsNotBelieved has what pretends to be a monitor answer with all that a log's key didn't sign.
func TestGossipIsNotBelieved(t *testing.T) {
	log := newMemLog(t)
	log.fill(t, "gateway/1", 3)
	c, _ := connect(t, serveLog(t, log, nil), log.public)
	see(t, c)
	stranger := logtest.New(t, origin) // another key, the same name
	lies, forked := stranger.History(9, 9, ""), stranger.History(5, 2, "fork")
	first, err := verify.OpenHead(forked.Head(5), stranger.Key)
	if err != nil {
		t.Fatal(err)
	}
	second, err := verify.OpenHead(lies.Head(9), stranger.Key)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := verify.ProveFork(t.Context(), first, second, stranger.Key, lies.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	harmless := &verify.Fork{First: log.head().Note, Second: log.head().Note}
	answer := func(code int, body []byte) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			told, err := io.ReadAll(r.Body)
			if g, bad := verify.ParseGossip(told); err != nil || bad != nil || len(g.Checkpoints) != 1 {
				t.Errorf("the client says %s", told)
			}
			w.WriteHeader(code)
			w.Write(body)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	lying := verify.Gossip{Checkpoints: [][]byte{lies.Head(9), []byte("nonsense"), []byte(origin + "\n1\n")}, Forks: []*verify.Fork{foreign, harmless}}
	got, err := c.Gossip(t.Context(), answer(http.StatusOK, lying.Encode()))
	if err != nil || len(got.Heard) != 0 || len(got.Unconfirmed) != 0 {
		t.Errorf("lies come to %+v, %v", got, err)
	}
	if n := len(c.Seen().Forks); n != 0 {
		t.Errorf("%d accusations without evidence were kept", n)
	}
	for name, url := range map[string]string{
		"no gossip":    answer(http.StatusOK, []byte("hello")),
		"a refusal":    answer(http.StatusTooManyRequests, nil),
		"too much":     answer(http.StatusOK, make([]byte, verify.MaxGossip+1)),
		"nobody there": "http://127.0.0.1:1",
		"no address":   "monitor.example",
		"a query":      "http://monitor.example/?x=1",
	} {
		var alarm *client.Alarm
		if _, err := c.Gossip(t.Context(), url); err == nil || errors.As(err, &alarm) || !strings.Contains(err.Error(), "couldn't gossip with "+url) {
			t.Errorf("%s: got %v, want an error that is no alarm", name, err)
		}
	}
}

// TestSeenBefore has a session know what the one before it saw.
func TestSeenBefore(t *testing.T) {
	honest := newMemLog(t)
	c, _ := connect(t, serveLog(t, honest, nil), honest.public)
	for range 3 {
		honest.fill(t, "gateway/1", 2)
		see(t, c)
	}
	seen := c.Seen()
	if len(seen.Checkpoints) != 3 || !bytes.Equal(seen.Checkpoints[0], c.Head()) {
		t.Fatalf("%d heads were seen, and the first isn't the newest", len(seen.Checkpoints))
	}
	kept, err := verify.ParseGossip(seen.Encode())
	if err != nil {
		t.Fatal(err)
	}
	forked := honest.fork(t, 3)
	forked.fill(t, "gateway/2", 1)
	for name, log := range map[string]*memLog{"a smaller history": forked, "an equal one": forked.fork(t, 4), "a larger one": forked.fork(t, 4)} {
		t.Run(name, func(t *testing.T) {
			switch name {
			case "an equal one":
				log.fill(t, "gateway/2", 2)
			case "a larger one":
				log.fill(t, "gateway/2", 6)
			}
			again, _ := connect(t, serveLog(t, log, nil), honest.public, func(o *client.Options) { o.Seen, o.Retries = kept, -1 })
			if !bytes.Equal(again.Head(), c.Head()) || len(again.Heads()) != 3 {
				t.Fatal("the session doesn't know what was seen before")
			}
			_, err := again.Checkpoint(t.Context())
			checkFork(t, again, err)
		})
	}
	strange := newMemLog(t)
	strange.fill(t, "gateway/1", 1)
	if _, err := client.New("http://log.example/", client.Options{LogKey: strange.public, Seen: kept}); err == nil {
		t.Error("a client knows heads of another log")
	}
	harmless := &verify.Gossip{Forks: []*verify.Fork{{First: c.Head(), Second: c.Head()}}}
	if _, err := client.New("http://log.example/", client.Options{LogKey: honest.public, Seen: harmless}); err == nil {
		t.Error("a client takes for evidence what shows nothing")
	}
}

// TestSeenIsBounded has a client see many more heads than one exchange takes: it keeps the newest ones, and some from everywhere before.
func TestSeenIsBounded(t *testing.T) {
	log := logtest.New(t, origin)
	history := log.History(200, 200, "")
	var size int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/checkpoint":
			w.Write(history.Head(size))
		case "/v1/consistency":
			hashes := []event.Digest{}
			for _, h := range history.Proof(size-1, size) {
				hashes = append(hashes, h)
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"hashes": hashes})
		}
	}))
	t.Cleanup(server.Close)
	c, _ := connect(t, server.URL, log.VKey)
	for size = 1; size <= 200; size++ {
		see(t, c)
	}
	seen := c.Seen().Checkpoints
	if len(seen) < 32 || len(seen) > verify.MaxGossipNotes {
		t.Fatalf("%d heads are kept", len(seen))
	}
	var sizes []int64
	for i, n := range seen {
		head, err := verify.OpenHead(n, log.Key)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, head.Size)
		if i > 0 && head.Size >= sizes[i-1] || i < 30 && head.Size != int64(200-i) {
			t.Fatalf("the sizes are %v", sizes)
		}
	}
	if oldest := sizes[len(sizes)-1]; oldest > 20 {
		t.Errorf("nothing is kept of what was seen before %d entries", oldest)
	}
}

// TestRecall has a session learn, at its end, what another one beside it was shown.
func TestRecall(t *testing.T) {
	honest := newMemLog(t)
	honest.fill(t, "gateway/1", 3)
	forked := honest.fork(t, 2)
	forked.fill(t, "gateway/2", 1)
	honest.fill(t, "gateway/1", 1)
	url := serveLog(t, honest, nil)
	for name, c := range map[string]struct {
		theirs *memLog
		size   int // of the other session's tree; the honest log has 4 entries
		fork   bool
	}{
		"the same":        {theirs: honest, size: 4},
		"more":            {theirs: honest, size: 6},
		"a smaller fork":  {theirs: forked, size: 3, fork: true},
		"a fork as large": {theirs: forked, size: 4, fork: true},
		"a larger fork":   {theirs: forked, size: 7, fork: true},
	} {
		t.Run(name, func(t *testing.T) {
			log := honest.fork(t, 4)
			url := serveLog(t, log, nil)
			ours, _ := connect(t, url, honest.public, func(o *client.Options) { o.Retries = -1 })
			see(t, ours)
			theirs := log
			if c.fork {
				theirs = c.theirs.fork(t, 3)
			}
			theirs.fill(t, "gateway/3", c.size-theirs.size())
			if c.fork {
				log.fill(t, "gateway/1", 5)
			}
			other, _ := connect(t, serveLog(t, theirs, nil), honest.public)
			see(t, other)
			err := ours.Recall(t.Context(), other.Seen())
			var alarm *client.Alarm
			switch {
			case c.fork && c.size > 4: // only the log has the nodes of that tree, and here it shows another one
				if !errors.As(err, &alarm) || len(ours.Seen().Checkpoints) != 2 {
					t.Errorf("got %v, want an alarm, and both heads for monitors", err)
				}
				return
			case c.fork:
				checkFork(t, ours, err)
				return
			}
			if err != nil || !bytes.Equal(ours.Head(), other.Head()) {
				t.Errorf("got %v; the newest head is the other session's: %t", err, bytes.Equal(ours.Head(), other.Head()))
			}
		})
	}
	t.Run("the log is gone", func(t *testing.T) {
		ours, transport := connect(t, url, honest.public, func(o *client.Options) { o.Retries = -1 })
		see(t, ours)
		transport.set(func(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
			return nil, errors.New("the log is gone")
		})
		more := honest.fork(t, 4)
		more.fill(t, "gateway/1", 2)
		other, _ := connect(t, serveLog(t, more, nil), honest.public)
		see(t, other)
		err := ours.Recall(t.Context(), other.Seen())
		var alarm *client.Alarm
		if err == nil || errors.As(err, &alarm) {
			t.Errorf("got %v, want an error that is no alarm", err)
		}
		if n := len(ours.Seen().Checkpoints); n != 2 {
			t.Errorf("%d heads are kept, want both", n)
		}
	})
}
