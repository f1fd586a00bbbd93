package ceremony

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
)

// layout is where the lengths stand in what gnark v0.16.1 writes of a phase, and which. Everything else is points of fixed length and
// a challenge; so the size follows from the circuit. gnark's readers allocate what a length says: none is shown to them unchecked.
type layout struct {
	size    int64
	lengths []length
}

// length is bytes that must stand at an offset.
type length struct {
	at    int64
	bytes []byte
}

const (
	g1    = int64(bn254.SizeOfG1AffineCompressed)
	g2    = int64(bn254.SizeOfG2AffineCompressed)
	proof = g1 + g2 // an update proof: the commitment to a secret, and the proof of knowledge
	// challengeSize is SHA-256's; gnark puts its length before it, in one byte.
	challengeSize = 32
)

func (l *layout) points(n int64) { l.size += n }

func (l *layout) uint8(n uint8) { l.length([]byte{n}) }

func (l *layout) uint16(n uint16) { l.length(binary.BigEndian.AppendUint16(nil, n)) }

func (l *layout) uint32(n int64) { l.length(binary.BigEndian.AppendUint32(nil, uint32(n))) }

func (l *layout) uint64(n int64) { l.length(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func (l *layout) length(b []byte) {
	l.lengths = append(l.lengths, length{l.size, b})
	l.size += int64(len(b))
}

// slice is a slice of points with its length.
func (l *layout) slice(n, size int64) {
	l.uint32(n)
	l.points(n * size)
}

func (l *layout) challenge() {
	l.uint8(challengeSize)
	l.size += challengeSize
}

// srs are the powers of τ: N, [β]₂, [τⁱ]₁ for 1 ≤ i ≤ 2N−2, [τⁱ]₂ for 1 ≤ i < N, [βτⁱ]₁ and [ατⁱ]₁ for 0 ≤ i < N.
func (l *layout) srs(n int64) {
	l.uint64(n)
	l.points(g2)
	l.points((2*n - 2) * g1)
	l.points((n - 1) * g2)
	l.points(2 * n * g1)
}

// srsLayout is that of phase1/sealed.srs.
func srsLayout(n int64) layout {
	var l layout
	l.srs(n)
	return l
}

// phase1Layout is that of a contribution's body in the first phase: proofs for τ, α, β, the powers, the challenge.
func phase1Layout(n int64) layout {
	var l layout
	l.points(3 * proof)
	l.srs(n)
	l.challenge()
	return l
}

// phase2Layout is that of a contribution's body in the second phase.
func phase2Layout(n int64, r1cs *cs.R1CS) (layout, error) {
	commitments, ok := r1cs.CommitmentInfo.(constraint.Groth16Commitments)
	if !ok {
		return layout{}, errors.New("couldn't lay out the second phase: the circuit is not for Groth16")
	}
	k := int64(len(commitments))
	if k > 1 { // as everywhere in package keys
		return layout{}, fmt.Errorf("couldn't lay out the second phase: %d commitments, at most one is supported", k)
	}
	private := int64(r1cs.GetNbInternalVariables()) + int64(r1cs.GetNbSecretVariables()) - k
	for i := range commitments {
		private -= int64(len(commitments[i].PrivateCommitted))
	}
	var l layout
	l.uint16(uint16(k))
	l.points(g1)         // δ
	l.slice(private, g1) // of the private wires that are not committed to, over δ
	l.slice(n-1, g1)     // the quotient's, over δ
	l.points(g2)         // δ
	for i := range commitments {
		l.slice(int64(len(commitments[i].PrivateCommitted)), g1) // σ times the commitment's basis
	}
	l.points(k * g2)          // σ
	l.points((1 + k) * proof) // of δ's update, and of σ's
	l.challenge()
	return l, nil
}

// check says whether b is laid out so.
func (l *layout) check(b []byte) error {
	if int64(len(b)) != l.size {
		return fmt.Errorf("it has %d bytes, want %d", len(b), l.size)
	}
	for _, want := range l.lengths {
		if !bytes.Equal(b[want.at:want.at+int64(len(want.bytes))], want.bytes) {
			return fmt.Errorf("the length at byte %d is not this circuit's", want.at)
		}
	}
	return nil
}
