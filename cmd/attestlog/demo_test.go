//go:build heavy

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/cmd/internal/scripttest"
)

// TestDemo plays the whole demonstration, set-up included where no keys are cached, as `make demo ONCE=1` does.
func TestDemo(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	programs := scripttest.Build(t, "../attestlogd", "../attestlog-prover", "../attestlog-monitor", ".")
	address, err := scripttest.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	temporary := scripttest.ReachableDir(t)
	demo := func(args ...string) (string, error) {
		c := exec.Command(filepath.Join(root, "scripts", "demo"), args...)
		c.Env = append(os.Environ(), "DEMO_PORT="+port, "DEMO_BIN="+programs, "TMPDIR="+temporary)
		out, err := c.CombinedOutput()
		return string(out), err
	}

	out, err := demo("--once")
	if err == nil || strings.Count(out, "\n") != 1 || !strings.Contains(out, "port "+port+" is in use") {
		t.Errorf("with its port in use the demo says (%v):\n%s", err, out)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	out, err = demo("--once")
	if err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, out)
	}
	said := strings.Join(strings.Fields(out), " ") // however its lines are broken
	for _, want := range []string{
		"Verdict: PROVEN", "401 bad-signature", "422 proof-invalid", "422 proof-missing", "row 20 of the data set: the row doesn't consent",
		"is not in the tree", "5 ways to cheat were refused", "UNTRUSTED",
		"986 of 1,000 rows", "All 20 steps are taken; the log has 20 of them", "✓ its 20 steps begin each with the weights", "✓ the served version is the model",
		"cosigned by witness.demo.example/1: as the policy asks", "→ not believed, exit code 3", "TWO HISTORIES, with evidence", "→ caught, exit code 3", "ALARM fork",
		"→ the alarm stays, exit code 3", "FORK: the holder of demo.attestlog.example/german-credit's key signed two roots for",
		"was shown the same history, up to a tree of", "and the operator's two histories were caught",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the demo doesn't say %q:\n%s", want, out)
		}
	}
	left, err := os.ReadDir(temporary)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("the demo left %s behind", left[0].Name())
	}
}
