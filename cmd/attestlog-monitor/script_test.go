package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/attestlog/attestlog/cmd/internal/scripttest"
)

// TestMain makes this test binary double as attestlog-monitor, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attestlog-monitor": main})
}

// TestScripts runs what people do with attestlog-monitor, in testdata/*.txt: the real program, and real logs on private PostgreSQL servers.
func TestScripts(t *testing.T) {
	testscript.Run(t, scripts(t, "testdata"))
}

// TestLitewitness has a log cosigned by a witness that is not ours: torchwood's litewitness, beside one of ours.
func TestLitewitness(t *testing.T) {
	testscript.Run(t, scripts(t, "testdata/litewitness", scripttest.BuildModule(t, "../../testdata/litewitness", "filippo.io/torchwood/cmd/litewitness", "./keeper")))
}

// scripts runs those of a folder, with our programs and those in further folders.
func scripts(t *testing.T, dir string, others ...string) testscript.Params {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	path := append([]string{scripttest.Build(t, "../attestlogd", "../attestlog", "../attestlog-prover")}, others...)
	return testscript.Params{
		Dir:         dir,
		WorkdirRoot: scripttest.ReachableDir(t),
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", strings.Join(append(path, e.Getenv("PATH")), string(os.PathListSeparator)))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("GERMAN", filepath.Join(root, "testdata", "german-credit"))
			e.Setenv("KEYS", filepath.Join(root, ".cache", "keys"))
			return nil
		},
		Cmds: scripttest.Commands(),
	}
}
