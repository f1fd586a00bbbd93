package anonymization

import (
	"math/big"
	"slices"

	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/statement"
)

// constant is n · 2^width.
func constant(n int64, width uint) *big.Int { return new(big.Int).Lsh(big.NewInt(n), width) }

// shifted returns v · 2^width.
func shifted(api frontend.API, v frontend.Variable, width uint) frontend.Variable {
	return api.Mul(v, constant(1, width))
}

// sum adds up any number of terms.
func sum(api frontend.API, terms []frontend.Variable) frontend.Variable {
	return api.Add(0, 0, terms...)
}

// bindPublic gives each public input a constraint of its own. The context is in no
// other: without this, a proof would serve any event.
func bindPublic(api frontend.API, c *Circuit) {
	gadget.BindPublic(api, c.Context, c.Dataset, c.Released, c.Chunk, c.Rows, c.K, c.Diversity, c.Suppressed, c.Columns, c.Hierarchy)
}

// columnFlags splits the mask of columns into six flags. Were they not binary, a pattern could be
// chosen that no columns have.
func columnFlags(api frontend.API, mask frontend.Variable) []frontend.Variable {
	return gadget.Bits(api, mask, quasiSlots)
}

// chunkDigits splits the chunk's number into the digits of its place in the tree.
func chunkDigits(api frontend.API, chunk frontend.Variable, digits int) []frontend.Variable {
	return gadget.Bits(api, chunk, digits)
}

// realFirst shows that the flags of rows are binary and that the data set's rows come first.
func realFirst(api frontend.API, rows []RawRow) {
	last := len(rows) - 1
	api.AssertIsBoolean(rows[last].Real)
	for i := last; i > 0; i-- {
		gadget.AssertImplies(api, rows[i].Real, rows[i-1].Real)
	}
}

// countReal shows that there are as many rows as stated.
func countReal(api frontend.API, c *Circuit) {
	real := make([]frontend.Variable, len(c.Raw))
	for i := range real {
		real[i] = c.Raw[i].Real
	}
	api.AssertIsEqual(sum(api, real), c.Rows)
}

// keepReal shows that a row is kept or not, and that padding never is.
func keepReal(api frontend.API, rows []RawRow) {
	for i := range rows {
		gadget.AssertImplies(api, api.Sub(1, rows[i].Real), api.Sub(1, rows[i].Keep))
	}
}

// countSuppressed shows that as many rows are not kept as stated.
func countSuppressed(api frontend.API, c *Circuit) {
	keep := make([]frontend.Variable, len(c.Raw))
	for i := range keep {
		keep[i] = c.Raw[i].Keep
	}
	api.AssertIsEqual(api.Add(sum(api, keep), c.Suppressed), c.Rows)
}

// hashLeaves hashes the blocks; one that begins beyond the last row is the tagged empty block.
func hashLeaves(api frontend.API, h *gadget.Hasher, rows [][rowElements]frontend.Variable, real []frontend.Variable) (leaves []frontend.Variable) {
	empty := gadget.Constant(poseidon.Empty(poseidon.EmptyBlock))
	for from := 0; from < len(rows); from += rowsPerBlock {
		var block []frontend.Variable
		for _, row := range rows[from : from+rowsPerBlock] {
			block = append(block, row[:]...)
		}
		hash := h.Sum(poseidon.Block, block...)
		leaves = append(leaves, api.Add(empty, api.Mul(real[from], api.Sub(hash, empty))))
	}
	return leaves
}

// climb hashes the leaves of a chunk to their node, or their pair of nodes, and from there to the root.
func climb(api frontend.API, h *gadget.Hasher, leaves, siblings, digits []frontend.Variable) (root frontend.Variable) {
	nodes := leaves
	for len(nodes) >= poseidon.Arity {
		parents := make([]frontend.Variable, len(nodes)/poseidon.Arity)
		for i := range parents {
			parents[i] = h.Node([poseidon.Arity]frontend.Variable(nodes[poseidon.Arity*i:]))
		}
		nodes = parents
	}
	node := nodes[0]
	if len(nodes) == 2 {
		var children [poseidon.Arity]frontend.Variable
		for i := range nodes {
			moved := api.Mul(digits[0], api.Sub(siblings[i], nodes[i]))
			children[i], children[2+i] = api.Add(nodes[i], moved), api.Sub(siblings[i], moved)
		}
		node, siblings, digits = h.Node(children), siblings[2:], digits[1:]
	}
	levels := make([][poseidon.Arity - 1]frontend.Variable, 0, len(siblings)/(poseidon.Arity-1))
	for s := range slices.Chunk(siblings, poseidon.Arity-1) {
		levels = append(levels, [poseidon.Arity - 1]frontend.Variable(s))
	}
	return h.Climb(node, levels, digits)
}

