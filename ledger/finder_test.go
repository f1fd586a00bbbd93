package ledger

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// strings of a decoded JSON value that stand as values.
func valuesOf(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			all = append(all, valuesOf(e)...)
		}
	case map[string]any:
		for _, e := range v {
			all = append(all, valuesOf(e)...)
		}
	}
	return all
}

// FuzzFinder holds the search in canonical JSON against one that decodes it.
func FuzzFinder(f *testing.F) {
	f.Add("a", "name", "A text", "tex")
	f.Add("a", `"`, `\"`, `"`)
	f.Add("x", "\\", "\u2028\u0001", "\u0001")
	f.Add("İ", "ß", "ΐ K", "k")
	f.Add("", "", "", ",")
	f.Add("7", "Application 0042 of 7", "\u0001\u0042", "N 0042")
	f.Add("0001", "ſ1٣2", "\u0001", "1")
	f.Fuzz(func(t *testing.T, name, one, two, text string) {
		for _, s := range []*string{&name, &one, &two, &text} {
			*s = norm.NFC.String(strings.ToValidUTF8(*s, "?"))
		}
		value := map[string]any{name: []any{one, 7, map[string]any{"x": two, "y": true}}, "name": "z"}
		plain, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		canonical, err := jcs.Transform(plain)
		if err != nil {
			t.Skip()
		}
		want := text == ""
		for _, s := range valuesOf(value) {
			want = want || strings.Contains(cases.Fold().String(s), cases.Fold().String(text))
		}
		finder := newFinder(text)
		for range 2 { // it is used again and again
			if got := finder.in(canonical); got != want {
				t.Fatalf("%q in %s: %v, want %v", text, canonical, got, want)
			}
		}
		for end := range canonical {
			finder.in(canonical[:end]) // a damaged value makes no panic
		}
	})
}
