package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

// deferredDraft is an event whose proof is deferred, with a witness of its own.
func deferredDraft(n int64) client.Draft {
	d := accessDraft(n)
	d.Statement, d.Sealed = event.Digest{1}, bytes.Repeat([]byte{byte(n)}, 5000)
	return d
}

// A deferred event goes to the log with its very witness, whatever happens on the way: three are on disk when the process dies; of these the log
// refuses the first under a key that was rotated meanwhile, and the process dies once more before the others have new numbers.
func TestDeferredEventsKeepTheirWitnesses(t *testing.T) {
	log := newMemLog(t)
	url := serveLog(t, log, nil)
	state := filepath.Join(t.TempDir(), "state")
	c, transport := connect(t, url, log.public, func(o *client.Options) { o.Retries = -1 })
	s := openSource(t, c, state)
	dieWithThree(t, s, transport, state, deferredDraft)

	// The second process learns that the first event is out, and dies before it can send the others.
	log.refuse = func(e *event.Event, _ *event.Envelope) *ledger.Refusal {
		if e.Claims.(*event.DataAccessClaims).Records == 1 {
			return &ledger.Refusal{Code: ledger.ClaimsOutOfRange, Detail: "Ones are out of range."}
		}
		return nil
	}
	again, transport := connect(t, url, log.public, func(o *client.Options) { o.Retries = -1 })
	posts := 0
	transport.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.Method == http.MethodPost {
			if posts++; posts > 1 {
				return nil, errors.New("the line is dead")
			}
		}
		return send()
	})
	out := make(chan *event.Event, 1)
	second := openSource(t, again, state, func(o *client.SourceOptions) { o.Refused = func(e *event.Event, _ error) { out <- e } })
	<-out
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	waiting, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	if last := waiting[bytes.LastIndex(waiting, []byte(`{"log":`)):]; !bytes.Contains(last, []byte(`"sealed":`)) && !bytes.Contains(last, []byte(`"witness":`)) {
		t.Fatalf("the state has no witness: %.300s", last)
	}

	// The third has another key.
	fresh := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	log.refuse = func(_ *event.Event, env *event.Envelope) *ledger.Refusal {
		if env.Verify(fresh.Public().(ed25519.PublicKey)) != nil {
			return &ledger.Refusal{Code: ledger.RevokedKey, Detail: "That key was rotated out."}
		}
		return nil
	}
	third, _ := connect(t, url, log.public)
	settled := make(chan *client.Receipt, 2)
	openSource(t, third, state, func(o *client.SourceOptions) {
		o.Key = fresh
		o.Settled = func(r *client.Receipt) { settled <- r }
		o.Refused = func(_ *event.Event, err error) { t.Error(err) }
	})
	<-settled
	<-settled
	log.checkChain(t, "gateway/1", 2)
}

func TestDraftsThatCannotBeDeferred(t *testing.T) {
	log := newMemLog(t)
	c, _ := connect(t, serveLog(t, log, nil), log.public)
	s := openSource(t, c, filepath.Join(t.TempDir(), "state"))
	both := deferredDraft(1)
	both.Prove = func(context.Context, *event.Event, event.Digest) ([]byte, error) { return nil, nil }
	large := deferredDraft(1)
	large.Sealed = make([]byte, event.MaxWitness+1)
	nameless := deferredDraft(1)
	nameless.Statement = event.Digest{}
	for want, d := range map[string]client.Draft{"one of the two": both, "at most": large, "statement": nameless} {
		if _, err := s.Record(t.Context(), d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %q", err, want)
		}
	}
	if _, err := s.Record(t.Context(), deferredDraft(1)); err != nil {
		t.Error(err)
	}
}
