package keys_test

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
)

// BenchmarkKeys compares loading with the files' size in sight, and Prove with
// gnark's bare prover on the same keys. The circuit has 2^17 constraints, half of
// data-access-64; its set-up is done once and cached.
func BenchmarkKeys(b *testing.B) {
	compile := compileChain(1<<17, false)
	k := keytest.Keys(b, "bench-chain", compile)
	store := keytest.Store(b)
	m, err := store.Manifest(k.VerifyingKey.Digest())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("load", func(b *testing.B) {
		b.SetBytes(m.ProvingKey.Size + m.ConstraintSystem.Size)
		for b.Loop() {
			if _, err := store.Load(m.Digest()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load for a compiled circuit", func(b *testing.B) {
		b.SetBytes(m.ProvingKey.Size)
		for b.Loop() {
			if _, err := store.LoadFor(m.Digest(), k.ConstraintSystem); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("digest of the constraint system", func(b *testing.B) {
		b.SetBytes(m.ConstraintSystem.Size)
		for b.Loop() {
			if _, _, err := keys.ConstraintSystemDigest(k.ConstraintSystem); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("prove", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := k.Prove(b.Context(), &chain{X: 1, Y: 1}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("groth16.Prove", func(b *testing.B) {
		for b.Loop() {
			w, err := frontend.NewWitness(&chain{X: 1, Y: 1}, ecc.BN254.ScalarField())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := groth16.Prove(k.ConstraintSystem, k.ProvingKey, w); err != nil {
				b.Fatal(err)
			}
		}
	})
}
