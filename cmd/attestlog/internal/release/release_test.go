package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/hierarchy"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
)

const german = "../../../../testdata/german-credit"

var rawEntry, releasedEntry = event.Digest{1}, event.Digest{2}

// credit commits to German Credit, in the order in which it can be anonymized, and reads its hierarchy.
func credit(t testing.TB) (*dataset.Dataset, map[string]statement.Generalization) {
	t.Helper()
	d, err := dataset.Commit(context.Background(), filepath.Join(german, "credit-g.arff"), filepath.Join(german, "schema-anonymizable.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(german, "hierarchy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := hierarchy.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	by, err := h.Bind(d.Claims)
	if err != nil {
		t.Fatal(err)
	}
	return d, by
}

// judge derives what each chunk's claims say and lets the native twin judge its witness, after it was written and read.
func judge(t testing.TB, r *Release) error {
	t.Helper()
	var parts []statement.AnonymizationPublic
	for chunk := range r.Chunks() {
		s, err := statement.ByName(r.Statement())
		if err != nil {
			t.Fatal(err)
		}
		p, err := statement.DeriveAnonymization(s, r.Claims(chunk, releasedEntry), event.Element{}, both{rawEntry: {Claims: r.Raw.Claims}, releasedEntry: {Claims: r.Released.Claims}})
		if err != nil {
			return err
		}
		w, err := r.Witness(chunk)
		if err != nil {
			return err
		}
		b, err := witness.Encode(w)
		if err != nil {
			return err
		}
		again, err := witness.Decode(b)
		if err != nil {
			return err
		}
		if err := statement.CheckAnonymization(r.ChunkRows, again.(*statement.AnonymizationWitness), p); err != nil {
			return err
		}
		parts = append(parts, p)
	}
	k, l, suppressed, err := statement.ComposeAnonymization(r.ChunkRows, r.Raw.Claims.Rows, parts)
	if err == nil && (k != uint64(r.K) || l != uint64(r.Diversity) || suppressed != uint64(r.Whole().Suppressed)) {
		err = fmt.Errorf("the chunks compose to k = %d, l = %d, and %d suppressed", k, l, suppressed)
	}
	return err
}

// TestGermanCredit releases the real data set: at k = 5 few rows are lost, and every class of the released rows has five.
func TestGermanCredit(t *testing.T) {
	raw, by := credit(t)
	for _, terms := range []Terms{{1024, 5, 1}, {1024, 5, 2}, {128, 5, 1}} {
		r, err := Make(context.Background(), raw, rawEntry, by, terms, "free", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := judge(t, r); err != nil {
			t.Fatalf("%v: %v", terms, err)
		}
		whole, sum := r.Whole(), Summary{}
		classes := map[string]int{}
		for i := range 1000 {
			if cells := r.Released.Table.Row(i).Cells; !slices.Equal(cells, make([]uint16, 21)) {
				classes[fmt.Sprint(i/terms.ChunkRows, cells[1:5])]++
			}
		}
		for class, n := range classes {
			if n < 5 {
				t.Errorf("%v: class %s has %d rows", terms, class, n)
			}
		}
		for chunk := range r.Chunks() {
			c := r.Chunk(chunk)
			sum.Rows, sum.Suppressed = sum.Rows+c.Rows, sum.Suppressed+c.Suppressed
			sum.Classes += c.Classes
		}
		if sum.Rows != 1000 || sum.Suppressed != whole.Suppressed || sum.Classes != len(classes) || whole.Suppressed != len(r.Suppressed()) {
			t.Errorf("%v: chunks count %+v, the whole %+v, there are %d classes", terms, sum, whole, len(classes))
		}
		if terms == (Terms{1024, 5, 1}) && (whole.Suppressed != 14 || whole.Smallest < 5) {
			t.Errorf("%d rows are suppressed, want 14 as hierarchy.yaml says; the smallest class has %d", whole.Suppressed, whole.Smallest)
		}
	}
}

// TestFresh makes the same release twice: neither salts nor order tell which row became which.
func TestFresh(t *testing.T) {
	raw, by := credit(t)
	var made [2]*Release
	for i := range made {
		var err error
		if made[i], err = Make(context.Background(), raw, rawEntry, by, Terms{1024, 5, 1}, "free", nil); err != nil {
			t.Fatal(err)
		}
	}
	if made[0].Released.Claims.Root == made[1].Released.Claims.Root || slices.Equal(made[0].Released.Table.Row(0).Cells, made[1].Released.Table.Row(0).Cells) {
		t.Error("two releases are the same")
	}
	salts := map[table.Salt]bool{}
	for i := range 1000 {
		salts[raw.Table.Row(i).Salt], salts[made[0].Released.Table.Row(i).Salt] = true, true
	}
	if len(salts) != 2000 {
		t.Errorf("there are %d salts of 2,000 rows", len(salts))
	}
	if made[0].Claims(0, releasedEntry).Hierarchy != made[1].Claims(0, releasedEntry).Hierarchy {
		t.Error("the hierarchy has two digests")
	}
}

func TestMakeRefuses(t *testing.T) {
	raw, by := credit(t)
	for name, terms := range map[string]Terms{"chunks of 100": {100, 5, 1}, "k = 0": {128, 0, 1}, "k = 129": {128, 129, 1}, "l = 0": {128, 5, 0}, "l = 129": {128, 5, 129}} {
		if _, err := Make(context.Background(), raw, rawEntry, by, terms, "free", nil); err == nil {
			t.Errorf("%s: it is released", name)
		}
	}
	delete(by, "age")
	if _, err := Make(context.Background(), raw, rawEntry, by, Terms{128, 5, 1}, "free", nil); err == nil {
		t.Error("a quasi-identifier without hierarchy is released")
	}
	other, err := dataset.Commit(context.Background(), filepath.Join(german, "credit-g.arff"), filepath.Join(german, "schema.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out *statement.RangeError
	if _, err := Make(context.Background(), other, rawEntry, by, Terms{128, 5, 1}, "free", nil); !errors.As(err, &out) || out.Code != statement.Misplaced {
		t.Errorf("columns in another order: %v", err)
	}
}

// small is a release of a data set with a direct identifier, of which two rows are suppressed.
func small(t testing.TB) *Release {
	t.Helper()
	integers := func(min, max int64) event.Coding {
		return event.Coding{Integer: &event.IntegerCoding{Min: min, Max: max}}
	}
	labels := func(l ...string) event.Coding {
		return event.Coding{Category: &event.CategoryCoding{Labels: l}}
	}
	claims := &event.DatasetClaims{Purposes: []string{"research"}, Columns: []event.Column{
		{Name: "illness", Role: event.RoleSensitive, Coding: labels("flu", "cold")},
		{Name: "age", Role: event.RoleQuasi, Coding: integers(18, 90)},
		{Name: "town", Role: event.RoleQuasi, Coding: labels("Bonn", "Berlin")},
		{Name: "sex", Role: event.RoleQuasi, Coding: labels("f", "m")},
		{Name: "a", Role: event.RoleOther, Coding: integers(-5, 5)}, {Name: "b", Role: event.RoleOther, Coding: integers(0, 9)}, {Name: "c", Role: event.RoleOther, Coding: integers(0, 9)},
		{Name: "passport", Role: event.RoleDirect, Coding: integers(0, 9999)},
	}}
	var rows []table.Row
	for i := range 8 {
		row := table.Row{Cells: []uint16{uint16(i % 2), uint16(i), uint16(i / 4 % 2), 0, uint16(i), 1, 2, uint16(1000 + i)}, Consent: uint64(i % 2)}
		if i >= 6 {
			row.Cells[1] = 60
		}
		sum := sha256.Sum256([]byte{byte(i)})
		copy(row.Salt[:], sum[:])
		rows = append(rows, row)
	}
	raw, err := dataset.Build(context.Background(), "patients", claims, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]statement.Generalization{"age": {Intervals: []int64{18, 50}}, "town": {Categories: []statement.Category{{Name: "Germany", Labels: []string{"Bonn", "Berlin"}}}}, "sex": {Prefix: 128}}
	r, err := Make(context.Background(), raw, rawEntry, by, Terms{128, 3, 2}, "free", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	if err := small(t).WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(lines) != 7 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if want := []string{"row", "illness", "age", "town", "sex", "a", "b", "c", "passport"}; !slices.Equal(lines[0], want) {
		t.Errorf("the first line is %v", lines[0])
	}
	slices.SortFunc(lines[1:], func(a, b []string) int { return strings.Compare(a[5], b[5]) })
	if want := []string{"flu", "18–49", "Germany", "f", "-5", "1", "2", "*"}; !slices.Equal(lines[5][1:], want) { // "-5" sorts after "-1" … "-4"
		t.Errorf("a row is %v, want %v", lines[5][1:], want)
	}
}

func TestRecordRoundTrip(t *testing.T) {
	r := small(t)
	if !slices.Equal(r.Suppressed(), []int{6, 7}) {
		t.Fatalf("the rows %v are suppressed", r.Suppressed())
	}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b, r.Raw, r.Released)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r.Keep, got.Keep); d != "" || got.Terms != r.Terms || got.Entry != r.Entry || *got.Hierarchy != *r.Hierarchy {
		t.Errorf("it comes back as %+v, %s", got.Terms, d)
	}
	if err := judge(t, got); err != nil {
		t.Error(err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	r, other := small(t), small(t)
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	hundred := strings.Repeat("00", statement.MaxQuasiCodes)
	tests := []struct{ name, old, new, want string }{
		{"no JSON", "{", "[", "not a release's record"},
		{"another format", "release/v1", "release/v2", "not a release's record"},
		{"an unknown member", `"k":3`, `"k":3,"m":1`, "not a release's record"},
		{"spaces", `"k":3`, `"k": 3`, "not as this program writes it"},
		{"something behind", "}\n", "}\n\n", "not as this program writes it"},
		{"chunks of another size", `"chunkRows":128`, `"chunkRows":256`, "chunks have 128 or 1,024 rows"},
		{"a larger k", `"k":3`, `"k":7`, "rule k: a class has fewer than 7 rows"},
		{"a larger l", `"diversity":2`, `"diversity":3`, "rule diversity"},
		{"a row less suppressed", `"suppressed":[6,`, `"suppressed":[`, "rule permutation"},
		{"another row suppressed", `"suppressed":[6,7]`, `"suppressed":[5,7]`, "rule permutation"},
		{"rows out of order", `"suppressed":[6,7]`, `"suppressed":[7,6]`, "not as this program writes it"},
		{"a row that there isn't", `"suppressed":[6,7]`, `"suppressed":[6,8]`, "leaves out rows that there aren't"},
		{"no hierarchy", hundred, "", "has no hierarchy"},
		{"another hierarchy", hundred, "01" + hundred[2:], ""},
		{"another raw data set", `"raw":"`, `"raw":"0`, "not a release's record"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(string(b), tt.old, tt.new, 1)
			if text == string(b) {
				t.Fatal("nothing was changed")
			}
			got, err := Decode([]byte(text), r.Raw, r.Released)
			if tt.want == "" { // codes that no row uses: it's another hierarchy, but a true one
				if err != nil || got.Hierarchy.Digest() == r.Hierarchy.Digest() {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := Decode(b, other.Raw, other.Released); err == nil || !strings.Contains(err.Error(), "another released data set") {
		t.Errorf("of another release: %v", err)
	}
	if _, err := Decode(b, r.Released, r.Released); err == nil || !strings.Contains(err.Error(), "another raw data set") {
		t.Errorf("of another data set: %v", err)
	}
	if _, err := Decode(bytes.Repeat([]byte(" "), MaxFile+1), r.Raw, r.Released); err == nil {
		t.Error("a file beyond the limit is read")
	}
}

func FuzzDecode(f *testing.F) {
	r := small(f)
	b, err := r.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":"attestlog-release/v1","suppressed":[-1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Decode(b, r.Raw, r.Released)
		if err != nil {
			return
		}
		if again, err := got.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatal("a record is accepted that this program would write otherwise")
		}
	})
}
