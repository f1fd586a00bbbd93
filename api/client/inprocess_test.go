package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// A client of a handler in the same process sees what one over the network sees, also while that process answers a request of its own.
func TestInProcess(t *testing.T) {
	m := newMemLog(t)
	sub, _ := submission(t, "gateway/1", verify.NewChain())
	if o := m.Submit(t.Context(), []*event.Submission{sub})[0]; o.Refusal != nil {
		t.Fatal(o.Refusal)
	}
	digest := event.DigestOf(sub.Envelope.Payload)
	inner, err := api.New(api.Config{Ledger: m, Keys: m, Limits: api.Limits{Refused: -1}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New("http://log.example/", client.Options{LogKey: m.public, HTTP: &http.Client{Transport: client.InProcess(inner)}, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Event(t.Context(), digest)
	if err != nil || r.Digest != digest {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := c.Event(t.Context(), event.Digest{1}); !client.HasCode(err, client.CodeNotFound) {
		t.Errorf("an event that isn't there: %v", err)
	}
	// chi keeps the route of a request in its context, where the inner router must not find it.
	outer := chi.NewRouter()
	outer.Get("/entries/{index}", func(rw http.ResponseWriter, r *http.Request) {
		receipt, err := c.Entry(r.Context(), 0)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = rw.Write(receipt.Leaf)
	})
	page, err := client.InProcess(outer).RoundTrip(request(t.Context(), t, http.MethodGet, "/entries/7"))
	if err != nil {
		t.Fatal(err)
	}
	if leaf, _ := io.ReadAll(page.Body); string(leaf) != string(r.Leaf) {
		t.Errorf("a page got %q", leaf)
	}
}

func request(ctx context.Context, t testing.TB, method, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://log.example"+path, strings.NewReader("question"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestInProcessAnswers(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "a value of the request that is being answered")
	ended, end := context.WithCancel(ctx)
	end()
	big := make([]byte, 1<<20)
	for name, c := range map[string]struct {
		ctx     context.Context
		method  string
		handler http.HandlerFunc
		status  int
		body    string
		fails   string
	}{
		"plain":   {ctx, "GET", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("a")) }, 200, "a", ""},
		"nothing": {ctx, "GET", func(http.ResponseWriter, *http.Request) {}, 200, "", ""},
		"a status": {ctx, "GET", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("X", "sent")
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK)
			w.Header().Set("X", "late")
		}, 418, "", ""},
		"head":   {ctx, "HEAD", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("a")) }, 200, "", ""},
		"a body": {ctx, "POST", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }, 200, "question", ""},
		"no values": {ctx, "GET", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat("x", len(r.Header))))
		}, 200, "", ""},
		"the address": {ctx, "GET", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Host+r.RequestURI+"|"+r.RemoteAddr)
		}, 200, "log.example/a%2Fb?c=d|127.0.0.1:0", ""},
		"aborted": {ctx, "GET", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, 0, "", "abort"},
		"ended":   {ended, "GET", func(w http.ResponseWriter, r *http.Request) { t.Error("it was asked") }, 0, "", "canceled"},
		"endless": {ctx, "GET", func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := w.Write(big); err != nil {
					return
				}
			}
		}, 0, "", "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Context().Value(key{}) != nil {
					t.Error("the handler sees the values of the caller's context")
				}
				c.handler(w, r)
			})
			response, err := client.InProcess(handler).RoundTrip(request(c.ctx, t, c.method, "/a%2Fb?c=d"))
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(response.Body); response.StatusCode != c.status || string(body) != c.body || err != nil || response.Header.Get("X") == "late" {
				t.Errorf("%d %v %q %v", response.StatusCode, response.Header, body, err)
			}
		})
	}
	t.Run("a panic goes through", func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("nobody learns of it")
			}
		}()
		_, _ = client.InProcess(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("!") })).RoundTrip(request(ctx, t, "GET", "/"))
	})
}

// Whoever waits for nothing is told at once.
func TestNoPatience(t *testing.T) {
	m := newMemLog(t)
	sub, _ := submission(t, "gateway/1", verify.NewChain())
	if o := m.Submit(t.Context(), []*event.Submission{sub})[0]; o.Refusal != nil {
		t.Fatal(o.Refusal)
	}
	c, _ := connect(t, serveLog(t, unpublishing{m}, m), m.public, func(o *client.Options) { o.Patience, o.Pause = -1, time.Hour })
	if _, err := c.Entry(t.Context(), 0); !errors.Is(err, client.ErrUnpublished) {
		t.Errorf("got %v", err)
	}
}
