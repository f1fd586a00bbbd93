// Package dataset commits to a table: it reads the table under its schema, salts every row, and computes the root that goes
// into the log. What opens the commitment again, the secrets, stays in one file of the owner's.
package dataset

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/schema"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/tabular"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Dataset is a committed table with everything that opens it. It is as secret as the data itself.
type Dataset struct {
	Name   string
	Claims *event.DatasetClaims // public
	Table  *table.Table
}

// Progress is told, now and then, how much of a step is done. It may be nil.
type Progress func(step string, done, total int)

// Steps of a commitment, as Progress hears of them. The total of StepRead is not known: it is 0.
const (
	StepRead = "reading rows"
	StepHash = "hashing rows"
)

// Commit reads the table at path under the schema at schemaPath, draws a salt for each row, and commits to it all. Errors
// name file and line, and never a value.
func Commit(ctx context.Context, path, schemaPath string, progress Progress) (*Dataset, error) {
	s, err := readSchema(schemaPath)
	if err != nil {
		return nil, err
	}
	rows, columns, err := readRows(ctx, path, s, progress)
	if err != nil {
		return nil, err
	}
	if s.Consent.File != "" {
		if err := addConsents(rows, filepath.Join(filepath.Dir(schemaPath), s.Consent.File), s.Purposes); err != nil {
			return nil, err
		}
	}
	for i := range rows {
		rand.Read(rows[i].Salt[:]) // never fails: crypto/rand ends the program first
	}
	return Build(ctx, s.Name, &event.DatasetClaims{Columns: columns, Purposes: s.Purposes}, rows, progress)
}

// Build commits to salted rows: it computes the tree, and completes the claims, which have columns and purposes, with root and rows.
func Build(ctx context.Context, name string, claims *event.DatasetClaims, rows []table.Row, progress Progress) (*Dataset, error) {
	t, err := table.Build(ctx, len(claims.Columns), rows, func(done int) { report(progress, StepHash, done, len(rows)) })
	if err != nil {
		return nil, err
	}
	root := t.Root()
	claims.Root, claims.Rows = root.Bytes(), int64(len(rows))
	return &Dataset{Name: name, Claims: claims, Table: t}, nil
}

// Draft is what the controller says in public about the data set, ready to submit. The subject's digest is that of the
// commitment D: a digest of the file would let anyone who guesses the file find out that the guess was right.
func (d *Dataset) Draft() (*draft.Draft, error) {
	commitment, err := d.Commitment()
	if err != nil {
		return nil, err
	}
	return &draft.Draft{Subject: event.Subject{Name: d.Name, Digest: sha256.Sum256(commitment[:])}, Claims: d.Claims}, nil
}

// Commitment is D, by which circuits know the data set.
func (d *Dataset) Commitment() (event.Element, error) {
	commitment, err := statement.Dataset(d.Claims)
	if err != nil {
		return event.Element{}, fmt.Errorf("couldn't commit to the data set: %w", err)
	}
	return commitment, nil
}

// Consenting counts the rows that consent to each purpose.
func (d *Dataset) Consenting() []int {
	counts := make([]int, len(d.Claims.Purposes))
	for i := range d.Table.Len() {
		for p := range counts {
			counts[p] += int(d.Table.Row(i).Consent >> p & 1)
		}
	}
	return counts
}

func readSchema(path string) (*schema.Schema, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the schema: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, schema.MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the schema: %w", err)
	}
	s, err := schema.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func readRows(ctx context.Context, path string, s *schema.Schema, progress Progress) ([]table.Row, []event.Column, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't read the table: %w", err)
	}
	defer f.Close()
	r, err := tabular.Open(path, f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	coder, err := s.Bind(r.Columns())
	if err != nil {
		return nil, nil, fmt.Errorf("the schema doesn't fit %s: %w", path, err)
	}
	layout, err := table.LayoutFor(len(coder.Columns))
	if err != nil {
		return nil, nil, err
	}
	var rows []table.Row
	for {
		row, err := readRow(r, coder)
		if err == io.EOF {
			break
		}
		if err == nil && len(rows) == layout.MaxRows() {
			err = fmt.Errorf("there are more than %d rows; so many have room with %d columns", layout.MaxRows(), layout.Columns)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		if rows = append(rows, row); len(rows)%1000 == 0 {
			report(progress, StepRead, len(rows), 0)
		}
	}
	if len(rows) == 0 {
		return nil, nil, fmt.Errorf("%s: there are no rows", path)
	}
	return rows, coder.Columns, nil
}

func readRow(r tabular.Reader, coder *schema.Coder) (table.Row, error) {
	cells, line, err := r.Read()
	if err != nil {
		return table.Row{}, err
	}
	row := table.Row{}
	if row.Cells, err = coder.Code(make([]uint16, 0, len(coder.Columns)), cells); err == nil && coder.HasConsent() {
		row.Consent, err = coder.Consent(cells)
	}
	if err != nil {
		return table.Row{}, &tabular.Error{Line: line, Reason: err.Error()}
	}
	return row, nil
}

func addConsents(rows []table.Row, path string, purposes []string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("couldn't read the consents: %w", err)
	}
	defer f.Close()
	r, err := tabular.NewCSV(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	masks, err := schema.ReadConsents(r, purposes, len(rows))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i, m := range masks {
		rows[i].Consent = m
	}
	return nil
}

func report(p Progress, step string, done, total int) {
	if p != nil {
		p(step, done, total)
	}
}

// Rows are all rows, with salts and consents. They are the data set's own: don't change them.
func (d *Dataset) Rows() []table.Row {
	rows := make([]table.Row, d.Table.Len())
	for i := range rows {
		rows[i] = d.Table.Row(i)
	}
	return rows
}
