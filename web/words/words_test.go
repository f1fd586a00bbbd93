package words

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
)

// examples are the vectors of ledger/event: at least one of every kind.
func examples(t *testing.T) map[event.Kind][]*event.Event {
	t.Helper()
	file, err := os.ReadFile("../../testdata/events/valid.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name    string `json:"name"`
		Payload string `json:"payload"`
	}
	if err := json.Unmarshal(file, &vectors); err != nil {
		t.Fatal(err)
	}
	all := map[event.Kind][]*event.Event{}
	for _, v := range vectors {
		if v.Payload == "" {
			continue
		}
		e, err := event.Decode([]byte(v.Payload))
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		all[e.Kind()] = append(all[e.Kind()], e)
	}
	return all
}

// TestEveryKindHasWords fails until a new kind has a row in the tables, and an example.
func TestEveryKindHasWords(t *testing.T) {
	all := examples(t)
	for _, kind := range event.Kinds() {
		if kinds[kind] == "" || renderings[kind] == nil {
			t.Errorf("%s has no words", kind)
		}
		if len(all[kind]) == 0 {
			t.Errorf("%s has no example among the vectors", kind)
		}
		for _, e := range all[kind] {
			w := Of(e, nil)
			if w.Kind == "" || w.Title == "" || !strings.HasSuffix(w.Says, ".") || len(w.Facts) == 0 && kind != event.Custom {
				t.Errorf("%s: %+v", kind, w)
			}
			for _, f := range w.Facts {
				if f.Name == "" {
					t.Errorf("%s: a fact says nothing: %+v", kind, f)
				}
			}
			t.Logf("%s: %s · %s", kind, w.Title, w.Says)
		}
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"credit": "“credit”", `a "b" \c`: `“a "b" \c”`, "a\u202eb\n": "“a⟨U+202E⟩b⟨U+000A⟩”", "a\xffb": "“a\ufffdb”", strings.Repeat("ü", 81): "“" + strings.Repeat("ü", 80) + "…”", "信用": "“信用”",
	} {
		if got := Name(in); got != want {
			t.Errorf("Name(%q) = %q, want %q", in, got, want)
		}
	}
}
