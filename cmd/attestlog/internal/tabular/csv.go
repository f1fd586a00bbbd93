package tabular

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"unicode/utf8"
)

// csvReader reads CSV as RFC 4180 has it: commas, double quotes, and a first row with the names of the columns.
type csvReader struct {
	csv     *csv.Reader
	columns []Column
}

// NewCSV reads the row of names.
func NewCSV(r io.Reader) (Reader, error) {
	c := csv.NewReader(&longLines{r: &bounded{r: r}})
	c.ReuseRecord = true
	t := &csvReader{csv: c}
	names, line, err := t.record()
	if err == io.EOF {
		return nil, fail(1, "the file is empty; the first line of a CSV file names the columns")
	}
	if err != nil {
		return nil, err
	}
	for i, n := range names {
		if i == 0 {
			n = string(bytes.TrimPrefix([]byte(n), []byte("\ufeff")))
		}
		t.columns = append(t.columns, Column{Name: clean(n)})
	}
	if err := checkColumns(t.columns, line); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *csvReader) Columns() []Column { return t.columns }

func (t *csvReader) Read() ([]string, int, error) {
	cells, line, err := t.record()
	if err != nil {
		return nil, 0, err
	}
	for i := range cells {
		cells[i] = clean(cells[i])
	}
	if err := checkCells(cells, t.columns, line); err != nil {
		return nil, 0, err
	}
	return cells, line, nil
}

func (t *csvReader) record() ([]string, int, error) {
	cells, err := t.csv.Read()
	var wrong *csv.ParseError
	switch {
	case errors.As(err, &wrong) && errors.Is(err, csv.ErrFieldCount):
		return nil, 0, fail(wrong.StartLine, "the row has %d cells, the table has %d columns", len(cells), len(t.columns))
	case errors.As(err, &wrong):
		return nil, 0, fail(wrong.Line, "this is not CSV: %s", wrong.Err)
	case err != nil:
		return nil, 0, err
	}
	line, _ := t.csv.FieldPos(0)
	for _, c := range cells {
		if !utf8.ValidString(c) {
			return nil, 0, fail(line, "the text is not UTF-8: save the file in that encoding")
		}
	}
	return cells, line, nil
}

// longLines refuses a line of more than MaxLine bytes before encoding/csv gathers it in memory.
type longLines struct {
	r      io.Reader
	line   int
	length int
}

func (l *longLines) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for _, b := range p[:n] {
		l.length++
		if b == '\n' {
			l.line, l.length = l.line+1, 0
		}
		if l.length > MaxLine {
			return 0, fail(l.line+1, "the line is longer than %d bytes", MaxLine)
		}
	}
	return n, err
}
