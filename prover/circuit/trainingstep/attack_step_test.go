package trainingstep

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/statement"
)

// stepAttacks are on what is computed: scores, predictions, errors, and the weights after the step.
var stepAttacks = []attack{
	{
		Name:   "features without their offsets",
		Weaken: func(g *groups) { g.scale = scaleWithoutOffset },
		Forge: func(t *testing.T) *Circuit {
			r := recipe(narrow)
			for j := range r.Features {
				r.Features[j].Offset = 0
			}
			return scored(t, r, 4)
		},
	},
	{
		Name:   "a feature that doesn't count for the score",
		Weaken: func(g *groups) { g.score = scoreWithoutFirst },
		Forge: func(t *testing.T) *Circuit {
			r := recipe(narrow)
			r.Features[0].Scale = 0
			return scored(t, r, 4)
		},
	},
	{
		Name:   "wrong rounding: a rest of any size puts the score anywhere",
		Weaken: func(g *groups) { g.split = splitWithout(false, true) },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4)
			e := s.example(tab, 4)
			e.err = fixed.Sigmoid(0) - s.w.Recipe.Truth(tab.Row(4).Cells)*fixed.Certain
			s.claim(1, e)
			c := assign(t, s)
			score, rest := s.w.Recipe.Score(&s.w.Before.Weights, tab.Row(4).Cells)
			for i := range c.Slots {
				c.Slots[i].Line = lineOf(0, score<<16+rest)
			}
			return c
		},
	},
	{
		Name:   "a label that wraps around the field, and moves the score",
		Weaken: func(g *groups) { g.split = splitWithout(true, false) },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 5)
			e := s.example(tab, 5)
			e.err = fixed.Sigmoid(0) // the label is 1; what it becomes isn't
			s.claim(1, e)
			c := assign(t, s)
			score, rest := s.w.Recipe.Score(&s.w.Before.Weights, tab.Row(5).Cells)
			var shift fr.Element
			shift.SetBigInt(pow2(labelWeight)).Inverse(&shift)
			moved := num(score << 16)
			moved.Mul(&moved, &shift).Add(&moved, new(fr.Element).SetOne())
			for i := range c.Slots {
				c.Slots[i].Truth = gadget.Constant(moved)
				c.Slots[i].Line = lineOf(0, rest)
			}
			return c
		},
	},
	{
		Name:   "a score above the sigmoid's end counted as one at its beginning",
		Weaken: func(g *groups) { g.clamp = clampWithoutEnd },
		Forge: func(t *testing.T) *Circuit {
			return misplaced(t, -fixed.Bound, func(l *Line, away int64) { l.Above, l.Beyond = 1, away-1 })
		},
	},
	{
		Name:   "a flag that is not binary moves the score by more than is there",
		Weaken: func(g *groups) { g.clamp = clampWithoutBinary },
		Forge: func(t *testing.T) *Circuit {
			return misplaced(t, fixed.Last-fixed.Bound, func(l *Line, away int64) {
				l.Above, l.Beyond = away, 0
			})
		},
	},
	{
		Name:   "wrap: a score below the sigmoid's end is the field's order above it",
		Weaken: func(g *groups) { g.clamp = clampWithoutRange },
		Forge: func(t *testing.T) *Circuit {
			return misplaced(t, fixed.Last-fixed.Bound, func(l *Line, away int64) {
				l.Above, l.Beyond = 1, away-1
			})
		},
	},
	{
		Name:   "a line that is none of the sigmoid's",
		Weaken: func(g *groups) { g.line = func(*parts, []*Line) {} },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4)
			e := s.example(tab, 4)
			e.err = -s.w.Recipe.Truth(tab.Row(4).Cells) * fixed.Certain
			s.claim(1, e)
			c := assign(t, s)
			for i := range c.Slots {
				c.Slots[i].Line.Base, c.Slots[i].Line.Rise = 0, 0
			}
			return c
		},
	},
	{
		Name:   "overflow in the packing of a line: base lends rise",
		Weaken: func(g *groups) { g.line = lookUpPacked },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4)
			score, _ := s.w.Recipe.Score(&s.w.Before.Weights, tab.Row(4).Cells)
			at := fixed.Clamp(score)
			base, rise := fixed.Segment(int(at >> 12))
			base, rise = base+2<<16, rise-2
			e := s.example(tab, 4)
			e.err = base<<12 + rise*(at&0xfff) - s.w.Recipe.Truth(tab.Row(4).Cells)*fixed.Certain
			s.claim(1, e)
			c := assign(t, s)
			for i := range c.Slots {
				c.Slots[i].Line.Base, c.Slots[i].Line.Rise = base, rise
			}
			return c
		},
	},
	{
		Name:   "padding that has a say in the gradient",
		Weaken: func(g *groups) { g.err = errorOfPadding },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4, 9)
			all := s.examples(tab)
			s.claim(2, append(all, all[0], all[0])...)
			return assign(t, s)
		},
	},
	{
		Name:   "another label counted as the positive one",
		Weaken: func(g *groups) { g.err = errorOfZero },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4)
			e := s.example(tab, 4)
			e.err -= fixed.Certain
			s.claim(1, e)
			return assign(t, s)
		},
	},
	{
		Name:   "a row that is left out of the gradient",
		Weaken: func(g *groups) { g.gradient = gradientWithoutFirst },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4, 9, 30)
			all := s.examples(tab)
			all[0].codes = make([]int64, narrow)
			s.claim(3, all...)
			return assign(t, s)
		},
	},
	{
		Name:   "wrong rounding: a weight moved by one more",
		Weaken: func(g *groups) { g.move = moveWithoutLowerBound },
		Forge:  func(t *testing.T) *Circuit { return nudged(t, -1) },
	},
	{
		Name:   "wrong rounding: a weight moved by one less",
		Weaken: func(g *groups) { g.move = moveWithoutUpperBound },
		Forge:  func(t *testing.T) *Circuit { return nudged(t, 1) },
	},
	{
		Name:   "weights without decay",
		Weaken: func(g *groups) { g.move = moveWithoutDecay },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			r := recipe(narrow)
			plain := takesBy(t, tab, r, 4, 9)
			decayed := *r
			decayed.L2 = fixed.One / 16
			s := takesBy(t, tab, &decayed, 4, 9)
			s.w.After, s.p.After = plain.w.After, plain.p.After
			return assign(t, s)
		},
	},
}

