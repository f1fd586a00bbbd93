package dataset

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/schema"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/tabular"
	"github.com/attestlog/attestlog/ledger/event"
)

// rowColumn numbers the rows of a table that was written for people. It is no column of the data set.
const rowColumn = "row"

// Codes reads a table, a CSV or ARFF file with exactly the columns of a data set's entry, as that entry codes them; a further one, "row", is
// ignored. Nothing is committed. Errors name file and line, and never a value.
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
	numbered, err := hasColumn(path, rowColumn)
	if err != nil {
		return nil, err
	}
	if numbered && !slices.ContainsFunc(columns, func(c event.Column) bool { return c.Name == rowColumn }) {
		s.Ignore = []string{rowColumn}
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

// hasColumn tells whether a table has a column of that name.
func hasColumn(path, name string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("couldn't read the table: %w", err)
	}
	defer f.Close()
	r, err := tabular.Open(path, f)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	return slices.ContainsFunc(r.Columns(), func(c tabular.Column) bool { return c.Name == name }), nil
}
