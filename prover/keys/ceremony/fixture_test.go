package ceremony_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/keys/ceremony"
)

// power is X^(2^Length) = Y, with a commitment to X and an inner wire where Commit is set.
type power struct {
	X      frontend.Variable
	Y      frontend.Variable `gnark:",public"`
	length int
	commit bool
}

func (c *power) Define(api frontend.API) error {
	x := c.X
	for range c.length {
		x = api.Mul(x, x)
	}
	api.AssertIsEqual(x, c.Y)
	if c.commit {
		h, err := api.(frontend.Committer).Commit(c.X, x, c.Y)
		if err != nil {
			return err
		}
		api.AssertIsDifferent(h, 0)
	}
	return nil
}

// statement is a small circuit as a ceremony gets any.
func statement(length int, commit bool) ceremony.Statement {
	return ceremony.Statement{
		Name: fmt.Sprintf("power-%d-%t", length, commit),
		Compile: func() (constraint.ConstraintSystem, error) {
			return gadget.Compile(&power{length: length, commit: commit})
		},
	}
}

var (
	plain      = statement(20, false) // 2^5
	other      = statement(21, false) // 2^5, too
	committing = statement(22, true)  // 2^5, too
	larger     = statement(60, false) // 2^6
)

func table(name string) (ceremony.Statement, error) {
	for _, st := range []ceremony.Statement{plain, other, committing, larger} {
		if st.Name == name {
			return st, nil
		}
	}
	return ceremony.Statement{}, errors.New("there is no such statement")
}

var (
	beacon1 = ceremony.Beacon{Value: bytes.Repeat([]byte{1}, 32), Source: "Round 1 of a beacon of this test"}
	beacon2 = ceremony.Beacon{Value: bytes.Repeat([]byte{2}, 32), Source: "Round 2 of a beacon of this test, Zürich"}
)

// begin begins a ceremony in a new directory.
func begin(t *testing.T, st ceremony.Statement, o ceremony.Options) *ceremony.Ceremony {
	t.Helper()
	c, err := ceremony.Init(t.Context(), filepath.Join(t.TempDir(), "ceremony"), st, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// contribute has some contribute, one after the other.
func contribute(t *testing.T, c *ceremony.Ceremony, names ...string) (receipts []*ceremony.Receipt) {
	t.Helper()
	for _, name := range names {
		r, err := c.Contribute(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if r.Unchecked != "" {
			t.Errorf("%s couldn't check %s", name, r.Unchecked)
		}
		receipts = append(receipts, r)
	}
	return receipts
}

func seal(t *testing.T, c *ceremony.Ceremony, b ceremony.Beacon) *ceremony.Transcript {
	t.Helper()
	transcript, err := c.Seal(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return transcript
}

// whole is a ceremony of three contributors in each phase, sealed.
func whole(t *testing.T, st ceremony.Statement) *ceremony.Ceremony {
	t.Helper()
	c := begin(t, st, ceremony.Options{})
	contribute(t, c, "Ada", "Blaise", "Chien-Shiung")
	seal(t, c, beacon1)
	contribute(t, c, "Ada", "Dorothy", "Emmy")
	seal(t, c, beacon2)
	return c
}

// copied is a copy of a ceremony's directory, to be spoiled.
func copied(t *testing.T, c *ceremony.Ceremony) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ceremony")
	if err := os.CopyFS(dir, os.DirFS(c.Dir())); err != nil {
		t.Fatal(err)
	}
	return dir
}

// verify is what anyone does with a directory.
func verify(t *testing.T, dir string) (*ceremony.Result, error) {
	t.Helper()
	c, err := ceremony.Open(dir, table, nil)
	if err != nil {
		return nil, err
	}
	return c.Verify(t.Context())
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(b), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
