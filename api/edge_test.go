package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

// exchange does one request with a server.
func exchange(t testing.TB, server *httptest.Server, r *http.Request) (int, http.Header, string) {
	t.Helper()
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

func oneSubmission(t testing.TB) string {
	t.Helper()
	b, err := submissions(t, 1)[0].Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryRefusalHasItsProblem refuses with every code of the ledger, singly and in a batch.
func TestEveryRefusalHasItsProblem(t *testing.T) {
	var refusal *ledger.Refusal
	log := &stub{submit: func(context.Context, []*event.Submission) []ledger.Outcome {
		return []ledger.Outcome{{Refusal: refusal}}
	}}
	server := serve(t, Config{Ledger: log, Limits: Limits{Refused: -1}})
	for _, code := range ledger.Codes() {
		refusal = &ledger.Refusal{Code: code, Detail: "Do this — \"that\".", Check: "columns", Expected: &ledger.Next{Seq: 7}, RetryAfter: 1500 * time.Millisecond}
		row := typeOf(code)
		for path, body := range map[string]string{"/v1/events": oneSubmission(t), "/v1/events:batch": `{"events":[` + oneSubmission(t) + `]}`} {
			status, header, answer := exchange(t, server, request(t, http.MethodPost, server.URL+path, body, "Content-Type", "application/json"))
			later := row.status == 429 || row.status == 503
			want := row.status
			if path == "/v1/events:batch" && !later {
				want = http.StatusOK
			}
			if status != want || !strings.Contains(answer, `"code":"`+string(code)+`"`) || !strings.Contains(answer, `"title":"`+row.title) {
				t.Errorf("%s to %s: %d %s", code, path, status, answer)
			}
			if got := header.Get("Retry-After"); later != (got == "2") {
				t.Errorf("%s to %s: Retry-After is %q", code, path, got)
			}
		}
	}
}

func TestFailuresSayNothingAboutTheirCause(t *testing.T) {
	var lines bytes.Buffer
	secret := errors.New("dial /var/run/secret.sock")
	log := &stub{entry: func(index int64) (*ledger.Entry, error) {
		if index == 1 {
			panic(secret)
		}
		return nil, secret
	}}
	server := serve(t, Config{Ledger: log, Logger: slog.New(slog.NewJSONHandler(&lines, nil))})
	for _, path := range []string{"/v1/entries/0", "/v1/entries/1"} {
		status, header, body := exchange(t, server, request(t, http.MethodGet, server.URL+path, "", requestIDHeader, "request-7"))
		if status != 500 || strings.Contains(body, "secret") || !strings.Contains(body, `"code":"internal"`) || header.Get(requestIDHeader) != "request-7" {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if logged := lines.String(); strings.Count(logged, "secret.sock") < 2 || !strings.Contains(logged, "request-7") {
		t.Errorf("the operator can't find the cause: %s", logged)
	}
}

// TestAccessLogIsDiscreet looks for what must not be in the log.
func TestAccessLogIsDiscreet(t *testing.T) {
	var lines bytes.Buffer
	server := serve(t, Config{Ledger: &stub{submit: logAll}, Logger: slog.New(slog.NewJSONHandler(&lines, nil))})
	body := oneSubmission(t)
	exchange(t, server, request(t, http.MethodPost, server.URL+"/v1/events?name=alice", body, "Content-Type", "application/json", requestIDHeader, "bad id"))
	logged := lines.String()
	for _, private := range []string{"alice", "127.0.0.1", "bad id", body[30:60]} {
		if strings.Contains(logged, private) {
			t.Errorf("%q is in the log: %s", private, logged)
		}
	}
	for _, wanted := range []string{`"route":"/v1/events"`, `"status":201`, `"method":"POST"`} {
		if !strings.Contains(logged, wanted) {
			t.Errorf("%s is not in the log: %s", wanted, logged)
		}
	}
}

// TestQuota holds a client back that sends garbage, and no other.
func TestQuota(t *testing.T) {
	byHeader := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.RemoteAddr = r.Header.Get("X-Test-Client")
			middleware.ClientIPFromRemoteAddr(next).ServeHTTP(w, r)
		})
	}
	server := serve(t, Config{Ledger: &stub{submit: logAll}, Limits: Limits{Refused: 5}, ClientIP: byHeader})
	send := func(client, body string) int {
		status, _, _ := exchange(t, server, request(t, http.MethodPost, server.URL+"/v1/events", body, "Content-Type", "application/json", "X-Test-Client", client))
		return status
	}
	good := oneSubmission(t)
	for range 20 {
		if status := send("192.0.2.1:1", good); status != 201 {
			t.Fatalf("an honest client got %d", status)
		}
	}
	refused := 0
	for range 10 {
		if send("[2001:db8::1]:1", "{}") == 429 {
			refused++
		}
	}
	if refused != 4 {
		t.Errorf("of 10 pieces of garbage, %d were held back, want 4", refused)
	}
	if status := send("[2001:db8::2]:9", good); status != 429 {
		t.Errorf("the same network under another address got %d", status)
	}
	if status := send("192.0.2.1:1", good); status != 201 {
		t.Errorf("another client got %d", status)
	}
}

func TestMethods(t *testing.T) {
	server := serve(t, Config{Ledger: &stub{}})
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"OPTIONS", "/v1/entries", 204, "GET, HEAD, OPTIONS"},
		{"OPTIONS", "/v1/events", 204, "POST, OPTIONS"},
		{"OPTIONS", "/tile/0/x001/000", 204, "GET, HEAD, OPTIONS"},
		{"OPTIONS", "/nowhere", 404, ""},
		{"DELETE", "/v1/entries/3", 405, "GET, HEAD, OPTIONS"},
		{"PUT", "/v1/events", 405, "POST, OPTIONS"},
		{"GET", "/v1/events", 405, "POST, OPTIONS"},
		{"HEAD", "/v1/events", 405, "POST, OPTIONS"},
		{"POST", "/checkpoint", 405, "GET, HEAD, OPTIONS"},
		{"BREW", "/checkpoint", 405, "GET, HEAD, OPTIONS"},
	} {
		status, header, body := exchange(t, server, request(t, c.method, server.URL+c.path, ""))
		if status != c.status || header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q: %s", c.method, c.path, status, header.Get("Allow"), body)
		}
		if c.path == "/v1/events" && header.Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("%s %s lets other origins write", c.method, c.path)
		}
	}
}

