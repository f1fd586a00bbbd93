package zkverify

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
)

// Sizes of a proof's encoding, in bytes.
const (
	ProofSize      = 2*g1Size + g2Size // A, B, C
	CommitmentSize = 2 * g1Size        // the commitment and its proof of knowledge
)

// Proof is a decoded Groth16 proof, in the notation of the package comment.
type Proof struct {
	A bn254.G1Affine
	B bn254.G2Affine
	C bn254.G1Affine
	// Set only where the verifying key has a commitment.
	Commitment *ProofCommitment
}

// ProofCommitment is the commitment of a proof and the proof that its opening
// is known.
type ProofCommitment struct {
	D, Knowledge bn254.G1Affine
}

// ParseProof decodes a proof for vk and checks that every point is on its curve,
// in its subgroup and not at infinity. An honest prover gives a point at
// infinity with a probability of about 2^-250.
func ParseProof(b []byte, vk *VerifyingKey) (*Proof, error) {
	p, err := parseOnCurve(b, vk)
	if err != nil {
		return nil, err
	}
	if !p.B.IsInSubGroup() {
		return nil, fmt.Errorf("couldn't parse proof: B: %w", errSubgroup)
	}
	return p, nil
}

// parseOnCurve is ParseProof without the subgroup check of B.
func parseOnCurve(b []byte, vk *VerifyingKey) (*Proof, error) {
	if len(b) != vk.proofSize {
		return nil, fmt.Errorf("couldn't parse proof: %d bytes, want %d", len(b), vk.proofSize)
	}
	p := &Proof{}
	r := &reader{rest: b}
	r.g1("A", &p.A)
	r.g2("B", &p.B, setG2OnCurve)
	r.g1("C", &p.C)
	if vk.hasCommitment {
		p.Commitment = &ProofCommitment{}
		r.g1("commitment", &p.Commitment.D)
		r.g1("proof of knowledge", &p.Commitment.Knowledge)
	}
	if r.err != nil {
		return nil, fmt.Errorf("couldn't parse proof: %w", r.err)
	}
	return p, nil
}

// Bytes returns the encoding that [ParseProof] reads.
func (p *Proof) Bytes() []byte {
	b := appendG1(nil, &p.A)
	b = appendG2(b, &p.B)
	b = appendG1(b, &p.C)
	if c := p.Commitment; c != nil {
		b = appendG1(b, &c.D, &c.Knowledge)
	}
	return b
}
