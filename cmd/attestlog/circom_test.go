//go:build heavy

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestCircom runs what people do with circuits of their own, with circom's real compiler and snarkjs, which scripts/install-circom puts
// into .cache. They are under the GPL, and judge from outside.
func TestCircom(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tools := filepath.Join(root, ".cache", "circom", "node_modules", ".bin")
	for _, tool := range []string{"circom2", "snarkjs"} {
		if _, err := os.Stat(filepath.Join(tools, tool)); err != nil {
			t.Fatalf("%s is missing: scripts/install-circom installs it (%v)", tool, err)
		}
	}
	p := scripts(t, "testdata/circom")
	setup := p.Setup
	p.Setup = func(e *testscript.Env) error {
		if err := setup(e); err != nil {
			return err
		}
		e.Setenv("PATH", e.Getenv("PATH")+string(os.PathListSeparator)+tools)
		e.Setenv("CIRCOM", filepath.Join(root, "testdata", "circom"))
		e.Setenv("PROVER", `snarkjs groth16 fullprove "$ATTESTLOG_INPUT" at_least_js/at_least.wasm 1.zkey "$ATTESTLOG_PROOF" "$ATTESTLOG_PROOF.public"`)
		return nil
	}
	p.Cmds["extract"] = scriptExtract
	p.Cmds["cmpjson"] = scriptCompareJSON
	testscript.Run(t, p)
}

// extract FILE PATTERN NAME: sets NAME to what the pattern's first group finds.
func scriptExtract(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 3, "usage: extract FILE PATTERN NAME")
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile(args[0]))
	want(ts, len(found) == 2, args[0]+" holds nothing like "+args[1])
	ts.Setenv(args[2], found[1])
}

// cmpjson A B: the files say the same in JSON.
func scriptCompareJSON(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "usage: cmpjson A B")
	var values [2]any
	for i, name := range args {
		d := json.NewDecoder(bytes.NewReader([]byte(ts.ReadFile(name))))
		d.UseNumber()
		ts.Check(d.Decode(&values[i]))
	}
	want(ts, reflect.DeepEqual(values[0], values[1]), args[0]+" and "+args[1]+" differ")
}

func want(ts *testscript.TestScript, ok bool, problem string) {
	if !ok {
		ts.Fatalf("%s", problem)
	}
}
