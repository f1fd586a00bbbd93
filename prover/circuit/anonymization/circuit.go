// Package anonymization is the circuit of the anonymization statements: a chunk of the released data set is the
// generalization of the same chunk of the raw one, in which every class of quasi-identifiers has at least k rows and l distinct values
// of the first column.
//
// # How it works
//
// Both chunks are hashed whole: blocks, the subtree above, the way to the root. That is five sixths of all constraints. The rest must do with
// some 55 a row, which is why columns stand at fixed places (package statement, Layout), and why all that is small is looked up
// in one table of 12-bit numbers instead of being written in binary.
//
// A raw row is three elements. The first, 15 cells, is taken apart:
//
//	bits 0–11     the sensitive code s
//	16–111        codes q1 … q6 of the quasi-identifiers, where there are such
//	64–111        what is kept there, in columns that are no quasi-identifiers: four limbs of 12 bits
//	112–159       what is kept, and what is erased (direct identifiers): four limbs each
//	160–239       what is kept: seven limbs
//
// Which limb may have which bits follows from the public mask of columns; the table has for each such pattern the numbers that fit
// it. So the parts are unique: together they are a number below 2^240, and no part reaches into another. The second
// element is carried over as it is, whatever it is. The third, salt and consent, is read by nobody: neither its range nor that of
// the released row's matters here, and whoever reads a row by data access checks it there.
//
// Each code q becomes g by a look-up of (q, g, slot) in the hierarchies, which are hashed into the public commitment. The released row is
// the raw one with g for q, and without what is erased. A row that isn't kept becomes the blank, (0, 0).
//
// # Arguments
//
// Four equations between sums of fractions, at one random point X that commits to everything in them (gadget.Challenges), say
// that one multiset is another. Several numbers are made one by weights 1, Y and Y², where Y is random too:
//
//	permutation   what raw rows become = what the released rows are
//	keys          (class, s) of the rows that are kept, and 0 for the others = a list
//	hierarchies   each (q, g, slot) = one of the table's
//	ranges        each limb = one of the table's
//
// The list of keys is sorted, by class and then by s, with all zeros first: so classes are runs. Each entry says by z whether it
// goes on with the run before it, by b whether its value is new in the run, and has a small number y. Where the run goes on, the key grows by exactly b + y,
// too little to reach another class; where it begins, y is what the run has more than k rows. C counts k and l down together:
//
//	z (κ − κ' − b − y) = 0        (1 − z)(C' − k − 2²⁰ l) = 0        C = 1 + 2²⁰ b − y + z (C' + y)
//
// A run that ends has C = k + 2²⁰ l exactly: y rows were not counted, and b may be left 0, so this is possible whenever there
// are at least k and l, and only then, because y is below 4,096 and can't reach l. The zeros are in a run that begins before the list with as much
// as they lack. z needs no proof of being 0 or 1: anything else demands C' = k + 2²⁰ l and a key of the same class, and only lets
// surplus rows join a class that has enough.
package anonymization

