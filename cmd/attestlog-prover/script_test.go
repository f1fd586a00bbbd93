package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/attestlog/attestlog/cmd/internal/health"
	"github.com/attestlog/attestlog/cmd/internal/scripttest"
)

// TestMain makes this test binary double as attestlog-prover, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attestlog-prover": main})
}

// TestScripts runs what people do with attestlog-prover, in testdata/*.txt: the real program, and where a log is needed, the real
// attestlogd on a private PostgreSQL.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	programs := scripttest.Build(t, "../attestlogd", "../attestlog")
	commands := scripttest.Commands()
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){"healthy": healthy})
	testscript.Run(t, testscript.Params{
		Dir:         "testdata",
		WorkdirRoot: scripttest.ReachableDir(t),
		Cmds:        commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", programs+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("GERMAN", filepath.Join(root, "testdata", "german-credit"))
			e.Setenv("KEYS", filepath.Join(root, ".cache", "keys"))
			return nil
		},
	})
}

// healthy HOST:PORT: waits until the worker there is up. There is no signal to wait for: a worker's health is what HTTP says.
func healthy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: healthy HOST:PORT")
	}
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(25 * time.Millisecond) {
		if err = health.Ask(context.Background(), "http://"+args[0], "healthz", time.Minute); err == nil {
			return
		}
	}
	ts.Check(err)
}
