package main

import (
	"testing"

	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// root is a circuit: Y is the square of X. Where it commits, its proofs have a commitment, as those of large statements do.
type root struct {
	Y      frontend.Variable `gnark:",public"`
	X      frontend.Variable
	commit bool
}

func (c *root) Define(api frontend.API) error {
	api.AssertIsEqual(api.Mul(c.X, c.X), c.Y)
	if !c.commit {
		return nil
	}
	challenge, err := api.(frontend.Committer).Commit(c.X)
	api.AssertIsDifferent(challenge, 0)
	return err
}

// What the verifier is compared with must itself accept the proofs, and must not accept just anything.
func TestGnarkVerifier(t *testing.T) {
	quietGnark(&report{err: t.Output()})
	for _, commit := range []bool{false, true} {
		name := map[bool]string{false: "plain", true: "with a commitment"}[commit]
		t.Run(name, func(t *testing.T) {
			ccs, err := gadget.Compile(&root{commit: commit})
			if err != nil {
				t.Fatal(err)
			}
			k, err := keys.Setup(t.Context(), ccs, nil)
			if err != nil {
				t.Fatal(err)
			}
			proof, public, err := k.Prove(t.Context(), &root{X: 5, Y: 25})
			if err != nil {
				t.Fatal(err)
			}
			item := zkverify.Item{VK: k.VerifyingKey, Proof: proof, Public: public}
			v, err := newGnarkVerifier([]zkverify.Item{item})
			if err != nil {
				t.Fatal(err)
			}
			if err := v.verifyAll(); err != nil {
				t.Error(err)
			}
			item.Proof = swapped(item.Proof)
			if v, err = newGnarkVerifier([]zkverify.Item{item}); err != nil {
				t.Fatalf("a swapped proof is not well-formed: %v", err)
			}
			if v.verifyAll() == nil {
				t.Error("gnark accepts a proof whose points were swapped")
			}
			if err := batch([]zkverify.Item{item}, 1); err != nil {
				t.Error(err)
			}
		})
	}
}
