package trainingstep

import (
	"math/big"
	"reflect"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/math/bits"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// An attack is a false statement with a forged witness that one group of constraints stops, and nothing else does.
type attack struct {
	name string
	// weaken puts something that lacks the point in place of the one group.
	weaken func(g *groups)
	// forge returns the forged assignment.
	forge func(t *testing.T) *Circuit
	// digits and bytes, if not nil, are how the malicious prover writes v in binary or in bytes; nil means honestly.
	// They return whether they did.
	digits, bytes func(t *testing.T, v *big.Int, out []*big.Int) bool
}

// weakened is the circuit without the group that an attack is about.
type weakened struct {
	Circuit
	attack *attack
}

func (c *weakened) Define(api frontend.API) error {
	g := sound()
	c.attack.weaken(&g)
	return define(api, &c.Circuit, g)
}

// half is 1/2 of the field.
func half() fr.Element {
	e := num(2)
	return *e.Inverse(&e)
}

var attacks = []attack{
	{
		name:   "another learning rate than the run's",
		weaken: func(g *groups) { g.recipe = func(*parts, *Circuit) {} },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			r := recipe(narrow)
			r.LearningRate /= 2
			s := takesBy(t, tab, r, 4, 9, 30)
			s.p.Recipe = recipe(narrow).Commit()
			return assign(t, s)
		},
	},
	{
		name:   "a feature scaled in another way than the run says",
		weaken: func(g *groups) { g.recipe = func(*parts, *Circuit) {} },
		forge: func(t *testing.T) *Circuit {
			r := recipe(narrow)
			r.Features[3].Scale++
			s := takesBy(t, data(t, 1, narrow), r, 4, 9, 30)
			s.p.Recipe = recipe(narrow).Commit()
			return assign(t, s)
		},
	},
	{
		name:   "rows of another data set",
		weaken: func(g *groups) { g.dataset = func(*parts, *Circuit) {} },
		forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 2, narrow), 4, 9, 30)
			s.p.Dataset = takes(t, data(t, 1, narrow), 4).p.Dataset
			return assign(t, s)
		},
	},
	{
		name: "weights that were never committed to",
		weaken: func(g *groups) {
			g.weights = func(*parts, frontend.Variable, []frontend.Variable, frontend.Variable) {}
		},
		forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, narrow), 4, 9, 30)
			s.p.After[31] ^= 1
			return assign(t, s)
		},
	},
	{
		name:   "a commitment to weights whose salt is cut",
		weaken: func(g *groups) { g.weights = weightsWithoutSalt },
		forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, narrow), 4, 9, 30)
			c := assign(t, s)
			c.Before, c.After = commitAny(fr.Element{}, c.Weights[0]), commitAny(fr.Element{}, c.Weights[1])
			return c
		},
	},
	{
		name:   "a salt that is none of 16 bytes",
		weaken: func(g *groups) { g.salt = func(*parts, frontend.Variable) {} },
		forge: func(t *testing.T) *Circuit {
			c := assign(t, takes(t, data(t, 1, narrow), 4, 9, 30))
			c.WeightSalt[1] = pow2(table.SaltBits)
			var salt fr.Element
			c.After = commitAny(*salt.SetBigInt(pow2(table.SaltBits)), c.Weights[1])
			return c
		},
	},
	{
		name:   "overflow: a weight so large that, times its scale, it wraps around the field to 1",
		weaken: func(g *groups) { g.small = func(*parts, []frontend.Variable) {} },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4)
			scale := num(s.w.Recipe.Features[0].Scale)
			var inverse fr.Element
			inverse.Inverse(&scale)
			// The weight is 1/scale: in the score, the cell counts 1 and the offset offset/scale = −32.
			s.w.Before.Weights[1] = 0
			codes := tab.Row(4).Cells
			score, rest := s.w.Recipe.Score(&s.w.Before.Weights, codes)
			total := score<<16 + rest + int64(codes[0]) + s.w.Recipe.Features[0].Offset/s.w.Recipe.Features[0].Scale
			e := s.example(tab, 4)
			e.err = fixed.Sigmoid(total>>16) - s.w.Recipe.Truth(codes)*fixed.Certain
			s.claim(1, e)
			c := assign(t, s)
			for i := range c.Slots {
				c.Slots[i].Line = lineOf(total>>16, total&0xffff)
			}
			after := num(int64(s.w.After.Weights[1]))
			c.Weights[0][1] = gadget.Constant(inverse)
			c.Weights[1][1] = gadget.Constant(*after.Add(&after, &inverse))
			c.Before, c.After = commitAny(s.w.Before.Salt.Element(), c.Weights[0]), commitAny(s.w.After.Salt.Element(), c.Weights[1])
			return c
		},
	},
	{
		name:   "a wrong label: the column before it, counted twice",
		weaken: func(g *groups) { g.label = labelWithoutBits },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 5)
			e := s.example(tab, 5)
			e.err += fixed.Certain // the label is 1; read as 0
			s.claim(1, e)
			c := assign(t, s)
			for i := range c.Slots {
				c.Slots[i].Truth = 2 * int(tab.Row(5).Cells[narrow-2])
			}
			return c
		},
		digits: func(_ *testing.T, v *big.Int, out []*big.Int) bool {
			if len(out) != columns || v.Cmp(pow2(narrow-1)) != 0 {
				return false
			}
			write(out, new(big.Int))
			out[narrow-2].SetInt64(2)
			return true
		},
	},
	{
		name:   "flags that are not binary: two halves of other rows instead of one",
		weaken: func(g *groups) { g.real = func(*parts, []Slot) {} },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4, 18, 0) // row 9 is to be taken, half of index 18
			s.p.Batch = statement.CommitBatch([]int{4, 9})
			first, second, third := s.example(tab, 4), s.example(tab, 18), s.example(tab, 0)
			s.claim(4, first, first, second, third)
			c := assign(t, s)
			c.Count = 2
			c.Slots[1].Real, c.Slots[2].Real = gadget.Constant(half()), gadget.Constant(half())
			return c
		},
	},
	{
		name:   "padding as a row: three are picked, four taken",
		weaken: func(g *groups) { g.count = func(*parts, []Slot, frontend.Variable) {} },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4, 9, 30, 0)
			s.p.Batch = statement.CommitBatch([]int{4, 9, 30})
			s.claim(3, s.examples(tab)...)
			c := assign(t, s)
			c.Count = 3
			return c
		},
	},
	{
		name:   "a row as padding: the seed picks row 0, too",
		weaken: func(g *groups) { g.count = func(*parts, []Slot, frontend.Variable) {} },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4, 9)
			s.p.Batch = statement.CommitBatch([]int{4, 9, 0})
			s.claim(3, s.examples(tab)...)
			c := assign(t, s)
			c.Count = 3
			return c
		},
	},
	{
		name:   "a wrong row: number 3 of a block of two names a row of the next block",
		weaken: func(g *groups) { g.row = anyRowInBlock },
		forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, columns), 5)
			s.p.Batch = statement.CommitBatch([]int{7})
			c := assign(t, s)
			for i := range c.Slots {
				c.Slots[i].Row = 3
			}
			return c
		},
	},
	{
		name:   "an index that wraps: what it has too much is carried into its neighbour's",
		weaken: func(g *groups) { g.place = placeWithoutTop },
		forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, narrow), 4, 9)
			s.p.Batch = statement.CommitBatch([]int{4, 10})
			c := assign(t, s)
			c.Slots[0].Place = 1 + 1<<placeDigits
			return c
		},
	},
	{
		name:   "blocks that were hashed as wide ones read as narrow ones",
		weaken: func(g *groups) { g.block = blockAlwaysWide },
		forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, narrow), 4)
			o := &s.w.Batch[0]
			o.Block = append(append([]fr.Element{}, o.Block...), num(1), num(2))
			_, top := o.ClimbTo(statement.TrainingLayout(narrow), 3)
			s.w.Top[top], _ = o.ClimbTo(statement.TrainingLayout(narrow), 3) // of a data set whose controller helps
			s.p.Dataset = Public(s.w).Dataset
			o.Block = o.Block[:12]
			c := assign(t, s)
			for i := range c.Slots {
				c.Slots[i].Block[12], c.Slots[i].Block[13] = 1, 2
			}
			return c
		},
	},
	{
		name:   "a row that was made up: its block is not the one that was hashed",
		weaken: func(g *groups) { g.climb = climbFromAnything },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 5)
			o := &s.w.Batch[0]
			hash := table.HashBlock(o.Block)
			o.Block = append([]fr.Element{hash}, o.Block[1:]...)
			cells := append([]uint16{}, tab.Row(5).Cells...)
			cells[2] += 50
			o.Block[3] = table.PackCells(cells[:15])
			e := example{err: s.w.Recipe.Predict(&s.w.Before.Weights, cells) - s.w.Recipe.Truth(cells)*fixed.Certain}
			for _, c := range cells {
				e.codes = append(e.codes, int64(c))
			}
			s.claim(1, e)
			return assign(t, s)
		},
	},
	{
		name: "a row that is nowhere in the data set",
		weaken: func(g *groups) {
			g.top = func(*parts, []frontend.Variable, []frontend.Variable, []frontend.Variable) {}
		},
		forge: func(t *testing.T) *Circuit {
			s, other := takes(t, data(t, 2, narrow), 4), takes(t, data(t, 1, narrow), 4)
			s.w.Top = other.w.Top
			s.p.Dataset = other.p.Dataset
			return assign(t, s)
		},
	},
	{
		name:   "a row at another place of the tree: its index is a lie",
		weaken: func(g *groups) { g.top = topAnywhere },
		forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, narrow), 4)
			s.w.Batch[0].Index += 4 << 12 // the same path, below the next top node
			s.p.Batch = statement.CommitBatch([]int{s.w.Batch[0].Index})
			return assign(t, s)
		},
	},
	{
		name:   "the row next to it",
		weaken: func(g *groups) { g.pick = firstRow },
		forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, narrow), 4)
			s.p.Batch = statement.CommitBatch([]int{5})
			c := assign(t, s)
			for i := range c.Slots {
				c.Slots[i].Row = 1
			}
			return c
		},
	},
	{
		name:   "a feature out of range: one code lends its neighbour 2^16",
		weaken: func(g *groups) { g.cells = cellsWithoutBytes },
		forge:  lentCell,
		bytes:  lendCell,
	},
	{
		name:   "nothing that is looked up is looked up",
		weaken: func(g *groups) { g.close = func(*parts) {} },
		forge:  lentCell,
		bytes:  lendCell,
	},
	{
		name:   "features without their offsets",
		weaken: func(g *groups) { g.scale = scaleWithoutOffset },
		forge: func(t *testing.T) *Circuit {
			r := recipe(narrow)
			for j := range r.Features {
				r.Features[j].Offset = 0
			}
			return scored(t, r, 4)
		},
	},
	{
		name:   "a feature that doesn't count for the score",
		weaken: func(g *groups) { g.score = scoreWithoutFirst },
		forge: func(t *testing.T) *Circuit {
			r := recipe(narrow)
			r.Features[0].Scale = 0
			return scored(t, r, 4)
		},
	},
	{
		name:   "wrong rounding: a rest of any size puts the score anywhere",
		weaken: func(g *groups) { g.split = splitWithout(false, true) },
		forge: func(t *testing.T) *Circuit {
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
		name:   "a label that wraps around the field, and moves the score",
		weaken: func(g *groups) { g.split = splitWithout(true, false) },
		forge: func(t *testing.T) *Circuit {
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
		name:   "a score above the sigmoid's end counted as one at its beginning",
		weaken: func(g *groups) { g.clamp = clampWithoutEnd },
		forge: func(t *testing.T) *Circuit {
			return misplaced(t, -fixed.Bound, func(l *Line, away int64) { l.Above, l.Beyond = 1, away-1 })
		},
	},
	{
		name:   "a flag that is not binary moves the score by more than is there",
		weaken: func(g *groups) { g.clamp = clampWithoutBinary },
		forge: func(t *testing.T) *Circuit {
			return misplaced(t, fixed.Last-fixed.Bound, func(l *Line, away int64) {
				l.Above, l.Beyond = away, 0
			})
		},
	},
	{
		name:   "wrap: a score below the sigmoid's end is the field's order above it",
		weaken: func(g *groups) { g.clamp = clampWithoutRange },
		forge: func(t *testing.T) *Circuit {
			return misplaced(t, fixed.Last-fixed.Bound, func(l *Line, away int64) {
				l.Above, l.Beyond = 1, away-1
			})
		},
	},
	{
		name:   "a line that is none of the sigmoid's",
		weaken: func(g *groups) { g.line = func(*parts, []*Line) {} },
		forge: func(t *testing.T) *Circuit {
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
		name:   "overflow in the packing of a line: base lends rise",
		weaken: func(g *groups) { g.line = lookUpPacked },
		forge: func(t *testing.T) *Circuit {
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
		name:   "padding that has a say in the gradient",
		weaken: func(g *groups) { g.err = errorOfPadding },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4, 9)
			all := s.examples(tab)
			s.claim(2, append(all, all[0], all[0])...)
			return assign(t, s)
		},
	},
	{
		name:   "another label counted as the positive one",
		weaken: func(g *groups) { g.err = errorOfZero },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4)
			e := s.example(tab, 4)
			e.err -= fixed.Certain
			s.claim(1, e)
			return assign(t, s)
		},
	},
	{
		name:   "a row that is left out of the gradient",
		weaken: func(g *groups) { g.gradient = gradientWithoutFirst },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4, 9, 30)
			all := s.examples(tab)
			all[0].codes = make([]int64, narrow)
			s.claim(3, all...)
			return assign(t, s)
		},
	},
	{
		name:   "wrong rounding: a weight moved by one more",
		weaken: func(g *groups) { g.move = moveWithoutLowerBound },
		forge:  func(t *testing.T) *Circuit { return nudged(t, -1) },
	},
	{
		name:   "wrong rounding: a weight moved by one less",
		weaken: func(g *groups) { g.move = moveWithoutUpperBound },
		forge:  func(t *testing.T) *Circuit { return nudged(t, 1) },
	},
	{
		name:   "weights without decay",
		weaken: func(g *groups) { g.move = moveWithoutDecay },
		forge: func(t *testing.T) *Circuit {
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
	{
		name:   "the rows of another run's seed",
		weaken: func(g *groups) { g.batch = func(*parts, *Circuit) {} },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			ours, others := statement.TrainingSeed(schema, [32]byte{1}), statement.TrainingSeed(schema, [32]byte{2})
			s := takes(t, tab, statement.BatchRows(others, 1, batch, dataRows)...)
			s.p.Batch = statement.CommitBatch(statement.BatchRows(ours, 1, batch, dataRows))
			return assign(t, s)
		},
	},
	{
		name:   "another number of rows than was picked",
		weaken: func(g *groups) { g.batch = batchOfAnyNumber },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4, 0, 0)
			s.p.Batch = statement.CommitBatch([]int{4, 0})
			return assign(t, s)
		},
	},
}

