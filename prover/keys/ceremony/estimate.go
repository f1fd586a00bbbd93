package ceremony

import (
	"math/bits"
	"time"
)

// What steps cost on the development machine (2 cores), for each element of the domain, measured at N = 2^10 to 2^14; CEREMONY.md has
// the measurements. Index 1 and 2 are the phases.
var (
	readCost       = [3]time.Duration{1: 60 * time.Microsecond, 2: 10 * time.Microsecond}
	linkCost       = [3]time.Duration{1: 30 * time.Microsecond, 2: 20 * time.Microsecond}
	contributeCost = [3]time.Duration{1: 270 * time.Microsecond, 2: 50 * time.Microsecond}
	sealCost       = [3]time.Duration{1: 270 * time.Microsecond, 2: 50 * time.Microsecond}
)

func estimate(n int64, cost time.Duration) time.Duration { return time.Duration(n) * cost }

// estimateStart is for working out where phase 2 starts: Fourier transforms, and the circuit's coefficients.
func estimateStart(n int64) time.Duration {
	return time.Duration(n) * time.Duration(bits.Len64(uint64(n))-1) * 160 * time.Microsecond
}
