package zkverify

import (
	"runtime"
	"slices"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
)

// Item is one proof to be checked.
type Item struct {
	VK     *VerifyingKey
	Proof  []byte
	Public []event.Element
}

// maxFold bounds how many proofs are folded into one equation: beyond, a fold
// gains nothing, and a bad proof among them costs more to find.
const maxFold = 256

// VerifyBatch checks many proofs, of any mixture of verifying keys, and returns
// one verdict for each: nil where [Verify] would return nil, up to a
// probability of 2^-128. It uses all cores and returns when all its goroutines
// have ended.
//
// 64 valid proofs take less than a third of the time that it takes to check each by
// itself on as many cores. An invalid one among them makes it about three times as
// long, which is what bisection takes; whatever they are, it is some seven times at most.
func VerifyBatch(items []Item) []error {
	verdicts := make([]error, len(items))
	claims := make([]*claim, len(items))
	inParallel(len(items), func(from, to int) {
		for i := from; i < to; i++ {
			claims[i], verdicts[i] = newClaim(items[i])
		}
	})
	var b bisection
	for i := range claims {
		if claims[i] != nil {
			b.claims = append(b.claims, claims[i])
			b.verdicts = append(b.verdicts, &verdicts[i])
		}
	}
	for from := 0; from < len(b.claims); from += maxFold {
		to := min(from+maxFold, len(b.claims))
		part := bisection{b.claims[from:to], b.verdicts[from:to]}
		part.run()
	}
	return verdicts
}

// singly is how many proofs are checked one by one sooner than bisected: so few
// take about as long either way, and each of them has a core to itself.
const singly = 8

// bisection finds the invalid claims of a batch.
type bisection struct {
	claims   []*claim
	verdicts []*error
}

// run sets the verdicts.
func (b bisection) run() {
	if len(b.claims) < 2 || !fold(b.claims) {
		b.split()
	}
}

// split sets the verdicts of claims of which at least one is invalid, or of a
// single one. Folding ever smaller parts pays where one is invalid. Of several,
// in both halves, each is checked by itself: so whoever sends nothing but garbage
// makes a batch some six or seven times as dear, and not twenty.
func (b bisection) split() {
	if len(b.claims) <= singly {
		b.each()
		return
	}
	half := len(b.claims) / 2
	left := bisection{b.claims[:half], b.verdicts[:half]}
	right := bisection{b.claims[half:], b.verdicts[half:]}
	switch {
	case fold(left.claims):
		right.split() // the fault must be here: don't fold it to find that out
	case fold(right.claims):
		left.split()
	default:
		b.each()
	}
}

// each checks every claim by itself.
func (b bisection) each() {
	inParallel(len(b.claims), func(from, to int) {
		for i := from; i < to; i++ {
			*b.verdicts[i] = b.claims[i].verify()
		}
	})
}

// fold checks all claims by one equation, each raised to a random power. Where one
// has a B outside the subgroup, it fails.
func fold(claims []*claim) bool {
	weights := randomCoefficients(len(claims))
	knowledge := randomCoefficients(len(claims))

	free := make([]freePair, len(claims))
	var groups []*group
	byKey := map[event.Digest]*group{}
	for i, c := range claims {
		free[i] = freePair{c.proof.A, c.proof.B}
		g := byKey[c.vk.digest]
		if g == nil {
			g = newGroup(c.vk)
			byKey[c.vk.digest] = g
			groups = append(groups, g)
		}
		g.add(c, weights[i], knowledge[i])
	}

	// Each core takes a share of the claims' pairs and of the groups.
	cores := runtime.GOMAXPROCS(0)
	shares := shareOut(len(claims), len(groups), cores)
	products := make([]bn254.GT, len(shares))
	outside := make([][]bool, len(shares))
	var wg sync.WaitGroup
	for i, share := range shares {
		wg.Go(func() {
			var fixed []fixedPair
			for g := i; g < len(groups); g += cores {
				fixed = append(fixed, groups[g].pairs()...)
			}
			mine := free[share.from:share.to]
			scale(mine, weights[share.from:share.to])
			products[i], outside[i] = millerLoop(mine, fixed)
		})
	}
	wg.Wait()
	for i := range outside {
		if slices.Contains(outside[i], true) {
			return false
		}
		if i > 0 {
			products[0].Mul(&products[0], &products[i])
		}
	}
	f := bn254.FinalExponentiation(&products[0])
	return f.IsOne()
}