// lentCell claims a step in which cell 0 of row 4 is larger by 2^16 and cell 1 smaller by 1, which packs to the same.
func lentCell(t *testing.T) *Circuit {
	tab := data(t, 1, narrow)
	s := takes(t, tab, 4)
	e := s.example(tab, 4)
	e.codes[0] += 1 << 16
	e.codes[1]--
	f := s.w.Recipe.Features
	score, rest := s.w.Recipe.Score(&s.w.Before.Weights, tab.Row(4).Cells)
	total := score<<16 + rest + int64(s.w.Before.Weights[1])*f[0].Scale<<16 - int64(s.w.Before.Weights[2])*f[1].Scale
	e.err = fixed.Sigmoid(total>>16) - s.w.Recipe.Truth(tab.Row(4).Cells)*fixed.Certain
	s.claim(1, e)
	c := assign(t, s)
	for i := range c.Slots {
		c.Slots[i].Line = lineOf(total>>16, total&0xffff)
	}
	return c
}

func lendCell(t *testing.T, v *big.Int, out []*big.Int) bool {
	e := table.PackCells(data(t, 1, narrow).Row(4).Cells[:15])
	if len(out) != 30 || v.Cmp(gadget.Constant(e)) != 0 {
		return false
	}
	out[1].Add(out[1], big.NewInt(256))
	out[2].Sub(out[2], big.NewInt(1))
	return true
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

func TestAttacks(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	for _, honest := range []*step{takes(t, data(t, 1, narrow), 4, 9, 30), takes(t, data(t, 1, columns), 4, 9, 9, 0)} {
		if err := solve(ccs, assign(t, honest)); err != nil {
			t.Fatalf("the circuit refuses an honest witness: %v", err)
		}
	}
	for i := range attacks {
		a := &attacks[i]
		t.Run(a.name, func(t *testing.T) {
			forged := a.forge(t)
			opts, asked := a.hints(t)
			without := compile(t, &weakened{Circuit: *New(batch, columns), attack: a})
			if err := solve(without, &weakened{Circuit: *forged}, opts...); err != nil {
				t.Errorf("the forgery fails even without the group, so that it proves nothing: %v", err)
			}
			if err := solve(ccs, forged, opts...); err == nil {
				t.Error("the circuit accepts the forgery")
			}
			if (a.digits != nil || a.bytes != nil) && *asked == 0 {
				t.Error("the forged digits were never asked for")
			}
		})
	}
}

// hints play the malicious prover's, and count how often they cheat.
func (a *attack) hints(t *testing.T) (opts []solver.Option, forgeries *int) {
	forgeries = new(int)
	cheat := func(honest solver.Hint, forge func(*testing.T, *big.Int, []*big.Int) bool, number int) solver.Hint {
		return func(m *big.Int, in, out []*big.Int) error {
			if err := honest(m, in, out); err != nil {
				return err
			}
			if forge(t, in[number], out) {
				*forgeries++
			}
			return nil
		}
	}
	nBits := bits.GetHints()[1]
	if a.digits != nil {
		opts = append(opts, solver.OverrideHint(solver.GetHintID(nBits), cheat(nBits, a.digits, 0)))
	}
	if a.bytes != nil {
		opts = append(opts, solver.OverrideHint(solver.GetHintID(gadget.BytesHint), cheat(gadget.BytesHint, a.bytes, 0)))
	}
	return append(opts, solver.WithNbTasks(1)), forgeries
}

// Every group has an attack, and every attack is on one group.
func TestEveryGroupIsAttacked(t *testing.T) {
	attacked := map[string]bool{"bind": true} // TestUnboundContext
	before := reflect.ValueOf(sound())
	for _, a := range attacks {
		g := sound()
		a.weaken(&g)
		after := reflect.ValueOf(g)
		changed := 0
		for i := range after.NumField() {
			if after.Field(i).Pointer() != before.Field(i).Pointer() {
				attacked[after.Type().Field(i).Name] = true
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("%s: changes %d groups, want 1", a.name, changed)
		}
	}
	for i := range before.NumField() {
		if name := before.Type().Field(i).Name; !attacked[name] {
			t.Errorf("there is no attack on the group %s", name)
		}
	}
}

// write writes v in binary.
func write(out []*big.Int, v *big.Int) {
	for i := range out {
		out[i].SetUint64(uint64(v.Bit(i)))
	}
}
