package viewing_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/viewing"
)

func TestCheckLocal(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:0": "", "localhost:0": "", "[::1]:0": "", "127.8.9.1:0": "",
		"0.0.0.0:0": "from elsewhere", ":0": "from elsewhere", "192.0.2.1:0": "from elsewhere", "log.example:0": "from elsewhere", "[::]:0": "from elsewhere",
		"127.0.0.1": "no address", "": "no address",
	} {
		if err := viewing.CheckLocal(address); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestLocal(t *testing.T) {
	handler := viewing.Local(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a page") }))
	for host, want := range map[string]int{
		"127.0.0.1:8080": 200, "127.0.0.1": 200, "localhost:1": 200, "localhost": 200, "[::1]:80": 200, "[::1]": 200,
		"attacker.example:8080": 421, "attacker.example": 421, "127.0.0.1.attacker.example:80": 421, "192.0.2.1:80": 421, "": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if answer.Code != want {
			t.Errorf("Host %q: %d", host, answer.Code)
		}
	}
}

func TestMonitors(t *testing.T) {
	_, public, err := note.GenerateKey(rand.Reader, "log.example/x")
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var addresses command.Repeated
	for _, address := range []string{"http://127.0.0.1:1/", "https://monitor.example/x"} {
		if err := addresses.Set(address); err != nil {
			t.Fatal(err)
		}
	}
	if addresses.String() != "http://127.0.0.1:1/ https://monitor.example/x" {
		t.Errorf("the flag is %q", addresses.String())
	}
	monitors, wait, err := viewing.Monitors(ctx, addresses[:1], key, slog.New(slog.DiscardHandler))
	if err != nil || len(monitors) != 1 || monitors[0].Name() != "127.0.0.1:1" {
		t.Fatalf("%v, %v", monitors, err)
	}
	cancel()
	wait()
	if _, _, err := viewing.Monitors(ctx, []string{"nonsense"}, key, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--monitor") {
		t.Errorf("nonsense: %v", err)
	}
}

// Serve ends with its context, and says why it couldn't begin.
func TestServe(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- viewing.Serve(ctx, listener, http.NotFoundHandler(), logger) }()
	response, err := http.Get("http://" + listener.Addr().String())
	if err != nil || response.StatusCode != http.StatusNotFound {
		t.Fatal(response, err)
	}
	response.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := viewing.Serve(t.Context(), listener, http.NotFoundHandler(), logger); err == nil {
		t.Error("a closed listener serves")
	}
}

// Each log has an address of its own, which stays the same: a change of it costs people what their browsers remember.
func TestUsual(t *testing.T) {
	if got := viewing.Usual("log.example/x+00000000+AA=="); got != "127.0.0.1:30743" {
		t.Errorf("the address of a log is %s now", got)
	}
	ports := map[string]bool{}
	for i := range 100 {
		host, port, err := net.SplitHostPort(viewing.Usual(strconv.Itoa(i)))
		if n, _ := strconv.Atoi(port); err != nil || host != "127.0.0.1" || n < 20000 || n > 31999 {
			t.Errorf("an address is %s:%s, %v", host, port, err)
		}
		ports[port] = true
	}
	if len(ports) < 95 {
		t.Errorf("a hundred logs have %d ports", len(ports))
	}
}
