package trainingstep

import (
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// What follows are the groups, each with its point missing.

func weightsWithoutSalt(p *parts, _ frontend.Variable, weights []frontend.Variable, commitment frontend.Variable) {
	commitWeights(p, 0, weights, commitment)
}

func labelWithoutBits(p *parts, c *Circuit) []frontend.Variable {
	return gadget.Digits(p.api, c.Label, len(c.Features))
}

func anyRowInBlock(p *parts, _ *Circuit, s *Slot) []frontend.Variable {
	return gadget.Bits(p.api, s.Row, rowDigits)
}

func placeWithoutTop(p *parts, s *Slot) []frontend.Variable {
	return gadget.Bits(p.api, s.Place, placeDigits+1)[:placeDigits]
}

func blockAlwaysWide(p *parts, _ *Circuit, s *Slot) frontend.Variable {
	return p.hash.Sum(poseidon.Block, s.Block[:]...)
}

func climbFromAnything(p *parts, s *Slot, _ frontend.Variable, digits []frontend.Variable) (node, position frontend.Variable) {
	return climb(p, s, s.Block[0], digits) // the block's first element counts as the block's hash
}

func topAnywhere(p *parts, top, _, nodes []frontend.Variable) {
	for _, n := range nodes {
		product := frontend.Variable(1)
		for _, t := range top {
			product = p.api.Mul(product, p.api.Sub(n, t))
		}
		p.api.AssertIsEqual(product, 0)
	}
}

func firstRow(_ *parts, c *Circuit, s *Slot, _ []frontend.Variable) []frontend.Variable {
	return append(append([]frontend.Variable{}, s.Block[:narrowCells]...), 0)[:c.class().elements()]
}

func cellsWithoutBytes(p *parts, elements []frontend.Variable, columns int) (cells []frontend.Variable) {
	for _, e := range elements {
		bytes := p.lookups.Digits(e, 2*min(table.CellsPerElement, columns-len(cells)))
		for ; len(bytes) > 0; bytes = bytes[2:] {
			cells = append(cells, gadget.Pack(p.api, bytes[:2], 8))
		}
	}
	return cells
}

func scaleWithoutOffset(p *parts, c *Circuit, label []frontend.Variable) (factors []frontend.Variable, constant frontend.Variable) {
	factors, _ = scaleWeights(p, c, label)
	return factors, p.api.Mul(c.Weights[0][0], one)
}

func scoreWithoutFirst(p *parts, factors []frontend.Variable, constant frontend.Variable, cells []frontend.Variable) frontend.Variable {
	return score(p, factors[1:], constant, cells[1:])
}

func splitWithout(rest, truth bool) func(p *parts, s *Slot, total frontend.Variable) {
	return func(p *parts, s *Slot, total frontend.Variable) {
		if rest {
			p.lookups.Bytes(s.Line.Rest, 2)
		}
		if truth {
			p.lookups.Bytes(s.Truth, 2)
		}
		p.api.AssertIsEqual(total, s.joined(p.api))
	}
}

func clampWithoutEnd(p *parts, l *Line) {
	end := *l
	end.Above = 0
	p.api.AssertIsBoolean(l.Above)
	clampScore(p, &end)
}

func clampWithoutBinary(p *parts, l *Line) {
	end := *l
	end.Above = 0
	place := p.api.Add(p.api.Mul(l.Segment, 1<<fixed.FractionBits), l.Place)
	p.api.AssertIsEqual(p.api.Mul(l.Above, p.api.Sub(place, fixed.Last)), 0)
	clampScore(p, &end)
}

func clampWithoutRange(p *parts, l *Line) {
	end := *l
	end.Beyond = 0
	clampScore(p, &end)
}

func errorOfPadding(p *parts, c *Circuit, s *Slot) frontend.Variable {
	all := *s
	all.Real = 1
	return errorOf(p, c, &all)
}

func errorOfZero(p *parts, c *Circuit, s *Slot) frontend.Variable {
	other := *c
	other.Positive = 0
	return errorOf(p, &other, s)
}

func gradientWithoutFirst(p *parts, cells [][]frontend.Variable, errs []frontend.Variable, column int) frontend.Variable {
	return gradient(p, cells[1:], errs[1:], column)
}

func moveWithoutLowerBound(p *parts, c *Circuit, before, after, decay, gradient frontend.Variable) {
	rest := restOf(p, c, before, after, decay, gradient)
	p.lookups.Bytes(p.api.Sub(p.api.Mul(c.Count, pow2(44)), rest, 1), 7)
}

func moveWithoutUpperBound(p *parts, c *Circuit, before, after, decay, gradient frontend.Variable) {
	p.lookups.Bytes(restOf(p, c, before, after, decay, gradient), 7)
}

func moveWithoutDecay(p *parts, c *Circuit, before, after, _, gradient frontend.Variable) {
	moveWeight(p, c, before, after, 0, gradient)
}

func batchOfAnyNumber(p *parts, c *Circuit) {
	other := *c
	other.Count = 2
	commitBatch(p, &other)
}
