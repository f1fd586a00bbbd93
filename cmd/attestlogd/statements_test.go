package main

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/scripttest"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// TestStatements makes a log with a statement, and takes the statement's keys from the server as a prover does: the entry names the
// circuit that this program compiles, a verifying key that parses, and the proving key that is served.
func TestStatements(t *testing.T) {
	const name = "data-access-16"
	row, err := circuit.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	keytest.Keys(t, name, row.Compile) // so that init finds them in the cache
	dir := filepath.Join(scripttest.ReachableDir(t), "log")
	runToEnd(t, "init", "--data", dir, "--origin", "test.example/log", "--statements", name, "--keys-cache", keytest.Store(t).Dir())
	url := serveForTest(t, dir)

	public, err := os.ReadFile(filepath.Join(dir, "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(url, client.Options{LogKey: strings.TrimSpace(string(public))})
	if err != nil {
		t.Fatal(err)
	}
	statements, err := c.Statements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(statements) != 1 {
		t.Fatalf("the log has %d statements, want 1", len(statements))
	}
	st := statements[0]
	ccs, err := row.Compile()
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := ccs.WriteTo(h); err != nil {
		t.Fatal(err)
	}
	if got := event.Digest(h.Sum(nil)); st.Claims.ConstraintSystem != got || st.Claims.Constraints != int64(ccs.GetNbConstraints()) {
		t.Errorf("the entry names the circuit %s with %d constraints, and it is %s with %d",
			st.Claims.ConstraintSystem, st.Claims.Constraints, got, ccs.GetNbConstraints())
	}
	if st.Claims.Name != name || st.Claims.Proves != event.DataAccess || st.Claims.Setup != event.SetupOneParty {
		t.Errorf("the entry says %s proves %s, set up by %s", st.Claims.Name, st.Claims.Proves, st.Claims.Setup)
	}
	if vk, err := zkverify.ParseVerifyingKey(st.Claims.VerifyingKey); err != nil || vk.Digest() != st.Digest {
		t.Errorf("the entry's verifying key is not that of the statement (%v)", err)
	}
	key, err := c.ProvingKey(t.Context(), st, 0)
	if err != nil {
		t.Fatal(err)
	}
	h.Reset()
	n, err := io.Copy(h, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Close(); err != nil {
		t.Error(err)
	}
	if event.Digest(h.Sum(nil)) != st.Claims.ProvingKey || n != st.Claims.ProvingKeySize {
		t.Errorf("%d bytes were served that are not the proving key of the entry", n)
	}
}

// runToEnd runs attestlogd to its end.
func runToEnd(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("attestlogd", args...).CombinedOutput(); err != nil {
		t.Fatalf("attestlogd %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// serveForTest serves a log until the test ends, and returns its URL.
func serveForTest(t *testing.T, dir string) (url string) {
	t.Helper()
	address, err := scripttest.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("attestlogd", "serve", "--data", dir, "--listen", address)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("attestlogd serve: %v\n%s", err, &output)
		}
	})
	if err := awaitReady("http://"+address, readyPatience); err != nil {
		t.Fatal(err)
	}
	return "http://" + address
}
