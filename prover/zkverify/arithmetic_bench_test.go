package zkverify

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// BenchmarkSteps times what a batch of 64 on two cores is made of.
func BenchmarkSteps(b *testing.B) {
	const n = 32
	pairs := make([]freePair, n)
	points := make([]bn254.G1Affine, n)
	for i := range pairs {
		pairs[i] = freePair{randomG1(b), randomG2(b)}
		points[i] = pairs[i].p
	}
	weights := randomCoefficients(n)
	tables := newLimbTables(points[:9])
	scalars := make([]fr.Element, len(tables))
	for i := range scalars {
		scalars[i], _ = randomScalar(b)
	}
	g1, g2 := points[0].Bytes(), pairs[0].q.Bytes()
	b.Run("decode G1", func(b *testing.B) {
		var p bn254.G1Affine
		for b.Loop() {
			if err := setG1(&p, g1[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode G2", func(b *testing.B) {
		var p bn254.G2Affine
		for b.Loop() {
			if err := setG2OnCurve(&p, g2[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scale 32 points", func(b *testing.B) {
		for b.Loop() {
			scaleEach(points, weights)
		}
	})
	b.Run("combine 32 points", func(b *testing.B) {
		for b.Loop() {
			linearCombination(points, weights)
		}
	})
	b.Run("public point of 8 inputs", func(b *testing.B) {
		for b.Loop() {
			var s windowSums
			for i := range tables {
				tables[i].add(&s, &scalars[i])
			}
			s.result(&adder{})
		}
	})
	b.Run("Miller loop of 32 pairs", func(b *testing.B) {
		for b.Loop() {
			millerLoop(pairs, nil)
		}
	})
	b.Run("gnark-crypto's Miller loop of 32 pairs", func(b *testing.B) {
		qs := make([]bn254.G2Affine, n)
		for i := range qs {
			qs[i] = pairs[i].q
		}
		for b.Loop() {
			if _, err := bn254.MillerLoop(points, qs); err != nil {
				b.Fatal(err)
			}
		}
	})
}
