package hierarchy

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

var update = flag.Bool("update", false, "write what the vectors should be")

const example = `format: attestlog-hierarchy/v1
columns:
  - {name: age, intervals: [18, 40, 65]}
  - {name: town, prefix: 3}
  - name: job
    categories:
      medical: [nurse, doctor]
      office: [clerk]
  - {name: sex, keep: true}
`

func integers(min, max int64) event.Coding {
	return event.Coding{Integer: &event.IntegerCoding{Min: min, Max: max}}
}

func labels(l ...string) event.Coding {
	return event.Coding{Category: &event.CategoryCoding{Labels: l}}
}

// people is a data set that the example fits.
func people() *event.DatasetClaims {
	return &event.DatasetClaims{Purposes: []string{"research"}, Rows: 3, Root: event.Element{31: 1}, Columns: []event.Column{
		{Name: "illness", Role: event.RoleSensitive, Coding: labels("a", "b")},
		{Name: "age", Role: event.RoleQuasi, Coding: integers(18, 90)},
		{Name: "town", Role: event.RoleQuasi, Coding: labels("10115", "10117", "20095")},
		{Name: "job", Role: event.RoleQuasi, Coding: labels("nurse", "doctor", "clerk")},
		{Name: "sex", Role: event.RoleQuasi, Coding: labels("f", "m")},
		{Name: "dose", Role: event.RoleOther, Coding: integers(0, 9)},
	}}
}

func TestParseAndBind(t *testing.T) {
	h, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	by, err := h.Bind(people())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]statement.Generalization{
		"age": {Intervals: []int64{18, 40, 65}}, "town": {Prefix: 3}, "sex": {Prefix: 128},
		"job": {Categories: []statement.Category{{Name: "medical", Labels: []string{"nurse", "doctor"}}, {Name: "office", Labels: []string{"clerk"}}}},
	}
	if d := cmp.Diff(want, by); d != "" {
		t.Error(d)
	}
}

