package statement

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// AnonymizationWitness is what the prover of an anonymization knows and nobody else may.
// Never log it.
type AnonymizationWitness struct {
	Raw, Released *Chunk
	Hierarchy     *Hierarchy
	Keep          []bool // for each row of the raw chunk: it is released. As long as the chunk.
}

// Proves returns the kind of events that the witness is about.
func (*AnonymizationWitness) Proves() event.Kind { return event.Anonymization }

// NewAnonymizationWitness opens a chunk of a raw table and of the released one. keep tells for each row of the raw table whether it is
// released. Whether the released rows are what they must be is not checked here; [CheckAnonymization] says.
func NewAnonymizationWitness(raw, released *table.Table, rawSchema, releasedSchema event.Digest, h *Hierarchy, keep []bool, capacity, chunk int) (*AnonymizationWitness, error) {
	if raw.Len() != released.Len() || raw.Len() != len(keep) {
		return nil, fmt.Errorf("a table of %d rows can't be the released form of one of %d, of which %d are kept or not", released.Len(), raw.Len(), len(keep))
	}
	w := &AnonymizationWitness{Hierarchy: h, Keep: make([]bool, capacity)}
	var err error
	if w.Raw, err = OpenChunk(raw, rawSchema, capacity, chunk); err != nil {
		return nil, err
	}
	if w.Released, err = OpenChunk(released, releasedSchema, capacity, chunk); err != nil {
		return nil, err
	}
	copy(w.Keep, keep[chunk*capacity:])
	return w, nil
}

// Rules of the anonymization statement, each a group of constraints of the circuit or more.
const (
	RuleLayout      Rule = "layout"      // the columns are a mask of six bits
	RuleChunk       Rule = "chunk"       // the chunk has a number and rows that there can be
	RuleRaw         Rule = "raw"         // the raw chunk is the raw data set's of that number
	RuleReleased    Rule = "released"    // the released chunk is the released data set's of that number
	RuleHierarchy   Rule = "hierarchy"   // the hierarchies are those that are committed to
	RuleRawCells    Rule = "raw-cells"   // raw rows are packings of 16-bit cells; those that are looked into have the codes that there can be
	RuleSuppressed  Rule = "suppressed"  // as many rows are suppressed as is stated, and padding is never kept
	RulePermutation Rule = "permutation" // the released rows are the generalized ones and blanks, in any order
	RuleClasses     Rule = "k"           // each class has at least k rows
	RuleDiversity   Rule = "diversity"   // each class has at least so many distinct values
)

// class is what the rows of a class share: the generalized codes of the six slots.
type class [QuasiSlots]uint8

// GeneralizedRow is a raw row as it must be released.
type GeneralizedRow struct {
	Cells     [2]fr.Element // the two elements of cells
	Class     [QuasiSlots]uint8
	Sensitive uint16 // the code of the first column
}

// GeneralizeRow generalizes the elements of a raw row. Rows that are no packing of cells, and codes where there can't
// be such, are refused with a *[Violation].
func GeneralizeRow(l Layout, h *Hierarchy, row [chunkRowElements]fr.Element) (g GeneralizedRow, err error) {
	b := row[0].Bytes() // cell j is the bytes 30 − 2j and 31 − 2j
	if b[0] != 0 || b[1] != 0 {
		return g, violation(RuleRawCells, -1, "the first element of the row has more than 240 bits")
	}
	cell := func(j int) uint16 { return uint16(b[30-2*j])<<8 | uint16(b[31-2*j]) }
	g.Sensitive = cell(SensitiveColumn)
	if g.Sensitive >= MaxSensitiveCodes {
		return g, violation(RuleRawCells, -1, "the sensitive code is not below %d", MaxSensitiveCodes)
	}
	for slot := range QuasiSlots {
		if !l.Quasi(slot) {
			continue
		}
		j := FirstQuasi + slot
		if cell(j) >= MaxQuasiCodes {
			return g, violation(RuleRawCells, -1, "the code of quasi-identifier %d is not below %d", slot, MaxQuasiCodes)
		}
		g.Class[slot] = h[slot][cell(j)]
		b[30-2*j], b[31-2*j] = 0, g.Class[slot]
	}
	for i := range DirectSlots {
		if j := FirstDirect + i; l.Direct(i) {
			b[30-2*j], b[31-2*j] = 0, 0
		}
	}
	g.Cells[0].SetBytes(b[:])
	g.Cells[1] = row[1]
	return g, nil
}

