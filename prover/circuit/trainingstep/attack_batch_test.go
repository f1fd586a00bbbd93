package trainingstep

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// batchAttacks are on what a step is taken with: the run, the weights, and the rows that were picked.
var batchAttacks = []attack{
	{
		Name:   "another learning rate than the run's",
		Weaken: func(g *groups) { g.recipe = func(*parts, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			r := recipe(narrow)
			r.LearningRate /= 2
			s := takesBy(t, tab, r, 4, 9, 30)
			s.p.Recipe = recipe(narrow).Commit()
			return assign(t, s)
		},
	},
	{
		Name:   "a feature scaled in another way than the run says",
		Weaken: func(g *groups) { g.recipe = func(*parts, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			r := recipe(narrow)
			r.Features[3].Scale++
			s := takesBy(t, data(t, 1, narrow), r, 4, 9, 30)
			s.p.Recipe = recipe(narrow).Commit()
			return assign(t, s)
		},
	},
	{
		Name:   "rows of another data set",
		Weaken: func(g *groups) { g.dataset = func(*parts, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 2, narrow), 4, 9, 30)
			s.p.Dataset = takes(t, data(t, 1, narrow), 4).p.Dataset
			return assign(t, s)
		},
	},
	{
		Name: "weights that were never committed to",
		Weaken: func(g *groups) {
			g.weights = func(*parts, frontend.Variable, []frontend.Variable, frontend.Variable) {}
		},
		Forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, narrow), 4, 9, 30)
			s.p.After[31] ^= 1
			return assign(t, s)
		},
	},
	{
		Name:   "a commitment to weights whose salt is cut",
		Weaken: func(g *groups) { g.weights = weightsWithoutSalt },
		Forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, narrow), 4, 9, 30)
			c := assign(t, s)
			c.Before, c.After = commitAny(fr.Element{}, c.Weights[0]), commitAny(fr.Element{}, c.Weights[1])
			return c
		},
	},
	{
		Name:   "a salt that is none of 16 bytes",
		Weaken: func(g *groups) { g.salt = func(*parts, frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
			c := assign(t, takes(t, data(t, 1, narrow), 4, 9, 30))
			c.WeightSalt[1] = pow2(table.SaltBits)
			var salt fr.Element
			c.After = commitAny(*salt.SetBigInt(pow2(table.SaltBits)), c.Weights[1])
			return c
		},
	},
	{
		Name:   "overflow: a weight so large that, times its scale, it wraps around the field to 1",
		Weaken: func(g *groups) { g.small = func(*parts, []frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
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
		Name:   "a wrong label: the column before it, counted twice",
		Weaken: func(g *groups) { g.label = labelWithoutBits },
		Forge: func(t *testing.T) *Circuit {
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
		Digits: func(_ *testing.T, v *big.Int, out []*big.Int) bool {
			if len(out) != columns || v.Cmp(pow2(narrow-1)) != 0 {
				return false
			}
			circuittest.WriteBits(out, new(big.Int))
			out[narrow-2].SetInt64(2)
			return true
		},
	},
	{
		Name:   "flags that are not binary: two halves of other rows instead of one",
		Weaken: func(g *groups) { g.real = func(*parts, []Slot) {} },
		Forge: func(t *testing.T) *Circuit {
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
		Name:   "padding as a row: three are picked, four taken",
		Weaken: func(g *groups) { g.count = func(*parts, []Slot, frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
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
		Name:   "a row as padding: the seed picks row 0, too",
		Weaken: func(g *groups) { g.count = func(*parts, []Slot, frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
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
		Name:   "a wrong row: number 3 of a block of two names a row of the next block",
		Weaken: func(g *groups) { g.row = anyRowInBlock },
		Forge: func(t *testing.T) *Circuit {
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
		Name:   "an index that wraps: what it has too much is carried into its neighbour's",
		Weaken: func(g *groups) { g.place = placeWithoutTop },
		Forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, narrow), 4, 9)
			s.p.Batch = statement.CommitBatch([]int{4, 10})
			c := assign(t, s)
			c.Slots[0].Place = 1 + 1<<placeDigits
			return c
		},
	},
	{
		Name:   "blocks that were hashed as wide ones read as narrow ones",
		Weaken: func(g *groups) { g.block = blockAlwaysWide },
		Forge: func(t *testing.T) *Circuit {
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
		Name:   "a row that was made up: its block is not the one that was hashed",
		Weaken: func(g *groups) { g.climb = climbFromAnything },
		Forge: func(t *testing.T) *Circuit {
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
		Name: "a row that is nowhere in the data set",
		Weaken: func(g *groups) {
			g.top = func(*parts, []frontend.Variable, []frontend.Variable, []frontend.Variable) {}
		},
		Forge: func(t *testing.T) *Circuit {
			s, other := takes(t, data(t, 2, narrow), 4), takes(t, data(t, 1, narrow), 4)
			s.w.Top = other.w.Top
			s.p.Dataset = other.p.Dataset
			return assign(t, s)
		},
	},
	{
		Name:   "a row at another place of the tree: its index is a lie",
		Weaken: func(g *groups) { g.top = topAnywhere },
		Forge: func(t *testing.T) *Circuit {
			s := takes(t, data(t, 1, narrow), 4)
			s.w.Batch[0].Index += 4 << 12 // the same path, below the next top node
			s.p.Batch = statement.CommitBatch([]int{s.w.Batch[0].Index})
			return assign(t, s)
		},
	},
	{
		Name:   "the row next to it",
		Weaken: func(g *groups) { g.pick = firstRow },
		Forge: func(t *testing.T) *Circuit {
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
		Name:   "a feature out of range: one code lends its neighbour 2^16",
		Weaken: func(g *groups) { g.cells = cellsWithoutBytes },
		Forge:  lentCell,
		Bytes:  lendCell,
	},
	{
		Name:   "nothing that is looked up is looked up",
		Weaken: func(g *groups) { g.close = func(*parts) {} },
		Forge:  lentCell,
		Bytes:  lendCell,
	},
	{
		Name:   "the rows of another run's seed",
		Weaken: func(g *groups) { g.batch = func(*parts, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			ours, others := statement.TrainingSeed(schema, [32]byte{1}), statement.TrainingSeed(schema, [32]byte{2})
			s := takes(t, tab, statement.BatchRows(others, 1, batch, dataRows)...)
			s.p.Batch = statement.CommitBatch(statement.BatchRows(ours, 1, batch, dataRows))
			return assign(t, s)
		},
	},
	{
		Name:   "another number of rows than was picked",
		Weaken: func(g *groups) { g.batch = batchOfAnyNumber },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1, narrow)
			s := takes(t, tab, 4, 0, 0)
			s.p.Batch = statement.CommitBatch([]int{4, 0})
			return assign(t, s)
		},
	},
}

// half is 1/2 of the field.
func half() fr.Element {
	e := num(2)
	return *e.Inverse(&e)
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
