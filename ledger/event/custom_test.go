package event_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
)

// Of a statement that was imported there is no end of shapes; what SPEC.md bounds, is bounded.
func TestImportsAreBounded(t *testing.T) {
	integers := func(n int) (list []event.Input) {
		for i := range n {
			list = append(list, event.Input{Name: fmt.Sprint("i", i), Type: event.InputInteger, Max: 1})
		}
		return list
	}
	datasets := func(n int) (list []event.Input) {
		for i := range n {
			list = append(list, event.Input{Name: fmt.Sprint("d", i), Type: event.InputDataset})
		}
		return list
	}
	for name, c := range map[string]struct {
		change func(*event.StatementClaims)
		want   string
	}{
		"255 inputs":              {func(c *event.StatementClaims) { c.Inputs = integers(255) }, ""},
		"256 inputs":              {func(c *event.StatementClaims) { c.Inputs = integers(256) }, "claims.inputs: 0 to 255 elements"},
		"8 data sets":             {func(c *event.StatementClaims) { c.Inputs = datasets(8) }, ""},
		"9 data sets":             {func(c *event.StatementClaims) { c.Inputs = datasets(9) }, "8 data sets may stand here, not 9"},
		"as many words as can be": {func(c *event.StatementClaims) { c.Shows = strings.Repeat("x", 1024) }, ""},
		"one more":                {func(c *event.StatementClaims) { c.Shows = strings.Repeat("x", 1025) }, "claims.shows"},
		"17 things not shown":     {func(c *event.StatementClaims) { c.NotShown = strings.Split(strings.Repeat("x", 17), "") }, "claims.notShown"},
		"one of them too long":    {func(c *event.StatementClaims) { c.NotShown[0] = strings.Repeat("x", 1025) }, "claims.notShown[0]"},
		"a bound of 54 bits": {func(c *event.StatementClaims) {
			c.Inputs = []event.Input{{Name: "x", Type: event.InputInteger, Max: 1 << 53}}
		}, "claims.inputs[0].max"},
		"an unknown type":           {func(c *event.StatementClaims) { c.Inputs = []event.Input{{Name: "x", Type: "real"}} }, "claims.inputs[0].type"},
		"a name of 65 bytes":        {func(c *event.StatementClaims) { c.Name = strings.Repeat("x", 65) }, "claims.name"},
		"a name with capitals":      {func(c *event.StatementClaims) { c.Name = "X" }, "can't name an imported statement"},
		"a name that begins with .": {func(c *event.StatementClaims) { c.Name = ".x" }, "can't name an imported statement"},
		"set up by one party":       {func(c *event.StatementClaims) { c.Setup = event.SetupOneParty }, "are imported, and no others are"},
	} {
		t.Run(name, func(t *testing.T) {
			e := examples()["statement-import"]
			c.change(e.Claims.(*event.StatementClaims))
			payload, err := e.Encode()
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := event.Decode(payload); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestInputNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "_": true, "A9_": true, strings.Repeat("a", 64): true, "contexts": true,
		"": false, "9": false, "a-b": false, "a.b": false, "é": false, "\xff": false, "context": false, strings.Repeat("a", 65): false,
	} {
		if got := event.CheckInput(name) == nil; got != want {
			t.Errorf("%q names a value: %t, want %t", name, got, want)
		}
	}
}
