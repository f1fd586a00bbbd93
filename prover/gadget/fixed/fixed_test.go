package fixed_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/attestlog/attestlog/prover/gadget/fixed"
)

func sigma(s float64) float64 { return 1 / (1 + math.Exp(-s)) }

// Every argument between −8 and 8, and some beyond.
func TestSigmoidIsMonotoneAndClose(t *testing.T) {
	last := int64(0)
	worst, worstInside := 0.0, 0.0
	for s := int64(-9 * fixed.One); s <= 9*fixed.One; s++ {
		p := fixed.Sigmoid(s)
		if p < last || p <= 0 || p >= fixed.Certain {
			t.Fatalf("σ(%d) = %d follows %d", s, p, last)
		}
		last = p
		err := math.Abs(float64(p)/fixed.Certain - sigma(float64(s)/fixed.One))
		worst = max(worst, err)
		if -fixed.Bound <= s && s < fixed.Bound {
			worstInside = max(worstInside, err)
		}
	}
	if worst > 0.00036 || worstInside > 0.00006 {
		t.Errorf("the sigmoid is off by %g, between −8 and 8 by %g", worst, worstInside)
	}
}

func TestKnotsAreTheSigmoidRounded(t *testing.T) {
	for k := range fixed.Segments {
		base, rise := fixed.Segment(k)
		left, right := -8+float64(k)/16, -8+float64(k+1)/16
		if float64(base) != math.Round(fixed.One*sigma(left)) || float64(base+rise) != math.Round(fixed.One*sigma(right)) {
			t.Errorf("segment %d is %d + %d", k, base, rise)
		}
		if rise < 0 || rise > 1024 || base < 0 || base > 65535 {
			t.Errorf("segment %d doesn't fit its bytes", k)
		}
	}
}

func TestSigmoidFarOut(t *testing.T) {
	for _, s := range []int64{math.MinInt64 / 2, -1 << 40, -fixed.Bound - 1, -fixed.Bound} {
		if got := fixed.Sigmoid(s); got != 22<<fixed.FractionBits {
			t.Errorf("σ(%d) = %d", s, got)
		}
	}
	want := fixed.Sigmoid(fixed.Bound - 1)
	for _, s := range []int64{fixed.Bound, 1 << 40, math.MaxInt64 / 2} {
		if got := fixed.Sigmoid(s); got != want {
			t.Errorf("σ(%d) = %d, want %d", s, got, want)
		}
	}
}

func TestRound(t *testing.T) {
	for _, c := range [][3]int64{{0, 2, 0}, {1, 2, 1}, {-1, 2, 0}, {3, 2, 2}, {-3, 2, -1}, {-4, 2, -2}, {7, 3, 2}, {8, 3, 3}, {-7, 3, -2}, {-8, 3, -3}, {1, 3, 0}} {
		if got := fixed.Round(big.NewInt(c[0]), big.NewInt(c[1])); got.Int64() != c[2] {
			t.Errorf("%d/%d rounds to %v, want %d", c[0], c[1], got, c[2])
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.Int64Range(-1<<50, 1<<50).Draw(t, "n"), rapid.Int64Range(1, 1<<40).Draw(t, "d")
		q := fixed.Round(big.NewInt(n), big.NewInt(d)).Int64()
		if rest := 2 * (n - q*d); rest < -d || rest >= d {
			t.Fatalf("%d/%d rounds to %d", n, d, q)
		}
	})
}
