package zkverify

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// freePair is e(p, q) with a q that came with a proof: on the twist, but not yet
// known to be in the subgroup.
type freePair struct {
	p bn254.G1Affine
	q bn254.G2Affine
}

// fixedPair is e(p, q) with a q of a verifying key, whose lines are known.
type fixedPair struct {
	p bn254.G1Affine
	q *lines
}

// lockstepMin is how many free pairs make sharing one field inversion per step
// cheaper than gnark-crypto's projective formulas.
const lockstepMin = 5

// millerLoop returns the product of the pairs' Miller loops, to be multiplied
// with others and put through the final exponentiation, and says which q are
// outside the subgroup. If any is, the product means nothing.
//
// p at infinity contributes 1.
func millerLoop(free []freePair, fixed []fixedPair) (bn254.GT, []bool) {
	outside := make([]bool, len(free))
	if len(free) >= lockstepMin {
		return lockstep(free, fixed, outside), outside
	}
	f := lockstep(nil, fixed, nil)
	if len(free) == 0 {
		return f, outside
	}
	ps := make([]bn254.G1Affine, len(free))
	qs := make([]bn254.G2Affine, len(free))
	for k := range free {
		ps[k], qs[k] = free[k].p, free[k].q
		outside[k] = !qs[k].IsInSubGroup()
	}
	g, err := bn254.MillerLoop(ps, qs)
	if err != nil { // only for slices of different lengths
		panic("zkverify: " + err.Error())
	}
	f.Mul(&f, &g)
	return f, outside
}

// lockstep is the optimal ate Miller loop for all pairs at once: they share the
// squarings of f, and in every step the inversion of the slopes' denominators.
//
// The free q's are multiplied in affine coordinates along the way, which also
// answers whether they are in the subgroup: the loop ends at
// [6x+2]q + π(q) − π²(q), and a point of the twist over Fp² is in the subgroup
// exactly when that equals −π³(q), because the norm of 6x+2+ψ−ψ²+ψ³ in Z[ψ]
// and the order r·(2p−r) of the twist have no common divisor but r. A
// denominator of zero cannot occur for a point of order r before that end.
func lockstep(free []freePair, fixed []fixedPair, outside []bool) bn254.GT {
	e := newEvaluator(free, fixed)
	n := len(free)
	t := make([]bn254.G2Affine, n)
	addend := make([]bn254.G2Affine, n)
	negated := make([]bn254.E2, n)
	for k := range free {
		t[k] = free[k].q
		negated[k].Neg(&free[k].q.Y)
	}
	s := &stepper{denominators: make([]bn254.E2, n), prefix: make([]bn254.E2, n), outside: outside}

	for i := len(bn254.LoopCounter) - 2; i >= 0; i-- {
		e.f.Square(&e.f) // 1 at first
		s.double(t, e)
		digit := bn254.LoopCounter[i]
		if digit != 0 {
			for k := range free {
				addend[k] = free[k].q
				if digit < 0 {
					addend[k].Y = negated[k]
				}
			}
			s.add(t, addend, e)
		}
		for k := range fixed {
			e.line(n+k, &fixed[k].q[0][i])
			if digit != 0 {
				e.line(n+k, &fixed[k].q[1][i])
			}
		}
		e.flush()
	}

	// T ← T + π(q), then the line through T and −π²(q).
	last := len(bn254.LoopCounter) - 1
	for k := range free {
		addend[k] = frobenius(&free[k].q)
	}
	s.add(t, addend, e)
	for k := range free {
		addend[k] = frobenius(&addend[k])
		addend[k].Y.Neg(&addend[k].Y)
	}
	s.add(t, addend, e)
	for k := range fixed {
		e.line(n+k, &fixed[k].q[1][last])
		e.line(n+k, &fixed[k].q[0][last])
	}
	e.flush()

	for k := range free {
		want := frobenius(&addend[k])
		if !t[k].Equal(&want) {
			outside[k] = true
		}
	}
	return e.f
}

// frobenius is π: the p-power Frobenius carried over to the twist.
func frobenius(q *bn254.G2Affine) (r bn254.G2Affine) {
	r.X.Conjugate(&q.X).MulByNonResidue1Power2(&r.X)
	r.Y.Conjugate(&q.Y).MulByNonResidue1Power3(&r.Y)
	return r
}

// evaluator multiplies lines, evaluated at their pair's p, into f.
//
// The line of slope λ through (x, y) on the twist is, up to a factor that the
// final exponentiation removes, 1 − λ·(x_p/y_p)·w + (λx − y)/y_p·w³.
type evaluator struct {
	f         bn254.GT
	xNegOverY []fp.Element // of all p's, the free pairs' first
	yInv      []fp.Element

	// Two lines make one sparse product, which is cheaper to multiply in than
	// each by itself: an odd line waits for its partner.
	waiting bool
	c3, c4  bn254.E2
}

