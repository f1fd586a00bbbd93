package schema

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/tabular"
	"github.com/attestlog/attestlog/ledger/event"
)

const example = `format: attestlog-schema/v1
name: people
purposes: [scoring, ads]
consent: {column: agreed}
columns:
  - {name: age, role: quasi, min: -5, max: 120}
  - {name: job, role: other, labels: [clerk, smith]}
  - {name: risk, role: sensitive}
ignore: [remark]
`

var people = []tabular.Column{{Name: "risk", Labels: []string{"low", "high"}}, {Name: "remark"}, {Name: "age", Numeric: true}, {Name: "job"}, {Name: "agreed"}}

func TestCode(t *testing.T) {
	s, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Bind(people)
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Column{
		{Name: "age", Role: event.RoleQuasi, Coding: event.Coding{Integer: &event.IntegerCoding{Min: -5, Max: 120}}},
		{Name: "job", Role: event.RoleOther, Coding: event.Coding{Category: &event.CategoryCoding{Labels: []string{"clerk", "smith"}}}},
		{Name: "risk", Role: event.RoleSensitive, Coding: event.Coding{Category: &event.CategoryCoding{Labels: []string{"low", "high"}}}},
	}
	if d := cmp.Diff(want, c.Columns); d != "" {
		t.Error(d)
	}
	tests := []struct {
		name    string
		cells   []string
		codes   []uint16
		consent uint64
		wrong   string
	}{
		{"first", []string{"low", "?", "-5", "clerk", "scoring"}, []uint16{0, 0, 0}, 1, ""},
		{"last", []string{"high", "?", "120", "smith", "ads; scoring"}, []uint16{125, 1, 1}, 3, ""},
		{"none", []string{"high", "?", "0", "smith", "none"}, []uint16{5, 1, 1}, 0, ""},
		{"below", []string{"high", "?", "-6", "smith", "none"}, nil, 0, `column "age" is not within its range, -5 to 120`},
		{"above", []string{"high", "?", "121", "smith", "none"}, nil, 0, `column "age" is not within`},
		{"fraction", []string{"high", "?", "1.5", "smith", "none"}, nil, 0, `column "age" is not an integer`},
		{"label", []string{"high", "?", "1", "Smith", "none"}, nil, 0, `column "job" is none of its 2 labels`},
		{"purpose", []string{"high", "?", "1", "smith", "spam"}, nil, 0, "not among the purposes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			codes, err := c.Code(nil, tt.cells)
			var consent uint64
			if err == nil {
				consent, err = c.Consent(tt.cells)
			}
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Fatalf("got %v, want %q", err, tt.wrong)
				}
				return
			}
			if err != nil || !cmp.Equal(codes, tt.codes) || consent != tt.consent {
				t.Errorf("got %v, consent %b, %v", codes, consent, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, from, to, want string }{
		{"empty", example, "", "the schema is empty"},
		{"not YAML", "[scoring, ads]", "[scoring, ads", "yaml: line"},
		{"two documents", "ignore: [remark]\n", "ignore: [remark]\n---\na: b\n", "one YAML document"},
		{"format", "schema/v1", "schema/v2", "want `format: attestlog-schema/v1`"},
		{"unknown member", "ignore:", "ignored:", "line 9: field ignored not found"},
		{"unknown member of a column", "role: quasi", "roll: quasi", `line 6: a column has no member "roll"`},
		{"member twice", "ignore: [remark]", "name: people", "already defined"},
		{"no name", "name: people", "name: ''", "name: the data set needs a name"},
		{"no columns", example[strings.Index(example, "columns:"):], "", "columns: describe at least one"},
		{"a column that is a word", "{name: age, role: quasi, min: -5, max: 120}", "age", "line 6: a column is described as"},
		{"role", "role: quasi", "role: secret", `line 6: column "age": role "secret" is unknown`},
		{"min without max", ", max: 120", "", `line 6: column "age": min and max belong together`},
		{"range too wide", "max: 120", "max: 65531", "65,536 integers"},
		{"range upside down", "max: 120", "max: -6", "65,536 integers"},
		{"range beyond 64 bits", "min: -5, max: 120", "min: -9223372036854775808, max: 9223372036854775807", "65,536 integers"},
		{"range and labels", "max: 120", "max: 120, labels: [a]", "either a range"},
		{"label twice", "[clerk, smith]", "[clerk, clerk]", `line 7: column "job": the label "clerk" stands twice`},
		{"no label", "[clerk, smith]", "[]", "there are 0 labels"},
		{"column twice", "name: job", "name: age", `line 7: column "age" is described twice (line 6)`},
		{"purpose twice", "[scoring, ads]", "[ads, ads]", `purposes: "ads" stands twice`},
		{"purpose row", "[scoring, ads]", "[row]", `"row" can't name a purpose`},
		{"no consent", "consent: {column: agreed}\n", "", "say where it stands who consented"},
		{"no purposes", "purposes: [scoring, ads]\n", "", "name what it is for"},
		{"two consents", "{column: agreed}", "{column: agreed, file: x}", "not both"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(strings.Replace(example, tt.from, tt.to, 1)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestBindRefuses(t *testing.T) {
	tests := []struct {
		name    string
		columns []tabular.Column
		want    string
	}{
		{"column not in the table", people[:2], `line 6: the table has no column "age"`},
		{"column not in the schema", append(people[:5:5], tabular.Column{Name: "more"}), `column "more" is not in the schema`},
		{"nothing to ignore", append(people[:1:1], people[2:]...), `no column "remark"`},
		{"no labels", append([]tabular.Column{{Name: "risk"}}, people[1:]...), `line 8: column "risk": give its range`},
		{"labels twice", append([]tabular.Column{{Name: "risk", Labels: []string{"a", "a"}}}, people[1:]...), `line 8: column "risk": the label "a" stands twice`},
	}
	s, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := s.Bind(tt.columns); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestReadConsents(t *testing.T) {
	purposes := []string{"scoring", "ads"}
	tests := []struct {
		name, text string
		masks      []uint64
		wrong      string
	}{
		{"all", "ads,row,scoring\nyes,1,no\nyes,0,yes\nno,2,no\n", []uint64{3, 2, 0}, ""},
		{"missing rows consent to nothing", "row,scoring,ads\n1,yes,yes\n", []uint64{0, 3, 0}, ""},
		{"row twice", "row,scoring,ads\n1,yes,yes\n1,no,no\n", nil, "line 3: row 1 stands twice"},
		{"row beyond", "row,scoring,ads\n3,yes,yes\n", nil, "line 2: the table has the rows 0 to 2"},
		{"row negative", "row,scoring,ads\n-1,yes,yes\n", nil, "line 2: the table has the rows 0 to 2"},
		{"neither yes nor no", "row,scoring,ads\n1,yes,1\n", nil, "line 2: consent must be yes or no"},
		{"another column", "row,scoring,spam\n1,yes,yes\n", nil, `line 1: the column "spam"`},
		{"purpose missing", "row,scoring\n1,yes\n", nil, "line 1: want a column `row`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := tabular.NewCSV(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			masks, err := ReadConsents(r, purposes, 3)
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Fatalf("got %v, want %q", err, tt.wrong)
				}
				return
			}
			if err != nil || !cmp.Equal(masks, tt.masks) {
				t.Errorf("got %v, %v", masks, err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	german, err := os.ReadFile("../../../../testdata/german-credit/schema.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(german)
	f.Add([]byte("a: &a [x]\nb: *a\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			return
		}
		var columns []tabular.Column
		for _, c := range s.Columns {
			columns = append(columns, tabular.Column{Name: c.Name, Labels: []string{"x"}})
		}
		c, err := s.Bind(columns)
		if err != nil {
			return
		}
		// What binds can be said in an event.
		e := &event.Event{Subject: event.Subject{Name: s.Name}, Log: "log", Source: "a/b", Seq: 1, Proof: event.ProofNone,
			Claims: &event.DatasetClaims{Columns: c.Columns, Purposes: s.Purposes, Rows: 1}}
		if _, err := e.Encode(); err != nil && !strings.Contains(err.Error(), "at most") {
			t.Fatalf("%q: %v", b, err)
		}
	})
}

// TestFill has columns that the table doesn't have: their place is filled with one label.
func TestFill(t *testing.T) {
	s, err := Parse([]byte(strings.Replace(example, "columns:\n", "columns:\n  - {name: none-1, role: quasi, fill: '-'}\n", 1)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Bind(people)
	if err != nil {
		t.Fatal(err)
	}
	want := event.Column{Name: "none-1", Role: event.RoleQuasi, Coding: event.Coding{Category: &event.CategoryCoding{Labels: []string{"-"}}}}
	if d := cmp.Diff(want, c.Columns[0]); d != "" || len(c.Columns) != 4 {
		t.Error(len(c.Columns), d)
	}
	codes, err := c.Code(nil, []string{"high", "?", "120", "smith", "none"})
	if err != nil || !cmp.Equal(codes, []uint16{0, 125, 1, 1}) {
		t.Errorf("got %v, %v", codes, err)
	}
	if _, err := s.Bind(append(people[:5:5], tabular.Column{Name: "none-1"})); err == nil || !strings.Contains(err.Error(), `line 6: the table has a column "none-1", so there is nothing to fill`) {
		t.Errorf("the table has the column: %v", err)
	}
	for text, want := range map[string]string{
		"fill: '-', min: 0, max: 1":         "neither range nor labels",
		"fill: '-', labels: [a]":            "neither range nor labels",
		"fill: " + strings.Repeat("x", 129): "a label must have 1 to 128 bytes",
	} {
		if _, err := Parse([]byte(strings.Replace(example, "min: -5, max: 120", text, 1))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
