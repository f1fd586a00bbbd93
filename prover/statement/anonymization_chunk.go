package statement

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// Elements of a row in a table of up to 30 columns, and rows in a block.
const (
	chunkRowElements = 3
	chunkBlockRows   = 4
)

// ChunkShape says where in a table's tree a chunk of so many rows is: it is all that lies below one node on a level, or
// below the two nodes of a pair (positions 0 and 1, or 2 and 3, of the node above).
type ChunkShape struct {
	Blocks int
	Level  int  // of the node or nodes, counted from the blocks
	Pair   bool // two nodes
}

// ChunkShapeFor returns the shape of chunks of so many rows: 4^h or 2·4^h blocks of four.
func ChunkShapeFor(capacity int) (ChunkShape, error) {
	s := ChunkShape{Blocks: capacity / chunkBlockRows}
	width := 1
	for ; width*poseidon.Arity <= s.Blocks; width *= poseidon.Arity {
		s.Level++
	}
	s.Pair = 2*width == s.Blocks
	if capacity%chunkBlockRows != 0 || !s.Pair && width != s.Blocks || s.Level >= table.Depth {
		return ChunkShape{}, fmt.Errorf("%d rows don't make a chunk", capacity)
	}
	return s, nil
}

// Digits is the number of binary digits of a chunk's number.
func (s ChunkShape) Digits() int {
	if s.Pair {
		return 2*(table.Depth-s.Level) - 1
	}
	return 2 * (table.Depth - s.Level)
}

// Siblings is the number of nodes that lead from a chunk to the root.
func (s ChunkShape) Siblings() int {
	n := (poseidon.Arity - 1) * (table.Depth - s.Level)
	if s.Pair {
		return n - 1
	}
	return n
}

// Chunk opens a chunk of a table: all of its rows, and what leads from them to the root.
type Chunk struct {
	TableRows int                            // rows of the table
	Schema    event.Digest                   // its schema digest
	Rows      [][chunkRowElements]fr.Element // as they stand in the blocks; zeros beyond the table's last row
	Siblings  []fr.Element                   // lowest level first; of a pair the two other nodes, then three a level in the order of [table.Siblings]
}

// OpenChunk opens the chunk of that number.
func OpenChunk(t *table.Table, schema event.Digest, capacity, chunk int) (*Chunk, error) {
	shape, err := ChunkShapeFor(capacity)
	if err != nil {
		return nil, err
	}
	if l := t.Layout(); l.RowsPerBlock != chunkBlockRows {
		return nil, fmt.Errorf("a table of %d columns has no chunks: at most %d fit", l.Columns, AnonymizationColumns)
	}
	if chunk < 0 || chunk > (t.Len()-1)/capacity {
		return nil, fmt.Errorf("a table of %d rows has no chunk %d of %d", t.Len(), chunk, capacity)
	}
	c := &Chunk{TableRows: t.Len(), Schema: schema, Rows: make([][chunkRowElements]fr.Element, capacity)}
	for i := range c.Rows {
		if at := chunk*capacity + i; at < t.Len() {
			c.Rows[i] = RowElements(t.Row(at))
		}
	}
	level, at := shape.Level, chunk
	if shape.Pair {
		first := 4*(chunk/2) + 2*(1-chunk%2)
		c.Siblings = append(c.Siblings, t.Node(level, first), t.Node(level, first+1))
		level, at = level+1, chunk/2
	}
	for ; level < table.Depth; level++ {
		base, place := at&^3, at%poseidon.Arity
		pair := base + (place&^1 ^ 2)
		c.Siblings = append(c.Siblings, t.Node(level, base+(place^1)), t.Node(level, pair), t.Node(level, pair+1))
		at /= poseidon.Arity
	}
	return c, nil
}

// RowElements packs a row of up to 30 columns.
func RowElements(r table.Row) (e [chunkRowElements]fr.Element) {
	first := min(table.CellsPerElement, len(r.Cells))
	return [chunkRowElements]fr.Element{table.PackCells(r.Cells[:first]), table.PackCells(r.Cells[first:]), table.PackSalt(r.Salt, r.Consent)}
}

// Commitment returns D of the table that has the chunk at that number, of which the given number of rows, at the chunk's beginning, are rows
// of the table.
func (c *Chunk) Commitment(capacity int, chunk, rows uint64) (event.Element, error) {
	shape, err := ChunkShapeFor(capacity)
	if err != nil || len(c.Rows) != capacity || len(c.Siblings) != shape.Siblings() {
		return event.Element{}, fmt.Errorf("it is no chunk of %d rows", capacity)
	}
	return fromField(c.commitment(shape, chunk, rows)), nil
}

// commitment returns D of the table that has the chunk at that number, with so many rows.
func (c *Chunk) commitment(shape ChunkShape, chunk, rows uint64) fr.Element {
	nodes := make([]fr.Element, shape.Blocks)
	for b := range nodes {
		if uint64(b*chunkBlockRows) >= rows {
			nodes[b] = poseidon.Empty(poseidon.EmptyBlock)
			continue
		}
		var block []fr.Element
		for _, row := range c.Rows[b*chunkBlockRows : (b+1)*chunkBlockRows] {
			block = append(block, row[:]...)
		}
		nodes[b] = table.HashBlock(block)
	}
	for len(nodes) >= poseidon.Arity {
		for i := range len(nodes) / poseidon.Arity {
			nodes[i] = poseidon.Node([poseidon.Arity]fr.Element(nodes[poseidon.Arity*i:]))
		}
		nodes = nodes[:len(nodes)/poseidon.Arity]
	}
	node, siblings := nodes[0], c.Siblings
	if shape.Pair {
		children := [poseidon.Arity]fr.Element{nodes[0], nodes[1], siblings[0], siblings[1]}
		if chunk%2 == 1 {
			children = [poseidon.Arity]fr.Element{siblings[0], siblings[1], nodes[0], nodes[1]}
		}
		node, siblings, chunk = poseidon.Node(children), siblings[2:], chunk/2
	}
	for ; len(siblings) > 0; siblings = siblings[poseidon.Arity-1:] {
		var children [poseidon.Arity]fr.Element
		place := chunk % poseidon.Arity
		pair := place&^1 ^ 2
		children[place], children[place^1], children[pair], children[pair+1] = node, siblings[0], siblings[1], siblings[2]
		node = poseidon.Node(children)
		chunk /= poseidon.Arity
	}
	return table.Commitment(node, c.TableRows, c.Schema)
}