func newEvaluator(free []freePair, fixed []fixedPair) *evaluator {
	n := len(free)
	e := &evaluator{xNegOverY: make([]fp.Element, n+len(fixed)), yInv: make([]fp.Element, n+len(fixed))}
	e.f.SetOne()
	for k := range free {
		e.xNegOverY[k], e.yInv[k] = free[k].p.X, free[k].p.Y
	}
	for k := range fixed {
		e.xNegOverY[n+k], e.yInv[n+k] = fixed[k].p.X, fixed[k].p.Y
	}
	e.yInv = fp.BatchInvert(e.yInv) // 0 stays 0: then every line is 1
	for k := range e.yInv {
		e.xNegOverY[k].Mul(&e.xNegOverY[k], &e.yInv[k]).Neg(&e.xNegOverY[k])
	}
	return e
}

// line multiplies in a line of pair k.
func (e *evaluator) line(k int, l *bn254.LineEvaluationAff) {
	var d3, d4 bn254.E2
	d3.MulByElement(&l.R0, &e.xNegOverY[k])
	d4.MulByElement(&l.R1, &e.yInv[k])
	if !e.waiting {
		e.c3, e.c4, e.waiting = d3, d4, true
		return
	}
	e.waiting = false

	// (1 + c3·w + c4·w³)(1 + d3·w + d4·w³), by Karatsuba.
	var z [5]bn254.E2
	var x4, sum bn254.E2
	z[1].Mul(&e.c3, &d3)
	x4.Mul(&e.c4, &d4)
	sum.Add(&e.c3, &e.c4)
	z[2].Add(&d3, &d4).Mul(&z[2], &sum).Sub(&z[2], &z[1]).Sub(&z[2], &x4)
	z[3].Add(&e.c3, &d3)
	z[4].Add(&e.c4, &d4)
	z[0].MulByNonResidue(&x4)
	var one bn254.E2
	one.SetOne()
	z[0].Add(&z[0], &one)
	e.f.MulBy01234(&z)
}

// flush multiplies in a line that still waits; call it before f is squared.
func (e *evaluator) flush() {
	if e.waiting {
		e.f.MulBy34(&e.c3, &e.c4)
		e.waiting = false
	}
}

// stepper doubles and adds many points of the twist with one inversion.
type stepper struct {
	denominators, prefix []bn254.E2
	outside              []bool
}

// double sets t[k] ← 2·t[k] and hands the tangents to e.
func (s *stepper) double(t []bn254.G2Affine, e *evaluator) {
	for k := range t {
		s.denominators[k].Double(&t[k].Y)
	}
	s.invert()
	for k := range t {
		var slope bn254.E2
		slope.Square(&t[k].X)
		var twice bn254.E2
		twice.Double(&slope)
		slope.Add(&slope, &twice).Mul(&slope, &s.denominators[k])
		x := t[k].X
		follow(&t[k], &x, &slope, k, e)
	}
}

// add sets t[k] ← t[k] + q[k] and hands the chords to e.
func (s *stepper) add(t, q []bn254.G2Affine, e *evaluator) {
	for k := range t {
		s.denominators[k].Sub(&q[k].X, &t[k].X)
	}
	s.invert()
	for k := range t {
		var slope bn254.E2
		slope.Sub(&q[k].Y, &t[k].Y).Mul(&slope, &s.denominators[k])
		follow(&t[k], &q[k].X, &slope, k, e)
	}
}

// follow takes the line of the given slope through t and a second point with
// coordinate x to its third point, and negates that.
func follow(t *bn254.G2Affine, x, slope *bn254.E2, k int, e *evaluator) {
	l := bn254.LineEvaluationAff{R0: *slope}
	l.R1.Mul(slope, &t.X).Sub(&l.R1, &t.Y)
	e.line(k, &l)

	var xr bn254.E2
	xr.Square(slope).Sub(&xr, &t.X).Sub(&xr, x)
	// y = slope·(x_t − xr) − y_t = R1 − slope·xr
	t.Y.Mul(slope, &xr)
	t.Y.Sub(&l.R1, &t.Y)
	t.X = xr
}

// invert inverts all denominators by Montgomery's trick. One that is zero
// belongs to a point that is not of order r: it's noted, and stays zero.
func (s *stepper) invert() {
	if len(s.denominators) == 0 {
		return
	}
	var product, inverse bn254.E2
	product.SetOne()
	for k := range s.denominators {
		s.prefix[k] = product
		if s.denominators[k].IsZero() {
			s.outside[k] = true
			continue
		}
		product.Mul(&product, &s.denominators[k])
	}
	inverse.Inverse(&product)
	for k := len(s.denominators) - 1; k >= 0; k-- {
		if s.denominators[k].IsZero() {
			continue
		}
		d := s.denominators[k]
		s.denominators[k].Mul(&inverse, &s.prefix[k])
		inverse.Mul(&inverse, &d)
	}
}
