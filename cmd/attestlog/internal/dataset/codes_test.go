package dataset_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/ledger/event"
)

func TestCodes(t *testing.T) {
	columns := []event.Column{
		{Name: "age", Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Min: 18, Max: 100}}},
		{Name: "class", Role: event.RoleSensitive, Coding: event.Coding{Category: &event.CategoryCoding{Labels: []string{"good", "bad"}}}},
	}
	for name, c := range map[string]struct {
		text string
		want [][]uint16
		says string
	}{
		"as it is":         {"age,class\n18,bad\n20,good\n", [][]uint16{{0, 1}, {2, 0}}, ""},
		"columns mixed":    {"class,age\nbad,18\n", [][]uint16{{0, 1}}, ""},
		"numbered rows":    {"row,age,class\n0,18,bad\n", [][]uint16{{0, 1}}, ""},
		"out of range":     {"age,class\n17,bad\n", nil, "line 2"},
		"an unknown label": {"age,class\n18,ugly\n", nil, "line 2"},
		"a missing column": {"age\n18\n", nil, `no column "class"`},
		"one column more":  {"age,class,name\n18,bad,x\n", nil, `"name"`},
		"no rows":          {"age,class\n", nil, "no rows"},
	} {
		path := filepath.Join(t.TempDir(), "rows.csv")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := dataset.Codes(t.Context(), path, columns, nil)
		if c.says == "" && (err != nil || !slices.EqualFunc(got, c.want, slices.Equal[[]uint16])) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
	if _, err := dataset.Codes(t.Context(), filepath.Join(t.TempDir(), "none.csv"), columns, nil); err == nil {
		t.Error("a table that isn't there is read")
	}
}
