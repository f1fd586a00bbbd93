package keys_test

import (
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/keys"
)

// chain is X^(2^length) = Y, with a commitment to X where commit is set.
type chain struct {
	X      frontend.Variable
	Y      frontend.Variable `gnark:",public"`
	length int
	commit bool
}

func (c *chain) Define(api frontend.API) error {
	x := c.X
	for range c.length {
		x = api.Mul(x, x)
	}
	api.AssertIsEqual(x, c.Y)
	if c.commit {
		h, err := api.(frontend.Committer).Commit(c.X, c.Y)
		if err != nil {
			return err
		}
		api.AssertIsDifferent(h, 0)
	}
	return nil
}

func compileChain(length int, commit bool) func() (constraint.ConstraintSystem, error) {
	return func() (constraint.ConstraintSystem, error) {
		return gadget.Compile(&chain{length: length, commit: commit})
	}
}

func setup(t *testing.T, length int) *keys.Keys {
	t.Helper()
	ccs, err := compileChain(length, false)()
	if err != nil {
		t.Fatal(err)
	}
	k, err := keys.Setup(t.Context(), ccs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func openStore(t *testing.T) *keys.Store {
	t.Helper()
	s, err := keys.OpenStore(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *keys.Store, name string, k *keys.Keys, now time.Time) *keys.Manifest {
	t.Helper()
	m, err := s.Put(name, k, now)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func fileOf(b []byte) keys.File {
	return keys.File{SHA256: event.Digest(sha256.Sum256(b)), Size: int64(len(b))}
}

func otherCurveVK() groth16.VerifyingKey { return groth16.NewVerifyingKey(ecc.BLS12_381) }
