package zkverify

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// adder adds many pairs of G1 points in affine coordinates with one field
// inversion, which beats Jacobian coordinates threefold from some ten points on.
// It is complete: infinity, equal and opposite points are fine, because whoever
// sends proofs picks the points. Not safe for concurrent use.
type adder struct {
	denominators, prefix []fp.Element
}

// add sets dst[i] ← a[i] + b[i]. dst may be a or b itself.
func (ad *adder) add(dst, a, b []bn254.G1Affine) {
	ad.reserve(len(a))
	for i := range a {
		d := &ad.denominators[i]
		switch d.Sub(&b[i].X, &a[i].X); {
		case a[i].IsInfinity() || b[i].IsInfinity():
			d.SetZero()
		case d.IsZero() && a[i].Y.Equal(&b[i].Y):
			d.Double(&a[i].Y)
		}
	}
	ad.invert()
	for i := range a {
		d := &ad.denominators[i]
		switch {
		case !d.IsZero():
			var slope fp.Element
			if a[i].X.Equal(&b[i].X) {
				slope.Square(&a[i].X)
				triple(&slope)
			} else {
				slope.Sub(&b[i].Y, &a[i].Y)
			}
			slope.Mul(&slope, d)
			dst[i] = third(&a[i], &b[i].X, &slope)
		case a[i].IsInfinity():
			dst[i] = b[i]
		case b[i].IsInfinity():
			dst[i] = a[i]
		default: // opposite
			dst[i].SetInfinity()
		}
	}
}

// double sets dst[i] ← 2·a[i]. dst may be a itself.
func (ad *adder) double(dst, a []bn254.G1Affine) {
	ad.reserve(len(a))
	for i := range a {
		ad.denominators[i].Double(&a[i].Y) // zero only at infinity: r is odd
	}
	ad.invert()
	for i := range a {
		var slope fp.Element
		slope.Square(&a[i].X)
		triple(&slope)
		slope.Mul(&slope, &ad.denominators[i])
		dst[i] = third(&a[i], &a[i].X, &slope) // infinity stays (0, 0)
	}
}

// sum adds up the points of each list, and empties it.
func (ad *adder) sum(lists [][]bn254.G1Affine) []bn254.G1Affine {
	total := 0
	for _, l := range lists {
		total += len(l)
	}
	left := make([]bn254.G1Affine, 0, total/2)
	right := make([]bn254.G1Affine, 0, total/2)
	for {
		left, right = left[:0], right[:0]
		for _, l := range lists {
			half := len(l) / 2
			left = append(left, l[:half]...)
			right = append(right, l[len(l)-half:]...)
		}
		if len(left) == 0 {
			break
		}
		ad.add(left, left, right)
		next := left
		for i, l := range lists {
			half := len(l) / 2
			copy(l, next[:half])
			lists[i] = l[:len(l)-half] // the middle one of an odd number stays
			next = next[half:]
		}
	}
	sums := make([]bn254.G1Affine, len(lists))
	for i, l := range lists {
		if len(l) == 1 {
			sums[i] = l[0]
		}
	}
	return sums
}

// affine converts points from Jacobian coordinates, on the calling goroutine.
func (ad *adder) affine(points []bn254.G1Jac) []bn254.G1Affine {
	ad.reserve(len(points))
	for i := range points {
		ad.denominators[i] = points[i].Z // zero at infinity
	}
	ad.invert()
	result := make([]bn254.G1Affine, len(points))
	for i := range points {
		var square fp.Element
		square.Square(&ad.denominators[i])
		result[i].X.Mul(&points[i].X, &square)
		result[i].Y.Mul(&points[i].Y, &square).Mul(&result[i].Y, &ad.denominators[i])
	}
	return result
}

func (ad *adder) reserve(n int) {
	if cap(ad.denominators) < n {
		ad.denominators = make([]fp.Element, n)
		ad.prefix = make([]fp.Element, n)
	}
	ad.denominators = ad.denominators[:n]
	ad.prefix = ad.prefix[:n]
}

// invert inverts all denominators by Montgomery's trick; zero stays zero.
func (ad *adder) invert() {
	var product, inverse fp.Element
	product.SetOne()
	for i := range ad.denominators {
		ad.prefix[i] = product
		if !ad.denominators[i].IsZero() {
			product.Mul(&product, &ad.denominators[i])
		}
	}
	inverse.Inverse(&product)
	for i := len(ad.denominators) - 1; i >= 0; i-- {
		d := ad.denominators[i]
		if d.IsZero() {
			continue
		}
		ad.denominators[i].Mul(&inverse, &ad.prefix[i])
		inverse.Mul(&inverse, &d)
	}
}

func triple(x *fp.Element) {
	var twice fp.Element
	twice.Double(x)
	x.Add(x, &twice)
}

// third is the negated third point of the line of the given slope through p and
// a point with coordinate x.
func third(p *bn254.G1Affine, x, slope *fp.Element) (q bn254.G1Affine) {
	q.X.Square(slope).Sub(&q.X, &p.X).Sub(&q.X, x)
	q.Y.Sub(&p.X, &q.X).Mul(&q.Y, slope).Sub(&q.Y, &p.Y)
	return q
}
