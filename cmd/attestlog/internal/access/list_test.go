package access

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

const german = "../../../../testdata/german-credit"

// oneOfTheTable compares statements of the closed table, which have one name each.
var oneOfTheTable = cmp.Comparer(func(a, b statement.Statement) bool { return a.Name == b.Name })

func germanCredit(t *testing.T) *dataset.Dataset {
	t.Helper()
	d, err := dataset.Commit(context.Background(), filepath.Join(german, "credit-g.arff"), filepath.Join(german, "schema.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParseRows(t *testing.T) {
	tests := []struct {
		in    string
		rows  []int
		wrong string
	}{
		{"5", []int{5}, ""},
		{"7, 0-2,5-5", []int{0, 1, 2, 5, 7}, ""},
		{"", nil, "neither"},
		{"1,", nil, "neither"},
		{"-1", nil, "neither"},
		{"3-1", nil, "neither"},
		{"1-2-3", nil, "neither"},
		{"99999999999", nil, "neither"},
		{"1,0-2", nil, "row 1 stands twice"},
		{"0-2147483647", nil, "at most 4096"},
		{"0-4000,5000-6000", nil, "at most 4096"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			rows, err := ParseRows(tt.in)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Fatalf("got %v, want %q", err, tt.wrong)
				}
				return
			}
			if err != nil || !cmp.Equal(rows, tt.rows) {
				t.Errorf("got %v, %v", rows, err)
			}
		})
	}
}

func TestClaims(t *testing.T) {
	d := germanCredit(t)
	entry := event.DigestOf([]byte("entry"))
	rows := func(s string) *List {
		r, err := ParseRows(s)
		if err != nil {
			t.Fatal(err)
		}
		l, err := NewList(r)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	c, err := rows("0-3,999").Claims(d, entry, []string{"class", "age"}, "credit-scoring")
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(c.Columns, []string{"age", "class"}) || c.Records != 5 || c.Dataset != entry {
		t.Errorf("got %+v", c)
	}
	again, err := rows("0-3,999").Claims(d, entry, []string{"class", "age"}, "credit-scoring")
	if err != nil || again.Accesses == c.Accesses {
		t.Errorf("the same list has the same commitment twice (%v)", err)
	}

	silent := -1 // the first row that doesn't consent
	for i := 0; silent < 0; i++ {
		if d.Table.Row(i).Consent&1 == 0 {
			silent = i
		}
	}
	var untrue *Untrue
	_, err = rows("0-"+strconv.Itoa(silent)).Claims(d, entry, []string{"age"}, "credit-scoring")
	if !errors.As(err, &untrue) || untrue.Row != silent || untrue.Err.Rule != statement.RuleConsent {
		t.Errorf("row %d doesn't consent, and the error is %v", silent, err)
	}
	tests := []struct {
		name, rows string
		columns    []string
		purpose    string
		want       string
	}{
		{"unknown column", "0", []string{"shoe size"}, "credit-scoring", `no column "shoe size"`},
		{"column twice", "0", []string{"age", "age"}, "credit-scoring", `column "age" stands twice`},
		{"no column", "0", nil, "credit-scoring", "no column is named"},
		{"unknown purpose", "0", []string{"age"}, "spam", `no purpose "spam"`},
		{"row beyond", "1000", []string{"age"}, "credit-scoring", "the rows 0 to 999"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := rows(tt.rows).Claims(d, entry, tt.columns, tt.purpose); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := NewList(make([]int, 65)); err == nil {
		t.Error("a list of 65 rows has a statement")
	}
}

func TestRoundTrip(t *testing.T) {
	l, err := NewList([]int{0, 5, 7})
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(l, got, oneOfTheTable); d != "" {
		t.Error(d)
	}
	for name, change := range map[string][2]string{
		"another format":    {"list/v1", "list/v2"},
		"unknown member":    {`"rows"`, `"columns"`},
		"member twice":      {`"rows":`, `"rows":[1],"rows":`},
		"unknown statement": {"data-access-16", "data-access-17"},
		"short salt":        {`"salt":"`, `"salt":"","x":"`},
		"rows in disorder":  {"[0,5,7]", "[5,0,7]"},
		"row twice":         {"[0,5,7]", "[5,5,7]"},
		"no rows":           {"[0,5,7]", "[]"},
		"negative row":      {"[0,5,7]", "[-1]"},
		"not JSON":          {"[0,5,7]", "["},
	} {
		text := strings.Replace(string(b), change[0], change[1], 1)
		if text == string(b) {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := Decode([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	l, err := NewList([]int{0, 5, 7})
	if err != nil {
		f.Fatal(err)
	}
	b, err := l.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":"attestlog-access-list/v1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Decode(b)
		if err != nil {
			return
		}
		again, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(again); err != nil || !cmp.Equal(l, got, oneOfTheTable) {
			t.Fatalf("%q comes back as %q (%v)", b, again, err)
		}
	})
}
