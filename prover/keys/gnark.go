package keys

import (
	"errors"
	"fmt"

	"github.com/consensys/gnark/backend/groth16"
	groth16_bn254 "github.com/consensys/gnark/backend/groth16/bn254"

	"github.com/attestlog/attestlog/prover/zkverify"
)

// FromGnarkVK converts gnark's verifying key, by way of its encoding: what comes
// back has passed every check of [zkverify.ParseVerifyingKey]. A key with a
// public input that no constraint uses (K_i at infinity) is refused.
func FromGnarkVK(key groth16.VerifyingKey) (*zkverify.VerifyingKey, error) {
	vk, ok := key.(*groth16_bn254.VerifyingKey)
	if !ok {
		return nil, fmt.Errorf("couldn't convert verifying key: it's for the curve %s, want bn254", key.CurveID())
	}
	points := zkverify.KeyPoints{
		Alpha: vk.G1.Alpha,
		Beta:  vk.G2.Beta,
		Gamma: vk.G2.Gamma,
		Delta: vk.G2.Delta,
		K:     vk.G1.K,
	}
	switch {
	case len(vk.CommitmentKeys) != len(vk.PublicAndCommitmentCommitted):
		return nil, errors.New("couldn't convert verifying key: commitment keys and committed inputs differ in number")
	case len(vk.CommitmentKeys) > 1:
		return nil, fmt.Errorf("couldn't convert verifying key: %d commitments, at most one is supported", len(vk.CommitmentKeys))
	case len(vk.CommitmentKeys) == 1:
		points.Commitment = &zkverify.CommitmentKey{
			Committed: vk.PublicAndCommitmentCommitted[0],
			G:         vk.CommitmentKeys[0].G,
			GSigmaNeg: vk.CommitmentKeys[0].GSigmaNeg,
		}
	}
	if want := 2 + len(vk.CommitmentKeys); len(points.K) < want {
		return nil, errors.New("couldn't convert verifying key: the circuit has no public input")
	}
	return zkverify.ParseVerifyingKey(points.Encode())
}

// FromGnarkProof converts gnark's proof, without checking it.
func FromGnarkProof(proof groth16.Proof) (*zkverify.Proof, error) {
	p, ok := proof.(*groth16_bn254.Proof)
	if !ok {
		return nil, fmt.Errorf("couldn't convert proof: it's for the curve %s, want bn254", proof.CurveID())
	}
	q := &zkverify.Proof{A: p.Ar, B: p.Bs, C: p.Krs}
	switch len(p.Commitments) {
	case 0:
	case 1:
		q.Commitment = &zkverify.ProofCommitment{D: p.Commitments[0], Knowledge: p.CommitmentPok}
	default:
		return nil, fmt.Errorf("couldn't convert proof: %d commitments, at most one is supported", len(p.Commitments))
	}
	return q, nil
}

// EncodeProof is gnark's proof in the encoding that [zkverify.Verify] takes.
func EncodeProof(proof groth16.Proof) ([]byte, error) {
	p, err := FromGnarkProof(proof)
	if err != nil {
		return nil, err
	}
	return p.Bytes(), nil
}
