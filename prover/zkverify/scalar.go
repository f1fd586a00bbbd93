package zkverify

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// coefficient is a random scalar a + b·λ with a, b < 2^64, where λ is the
// eigenvalue of the endomorphism φ(x, y) = (βx, y). All 2^128 of them differ
// modulo r, because no lattice vector (a, b) with a + bλ ≡ 0 is shorter than
// about 2^126; and a point times a coefficient takes 64 doublings, not 128.
type coefficient struct {
	a, b  uint64
	value fr.Element
}

var (
	lambda = mustFr("4407920970296243842393367215006156084916469457145843978461")
	beta   = mustFp("2203960485148121921418603742825762020974279258880205651966")
)

func mustFr(s string) (e fr.Element) {
	if _, err := e.SetString(s); err != nil {
		panic(err)
	}
	return e
}

func mustFp(s string) (e fp.Element) {
	if _, err := e.SetString(s); err != nil {
		panic(err)
	}
	return e
}

// randomCoefficients draws n of them from the operating system's generator.
func randomCoefficients(n int) []coefficient {
	raw := make([]byte, 16*n)
	rand.Read(raw) // never fails: the program ends if there's no randomness
	c := make([]coefficient, n)
	for i := range c {
		c[i].a = binary.LittleEndian.Uint64(raw[16*i:])
		c[i].b = binary.LittleEndian.Uint64(raw[16*i+8:])
		var a fr.Element
		a.SetUint64(c[i].a)
		c[i].value.SetUint64(c[i].b)
		c[i].value.Mul(&c[i].value, &lambda).Add(&c[i].value, &a)
	}
	return c
}

func endomorphism(p *bn254.G1Affine) (q bn254.G1Affine) {
	q.X.Mul(&p.X, &beta)
	q.Y = p.Y
	return q
}

// A 64-bit scalar has 17 digits to the base 16, each from -8 to 8.
const (
	windowBits = 4
	windows    = 64/windowBits + 1
)

func signedDigits(k uint64) (d [windows]int8) {
	carry := int8(0)
	for i := range windows - 1 {
		d[i] = int8(k&15) + carry
		carry = 0
		if d[i] > 8 {
			d[i] -= 16
			carry = 1
		}
		k >>= windowBits
	}
	d[windows-1] = carry
	return d
}

// multiples holds P, 2P, … 8P.
type multiples [8]bn254.G1Affine

func (m *multiples) times(digit int8) (p bn254.G1Affine) {
	switch {
	case digit > 0:
		p = m[digit-1]
	case digit < 0:
		p.Neg(&m[-digit-1])
	}
	return p
}

func newMultiples(points []bn254.G1Affine, ad *adder) []multiples {
	var level [8][]bn254.G1Affine
	level[0] = points
	for m := 1; m < len(level); m++ {
		level[m] = make([]bn254.G1Affine, len(points))
		if m%2 == 1 {
			ad.double(level[m], level[m/2])
		} else {
			ad.add(level[m], level[m-1], points)
		}
	}
	t := make([]multiples, len(points))
	for i := range t {
		for m := range level {
			t[i][m] = level[m][i]
		}
	}
	return t
}

// scaleEach returns c[i]·points[i].
func scaleEach(points []bn254.G1Affine, c []coefficient) []bn254.G1Affine {
	ad := &adder{}
	n := len(points)
	tables := newMultiples(points, ad)

	// What each window adds to point i is at [w*n+i]: multiples of P and of φ(P),
	// put together for all windows at once.
	addends := make([]bn254.G1Affine, windows*n)
	endo := make([]bn254.G1Affine, windows*n)
	for i := range c {
		a, b := signedDigits(c[i].a), signedDigits(c[i].b)
		for w := range windows {
			addends[w*n+i] = tables[i].times(a[w])
			p := tables[i].times(b[w])
			endo[w*n+i] = endomorphism(&p)
		}
	}
	ad.add(addends, addends, endo)

	result := make([]bn254.G1Jac, n)
	for i := range result {
		acc := &result[i]
		acc.FromAffine(&addends[(windows-1)*n+i])
		for w := windows - 2; w >= 0; w-- {
			for range windowBits {
				acc.DoubleAssign()
			}
			acc.AddMixed(&addends[w*n+i])
		}
	}
	return ad.affine(result)
}

// windowSums is a sum of points times 64-bit scalars in the making: list w holds
// points whose sum counts 16^w times.
type windowSums [windows][]bn254.G1Affine

// newWindowSums makes room for n points in each list.
func newWindowSums(n int) *windowSums {
	room := make([]bn254.G1Affine, windows*n)
	s := &windowSums{}
	for w := range s {
		s[w] = room[w*n : w*n : (w+1)*n]
	}
	return s
}

func (s *windowSums) add(m *multiples, k uint64, endo bool) {
	for w, digit := range signedDigits(k) {
		if digit == 0 {
			continue
		}
		p := m.times(digit)
		if endo {
			p = endomorphism(&p)
		}
		s[w] = append(s[w], p)
	}
}

func (s *windowSums) result(ad *adder) bn254.G1Affine {
	sums := ad.sum(s[:])
	var acc bn254.G1Jac
	acc.FromAffine(&sums[windows-1])
	for w := windows - 2; w >= 0; w-- {
		for range windowBits {
			acc.DoubleAssign()
		}
		acc.AddMixed(&sums[w])
	}
	var p bn254.G1Affine
	p.FromJacobian(&acc)
	return p
}

// linearCombination returns Σ c[i]·points[i].
func linearCombination(points []bn254.G1Affine, c []coefficient) bn254.G1Affine {
	ad := &adder{}
	s := newWindowSums(2 * len(points))
	tables := newMultiples(points, ad)
	for i := range tables {
		s.add(&tables[i], c[i].a, false)
		s.add(&tables[i], c[i].b, true)
	}
	return s.result(ad)
}

// limbTables serve a point of a verifying key, which meets scalars of full
// length: multiples of P, 2^64·P, 2^128·P and 2^192·P.
type limbTables [4]multiples

func newLimbTables(points []bn254.G1Affine) []limbTables {
	ad := &adder{}
	tables := make([]limbTables, len(points))
	shifted := append([]bn254.G1Affine(nil), points...)
	for limb := range 4 {
		if limb > 0 {
			for range 64 {
				ad.double(shifted, shifted)
			}
		}
		for i, m := range newMultiples(shifted, ad) {
			tables[i][limb] = m
		}
	}
	return tables
}

// add adds k·P to the sum.
func (t *limbTables) add(s *windowSums, k *fr.Element) {
	for limb, bits := range k.Bits() {
		s.add(&t[limb], bits, false)
	}
}
