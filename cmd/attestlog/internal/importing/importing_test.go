package importing

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/snarkjs"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// key is one of snarkjs's, with two public inputs.
func key(t testing.TB) *zkverify.VerifyingKey {
	t.Helper()
	b, err := os.ReadFile("../../../../prover/snarkjs/testdata/threshold/verification_key.json")
	if err != nil {
		t.Fatal(err)
	}
	vk, err := snarkjs.ParseVerifyingKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return vk
}

const good = `format: attestlog-statement/v1
name: at-least
shows: A hidden number is at least the threshold.
notShown: [Whose number it is.]
inputs:
  - {name: threshold, type: integer, min: -5, max: 10}
`

func TestClaims(t *testing.T) {
	vk, transcript := key(t), event.DigestOf([]byte("zkey"))
	got, err := Claims([]byte(good), vk, transcript)
	if err != nil {
		t.Fatal(err)
	}
	want := &event.StatementClaims{Action: event.StatementRegister, Proves: event.Custom, Name: "at-least", Setup: event.SetupImported, Transcript: transcript,
		Shows: "A hidden number is at least the threshold.", NotShown: []string{"Whose number it is."}, VerifyingKey: vk.Bytes(),
		Inputs: []event.Input{{Name: "threshold", Type: event.InputInteger, Min: -5, Max: 10}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRefused(t *testing.T) {
	vk := key(t)
	many := "inputs:\n"
	for i := range 300 {
		many += fmt.Sprintf("  - {name: i%d, type: boolean}\n", i)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"nothing", good, "", "the description is empty"},
		{"two documents", "inputs:", "---\ninputs:", "one YAML document"},
		{"another format", "statement/v1", "statement/v2", "want `format: attestlog-statement/v1`"},
		{"an unknown member", "shows:", "show:", "field show not found"},
		{"an unknown member of an input", "max: 10", "maximum: 10", "field maximum not found"},
		{"a member twice", "name: at-least", "name: at-least\nname: at-least", "already defined"},
		{"an integer without an end", ", max: 10", "", "say from where to where it goes"},
		{"a text with an end", "integer", "text", "only integers have min and max"},
		{"nothing shown", "shows: A hidden number is at least the threshold.\n", "", "shows"},
		{"nothing not shown", "[Whose number it is.]", "[]", "notShown"},
		{"an unknown type", "type: integer, min: -5, max: 10", "type: float", `"float" is none of`},
		{"a name that a statement of attestlog's own may get", "at-least", "data-access-256", "of attestlog's own"},
		{"a name of attestlog's own", "at-least", "data-access-16", "of attestlog's own"},
		{"a name that isn't plain", "name: at-least", "name: At Least", "can't name an imported statement"},
		{"the context described", "threshold, type", "context, type", "can't name a value"},
		{"an input too few", "  - {name: threshold, type: integer, min: -5, max: 10}\n", "", "takes 2 public inputs"},
		{"a digest for an input", "integer, min: -5, max: 10", "digest", `3 are described: ["context" "threshold[0]" "threshold[1]"]`},
		{"more inputs than can be", "inputs:\n", many, "0 to 255 elements"},
		{"too long", good, strings.Repeat(" ", MaxFile+1), "at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(good, c.from) {
				t.Fatalf("%q doesn't stand in the description", c.from)
			}
			if _, err := Claims([]byte(strings.Replace(good, c.from, c.to, 1)), vk, event.Digest{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Whatever is taken is a statement that an event can register.
func FuzzClaims(f *testing.F) {
	vk := key(f)
	f.Add([]byte(good))
	f.Add([]byte("format: attestlog-statement/v1\nname: x\nshows: y\nnotShown: [z]\ninputs: [{name: a, type: text}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Claims(b, vk, event.Digest{})
		if err != nil {
			return
		}
		e := &event.Event{Subject: event.Subject{Name: c.Name}, Log: "log", Source: "op/1", Seq: 1, Proof: event.ProofNone, Claims: c}
		payload, err := e.Encode()
		if err != nil {
			t.Fatalf("%q is taken, and can't be encoded: %v", b, err)
		}
		if _, err := event.Decode(payload); err != nil {
			t.Fatalf("%q is taken, and can't be decoded: %v", b, err)
		}
		if s, err := statement.Registered(c); err != nil || len(s.Inputs) != vk.NumPublic() {
			t.Fatalf("%q is taken as %+v, %v", b, s, err)
		}
	})
}
