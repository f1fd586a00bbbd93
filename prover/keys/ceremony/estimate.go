package ceremony

import "time"

// What steps cost on the development machine (2 cores) at N = 2^14, for each element of the domain. All but the Fourier transforms in a phase's
// beginning grow as N does, and those little faster. Index 1 and 2 are the phases.
var (
	readCost       = [3]time.Duration{1: 60 * time.Microsecond, 2: 10 * time.Microsecond}
	linkCost       = [3]time.Duration{1: 30 * time.Microsecond, 2: 20 * time.Microsecond}
	contributeCost = [3]time.Duration{1: 350 * time.Microsecond, 2: 70 * time.Microsecond}
	sealCost       = [3]time.Duration{1: 350 * time.Microsecond, 2: 70 * time.Microsecond}
)

const startCost = 2200 * time.Microsecond // of phase 2

func estimate(n int64, cost time.Duration) time.Duration { return time.Duration(n) * cost }
