package trainingstep

import (
	"math/big"

	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

const one = fixed.One

func pow2(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }

func sum(api frontend.API, terms []frontend.Variable) frontend.Variable {
	return api.Add(0, 0, terms...)
}

// bindPublic gives each public input a constraint of its own. The context is in no
// other: without this, a proof would serve any event.
func bindPublic(p *parts, c *Circuit) {
	gadget.BindPublic(p.api, c.Context, c.Dataset, c.Batch, c.Recipe, c.Before, c.After)
}

// commitRecipe ties all that is public about the computation to the verifier's hash of it. What the verifier hashes is in
// range: Wide is 0 or 1, Label a power of two, and the rest within the bounds of statement.Recipe.
func commitRecipe(p *parts, c *Circuit) {
	in := []frontend.Variable{c.Wide, c.Label, c.Positive, c.LearningRate, c.L2}
	for j := range statement.TrainingColumns {
		if j < len(c.Features) {
			in = append(in, c.Features[j].Scale, c.Features[j].Offset)
		} else {
			in = append(in, 0, 0)
		}
	}
	p.api.AssertIsEqual(p.hash.Sum(poseidon.Recipe, in...), c.Recipe)
}

// commitDataset ties the top nodes to D. Without it any rows would do.
func commitDataset(p *parts, c *Circuit) {
	p.api.AssertIsEqual(p.hash.Sum(poseidon.Table, p.hash.Root(c.Top), c.Rows, c.SchemaHigh, c.SchemaLow), c.Dataset)
}

// commitWeights ties weights and salt to their commitment. The weights of columns that the class doesn't have
// are 0.
func commitWeights(p *parts, salt frontend.Variable, weights []frontend.Variable, commitment frontend.Variable) {
	in := append([]frontend.Variable{salt}, weights...)
	for len(in) < 1+statement.TrainingWeights {
		in = append(in, 0)
	}
	p.api.AssertIsEqual(p.hash.Sum(poseidon.Weights, in...), commitment)
}

// weightsInRange shows that each weight fits 32 bits with its sign. Larger ones would make scores that
// wrap around the field, or reach into the label.
func weightsInRange(p *parts, weights []frontend.Variable) {
	for _, w := range weights {
		p.lookups.Bytes(p.api.Add(w, pow2(31)), 4)
	}
}

// saltInRange shows that the salt of a commitment has 128 bits, so that it can be opened in the form that everybody
// knows.
func saltInRange(p *parts, salt frontend.Variable) { p.lookups.Bytes(salt, table.SaltBits/8) }

// labelFlags splits the label's place into flags. The verifier set exactly one.
func labelFlags(p *parts, c *Circuit) []frontend.Variable {
	return gadget.Bits(p.api, c.Label, len(c.Features))
}

// realFirst shows that the flags are binary and that real slots come first.
func realFirst(p *parts, slots []Slot) {
	last := len(slots) - 1
	p.api.AssertIsBoolean(slots[last].Real)
	for i := last; i > 0; i-- {
		gadget.AssertImplies(p.api, slots[i].Real, slots[i-1].Real)
	}
}

// countReal shows that as many slots are real as the batch has rows.
func countReal(p *parts, slots []Slot, n frontend.Variable) {
	flags := make([]frontend.Variable, len(slots))
	for i := range slots {
		flags[i] = slots[i].Real
	}
	p.api.AssertIsEqual(sum(p.api, flags), n)
}

// rowInBlock splits a row's number in its block into digits. A wide block has two rows: with a number of 2
// or 3 there, one index would name several rows.
func rowInBlock(p *parts, c *Circuit, s *Slot) []frontend.Variable {
	digits := gadget.Bits(p.api, s.Row, rowDigits)
	p.api.AssertIsEqual(p.api.Mul(c.Wide, digits[1]), 0)
	return digits
}

// placeInTree splits a block's number into digits, 18 of them: a larger one would name another index and
// the same block.
func placeInTree(p *parts, s *Slot) []frontend.Variable {
	return gadget.Bits(p.api, s.Place, placeDigits)
}

// hashBlock hashes the slot's block as the recipe says that blocks are.
func hashBlock(p *parts, c *Circuit, s *Slot) frontend.Variable { return p.hash.Block(c.Wide, s.Block) }

// climb returns the node that the block leads to, and which of the top nodes it has to be.
func climb(p *parts, s *Slot, block frontend.Variable, digits []frontend.Variable) (node, position frontend.Variable) {
	levels := 2 * len(s.Siblings)
	return p.hash.Climb(block, s.Siblings, digits[:levels]), gadget.Sum(p.api, digits[levels:])
}

// lookUpTop shows that each block leads to the top node that its number names.
func lookUpTop(p *parts, top, positions, nodes []frontend.Variable) {
	p.lookups.At(top, positions, nodes)
}

// pickRow returns the elements of cells of the row that the slot names. A narrow block has four
// rows of three elements, a wide one two of seven.
func pickRow(p *parts, c *Circuit, s *Slot, digits []frontend.Variable) []frontend.Variable {
	elements := make([]frontend.Variable, c.class().elements())
	for e := range elements {
		wide := gadget.Mux(p.api, digits[:1], []frontend.Variable{s.Block[e], s.Block[wideRow+e]})
		if e >= narrowCells {
			elements[e] = p.api.Mul(c.Wide, wide)
			continue
		}
		narrow := gadget.Mux(p.api, digits, []frontend.Variable{s.Block[e], s.Block[narrowRow+e], s.Block[2*narrowRow+e], s.Block[3*narrowRow+e]})
		elements[e] = p.api.Add(narrow, p.api.Mul(c.Wide, p.api.Sub(wide, narrow)))
	}
	return elements
}

// unpackCells splits elements into cells of two bytes. What is no byte would move parts of a cell into its
// neighbour.
func unpackCells(p *parts, elements []frontend.Variable, columns int) (cells []frontend.Variable) {
	for _, e := range elements {
		bytes := p.lookups.Bytes(e, 2*min(table.CellsPerElement, columns-len(cells)))
		for ; len(bytes) > 0; bytes = bytes[2:] {
			cells = append(cells, gadget.Pack(p.api, bytes[:2], 8))
		}
	}
	return cells
}

// scaleWeights applies scale and offset of the features to the weights, once for all rows, and gives the label's column its
// factor, which is 2^100: the label is no feature, so that it has no other one.
func scaleWeights(p *parts, c *Circuit, label []frontend.Variable) (factors []frontend.Variable, constant frontend.Variable) {
	constants := []frontend.Variable{p.api.Mul(c.Weights[0][0], one)}
	for j, f := range c.Features {
		w := c.Weights[0][1+j]
		factors = append(factors, p.api.Add(p.api.Mul(w, f.Scale), p.api.Mul(label[j], pow2(labelWeight))))
		constants = append(constants, p.api.Mul(w, f.Offset))
	}
	return factors, sum(p.api, constants)
}

// score returns a row's score with 32 fractional bits, and 2^100 times its label's code.
func score(p *parts, factors []frontend.Variable, constant frontend.Variable, cells []frontend.Variable) frontend.Variable {
	terms := []frontend.Variable{constant}
	for j := range cells {
		terms = append(terms, p.api.Mul(cells[j], factors[j]))
	}
	return sum(p.api, terms)
}

// splitScore ties label and place on the sigmoid to the score: it is the place, rounded, plus what rounding cut off,
// plus the label far above. Each part is shown to be small, here and in clampScore, so there is
// one way only to split.
func splitScore(p *parts, s *Slot, total frontend.Variable) {
	p.lookups.Bytes(s.Truth, 2)
	p.lookups.Bytes(s.Line.Rest, 2)
	p.api.AssertIsEqual(total, s.joined(p.api))
}

// joined puts the parts of a score together again.
func (s *Slot) joined(api frontend.API) frontend.Variable {
	l := &s.Line
	away := api.Mul(api.Sub(l.Above, l.Below), api.Add(l.Beyond, 1)) // beyond the clamped place, in its direction
	place := api.Add(api.Mul(l.Segment, 1<<fixed.FractionBits), l.Place, away, -fixed.Bound)
	return api.Add(api.Mul(place, one), l.Rest, -one/2, api.Mul(s.Truth, pow2(labelWeight)))
}

// clampScore shows that the clamped place is one of 2^20, and that a score beyond them has the last
// one on its side.
func clampScore(p *parts, l *Line) {
	api := p.api
	p.lookups.Byte(l.Segment)
	digits := p.lookups.Bytes(l.Place, 2)
	p.lookups.Byte(api.Mul(digits[1], 16)) // a byte that stays one when multiplied by 16 is below 16
	p.lookups.Bytes(l.Beyond, 8)
	place := api.Add(api.Mul(l.Segment, 1<<fixed.FractionBits), l.Place)
	api.AssertIsBoolean(l.Below)
	api.AssertIsBoolean(l.Above)
	api.AssertIsEqual(api.Mul(l.Below, place), 0)
	api.AssertIsEqual(api.Mul(l.Above, api.Sub(place, fixed.Last)), 0)
}

// lookUpLine shows that base and rise are those of the segment, by looking up all three packed in one number: 8, 16 and 16 bits.
func lookUpLine(p *parts, lines []*Line) {
	for _, l := range lines {
		p.lookups.Bytes(l.Base, 2)
		p.lookups.Bytes(l.Rise, 2)
	}
	lookUpPacked(p, lines)
}

func lookUpPacked(p *parts, lines []*Line) {
	rows := make([]*big.Int, fixed.Segments)
	for k := range rows {
		base, rise := fixed.Segment(k)
		rows[k] = big.NewInt(int64(k) + base<<8 + rise<<24)
	}
	entries := make([]frontend.Variable, len(lines))
	for i, l := range lines {
		entries[i] = p.api.Add(l.Segment, p.api.Mul(l.Base, 1<<8), p.api.Mul(l.Rise, 1<<24))
	}
	p.lookups.In(rows, entries)
}

// errorOf returns the prediction less the label, with 28 fractional bits; 0 for padding.
func errorOf(p *parts, c *Circuit, s *Slot) frontend.Variable {
	api := p.api
	prediction := api.Add(api.Mul(s.Line.Base, 1<<fixed.FractionBits), api.Mul(s.Line.Rise, s.Line.Place))
	truth := api.IsZero(api.Sub(s.Truth, c.Positive))
	return api.Mul(s.Real, api.Sub(prediction, api.Mul(truth, fixed.Certain)))
}

// gradient returns the sum of errors times cells of a column.
func gradient(p *parts, cells [][]frontend.Variable, errs []frontend.Variable, column int) frontend.Variable {
	terms := make([]frontend.Variable, len(errs))
	for i := range terms {
		terms[i] = p.api.Mul(cells[i][column], errs[i])
	}
	return sum(p.api, terms)
}

// moveWeight shows that a weight moved by its rounded gradient: n·2^44 times the movement is the gradient times
// the learning rate, plus one half, less a rest. decay, l2 for all rows, pulls it towards zero. The rest is shown to be below n·2^44 by
// showing that it and its distance from there have 56 bits.
func moveWeight(p *parts, c *Circuit, before, after, decay, gradient frontend.Variable) {
	rest := restOf(p, c, before, after, decay, gradient)
	p.lookups.Bytes(rest, 7)
	p.lookups.Bytes(p.api.Sub(p.api.Mul(c.Count, pow2(places)), rest, 1), 7)
}

// places is how many more fractional bits than a weight its movement has, times the number of rows.
const places = fixed.ProbabilityBits + fixed.Frac

// restOf returns what rounding cuts off a weight's movement, in n-ths of 2^−60.
func restOf(p *parts, c *Circuit, before, after, decay, gradient frontend.Variable) frontend.Variable {
	api := p.api
	exact := api.Mul(api.Add(gradient, api.Mul(decay, before)), c.LearningRate)
	moved := api.Mul(api.Sub(before, after), c.Count)
	return api.Add(exact, api.Mul(c.Count, pow2(places-1)), api.Neg(api.Mul(moved, pow2(places))))
}

// commitBatch ties the indices of the rows and their number to the verifier's hash of those that the seed picked. A
// wide block has two rows, a narrow one four; padding counts as index 0.
func commitBatch(p *parts, c *Circuit) {
	const perElement = 12
	indices := make([]frontend.Variable, len(c.Slots))
	for i := range c.Slots {
		s := &c.Slots[i]
		index := p.api.Add(p.api.Mul(s.Place, p.api.Sub(4, p.api.Mul(c.Wide, 2))), s.Row)
		indices[i] = p.api.Mul(s.Real, index)
	}
	in := []frontend.Variable{c.Count}
	for len(indices) > 0 {
		n := min(perElement, len(indices))
		in = append(in, gadget.Pack(p.api, indices[:n], statement.IndexBits))
		indices = indices[n:]
	}
	for len(in) < 1+(statement.TrainingBatch+perElement-1)/perElement {
		in = append(in, 0)
	}
	p.api.AssertIsEqual(p.hash.Sum(poseidon.Batch, in...), c.Batch)
}

// closeLookups states the argument that all bytes are bytes, and all that was looked up stands in its table.
func closeLookups(p *parts) { p.lookups.Close() }