// Labels in another Unicode form than the data set's are the same labels.
func TestNormalized(t *testing.T) {
	data := people()
	data.Columns[3].Coding = labels("Pfo\u0308rtner", "clerk")
	data.Columns[3].Coding.Category.Labels[0] = "Pf\u00f6rtner"
	h, err := Parse([]byte(strings.Replace(example, "[nurse, doctor]", "[\"Pfo\u0308rtner\"]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Bind(data); err != nil {
		t.Error(err)
	}
}

func TestKeep(t *testing.T) {
	data := people()
	h, err := Parse([]byte(strings.Replace(example, "intervals: [18, 40, 65]", "keep: true", 1)))
	if err != nil {
		t.Fatal(err)
	}
	by, err := h.Bind(data)
	if err != nil {
		t.Fatal(err)
	}
	released, codes, err := by["age"].Apply(data.Columns[1])
	if err != nil || len(released) != 1+73 || released[1] != "18" || released[73] != "90" || codes[72] != 73 {
		t.Errorf("age becomes %v, %v, %v", released, codes, err)
	}
	if released, _, err = by["sex"].Apply(data.Columns[4]); err != nil || !slices.Equal(released, []string{"*", "f", "m"}) {
		t.Errorf("sex becomes %v, %v", released, err)
	}
	data.Columns[1].Coding = integers(0, 128)
	if _, err := h.Bind(data); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("129 ages are kept: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"nothing", example, "", "the hierarchy is empty; it begins with `format: attestlog-hierarchy/v1`"},
		{"no YAML", "columns:", "columns: [", "yaml: line"},
		{"another format", "hierarchy/v1", "schema/v1", "want `format: attestlog-hierarchy/v1`"},
		{"an unknown member", "columns:", "colums:", "line 2: field colums not found"},
		{"two documents", "format:", "---\na: b\n---\nformat:", "field a not found"},
		{"a second document", "keep: true}\n", "keep: true}\n---\na: b\n", "must be one YAML document"},
		{"a column that is a word", "{name: town, prefix: 3}", "town", "line 4: a column is described as"},
		{"a member that columns don't have", "prefix: 3", "prefixes: 3", `line 4: a column has no member "prefixes"`},
		{"a member twice", "prefix: 3", "prefix: 3, prefix: 4", `line 4: "prefix" stands twice`},
		{"two ways", "prefix: 3", "prefix: 3, keep: true", "line 4: a column has a name, and one of"},
		{"no way", ", prefix: 3", "", "line 4: a column has a name, and one of"},
		{"no name", "name: town, ", "", "line 4: a column has a name, and one of"},
		{"a prefix that is no number", "prefix: 3", "prefix: three", "line 4"},
		{"a prefix of none", "prefix: 3", "prefix: 0", `line 4: column "town": a prefix keeps 1 to 128 characters`},
		{"no intervals", "[18, 40, 65]", "[]", `line 3: column "age": list where each interval begins`},
		{"intervals that don't increase", "40, 65", "40, 40", `line 3: column "age": the intervals must increase, and 40 doesn't`},
		{"intervals of text", "40, 65", "40, old", "line 3"},
		{"not kept", "keep: true", "keep: false", `line 9: column "sex": keep is true, or isn't there`},
		{"a column twice", "name: sex", "name: town", `line 9: column "town" is described twice (line 4)`},
		{"categories in a list", "      medical: [nurse, doctor]\n      office: [clerk]", "      [nurse, doctor]", "line 7: categories are written as"},
		{"no categories", "\n      medical: [nurse, doctor]\n      office: [clerk]", " {}", `column "job": name at least one category`},
		{"a category of nothing", "[clerk]", "[]", "line 8: a category has a name"},
		{"the blank for a category", "office:", "'*':", "line 8: a category has a name"},
		{"a category twice", "office:", "medical:", `line 8: "medical" stands in line 7 already`},
		{"a label twice", "[clerk]", "[nurse]", `line 8: "nurse" stands in line 7 already`},
		{"a label that is a list", "[clerk]", "[[clerk]]", "line 8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(example, tt.old, tt.new, 1)
			if text == example {
				t.Fatal("nothing was changed")
			}
			if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := Parse(bytes.Repeat([]byte("#"), MaxFile+1)); err == nil {
		t.Error("a file beyond the limit is read")
	}
}

func TestBindRefuses(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"a column that isn't there", "name: town", "name: city", `line 4: the data set has no column "city"`},
		{"a column that isn't quasi", "name: town, prefix: 3", "name: dose, keep: true", `line 4: column "dose" is other; only quasi-identifiers are generalized`},
		{"one is missing", "  - {name: town, prefix: 3}\n", "", `the quasi-identifier "town" is missing`},
		{"a label in no category", "nurse, doctor", "nurse", `line 5: couldn't generalize column "job": "doctor" is in 0 categories`},
		{"a label that the column doesn't have", "nurse, doctor", "nurse, doctor, docter", `line 5: column "job" has no label "docter"`},
		{"intervals of labels", "prefix: 3", "intervals: [0]", `line 4: couldn't generalize column "town": intervals are for integers`},
		{"a prefix of integers", "intervals: [18, 40, 65]", "prefix: 1", "line 3: couldn't generalize"},
		{"a value before the first interval", "[18, 40", "[19, 40", `line 3: couldn't generalize column "age": 18 is in no interval`},
		{"an interval beyond the range", "65]", "65, 91]", `line 3: column "age" goes from 18 to 90: no value is in the interval that begins with 91`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(example, tt.old, tt.new, 1)
			if text == example {
				t.Fatal("nothing was changed")
			}
			h, err := Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Bind(people()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// vector is an element of testdata/hash/hierarchy.json.
type vector struct {
	Name      string          `json:"name"`
	Dataset   json.RawMessage `json:"dataset"`   // the raw data set, as attestlog dataset commit writes claims
	Hierarchy string          `json:"hierarchy"` // the file
	Released  json.RawMessage `json:"released"`  // the released columns, as claims with the raw root
	Codes     string          `json:"codes"`     // 768 bytes in hex: of each slot the released code of each raw one
	Digest    event.Element   `json:"digest"`
}

// compute is what follows from a data set and a hierarchy file.
func compute(t *testing.T, name string, raw *draft.Draft, text string) vector {
	t.Helper()
	h, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	claims := raw.Claims.(*event.DatasetClaims)
	by, err := h.Bind(claims)
	if err != nil {
		t.Fatal(err)
	}
	codes, columns, err := statement.Generalize(claims, by)
	if err != nil {
		t.Fatal(err)
	}
	v := vector{Name: name, Hierarchy: text, Digest: codes.Digest()}
	for slot := range codes {
		v.Codes += hex.EncodeToString(codes[slot][:])
	}
	released := *claims
	released.Columns = columns
	if v.Dataset, err = raw.Encode(); err == nil {
		v.Released, err = (&draft.Draft{Subject: raw.Subject, Claims: &released}).Encode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVectors reads the vectors and computes them again, and computes them from the sources and writes the same file.
func TestVectors(t *testing.T) {
	file := filepath.Join("..", "..", "..", "..", "testdata", "hash", "hierarchy.json")
	german := filepath.Join("..", "..", "..", "..", "testdata", "german-credit")
	text, err := os.ReadFile(filepath.Join(german, "hierarchy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Commit(context.Background(), filepath.Join(german, "credit-g.arff"), filepath.Join(german, "schema-anonymizable.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	credit := &draft.Draft{Subject: event.Subject{Name: d.Name}, Claims: d.Claims}
	d.Claims.Root = event.Element{31: 1} // which is salted otherwise
	made := []vector{
		compute(t, "each way", &draft.Draft{Subject: event.Subject{Name: "people"}, Claims: people()}, example),
		compute(t, "german credit", credit, string(text)),
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(made); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	there, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(there, out.Bytes()) {
		t.Error("the sources give other vectors than the file has")
	}
	var read []vector
	if err := json.Unmarshal(there, &read); err != nil || len(read) != len(made) {
		t.Fatalf("%d vectors, %v", len(read), err)
	}
	for _, v := range read {
		raw, err := draft.Decode(v.Dataset)
		if err != nil {
			t.Fatal(err)
		}
		got := compute(t, v.Name, raw, v.Hierarchy)
		if got.Codes != v.Codes || got.Digest != v.Digest {
			t.Errorf("%s: the file gives codes with the digest %s, and should give %s", v.Name, got.Digest, v.Digest)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("format: attestlog-hierarchy/v1\ncolumns: [{name: a, categories: {x: &a [b], y: *a}}]\n"))
	f.Add([]byte("format: attestlog-hierarchy/v1\ncolumns: [{<<: {name: a}, keep: true}]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Parse(b)
		if err != nil {
			return
		}
		by, err := h.Bind(people())
		if err != nil {
			return
		}
		// What binds generalizes every value of every quasi-identifier, to no blank.
		codes, _, err := statement.Generalize(people(), by)
		if err != nil {
			t.Fatalf("%q binds: %v", b, err)
		}
		for slot, n := range []int{73, 3, 3, 2} {
			if slices.Contains(codes[slot][:n], 0) {
				t.Fatalf("%q leaves a value of slot %d blank", b, slot)
			}
		}
	})
}
