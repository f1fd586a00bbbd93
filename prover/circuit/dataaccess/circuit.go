// Package dataaccess is the circuit of the data-access statements: the committed
// access list holds exactly n distinct rows of data set D, each of which consents
// to the purpose, and of each the cells of the stated columns and no others.
//
// # How it works
//
// The data set is a tree of blocks of four rows (package table). The prover hands in
// the 64 nodes three levels below the root, once; 21 hashes and the hash over root,
// number of rows and schema tie them to the public D. Each slot of the list then
// opens one row: it hashes the block, climbs six levels and must arrive at the one
// of the 64 nodes that the top six digits of the row's index name. Sharing the top
// saves three hashes a row. From the block the low two digits of the index pick
// the row, whose elements are unpacked: cells, salt, consent.
//
// Indices increase strictly by construction, each being the one before plus one plus
// a gap that is shown to be small. So the rows are distinct, and only the last one has
// to be compared with the number of rows.
//
// A list shorter than the class is padded. A padding slot opens the last row once
// more, under all the same constraints, so that no constraint needs an exception;
// only what it adds to the list is forced to be the empty slot. Its `real` flag is
// 0: flags are binary, real slots come first, and there are exactly n.
//
// # Constraints of a slot
//
//	block        555   one sponge call over 12 elements
//	path       1,602   six levels of 264 for the hash and 3 to put siblings into place
//	top           64   one of 64 nodes, and the comparison
//	row            9   three elements, each one of four
//	cells        482   two elements in 240 binary digits
//	mask          30   flag times cell
//	salt         193   128 digits of salt, 64 of consent (which show consent at once)
//	order         22   the gap in 20 digits, and the step
//	index         21   20 digits
//	real, slot     4   flag, index and two elements of cells
//	list       ≈ 111   three elements of the list's hash
//
// # Groups
//
// The constraints are written as groups, one function each, and Define runs them in
// order. For each there is an attack test in which a forged witness passes the circuit
// without that group and fails the circuit with it: no group is there for show.
package dataaccess