// commitDataset ties the root, with the number of rows and the schema, to D.
func commitDataset(api frontend.API, h *gadget.Hasher, t *Tree, root, digest frontend.Variable) {
	api.AssertIsEqual(h.Sum(poseidon.Table, root, t.TableRows, t.SchemaHigh, t.SchemaLow), digest)
}

// hierarchyCodes is how many codes make an element of the hierarchies' commitment.
const hierarchyCodes = 30

// commitHierarchy ties the hierarchies to their commitment.
func commitHierarchy(api frontend.API, h *gadget.Hasher, c *Circuit) {
	var all, elements []frontend.Variable
	for slot := range c.Codes {
		all = append(all, c.Codes[slot][:]...)
	}
	for group := range slices.Chunk(all, hierarchyCodes) {
		elements = append(elements, gadget.Pack(api, group, classBits))
	}
	api.AssertIsEqual(h.Sum(poseidon.Hierarchy, elements...), c.Hierarchy)
}

// codesInRange shows that the hierarchies' codes have 8 bits, so that there is one way only to unpack the
// elements of their commitment, and one only to make a key of six of them.
func codesInRange(c *Circuit, l *lookups) {
	for slot := range c.Codes {
		for _, g := range c.Codes[slot] {
			l.inRange(g, patternByte)
		}
	}
}

// takeApart shows that the first element of a raw row is the sum of its parts, each in its own bits. The last
// limb is what remains; that it has 8 bits says that nothing else does.
func takeApart(api frontend.API, l *lookups, r *RawRow, flags []frontend.Variable) {
	parts := []frontend.Variable{r.Sensitive}
	for slot := range r.Quasi {
		parts = append(parts, shifted(api, r.Quasi[slot], uint(16*(1+slot))))
	}
	parts = append(parts,
		shifted(api, gadget.Pack(api, r.Flexible[:], limbBits), flexBit),
		shifted(api, gadget.Pack(api, r.Direct[:], limbBits), directBit),
		shifted(api, gadget.Pack(api, r.Erased[:], limbBits), directBit),
		shifted(api, gadget.Pack(api, r.Tail[:], limbBits), tailBit))
	inverse := new(big.Int).ModInverse(constant(1, tailBit+limbBits*tailLimbs), api.Compiler().Field())
	last := api.Mul(api.Sub(r.Elements[0], sum(api, parts)), inverse)

	quasi, direct := flags[:3], flags[3:]
	kept := make([]frontend.Variable, len(direct))
	for i := range direct {
		kept[i] = api.Sub(1, direct[i])
	}
	l.inRange(r.Sensitive, patternAll)
	l.threeCells(api, r.Flexible, quasi)
	l.threeCells(api, r.Direct, direct)
	l.threeCells(api, r.Erased, kept)
	for _, limb := range r.Tail {
		l.inRange(limb, patternAll)
	}
	l.inRange(last, patternByte)
}

// generalize shows that the generalized codes are those that the hierarchies have for the raw ones. An absent quasi-identifier is looked up
// as (0, 0) in a slot that has nothing else.
func generalize(api frontend.API, l *lookups, r *RawRow) {
	for slot := range r.Quasi {
		l.codes = append(l.codes, api.Add(r.Quasi[slot], api.Mul(l.at.y, r.Generalized[slot]), l.slots[slot]))
	}
}

// weightedSlots are the weighted numbers of the slots: from 1, or that of the absent one.
func weightedSlots(api frontend.API, at challenges, flags []frontend.Variable) (slots [quasiSlots]frontend.Variable) {
	for slot := range slots {
		number := frontend.Variable(1 + slot)
		if slot >= statement.FixedQuasi {
			number = api.Add(absentSlot, api.Mul(flags[slot-statement.FixedQuasi], 1+slot-absentSlot))
		}
		slots[slot] = api.Mul(at.y2, number)
	}
	return slots
}

