//go:build heavy

package snarkjs_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/snarkjs"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// TestSnarkjsVerifies has snarkjs, which scripts/install-circom puts into .cache, verify a proof of each of attestlog's own statements without
// a commitment, and refuse each with any one public input changed.
func TestSnarkjsVerifies(t *testing.T) {
	tool, err := filepath.Abs("../../.cache/circom/node_modules/.bin/snarkjs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tool); err != nil {
		t.Fatalf("snarkjs is missing: scripts/install-circom installs it (%v)", err)
	}
	exported := 0
	for _, s := range statement.All() {
		if s.Proves != event.DataAccess && s.Proves != event.ModelVersion || s.Name == "data-access-64" { // the same circuit as data-access-16, and slow
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			exported++
			c, err := circuit.For(s)
			if err != nil {
				t.Fatal(err)
			}
			k := keytest.Keys(t, s.Name, c.Compile)
			assignment, public, err := c.Sample()
			if err != nil {
				t.Fatal(err)
			}
			made, _, err := k.Prove(t.Context(), assignment)
			if err != nil {
				t.Fatal(err)
			}
			proof, err := zkverify.ParseProof(made, k.VerifyingKey)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			write := func(name string, b []byte, err error) string {
				t.Helper()
				path := filepath.Join(dir, name)
				if err := errors.Join(err, os.WriteFile(path, b, 0o600)); err != nil {
					t.Fatal(err)
				}
				return path
			}
			b, err := snarkjs.FormatVerifyingKey(k.VerifyingKey)
			keyFile := write("verification_key.json", b, err)
			b, err = snarkjs.FormatProof(proof)
			proofFile := write("proof.json", b, err)
			verify := func(public []event.Element) ([]byte, error) {
				b, err := snarkjs.FormatPublic(public)
				return exec.CommandContext(t.Context(), tool, "groth16", "verify", keyFile, write("public.json", b, err), proofFile).CombinedOutput()
			}
			if out, err := verify(public); err != nil || !bytes.Contains(out, []byte("OK!")) {
				t.Errorf("snarkjs says %s, %v", out, err)
			}
			for i, name := range s.Inputs {
				other := append(public[:0:0], public...)
				other[i][31] ^= 1
				if out, err := verify(other); err == nil || !bytes.Contains(out, []byte("Invalid proof")) {
					t.Errorf("with another %s snarkjs says %s, %v", name, out, err)
				}
			}
		})
	}
	if exported != 2 {
		t.Errorf("%d statements were exported", exported)
	}
}