// CheckAnonymization is the native twin of the anonymization circuit for chunks of so many rows: it returns
// nil exactly if the circuit accepts the witness for the public inputs, and otherwise a *[Violation] that names the
// first rule broken. k and diversity must be below 4,096, as [DeriveAnonymization] makes them.
func CheckAnonymization(capacity int, w *AnonymizationWitness, p AnonymizationPublic) error {
	shape, err := ChunkShapeFor(capacity)
	if err != nil {
		return violation(RuleChunk, -1, "%s", err)
	}
	if w == nil || w.Hierarchy == nil {
		return violation(RuleHierarchy, -1, "the witness has no hierarchies")
	}
	for _, c := range []*Chunk{w.Raw, w.Released} {
		if c == nil || len(c.Rows) != capacity || len(c.Siblings) != shape.Siblings() || len(w.Keep) != capacity {
			return violation(RuleChunk, -1, "the witness is not of a chunk of %d rows", capacity)
		}
	}
	switch {
	case p.Columns > MaxLayout:
		return violation(RuleLayout, -1, "the columns %#x are none that there can be", uint64(p.Columns))
	case p.Chunk>>shape.Digits() != 0:
		return violation(RuleChunk, -1, "no table has a chunk %d", p.Chunk)
	case p.Rows > uint64(capacity):
		return violation(RuleChunk, -1, "a chunk has no more than %d rows", capacity)
	case fromField(w.Raw.commitment(shape, p.Chunk, p.Rows)) != p.Dataset:
		return violation(RuleRaw, -1, "rows, nodes, number of rows and schema are not those of the raw data set")
	case fromField(w.Released.commitment(shape, p.Chunk, p.Rows)) != p.Released:
		return violation(RuleReleased, -1, "rows, nodes, number of rows and schema are not those of the released data set")
	case w.Hierarchy.Digest() != p.Hierarchy:
		return violation(RuleHierarchy, -1, "the hierarchies have another commitment")
	}
	return checkRelease(w, p)
}

// checkRelease checks the released rows against the raw ones.
func checkRelease(w *AnonymizationWitness, p AnonymizationPublic) error {
	left := map[[2]fr.Element]int{} // released rows that are still to be accounted for
	for i, row := range w.Released.Rows {
		var cells [2]fr.Element // beyond the last row nothing is a row
		if uint64(i) < p.Rows {
			cells = [2]fr.Element(row[:2])
		}
		left[cells]++
	}
	rows, values := map[class]int{}, map[class]map[uint16]bool{}
	kept := uint64(0)
	for i, row := range w.Raw.Rows {
		g, err := GeneralizeRow(p.Columns, w.Hierarchy, row)
		if err != nil {
			v := err.(*Violation)
			v.Record = i
			return v
		}
		var cells [2]fr.Element
		if w.Keep[i] {
			if uint64(i) >= p.Rows {
				return violation(RuleSuppressed, i, "padding is kept")
			}
			cells = g.Cells
			kept++
			if rows[g.Class]++; values[g.Class] == nil {
				values[g.Class] = map[uint16]bool{}
			}
			values[g.Class][g.Sensitive] = true
		}
		if left[cells]--; left[cells] < 0 {
			return violation(RulePermutation, i, "what the row becomes isn't among the released rows, or not often enough")
		}
	}
	if kept+p.Suppressed != p.Rows {
		return violation(RuleSuppressed, -1, "%d rows are kept of %d, and %d stated as suppressed", kept, p.Rows, p.Suppressed)
	}
	for c := range rows {
		if uint64(rows[c]) < p.K {
			return violation(RuleClasses, -1, "a class has fewer than %d rows", p.K)
		}
		if uint64(len(values[c])) < p.Diversity {
			return violation(RuleDiversity, -1, "a class has fewer than %d values of the first column", p.Diversity)
		}
	}
	return nil
}

// String keeps witnesses out of logs.
func (w *AnonymizationWitness) String() string {
	return fmt.Sprintf("anonymization witness of %d rows", len(w.Keep))
}
