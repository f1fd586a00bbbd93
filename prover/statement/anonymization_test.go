package statement_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

func integers(min, max int64) event.Coding {
	return event.Coding{Integer: &event.IntegerCoding{Min: min, Max: max}}
}

func labels(l ...string) event.Coding {
	return event.Coding{Category: &event.CategoryCoding{Labels: l}}
}

// raw has four quasi-identifiers, and a direct identifier in column 8.
func raw() *event.DatasetClaims {
	c := &event.DatasetClaims{Purposes: []string{"audit"}, Rows: 1500, Columns: []event.Column{
		{Name: "illness", Role: event.RoleSensitive, Coding: labels("a", "b", "c")},
		{Name: "age", Role: event.RoleQuasi, Coding: integers(18, 90)},
		{Name: "town", Role: event.RoleQuasi, Coding: labels("10115", "10117", "20095")},
		{Name: "job", Role: event.RoleQuasi, Coding: labels("nurse", "doctor", "clerk")},
		{Name: "sex", Role: event.RoleQuasi, Coding: labels("f", "m")},
	}}
	for j := len(c.Columns); j < 12; j++ {
		c.Columns = append(c.Columns, event.Column{Name: fmt.Sprint("column ", j), Role: event.RoleOther, Coding: integers(0, 65535)})
	}
	c.Columns[8] = event.Column{Name: "passport", Role: event.RoleDirect, Coding: integers(0, 65535)}
	return c
}

func generalizations() map[string]statement.Generalization {
	return map[string]statement.Generalization{
		"age":  {Intervals: []int64{18, 40, 65, 90}},
		"town": {Prefix: 3},
		"job":  {Categories: []statement.Category{{Name: "medical", Labels: []string{"nurse", "doctor"}}, {Name: "office", Labels: []string{"clerk"}}}},
		"sex":  {Prefix: 1},
	}
}

// anonymized is an event about the second chunk of raw.
func anonymized(t *testing.T, raw *event.DatasetClaims) (*event.Event, *event.AnonymizationClaims, *event.DatasetClaims, events) {
	t.Helper()
	h, columns, err := statement.Generalize(raw, generalizations())
	if err != nil {
		t.Fatal(err)
	}
	released := *raw
	released.Columns, released.Root = columns, event.Element{31: 7}
	claims := &event.AnonymizationClaims{Chunk: 1, ChunkRows: 1024, Dataset: dataDigest, Released: event.Digest{3}, Diversity: 2, K: 5, Suppressed: 4, Hierarchy: h.Digest()}
	e := &event.Event{Log: "log.example", Proof: event.ProofInline, Statement: event.Digest{7}, Claims: claims}
	return e, claims, &released, events{dataDigest: {Claims: raw}, claims.Released: {Claims: &released}, sourceDigest: {Claims: &event.SourceClaims{}}}
}

func TestPublicOfAnonymization(t *testing.T) {
	data := raw()
	e, claims, released, refs := anonymized(t, data)
	d, err := statement.Dataset(data)
	if err != nil {
		t.Fatal(err)
	}
	r, err := statement.Dataset(released)
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Element{
		event.Context("log.example", event.Digest{7}, event.Digest{5}), d, r,
		{31: 1}, {30: 476 >> 8, 31: 476 & 255}, {31: 5}, {31: 2}, {31: 4}, {31: 0b010_001}, claims.Hierarchy,
	}
	got, err := statement.Public(e, event.Digest{5}, refs)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	claims.Chunk, claims.ChunkRows, want[3], want[4] = 11, 128, event.Element{31: 11}, event.Element{31: 1500 - 11*128}
	claims.K, want[5] = 128, event.Element{31: 128} // more than the last chunk's 92 rows: all are suppressed then
	if got, err = statement.Public(e, event.Digest{5}, refs); err != nil || !slices.Equal(got, want) {
		t.Errorf("in chunks of 128: got %v, %v, want %v", got, err, want)
	}
}

