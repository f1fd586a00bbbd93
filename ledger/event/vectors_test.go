package event_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
)

var update = flag.Bool("update", false, "write testdata/events anew from examples_test.go")

const vectorDir = "../../testdata/events"

// vector is one valid event with everything that is derived from it. SPEC.md says how to use it.
type vector struct {
	Name    string        `json:"name"`
	Kind    string        `json:"kind"`
	Payload string        `json:"payload"`
	Digest  event.Digest  `json:"digest"`
	Context event.Element `json:"context"` // under the statement digest "11…11"
	KeyID   event.Digest  `json:"keyid"`
	Leaf    string        `json:"leaf"` // signed with the key of seed 07…07, logged at 1700000000123
}

// mutation is a change to the payload or the leaf of a vector, and the error that it must give.
type mutation struct {
	Name    string `json:"name"`
	Of      string `json:"of"`      // the vector's name
	Layer   string `json:"layer"`   // "payload" or "leaf"
	Find    string `json:"find"`    // the first occurrence of this …
	Replace string `json:"replace"` // … becomes this
	Error   string `json:"error"`
}

func makeVector(t *testing.T, name string, e *event.Event) vector {
	payload, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	leaf := event.Leaf{Submission: event.Submission{Envelope: event.Sign(payload, key)}, Logged: 1700000000123}
	if e.Proof == event.ProofInline {
		leaf.Proof = bytes.Repeat([]byte{9}, 128)
	}
	b, err := leaf.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var statement event.Digest
	copy(statement[:], bytes.Repeat([]byte{0x11}, 32))
	return vector{
		Name: name, Kind: e.Kind().String(), Payload: string(payload), Digest: event.DigestOf(payload),
		Context: event.Context(e.Log, statement, event.DigestOf(payload)), KeyID: leaf.Envelope.KeyID, Leaf: string(b),
	}
}

func TestVectors(t *testing.T) {
	all := examples()
	var want []vector
	for _, name := range slices.Sorted(maps.Keys(all)) {
		want = append(want, makeVector(t, name, all[name]))
	}
	file := filepath.Join(vectorDir, "valid.json")
	if *update {
		writeJSON(t, file, want)
	}
	var got []vector
	readJSON(t, file, &got)
	if !slices.Equal(got, want) {
		t.Errorf("%s is not what examples_test.go makes; if the change of bytes is meant, run go test ./ledger/event -update", file)
	}
	for _, v := range got {
		leaf, err := event.DecodeLeaf([]byte(v.Leaf))
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if err := leaf.Envelope.Verify(key.Public().(ed25519.PublicKey)); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if e, err := leaf.Envelope.Open(); err != nil || e.Kind().String() != v.Kind {
			t.Errorf("%s opens as %v, %v", v.Name, e, err)
		}
	}
}

func TestMutations(t *testing.T) {
	var valid []vector
	readJSON(t, filepath.Join(vectorDir, "valid.json"), &valid)
	file := filepath.Join(vectorDir, "mutations.json")
	var mutations []mutation
	readJSON(t, file, &mutations)
	for i, m := range mutations {
		t.Run(m.Name, func(t *testing.T) {
			at := slices.IndexFunc(valid, func(v vector) bool { return v.Name == m.Of })
			if at < 0 {
				t.Fatalf("there is no vector %q", m.Of)
			}
			text := valid[at].Payload
			decode := func(b []byte) error { _, err := event.Decode(b); return err }
			if m.Layer == "leaf" {
				text = valid[at].Leaf
				decode = func(b []byte) error { _, err := event.DecodeLeaf(b); return err }
			}
			if !strings.Contains(text, m.Find) {
				t.Fatalf("%q does not stand in %s", m.Find, text)
			}
			err := decode([]byte(strings.Replace(text, m.Find, m.Replace, 1)))
			switch {
			case err == nil:
				t.Error("it decodes")
			case *update:
				mutations[i].Error = err.Error()
			case err.Error() != m.Error:
				t.Errorf("got the error %q, want %q", err, m.Error)
			}
		})
	}
	if *update {
		writeJSON(t, file, mutations)
	}
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func writeJSON(t *testing.T, file string, v any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Whatever decodes encodes to the same bytes, and nothing panics. Submissions are fuzzed beside the other reader that they have, in typed.

func FuzzDecode(f *testing.F) {
	for _, e := range examples() {
		if payload, err := e.Encode(); err == nil {
			f.Add(payload)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := event.Decode(b)
		if err != nil {
			return
		}
		again, err := e.Encode()
		if err != nil {
			t.Fatalf("it decodes but does not encode: %v\n%s", err, b)
		}
		if !bytes.Equal(again, b) {
			t.Fatalf("it encodes differently:\n got %s\nfrom %s", again, b)
		}
	})
}

func FuzzDecodeLeaf(f *testing.F) {
	for _, e := range examples() {
		if payload, err := e.Encode(); err == nil {
			leaf := event.Leaf{Submission: event.Submission{Envelope: event.Sign(payload, key), Proof: []byte{1}}, Logged: 5}
			if b, err := leaf.Encode(); err == nil {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := event.DecodeLeaf(b)
		if err != nil {
			return
		}
		if again, err := l.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("it encodes differently (%v):\n got %s\nfrom %s", err, again, b)
		}
	})
}
