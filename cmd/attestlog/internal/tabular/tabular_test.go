package tabular

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func readAll(r Reader) (rows [][]string, lines []int, err error) {
	for {
		cells, line, err := r.Read()
		if err == io.EOF {
			return rows, lines, nil
		}
		if err != nil {
			return rows, lines, err
		}
		rows, lines = append(rows, append([]string(nil), cells...)), append(lines, line)
	}
}

func TestRead(t *testing.T) {
	tests := []struct {
		name, file, text string
		columns          []Column
		rows             [][]string
		lines            []int
	}{
		{"csv", "t.csv", "age,job\n12,clerk\n13,\"a, b\"\n", []Column{{Name: "age"}, {Name: "job"}}, [][]string{{"12", "clerk"}, {"13", "a, b"}}, []int{2, 3}},
		{"csv with byte order mark, CRLF and a cell over two lines", "t.CSV", "\ufeffage,job\r\n12,\"a\nb\"\r\n13, c \r\n", []Column{{Name: "age"}, {Name: "job"}}, [][]string{{"12", "a\nb"}, {"13", "c"}}, []int{2, 4}},
		{"csv is brought to NFC", "t.csv", "gro\u0308ße\n1\n", []Column{{Name: "größe"}}, [][]string{{"1"}}, []int{2}},
		{"arff", "t.arff", "% c\n@RELATION x\n@attribute 'my age' NUMERIC\n@attribute job {clerk,'b, c', \"d\\\"e\" }\n\n@data\n12,clerk\n% c\n 13 , 'b, c'\n14,\"d\\\"e\"\n",
			[]Column{{Name: "my age", Numeric: true}, {Name: "job", Labels: []string{"clerk", "b, c", `d"e`}}},
			[][]string{{"12", "clerk"}, {"13", "b, c"}, {"14", `d"e`}}, []int{7, 9, 10}},
		{"arff of strings", "t.arff", "@relation x\n@attribute a string\n@data\nx y\n", []Column{{Name: "a"}}, [][]string{{"x y"}}, []int{4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Open(tt.file, strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			rows, lines, err := readAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.columns, r.Columns()); d != "" {
				t.Error("columns:", d)
			}
			if d := cmp.Diff(tt.rows, rows); d != "" {
				t.Error("rows:", d)
			}
			if d := cmp.Diff(tt.lines, lines); d != "" {
				t.Error("lines:", d)
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	wide := strings.Repeat("a,", MaxColumns) + "a\n"
	tests := []struct{ name, file, text, want string }{
		{"neither csv nor arff", "t.txt", "", "must end in .csv or .arff"},
		{"empty csv", "t.csv", "", "line 1: the file is empty"},
		{"column twice", "t.csv", "a,b,a\n", `line 1: the column "a" stands twice`},
		{"column without a name", "t.csv", "a,\n", "line 1: column 2 has no name"},
		{"too many columns", "t.csv", wide, "line 1: there are 257 columns"},
		{"short row", "t.csv", "a,b\n1,2\n3\n", "line 3: the row has 1 cells, the table has 2 columns"},
		{"bare quote", "t.csv", "a,b\n1,2\n3,x\"y\n", "line 3: this is not CSV"},
		{"missing value", "t.csv", "a,b\n1,2\n3,\n", `line 3: the value of column "b" is missing`},
		{"question mark", "t.csv", "a,b\n?,2\n", `line 2: the value of column "a" is missing`},
		{"long value", "t.csv", "a\n" + strings.Repeat("x", MaxCell+1) + "\n", `line 2: the value of column "a" is longer`},
		{"long line", "t.csv", "a\n" + strings.Repeat("x", MaxLine+1), "line 2: the line is longer"},
		{"csv not UTF-8", "t.csv", "a\n\xff\n", "line 2: the text is not UTF-8"},
		{"arff without data", "t.arff", "@relation x\n@attribute a numeric\n", "line 3: the file ends before @data"},
		{"arff without attributes", "t.arff", "@relation x\n@data\n1\n", "line 2: there are no columns"},
		{"arff with something else", "t.arff", "@relation x\nhello\n", "line 2: want @relation"},
		{"arff date", "t.arff", "@attribute a date\n", "line 1: an attribute must be"},
		{"arff attribute without a type", "t.arff", "@attribute\n", "line 1: want a name and a type"},
		{"arff open quote in a name", "t.arff", "@attribute 'a numeric\n", "line 1: a quote is not closed"},
		{"arff sparse", "t.arff", "@attribute a numeric\n@data\n{0 1}\n", "line 3: the row is sparse"},
		{"arff open quote", "t.arff", "@attribute a numeric\n@data\n'1\n", "line 3: a quote is not closed"},
		{"arff junk after quote", "t.arff", "@attribute a numeric\n@data\n'1'2\n", "line 3: something stands between"},
		{"arff weight", "t.arff", "@attribute a numeric\n@data\n1,{5}\n", "line 3: a quote, a brace"},
		{"arff missing", "t.arff", "@attribute a numeric\n@attribute b numeric\n@data\n1,?\n", `line 4: the value of column "b" is missing`},
		{"arff not UTF-8", "t.arff", "@attribute a numeric\n@data\n\xff\n", "line 3: the text is not UTF-8"},
		{"arff long line", "t.arff", "%" + strings.Repeat("x", MaxLine), "line 1: the line is longer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Open(tt.file, strings.NewReader(tt.text))
			if err == nil {
				_, _, err = readAll(r)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestFileSize checks that a file without end is refused; the reader is told that most of it was read already.
func TestFileSize(t *testing.T) {
	b := &bounded{r: &repeat{text: []byte("1\n")}, read: MaxFile - 3}
	text, err := io.ReadAll(b)
	if err == nil || !strings.Contains(err.Error(), "larger than 512 MiB") {
		t.Fatalf("got %d bytes and the error %v", len(text), err)
	}
}

type repeat struct{ text []byte }

func (r *repeat) Read(p []byte) (int, error) { return copy(p, r.text), nil }

func TestGermanCredit(t *testing.T) {
	f, err := os.Open("../../../../testdata/german-credit/credit-g.arff")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Open(f.Name(), f)
	if err != nil {
		t.Fatal(err)
	}
	rows, lines, err := readAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1000 || len(r.Columns()) != 21 || lines[0] != 302 {
		t.Fatalf("got %d rows of %d columns from line %d", len(rows), len(r.Columns()), lines[0])
	}
	if rows[0][0] != "<0" || rows[0][3] != "radio/tv" || rows[0][12] != "67" || rows[0][20] != "good" {
		t.Errorf("row 0 is %q", rows[0])
	}
}

func fuzz(f *testing.F, file string) {
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Open(file, strings.NewReader(string(text)))
		if err != nil {
			return
		}
		for n := 0; n < 1000; n++ {
			cells, line, err := r.Read()
			if err == io.EOF {
				return
			}
			if err != nil {
				var e *Error
				if errors.As(err, &e) && e.Line < 1 {
					t.Fatalf("the error %v names no line", err)
				}
				return
			}
			if len(cells) != len(r.Columns()) || line < 1 {
				t.Fatalf("a row of %d cells in line %d, of %d columns", len(cells), line, len(r.Columns()))
			}
			for _, c := range cells {
				if c == "" || len(c) > MaxCell || !utf8.ValidString(c) {
					t.Fatalf("the cell %q was let through", c)
				}
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\ufeffa\n\"x\ny\"\n", "a,a\n", "a\n\"", "a\n\xff\n", "a\r\n\r\n1\r\n"} {
		f.Add([]byte(s))
	}
	fuzz(f, "x.csv")
}

func FuzzARFF(f *testing.F) {
	for _, s := range []string{"@relation x\n@attribute a {b,'c d'}\n@data\nb\n'c d'\n", "@attribute 'a\\'b' numeric\n@data\n1", "@data", "%\n@attribute a {}\n@data\n''\n"} {
		f.Add([]byte(s))
	}
	fuzz(f, "x.arff")
}
