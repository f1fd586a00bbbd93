// Package fixed is the arithmetic of training in plain Go: fixed-point numbers with
// exactly one way to round, and a sigmoid of straight lines. Circuits and everyone
// else compute the same integers with it, on every machine.
//
// A number x with f fractional bits is the integer x·2^f. Sums and products of such
// integers are exact; nothing is rounded but where this package says so, and then
// always to the nearest integer, halves up:
//
//	Round(n, d) = floor(n/d + 1/2)
//
// # Sigmoid
//
// σ(s) = 1/(1+e^−s) is replaced by 256 straight lines between s = −8 and 8, each 1/16
// wide. The ends of the lines are σ there, rounded to 16 fractional bits ([Segment]);
// between them nothing is rounded: with an argument of 16 fractional bits, 12 of them
// say how far along its line it is, and 16 + 12 = 28 fractional bits hold the value
// exactly. Arguments below −8 count as −8, those from 8 on as the last number before 8.
// The result grows with its argument everywhere, and is never further from σ than 0.00036:
// that much at ±8, and 0.00006 in between.
package fixed

import "math/big"

// Bits of fractions.
const (
	Frac            = 16                   // of weights, features, learning rate and arguments of the sigmoid
	One             = 1 << Frac            // 1.0
	FractionBits    = 12                   // of an argument: the place on its line
	ProbabilityBits = Frac + FractionBits  // fractional bits of Sigmoid's value
	Certain         = 1 << ProbabilityBits // the probability 1.0
)

// The lines of the sigmoid.
const (
	Segments = 256
	Bound    = 8 * One     // arguments count from −Bound on, to Bound − 1
	Last     = 2*Bound - 1 // the largest place that Clamp gives
)

// half holds round(2^16·σ(i/16)) for i from 0 to 128: the right half of the sigmoid's knots. By σ(−s) = 1 − σ(s) it has the left one, too. The numbers are
// written out because a library's exponential function may differ from machine to machine in the last bit.
var half = [Segments/2 + 1]uint16{
	32768, 33792, 34813, 35831, 36843, 37847, 38841, 39824, 40793, 41748, 42687, 43608, 44511, 45393, 46254, 47094,
	47911, 48704, 49474, 50220, 50941, 51638, 52310, 52957, 53581, 54179, 54754, 55306, 55834, 56339, 56822, 57284,
	57724, 58144, 58544, 58925, 59287, 59632, 59959, 60270, 60565, 60844, 61109, 61360, 61598, 61823, 62036, 62238,
	62428, 62608, 62778, 62938, 63090, 63233, 63368, 63495, 63615, 63728, 63835, 63935, 64030, 64119, 64203, 64283,
	64357, 64427, 64494, 64556, 64614, 64669, 64721, 64770, 64816, 64859, 64900, 64938, 64974, 65008, 65039, 65069,
	65097, 65124, 65149, 65172, 65194, 65215, 65234, 65252, 65269, 65285, 65300, 65315, 65328, 65341, 65352, 65364,
	65374, 65384, 65393, 65402, 65410, 65417, 65425, 65431, 65438, 65444, 65449, 65454, 65459, 65464, 65468, 65472,
	65476, 65480, 65483, 65486, 65489, 65492, 65495, 65497, 65500, 65502, 65504, 65506, 65508, 65509, 65511, 65513,
	65514,
}

func knot(i int) int64 {
	if i < Segments/2 {
		return One - int64(half[Segments/2-i])
	}
	return int64(half[i-Segments/2])
}

// Segment returns line k, 0 to 255, of the sigmoid: its value at the left end and by how much it rises until the
// right end, both with 16 fractional bits. It covers the arguments from −8 + k/16 to −8 + (k+1)/16.
func Segment(k int) (base, rise int64) { return knot(k), knot(k+1) - knot(k) }

// Clamp is where an argument with 16 fractional bits lies between −8 and 8, in 2^−16 above −8: from 0 to [Last].
func Clamp(s int64) int64 { return max(0, min(Last, s+Bound)) }

// Sigmoid returns the probability for an argument with 16 fractional bits. It has 28
// fractional bits, and is above 0 and below [Certain].
func Sigmoid(s int64) int64 {
	t := Clamp(s)
	base, rise := Segment(int(t >> FractionBits))
	return base<<FractionBits + rise*(t&(1<<FractionBits-1))
}

// Round returns floor(n/d + 1/2): the integer nearest to n/d, the upper one of two that
// are. d must be above 0.
func Round(n, d *big.Int) *big.Int {
	twice := new(big.Int).Lsh(n, 1)
	twice.Add(twice, d)
	return twice.Div(twice, new(big.Int).Lsh(d, 1)) // Euclidean division: floor, as the divisor is positive
}