// scored claims a step on one row whose score is had by another recipe.
func scored(t *testing.T, other *statement.Recipe, row int) *Circuit {
	tab := data(t, 1, narrow)
	s := takes(t, tab, row)
	if f := other.Features[0]; f.Scale == 0 {
		// The circuit without the first cell: its offset still counts.
		other.Features[0].Offset = s.w.Recipe.Features[0].Offset
	}
	cells := tab.Row(row).Cells
	e := s.example(tab, row)
	e.err = other.Predict(&s.w.Before.Weights, cells) - s.w.Recipe.Truth(cells)*fixed.Certain
	s.claim(1, e)
	c := assign(t, s)
	for i := range c.Slots {
		c.Slots[i].Line = lineOf(other.Score(&s.w.Before.Weights, cells))
	}
	return c
}

// misplaced claims a step on row 4 as if its score were at. away is how far from there it is.
func misplaced(t *testing.T, at int64, place func(l *Line, away int64)) *Circuit {
	tab := data(t, 1, narrow)
	s := takes(t, tab, 4)
	cells := tab.Row(4).Cells
	e := s.example(tab, 4)
	e.err = fixed.Sigmoid(at) - s.w.Recipe.Truth(cells)*fixed.Certain
	s.claim(1, e)
	c := assign(t, s)
	score, rest := s.w.Recipe.Score(&s.w.Before.Weights, cells)
	for i := range c.Slots {
		c.Slots[i].Line = lineOf(at, rest)
		place(&c.Slots[i].Line, score-at)
	}
	return c
}

// nudged claims a step after which one weight is off by a little.
func nudged(t *testing.T, by int32) *Circuit {
	s := takes(t, data(t, 1, narrow), 4, 9, 30)
	s.w.After.Weights[3] += by
	s.p.After = s.w.After.Commit()
	return assign(t, s)
}
