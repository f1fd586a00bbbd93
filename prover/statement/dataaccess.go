package statement

import (
	"fmt"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// DataAccessColumns is the most columns that a data set may have for data-access:
// those whose cells fit two elements, four rows a block.
const DataAccessColumns = 2 * table.CellsPerElement

// dataAccess is the table's row for a class with so many slots.
func dataAccess(capacity int) Statement {
	return Statement{
		Name:       fmt.Sprintf("data-access-%d", capacity),
		Proves:     event.DataAccess,
		Capacity:   capacity,
		MaxColumns: DataAccessColumns,
		Inputs:     []string{"context", "dataset", "purpose", "columns", "records", "accesses"},
		Shows: "The committed access list holds exactly the stated number of distinct rows of the data set, each of which consents to the purpose, " +
			"and of each row the cells of the stated columns and no others.",
		NotShown: []string{
			"That the source read nothing else: it declares what it read.",
			"That the source used what it read for the stated purpose.",
			"That the rows and their consent bits are true: they are the word of the data set's controller, who may be the source itself.",
		},
	}
}

// DataAccessPublic is what a data-access proof is about. Elements gives the public
// inputs.
type DataAccessPublic struct {
	Context  event.Element // ties the proof to one event
	Dataset  event.Element // D
	Purpose  uint64        // 2^p, where p is the purpose's place in the data set's list
	Columns  uint64        // bit j: column j of the data set is read
	Records  uint64        // how many rows
	Accesses event.Element // the commitment to the access list
}

// Elements returns the public inputs in the circuit's order.
func (p DataAccessPublic) Elements() []event.Element {
	return []event.Element{p.Context, p.Dataset, number(p.Purpose), number(p.Columns), number(p.Records), p.Accesses}
}

// DeriveDataAccess derives the public inputs of a data-access statement. The
// data set's digest, the place of the purpose and those of the columns come from
// the data set's entry alone.
func DeriveDataAccess(s Statement, c *event.DataAccessClaims, ctx event.Element, refs Resolver) (DataAccessPublic, error) {
	fail := func(err error) (DataAccessPublic, error) { return DataAccessPublic{}, err }
	referred, err := refs.Event(c.Dataset)
	if err != nil {
		return fail(fmt.Errorf("couldn't find the data set %s: %w", c.Dataset, err))
	}
	data, ok := referred.Claims.(*event.DatasetClaims)
	if !ok {
		return fail(rangeError(NotADataset, "dataset", "%s is an event of kind %s, not a data set", c.Dataset, referred.Kind()))
	}
	if len(data.Columns) > s.MaxColumns {
		return fail(rangeError(TooManyColumns, "dataset", "the data set has %d columns, and %s can handle %d", len(data.Columns), s.Name, s.MaxColumns))
	}
	d, err := commitmentOf(refs, c.Dataset, data)
	if err != nil {
		return fail(err)
	}
	purpose, err := PurposeBit(data, c.Purpose)
	if err != nil {
		return fail(err)
	}
	columns, err := ColumnMask(data, c.Columns)
	if err != nil {
		return fail(err)
	}
	switch {
	case c.Records < 1:
		return fail(rangeError(NoRecords, "records", "%d records can't be proven to have been read: at least 1 must be", c.Records))
	case c.Records > int64(s.Capacity):
		return fail(rangeError(TooManyRecords, "records", "%s has room for %d records, not %d", s.Name, s.Capacity, c.Records))
	case c.Records > data.Rows:
		return fail(rangeError(MoreThanRows, "records", "the data set has %d rows, so that %d distinct ones can't have been read", data.Rows, c.Records))
	}
	if _, err := toField("accesses", c.Accesses); err != nil {
		return fail(err)
	}
	return DataAccessPublic{Context: ctx, Dataset: d, Purpose: purpose, Columns: columns, Records: uint64(c.Records), Accesses: c.Accesses}, nil
}

// PurposeBit returns 2^p for the data set's purpose of that name, number p.
func PurposeBit(data *event.DatasetClaims, purpose string) (uint64, error) {
	p := slices.Index(data.Purposes, purpose)
	if p < 0 || p >= table.MaxPurposes {
		return 0, rangeError(UnknownPurpose, "purpose", "the data set has no purpose %q", purpose)
	}
	return 1 << p, nil
}

// ColumnMask returns the mask of the named columns, which must stand in the data
// set's order, each once. The data set must not have more than 64.
func ColumnMask(data *event.DatasetClaims, names []string) (mask uint64, err error) {
	if len(names) == 0 {
		return 0, rangeError(NoColumns, "columns", "no column is named")
	}
	next := 0 // where the next column may stand
	for _, name := range names {
		at := slices.IndexFunc(data.Columns, func(c event.Column) bool { return c.Name == name })
		switch {
		case at < 0:
			return 0, rangeError(UnknownColumn, "columns", "the data set has no column %q", name)
		case at >= 64:
			return 0, rangeError(TooManyColumns, "columns", "column %q is number %d of the data set, beyond the 64 of a mask", name, at)
		case mask&(1<<at) != 0:
			return 0, rangeError(ColumnOrder, "columns", "column %q stands twice", name)
		case at < next:
			return 0, rangeError(ColumnOrder, "columns", "column %q doesn't stand in the data set's order", name)
		}
		mask |= 1 << at
		next = at + 1
	}
	return mask, nil
}
