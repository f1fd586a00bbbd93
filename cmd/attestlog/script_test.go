package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/attestlog/attestlog/cmd/internal/scripttest"
)

// TestMain makes this test binary double as attestlog, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attestlog": main})
}

// TestScripts runs what people do with attestlog, in testdata/*.txt: the real program, and where a log is needed, the real
// attestlogd on a private PostgreSQL.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	programs := scripttest.Build(t, "../attestlogd")
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
		Cmds: scripttest.Commands(),
	})
}
