package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

func openSource(t testing.TB, c *client.Client, state string, change ...func(*client.SourceOptions)) *client.Source {
	t.Helper()
	o := client.SourceOptions{Name: "gateway/1", Key: sourceKey, State: state}
	for _, f := range change {
		f(&o)
	}
	s, err := c.OpenSource(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the source: %v", err)
		}
	})
	return s
}

func TestSourceBatchesWhatArrives(t *testing.T) {
	log := newMemLog(t)
	c, transport := connect(t, serveLog(t, log, nil), log.public)
	const events = 200
	var posts int
	var mu sync.Mutex
	recorded := make(chan struct{}, events)
	transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.Method == http.MethodPost {
			mu.Lock()
			posts++
			first := posts == 1
			mu.Unlock()
			if first { // hold the first request until all have asked
				for range events {
					<-recorded
				}
			}
		}
		return send()
	})
	s := openSource(t, c, filepath.Join(t.TempDir(), "state"))
	var wait sync.WaitGroup
	seen := make([]int, events)
	for i := range events {
		wait.Go(func() {
			recorded <- struct{}{}
			receipt, err := s.Record(t.Context(), accessDraft(int64(i+1)))
			if err != nil {
				t.Error(err)
				return
			}
			_, entry, err := receipt.Open(c.Key())
			if err != nil {
				t.Error(err)
				return
			}
			if got := entry.Event.Claims.(*event.DataAccessClaims).Records; got != int64(i+1) {
				t.Errorf("event %d got the receipt of event %d", i+1, got)
			}
			mu.Lock()
			seen[receipt.Index]++
			mu.Unlock()
		})
	}
	wait.Wait()
	log.checkChain(t, "gateway/1", events)
	for i, n := range seen {
		if n != 1 {
			t.Errorf("entry %d was answered %d times", i, n)
		}
	}
	if posts > events/4 {
		t.Errorf("%d events took %d requests", events, posts)
	}
}

// TestSourceGoesOnAfterRefusal refuses some of many events: their callers hear of it, and the rest is logged under other
// numbers, with signatures and proofs for those.
func TestSourceGoesOnAfterRefusal(t *testing.T) {
	log := newMemLog(t)
	log.refuse = func(e *event.Event, env *event.Envelope) *ledger.Refusal {
		if err := env.Verify(sourceKey.Public().(ed25519.PublicKey)); err != nil {
			return &ledger.Refusal{Code: ledger.BadSignature, Detail: err.Error()}
		}
		if e.Claims.(*event.DataAccessClaims).Records%10 == 3 {
			return &ledger.Refusal{Code: ledger.ClaimsOutOfRange, Detail: "Threes are out of range.", Check: "records"}
		}
		return nil
	}
	c, _ := connect(t, serveLog(t, log, nil), log.public)
	s := openSource(t, c, filepath.Join(t.TempDir(), "state"))
	var wait sync.WaitGroup
	for i := range 60 {
		draft := accessDraft(int64(i + 1))
		var last event.Digest
		if i%7 == 0 {
			draft.Statement = event.DigestOf([]byte("verifying key"))
			draft.Prove = func(_ context.Context, e *event.Event, digest event.Digest) ([]byte, error) {
				last = digest
				return digest[:], nil // so that the proof says which event it was made for
			}
		}
		wait.Go(func() {
			receipt, err := s.Record(t.Context(), draft)
			var problem *client.Problem
			if (i+1)%10 == 3 {
				if !errors.As(err, &problem) || problem.Check != "records" {
					t.Errorf("event %d: got %v, want its refusal", i+1, err)
				}
				return
			}
			if err != nil {
				t.Errorf("event %d: %v", i+1, err)
				return
			}
			_, entry, err := receipt.Open(c.Key())
			if err != nil {
				t.Error(err)
				return
			}
			if draft.Prove != nil && (!bytes.Equal(entry.Leaf.Proof, entry.Digest[:]) || last != entry.Digest) {
				t.Errorf("event %d was logged with the proof of another number", i+1)
			}
		})
	}
	wait.Wait()
	log.checkChain(t, "gateway/1", 54)
}

