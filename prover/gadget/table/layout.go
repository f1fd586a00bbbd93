// Package table commits to a table of private records so that a circuit can
// prove statements about single rows. Every circuit uses this one commitment,
// and so proofs about the same data chain by equal digests.
//
// # Shape
//
// A cell is a 16-bit code; what the code means is the schema's business. Fifteen
// cells make a field element. A row is its cell elements and one element that
// holds 128 bits of salt above a 64-bit consent mask: bit p says that the person
// agreed to the data set's purpose number p. The salt makes it impossible to
// find a row out by trying: without it a table of ages would be an open book.
//
// Four rows (up to 30 columns), two (up to 90) or one (up to 210) make a block,
// one sponge call; blocks are the leaves of a tree, four to one, of fixed depth
// 9. So there is room for 262,144 blocks, about a million narrow rows, and the
// depth, hence every circuit, is the same for small tables. Leaves beyond the
// last row are the tagged empty block.
//
// The digest D of a data set, [Commitment], hashes the root with the number of
// rows and the digest of the schema. Nothing that depends on the number of rows
// needs to trust the tree's padding.
//
// # Openings
//
// A row is opened by its block and its siblings up to the 64 nodes three levels
// below the root, [Table.Top]; those 64 nodes and the root are shown once for all
// rows of a proof. See prover/gadget/SPEC.md for the bytes.
package table

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/prover/gadget/poseidon"
)

// Dimensions of the commitment. They are part of the format.
const (
	CellBits        = 16
	CellsPerElement = 15
	SaltBits        = 128
	MaxPurposes     = 64 // bits of a consent mask
	MaxColumns      = 210
	Arity           = poseidon.Arity
	Depth           = 9                // levels of hashing between a block and the root
	MaxBlocks       = 1 << (2 * Depth) // 262,144
	TopDepth        = 3                // the level, counted from the root, at which rows of one proof meet
	TopNodes        = 1 << (2 * TopDepth)
	PathDepth       = Depth - TopDepth // levels that each row climbs alone
)

// Layout says how rows of a table are laid out in blocks. It follows from the
// number of columns alone.
type Layout struct {
	Columns      int // columns of the table, 1 to 210
	CellElements int // elements that hold a row's cells: 2, 6 or 14
	RowsPerBlock int // 4, 2 or 1
}

// LayoutFor returns the layout of a table with the given number of columns.
func LayoutFor(columns int) (Layout, error) {
	switch {
	case columns < 1:
		return Layout{}, fmt.Errorf("a table of %d columns can't be committed: it needs at least 1", columns)
	case columns <= 2*CellsPerElement:
		return Layout{columns, 2, 4}, nil
	case columns <= 6*CellsPerElement:
		return Layout{columns, 6, 2}, nil
	case columns <= MaxColumns:
		return Layout{columns, 14, 1}, nil
	}
	return Layout{}, fmt.Errorf("a table of %d columns can't be committed: at most %d fit", columns, MaxColumns)
}

// RowElements is the number of field elements of a row: its cells, then salt and consent.
func (l Layout) RowElements() int { return l.CellElements + 1 }

// BlockElements is the number of field elements of a block: 12, 14 or 15.
func (l Layout) BlockElements() int { return l.RowsPerBlock * l.RowElements() }

// MaxRows is the number of rows that the tree has room for.
func (l Layout) MaxRows() int { return MaxBlocks * l.RowsPerBlock }

// Salt is the secret that hides a row: 128 bits from a cryptographic source,
// fresh for each row.
type Salt [SaltBits / 8]byte

// Element returns the salt as a number, big-endian.
func (s Salt) Element() fr.Element {
	var e fr.Element
	e.SetBytes(s[:])
	return e
}

// Row is one record.
type Row struct {
	Cells   []uint16 // one code a column, in the schema's order
	Consent uint64   // bit p: consents to purpose p
	Salt    Salt
}

// appendRow appends the row's elements to dst.
func (l Layout) appendRow(dst []fr.Element, r Row) []fr.Element {
	for i := range l.CellElements {
		dst = append(dst, PackCells(cellGroup(r.Cells, i)))
	}
	return append(dst, PackSalt(r.Salt, r.Consent))
}

// cellGroup returns the cells of the i-th cell element, which may be none.
func cellGroup(cells []uint16, i int) []uint16 {
	from := min(i*CellsPerElement, len(cells))
	return cells[from:min(from+CellsPerElement, len(cells))]
}

// PackCells packs up to 15 cells into an element: the sum of cell j times 2^(16 j).
func PackCells(cells []uint16) fr.Element {
	var b [2 * CellsPerElement]byte
	for j, c := range cells {
		at := len(b) - 2*(j+1)
		b[at], b[at+1] = byte(c>>8), byte(c)
	}
	var e fr.Element
	e.SetBytes(b[:])
	return e
}

// PackSalt packs a row's salt and consent mask: salt times 2^64 plus mask.
func PackSalt(s Salt, consent uint64) fr.Element {
	var b [len(s) + 8]byte
	copy(b[:], s[:])
	for i := range 8 {
		b[len(b)-1-i] = byte(consent >> (8 * i))
	}
	var e fr.Element
	e.SetBytes(b[:])
	return e
}

// Commitment returns D, a data set's digest: the hash of the tree's root, the
// number of rows, and the two halves of the schema's SHA-256 digest.
func Commitment(root fr.Element, rows int, schema [32]byte) fr.Element {
	var n fr.Element
	n.SetUint64(uint64(rows))
	high, low := SchemaHalves(schema)
	return poseidon.Sum(poseidon.Table, root, n, high, low)
}

// SchemaHalves splits a SHA-256 digest, which may exceed the field, into two
// elements of 16 bytes each.
func SchemaHalves(schema [32]byte) (high, low fr.Element) {
	high.SetBytes(schema[:16])
	low.SetBytes(schema[16:])
	return high, low
}
