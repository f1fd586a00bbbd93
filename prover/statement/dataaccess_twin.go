package statement

import (
	"fmt"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// DataAccessWitness is what the prover of a data access knows and nobody else
// may. Never log it.
type DataAccessWitness struct {
	Rows    int                        // rows of the data set
	Schema  event.Digest               // its schema digest
	Top     [table.TopNodes]fr.Element // its nodes three levels below the root
	Salt    table.Salt                 // of the access list: 128 fresh random bits
	Records []table.Opening            // the rows read, by strictly increasing index
}

// Proves returns the kind of events that the witness is about.
func (*DataAccessWitness) Proves() event.Kind { return event.DataAccess }

// dataAccessLayout is the layout of every data set of up to 30 columns.
var dataAccessLayout = table.Layout{Columns: DataAccessColumns, CellElements: 2, RowsPerBlock: 4}

// DataAccessLayout is the layout that data-access circuits are made for.
func DataAccessLayout() table.Layout { return dataAccessLayout }

// NewDataAccessWitness opens the rows of the given indices, which must be strictly
// increasing, for an access list with the given salt: 128 bits from a
// cryptographic source, never used before. Whether the rows consent is not checked
// here; [CheckDataAccess] says.
func NewDataAccessWitness(t *table.Table, schema event.Digest, salt table.Salt, rows ...int) (*DataAccessWitness, error) {
	if l := t.Layout(); l.CellElements != dataAccessLayout.CellElements {
		return nil, fmt.Errorf("a data access can't be proven of a table with %d columns: at most %d fit", l.Columns, DataAccessColumns)
	}
	w := &DataAccessWitness{Rows: t.Len(), Schema: schema, Top: t.Top(), Salt: salt}
	last := -1
	for _, row := range rows {
		if row <= last || row >= t.Len() {
			return nil, fmt.Errorf("row %d can't be opened: indices must increase and be below %d", row, t.Len())
		}
		w.Records = append(w.Records, t.Open(row))
		last = row
	}
	return w, nil
}

// Access is one entry of an access list as it is disclosed to an auditor.
type Access struct {
	Index int      // of the row in the data set
	Cells []uint16 // one a column of the data set, zero where the column was not read
}

// CommitAccesses commits to an access list in a statement with so many slots: the
// number of records, the salt, then for each slot the index and two elements of
// cells, columns that were not read being zero; a slot without record is the empty
// slot's tag and two zeros. An auditor to whom list and salt are disclosed compares
// the result with the claims.
func CommitAccesses(capacity int, salt table.Salt, list []Access) (event.Element, error) {
	slots := make([]slot, len(list))
	for i, a := range list {
		if a.Index < 0 || a.Index >= dataAccessLayout.MaxRows() || len(a.Cells) > DataAccessColumns {
			return event.Element{}, fmt.Errorf("access %d can't be committed: row %d, %d columns", i, a.Index, len(a.Cells))
		}
		slots[i].index = a.Index
		for g := range slots[i].cells {
			from := min(g*table.CellsPerElement, len(a.Cells))
			slots[i].cells[g] = table.PackCells(a.Cells[from:min(from+table.CellsPerElement, len(a.Cells))])
		}
	}
	if len(slots) > capacity {
		return event.Element{}, fmt.Errorf("%d accesses can't be committed in %d slots", len(slots), capacity)
	}
	return fromField(commitSlots(capacity, salt, slots)), nil
}

// slot is what the access list holds of one record.
type slot struct {
	index int
	cells [2]fr.Element
}

func commitSlots(capacity int, salt table.Salt, slots []slot) fr.Element {
	in := make([]fr.Element, 2, 2+3*capacity)
	in[0].SetUint64(uint64(len(slots)))
	in[1] = salt.Element()
	for _, s := range slots {
		var index fr.Element
		in = append(in, *index.SetUint64(uint64(s.index)), s.cells[0], s.cells[1])
	}
	for range capacity - len(slots) {
		in = append(in, poseidon.Empty(poseidon.EmptySlot), fr.Element{}, fr.Element{})
	}
	return poseidon.Sum(poseidon.AccessList, in...)
}

// Accesses computes the commitment to the witness's access list under a mask of
// columns, for claims.
func (w *DataAccessWitness) Accesses(capacity int, columns uint64) (event.Element, error) {
	if len(w.Records) > capacity {
		return event.Element{}, fmt.Errorf("%d accesses can't be committed in %d slots", len(w.Records), capacity)
	}
	list, err := w.List(columns)
	if err != nil {
		return event.Element{}, err
	}
	return CommitAccesses(capacity, w.Salt, list)
}

// List returns the access list: what the source keeps, with the salt, to disclose
// it to an auditor later.
func (w *DataAccessWitness) List(columns uint64) ([]Access, error) {
	list := make([]Access, len(w.Records))
	for i, r := range w.Records {
		row, err := openRow(r)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		list[i] = Access{Index: r.Index, Cells: make([]uint16, DataAccessColumns)}
		for j, cell := range row.cells {
			if columns&(1<<j) != 0 {
				list[i].Cells[j] = cell
			}
		}
	}
	return list, nil
}

// Rule names a condition of the data-access statement. Each is a group of
// constraints of the circuit, which has an attack test for it.
type Rule string

const (
	RuleRecords  Rule = "records"  // as many records as stated, 1 to capacity
	RulePurpose  Rule = "purpose"  // the purpose is one bit
	RuleColumns  Rule = "columns"  // the mask names columns below 30
	RuleDataset  Rule = "dataset"  // top nodes, rows and schema make up D
	RuleIndex    Rule = "index"    // each index has 20 bits
	RuleOrder    Rule = "order"    // indices increase: rows are distinct
	RuleRows     Rule = "rows"     // the last index is below the number of rows
	RulePath     Rule = "path"     // each row's block leads to its top node
	RuleCells    Rule = "cells"    // cells have 16 bits each
	RuleSalt     Rule = "salt"     // a row's salt has 128 bits, and its consent mask 64
	RuleConsent  Rule = "consent"  // each row consents to the purpose
	RuleAccesses Rule = "accesses" // the list commits to exactly these records and cells
)

// Violation says which rule a witness breaks. It holds nothing private but, where
// it concerns one, the record's number in the list.
type Violation struct {
	Rule   Rule
	Record int // number in the list, or -1
	Detail string
}

func (v *Violation) Error() string {
	if v.Record < 0 {
		return fmt.Sprintf("rule %s: %s", v.Rule, v.Detail)
	}
	return fmt.Sprintf("rule %s, record %d: %s", v.Rule, v.Record, v.Detail)
}

func violation(r Rule, record int, format string, args ...any) error {
	return &Violation{r, record, fmt.Sprintf(format, args...)}
}

// CheckDataAccess is the native twin of the data-access circuit of the given
// capacity: it returns nil exactly if the circuit accepts the witness for the
// public inputs, and otherwise a *[Violation] that names the first rule broken.
// A prover calls it first: it costs a millisecond and gives a reason, where the
// solver gives a constraint's number.
func CheckDataAccess(capacity int, w *DataAccessWitness, p DataAccessPublic) error {
	if w == nil {
		return violation(RuleRecords, -1, "there is no witness")
	}
	if len(w.Records) < 1 || len(w.Records) > capacity || uint64(len(w.Records)) != p.Records {
		return violation(RuleRecords, -1, "%d records were read, %d are stated, and there is room for 1 to %d", len(w.Records), p.Records, capacity)
	}
	if bits.OnesCount64(p.Purpose) != 1 {
		return violation(RulePurpose, -1, "a purpose is one bit, and the mask has %d", bits.OnesCount64(p.Purpose))
	}
	if p.Columns >= 1<<DataAccessColumns {
		return violation(RuleColumns, -1, "the mask %#x names columns beyond the %d that there can be", p.Columns, DataAccessColumns)
	}
	if fromField(table.Commitment(table.RootOf(w.Top), w.Rows, w.Schema)) != p.Dataset {
		return violation(RuleDataset, -1, "nodes, number of rows and schema are not those of the data set")
	}
	slots := make([]slot, len(w.Records))
	last := -1
	for i, r := range w.Records {
		if r.Index < 0 || r.Index >= dataAccessLayout.MaxRows() {
			return violation(RuleIndex, i, "there is no row of that index in any table")
		}
		if r.Index <= last {
			return violation(RuleOrder, i, "the index is not above the one before")
		}
		last = r.Index
		s, err := checkRecord(i, r, w, p)
		if err != nil {
			return err
		}
		slots[i] = s
	}
	if last >= w.Rows || w.Rows-1-last >= dataAccessLayout.MaxRows() {
		return violation(RuleRows, len(w.Records)-1, "the data set has %d rows only, or more than there is room for", w.Rows)
	}
	if fromField(commitSlots(capacity, w.Salt, slots)) != p.Accesses {
		return violation(RuleAccesses, -1, "the list of these records and cells has another commitment")
	}
	return nil
}

// checkRecord checks what concerns one record alone and returns its slot.
func checkRecord(i int, r table.Opening, w *DataAccessWitness, p DataAccessPublic) (slot, error) {
	if len(r.Block) != dataAccessLayout.BlockElements() {
		return slot{}, violation(RulePath, i, "a block has %d elements, not %d", dataAccessLayout.BlockElements(), len(r.Block))
	}
	if node, top := r.Climb(dataAccessLayout); node != w.Top[top] {
		return slot{}, violation(RulePath, i, "block and siblings don't lead to the data set's node")
	}
	row, err := openRow(r)
	if err != nil {
		v := err.(*Violation)
		v.Record = i
		return slot{}, v
	}
	if row.consent&p.Purpose == 0 {
		return slot{}, violation(RuleConsent, i, "the row doesn't consent to the purpose")
	}
	for j := range row.cells {
		if p.Columns&(1<<j) == 0 {
			row.cells[j] = 0
		}
	}
	return slot{r.Index, [2]fr.Element{table.PackCells(row.cells[:table.CellsPerElement]), table.PackCells(row.cells[table.CellsPerElement:])}}, nil
}

// openedRow is a row as unpacked from its elements.
type openedRow struct {
	cells   [DataAccessColumns]uint16
	consent uint64
}

// openRow unpacks the elements of an opened row. Its errors are *Violation, of no record.
func openRow(r table.Opening) (row openedRow, err error) {
	if len(r.Block) != dataAccessLayout.BlockElements() {
		return row, violation(RulePath, -1, "a block has %d elements, not %d", dataAccessLayout.BlockElements(), len(r.Block))
	}
	if r.Index < 0 || r.Index >= dataAccessLayout.MaxRows() {
		return row, violation(RuleIndex, -1, "there is no row of that index in any table")
	}
	elements := r.RowElements(dataAccessLayout)
	for g, e := range elements[:dataAccessLayout.CellElements] {
		b := e.Bytes()
		if b[0] != 0 || b[1] != 0 {
			return row, violation(RuleCells, -1, "an element of cells has more than 240 bits")
		}
		for j := range table.CellsPerElement {
			at := len(b) - 2*(j+1)
			row.cells[g*table.CellsPerElement+j] = uint16(b[at])<<8 | uint16(b[at+1])
		}
	}
	b := elements[dataAccessLayout.CellElements].Bytes()
	for _, high := range b[:8] {
		if high != 0 {
			return row, violation(RuleSalt, -1, "salt and consent have more than 192 bits")
		}
	}
	for _, low := range b[24:] {
		row.consent = row.consent<<8 | uint64(low)
	}
	return row, nil
}
