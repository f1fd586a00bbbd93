package client_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

// TestMain is also the program that TestKilledProcess kills: this binary, told so by its first argument.
func TestMain(m *testing.M) {
	if len(os.Args) == 6 && os.Args[1] == "report" {
		report(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
		return
	}
	pgtest.Main(m)
}

// live is a log on PostgreSQL behind HTTP that can be stopped and started again at the same address.
type live struct {
	t       testing.TB
	cfg     ledger.Config
	public  string
	url     string
	handler atomic.Pointer[http.Handler]
	ledger  *ledger.Ledger
	stop    func()
}

func startLive(t testing.TB) *live {
	t.Helper()
	keys := logtest.New(t, origin)
	w := &live{t: t, public: keys.VKey, cfg: ledger.Config{DatabaseURL: pgtest.URL(t), Origin: origin, Signer: keys.Signer,
		HeadsFile: filepath.Join(t.TempDir(), "heads"), PublishEvery: 10 * time.Millisecond}}
	w.start()
	t.Cleanup(func() { w.stop() })
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*w.handler.Load()).ServeHTTP(rw, r) }))
	t.Cleanup(server.Close)
	w.url = server.URL
	w.register()
	return w
}

// start opens the ledger and waits until it leads.
func (w *live) start() {
	w.t.Helper()
	l, err := ledger.Open(context.Background(), w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	eventually(w.t, "the log takes events", func() bool { return l.Ready(ctx) == nil })
	handler, err := api.New(api.Config{Ledger: l})
	if err != nil {
		w.t.Fatal(err)
	}
	w.handler.Store(&handler)
	w.ledger = l
	w.stop = sync.OnceFunc(func() {
		down := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		w.handler.Store(&down)
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the ledger ended with %v", err)
		}
		l.Close()
	})
}

// register makes the operator entry 0 and registers gateway/1 under sourceKey.
func (w *live) register() {
	w.t.Helper()
	operator := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	at := verify.NewChain()
	for _, who := range []struct {
		name string
		key  ed25519.PrivateKey
		role event.SourceRole
	}{{"operator/1", operator, event.RoleOperator}, {"gateway/1", sourceKey, event.RoleService}} {
		public := who.key.Public().(ed25519.PublicKey)
		e := &event.Event{Subject: event.Subject{Name: "the log"}, Log: origin, Source: "operator/1", Seq: at.Seq, Prev: at.Prev, Time: 1, Proof: event.ProofNone,
			Claims: &event.SourceClaims{Action: event.SourceRegister, Key: public, Role: who.role, Source: who.name,
				Consent: ed25519.Sign(who.key, event.ConsentMessage(origin, who.name, public, nil, ""))}}
		payload, err := e.Encode()
		if err != nil {
			w.t.Fatal(err)
		}
		if o := w.ledger.Submit(context.Background(), []*event.Submission{{Envelope: event.Sign(payload, operator)}})[0]; o.Refusal != nil {
			w.t.Fatal(o.Refusal)
		}
		at = verify.After(e, event.DigestOf(payload))
	}
}

// numbered is an event that rests on nothing, with a number by which a test knows it again.
func numbered(n int) client.Draft {
	var releases event.Element
	releases[28], releases[29], releases[30], releases[31] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return client.Draft{Subject: event.Subject{Name: "credit-scoring"}, Claims: &event.ApprovalClaims{Releases: releases}}
}

func numberOf(e *event.Event) int {
	releases := e.Claims.(*event.ApprovalClaims).Releases
	return int(releases[28])<<24 | int(releases[29])<<16 | int(releases[30])<<8 | int(releases[31])
}