// TestSourceRecoversFromCrash crashes at each point of a batch's way, by opening a copy that is made of the disk at that point. No
// event whose sending began is lost, and none is logged twice.
func TestSourceRecoversFromCrash(t *testing.T) {
	for name, crash := range map[string]struct {
		before bool // the request reaches the log only after the crash, or never
		events int  // that are in the log in the end: 5 before, and those in flight
		found  int  // of those in flight, which the log had already
	}{
		"written, not sent":    {before: true, events: 8},
		"logged, not heard of": {before: false, events: 8, found: 3},
	} {
		t.Run(name, func(t *testing.T) {
			log := newMemLog(t)
			url := serveLog(t, log, nil)
			c, transport := connect(t, url, log.public)
			state := filepath.Join(t.TempDir(), "state")
			s := openSource(t, c, state)
			for i := range 5 {
				if _, err := s.Record(t.Context(), accessDraft(int64(i+1))); err != nil {
					t.Fatal(err)
				}
			}
			crashed := make(chan struct{})
			copied := filepath.Join(t.TempDir(), "state")
			copyState := func() {
				b, err := os.ReadFile(state)
				if err == nil {
					err = os.WriteFile(copied, b, 0o600)
				}
				if err != nil {
					t.Error(err)
				}
			}
			started, inFlight := make(chan struct{}), 0
			transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
				if r.Method != http.MethodPost {
					return send()
				}
				if inFlight++; inFlight == 1 { // event 6 waits until 7 and 8 are recorded, and is lost: so all three are in one batch later
					close(started)
					<-crashed
					return nil, errors.New("the line went dead")
				}
				return nil, errors.New("the line is dead")
			})
			ctx, leave := context.WithCancel(t.Context())
			var wait sync.WaitGroup
			wait.Go(func() { _, _ = s.Record(ctx, accessDraft(6)) })
			<-started
			// What is in flight is event 6 alone. Two more are written by a source of their own further down.
			if !crash.before {
				copyState()
				sendAll(t, log, copied)
			} else {
				copyState()
			}
			leave()
			close(crashed)
			wait.Wait()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}

			again, _ := connect(t, url, log.public)
			settled := make(chan *client.Receipt, 8)
			s2 := openSource(t, again, copied, func(o *client.SourceOptions) { o.Settled = func(r *client.Receipt) { settled <- r } })
			if err := s2.Recover(t.Context()); err != nil {
				t.Error(err)
			}
			if len(settled) != 1 {
				t.Errorf("recovered with %d events settled", len(settled))
			}
			recovered := <-settled
			if recovered.Duplicate != (crash.found > 0) || recovered.Index != 5 {
				t.Errorf("the pending event came back as %+v", recovered)
			}
			for i := range 2 {
				if _, err := s2.Record(t.Context(), accessDraft(int64(i+7))); err != nil {
					t.Fatal(err)
				}
			}
			log.checkChain(t, "gateway/1", crash.events)
		})
	}
}

// sendAll sends what is pending in a state file, as the process that crashed did.
func sendAll(t *testing.T, log *memLog, state string) {
	t.Helper()
	b, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(b, []byte(`"pending":[`))
	if at < 0 {
		t.Fatal("nothing is pending")
	}
	raw := b[at+len(`"pending":[`) : len(b)-len("]}")]
	sub, err := event.DecodeSubmission(raw)
	if err != nil {
		t.Fatal(err)
	}
	if o := log.Submit(t.Context(), []*event.Submission{sub})[0]; o.Refusal != nil {
		t.Fatal(o.Refusal)
	}
}

// dead is a line that takes no events.
func dead(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	if r.Method == http.MethodPost {
		return nil, errors.New("the line is dead")
	}
	return send()
}

// dieWithOne leaves an event in the state of a source that can't send it.
func dieWithOne(t *testing.T, s *client.Source, state string) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _, _ = s.Record(ctx, accessDraft(1)) }()
	waitForPending(t, state)
	leave()
	<-done
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// dieWithThree leaves three events, numbered together, in the state of a source that can't send them.
func dieWithThree(t *testing.T, s *client.Source, transport *faulty, state string, draft func(int64) client.Draft) {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.Method == http.MethodGet {
			once.Do(func() { close(held); <-release }) // numbering waits until all are queued
		}
		return dead(r, send)
	})
	ctx, leave := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Go(func() { _, _ = s.Record(ctx, draft(int64(i+1))) })
		if i == 0 {
			<-held
		}
	}
	waitUntilQueued(t, s, 3)
	close(release)
	waitForPending(t, state)
	leave()
	wait.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOrphansAreRenumbered crashes with two events in flight of which the log refuses the first when they are sent again.
