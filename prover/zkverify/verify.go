package zkverify

import (
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
)

// ErrInvalid says that a well-formed proof does not prove the statement for
// these public inputs.
var ErrInvalid = errors.New("proof is invalid for these public inputs")

// ErrKnowledge says that the proof of knowledge of a proof's commitment fails.
var ErrKnowledge = errors.New("proof of knowledge of the commitment is invalid")

// Verify checks one proof against the public inputs, in the order in which the
// circuit declares them. It runs on the calling goroutine alone.
//
// The error wraps [ErrInvalid] or [ErrKnowledge] where everything was well-formed
// and the proof is wrong.
func Verify(vk *VerifyingKey, proof []byte, public []event.Element) error {
	c, err := newClaim(Item{VK: vk, Proof: proof, Public: public})
	if err != nil {
		return err
	}
	return c.verify()
}

// claim is one item of a batch, decoded. B's subgroup is still to be checked.
type claim struct {
	vk    *VerifyingKey
	proof *Proof
	// inputs are the scalars of K_1, K_2, …: the public inputs, and the hash of
	// the commitment where there is one.
	inputs []fr.Element
}

func newClaim(item Item) (*claim, error) {
	if item.VK == nil {
		return nil, errors.New("couldn't verify proof: no verifying key")
	}
	if len(item.Public) != item.VK.publicInputs {
		return nil, fmt.Errorf("couldn't verify proof: %d public inputs, want %d", len(item.Public), item.VK.publicInputs)
	}
	c := &claim{vk: item.VK, inputs: make([]fr.Element, len(item.Public), len(item.Public)+1)}
	for i := range item.Public {
		if err := c.inputs[i].SetBytesCanonical(item.Public[i][:]); err != nil {
			return nil, fmt.Errorf("couldn't verify proof: public input %d is not below r", i+1)
		}
	}
	var err error
	if c.proof, err = parseOnCurve(item.Proof, item.VK); err != nil {
		return nil, err
	}
	if c.proof.Commitment != nil {
		h, err := c.commitmentHash()
		if err != nil {
			return nil, fmt.Errorf("couldn't verify proof: couldn't hash commitment: %w", err)
		}
		c.inputs = append(c.inputs, h)
	}
	return c, nil
}

// commitmentHash is gnark's hash of a commitment to the field (RFC 9380,
// hash_to_field with SHA-256) over the uncompressed commitment and the public
// inputs that were committed to with it.
func (c *claim) commitmentHash() (fr.Element, error) {
	message := c.proof.Commitment.D.Marshal()
	for _, i := range c.vk.committedPublic {
		x := c.inputs[i-1].Bytes()
		message = append(message, x[:]...)
	}
	h, err := fr.Hash(message, []byte("bsb22-commitment"), 1)
	if err != nil {
		return fr.Element{}, err
	}
	return h[0], nil
}

// verify checks the claim by itself, without randomness.
func (c *claim) verify() error {
	if !c.proof.B.IsInSubGroup() {
		return fmt.Errorf("couldn't parse proof: B: %w", errSubgroup)
	}
	if c.vk.hasCommitment {
		f, _ := millerLoop(nil, []fixedPair{
			{c.proof.Commitment.D, &c.vk.gSigmaNeg}, {c.proof.Commitment.Knowledge, &c.vk.g},
		})
		if f = bn254.FinalExponentiation(&f); !f.IsOne() {
			return ErrKnowledge
		}
	}
	f, err := bn254.MillerLoop([]bn254.G1Affine{c.proof.A}, []bn254.G2Affine{c.proof.B})
	if err != nil {
		return fmt.Errorf("couldn't verify proof: %w", err)
	}
	g, _ := millerLoop(nil, []fixedPair{
		{c.publicPoint(), &c.vk.gammaNeg}, {c.proof.C, &c.vk.deltaNeg},
	})
	if f = bn254.FinalExponentiation(&f, &g); !f.Equal(&c.vk.alphaBeta) {
		return ErrInvalid
	}
	return nil
}

// publicPoint is K_0 + Σ x_i·K_i (+ D).
func (c *claim) publicPoint() bn254.G1Affine {
	s := newWindowSums(4*len(c.inputs) + 2)
	s[0] = append(s[0], c.vk.points.K[0])
	for i := range c.inputs {
		c.vk.k[i+1].add(s, &c.inputs[i])
	}
	if c.proof.Commitment != nil {
		s[0] = append(s[0], c.proof.Commitment.D)
	}
	return s.result(&adder{})
}
