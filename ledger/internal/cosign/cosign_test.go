package cosign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/monitor/witness"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// world is a log with three witnesses, of which two make the quorum.
type world struct {
	log      *logtest.Log
	history  *logtest.History
	keys     []logtest.Cosigner
	handlers []atomic.Pointer[http.Handler]
	policy   *verify.Policy

	newest int64 // that the log has signed

	mu   sync.Mutex
	kept []Suspicion
}

func newWorld(t *testing.T) *world {
	w := &world{log: logtest.New(t, "log.example"), handlers: make([]atomic.Pointer[http.Handler], 3)}
	w.history = w.log.History(40, 40, "")
	var text strings.Builder
	for i := range w.handlers {
		key := logtest.NewCosigner(t, fmt.Sprintf("w%d.example", i))
		w.keys = append(w.keys, key)
		real, err := witness.Open(witness.Config{Signer: key, Logs: []note.Verifier{w.log.Key}, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { real.Close() })
		w.answers(i, real.Handler().ServeHTTP)
		server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
			(*w.handlers[i].Load()).ServeHTTP(out, in)
		}))
		t.Cleanup(server.Close)
		fmt.Fprintf(&text, "witness w%d %s %s/prefix\n", i, key.VKey, server.URL)
	}
	text.WriteString("group g 2 w0 w1 w2\nquorum g\n")
	var err error
	if w.policy, err = verify.ParsePolicy([]byte(text.String())); err != nil {
		t.Fatal(err)
	}
	return w
}

// answers makes a witness answer otherwise.
func (w *world) answers(i int, how http.HandlerFunc) {
	h := http.StripPrefix("/prefix", how)
	w.handlers[i].Store(&h)
}

func (w *world) open(t *testing.T) *Witnesses {
	c := New(Config{Policy: w.policy, Key: w.log.Key, Deadline: 5 * time.Second, Grace: 5 * time.Second, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Prove:  func(_ context.Context, from, to int64) ([][32]byte, error) { return w.history.Proof(from, to), nil },
		Newest: func() int64 { return w.newest },
		Keep: func(s Suspicion) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.kept = append(w.kept, s)
			return nil
		}})
	t.Cleanup(c.Wait)
	return c
}

