package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/attestlog/attestlog/cmd/internal/scripttest"
)

// TestMain makes this test binary double as attestlog-monitor, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attestlog-monitor": func() { os.Exit(run()) }})
}

// TestScripts runs what people do with attestlog-monitor, in testdata/*.txt: the real program, and real logs on private PostgreSQL servers.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	programs := scripttest.Build(t, "../attestlogd", "../attestlog", "../attestlog-prover")
	cmds := scripttest.Commands()
	cmds["shows"] = shows
	testscript.Run(t, testscript.Params{
		Dir:         "testdata",
		WorkdirRoot: scripttest.ReachableDir(t),
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", programs+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("GERMAN", filepath.Join(root, "testdata", "german-credit"))
			e.Setenv("KEYS", filepath.Join(root, ".cache", "keys"))
			return nil
		},
		Cmds: cmds,
	})
}

// shows URL TEXT: waits until what a server answers holds the text. There is no signal to wait for: what it knows is what HTTP says.
func shows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shows URL TEXT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	last := "nothing"
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
		ts.Check(err)
		if response, err := http.DefaultClient.Do(request); err == nil {
			body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
			response.Body.Close()
			if last = string(body); err == nil && strings.Contains(last, args[1]) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%s doesn't show %s, but %s", args[0], args[1], last)
		}
	}
}