// logged reads what gateway/1 has in the log: a chain without gaps, in which no number stands twice.
func (w *live) logged(c *client.Client) map[int]bool {
	w.t.Helper()
	chain, seen, q := verify.NewChain(), map[int]bool{}, client.Query{Source: "gateway/1", Limit: 1000}
	for {
		page, err := c.Entries(w.t.Context(), q)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range page.Entries {
			if err := chain.Judge(e.Event); err != nil {
				w.t.Fatal(err)
			}
			chain = verify.After(e.Event, e.Digest)
			if e.Event.Kind() == event.Source {
				continue // it has a place in the chain, and no number of the test's
			}
			if n := numberOf(e.Event); seen[n] {
				w.t.Errorf("event %d is in the log twice", n)
			} else {
				seen[n] = true
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return seen
		}
	}
}

// report is the program that is killed: it records events from first on, from eight goroutines, and says each number once its
// receipt is there.
func report(url, key, state, first string) {
	c, err := client.New(url, client.Options{LogKey: key})
	if err == nil {
		var s *client.Source
		if s, err = c.OpenSource(client.SourceOptions{Name: "gateway/1", Key: sourceKey, State: state}); err == nil {
			var next atomic.Int64
			n, _ := strconv.ParseInt(first, 10, 64)
			next.Store(n)
			failed := make(chan error, 8)
			for range 8 {
				go func() {
					for {
						n := int(next.Add(1))
						if _, err := s.Record(context.Background(), numbered(n)); err != nil {
							failed <- err
							return
						}
						fmt.Println(n)
					}
				}()
			}
			err = <-failed
		}
	}
	fmt.Fprintln(os.Stderr, "reporting failed:", err)
	os.Exit(1)
}

// TestKilledProcess kills a reporting process again and again without warning. What it had said to be logged is logged, nothing is
// logged twice, and the next process goes on where it was.
func TestKilledProcess(t *testing.T) {
	w := startLive(t)
	c, _ := connect(t, w.url, w.public)
	state := filepath.Join(t.TempDir(), "state")
	acknowledged := map[int]bool{}
	for round := range 6 {
		child := exec.Command(os.Args[0], "report", w.url, w.public, state, strconv.Itoa(round*1_000_000))
		var complaints bytes.Buffer
		child.Stderr = &complaints
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines, said := bufio.NewScanner(out), 0
		for lines.Scan() {
			n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
			if err != nil {
				t.Fatal(err)
			}
			acknowledged[n] = true
			if said++; said == 40+7*round {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil || said < 40 {
			t.Fatalf("round %d: it said %d numbers and ended with %v: %s", round, said, err, &complaints)
		}
	}
	s := openSource(t, c, state) // sends what the last one left
	if _, err := s.Record(t.Context(), numbered(99_000_000)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	seen := w.logged(c)
	for n := range acknowledged {
		if !seen[n] {
			t.Errorf("event %d was acknowledged, and is not in the log", n)
		}
	}
	t.Logf("%d events acknowledged over 6 kills, %d logged", len(acknowledged), len(seen))
}

// TestLogRestarts stops and starts the log under a source that goes on recording: its callers notice nothing but the time it takes.
func TestLogRestarts(t *testing.T) {
	w := startLive(t)
	c, _ := connect(t, w.url, w.public, func(o *client.Options) { o.MaxPause = 50 * time.Millisecond })
	s := openSource(t, c, filepath.Join(t.TempDir(), "state"))
	const events = 300
	var recorded atomic.Int64
	var wait sync.WaitGroup
	for worker := range 6 {
		wait.Go(func() {
			for n := worker; n < events; n += 6 {
				if _, err := s.Record(t.Context(), numbered(n)); err != nil {
					t.Errorf("event %d: %v", n, err)
					return
				}
				recorded.Add(1)
			}
		})
	}
	for _, at := range []int64{50, 150} {
		eventually(t, "events are recorded", func() bool { return recorded.Load() >= at || t.Failed() })
		w.stop()
		w.start()
	}
	wait.Wait()
	if seen := w.logged(c); len(seen) != events {
		t.Errorf("%d of %d events are in the log", len(seen), events)
	}
}

// TestClientOnRealLog uses every reading method, and gathers evidence.
func TestClientOnRealLog(t *testing.T) {
	w := startLive(t)
	c, _ := connect(t, w.url, w.public)
	s := openSource(t, c, filepath.Join(t.TempDir(), "state"))
	var last *client.Receipt
	for n := range 20 {
		var err error
		if last, err = s.Record(t.Context(), numbered(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	r, err := c.Event(t.Context(), last.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if r.Index != last.Index || !bytes.Equal(r.Leaf, last.Leaf) {
		t.Errorf("got %+v, want %+v", r, last)
	}
	state, err := c.SourceState(t.Context(), "gateway/1")
	if err != nil || state.Next != (verify.Chain{Seq: 21, Prev: last.Digest}) {
		t.Errorf("the source is %+v, %v", state, err)
	}
	if sources, err := c.Sources(t.Context()); err != nil || len(sources) != 2 {
		t.Errorf("%d sources, %v", len(sources), err)
	}
	if statements, err := c.Statements(t.Context()); err != nil || len(statements) != 0 {
		t.Errorf("%d statements, %v", len(statements), err)
	}
	heads, err := c.Checkpoints(t.Context(), 0, 10)
	if err != nil || len(heads) == 0 {
		t.Fatalf("%d heads, %v", len(heads), err)
	}
	if _, err := c.Consistency(t.Context(), heads[len(heads)-1].Head, heads[0].Head); err != nil {
		t.Error(err)
	}
	head, err := c.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	evidence, err := verify.Gather(t.Context(), c.Library(), last.Index, head.Size)
	if err != nil {
		t.Fatal(err)
	}
	if evidence.Event.Index != last.Index || len(evidence.Relied) != 2 {
		t.Errorf("the evidence is about entry %d and rests on %d others", evidence.Event.Index, len(evidence.Relied))
	}
	bundle, report, err := c.Bundle(t.Context(), client.BundleQuery{Entries: []int64{last.Index, 3}, Size: head.Size})
	if err != nil || !report.Holds() || len(report.Claims) != 2 || report.Head.Size != head.Size {
		t.Fatalf("the bundle about two entries: %v", err)
	}
	made, err := verify.GatherBundle(t.Context(), c.Library(), report.Head, last.Index, 3)
	if err != nil || !bytes.Equal(made.Encode(), bundle.Encode()) {
		t.Errorf("the log's bundle and the client's own differ: %v", err)
	}
	if traced, _, err := c.Bundle(t.Context(), client.BundleQuery{Entries: []int64{last.Index}, Provenance: true}); err != nil || !slices.Equal(traced.Asked(), []int64{last.Index}) {
		t.Errorf("what the entry comes from: %v", err)
	}
	if _, err := c.Provenance(t.Context(), client.ProvenanceQuery{Subject: "credit-scoring"}); !client.HasCode(err, client.CodeNotFound) {
		t.Errorf("where a system comes from that has no model version: %v", err)
	}
	if _, _, err := c.Bundle(t.Context(), client.BundleQuery{Entries: []int64{1 << 40}}); !client.HasCode(err, client.CodeNotFound) {
		t.Errorf("a bundle about what isn't there: %v", err)
	}
}
