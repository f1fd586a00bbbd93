// Package trainingstep is the circuit of the training-step statements: the weights after are the weights before, moved by one step
// of stochastic gradient descent on the logistic loss, as the recipe says, on the rows of data set D that the seed picked.
//
// # How it works
//
// Everything is computed with integers that stand for fractions, as package fixed and statement.Recipe
// describe. Sums and products of such integers are the field's own as long as nothing
// reaches the field's order; what is private is therefore shown to be small, and what is public is known to be. Three things
// are not sums and products, and take a hint and a check: a cell is two bytes, a score is clamped
// and rounded onto a line of the sigmoid, and a weight's movement is rounded.
//
// The data set is opened as in data-access, with three differences. All rows share the top of the tree, and which
// node a row climbs to is looked up, not selected. The rows are those of the public batch: the verifier derives
// them. And a table of more than 30 columns has other blocks than a narrow one: the recipe says which, and the circuit hashes and
// reads both.
//
// A row's cells enter two sums of products. One, weights times cells, is the row's score; the label rides on it: its
// column counts 2^100, far above any score, and splits off again. The other, errors times cells, is the gradient. Scale and offset of
// the features are applied to weights and gradient, once a column instead of once a row.
//
// A batch shorter than the class is padded with its first row, under all the same constraints; there its errors and
// its index count 0.
//
// # Ranges
//
// With |scale| ≤ 2^20 and |offset| ≤ 2^36 (the verifier's), cells below 2^16, |weight| ≤ 2^31: a feature is at
// most 2^37, a score with 32 fractional bits below 64·2^68 + 2^47 < 2^75. It is shown to be s·2^16 + rest − 2^15 with
// |s| < 2^65, and the label 16 bits, so that score + label·2^100 splits in one way and is below 2^117. Errors are at most
// 2^28, sums of errors times cells at most 2^51, gradients 2^73, with decay and learning rate 2^94; a weight moves by
// less than 2^33, times n·2^44 that is below 2^85. All of that is far below the field's order, 2^253.
//
// # Constraints, of the larger class, per row
//
//	block        559   one sponge call
//	path       1,335   five levels of 264 for the hash and 3 to put siblings into place
//	top            3   looked up
//	index         24   20 digits, and which row of the block
//	row           13   five elements of two layouts
//	cells        133   64 cells of two bytes
//	score         64   weight times cell
//	line          30   clamp, line of the sigmoid, label, error
//	gradient      64   error times cell
//
// and once: 22,440 for the tree's top, 11 thousand for the hashes of weights and recipe, 3 thousand for the new weights, 3 thousand for tables.
package trainingstep

