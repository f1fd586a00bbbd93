package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const liveOrigin = "log.example/live"

// live is a log on PostgreSQL behind HTTP, all of whose traffic is held against openapi.yaml, with an operator and two services.
type live struct {
	t      testing.TB
	server *httptest.Server
	ledger *ledger.Ledger
	key    note.Verifier
	chains map[string]verify.Chain
}

func keyOf(letter byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{letter}, ed25519.SeedSize))
}

func public(letter byte) ed25519.PublicKey { return keyOf(letter).Public().(ed25519.PublicKey) }

func startLive(t testing.TB) *live {
	t.Helper()
	keys := logtest.New(t, liveOrigin)
	l, err := ledger.Open(t.Context(), ledger.Config{DatabaseURL: pgtest.URL(t), Origin: liveOrigin, Signer: keys.Signer,
		HeadsFile: filepath.Join(t.TempDir(), "heads"), PublishEvery: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the ledger ended with %v", err)
		}
		l.Close()
	})
	w := &live{t: t, ledger: l, key: keys.Key, chains: map[string]verify.Chain{}, server: serve(t, Config{Ledger: l, Limits: Limits{Refused: -1}})}
	w.until("the log takes events", func() bool { return l.Ready(t.Context()) == nil })
	w.register("operator/1", 'o', event.RoleOperator)
	w.register("gateway/1", 'g', event.RoleService)
	w.register("clinic/1", 'c', event.RoleController)
	return w
}

// until polls for what no signal tells.
func (w *live) until(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("in vain waited that %s", what)
		}
	}
}

func (w *live) register(name string, letter byte, role event.SourceRole) {
	w.t.Helper()
	w.submit(w.say("operator/1", 'o', &event.SourceClaims{Action: event.SourceRegister, Key: public(letter), Role: role, Source: name,
		Consent: ed25519.Sign(keyOf(letter), event.ConsentMessage(liveOrigin, name, public(letter), nil, ""))}))
}

func (w *live) submit(sub *event.Submission) {
	w.t.Helper()
	if o := w.ledger.Submit(w.t.Context(), []*event.Submission{sub})[0]; o.Refusal != nil {
		w.t.Fatal(o.Refusal)
	}
}

// say makes a source's next event.
func (w *live) say(source string, letter byte, claims event.Claims) *event.Submission {
	w.t.Helper()
	at, ok := w.chains[source]
	if !ok {
		at = verify.NewChain()
	}
	e := &event.Event{Subject: event.Subject{Name: "credit-scoring", Digest: event.DigestOf([]byte("system"))}, Log: liveOrigin, Source: source,
		Seq: at.Seq, Prev: at.Prev, Time: 1700000000000, Proof: event.ProofNone, Claims: claims}
	payload, err := e.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.chains[source] = verify.After(e, event.DigestOf(payload))
	return &event.Submission{Envelope: event.Sign(payload, keyOf(letter))}
}

// approvals are n events of gateway/1 that rest on nothing.
func (w *live) approvals(n int) []*event.Submission {
	subs := make([]*event.Submission, n)
	for i := range subs {
		subs[i] = w.say("gateway/1", 'g', &event.ApprovalClaims{Releases: event.Context("releases", event.Digest{byte(i)}, event.Digest{byte(i >> 8)})})
	}
	return subs
}

// fill logs n events over HTTP.
func (w *live) fill(n int) {
	w.t.Helper()
	for subs := w.approvals(n); len(subs) > 0; subs = subs[min(1000, len(subs)):] {
		status, _, body := w.post("/v1/events:batch", string(batchOf(w.t, subs[:min(1000, len(subs))])))
		if status != http.StatusOK || bytes.Contains(body, []byte(`"problem"`)) {
			w.t.Fatalf("%d: %.2000s", status, body)
		}
	}
	w.until("all is published", func() bool {
		head, ok := w.ledger.Published()
		return ok && head.Size >= int64(n+3)
	})
}

func (w *live) do(r *http.Request) (int, http.Header, []byte) {
	w.t.Helper()
	response, err := w.server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, response.Header, body
}

func (w *live) get(path string, header ...string) (int, http.Header, []byte) {
	w.t.Helper()
	return w.do(request(w.t, http.MethodGet, w.server.URL+path, "", header...))
}

func (w *live) post(path, body string, header ...string) (int, http.Header, []byte) {
	w.t.Helper()
	return w.do(request(w.t, http.MethodPost, w.server.URL+path, body, append([]string{"Content-Type", "application/json"}, header...)...))
}

// request makes a request with headers given as names and values in turn.
func request(t testing.TB, method, url, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}
