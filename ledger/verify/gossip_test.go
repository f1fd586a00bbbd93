package verify_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

func someGossip(t testing.TB) *verify.Gossip {
	log := logtest.New(t, "log.example")
	good, fork := log.History(9, 9, ""), log.History(9, 4, "fork")
	a, err := verify.OpenHead(good.Head(6), log.Key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := verify.OpenHead(fork.Head(6), log.Key)
	if err != nil {
		t.Fatal(err)
	}
	f, err := verify.ProveFork(t.Context(), a, b, log.Key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &verify.Gossip{Checkpoints: [][]byte{good.Head(3), fork.Head(9)}, Forks: []*verify.Fork{f}}
}

func TestGossip(t *testing.T) {
	g := someGossip(t)
	text := g.Encode()
	got, err := verify.ParseGossip(text)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Encode(), text) || cmp.Diff(g.Checkpoints, got.Checkpoints) != "" || !bytes.Equal(g.Forks[0].Encode(), got.Forks[0].Encode()) {
		t.Errorf("something else came back:\n%s", got.Encode())
	}
	for range 2 * verify.MaxGossipNotes {
		g.Checkpoints = append(g.Checkpoints, bytes.Repeat([]byte("x"), 10000))
	}
	if full := g.Encode(); len(full) > verify.MaxGossip {
		t.Errorf("too much was encoded: %d bytes", len(full))
	} else if got, err = verify.ParseGossip(full); err != nil || len(got.Forks) != 1 || len(got.Checkpoints) < 10 {
		t.Errorf("what was cut doesn't read: %v", err)
	}
	for name, bad := range map[string]string{
		"nothing":             "",
		"no object":           "[]",
		"unknown members":     `{"checkpoints":[],"heads":[]}`,
		"something behind it": `{"checkpoints":[]} 1`,
		"too many":            `{"checkpoints":["x"` + strings.Repeat(`,"x"`, verify.MaxGossipNotes) + `]}`,
		"too long a note":     `{"checkpoints":["` + strings.Repeat("x", verify.MaxNote+1) + `"]}`,
		"too long":            `{"checkpoints":["` + strings.Repeat("x", verify.MaxGossip) + `"]}`,
		"no evidence":         `{"checkpoints":[],"forks":["x"]}`,
	} {
		if _, err := verify.ParseGossip([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNoteOrigin(t *testing.T) {
	if origin, err := verify.NoteOrigin(someGossip(t).Checkpoints[0]); err != nil || origin != "log.example" {
		t.Errorf("the origin is %q, %v", origin, err)
	}
	for _, bad := range []string{"", "\n", "log.example", strings.Repeat("x", 300) + "\n"} {
		if origin, err := verify.NoteOrigin([]byte(bad)); err == nil {
			t.Errorf("%q has the origin %q", bad, origin)
		}
	}
}

func FuzzParseGossip(f *testing.F) {
	f.Add(someGossip(f).Encode())
	f.Add([]byte(`{"checkpoints":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		g, err := verify.ParseGossip(text)
		if err != nil {
			return
		}
		if _, err := verify.ParseGossip(g.Encode()); err != nil {
			t.Errorf("what was read and written doesn't read: %v", err)
		}
	})
}
