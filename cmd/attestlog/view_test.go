package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/cmd/internal/viewing"
)

// TestViewsAddress: a log's pages are where they were the last time, unless that port is taken, which is said.
func TestViewsAddress(t *testing.T) {
	log := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // a log that has published no head yet
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"type":"about:blank","title":"Nothing yet","status":404,"detail":"No head.","code":"not-found"}`)
	}))
	defer log.Close()
	memory := filepath.Join(t.TempDir(), "seen")
	// view serves the pages until it is stopped.
	view := func(key string) (url string, stop func() (said string)) {
		ctx, cancel := context.WithCancel(t.Context())
		out, in := io.Pipe()
		var said bytes.Buffer
		fs := flag.NewFlagSet("view", flag.ContinueOnError)
		run := bindView(fs)
		if err := fs.Parse([]string{"--log-key", key, "--memory", memory}); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			err := run(ctx, &terminal{out: in, err: &said}, []string{log.URL})
			in.Close()
			ended <- err
		}()
		url, _ = bufio.NewReader(out).ReadString('\n')
		return strings.TrimSpace(url), func() string {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			return said.String()
		}
	}
	for range 20 { // something else on this machine may have the port of one key or another
		_, key, err := note.GenerateKey(rand.Reader, "log.example/x")
		if err != nil {
			t.Fatal(err)
		}
		usual := "http://" + viewing.Usual(key) + "/"
		url, stop := view(key)
		if url != usual {
			stop()
			continue
		}
		if other, stop := view(key); other == usual || !strings.HasPrefix(other, "http://127.0.0.1:") {
			t.Errorf("a second viewer is at %q", other)
		} else if said := stop(); !strings.Contains(said, "usually at "+usual) {
			t.Errorf("that it is elsewhere isn't said:\n%s", said)
		}
		if said := stop(); strings.Contains(said, "usually") {
			t.Errorf("at the usual address it says\n%s", said)
		}
		again, stop := view(key)
		if stop(); again != usual {
			t.Errorf("the next time it is at %q, not %s", again, usual)
		}
		return
	}
	t.Error("no port of twenty is free")
}
