// Package access makes access lists and proves them: which records of a data set were read, of which columns, for what purpose.
//
// The list itself, with the salt of its commitment, is the source's secret. It is what the source shows an auditor who asks
// later, and what it takes to prove the claims again, together with the data set's secrets.
package access

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gowebpki/jcs"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Format is what the file of a list says it is.
const Format = "attestlog-access-list/v1"

// MaxFile bounds the file of a list, in bytes.
const MaxFile = 1 << 20

// maxRows bounds a list: more than any statement has room for.
const maxRows = 4096

// List is an access list.
type List struct {
	Statement statement.Statement // whose slots the commitment has
	Salt      table.Salt
	Rows      []int // strictly increasing, from 0
}

// NewList makes a list with a fresh salt, for the smallest statement that has room for it.
func NewList(rows []int) (*List, error) {
	s, err := statement.Fitting(event.DataAccess, len(rows))
	if err != nil {
		return nil, err
	}
	l := &List{Statement: s, Rows: rows}
	rand.Read(l.Salt[:]) // never fails: crypto/rand ends the program first
	return l, l.check()
}

func (l *List) check() error {
	if len(l.Rows) == 0 || len(l.Rows) > l.Statement.Capacity {
		return fmt.Errorf("%s has room for 1 to %d rows, not %d", l.Statement.Name, l.Statement.Capacity, len(l.Rows))
	}
	for i, row := range l.Rows {
		if row < 0 || row >= event.MaxRows || i > 0 && row <= l.Rows[i-1] {
			return errors.New("the rows must be numbers from 0, strictly increasing")
		}
	}
	return nil
}

// file is a list in JSON.
type file struct {
	Format    string `json:"format"`
	Statement string `json:"statement"`
	Salt      string `json:"salt"`
	Rows      []int  `json:"rows"`
}

// Encode writes the list as JSON, for a file that only its owner can read.
func (l *List) Encode() ([]byte, error) {
	b, err := json.Marshal(file{Format, l.Statement.Name, hex.EncodeToString(l.Salt[:]), l.Rows})
	if err != nil {
		return nil, fmt.Errorf("couldn't write the access list: %w", err)
	}
	return append(b, '\n'), nil
}

// Decode reads a list, strictly. Errors quote nothing of it.
func Decode(b []byte) (*List, error) {
	if len(b) > MaxFile {
		return nil, fmt.Errorf("not an access list: it has more than %d bytes", MaxFile)
	}
	// Sorted members, none twice; then exactly ours.
	canonical, err := jcs.Transform(b)
	if err != nil {
		return nil, errors.New("not an access list: it is not JSON as RFC 8785 wants it")
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(canonical))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil || f.Format != Format {
		return nil, fmt.Errorf("not an access list: want an object with format %q, statement, salt and rows", Format)
	}
	s, err := statement.ByName(f.Statement)
	if err != nil || s.Proves != event.DataAccess {
		return nil, errors.New("not an access list: it names no statement about data accesses")
	}
	l := &List{Statement: s, Rows: f.Rows}
	salt, err := hex.DecodeString(f.Salt)
	if err != nil || len(salt) != len(l.Salt) {
		return nil, fmt.Errorf("not an access list: its salt doesn't have %d bytes in hex", len(l.Salt))
	}
	copy(l.Salt[:], salt)
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("not an access list: %w", err)
	}
	return l, nil
}

// Read is Decode of what r holds.
func Read(r io.Reader) (*List, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the access list: %w", err)
	}
	return Decode(b)
}