import (
	"fmt"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Shape of the two layouts of rows, and of indices.
const (
	blockElements = 14 // of a wide block; a narrow one has 12
	narrowRow     = 3  // elements of a row, its salt included
	wideRow       = 7
	narrowCells   = 2 // elements of a row that hold cells

	rowDigits   = 2               // which row of its block; one of them where rows are wide
	placeDigits = 2 * table.Depth // which block

	labelWeight = 100 // the label's column counts 2^100
)

// Circuit is the circuit with its inputs. As a shape for compiling, make it with
// [New]; as an assignment, with [Assign].
type Circuit struct {
	Context frontend.Variable `gnark:",public"` // ties the proof to one event
	Dataset frontend.Variable `gnark:",public"` // D
	Batch   frontend.Variable `gnark:",public"` // hash of the rows' indices
	Recipe  frontend.Variable `gnark:",public"` // hash of what is done
	Before  frontend.Variable `gnark:",public"` // commitment to the weights before
	After   frontend.Variable `gnark:",public"` // commitment to the weights after

	Rows       frontend.Variable // of the data set
	SchemaHigh frontend.Variable
	SchemaLow  frontend.Variable
	Top        []frontend.Variable // the data set's nodes that all rows share

	Wide         frontend.Variable // 1: rows of more than 30 columns
	Label        frontend.Variable // 2^(the label's column)
	Positive     frontend.Variable // the label's code that counts as 1
	LearningRate frontend.Variable
	L2           frontend.Variable
	Features     []Feature // a column each

	Count      frontend.Variable // how many rows the batch has
	Slots      []Slot
	Weights    [2][]frontend.Variable // before and after: the intercept, then a weight for each column
	WeightSalt [2]frontend.Variable
}

// Feature is how a column's code becomes a feature.
type Feature struct{ Scale, Offset frontend.Variable }

// Slot is one row of the batch, and where its score lies.
type Slot struct {
	Real     frontend.Variable // 1: a row of the batch; 0: padding
	Place    frontend.Variable // the number of the row's block
	Row      frontend.Variable // its number in the block
	Block    [blockElements]frontend.Variable
	Siblings [][table.Arity - 1]frontend.Variable

	Truth frontend.Variable // the label's code
	Line  Line
}

// Line says on which line of the sigmoid a score lies, and where on it.
type Line struct {
	Below, Above frontend.Variable // 1: the score is below −8, or 8 or above
	Beyond       frontend.Variable // by how much less one, in 2^−16; anything if neither
	Segment      frontend.Variable // the line's number
	Place        frontend.Variable // 12 bits: how far along the line
	Rest         frontend.Variable // 16 bits: what rounding the score cut off
	Base, Rise   frontend.Variable // the line itself
}

// class is the size of a circuit.
type class struct{ batch, columns int }

func (c class) topDepth() int { return statement.TrainingTopDepth(c.columns) }

// elements is how many elements of a row's cells the class reads.
func (c class) elements() int { return (c.columns + table.CellsPerElement - 1) / table.CellsPerElement }

// New returns the shape of the circuit for batches of so many rows of so many columns, at most 128 and 64.
func New(batch, columns int) *Circuit {
	k := class{batch, columns}
	c := &Circuit{Top: make([]frontend.Variable, 1<<(2*k.topDepth())), Features: make([]Feature, columns), Slots: make([]Slot, batch)}
	for i := range c.Slots {
		c.Slots[i].Siblings = make([][table.Arity - 1]frontend.Variable, table.Depth-k.topDepth())
	}
	for i := range c.Weights {
		c.Weights[i] = make([]frontend.Variable, 1+columns)
	}
	return c
}

func (c *Circuit) class() class { return class{len(c.Slots), len(c.Features)} }

// Compile returns the constraint system of the class. It refuses a circuit with
// unconstrained wires.
func Compile(batch, columns int) (constraint.ConstraintSystem, error) {
	ccs, err := gadget.Compile(New(batch, columns))
	if err != nil {
		return nil, fmt.Errorf("training step on %d rows of %d columns: %w", batch, columns, err)
	}
	return ccs, nil
}

// Define builds the constraints.
func (c *Circuit) Define(api frontend.API) error { return define(api, c, sound()) }

// parts is what the groups share.
type parts struct {
	api     frontend.API
	hash    *gadget.Hasher
	lookups *gadget.Lookups
}

// groups are the circuit's groups of constraints; sound has the real ones. Each says
// what it takes, gives and proves. Tests replace one at a time.
type groups struct {
	bind     func(p *parts, c *Circuit)
	recipe   func(p *parts, c *Circuit)
	dataset  func(p *parts, c *Circuit)
	weights  func(p *parts, salt frontend.Variable, weights []frontend.Variable, commitment frontend.Variable)
	small    func(p *parts, weights []frontend.Variable)
	salt     func(p *parts, salt frontend.Variable)
	label    func(p *parts, c *Circuit) (flags []frontend.Variable)
	real     func(p *parts, slots []Slot)
	count    func(p *parts, slots []Slot, n frontend.Variable)
	row      func(p *parts, c *Circuit, s *Slot) (digits []frontend.Variable)
	place    func(p *parts, s *Slot) (digits []frontend.Variable)
	block    func(p *parts, c *Circuit, s *Slot) (node frontend.Variable)
	climb    func(p *parts, s *Slot, block frontend.Variable, digits []frontend.Variable) (node, position frontend.Variable)
	top      func(p *parts, top, positions, nodes []frontend.Variable)
	pick     func(p *parts, c *Circuit, s *Slot, digits []frontend.Variable) (elements []frontend.Variable)
	cells    func(p *parts, elements []frontend.Variable, columns int) (cells []frontend.Variable)
	scale    func(p *parts, c *Circuit, label []frontend.Variable) (factors []frontend.Variable, constant frontend.Variable)
	score    func(p *parts, factors []frontend.Variable, constant frontend.Variable, cells []frontend.Variable) (sum frontend.Variable)
	split    func(p *parts, s *Slot, sum frontend.Variable)
	clamp    func(p *parts, l *Line)
	line     func(p *parts, lines []*Line)
	err      func(p *parts, c *Circuit, s *Slot) (err frontend.Variable)
	gradient func(p *parts, cells [][]frontend.Variable, errs []frontend.Variable, column int) (sum frontend.Variable)
	move     func(p *parts, c *Circuit, before, after, decay, gradient frontend.Variable)
	batch    func(p *parts, c *Circuit)
	close    func(p *parts)
}

func sound() groups {
	return groups{
		bindPublic, commitRecipe, commitDataset, commitWeights, weightsInRange, saltInRange, labelFlags,
		realFirst, countReal, rowInBlock, placeInTree, hashBlock, climb, lookUpTop, pickRow, unpackCells,
		scaleWeights, score, splitScore, clampScore, lookUpLine, errorOf, gradient, moveWeight, commitBatch, closeLookups,
	}
}

func define(api frontend.API, c *Circuit, g groups) error {
	h := gadget.NewHasher(api)
	p := &parts{api, h, gadget.NewLookups(api, h)}
	g.bind(p, c)
	g.recipe(p, c)
	g.dataset(p, c)
	for i, commitment := range []frontend.Variable{c.Before, c.After} {
		g.weights(p, c.WeightSalt[i], c.Weights[i], commitment)
		g.small(p, c.Weights[i])
		g.salt(p, c.WeightSalt[i])
	}
	factors, constant := g.scale(p, c, g.label(p, c))
	g.real(p, c.Slots)
	g.count(p, c.Slots, c.Count)

	var positions, nodes, errs []frontend.Variable
	var cells [][]frontend.Variable
	var lines []*Line
	for i := range c.Slots {
		s := &c.Slots[i]
		row, place := g.row(p, c, s), g.place(p, s)
		node, position := g.climb(p, s, g.block(p, c, s), place)
		positions, nodes = append(positions, position), append(nodes, node)

		codes := g.cells(p, g.pick(p, c, s, row), len(c.Features))
		g.split(p, s, g.score(p, factors, constant, codes))
		g.clamp(p, &s.Line)
		cells, lines, errs = append(cells, codes), append(lines, &s.Line), append(errs, g.err(p, c, s))
	}
	g.top(p, c.Top, positions, nodes)
	g.line(p, lines)

	sumOfErrors, decay := sum(api, errs), api.Mul(c.L2, c.Count, 1<<fixed.FractionBits)
	g.move(p, c, c.Weights[0][0], c.Weights[1][0], 0, api.Mul(sumOfErrors, one))
	for j, f := range c.Features {
		slope := api.Add(api.Mul(f.Scale, g.gradient(p, cells, errs, j)), api.Mul(f.Offset, sumOfErrors))
		g.move(p, c, c.Weights[0][1+j], c.Weights[1][1+j], decay, slope)
	}
	g.batch(p, c)
	g.close(p)
	return nil
}