// lookUpCodes shows that all that was looked up in the hierarchies is there.
func lookUpCodes(api frontend.API, at challenges, c *Circuit, l *lookups) {
	entries := []frontend.Variable{api.Mul(at.y2, absentSlot)}
	for slot := range c.Codes {
		for q, g := range c.Codes[slot] {
			entries = append(entries, api.Add(q, api.Mul(at.y, g), api.Mul(at.y2, 1+slot)))
		}
	}
	api.AssertIsEqual(gadget.Poles(api, at.x, l.codes), gadget.WeightedPoles(api, at.x, entries, c.CodeCounts[:]))
}

// lookUpRanges shows that all that must be small is.
func lookUpRanges(api frontend.API, at challenges, c *Circuit, l *lookups) {
	api.AssertIsEqual(gadget.Poles(api, at.x, l.ranges), gadget.ConstantPoles(api, at.x, ranges(), c.RangeCounts))
}

// permute shows that the released rows are what the raw ones become, in any order: what isn't kept becomes blank. What stands beyond the last
// row counts as blank: it is no row. Otherwise a class could have its k-th row there, where nobody sees it.
func permute(api frontend.API, at challenges, c *Circuit) {
	become, are := make([]frontend.Variable, len(c.Raw)), make([]frontend.Variable, len(c.Out))
	for i := range c.Raw {
		first, second := c.Raw[i].image(api)
		become[i] = api.Mul(c.Raw[i].Keep, api.Add(first, api.Mul(at.y, second)))
		are[i] = api.Mul(c.Raw[i].Real, api.Add(c.Out[i][0], api.Mul(at.y, c.Out[i][1])))
	}
	api.AssertIsEqual(gadget.Poles(api, at.x, become), gadget.Poles(api, at.x, are))
}

// listKeys shows that the list has the keys of the rows that are kept, and a zero for each of the others.
func listKeys(api frontend.API, at challenges, c *Circuit) {
	rows, list := make([]frontend.Variable, len(c.Raw)), make([]frontend.Variable, len(c.Keys))
	for i := range c.Raw {
		rows[i] = api.Mul(c.Raw[i].Keep, c.Raw[i].key(api))
		list[i] = c.Keys[i].Value
	}
	api.AssertIsEqual(gadget.Poles(api, at.x, rows), gadget.Poles(api, at.x, list))
}

// freshIsBinary shows that a value is new or not: it must not count twice.
func freshIsBinary(api frontend.API, keys []Key) {
	for i := range keys {
		api.AssertIsBoolean(keys[i].New)
	}
}

// gapsInRange shows that what lies between keys of a class has 12 bits: not enough to reach another class, or to come back.
func gapsInRange(l *lookups, keys []Key) {
	for i := range keys {
		l.inRange(keys[i].Gap, patternAll)
	}
}

// sorted shows that a key that goes on with a run is of its class, and that its value is greater than the one before where it is new.
func sorted(api frontend.API, p *gadget.Products, keys []Key) {
	previous := frontend.Variable(0)
	for i := range keys {
		k := &keys[i]
		p.Assert(k.Same, api.Sub(k.Value, previous, k.New, k.Gap), 0)
		previous = k.Value
	}
}

// enoughInEachRun shows that each run has k rows and l values. See the package's comment.
func enoughInEachRun(api frontend.API, p *gadget.Products, c *Circuit) {
	enough := api.Add(c.K, api.Mul(c.Diversity, valueUnit))
	blanks := api.Add(api.Sub(len(c.Raw), c.Rows), c.Suppressed)
	count := api.Sub(enough, blanks)
	for i := range c.Keys {
		k := &c.Keys[i]
		p.Assert(api.Sub(1, k.Same), api.Sub(count, enough), 0)
		count = api.Add(1, api.Mul(k.New, valueUnit), api.Neg(k.Gap), api.Mul(k.Same, api.Add(count, k.Gap)))
	}
	api.AssertIsEqual(count, enough)
}
