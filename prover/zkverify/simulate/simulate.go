// Package simulate makes valid Groth16 proofs without a witness and without a circuit, for whoever kept the secrets of a set-up.
//
// That is Groth16's simulator, the reason why its proofs tell nothing about a witness, and it is what the party of a one-party
// set-up could do: hence the word UNTRUSTED wherever its keys are shown. Here it serves to load verifiers. A proof takes a
// fraction of a millisecond instead of seconds, and to a verifier it is a proof like any other: it costs the same to check,
// and it holds for its own public inputs alone. Keys of other set-ups are as safe from this package as from anybody.
package simulate

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// Setup is a verifying key with the secrets behind it. It never changes, and is safe for concurrent use.
type Setup struct {
	key                       *zkverify.VerifyingKey
	alpha, beta, gamma, delta fr.Element
	k                         []fr.Element // γ times the discrete logarithms of the key's K
}

// New derives a set-up for a statement with so many public inputs, and no commitment, from a seed: the same for the same seed.
func New(seed []byte, public int) (*Setup, error) {
	s := &Setup{k: make([]fr.Element, public+1)}
	next := stream(seed, "set-up", nil)
	for _, x := range []*fr.Element{&s.alpha, &s.beta, &s.gamma, &s.delta} {
		*x = next()
	}
	points := zkverify.KeyPoints{Alpha: g1(&s.alpha), Beta: g2(&s.beta), Gamma: g2(&s.gamma), Delta: g2(&s.delta)}
	for i := range s.k {
		var at fr.Element
		s.k[i] = next()
		at.Div(&s.k[i], &s.gamma)
		points.K = append(points.K, g1(&at))
	}
	var err error
	if s.key, err = zkverify.ParseVerifyingKey(points.Encode()); err != nil {
		return nil, fmt.Errorf("couldn't simulate a set-up: %w", err)
	}
	return s, nil
}

// VerifyingKey is what the proofs are verified with.
func (s *Setup) VerifyingKey() *zkverify.VerifyingKey { return s.key }

// Prove makes a proof for these public inputs; another one for others. It fails where there are too many or too few of them, or one isn't below r.
//
// With A = a·G and B = b·H for any a and b, the verifier's equation e(A, B) = e(α, β)·e(ΣxᵢKᵢ, γ)·e(C, δ) determines C. Who knows
// the discrete logarithms of all the other points computes that of C.
func (s *Setup) Prove(public []event.Element) ([]byte, error) {
	if len(public) != len(s.k)-1 {
		return nil, fmt.Errorf("couldn't simulate a proof: %d public inputs, want %d", len(public), len(s.k)-1)
	}
	sum := s.k[0] // of what stands left of γ, times γ
	for i := range public {
		var x fr.Element
		if err := x.SetBytesCanonical(public[i][:]); err != nil {
			return nil, fmt.Errorf("couldn't simulate a proof: public input %d is not below r", i+1)
		}
		sum.Add(&sum, x.Mul(&x, &s.k[i+1]))
	}
	var c, alphaBeta fr.Element
	next := stream(s.key.Bytes(), "proof", public)
	a, b := next(), next()
	c.Mul(&a, &b).Sub(&c, alphaBeta.Mul(&s.alpha, &s.beta)).Sub(&c, &sum).Div(&c, &s.delta)
	proof := zkverify.Proof{A: g1(&a), B: g2(&b), C: g1(&c)}
	return proof.Bytes(), nil
}

// stream derives numbers, none of them 0, from a seed and public inputs.
func stream(seed []byte, label string, public []event.Element) func() fr.Element {
	h := sha256.New()
	h.Write([]byte("attestlog/simulate/" + label + "\n"))
	h.Write(seed)
	for i := range public {
		h.Write(public[i][:])
	}
	state := h.Sum(nil)
	counter := uint64(0)
	return func() (x fr.Element) {
		for x.IsZero() {
			counter++
			sum := sha256.Sum256(binary.BigEndian.AppendUint64(state, counter))
			x.SetBytes(sum[:])
		}
		return x
	}
}

func g1(k *fr.Element) (p bn254.G1Affine) {
	p.ScalarMultiplicationBase(k.BigInt(new(big.Int)))
	return p
}

func g2(k *fr.Element) (p bn254.G2Affine) {
	p.ScalarMultiplicationBase(k.BigInt(new(big.Int)))
	return p
}
