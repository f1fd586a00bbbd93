package schema

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/tabular"
	"github.com/attestlog/attestlog/ledger/event"
)

// Coder turns the rows of one table into codes.
type Coder struct {
	// Columns is the data set's description: public, as it will stand in its entry.
	Columns []event.Column

	purposes []string
	from     []int            // from[j]: which cell of the file is column j, or filled
	codes    []map[string]int // codes[j]: label to code; nil for integers
	consent  int              // which cell lists the row's purposes, or -1
}

// filled stands for the cell of a column that the file doesn't have.
const filled = -1

// Bind holds the schema against what the table says about itself. Every column of the table is described or ignored, and the
// other way around, so that neither a typing error nor a forgotten column goes unnoticed.
func (s *Schema) Bind(table []tabular.Column) (*Coder, error) {
	c := &Coder{purposes: s.Purposes, consent: -1}
	at := make(map[string]int, len(table))
	for i, t := range table {
		at[t.Name] = i
	}
	used := make(map[string]bool, len(table))
	for i := range s.Columns {
		column := &s.Columns[i]
		place, ok := at[column.Name]
		switch {
		case column.Fill != "" && ok:
			return nil, fmt.Errorf("line %d: the table has a column %q, so there is nothing to fill", column.line, column.Name)
		case column.Fill != "":
			c.fill(column)
			continue
		case !ok:
			return nil, fmt.Errorf("line %d: the table has no column %q", column.line, column.Name)
		}
		used[column.Name] = true
		coding, err := column.coding(table[place])
		if err != nil {
			return nil, fmt.Errorf("line %d: column %q: %w", column.line, column.Name, err)
		}
		c.Columns = append(c.Columns, event.Column{Coding: coding, Name: column.Name, Role: column.Role})
		c.from = append(c.from, place)
		c.codes = append(c.codes, labelCodes(coding))
	}
	others := s.Ignore
	if s.Consent.Column != "" {
		others = append(slices.Clone(others), s.Consent.Column)
		c.consent = at[s.Consent.Column]
	}
	for _, name := range others {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("the table has no column %q, which is to be ignored or to hold the consents", name)
		}
		if used[name] {
			return nil, fmt.Errorf("the column %q is both described and ignored, or holds the consents", name)
		}
		used[name] = true
	}
	for _, t := range table {
		if !used[t.Name] {
			return nil, fmt.Errorf("the table's column %q is not in the schema: describe it, or list it under `ignore:`", t.Name)
		}
	}
	return c, nil
}

// fill adds a column of one label.
func (c *Coder) fill(column *Column) {
	coding := event.Coding{Category: &event.CategoryCoding{Labels: []string{column.Fill}}}
	c.Columns = append(c.Columns, event.Column{Coding: coding, Name: column.Name, Role: column.Role})
	c.from, c.codes = append(c.from, filled), append(c.codes, nil)
}

// coding decides between range and labels.
func (c *Column) coding(t tabular.Column) (event.Coding, error) {
	switch {
	case c.Min != nil:
		return event.Coding{Integer: &event.IntegerCoding{Min: *c.Min, Max: *c.Max}}, nil
	case c.Labels != nil:
		return event.Coding{Category: &event.CategoryCoding{Labels: c.Labels}}, nil
	case t.Labels != nil:
		return event.Coding{Category: &event.CategoryCoding{Labels: t.Labels}}, checkLabels(t.Labels)
	}
	return event.Coding{}, fmt.Errorf("give its range (min: …, max: …) or its labels (labels: [...]); the file declares neither")
}

func labelCodes(coding event.Coding) map[string]int {
	if coding.Category == nil {
		return nil
	}
	codes := make(map[string]int, len(coding.Category.Labels))
	for i, l := range coding.Category.Labels {
		codes[l] = i
	}
	return codes
}

