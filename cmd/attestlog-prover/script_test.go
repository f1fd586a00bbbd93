package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/attestlog/attestlog/cmd/internal/scripttest"
)

// TestMain makes this test binary double as attestlog-prover, for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attestlog-prover": func() { os.Exit(run()) }})
}

// TestScripts runs what people do with attestlog-prover, in testdata/*.txt.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata",
		Cmds: scripttest.Commands(),
	})
}