func TestOrphansAreRenumbered(t *testing.T) {
	log := newMemLog(t)
	url := serveLog(t, log, nil)
	c, transport := connect(t, url, log.public, func(o *client.Options) { o.Retries = -1 })
	state := filepath.Join(t.TempDir(), "state")
	s := openSource(t, c, state)
	dieWithThree(t, s, transport, state, accessDraft)

	log.refuse = func(e *event.Event, _ *event.Envelope) *ledger.Refusal {
		if e.Claims.(*event.DataAccessClaims).Records == 1 {
			return &ledger.Refusal{Code: ledger.ClaimsOutOfRange, Detail: "Ones are out of range."}
		}
		return nil
	}
	again, _ := connect(t, url, log.public)
	settled, refused := make(chan *client.Receipt, 3), make(chan *event.Event, 3)
	openSource(t, again, state, func(o *client.SourceOptions) {
		o.Settled = func(r *client.Receipt) { settled <- r }
		o.Refused = func(e *event.Event, err error) { refused <- e }
	})
	if e := <-refused; e.Claims.(*event.DataAccessClaims).Records != 1 {
		t.Errorf("refused: %+v", e)
	}
	<-settled
	<-settled
	log.checkChain(t, "gateway/1", 2)
}

// TestRotatedKey sends again, under the new key, what the log had not taken under the old one.
func TestRotatedKey(t *testing.T) {
	log := newMemLog(t)
	url := serveLog(t, log, nil)
	state := filepath.Join(t.TempDir(), "state")
	c, transport := connect(t, url, log.public, func(o *client.Options) { o.Retries = -1 })
	transport.set(dead)
	s := openSource(t, c, state)
	dieWithOne(t, s, state)
	fresh := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	log.refuse = func(_ *event.Event, env *event.Envelope) *ledger.Refusal {
		if env.Verify(fresh.Public().(ed25519.PublicKey)) != nil {
			return &ledger.Refusal{Code: ledger.RevokedKey, Detail: "That key was rotated out."}
		}
		return nil
	}
	again, _ := connect(t, url, log.public)
	settled := make(chan *client.Receipt, 1)
	openSource(t, again, state, func(o *client.SourceOptions) {
		o.Key = fresh
		o.Settled = func(r *client.Receipt) { settled <- r }
	})
	if r := <-settled; r.Index != 0 {
		t.Errorf("got %+v", r)
	}
}

// TestRecoverEnds waits in vain: the line stays dead until the caller, or the source, gives up.
func TestRecoverEnds(t *testing.T) {
	log := newMemLog(t)
	url := serveLog(t, log, nil)
	state := filepath.Join(t.TempDir(), "state")
	c, transport := connect(t, url, log.public, func(o *client.Options) { o.Retries = -1 })
	transport.set(dead)
	s := openSource(t, c, state)
	if err := s.Recover(t.Context()); err != nil {
		t.Errorf("a source without a past: %v", err)
	}
	dieWithOne(t, s, state)
	again := openSource(t, c, state)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := again.Recover(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("after its caller left: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := again.Recover(t.Context()); !errors.Is(err, client.ErrClosed) {
		t.Errorf("after the source was closed: %v", err)
	}
}

func TestSourceIsLocked(t *testing.T) {
	log := newMemLog(t)
	c, _ := connect(t, serveLog(t, log, nil), log.public)
	state := filepath.Join(t.TempDir(), "state")
	openSource(t, c, state)
	if _, err := c.OpenSource(client.SourceOptions{Name: "gateway/1", Key: sourceKey, State: state}); !errors.Is(err, client.ErrLocked) {
		t.Errorf("got %v", err)
	}
}

func TestStateOfAnotherSource(t *testing.T) {
	log := newMemLog(t)
	c, _ := connect(t, serveLog(t, log, nil), log.public)
	state := filepath.Join(t.TempDir(), "state")
	s := openSource(t, c, state)
	if _, err := s.Record(t.Context(), accessDraft(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.OpenSource(client.SourceOptions{Name: "gateway/2", Key: sourceKey, State: state}); err == nil {
		t.Error("opened")
	}
}

// TestTornState cuts a state file at every byte: what is opened is always the last whole snapshot, and the source never uses a
// number twice, because it sends what is pending first.
func TestTornState(t *testing.T) {
	log := newMemLog(t)
	url := serveLog(t, log, nil)
	c, _ := connect(t, url, log.public)
	state := filepath.Join(t.TempDir(), "state")
	s := openSource(t, c, state)
	for i := range 2 {
		if _, err := s.Record(t.Context(), accessDraft(int64(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndex(whole, []byte(`{"log":`)) - 8
	for cut := last; cut <= len(whole); cut += 37 {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			torn := filepath.Join(t.TempDir(), "state")
			if err := os.WriteFile(torn, whole[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			before := log.size()
			s := openSource(t, c, torn)
			_, err := s.Record(t.Context(), accessDraft(3))
			if cut == last { // the first of these cuts logs event 3, and the others meet it
				if err != nil {
					t.Fatal(err)
				}
				log.checkChain(t, "gateway/1", 3)
				return
			}
			var alarm *client.Alarm
			if !errors.As(err, &alarm) || log.size() != before {
				t.Errorf("got %v: an old copy of the state must be noticed", err)
			}
		})
	}
}
