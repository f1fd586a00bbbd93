package zkverify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"

	"github.com/attestlog/attestlog/ledger/event"
)

// MaxPublicInputs bounds the public inputs of a statement, and so the size of
// a verifying key that is read from outside.
const MaxPublicInputs = 256

const vkMagic = "attestlog-vk-v1\n"

// MaxVerifyingKeySize is the longest encoding of a verifying key, in bytes:
// check it before buffering one.
const MaxVerifyingKeySize = len(vkMagic) + 2 + 1 + 2 + 2*MaxPublicInputs +
	g1Size + 3*g2Size + (MaxPublicInputs+2)*g1Size + 2*g2Size

// KeyPoints are the points of a Groth16 verifying key, in gnark's naming.
type KeyPoints struct {
	Alpha              bn254.G1Affine
	Beta, Gamma, Delta bn254.G2Affine
	// K has one point for the constant 1, one for each public input, and one
	// for the commitment where there is one.
	K          []bn254.G1Affine
	Commitment *CommitmentKey // nil: no commitment
}

// CommitmentKey is the part of a verifying key that checks a Pedersen
// commitment made by the circuit (gnark's api.Commit).
type CommitmentKey struct {
	// Committed lists, in increasing order and counted from 1, the public inputs
	// that are hashed together with the commitment.
	Committed []int
	G         bn254.G2Affine
	GSigmaNeg bn254.G2Affine // -σ·G
}

// lines are the lines of a Miller loop whose G2 point is known beforehand.
type lines = [2][len(bn254.LoopCounter)]bn254.LineEvaluationAff

// VerifyingKey is a parsed and checked verifying key, with what can be computed
// beforehand. It is never changed after [ParseVerifyingKey] and is safe for
// concurrent use.
type VerifyingKey struct {
	points   KeyPoints
	encoding []byte
	digest   event.Digest

	alphaBeta              bn254.GT // e(α, β), after the final exponentiation
	k                      []limbTables
	beta, gammaNeg         lines
	deltaNeg, g, gSigmaNeg lines
	publicInputs           int
	alphaTable             limbTables
	committedPublic        []int
	proofSize              int
	hasCommitment          bool
}

// Encode returns the encoding that SPEC.md defines. It checks nothing:
// [ParseVerifyingKey] does.
func (p *KeyPoints) Encode() []byte {
	n := len(p.K) - 1
	commitments := byte(0)
	if p.Commitment != nil {
		n--
		commitments = 1
	}
	b := append([]byte(vkMagic), byte(n>>8), byte(n), commitments)
	if c := p.Commitment; c != nil {
		b = binary.BigEndian.AppendUint16(b, uint16(len(c.Committed)))
		for _, i := range c.Committed {
			b = binary.BigEndian.AppendUint16(b, uint16(i))
		}
	}
	b = appendG1(b, &p.Alpha)
	b = appendG2(b, &p.Beta, &p.Gamma, &p.Delta)
	for i := range p.K {
		b = appendG1(b, &p.K[i])
	}
	if c := p.Commitment; c != nil {
		b = appendG2(b, &c.G, &c.GSigmaNeg)
	}
	return b
}

// ParseVerifyingKey decodes and checks a verifying key. It refuses every
// encoding but the one that [VerifyingKey.Bytes] gives back, points off their
// curve or subgroup or at infinity (K_0 alone may be there: a circuit need not
// use the constant), keys whose γ, δ or σ are visibly trivial, and keys in which
// two public inputs visibly have the same weight.
func ParseVerifyingKey(b []byte) (*VerifyingKey, error) {
	if len(b) > MaxVerifyingKeySize {
		return nil, fmt.Errorf("couldn't parse verifying key: %d bytes, at most %d are allowed", len(b), MaxVerifyingKeySize)
	}
	vk := &VerifyingKey{encoding: bytes.Clone(b), digest: sha256.Sum256(b)}
	if err := vk.points.parse(vk.encoding); err != nil {
		return nil, fmt.Errorf("couldn't parse verifying key: %w", err)
	}
	if err := vk.points.checkNotTrivial(); err != nil {
		return nil, fmt.Errorf("refused verifying key: %w", err)
	}
	if err := vk.precompute(); err != nil {
		return nil, fmt.Errorf("couldn't prepare verifying key: %w", err)
	}
	return vk, nil
}