// scale sets each p to its multiple.
func scale(pairs []freePair, weights []coefficient) {
	points := make([]bn254.G1Affine, len(pairs))
	for i := range points {
		points[i] = pairs[i].p
	}
	for i, p := range scaleEach(points, weights) {
		pairs[i].p = p
	}
}

// share is a range of the claims, [from, to).
type share struct{ from, to int }

// shareOut divides n claims among the cores so that all end at about the same
// time, though core i has the pairs of groups i, i+cores, … to make as well. A
// group costs as much as three claims, and one more for each sixteen of its own.
func shareOut(n, groups, cores int) []share {
	extra := make([]int, cores)
	total := n
	for g := range groups {
		cost := 3 + n/(16*groups)
		extra[g%cores] += cost
		total += cost
	}
	each := (total + cores - 1) / cores
	shares := make([]share, cores)
	from := 0
	for i := range shares {
		to := min(n, from+max(0, each-extra[i]))
		shares[i] = share{from, to}
		from = to
	}
	return shares
}

// group gathers the claims of one verifying key: their equations share γ, δ and
// e(α, β).
type group struct {
	vk *VerifyingKey

	c       []bn254.G1Affine
	weights []coefficient
	// weightSum and inputSums are Σ r_i and Σ r_i·x_ij.
	weightSum fr.Element
	inputSums []fr.Element

	d, p      []bn254.G1Affine // commitments and proofs of knowledge
	knowledge []coefficient    // their weights, apart from those above
}

func newGroup(vk *VerifyingKey) *group {
	return &group{vk: vk, inputSums: make([]fr.Element, len(vk.points.K)-1)}
}

func (g *group) add(c *claim, weight, knowledge coefficient) {
	g.c = append(g.c, c.proof.C)
	g.weights = append(g.weights, weight)
	g.weightSum.Add(&g.weightSum, &weight.value)
	for j := range c.inputs {
		var x fr.Element
		x.Mul(&c.inputs[j], &weight.value)
		g.inputSums[j].Add(&g.inputSums[j], &x)
	}
	if c.proof.Commitment != nil {
		g.d = append(g.d, c.proof.Commitment.D)
		g.p = append(g.p, c.proof.Commitment.Knowledge)
		g.knowledge = append(g.knowledge, knowledge)
	}
}

// pairs are the group's pairs with fixed points. Together with all e(r_i·A_i, B_i)
// their product is 1 when the claims hold.
func (g *group) pairs() []fixedPair {
	ad := &adder{}
	alpha, public := newWindowSums(4), newWindowSums(4*len(g.vk.k)+1)
	var minusSum fr.Element
	minusSum.Neg(&g.weightSum)
	g.vk.alphaTable.add(alpha, &minusSum)
	g.vk.k[0].add(public, &g.weightSum)
	for j := range g.inputSums {
		g.vk.k[j+1].add(public, &g.inputSums[j])
	}
	if g.vk.hasCommitment {
		public[0] = append(public[0], linearCombination(g.d, g.weights))
	}
	pairs := []fixedPair{
		{alpha.result(ad), &g.vk.beta},
		{public.result(ad), &g.vk.gammaNeg},
		{linearCombination(g.c, g.weights), &g.vk.deltaNeg},
	}
	if g.vk.hasCommitment {
		pairs = append(pairs,
			fixedPair{linearCombination(g.d, g.knowledge), &g.vk.gSigmaNeg},
			fixedPair{linearCombination(g.p, g.knowledge), &g.vk.g})
	}
	return pairs
}

// inParallel cuts [0, n) into a piece for each core, and returns when work has
// been done on all of them.
func inParallel(n int, work func(from, to int)) {
	cores := runtime.GOMAXPROCS(0)
	size := max(1, (n+cores-1)/cores)
	var wg sync.WaitGroup
	for from := 0; from < n; from += size {
		wg.Go(func() { work(from, min(from+size, n)) })
	}
	wg.Wait()
}