func (w *world) head(t *testing.T, size int64) verify.Head {
	t.Helper()
	head, err := verify.OpenHead(w.history.Head(size), w.log.Key)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// collect collects, and checks what came against the policy.
func (w *world) collect(t *testing.T, c *Witnesses, size int64, by ...int) {
	t.Helper()
	collected, err := c.Collect(t.Context(), w.head(t, size), Enough)
	if err != nil {
		t.Fatal(err)
	}
	_, cosignatures, err := w.policy.Open(collected.Note, w.log.Key)
	if (err == nil) != (len(by) >= 2) || collected.Quorum != (len(by) >= 2) || len(cosignatures) != len(by) {
		t.Fatalf("size %d has %d cosignatures, a quorum: %t, %v; want those of %v", size, len(cosignatures), collected.Quorum, err, by)
	}
	for i, s := range cosignatures {
		if s.Witness != by[i] {
			t.Errorf("size %d is cosigned by witness %d, want %d", size, s.Witness, by[i])
		}
	}
}

func TestCollect(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	w.collect(t, c, 3, 0, 1, 2)
	w.collect(t, c, 9, 0, 1, 2)
	w.collect(t, c, 9, 0, 1, 2) // again, for freshness
	// Another process that knows nothing of these: the witnesses say where they are.
	w.collect(t, w.open(t), 17, 0, 1, 2)
	// This one doesn't know of that one.
	w.collect(t, c, 23, 0, 1, 2)
	for _, s := range c.Status() {
		if s.Size != 23 || s.Trouble != "" || s.Alarm != "" || time.Since(s.Cosigned) > time.Minute || time.Since(s.Asked) > time.Minute {
			t.Errorf("status %+v", s)
		}
	}
	// What a published head says is remembered.
	collected, err := c.Collect(t.Context(), w.head(t, 25), Enough)
	if err != nil {
		t.Fatal(err)
	}
	next := w.open(t)
	if quorum, err := next.Remember(collected.Note); err != nil || !quorum {
		t.Fatal(quorum, err)
	}
	if quorum, err := next.Remember(w.history.Head(25)); err != nil || quorum {
		t.Errorf("a head without cosignatures has a quorum: %t, %v", quorum, err)
	}
	if _, err := next.Remember([]byte("no head")); err == nil {
		t.Error("what is no head is remembered")
	}
	if s := next.Status()[2]; s.Size != 25 || s.Cosigned.IsZero() {
		t.Errorf("after a restart: %+v", s)
	}
	if len(w.kept) != 0 {
		t.Errorf("suspicions: %v", w.kept)
	}
}

// A head is shown to its witnesses again and again: its cosignatures get newer, and their number stays. One that is down leaves its
// older cosignature, which is as good as it was.
func TestRefresh(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	head := w.head(t, 3)
	var note []byte
	for i := range 120 {
		if i == 60 {
			w.answers(2, answer(500, "text/plain", "down"))
		}
		collected, err := c.Collect(t.Context(), head, Enough)
		if err != nil || !collected.Quorum {
			t.Fatal(i, collected.Quorum, err)
		}
		if _, cosignatures, err := w.policy.Open(collected.Note, w.log.Key); err != nil || len(cosignatures) != 3 {
			t.Fatalf("after %d times the head has %d cosignatures, %v", i, len(cosignatures), err)
		}
		if note != nil && len(note) != len(collected.Note) {
			t.Fatalf("after %d times the note has %d bytes, not %d", i, len(collected.Note), len(note))
		}
		note = collected.Note
		head.Note = note
	}
	// Witnesses' clocks have seconds: what was cosigned now is newer than what is said to be old.
	old, err := verify.OpenHead(w.history.Head(3), w.log.Key)
	if err != nil {
		t.Fatal(err)
	}
	_, before, err := w.policy.Open(note, w.log.Key)
	if err != nil {
		t.Fatal(err)
	}
	until := before[0].Time.Add(time.Second)
	for time.Now().Truncate(time.Second).Before(until) {
		time.Sleep(20 * time.Millisecond)
	}
	old.Note = note
	collected, err := c.Collect(t.Context(), old, Enough)
	if err != nil {
		t.Fatal(err)
	}
	_, after, err := w.policy.Open(collected.Note, w.log.Key)
	if err != nil || !after[0].Time.After(before[0].Time) || !after[2].Time.Equal(before[2].Time) {
		t.Errorf("cosigned at %v and %v, before at %v and %v: %v", after[0].Time, after[2].Time, before[0].Time, before[2].Time, err)
	}
}

// Somebody who has a receipt shows its head to a witness before the log shows the one that it publishes: nothing is wrong with that.
func TestWitnessSawANewerReceipt(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	w.collect(t, c, 3, 0, 1, 2)
	w.newest = 9
	if _, err := ask(t.Context(), http.DefaultClient, &w.policy.Witnesses[1], w.history.Request(3, 9)); err != nil {
		t.Fatal(err)
	}
	w.collect(t, c, 7, 0, 2)
	if s := c.Status()[1]; s.Alarm != "" || len(w.kept) != 0 {
		t.Errorf("status %+v, suspicions %v", s, w.kept)
	}
	w.collect(t, c, 9, 0, 1, 2)
}

// Whatever one witness does, the others' cosignatures come in, and no alarm is raised by what hints at no fork.
func TestTroubleWithOneWitness(t *testing.T) {
	foreign := logtest.NewCosigner(t, "foreign.example")
	for name, how := range map[string]func(w *world) http.HandlerFunc{
		"down": func(*world) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		},
		"in trouble":   func(*world) http.HandlerFunc { return answer(500, "text/plain", "sorry") },
		"doesn't know": func(*world) http.HandlerFunc { return answer(404, "text/plain", "who?") },
		"another key":  func(*world) http.HandlerFunc { return answer(403, "text/plain", "who?") },
		"redirects":    func(*world) http.HandlerFunc { return answer(302, "text/plain", "there") },
		"garbage":      func(*world) http.HandlerFunc { return answer(200, "text/plain", "garbage") },
		"nothing":      func(*world) http.HandlerFunc { return answer(200, "text/plain", "") },
		"endless":      func(*world) http.HandlerFunc { return answer(200, "text/plain", strings.Repeat("x", maxAnswer+1)) },
		"a foreign cosignature": func(w *world) http.HandlerFunc {
			line, err := note.Sign(&note.Note{Text: textOf(w.history.Head(3))}, foreign)
			if err != nil {
				t.Fatal(err)
			}
			return answer(200, "text/plain", string(line[len(textOf(line))+1:]))
		},
		"a cosignature of another head": func(w *world) http.HandlerFunc {
			line, err := note.Sign(&note.Note{Text: textOf(w.history.Head(4))}, w.keys[1])
			if err != nil {
				t.Fatal(err)
			}
			return answer(200, "text/plain", string(line[len(textOf(line))+1:]))
		},
		"stale for ever": func(*world) http.HandlerFunc { return answer(409, verify.SizeContentType, "1\n") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.answers(1, how(w))
			c := w.open(t)
			w.collect(t, c, 3, 0, 2)
			if s := c.Status()[1]; s.Trouble == "" || s.Alarm != "" || s.Size != 0 {
				t.Errorf("status %+v", s)
			}
			if len(w.kept) != 0 {
				t.Errorf("suspicions: %v", w.kept)
			}
		})
	}
}