func (p *KeyPoints) parse(b []byte) error {
	r := &reader{rest: b}
	if magic := r.take(len(vkMagic)); string(magic) != vkMagic {
		return errors.New("not an attestlog verifying key, version 1")
	}
	n, commitments := r.uint16(), r.uint8()
	switch {
	case r.err != nil:
		return r.err
	case n < 1 || n > MaxPublicInputs:
		return fmt.Errorf("%d public inputs, want 1 to %d", n, MaxPublicInputs)
	case commitments > 1:
		return fmt.Errorf("%d commitments, at most one is supported", commitments)
	}
	if commitments == 1 {
		p.Commitment = &CommitmentKey{}
		m, last := r.uint16(), 0
		if m > n {
			return fmt.Errorf("%d of %d public inputs committed", m, n)
		}
		for range m {
			i := r.uint16()
			if r.err == nil && (i <= last || i > n) {
				return errors.New("committed public inputs out of range or order")
			}
			p.Commitment.Committed = append(p.Commitment.Committed, i)
			last = i
		}
	}
	r.g1("alpha", &p.Alpha)
	r.g2("beta", &p.Beta, setG2)
	r.g2("gamma", &p.Gamma, setG2)
	r.g2("delta", &p.Delta, setG2)
	p.K = make([]bn254.G1Affine, 1+n+commitments)
	if r.err == nil && bytes.HasPrefix(r.rest, infinityG1[:]) {
		r.take(g1Size) // K_0 stays the zero value, which is infinity
	} else {
		r.g1("K[0]", &p.K[0])
	}
	for i := 1; i < len(p.K); i++ {
		r.g1(fmt.Sprintf("K[%d]", i), &p.K[i])
	}
	if p.Commitment != nil {
		r.g2("commitment key G", &p.Commitment.G, setG2)
		r.g2("commitment key -σG", &p.Commitment.GSigmaNeg, setG2)
	}
	if r.err == nil && len(r.rest) > 0 {
		return fmt.Errorf("%d bytes too long", len(r.rest))
	}
	return r.err
}

// checkNotTrivial refuses keys that anyone can see to be forgeable: set-ups
// that were never finished have γ = δ or δ = the generator, and σ = ±1 proves
// knowledge of nothing.
func (p *KeyPoints) checkNotTrivial() error {
	_, _, _, g2 := bn254.Generators()
	if p.Delta.X.Equal(&p.Gamma.X) {
		return errors.New("delta equals ±gamma: anyone could forge proofs")
	}
	if p.Delta.X.Equal(&g2.X) {
		return errors.New("delta equals ±the generator: the set-up has no contribution")
	}
	// Public inputs of the same weight, or of opposite ones, only count together: a proof for some values of theirs holds for others, and one for
	// an event, by its context, for other events.
	seen := make(map[fp.Element]int, len(p.K))
	for i := 1; i < len(p.K); i++ {
		if j, twice := seen[p.K[i].X]; twice {
			return fmt.Errorf("point K[%d] equals ±K[%d]: a proof would hold for other values of these two inputs", i, j)
		}
		seen[p.K[i].X] = i
	}
	if c := p.Commitment; c != nil && c.G.X.Equal(&c.GSigmaNeg.X) {
		return errors.New("commitment key has sigma = ±1: anyone could forge proofs")
	}
	return nil
}

func (vk *VerifyingKey) precompute() (err error) {
	p := &vk.points
	vk.publicInputs = len(p.K) - 1
	vk.proofSize = ProofSize
	if p.Commitment != nil {
		vk.hasCommitment = true
		vk.committedPublic = p.Commitment.Committed
		vk.publicInputs--
		vk.proofSize += CommitmentSize
		vk.g = bn254.PrecomputeLines(p.Commitment.G)
		vk.gSigmaNeg = bn254.PrecomputeLines(p.Commitment.GSigmaNeg)
	}
	vk.alphaBeta, err = bn254.Pair([]bn254.G1Affine{p.Alpha}, []bn254.G2Affine{p.Beta})
	if err != nil {
		return err
	}
	var gammaNeg, deltaNeg bn254.G2Affine
	gammaNeg.Neg(&p.Gamma)
	deltaNeg.Neg(&p.Delta)
	vk.beta = bn254.PrecomputeLines(p.Beta)
	vk.gammaNeg = bn254.PrecomputeLines(gammaNeg)
	vk.deltaNeg = bn254.PrecomputeLines(deltaNeg)
	tables := newLimbTables(append([]bn254.G1Affine{p.Alpha}, p.K...))
	vk.alphaTable, vk.k = tables[0], tables[1:]
	return nil
}

// Bytes returns the encoding, which is exactly what was parsed.
func (vk *VerifyingKey) Bytes() []byte { return bytes.Clone(vk.encoding) }

// Digest is SHA-256 of [VerifyingKey.Bytes]: the statement's identity.
func (vk *VerifyingKey) Digest() event.Digest { return vk.digest }

// NumPublic is the number of public inputs, the constant 1 not counted.
func (vk *VerifyingKey) NumPublic() int { return vk.publicInputs }

// ProofSize is the length of this key's proofs in bytes.
func (vk *VerifyingKey) ProofSize() int { return vk.proofSize }

var infinityG1 = [g1Size]byte{flagInfinity}

func appendG1(b []byte, points ...*bn254.G1Affine) []byte {
	for _, p := range points {
		e := p.Bytes()
		b = append(b, e[:]...)
	}
	return b
}

func appendG2(b []byte, points ...*bn254.G2Affine) []byte {
	for _, p := range points {
		e := p.Bytes()
		b = append(b, e[:]...)
	}
	return b
}

// Points returns a copy of the key's points.
func (vk *VerifyingKey) Points() KeyPoints {
	p := vk.points
	p.K = append([]bn254.G1Affine(nil), p.K...)
	if p.Commitment != nil {
		c := *p.Commitment
		c.Committed = append([]int(nil), c.Committed...)
		p.Commitment = &c
	}
	return p
}