import (
	"fmt"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Shape of the rows.
const (
	rowsPerBlock = 4
	rowElements  = 3
	quasiSlots   = statement.QuasiSlots
	quasiCodes   = statement.MaxQuasiCodes
	flexLimbs    = 4 // 12-bit limbs of three cells
	tailLimbs    = 6 // full ones; the seventh, of 8 bits, follows from the row
	absentSlot   = 7 // the slot that look-ups of absent quasi-identifiers name

	flexBit   = 64
	directBit = 112
	tailBit   = 160
	limbBits  = 12

	classBits = 8       // of a generalized code in a key
	classBit  = 14      // where the class begins in a key: two above the sensitive code, so that y can't reach it
	realBit   = 62      // set in the key of each row that is kept
	valueUnit = 1 << 20 // what a distinct value counts, where a row counts 1
)

// Circuit is the circuit with its inputs. As a shape for compiling, make it with
// [New]; as an assignment, with [Assign].
type Circuit struct {
	Context    frontend.Variable `gnark:",public"` // ties the proof to one event
	Dataset    frontend.Variable `gnark:",public"` // D of the raw data set
	Released   frontend.Variable `gnark:",public"` // D of the released one
	Chunk      frontend.Variable `gnark:",public"` // number of the chunk
	Rows       frontend.Variable `gnark:",public"` // rows in the chunk
	K          frontend.Variable `gnark:",public"`
	Diversity  frontend.Variable `gnark:",public"` // l
	Suppressed frontend.Variable `gnark:",public"`
	Columns    frontend.Variable `gnark:",public"` // statement.Layout
	Hierarchy  frontend.Variable `gnark:",public"` // commitment to the hierarchies

	RawTree, ReleasedTree Tree
	Raw                   []RawRow
	Out                   [][rowElements]frontend.Variable // the released rows
	Keys                  []Key                            // sorted
	Codes                 [quasiSlots][quasiCodes]frontend.Variable

	// How often each entry of the tables is looked up.
	CodeCounts  [quasiSlots*quasiCodes + 1]frontend.Variable
	RangeCounts []frontend.Variable
}

// Tree leads from a chunk to a data set's digest.
type Tree struct {
	TableRows, SchemaHigh, SchemaLow frontend.Variable
	Siblings                         []frontend.Variable
}

// RawRow is a raw row, taken apart.
type RawRow struct {
	Elements    [rowElements]frontend.Variable
	Real        frontend.Variable // 1: a row of the data set; 0: beyond its last one
	Keep        frontend.Variable // 1: it is released
	Sensitive   frontend.Variable
	Quasi       [quasiSlots]frontend.Variable // raw codes
	Generalized [quasiSlots]frontend.Variable // released codes
	Flexible    [flexLimbs]frontend.Variable  // kept in columns 4 to 6
	Direct      [flexLimbs]frontend.Variable  // kept in columns 7 to 9
	Erased      [flexLimbs]frontend.Variable  // erased from columns 7 to 9
	Tail        [tailLimbs]frontend.Variable  // kept in columns 10 to 14
}

// Key is an entry of the sorted list of keys.
type Key struct {
	Value frontend.Variable // κ: class and sensitive code
	Same  frontend.Variable // z: of the class of the entry before
	New   frontend.Variable // b: a value that the class didn't have before
	Gap   frontend.Variable // y
}

// New returns the shape of the circuit for chunks of so many rows. It panics if there are no such chunks: classes are constants of
// the code.
func New(capacity int) *Circuit {
	shape := shapeOf(capacity)
	c := &Circuit{
		Raw: make([]RawRow, capacity), Out: make([][rowElements]frontend.Variable, capacity), Keys: make([]Key, capacity),
		RangeCounts: make([]frontend.Variable, len(ranges())),
	}
	c.RawTree.Siblings = make([]frontend.Variable, shape.Siblings())
	c.ReleasedTree.Siblings = make([]frontend.Variable, shape.Siblings())
	return c
}

func shapeOf(capacity int) statement.ChunkShape {
	shape, err := statement.ChunkShapeFor(capacity)
	if err != nil {
		panic(err)
	}
	return shape
}

// Compile returns the constraint system for chunks of so many rows. It refuses a circuit with unconstrained wires.
func Compile(capacity int) (constraint.ConstraintSystem, error) {
	ccs, err := gadget.Compile(New(capacity))
	if err != nil {
		return nil, fmt.Errorf("anonymization of %d rows: %w", capacity, err)
	}
	return ccs, nil
}

// Define builds the constraints.
func (c *Circuit) Define(api frontend.API) error { return define(api, c, sound()) }

// groups are the circuit's groups of constraints; sound has the real ones. Each says
// what it takes, gives and proves. Tests replace one at a time.
type groups struct {
	bind        func(api frontend.API, c *Circuit)
	columns     func(api frontend.API, mask frontend.Variable) (flags []frontend.Variable)
	chunk       func(api frontend.API, chunk frontend.Variable, digits int) []frontend.Variable
	real        func(api frontend.API, rows []RawRow)
	count       func(api frontend.API, c *Circuit)
	keep        func(api frontend.API, rows []RawRow)
	suppressed  func(api frontend.API, c *Circuit)
	leaves      func(api frontend.API, h *gadget.Hasher, rows [][rowElements]frontend.Variable, real []frontend.Variable) (leaves []frontend.Variable)
	path        func(api frontend.API, h *gadget.Hasher, leaves, siblings, digits []frontend.Variable) (root frontend.Variable)
	dataset     func(api frontend.API, h *gadget.Hasher, t *Tree, root, digest frontend.Variable)
	released    func(api frontend.API, h *gadget.Hasher, t *Tree, root, digest frontend.Variable)
	hierarchy   func(api frontend.API, h *gadget.Hasher, c *Circuit)
	codes       func(c *Circuit, l *lookups)
	cells       func(api frontend.API, l *lookups, r *RawRow, flags []frontend.Variable)
	generalize  func(api frontend.API, l *lookups, r *RawRow)
	permutation func(api frontend.API, at challenges, c *Circuit)
	keys        func(api frontend.API, at challenges, c *Circuit)
	fresh       func(api frontend.API, keys []Key)
	gaps        func(l *lookups, keys []Key)
	order       func(api frontend.API, p *gadget.Products, keys []Key)
	enough      func(api frontend.API, p *gadget.Products, c *Circuit)
	lookup      func(api frontend.API, at challenges, c *Circuit, l *lookups)
	ranges      func(api frontend.API, at challenges, c *Circuit, l *lookups)
}

func sound() groups {
	return groups{
		bindPublic, columnFlags, chunkDigits, realFirst, countReal, keepReal, countSuppressed,
		hashLeaves, climb, commitDataset, commitDataset, commitHierarchy, codesInRange, takeApart, generalize,
		permute, listKeys, freshIsBinary, gapsInRange, sorted, enoughInEachRun, lookUpCodes, lookUpRanges,
	}
}

func define(api frontend.API, c *Circuit, g groups) error {
	h := gadget.NewHasher(api)
	at := challenge(api, h, c)
	shape := shapeOf(len(c.Raw))
	g.bind(api, c)
	flags := g.columns(api, c.Columns)
	digits := g.chunk(api, c.Chunk, shape.Digits())
	g.real(api, c.Raw)
	g.count(api, c)
	g.keep(api, c.Raw)
	g.suppressed(api, c)

	raw, real := make([][rowElements]frontend.Variable, len(c.Raw)), make([]frontend.Variable, len(c.Raw))
	for i := range c.Raw {
		raw[i], real[i] = c.Raw[i].Elements, c.Raw[i].Real
	}
	root := g.path(api, h, g.leaves(api, h, raw, real), c.RawTree.Siblings, digits)
	g.dataset(api, h, &c.RawTree, root, c.Dataset)
	root = g.path(api, h, g.leaves(api, h, c.Out, real), c.ReleasedTree.Siblings, digits)
	g.released(api, h, &c.ReleasedTree, root, c.Released)

	l := &lookups{api: api, at: at, slots: weightedSlots(api, at, flags)}
	g.hierarchy(api, h, c)
	g.codes(c, l)
	for i := range c.Raw {
		g.cells(api, l, &c.Raw[i], flags)
		g.generalize(api, l, &c.Raw[i])
	}
	g.permutation(api, at, c)
	g.keys(api, at, c)
	g.fresh(api, c.Keys)
	g.gaps(l, c.Keys)
	p := gadget.NewProducts(api)
	g.order(api, p, c.Keys)
	g.enough(api, p, c)
	g.lookup(api, at, c, l)
	g.ranges(api, at, c, l)
	return nil
}

// challenges are the random point X, and the weights Y and Y².
type challenges struct{ x, y, y2 frontend.Variable }

// challenge commits to all that the four arguments are about. What isn't committed to, such as flags of the sorted list, may depend on the challenges:
// it stands in plain equations only. (The column mask, k and the like are public. The mask has 64 values, so a prover who picks it after X gains nothing.)
func challenge(api frontend.API, h *gadget.Hasher, c *Circuit) challenges {
	var all []frontend.Variable
	for i := range c.Raw {
		r := &c.Raw[i]
		all = append(all, r.Elements[0], r.Elements[1], r.Keep, r.Sensitive, c.Out[i][0], c.Out[i][1], c.Keys[i].Value, c.Keys[i].Gap)
		all = append(all, r.Quasi[:]...)
		all = append(all, r.Generalized[:]...)
		all = append(all, r.Flexible[:]...)
		all = append(all, r.Direct[:]...)
		all = append(all, r.Erased[:]...)
		all = append(all, r.Tail[:]...)
	}
	for slot := range c.Codes {
		all = append(all, c.Codes[slot][:]...)
	}
	all = append(all, c.CodeCounts[:]...)
	all = append(all, c.RangeCounts...)
	x, y := gadget.Challenges(api, h, all)
	return challenges{x, y, api.Mul(y, y)}
}

// lookups gathers what is to be looked up, until all of it is.
type lookups struct {
	api    frontend.API
	at     challenges
	slots  [quasiSlots]frontend.Variable
	ranges []frontend.Variable // 12-bit numbers, with their patterns
	codes  []frontend.Variable // (q, g, slot), weighted
}

// Image is what a raw row is released as: its two elements of cells, were it kept.
func (r *RawRow) image(api frontend.API) (first, second frontend.Variable) {
	first = r.Elements[0]
	for slot := range r.Quasi {
		first = api.Add(first, shifted(api, api.Sub(r.Generalized[slot], r.Quasi[slot]), table.CellBits*uint(1+slot)))
	}
	return api.Sub(first, shifted(api, gadget.Pack(api, r.Erased[:], limbBits), directBit)), r.Elements[1]
}

// key is the row's key, were it kept.
func (r *RawRow) key(api frontend.API) frontend.Variable {
	class := gadget.Pack(api, r.Generalized[:], classBits)
	return api.Add(r.Sensitive, shifted(api, class, classBit), constant(1, realBit))
}
