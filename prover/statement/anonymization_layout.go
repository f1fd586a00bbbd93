package statement

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// Where the columns of a data set must stand so that it can be anonymized. What the
// circuit has to look into is thus at fixed places of a row's first element, and what it
// only carries over stays packed: this is what makes a row cheap. Columns that are
// `other` (or sensitive beside the first) may stand anywhere but in 1 to 3.
const (
	AnonymizationColumns = 2 * table.CellsPerElement

	SensitiveColumn = 0 // the column that diversity is about: below 4,096 codes
	FirstQuasi      = 1 // columns 1 to 6: quasi-identifiers, at least those three of 1 to 3
	FixedQuasi      = 3
	QuasiSlots      = 6
	FirstDirect     = FirstQuasi + QuasiSlots // columns 7 to 9: direct identifiers
	DirectSlots     = 3
	flexibleQuasi   = QuasiSlots - FixedQuasi

	MaxSensitiveCodes = 4096
	MaxQuasiCodes     = 128 // raw codes of a quasi-identifier
	MaxLabelCodes     = 256 // generalized codes of a quasi-identifier, of which 0 is the blank
)

// Layout is which of the columns that may be quasi-identifiers or direct identifiers are. Bit i, for i from 0 to 2: column 4 + i is a
// quasi-identifier; for i from 3 to 5: column 7 + (i − 3) is a direct identifier.
type Layout uint64

// MaxLayout is the largest layout.
const MaxLayout Layout = 1<<(flexibleQuasi+DirectSlots) - 1

// Quasi tells whether slot i, from 0, holds a quasi-identifier: it is column 1 + i.
func (l Layout) Quasi(slot int) bool {
	return slot < FixedQuasi || l>>(slot-FixedQuasi)&1 == 1
}

// Direct tells whether column 7 + i holds a direct identifier.
func (l Layout) Direct(i int) bool { return l>>(flexibleQuasi+i)&1 == 1 }

// QuasiCount is the number of quasi-identifiers.
func (l Layout) QuasiCount() int {
	return FixedQuasi + bits.OnesCount64(uint64(l)&(1<<flexibleQuasi-1))
}

// LayoutOf finds the layout of a raw data set, and refuses one whose columns stand elsewhere.
func LayoutOf(c *event.DatasetClaims) (l Layout, err error) {
	misplaced := func(j int, want string) error {
		return rangeError(Misplaced, "dataset", "column %d, %q, is %s; to be anonymized a data set has there %s", j+1, c.Columns[j].Name, c.Columns[j].Role, want)
	}
	if len(c.Columns) > AnonymizationColumns {
		return 0, rangeError(TooManyColumns, "dataset", "the data set has %d columns, and %d can be handled", len(c.Columns), AnonymizationColumns)
	}
	if len(c.Columns) < FirstQuasi+FixedQuasi {
		return 0, rangeError(Misplaced, "dataset", "the data set has %d columns; to be anonymized it has at least %d: one sensitive, and %d quasi-identifiers", len(c.Columns), FirstQuasi+FixedQuasi, FixedQuasi)
	}
	for j, col := range c.Columns {
		kept := col.Role == event.RoleOther || col.Role == event.RoleSensitive
		slot, direct := j-FirstQuasi, j-FirstDirect
		switch {
		case j == SensitiveColumn:
			if col.Role != event.RoleSensitive || codes(col.Coding) > MaxSensitiveCodes {
				return 0, misplaced(j, fmt.Sprintf("the sensitive column that diversity is about, of at most %d codes", MaxSensitiveCodes))
			}
		case slot >= 0 && slot < QuasiSlots && col.Role == event.RoleQuasi:
			if codes(col.Coding) > MaxQuasiCodes {
				return 0, misplaced(j, fmt.Sprintf("a quasi-identifier of at most %d codes", MaxQuasiCodes))
			}
			if slot >= FixedQuasi {
				l |= 1 << (slot - FixedQuasi)
			}
		case slot >= 0 && slot < FixedQuasi:
			return 0, misplaced(j, "a quasi-identifier")
		case direct >= 0 && direct < DirectSlots && col.Role == event.RoleDirect:
			l |= 1 << (flexibleQuasi + direct)
		case !kept:
			return 0, misplaced(j, "a column that is neither a quasi-identifier nor a direct one: those are columns 2 to 7 and 8 to 10")
		}
	}
	return l, nil
}

// codes is how many codes a coding has.
func codes(c event.Coding) int64 {
	if c.Integer != nil {
		return c.Integer.Max - c.Integer.Min + 1
	}
	if c.Category != nil {
		return int64(len(c.Category.Labels))
	}
	return 0
}

// Blank is the only label of a direct identifier in a released data set, and the first one of
// a quasi-identifier: that of a suppressed row.
const Blank = "*"

// checkReleased tells whether a released data set has the columns that the raw one has: the same names in
// the same order; quasi-identifiers with labels, of which the first is the blank; direct identifiers with nothing but the blank; all else unchanged.
func checkReleased(raw, released *event.DatasetClaims, l Layout) error {
	if len(raw.Columns) != len(released.Columns) || raw.Rows != released.Rows {
		return rangeError(NotReleased, "released", "the released data set has %d columns and %d rows, the raw one %d and %d", len(released.Columns), released.Rows, len(raw.Columns), raw.Rows)
	}
	for j, was := range raw.Columns {
		is := released.Columns[j]
		if is.Name != was.Name {
			return rangeError(NotReleased, "released", "column %d is %q, and was %q", j+1, is.Name, was.Name)
		}
		var ok bool
		switch was.Role {
		case event.RoleDirect:
			ok = is.Role == event.RoleOther && is.Coding.Category != nil && slices.Equal(is.Coding.Category.Labels, []string{Blank})
		case event.RoleQuasi:
			ok = is.Role == event.RoleQuasi && is.Coding.Category != nil && slices.Index(is.Coding.Category.Labels, Blank) == 0
		default:
			ok = is.Role == was.Role && sameCoding(is.Coding, was.Coding)
		}
		if !ok {
			return rangeError(NotReleased, "released", "column %q, which is %s, isn't described as one that was anonymized", was.Name, was.Role)
		}
	}
	return nil
}

func sameCoding(a, b event.Coding) bool {
	switch {
	case a.Integer != nil && b.Integer != nil:
		return *a.Integer == *b.Integer
	case a.Category != nil && b.Category != nil:
		return slices.Equal(a.Category.Labels, b.Category.Labels)
	}
	return false
}
