// Package tabular reads a table of records from a CSV or an ARFF file, row by row.
//
// Such a file comes from outside, so everything is bounded before it is kept: the file, the columns, a cell. What is
// not plainly right is refused, and the error says in which line: a data set is committed once, and whoever commits to
// a table that was read with good will but wrongly can't take it back.
package tabular

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits on what is read.
const (
	MaxFile    = 512 << 20 // bytes
	MaxLine    = 1 << 20   // bytes
	MaxColumns = 256       // more than a table can commit to, since columns may be ignored
	MaxCell    = 256       // bytes
)

// Column is what the file itself says about a column.
type Column struct {
	Name    string
	Labels  []string // the values that an ARFF file allows, in its order; nil where the file names none
	Numeric bool     // an ARFF file says that the values are numbers
}

// Reader gives the rows of a table.
type Reader interface {
	// Columns describes the columns, in the order of the cells.
	Columns() []Column
	// Read gives the next row and the line at which it starts (from 1), or io.EOF after the last. The slice is the
	// reader's: it changes with the next call. All cells are in NFC, and none is empty.
	Read() (cells []string, line int, err error)
}

// Error says what is wrong in which line.
type Error struct {
	Line   int // from 1
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

func fail(line int, format string, args ...any) error {
	return &Error{Line: line, Reason: fmt.Sprintf(format, args...)}
}

// Open reads the head of a table: as ARFF if the file's name ends in .arff, as CSV if it ends in .csv.
func Open(name string, r io.Reader) (Reader, error) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".arff":
		return NewARFF(r)
	case ".csv":
		return NewCSV(r)
	}
	return nil, fmt.Errorf("%s: the file's name must end in .csv or .arff, which says how to read it", name)
}

// lines gives the lines of a file, bounded.
type lines struct {
	scanner *bufio.Scanner
	number  int
}

func newLines(r io.Reader) *lines {
	s := bufio.NewScanner(&bounded{r: r})
	s.Buffer(make([]byte, 0, 64<<10), MaxLine)
	return &lines{scanner: s}
}

// next returns the next line without its end, or io.EOF.
func (l *lines) next() (string, error) {
	if !l.scanner.Scan() {
		switch err := l.scanner.Err(); err {
		case nil:
			return "", io.EOF
		case bufio.ErrTooLong:
			return "", fail(l.number+1, "the line is longer than %d bytes", MaxLine)
		default:
			return "", err
		}
	}
	l.number++
	line := l.scanner.Bytes()
	if l.number == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	if !utf8.Valid(line) {
		return "", fail(l.number, "the text is not UTF-8: save the file in that encoding")
	}
	return string(line), nil
}

// bounded is a reader that refuses more than MaxFile bytes.
type bounded struct {
	r    io.Reader
	read int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.read += int64(n); b.read > MaxFile {
		return 0, fmt.Errorf("the file is larger than %d MiB", MaxFile>>20)
	}
	return n, err
}

// clean gives a cell or name its one form.
func clean(s string) string { return norm.NFC.String(strings.TrimSpace(s)) }

// checkColumns refuses columns that can't be told apart.
func checkColumns(columns []Column, line int) error {
	if len(columns) == 0 {
		return fail(line, "there are no columns")
	}
	if len(columns) > MaxColumns {
		return fail(line, "there are %d columns, and at most %d can be read", len(columns), MaxColumns)
	}
	seen := make(map[string]bool, len(columns))
	for i, c := range columns {
		switch {
		case c.Name == "":
			return fail(line, "column %d has no name", i+1)
		case len(c.Name) > MaxCell:
			return fail(line, "the name of column %d is longer than %d bytes", i+1, MaxCell)
		case seen[c.Name]:
			return fail(line, "the column %q stands twice", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// checkCells refuses a row that doesn't fit the columns. It never quotes a cell: the data is private, and errors are not.
func checkCells(cells []string, columns []Column, line int) error {
	if len(cells) != len(columns) {
		return fail(line, "the row has %d cells, the table has %d columns", len(cells), len(columns))
	}
	for i, c := range cells {
		switch {
		case c == "" || c == "?":
			return fail(line, "the value of column %q is missing; a committed table has a value in each cell, so give missing ones a label of their own", columns[i].Name)
		case len(c) > MaxCell:
			return fail(line, "the value of column %q is longer than %d bytes", columns[i].Name, MaxCell)
		}
	}
	return nil
}
