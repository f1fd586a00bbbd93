package anonymization

import "github.com/consensys/gnark/frontend"

// A pattern says which bits of a 12-bit limb may be set. Three cells of 16 bits make four limbs: the first cell is limb 0 and the low
// nibble of limb 1, the second one the high byte of limb 1 and the low byte of limb 2, and so on. If a cell must be
// zero, its number in the limb's pattern is added, so that the pattern is linear in the columns' flags.
const (
	patternAll       = 0
	patternNoNibble1 = 1 // limb 1 without the first cell
	patternNoByte1   = 2 // limb 1 without the second
	patternNoByte2   = 4 // limb 2 without the second
	patternNoNibble2 = 8 // limb 2 without the third
	patternNone      = 16

	patternByte = patternNoNibble2 // the low eight bits
)

// ranges returns the table of the numbers that there may be: 4,096 times the pattern, plus any number that has only
// bits that the pattern leaves.
func ranges() []uint64 {
	var all []uint64
	for _, p := range []struct{ pattern, step, end uint64 }{
		{patternAll, 1, 4096},
		{patternNoNibble1, 16, 4096},
		{patternNoByte1, 1, 16},
		{patternNoNibble1 + patternNoByte1, 1, 1},
		{patternNoByte2, 256, 4096},
		{patternNoNibble2, 1, 256},
		{patternNoByte2 + patternNoNibble2, 1, 1},
		{patternNone, 1, 1},
	} {
		for v := uint64(0); v < p.end; v += p.step {
			all = append(all, p.pattern<<limbBits+v)
		}
	}
	return all
}

// inRange has a number looked up, as a limb with a constant pattern.
func (l *lookups) inRange(v frontend.Variable, pattern int64) {
	l.ranges = append(l.ranges, l.api.Add(v, constant(pattern, limbBits)))
}

// threeCells has the four limbs of three cells looked up. A cell whose flag is 1 must be zero.
func (l *lookups) threeCells(api frontend.API, limbs [flexLimbs]frontend.Variable, zero []frontend.Variable) {
	for i, pattern := range [flexLimbs]frontend.Variable{
		api.Mul(zero[0], patternNone),
		api.Add(api.Mul(zero[0], patternNoNibble1), api.Mul(zero[1], patternNoByte1)),
		api.Add(api.Mul(zero[1], patternNoByte2), api.Mul(zero[2], patternNoNibble2)),
		api.Mul(zero[2], patternNone),
	} {
		l.ranges = append(l.ranges, api.Add(limbs[i], shifted(api, pattern, limbBits)))
	}
}