// Code appends the codes of a row to dst. Its errors name the column, never the value.
func (c *Coder) Code(dst []uint16, cells []string) ([]uint16, error) {
	for j, from := range c.from {
		if from == filled {
			dst = append(dst, 0)
			continue
		}
		cell := cells[from]
		if c.codes[j] != nil {
			code, ok := c.codes[j][cell]
			if !ok {
				return nil, fmt.Errorf("the value of column %q is none of its %d labels", c.Columns[j].Name, len(c.codes[j]))
			}
			dst = append(dst, uint16(code))
			continue
		}
		span := c.Columns[j].Coding.Integer
		n, err := strconv.ParseInt(cell, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the value of column %q is not an integer", c.Columns[j].Name)
		}
		if n < span.Min || n > span.Max {
			return nil, fmt.Errorf("the value of column %q is not within its range, %d to %d", c.Columns[j].Name, span.Min, span.Max)
		}
		dst = append(dst, uint16(n-span.Min))
	}
	return dst, nil
}

// HasConsent tells whether rows carry their consent in a column.
func (c *Coder) HasConsent() bool { return c.consent >= 0 }

// Consent reads a row's consent mask out of its column.
func (c *Coder) Consent(cells []string) (mask uint64, err error) {
	list := cells[c.consent]
	if list == "none" {
		return 0, nil
	}
	for p := range strings.SplitSeq(list, ";") {
		bit := slices.Index(c.purposes, strings.TrimSpace(p))
		if bit < 0 {
			return 0, fmt.Errorf("the row consents to something that is not among the purposes: list them separated by ';', or say none")
		}
		mask |= 1 << bit
	}
	return mask, nil
}

// ReadConsents reads a consent file: a column `row` with the row's number, from 0, and for each purpose a column with yes or no.
// A row that is not in the file consents to nothing. The masks come back by row.
func ReadConsents(r tabular.Reader, purposes []string, rows int) ([]uint64, error) {
	bits, err := consentColumns(r.Columns(), purposes)
	if err != nil {
		return nil, err
	}
	masks, seen := make([]uint64, rows), make([]bool, rows)
	for {
		cells, line, err := r.Read()
		if err == io.EOF {
			return masks, nil
		}
		if err != nil {
			return nil, err
		}
		row, mask, err := consentRow(cells, bits, rows)
		if err == nil && seen[row] {
			err = fmt.Errorf("row %d stands twice", row)
		}
		if err != nil {
			return nil, &tabular.Error{Line: line, Reason: err.Error()}
		}
		masks[row], seen[row] = mask, true
	}
}

// rowColumn marks the column with a row's number among the purposes' bits.
const rowColumn = -1

// consentColumns tells of each column of a consent file which purpose's bit it holds.
func consentColumns(columns []tabular.Column, purposes []string) ([]int, error) {
	if len(columns) != len(purposes)+1 {
		return nil, fmt.Errorf("line 1: want a column `row` and one for each of the %d purposes, not %d columns", len(purposes), len(columns))
	}
	bits := make([]int, len(columns))
	for i, c := range columns {
		switch bit := slices.Index(purposes, c.Name); {
		case c.Name == "row":
			bits[i] = rowColumn
		case bit < 0:
			return nil, fmt.Errorf("line 1: the column %q is neither `row` nor a purpose of the schema", c.Name)
		default:
			bits[i] = bit
		}
	}
	return bits, nil
}

func consentRow(cells []string, bits []int, rows int) (row int, mask uint64, err error) {
	for i, cell := range cells {
		switch {
		case bits[i] == rowColumn:
			row, err = strconv.Atoi(cell)
			if err != nil || row < 0 || row >= rows {
				return 0, 0, fmt.Errorf("the table has the rows 0 to %d, and this is none of them", rows-1)
			}
		case cell == "yes":
			mask |= 1 << bits[i]
		case cell != "no":
			return 0, 0, fmt.Errorf("consent must be yes or no")
		}
	}
	return row, mask, nil
}
