package anonymization

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

// forgeChunk states chunk 1 and shows chunk 0.
func forgeChunk(t *testing.T) *Circuit {
	c := tell(t, data(1, rows), 0).assign(t)
	c.Chunk = number(1)
	return c
}

// forgeLabel releases the outlier with the label of 5.
func forgeLabel(t *testing.T) *Circuit {
	s := unsafe(t)
	place(s).Cells[1] = 1
	c := s.assign(t)
	c.Raw[outlier].Generalized[0] = number(1)
	c.sortKeys(k, 1)
	c.tally(layout)
	return c
}

// forgeMerged releases the outlier, and lets its key go on with the run before it.
func forgeMerged(t *testing.T, set func(k *Key, apart fr.Element)) *Circuit {
	c := unsafe(t).assign(t)
	i := outlierKey(c)
	key, before := c.Keys[i].Value.(fr.Element), c.Keys[i-1].Value.(fr.Element)
	c.Keys[i].Same, c.Keys[i].New = number(1), number(0)
	set(&c.Keys[i], *new(fr.Element).Sub(&key, &before))
	for j := i - 1; ; j-- { // the run has one row more
		if at(c.Keys[j].Same) == 0 {
			gap := c.Keys[j].Gap.(fr.Element)
			one := number(1)
			c.Keys[j].Gap = *gap.Add(&gap, &one)
			return c
		}
	}
}

// forgeHalfFlags hides the quasi-identifier in column 4: the mask's digits are 0 and one half. The half flag has column 5 looked up in
// slot 6, whose hierarchy is the same in these data.
func forgeHalfFlags(t *testing.T) *Circuit {
	all := data(1, rows)
	for i := range all {
		all[i].Cells[4] = uint16(i) // each its own
		all[i].Cells[5], all[i].Cells[6] = 0, 0
	}
	hidden := layout&^1 | 2
	s := tellWith(t, all, last, hidden, hierarchy(), k, l)
	c := s.assign(t)
	c.Columns = number(uint64(layout))
	for q := range quasiCodes {
		c.CodeCounts[1+5*quasiCodes+q], c.CodeCounts[1+4*quasiCodes+q] = c.CodeCounts[1+4*quasiCodes+q], c.CodeCounts[1+5*quasiCodes+q]
	}
	move := func(from, to uint64) {
		for i, v := range ranges() {
			for j, u := range ranges() {
				if v == from<<limbBits && u == to<<limbBits {
					c.RangeCounts[i], c.RangeCounts[j] = number(at(c.RangeCounts[i])-capacity), number(at(c.RangeCounts[j])+capacity)
				}
			}
		}
	}
	move(patternNoByte1, patternNoNibble1)
	move(patternNoByte2, patternNoByte1)
	return c
}

// forget counts in the table of ranges only what is looked up beside the rows' parts: codes and gaps.
func forget(counts []frontend.Variable, c *Circuit) {
	table := ranges()
	n := map[uint64]uint64{}
	for slot := range c.Codes {
		for _, g := range c.Codes[slot] {
			n[patternByte<<limbBits+at(g)]++
		}
	}
	for i := range c.Keys {
		n[at(c.Keys[i].Gap)]++
	}
	for i, v := range table {
		counts[i] = number(n[v])
	}
}

// forgetCodes takes the hierarchies' codes out of the count of the table of ranges.
func forgetCodes(c *Circuit) {
	for i, v := range ranges() {
		for slot := range c.Codes {
			for _, g := range c.Codes[slot] {
				if patternByte<<limbBits+at(g) == v {
					c.RangeCounts[i] = number(at(c.RangeCounts[i]) - 1)
				}
			}
		}
	}
}

// forgetGaps takes the gaps out of the count of the table of ranges.
func forgetGaps(c *Circuit) {
	for i, v := range ranges() {
		for j := range c.Keys {
			if gap := c.Keys[j].Gap.(fr.Element); gap.IsUint64() && gap.Uint64() == v {
				c.RangeCounts[i] = number(at(c.RangeCounts[i]) - 1)
			}
		}
	}
}

func rawElements(c *Circuit) (all [][rowElements]frontend.Variable) {
	for i := range c.Raw {
		all = append(all, c.Raw[i].Elements)
	}
	return all
}

// fullCommitment is D of a tree in which all blocks of the chunk are hashed.
func fullCommitment(c *Circuit, rows [][rowElements]frontend.Variable, t *Tree) fr.Element {
	return commitment(c, rows, t, capacity)
}

// commitment is D of a tree with the given rows in the chunk, whatever they are.
func commitment(c *Circuit, rows [][rowElements]frontend.Variable, t *Tree, real int) fr.Element {
	chunk := &statement.Chunk{TableRows: int(at(t.TableRows)), Schema: schemaOf(c, t), Rows: make([][rowElements]fr.Element, len(rows))}
	for i := range rows {
		for e := range rows[i] {
			chunk.Rows[i][e] = rows[i][e].(fr.Element)
		}
	}
	for _, s := range t.Siblings {
		chunk.Siblings = append(chunk.Siblings, s.(fr.Element))
	}
	d, err := chunk.Commitment(capacity, at(c.Chunk), uint64(real))
	if err != nil {
		panic(err)
	}
	return fieldOf(d)
}

func schemaOf(c *Circuit, t *Tree) event.Digest {
	if t == &c.RawTree {
		return rawSchema
	}
	return releasedSchema
}
