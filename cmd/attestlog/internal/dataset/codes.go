package dataset

import (
	"context"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/schema"
	"github.com/attestlog/attestlog/ledger/event"
)

// Codes reads a table, a CSV or ARFF file with exactly the columns of a data set's entry, as that entry codes them. Nothing is
// committed. Errors name file and line, and never a value.
func Codes(ctx context.Context, path string, columns []event.Column, progress Progress) ([][]uint16, error) {
	s := new(schema.Schema)
	for i := range columns {
		c := schema.Column{Name: columns[i].Name, Role: columns[i].Role}
		if coding := columns[i].Coding.Integer; coding != nil {
			c.Min, c.Max = &coding.Min, &coding.Max
		} else {
			c.Labels = columns[i].Coding.Category.Labels
		}
		s.Columns = append(s.Columns, c)
	}
	rows, _, err := readRows(ctx, path, s, progress)
	if err != nil {
		return nil, err
	}
	codes := make([][]uint16, len(rows))
	for i := range rows {
		codes[i] = rows[i].Cells
	}
	return codes, nil
}