func answer(status int, kind, body string) http.HandlerFunc {
	return func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", kind)
		out.Header().Set("Location", "/elsewhere")
		out.WriteHeader(status)
		fmt.Fprint(out, body)
	}
}

func textOf(signed []byte) string {
	text, _, _ := strings.Cut(string(signed), "\n\n")
	return text + "\n"
}

// A witness that hangs costs the deadline, and no more.
func TestDeadline(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.answers(1, func(_ http.ResponseWriter, in *http.Request) {
		select {
		case <-release:
		case <-in.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	c := w.open(t)
	c.cfg.Deadline = 200 * time.Millisecond
	w.collect(t, c, 3, 0, 2)
}

func TestHintsAtAFork(t *testing.T) {
	for name, c := range map[string]struct {
		how   http.HandlerFunc
		alarm string
	}{
		"bare conflict":       {answer(409, "text/plain", "another root was cosigned"), "the witness answered 409"},
		"conflict, no number": {answer(409, verify.SizeContentType, "many\n"), "the witness answered 409"},
		"no consistency":      {answer(422, "text/plain", ""), "the witness answered 422"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.answers(1, c.how)
			asked := w.open(t)
			w.collect(t, asked, 3, 0, 2)
			w.collect(t, asked, 4, 0, 2)
			if s := asked.Status()[1]; !strings.Contains(s.Alarm, c.alarm) {
				t.Errorf("status %+v", s)
			}
			if len(w.kept) != 1 || w.kept[0].Witness != "w1" {
				t.Fatalf("suspicions: %v", w.kept)
			}
			request, err := verify.ParseAddCheckpoint(w.kept[0].Request)
			if err != nil || string(request.Note) != string(w.history.Head(3)) {
				t.Errorf("what was kept is %q, %v", w.kept[0].Request, err)
			}
		})
	}
}

// Two histories under one key: the witness that saw the other one is the alarm.
func TestRealFork(t *testing.T) {
	w := newWorld(t)
	other := w.log.History(40, 5, "fork")
	c := w.open(t)
	w.collect(t, c, 4, 0, 1, 2)
	line, err := ask(t.Context(), http.DefaultClient, &w.policy.Witnesses[2], other.Request(4, 9))
	if err != nil || len(line) == 0 {
		t.Fatal(err)
	}
	w.collect(t, c, 9, 0, 1) // the same size, another root
	w.collect(t, c, 12, 0, 1)
	if s := c.Status()[2]; s.Alarm == "" || len(w.kept) != 1 {
		t.Errorf("status %+v, suspicions %v", s, w.kept)
	}
}

func TestAhead(t *testing.T) {
	w := newWorld(t)
	w.collect(t, w.open(t), 30, 0, 1, 2)
	restored := w.open(t)
	_, err := restored.Collect(t.Context(), w.head(t, 20), Enough)
	var ahead *AheadError
	if !errors.As(err, &ahead) || ahead.Size != 30 || ahead.Known != 20 {
		t.Fatalf("a log behind its witnesses gets %v", err)
	}
	if len(w.kept) != 3 || restored.Status()[0].Alarm == "" {
		t.Errorf("suspicions: %v", w.kept)
	}
}
