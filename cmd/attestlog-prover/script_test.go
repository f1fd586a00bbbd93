package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary double as attestlog-prover, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attestlog-prover": func() { os.Exit(run()) }})
}

// TestScripts runs what people do with attestlog-prover, in testdata/*.txt.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mode":    scriptMode,
			"oneline": scriptOneLine,
		},
	})
}

// mode FILE OCTAL: the file has these permissions.
func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "usage: mode FILE OCTAL")
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	got := strconv.FormatUint(uint64(info.Mode().Perm()), 8)
	want(ts, got == args[1], args[0]+" has mode "+got+", want "+args[1])
}

// oneline: the last command's standard error was one line.
func scriptOneLine(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 0, "usage: oneline")
	text := ts.ReadFile("stderr")
	want(ts, strings.Count(text, "\n") == 1 && strings.HasSuffix(text, "\n"), "standard error is not one line:\n"+text)
}

func want(ts *testscript.TestScript, ok bool, problem string) {
	if !ok {
		ts.Fatalf("%s", problem)
	}
}
