package main

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/monitor"
)

// Of several logs there is a list, which leads to the pages of each that has some.
func TestViewerOfSeveralLogs(t *testing.T) {
	var lines []string
	for _, log := range []string{"tiles zebra.example/<log>", "attestlog bear.example/log", "attestlog ant.example/log"} {
		form, origin, _ := strings.Cut(log, " ")
		_, key, err := note.GenerateKey(rand.Reader, origin)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, form+" "+key+" http://127.0.0.1:1/")
	}
	file := filepath.Join(t.TempDir(), "logs")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &serveConfig{follow: follow{state: t.TempDir(), logs: file}}
	cfg, err := c.config()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	m, err := monitor.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var v viewers
	defer v.close()
	if err := v.listen("127.0.0.1:0", cfg.Logs); err != nil || len(v.listeners) != 3 {
		t.Fatal(len(v.listeners), err)
	}
	if err := v.make(c, cfg, m); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- v.serve(ctx, cfg.Logger) }()
	read := func(url string) (int, string) {
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || !strings.Contains(response.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %v %v", url, response.Header, err)
		}
		return response.StatusCode, string(body)
	}
	base := "http://" + v.listeners[0].Addr().String()
	status, list := read(base + "/")
	links := regexp.MustCompile(`<a href="(http://127\.0\.0\.1:[0-9]+/)"><bdi>([^<]*)</bdi>`).FindAllStringSubmatch(list, -1)
	if status != 200 || len(links) != 2 || links[0][2] != "ant.example/log" || links[1][2] != "bear.example/log" || !strings.Contains(list, "zebra.example/&lt;log&gt;") {
		t.Fatalf("%d, %v:\n%s", status, links, list)
	}
	for _, link := range links { // the log itself can't be reached
		if status, page := read(link[1] + "monitors"); status != 200 || !strings.Contains(page, link[2]) || !strings.Contains(page, "This monitor") {
			t.Errorf("%s: %d\n%s", link, status, page)
		}
	}
	style := regexp.MustCompile(`/static/[^"]*style.css`).FindString(list)
	if status, _ := read(base + style); status != 200 {
		t.Errorf("%q: %d", style, status)
	}
	for _, path := range []string{"/entries", "/static/x/style.css"} {
		if status, _ := read(base + path); status != 404 {
			t.Errorf("%s beside the list: %d", path, status)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestViewerListens(t *testing.T) {
	one := []monitor.LogConfig{{Law: true}}
	for address, want := range map[string]string{"127.0.0.1:0": "", "nonsense": "no address", "127.0.0.1:http": "no address", "127.0.0.1:70000": "no address", "256.0.0.1:0": "couldn't listen"} {
		var v viewers
		if err := v.listen(address, one); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
		v.close()
	}
}
