package keys

import (
	"bytes"
	"testing"

	groth16_bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
)

type committedSquare struct {
	X frontend.Variable
	Y frontend.Variable `gnark:",public"`
}

func (c *committedSquare) Define(api frontend.API) error {
	api.AssertIsEqual(api.Mul(c.X, c.X), c.Y)
	h, err := api.(frontend.Committer).Commit(c.X)
	if err != nil {
		return err
	}
	api.AssertIsDifferent(h, 0)
	return nil
}

// FuzzParseProvingKey parses what may be no proving key at all: that happens while the digest of the bytes is still worked out. It must
// not crash, nor need more memory than the bytes have.
func FuzzParseProvingKey(f *testing.F) {
	ccs, err := gadget.Compile(&committedSquare{})
	if err != nil {
		f.Fatal(err)
	}
	k, err := Setup(f.Context(), ccs, nil)
	if err != nil {
		f.Fatal(err)
	}
	var dump bytes.Buffer
	if err := k.ProvingKey.(*groth16_bn254.ProvingKey).WriteDump(&dump); err != nil {
		f.Fatal(err)
	}
	f.Add(dump.Bytes())
	f.Add(dump.Bytes()[:dumpFlags])
	f.Fuzz(func(t *testing.T, b []byte) {
		pk, err := parseProvingKey(b)
		if err != nil {
			return
		}
		_ = checkShape(pk, ccs, k.VerifyingKey)
	})
}
