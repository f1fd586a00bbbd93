package zkverify

import (
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// Sizes of compressed points, in bytes.
const (
	g1Size = bn254.SizeOfG1AffineCompressed
	g2Size = bn254.SizeOfG2AffineCompressed
)

// The two highest bits of a compressed point. BN254's field leaves them free.
const (
	flagMask     byte = 0b11 << 6
	flagSmallest byte = 0b10 << 6 // y is the smaller of the two roots
	flagLargest  byte = 0b11 << 6
	flagInfinity byte = 0b01 << 6
)

var (
	errFlag     = errors.New("not a compressed point")
	errField    = errors.New("coordinate not below the field's modulus")
	errCurve    = errors.New("no point on the curve has this coordinate")
	errInfinity = errors.New("point at infinity")
	errSubgroup = errors.New("point outside the subgroup of order r")
)

// twistB is the twist's coefficient b' = 3/(9+u): y² = x³ + b'.
var twistB = func() bn254.E2 {
	var b, xi bn254.E2
	var three fp.Element
	xi.A0.SetUint64(9)
	xi.A1.SetUint64(1)
	three.SetUint64(3)
	b.Inverse(&xi)
	b.MulByElement(&b, &three)
	return b
}()

// setG1 decodes exactly g1Size bytes. Every point of BN254's G1 curve has order
// r or is at infinity, so there is no subgroup to check.
func setG1(p *bn254.G1Affine, b []byte) error {
	switch b[0] & flagMask {
	case flagInfinity:
		return errInfinity
	case flagSmallest, flagLargest:
	default:
		return errFlag
	}
	x := [fp.Bytes]byte(b)
	x[0] &^= flagMask
	if p.X.SetBytesCanonical(x[:]) != nil {
		return errField
	}
	var yy, three fp.Element
	three.SetUint64(3)
	yy.Square(&p.X).Mul(&yy, &p.X).Add(&yy, &three)
	if p.Y.Sqrt(&yy) == nil {
		return errCurve
	}
	if p.Y.LexicographicallyLargest() != (b[0]&flagMask == flagLargest) {
		p.Y.Neg(&p.Y)
	}
	return nil
}

// setG2OnCurve decodes exactly g2Size bytes into a point on the twist. It does
// not check the subgroup: the caller does, or leaves it to the Miller loop.
func setG2OnCurve(p *bn254.G2Affine, b []byte) error {
	switch b[0] & flagMask {
	case flagInfinity:
		return errInfinity
	case flagSmallest, flagLargest:
	default:
		return errFlag
	}
	x := [2 * fp.Bytes]byte(b)
	x[0] &^= flagMask
	if p.X.A1.SetBytesCanonical(x[:fp.Bytes]) != nil || p.X.A0.SetBytesCanonical(x[fp.Bytes:]) != nil {
		return errField
	}
	var yy, check bn254.E2
	yy.Square(&p.X).Mul(&yy, &p.X).Add(&yy, &twistB)
	// Sqrt returns something for a non-square too: only squaring it tells.
	p.Y.Sqrt(&yy)
	if check.Square(&p.Y); !check.Equal(&yy) {
		return errCurve
	}
	if p.Y.LexicographicallyLargest() != (b[0]&flagMask == flagLargest) {
		p.Y.Neg(&p.Y)
	}
	return nil
}

// setG2 decodes exactly g2Size bytes into a point of the subgroup.
func setG2(p *bn254.G2Affine, b []byte) error {
	if err := setG2OnCurve(p, b); err != nil {
		return err
	}
	if !p.IsInSubGroup() {
		return errSubgroup
	}
	return nil
}

// reader takes fields off the front of an encoding and keeps the first error.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if len(r.rest) < n {
		r.err = errors.New("too short")
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) uint8() int {
	if b := r.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (r *reader) uint16() int {
	if b := r.take(2); b != nil {
		return int(b[0])<<8 | int(b[1])
	}
	return 0
}

func (r *reader) g1(name string, p *bn254.G1Affine) {
	if b := r.take(g1Size); b != nil {
		if err := setG1(p, b); err != nil {
			r.err = fmt.Errorf("%s: %w", name, err)
		}
	}
}

func (r *reader) g2(name string, p *bn254.G2Affine, set func(*bn254.G2Affine, []byte) error) {
	if b := r.take(g2Size); b != nil {
		if err := set(p, b); err != nil {
			r.err = fmt.Errorf("%s: %w", name, err)
		}
	}
}
