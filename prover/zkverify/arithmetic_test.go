package zkverify

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

func randomScalar(t testing.TB) (fr.Element, *big.Int) {
	t.Helper()
	var e fr.Element
	if _, err := e.SetRandom(); err != nil {
		t.Fatal(err)
	}
	return e, e.BigInt(new(big.Int))
}

func randomG1(t testing.TB) (p bn254.G1Affine) {
	_, k := randomScalar(t)
	p.ScalarMultiplicationBase(k)
	return p
}

func randomG2(t testing.TB) (p bn254.G2Affine) {
	_, k := randomScalar(t)
	p.ScalarMultiplicationBase(k)
	return p
}

// randomTwistPoint is on the twist, and in the subgroup with probability 2^-254.
func randomTwistPoint(t testing.TB) (p bn254.G2Affine) {
	t.Helper()
	for {
		b := randomG2(t)
		e := b.Bytes()
		e[g2Size-1]++ // the next x
		if setG2OnCurve(&p, e[:]) == nil {
			return p
		}
	}
}

// cofactorPoint has an order that divides the twist's cofactor 2p-r over the
// other prime factors: the given prime itself.
func cofactorPoint(t testing.TB, prime string) bn254.G2Affine {
	t.Helper()
	order, _ := new(big.Int).SetString(prime, 10)
	h := new(big.Int).Mul(bn254modulus(), big.NewInt(2))
	h.Sub(h, fr.Modulus())
	quotient, rest := new(big.Int).QuoRem(h, order, new(big.Int))
	if rest.Sign() != 0 {
		t.Fatalf("%s doesn't divide the cofactor", prime)
	}
	for {
		// ScalarMultiplication uses endomorphisms that hold in the subgroup only.
		p := doubleAndAdd(randomTwistPoint(t), fr.Modulus())
		if p = doubleAndAdd(p, quotient); !p.IsInfinity() {
			return p
		}
	}
}

func bn254modulus() *big.Int {
	return ecc.BN254.BaseField()
}

func doubleAndAdd(p bn254.G2Affine, k *big.Int) bn254.G2Affine {
	var acc bn254.G2Jac
	var inf bn254.G2Affine
	acc.FromAffine(&inf)
	for i := k.BitLen() - 1; i >= 0; i-- {
		acc.DoubleAssign()
		if k.Bit(i) == 1 {
			acc.AddMixed(&p)
		}
	}
	var q bn254.G2Affine
	q.FromJacobian(&acc)
	return q
}

func TestMillerLoopIsGnarkCryptosPairing(t *testing.T) {
	for _, n := range []int{0, 1, 2, lockstepMin, 7, 33} {
		for _, m := range []int{0, 1, 2, 3} {
			var free []freePair
			var fixed []fixedPair
			var ps []bn254.G1Affine
			var qs []bn254.G2Affine
			for i := range n + m {
				p, q := randomG1(t), randomG2(t)
				if i == n+1 {
					p.SetInfinity() // contributes 1
				}
				ps, qs = append(ps, p), append(qs, q)
				if i < n {
					free = append(free, freePair{p, q})
				} else {
					l := bn254.PrecomputeLines(q)
					fixed = append(fixed, fixedPair{p, &l})
				}
			}
			f, outside := millerLoop(free, fixed)
			f = bn254.FinalExponentiation(&f)
			for i := range outside {
				if outside[i] {
					t.Fatalf("n=%d m=%d: point %d of the subgroup is said to be outside", n, m, i)
				}
			}
			var want bn254.GT
			want.SetOne()
			if n+m > 0 {
				var err error
				if want, err = bn254.Pair(ps, qs); err != nil {
					t.Fatal(err)
				}
			}
			if !f.Equal(&want) {
				t.Fatalf("n=%d m=%d: another pairing", n, m)
			}
		}
	}
}

// The lockstep loop's own subgroup check must agree with gnark-crypto's on
// random points of the twist and on points of each prime order of its cofactor.
func TestMillerLoopFindsPointsOutsideTheSubgroup(t *testing.T) {
	outsiders := map[string]func() bn254.G2Affine{
		"random":      func() bn254.G2Affine { return randomTwistPoint(t) },
		"order 10069": func() bn254.G2Affine { return cofactorPoint(t, "10069") },
		"order 5864401": func() bn254.G2Affine {
			return cofactorPoint(t, "5864401")
		},
		"order 1875725156269": func() bn254.G2Affine {
			return cofactorPoint(t, "1875725156269")
		},
		"big order": func() bn254.G2Affine {
			return cofactorPoint(t, "197620364512881247228717050342013327560683201906968909")
		},
		"subgroup plus order 10069": func() (p bn254.G2Affine) {
			q, s := randomG2(t), cofactorPoint(t, "10069")
			var j bn254.G2Jac
			j.FromAffine(&q)
			j.AddMixed(&s)
			p.FromJacobian(&j)
			return p
		},
	}
	for name, outsider := range outsiders {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 2, lockstepMin, 9} {
				for bad := range n {
					free := make([]freePair, n)
					for i := range free {
						free[i] = freePair{randomG1(t), randomG2(t)}
					}
					free[bad].q = outsider()
					if free[bad].q.IsInSubGroup() {
						t.Fatal("the test's point is in the subgroup")
					}
					_, outside := millerLoop(free, nil)
					for i := range outside {
						if outside[i] != (i == bad) {
							t.Errorf("n=%d, bad=%d: outside[%d] = %v", n, bad, i, outside[i])
						}
					}
				}
			}
		})
	}
}

