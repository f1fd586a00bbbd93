package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/attestlog/attestlog/cmd/internal/scripttest"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// TestMain makes this test binary double as attestlog, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attestlog": main})
}

// TestScripts runs what people do with attestlog, in testdata/*.txt: the real program, and where a log is needed, the real
// attestlogd on a private PostgreSQL.
func TestScripts(t *testing.T) { testscript.Run(t, scripts(t, "testdata")) }

// scripts has the scripts of a folder run in an environment with all programs.
func scripts(t *testing.T, dir string) testscript.Params {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	programs := scripttest.Build(t, "../attestlogd", "../attestlog-prover", "../attestlog-monitor")
	return testscript.Params{
		Dir:         dir,
		WorkdirRoot: scripttest.ReachableDir(t),
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", programs+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("GERMAN", filepath.Join(root, "testdata", "german-credit"))
			e.Setenv("KEYS", filepath.Join(root, ".cache", "keys"))
			return nil
		},
		Cmds: scriptCommands(t),
	}
}

// scriptCommands are those of the stories here.
func scriptCommands(t *testing.T) map[string]func(*testscript.TestScript, bool, []string) {
	all := scripttest.Commands()
	all["fork"] = forker{t, logtest.New(t, "test.example/log"), logtest.New(t, "test.example/log")}.write
	all["bend"] = bendFork
	return all
}

// forker makes evidence of a log that forks after five entries.
type forker struct {
	t          *testing.T
	log, other *logtest.Log
}

// fork FILE N M: writes evidence of heads of those sizes, and beside it log.pub, the log's key, and other.pub, another log's of the
// same name.
func (f forker) write(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: fork FILE N M")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	m, err := strconv.ParseInt(args[2], 10, 64)
	ts.Check(err)
	honest, forked := f.log.History(n, n, ""), f.log.History(m, 5, "fork")
	first, err := verify.OpenHead(honest.Head(n), f.log.Key)
	ts.Check(err)
	second, err := verify.OpenHead(forked.Head(m), f.log.Key)
	ts.Check(err)
	fork, err := verify.ProveFork(f.t.Context(), first, second, f.log.Key, forked.Nodes)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), fork.Encode(), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("log.pub"), []byte(f.log.VKey+"\n"), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("other.pub"), []byte(f.other.VKey+"\n"), 0o644))
}

// bend FILE: changes a hash in evidence of a fork.
func bendFork(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: bend FILE")
	}
	fork, err := verify.ParseFork([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	fork.Left[0][0] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), fork.Encode(), 0o644))
}