func TestPublicRefusesAnonymizations(t *testing.T) {
	for _, tc := range []struct {
		name   string
		code   statement.RangeCode
		change func(a *event.AnonymizationClaims, raw, released *event.DatasetClaims)
	}{
		{"a source for a data set", statement.NotADataset, func(a *event.AnonymizationClaims, _, _ *event.DatasetClaims) { a.Dataset = sourceDigest }},
		{"a source for a release", statement.NotADataset, func(a *event.AnonymizationClaims, _, _ *event.DatasetClaims) { a.Released = sourceDigest }},
		{"a chunk beyond the last", statement.NoSuchChunk, func(a *event.AnonymizationClaims, _, _ *event.DatasetClaims) { a.Chunk = 2 }},
		{"a chunk of another size", statement.NoSuchChunk, func(a *event.AnonymizationClaims, _, _ *event.DatasetClaims) { a.ChunkRows = 512 }},
		{"k above the rows of a chunk", statement.NoSuchChunk, func(a *event.AnonymizationClaims, _, _ *event.DatasetClaims) { a.K = 1025 }},
		{"k below 1", statement.NoSuchChunk, func(a *event.AnonymizationClaims, _, _ *event.DatasetClaims) { a.K = 0 }},
		{"no diversity", statement.NoSuchChunk, func(a *event.AnonymizationClaims, _, _ *event.DatasetClaims) { a.Diversity = 0 }},
		{"too many suppressed", statement.NoSuchChunk, func(a *event.AnonymizationClaims, _, _ *event.DatasetClaims) { a.Suppressed = 477 }},
		{"a hierarchy beyond the field", statement.NotAFieldElement, func(a *event.AnonymizationClaims, _, _ *event.DatasetClaims) { a.Hierarchy = event.Element{0: 0x40} }},
		{"31 columns", statement.TooManyColumns, func(_ *event.AnonymizationClaims, raw, _ *event.DatasetClaims) {
			for len(raw.Columns) < 31 {
				raw.Columns = append(raw.Columns, raw.Columns[9])
			}
		}},
		{"three columns", statement.Misplaced, func(_ *event.AnonymizationClaims, raw, _ *event.DatasetClaims) { raw.Columns = raw.Columns[:3] }},
		{"no sensitive column", statement.Misplaced, func(_ *event.AnonymizationClaims, raw, _ *event.DatasetClaims) {
			raw.Columns[0].Role = event.RoleOther
		}},
		{"a wide sensitive column", statement.Misplaced, func(_ *event.AnonymizationClaims, raw, _ *event.DatasetClaims) {
			raw.Columns[0].Coding = integers(0, 4096)
		}},
		{"a wide quasi-identifier", statement.Misplaced, func(_ *event.AnonymizationClaims, raw, _ *event.DatasetClaims) {
			raw.Columns[1].Coding = integers(0, 128)
		}},
		{"two quasi-identifiers", statement.Misplaced, func(_ *event.AnonymizationClaims, raw, _ *event.DatasetClaims) {
			raw.Columns[3].Role = event.RoleOther
		}},
		{"a quasi-identifier too far right", statement.Misplaced, func(_ *event.AnonymizationClaims, raw, _ *event.DatasetClaims) {
			raw.Columns[7].Role = event.RoleQuasi
		}},
		{"a direct identifier among quasi-identifiers", statement.Misplaced, func(_ *event.AnonymizationClaims, raw, _ *event.DatasetClaims) {
			raw.Columns[5].Role = event.RoleDirect
		}},
		{"a direct identifier in the second element", statement.Misplaced, func(_ *event.AnonymizationClaims, raw, _ *event.DatasetClaims) {
			raw.Columns[11].Role = event.RoleDirect
		}},
		{"a row less", statement.NotReleased, func(_ *event.AnonymizationClaims, _, r *event.DatasetClaims) { r.Rows-- }},
		{"a column less", statement.NotReleased, func(_ *event.AnonymizationClaims, _, r *event.DatasetClaims) { r.Columns = r.Columns[:11] }},
		{"another name", statement.NotReleased, func(_ *event.AnonymizationClaims, _, r *event.DatasetClaims) { r.Columns[9].Name = "x" }},
		{"another coding", statement.NotReleased, func(_ *event.AnonymizationClaims, _, r *event.DatasetClaims) {
			r.Columns[9].Coding = integers(1, 65535)
		}},
		{"another role", statement.NotReleased, func(_ *event.AnonymizationClaims, _, r *event.DatasetClaims) {
			r.Columns[9].Role = event.RoleSensitive
		}},
		{"a direct identifier with values", statement.NotReleased, func(_ *event.AnonymizationClaims, _, r *event.DatasetClaims) {
			r.Columns[8].Coding = labels(statement.Blank, "x")
		}},
		{"a quasi-identifier that is none any more", statement.NotReleased, func(_ *event.AnonymizationClaims, _, r *event.DatasetClaims) {
			r.Columns[1].Role = event.RoleOther
		}},
		{"a quasi-identifier without blank", statement.NotReleased, func(_ *event.AnonymizationClaims, _, r *event.DatasetClaims) {
			r.Columns[1].Coding = labels("x")
		}},
		{"a quasi-identifier of integers", statement.NotReleased, func(_ *event.AnonymizationClaims, _, r *event.DatasetClaims) {
			r.Columns[1].Coding = integers(0, 9)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := raw()
			e, claims, released, refs := anonymized(t, data)
			tc.change(claims, data, released)
			s, err := statement.ByName("anonymization-1024")
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Public(e, event.Digest{5}, refs)
			var r *statement.RangeError
			if !errors.As(err, &r) || r.Code != tc.code {
				t.Errorf("got %v, want %s", err, tc.code)
			}
		})
	}
}