// Claims says in public what the list holds: the rows of d, which entry dataset of the log commits to, of these columns, for this
// purpose. The columns are brought into the data set's order. An untrue claim, such as a row that doesn't consent, gives a
// *statement.Violation.
func (l *List) Claims(d *dataset.Dataset, entry event.Digest, columns []string, purpose string) (*event.DataAccessClaims, error) {
	columns, err := inOrder(columns, d.Claims.Columns)
	if err != nil {
		return nil, err
	}
	mask, err := statement.ColumnMask(d.Claims, columns)
	if err != nil {
		return nil, err
	}
	w, err := l.Witness(d)
	if err != nil {
		return nil, err
	}
	accesses, err := w.Accesses(l.Statement.Capacity, mask)
	if err != nil {
		return nil, err
	}
	claims := &event.DataAccessClaims{Accesses: accesses, Columns: columns, Dataset: entry, Purpose: purpose, Records: int64(len(l.Rows))}
	refs := only{entry, &event.Event{Claims: d.Claims}}
	public, err := statement.DeriveDataAccess(l.Statement, claims, event.Element{}, refs)
	if err != nil {
		return nil, err
	}
	if err := statement.CheckDataAccess(l.Statement.Capacity, w, public); err != nil {
		return nil, l.Explain(err)
	}
	return claims, nil
}

// Witness opens the rows.
func (l *List) Witness(d *dataset.Dataset) (*statement.DataAccessWitness, error) {
	if last := l.Rows[len(l.Rows)-1]; last >= d.Table.Len() {
		return nil, fmt.Errorf("the data set has the rows 0 to %d, and %d is none of them", d.Table.Len()-1, last)
	}
	return statement.NewDataAccessWitness(d.Table, statement.SchemaDigest(d.Claims), l.Salt, l.Rows...)
}

// Untrue says which rule of the statement the claims break, and for which row.
type Untrue struct {
	Row int // of the data set, or −1
	Err *statement.Violation
}

func (u *Untrue) Error() string {
	if u.Row < 0 {
		return u.Err.Error()
	}
	return fmt.Sprintf("row %d of the data set: %s (rule %q)", u.Row, u.Err.Detail, u.Err.Rule)
}

func (u *Untrue) Unwrap() error { return u.Err }

// Explain names the row of the data set that a *statement.Violation about the list's rows is of. Other errors stay as they are.
func (l *List) Explain(err error) error {
	var v *statement.Violation
	if !errors.As(err, &v) {
		return err
	}
	row := -1
	if v.Record >= 0 && v.Record < len(l.Rows) {
		row = l.Rows[v.Record]
	}
	return &Untrue{row, v}
}

// only is a resolver that knows one event.
type only struct {
	digest event.Digest
	event  *event.Event
}

func (o only) Event(d event.Digest) (*event.Event, error) {
	if d != o.digest {
		return nil, fmt.Errorf("event %s is not at hand", d)
	}
	return o.event, nil
}

// inOrder sorts the names of columns as the data set has them, and refuses a name that it doesn't know or that stands twice.
func inOrder(names []string, columns []event.Column) ([]string, error) {
	var ordered []string
	for _, c := range columns {
		switch n := countOf(names, c.Name); {
		case n > 1:
			return nil, fmt.Errorf("column %q stands twice", c.Name)
		case n == 1:
			ordered = append(ordered, c.Name)
		}
	}
	for _, n := range names {
		if !slices.Contains(ordered, n) {
			return nil, fmt.Errorf("the data set has no column %q", n)
		}
	}
	return ordered, nil
}

func countOf(list []string, s string) (n int) {
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// ParseRows reads a list of rows such as "3,17,40-97", from 0, and sorts it. A row that stands twice is an error.
func ParseRows(s string) ([]int, error) {
	var rows []int
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.ParseUint(from, 10, 31)
		b, err2 := strconv.ParseUint(to, 10, 31)
		if err1 != nil || err2 != nil || b < a {
			return nil, fmt.Errorf("%q is neither a row's number, from 0, nor a range such as 40-97", part)
		}
		if b-a >= maxRows || len(rows)+int(b-a) >= maxRows {
			return nil, fmt.Errorf("at most %d rows can be listed", maxRows)
		}
		for row := a; row <= b; row++ {
			rows = append(rows, int(row))
		}
	}
	slices.Sort(rows)
	for i := 1; i < len(rows); i++ {
		if rows[i] == rows[i-1] {
			return nil, fmt.Errorf("row %d stands twice", rows[i])
		}
	}
	return rows, nil
}