func TestCoefficientIsItsHalves(t *testing.T) {
	cs := append(randomCoefficients(20), coefficient{})
	cs = append(cs, coefficient{a: ^uint64(0), b: ^uint64(0)})
	last := &cs[len(cs)-1]
	var a, b fr.Element
	a.SetUint64(last.a)
	b.SetUint64(last.b)
	last.value.Mul(&b, &lambda).Add(&last.value, &a)

	points := make([]bn254.G1Affine, len(cs))
	scalars := make([]fr.Element, len(cs))
	for i := range points {
		points[i] = randomG1(t)
		scalars[i] = cs[i].value
	}
	points[3] = points[2]     // equal points and digits must not derail the affine sums
	points[4].Neg(&points[2]) // nor opposite ones
	cs[3], cs[4] = cs[2], cs[2]
	scalars[3], scalars[4] = scalars[2], scalars[2]
	points[5].SetInfinity()

	for i, got := range scaleEach(points, cs) {
		var want bn254.G1Affine
		want.ScalarMultiplication(&points[i], scalars[i].BigInt(new(big.Int)))
		if !got.Equal(&want) {
			t.Errorf("scaleEach: point %d is wrong", i)
		}
	}
	var want bn254.G1Affine
	if _, err := want.MultiExp(points, scalars, ecc.MultiExpConfig{}); err != nil {
		t.Fatal(err)
	}
	if got := linearCombination(points, cs); !got.Equal(&want) {
		t.Error("linearCombination is wrong")
	}
}

func TestLimbTables(t *testing.T) {
	var minusOne, one, zero fr.Element
	one.SetOne()
	minusOne.Neg(&one)
	random, _ := randomScalar(t)
	for _, k := range []fr.Element{zero, one, minusOne, random} {
		p := []bn254.G1Affine{randomG1(t), {}}
		for i, table := range newLimbTables(p) {
			var s windowSums
			table.add(&s, &k)
			got := s.result(&adder{})
			var want bn254.G1Affine
			want.ScalarMultiplication(&p[i], k.BigInt(new(big.Int)))
			if !got.Equal(&want) {
				t.Errorf("%s·P: wrong", k.String())
			}
		}
	}
}

func TestAdderIsComplete(t *testing.T) {
	p, q := randomG1(t), randomG1(t)
	var minusP, inf bn254.G1Affine
	minusP.Neg(&p)
	a := []bn254.G1Affine{p, p, p, inf, p, inf, q}
	b := []bn254.G1Affine{q, p, minusP, p, inf, inf, p}
	sum := make([]bn254.G1Affine, len(a))
	twice := make([]bn254.G1Affine, len(a))
	ad := &adder{}
	ad.add(sum, a, b)
	ad.double(twice, a)
	for i := range a {
		var wantSum, wantTwice bn254.G1Affine
		wantSum.Add(&a[i], &b[i])
		wantTwice.Double(&a[i])
		if !sum[i].Equal(&wantSum) {
			t.Errorf("sum %d is wrong", i)
		}
		if !twice[i].Equal(&wantTwice) {
			t.Errorf("double %d is wrong", i)
		}
	}
	for n := range 9 {
		list := make([]bn254.G1Affine, n)
		var want bn254.G1Affine
		for i := range list {
			list[i] = randomG1(t)
			want.Add(&want, &list[i])
		}
		if got := ad.sum([][]bn254.G1Affine{nil, list}); !got[1].Equal(&want) || !got[0].IsInfinity() {
			t.Errorf("sum of %d points is wrong", n)
		}
	}
}

// gnark-crypto's own decoding of compressed points is the reference.
func TestPointDecodingIsGnarkCryptos(t *testing.T) {
	for range 50 {
		p, q := randomG1(t), randomTwistPoint(t)
		for _, e := range [][]byte{bytesOf(p.Bytes()), bytesOf(q.Bytes())[:g1Size]} {
			var got, want bn254.G1Affine
			err := setG1(&got, e)
			_, wantErr := want.SetBytes(e)
			if (err == nil) != (wantErr == nil) || (err == nil && !got.Equal(&want)) {
				t.Errorf("G1 %x: %v, want %v", e, err, wantErr)
			}
		}
		var got bn254.G2Affine
		e := q.Bytes()
		if err := setG2OnCurve(&got, e[:]); err != nil || !got.Equal(&q) {
			t.Errorf("G2 %x: %v", e, err)
		}
		if err := setG2(&got, e[:]); err != errSubgroup {
			t.Errorf("G2 %x: %v, want %v", e, err, errSubgroup)
		}
		q = randomG2(t)
		e = q.Bytes()
		if err := setG2(&got, e[:]); err != nil || !got.Equal(&q) {
			t.Errorf("G2 %x: %v", e, err)
		}
	}
}

func bytesOf[A [32]byte | [64]byte](a A) []byte {
	switch a := any(a).(type) {
	case [32]byte:
		return a[:]
	case [64]byte:
		return a[:]
	}
	return nil
}

func TestShareOutCoversEverything(t *testing.T) {
	for _, cores := range []int{1, 2, 3, 16} {
		for _, groups := range []int{1, 2, 5, 40} {
			for _, n := range []int{1, 2, 3, 7, 64, 256} {
				shares := shareOut(n, groups, cores)
				if len(shares) != cores {
					t.Fatalf("%d shares for %d cores", len(shares), cores)
				}
				from := 0
				for _, s := range shares {
					if s.from != from || s.to < s.from {
						t.Fatalf("n=%d groups=%d cores=%d: %v", n, groups, cores, shares)
					}
					from = s.to
				}
				if from != n {
					t.Errorf("n=%d groups=%d cores=%d: %v covers %d", n, groups, cores, shares, from)
				}
			}
		}
	}
}