func TestGeneralize(t *testing.T) {
	h, columns, err := statement.Generalize(raw(), generalizations())
	if err != nil {
		t.Fatal(err)
	}
	for column, want := range map[int][]string{
		1: {"*", "18–39", "40–64", "65–89", "90"},
		2: {"*", "101*", "200*"},
		3: {"*", "medical", "office"},
		4: {"*", "f", "m"},
		8: {"*"},
	} {
		if got := columns[column].Coding.Category.Labels; !slices.Equal(got, want) {
			t.Errorf("column %d has the labels %v, want %v", column, got, want)
		}
	}
	if h[0][39-18] != 1 || h[0][40-18] != 2 || h[0][90-18] != 4 || h[0][91-18] != 0 || h[1][1] != 1 || h[1][2] != 2 || h[2][2] != 2 || h[4][0] != 0 {
		t.Errorf("the hierarchies are %v", h)
	}
	other := h
	other[5][127]++
	if h.Digest() == other.Digest() {
		t.Error("other hierarchies have the same commitment")
	}
	if len(columns) != 12 || columns[8].Role != event.RoleOther || columns[9].Name != "column 9" || *columns[9].Coding.Integer != *raw().Columns[9].Coding.Integer {
		t.Errorf("the released columns are %v", columns)
	}
}

func TestGeneralizeRefuses(t *testing.T) {
	for name, change := range map[string]func(g map[string]statement.Generalization){
		"no way": func(g map[string]statement.Generalization) { g["age"] = statement.Generalization{} },
		"two ways": func(g map[string]statement.Generalization) {
			g["sex"] = statement.Generalization{Prefix: 1, Intervals: []int64{1}}
		},
		"a prefix of integers": func(g map[string]statement.Generalization) { g["age"] = statement.Generalization{Prefix: 1} },
		"intervals of labels": func(g map[string]statement.Generalization) {
			g["sex"] = statement.Generalization{Intervals: []int64{0}}
		},
		"a value in no interval": func(g map[string]statement.Generalization) {
			g["age"] = statement.Generalization{Intervals: []int64{19}}
		},
		"intervals out of order": func(g map[string]statement.Generalization) {
			g["age"] = statement.Generalization{Intervals: []int64{18, 18}}
		},
		"a label in no category": func(g map[string]statement.Generalization) {
			g["sex"] = statement.Generalization{Categories: []statement.Category{{Name: "x", Labels: []string{"f"}}}}
		},
		"a category that is blank": func(g map[string]statement.Generalization) {
			g["sex"] = statement.Generalization{Categories: []statement.Category{{Name: "*", Labels: []string{"f", "m"}}}}
		},
		"a label in two": func(g map[string]statement.Generalization) {
			g["sex"] = statement.Generalization{Categories: []statement.Category{{Name: "x", Labels: []string{"f", "m"}}, {Name: "y", Labels: []string{"m"}}}}
		},
		"a column that is missing": func(g map[string]statement.Generalization) { delete(g, "sex") },
		"a column that isn't there": func(g map[string]statement.Generalization) {
			delete(g, "sex")
			g["shoe size"] = statement.Generalization{Prefix: 1}
		},
	} {
		g := generalizations()
		change(g)
		if _, _, err := statement.Generalize(raw(), g); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}