func TestFallbackServesWhatIsNotTheAPIs(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, bounded := r.Context().Deadline(); !bounded {
			t.Error("a page may take as long as it likes")
		}
		_, _ = io.WriteString(w, "a page")
	})
	metrics := prometheus.NewRegistry()
	s, err := newServer(Config{Ledger: &stub{}, Fallback: page, Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/": 200, "/entries/3": 200, "/v1/nothing": 404, "/tile/nothing": 404} {
		answer := httptest.NewRecorder()
		s.routes.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", path, answer.Code, want)
		}
	}
	answer := httptest.NewRecorder()
	s.routes.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, counted := range []string{`_count{method="GET",route="viewer",status="200"} 2`, `_count{method="GET",route="none",status="404"} 1`} {
		if !strings.Contains(answer.Body.String(), counted) {
			t.Errorf("the metrics have no %s", counted)
		}
	}
}

// TestBodiesShareRoom has one body take all room; another waits for it, and is told when it has waited enough.
func TestBodiesShareRoom(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	log := &stub{submit: func(ctx context.Context, subs []*event.Submission) []ledger.Outcome {
		close(entered)
		<-leave
		return logAll(ctx, subs)
	}}
	body := oneSubmission(t)
	size := int64(len(body))
	server := serve(t, Config{Ledger: log, Limits: Limits{Event: size, Batch: size, InFlight: size, Timeout: 50 * time.Millisecond}})
	var wait sync.WaitGroup
	wait.Go(func() {
		exchange(t, server, request(t, http.MethodPost, server.URL+"/v1/events", body, "Content-Type", "application/json"))
	})
	<-entered
	status, _, answer := exchange(t, server, request(t, http.MethodPost, server.URL+"/v1/events", body, "Content-Type", "application/json"))
	if status != 429 || !strings.Contains(answer, `"code":"busy"`) {
		t.Errorf("%d %s", status, answer)
	}
	close(leave)
	wait.Wait()
}

// TestAnnouncedBodiesTakeNoRoom has clients announce as much as there is room for, and send next to nothing.
func TestAnnouncedBodiesTakeNoRoom(t *testing.T) {
	s, err := newServer(Config{Ledger: &stub{submit: logAll}, Limits: Limits{Batch: 1 << 20, InFlight: 1 << 20, Timeout: 20 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{}, 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 1<<20 {
			r.Body = &signalling{r.Body, arrived}
		}
		s.routes.ServeHTTP(w, r)
	}))
	defer server.Close()
	for range cap(arrived) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST /v1/events:batch HTTP/1.1\r\nHost: log\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-arrived: // it is being read, so that it has all the room that it gets
		case <-time.After(10 * time.Second):
			t.Fatal("a body that was announced keeps another one from being read")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	honest := request(t, http.MethodPost, server.URL+"/v1/events", oneSubmission(t), "Content-Type", "application/json").WithContext(ctx)
	if status, _, answer := exchange(t, server, honest); status != 201 {
		t.Errorf("%d %s", status, answer)
	}
}

// signalling tells of each time that a body is read from.
type signalling struct {
	io.ReadCloser
	read chan<- struct{}
}