import (
	"fmt"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Shape of the rows and indices; it is that of statement.DataAccessLayout.
const (
	cellElements = 2
	columns      = statement.DataAccessColumns
	rowsPerBlock = 4
	rowElements  = cellElements + 1

	rowDigits   = 2                   // of an index: the row in its block
	pathDigits  = 2 * table.PathDepth // the block below its top node
	topDigits   = 2 * table.TopDepth  // the top node
	indexDigits = rowDigits + pathDigits + topDigits
)

// Circuit is the circuit with its inputs. As a shape for compiling, make it with
// [New]; as an assignment, with [Assign].
type Circuit struct {
	Context  frontend.Variable `gnark:",public"` // ties the proof to one event
	Dataset  frontend.Variable `gnark:",public"` // D
	Purpose  frontend.Variable `gnark:",public"` // 2^p
	Columns  frontend.Variable `gnark:",public"` // bit j: column j is read
	Records  frontend.Variable `gnark:",public"` // n
	Accesses frontend.Variable `gnark:",public"` // the commitment to the access list

	Rows       frontend.Variable // of the data set
	SchemaHigh frontend.Variable
	SchemaLow  frontend.Variable
	Salt       frontend.Variable                 // of the access list
	Top        [table.TopNodes]frontend.Variable // the data set's nodes three levels below the root
	Slots      []Slot                            // as many as the class has capacity
}

// Slot opens one row.
type Slot struct {
	Real     frontend.Variable // 1: a record of the list; 0: padding
	Gap      frontend.Variable // how many rows lie between this one and that of the slot before
	Block    [rowsPerBlock * rowElements]frontend.Variable
	Siblings [table.PathDepth][table.Arity - 1]frontend.Variable
}

// New returns the shape of the circuit with so many slots.
func New(capacity int) *Circuit { return &Circuit{Slots: make([]Slot, capacity)} }

// Compile returns the constraint system of the class with so many slots. It refuses
// a circuit with unconstrained wires.
func Compile(capacity int) (constraint.ConstraintSystem, error) {
	ccs, err := gadget.Compile(New(capacity))
	if err != nil {
		return nil, fmt.Errorf("data access of %d records: %w", capacity, err)
	}
	return ccs, nil
}

// Define builds the constraints.
func (c *Circuit) Define(api frontend.API) error { return define(api, c, sound()) }

// groups are the circuit's groups of constraints; sound has the real ones. Each says
// what it takes, gives and proves. Tests replace one at a time.
type groups struct {
	bind     func(api frontend.API, c *Circuit)
	purpose  func(api frontend.API, purpose frontend.Variable) (flags []frontend.Variable)
	columns  func(api frontend.API, mask frontend.Variable) (flags []frontend.Variable)
	dataset  func(api frontend.API, h *gadget.Hasher, c *Circuit)
	real     func(api frontend.API, slots []Slot)
	count    func(api frontend.API, slots []Slot, n frontend.Variable)
	order    func(api frontend.API, previous frontend.Variable, s *Slot) (index frontend.Variable)
	index    func(api frontend.API, index frontend.Variable) (digits []frontend.Variable)
	path     func(api frontend.API, h *gadget.Hasher, s *Slot, digits []frontend.Variable, top []frontend.Variable)
	row      func(api frontend.API, s *Slot, digits []frontend.Variable) (row [rowElements]frontend.Variable)
	cells    func(api frontend.API, elements []frontend.Variable) (cells []frontend.Variable)
	mask     func(api frontend.API, cells, flags []frontend.Variable) (elements []frontend.Variable)
	consent  func(api frontend.API, digits, purpose []frontend.Variable)
	salt     func(api frontend.API, digits []frontend.Variable)
	slot     func(api frontend.API, real, index frontend.Variable, cells []frontend.Variable) (entry []frontend.Variable)
	rows     func(api frontend.API, rows, last frontend.Variable)
	listSalt func(api frontend.API, salt frontend.Variable)
	accesses func(api frontend.API, h *gadget.Hasher, c *Circuit, entries []frontend.Variable)
}

func sound() groups {
	return groups{
		bindPublic, onePurpose, columnFlags, commitDataset, realFirst, countReal, increase, indexInRange, climb, pickRow,
		unpackCells, maskCells, consents, saltInRange, listSlot, lastBelowRows, listSaltInRange, commitAccesses,
	}
}

func define(api frontend.API, c *Circuit, g groups) error {
	h := gadget.NewHasher(api)
	g.bind(api, c)
	purpose := g.purpose(api, c.Purpose)
	mask := g.columns(api, c.Columns)
	g.dataset(api, h, c)
	g.real(api, c.Slots)
	g.count(api, c.Slots, c.Records)

	var entries []frontend.Variable
	index := frontend.Variable(-1) // so that the first gap is the first index
	for i := range c.Slots {
		s := &c.Slots[i]
		index = g.order(api, index, s)
		digits := g.index(api, index)
		g.path(api, h, s, digits, c.Top[:])
		row := g.row(api, s, digits)

		cells := g.cells(api, row[:cellElements])
		packed := gadget.Digits(api, row[cellElements], table.MaxPurposes+table.SaltBits)
		g.consent(api, packed[:table.MaxPurposes], purpose)
		g.salt(api, packed[table.MaxPurposes:])

		entries = append(entries, g.slot(api, s.Real, index, g.mask(api, cells, mask))...)
	}
	g.rows(api, c.Rows, index)
	g.listSalt(api, c.Salt)
	g.accesses(api, h, c, entries)
	return nil
}

// bindPublic gives each public input a constraint of its own. The context is in no
// other: without this, a proof would serve any event.
func bindPublic(api frontend.API, c *Circuit) {
	gadget.BindPublic(api, c.Context, c.Dataset, c.Purpose, c.Columns, c.Records, c.Accesses)
}

// onePurpose splits the purpose into 64 flags of which exactly one is set. With
// none set, every row would consent.
func onePurpose(api frontend.API, purpose frontend.Variable) []frontend.Variable {
	flags := gadget.Bits(api, purpose, table.MaxPurposes)
	ones := api.Add(flags[0], flags[1], flags[2:]...)
	api.AssertIsEqual(ones, 1)
	return flags
}

// columnFlags splits the column mask into flags. They must be binary: a flag of −1
// and one of 1 would add up to the mask of another column.
func columnFlags(api frontend.API, mask frontend.Variable) []frontend.Variable {
	return gadget.Bits(api, mask, columns)
}

// commitDataset ties the top nodes and the number of rows to D. Without it any rows
// would do.
func commitDataset(api frontend.API, h *gadget.Hasher, c *Circuit) {
	root := h.Root(c.Top[:])
	api.AssertIsEqual(h.Sum(poseidon.Table, root, c.Rows, c.SchemaHigh, c.SchemaLow), c.Dataset)
}

// realFirst shows that the flags are binary and that real slots come first. A flag of
// one half would count for half a record. With real slots behind padding one access
// would have many lists, none of them in the form that an auditor opens; the rows
// would still be distinct, since the index of padding stays where it was. (That the
// first slot is real needs no constraint: the index of padding there would be −1.)
func realFirst(api frontend.API, slots []Slot) {
	last := len(slots) - 1
	api.AssertIsBoolean(slots[last].Real)
	for i := last; i > 0; i-- {
		gadget.AssertImplies(api, slots[i].Real, slots[i-1].Real)
	}
}

// countReal shows that there are as many real slots as records are stated.
func countReal(api frontend.API, slots []Slot, n frontend.Variable) {
	sum := frontend.Variable(0)
	for i := range slots {
		sum = api.Add(sum, slots[i].Real)
	}
	api.AssertIsEqual(sum, n)
}

// increase returns the slot's index: the one before, plus one and the gap if the slot
// is real. The gap must be small: a gap of −1, the field's largest number, would
// repeat the row.
func increase(api frontend.API, previous frontend.Variable, s *Slot) frontend.Variable {
	gadget.Bits(api, s.Gap, indexDigits)
	return api.Add(previous, api.Mul(s.Real, api.Add(s.Gap, 1)))
}

// indexInRange splits an index into its 20 digits. Otherwise index 2^20 + i would
// count as another row than i and open the same one.
func indexInRange(api frontend.API, index frontend.Variable) []frontend.Variable {
	return gadget.Bits(api, index, indexDigits)
}

// climb shows that the slot's block lies in the data set at the place that the index
// names. Without it any block would do.
func climb(api frontend.API, h *gadget.Hasher, s *Slot, digits, top []frontend.Variable) {
	block := h.Sum(poseidon.Block, s.Block[:]...)
	node := h.Climb(block, s.Siblings[:], digits[rowDigits:rowDigits+pathDigits])
	api.AssertIsEqual(node, gadget.Mux(api, digits[rowDigits+pathDigits:], top))
}

// pickRow returns the elements of the row of the block that the index names, not one
// of its neighbours.
func pickRow(api frontend.API, s *Slot, digits []frontend.Variable) (row [rowElements]frontend.Variable) {
	for e := range row {
		var candidates [rowsPerBlock]frontend.Variable
		for r := range candidates {
			candidates[r] = s.Block[r*rowElements+e]
		}
		row[e] = gadget.Mux(api, digits[:rowDigits], candidates[:])
	}
	return row
}

// unpackCells splits the row's cell elements into cells of 16 bits. They must be
// binary: else part of a cell could move into its neighbour, past the mask.
func unpackCells(api frontend.API, elements []frontend.Variable) (cells []frontend.Variable) {
	for _, e := range elements {
		digits := gadget.Bits(api, e, table.CellBits*table.CellsPerElement)
		for ; len(digits) > 0; digits = digits[table.CellBits:] {
			cells = append(cells, gadget.Sum(api, digits[:table.CellBits]))
		}
	}
	return cells
}

// maskCells packs the cells again, those of columns outside of the mask as zero.
func maskCells(api frontend.API, cells, flags []frontend.Variable) (elements []frontend.Variable) {
	masked := make([]frontend.Variable, len(cells))
	for j := range cells {
		masked[j] = api.Mul(flags[j], cells[j])
	}
	for ; len(masked) > 0; masked = masked[table.CellsPerElement:] {
		elements = append(elements, gadget.Pack(api, masked[:table.CellsPerElement], table.CellBits))
	}
	return elements
}

// consents shows at once that the digits of the row's consent mask are binary and that
// the one for the purpose is set.
func consents(api frontend.API, digits, purpose []frontend.Variable) {
	for p := range digits {
		gadget.AssertImplies(api, purpose[p], digits[p])
	}
}

// saltInRange shows that the digits of the salt are binary. Else a salt could be
// made up that lends consent bits to the mask below it.
func saltInRange(api frontend.API, digits []frontend.Variable) {
	for _, d := range digits {
		api.AssertIsBoolean(d)
	}
}

// listSlot returns what a slot adds to the list: index and masked cells if it is real,
// else the empty slot.
func listSlot(api frontend.API, real, index frontend.Variable, cells []frontend.Variable) []frontend.Variable {
	empty := gadget.Constant(poseidon.Empty(poseidon.EmptySlot))
	entry := []frontend.Variable{api.Add(api.Mul(real, api.Sub(index, empty)), empty)}
	for _, c := range cells {
		entry = append(entry, api.Mul(real, c))
	}
	return entry
}

// lastBelowRows shows that the last index is below the number of rows; all others are
// below it. The leaves beyond the last row are the prover's to choose if it is
// also the controller. The range bounds the number of rows as well: it is index plus
// one plus a number of 20 bits, and so below 2^21.
func lastBelowRows(api frontend.API, rows, last frontend.Variable) {
	gadget.Bits(api, api.Sub(rows, last, 1), indexDigits)
}

// listSaltInRange shows that the list's salt has 128 bits, so that what is proven can
// be disclosed in the form that an auditor knows.
func listSaltInRange(api frontend.API, salt frontend.Variable) {
	gadget.Bits(api, salt, table.SaltBits)
}

// commitAccesses ties the list to its commitment. Number and salt are hashed too: the
// salt keeps anyone from trying out lists.
func commitAccesses(api frontend.API, h *gadget.Hasher, c *Circuit, entries []frontend.Variable) {
	list := append([]frontend.Variable{c.Records, c.Salt}, entries...)
	api.AssertIsEqual(h.Sum(poseidon.AccessList, list...), c.Accesses)
}