func (s *signalling) Read(b []byte) (int, error) {
	select {
	case s.read <- struct{}{}:
	default:
	}
	return s.ReadCloser.Read(b)
}

// TestReadBody holds what was read against what was sent, for bodies of known and of unknown length.
func TestReadBody(t *testing.T) {
	for _, size := range []int{0, 1, firstRoom - 1, firstRoom, firstRoom + 1, 2 * firstRoom, 5*firstRoom + 7} {
		sent := bytes.Repeat([]byte("x"), size)
		for _, length := range []int64{int64(size), -1} {
			held := int64(0)
			got, err := readBody(iotest.HalfReader(bytes.NewReader(sent)), length, func(n int64) error { held = n; return nil })
			if err != nil || !bytes.Equal(got, sent) || held < int64(cap(got)) {
				t.Errorf("of %d bytes announced as %d: %d with room for %d, %v", size, length, len(got), held, err)
			}
		}
		if _, err := readBody(bytes.NewReader(sent), int64(size)+1, func(int64) error { return nil }); err == nil {
			t.Errorf("%d bytes announced as %d: accepted", size, size+1)
		}
	}
}

// TestSlowBodies sends a body that never ends, over a connection of its own: this goes past the contract, which reads bodies whole.
func TestSlowBodies(t *testing.T) {
	s, err := newServer(Config{Ledger: &stub{}, Limits: Limits{Timeout: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.routes)
	defer server.Close()
	for name, c := range map[string]struct {
		send string
		has  string
	}{
		"slow":    {"Content-Length: 1000\r\n\r\n{", "408 "},
		"chunked": {"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "408 "},
		"huge":    {"Content-Length: 1000000000\r\n\r\n{", "413 "},
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "POST /v1/events HTTP/1.1\r\nHost: log\r\nContent-Type: application/json\r\n"+c.send); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 256)
		n, err := io.ReadAtLeast(conn, first, 16)
		if err != nil || !strings.HasPrefix(string(first[:n]), "HTTP/1.1 "+c.has) {
			t.Errorf("%s: %q, %v", name, first[:n], err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// keyRing is proving keys in memory.
type keyRing map[event.Digest][]byte

func (k keyRing) ProvingKey(_ context.Context, vk event.Digest) (io.ReadSeekCloser, error) {
	key, ok := k[vk]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return nopCloser{bytes.NewReader(key)}, nil
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

func TestProvingKey(t *testing.T) {
	vk, missing := event.DigestOf([]byte("vk")), event.DigestOf([]byte("missing"))
	key := bytes.Repeat([]byte("0123456789"), 1000)
	claims := &event.StatementClaims{ProvingKey: event.DigestOf(key), ProvingKeySize: int64(len(key))}
	log := &stub{statements: map[event.Digest]ledger.StatementState{vk: {Digest: vk, Claims: claims}, missing: {Digest: missing, Claims: claims}}}
	server := serve(t, Config{Ledger: log, Keys: keyRing{vk: key}})
	path := server.URL + "/v1/statements/" + vk.String() + "/proving-key"
	etag := `"` + claims.ProvingKey.String() + `"`
	for name, c := range map[string]struct {
		path   string
		header []string
		status int
		body   string
	}{
		"whole":             {path, nil, 200, string(key)},
		"a range":           {path, []string{"Range", "bytes=9995-"}, 206, "56789"},
		"if the same":       {path, []string{"Range", "bytes=9995-", "If-Range", etag}, 206, "56789"},
		"if another":        {path, []string{"Range", "bytes=9995-", "If-Range", `"x"`}, 200, string(key)},
		"unless known":      {path, []string{"If-None-Match", etag}, 304, ""},
		"beyond the end":    {path, []string{"Range", "bytes=10000-"}, 416, "range-not-satisfiable"},
		"not here":          {server.URL + "/v1/statements/" + missing.String() + "/proving-key", nil, 404, "not-found"},
		"no such statement": {server.URL + "/v1/statements/" + etag[1:65] + "/proving-key", nil, 404, "not-found"},
		"no digest":         {server.URL + "/v1/statements/x/proving-key", nil, 400, "invalid-parameter"},
	} {
		status, header, body := exchange(t, server, request(t, http.MethodGet, c.path, "", c.header...))
		if status != c.status || status < 300 && body != c.body || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d %.200s", name, status, body)
		}
		if status < 300 && header.Get("ETag") != etag {
			t.Errorf("%s: the ETag is %s", name, header.Get("ETag"))
		}
	}
}

// TestServeFinishesRequests ends the server while a request is under way: it gets its answer, and later ones no connection.
func TestServeFinishesRequests(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "finished")
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, handler, slog.New(slog.DiscardHandler), 20*time.Second) }()
	answered := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-entered
	stop()
	for { // the listener closes at once
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(leave)
	if got := <-answered; got != "finished" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
