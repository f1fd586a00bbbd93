package verify_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

func openHead(t testing.TB, signed []byte, key note.Verifier) verify.Head {
	t.Helper()
	head, err := verify.OpenHead(signed, key)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func TestForksOfAllSizes(t *testing.T) {
	const size, at = 23, 6
	log := logtest.New(t, "log.example")
	honest, forked := log.History(size, size, ""), log.History(size, at, "fork")
	for n := int64(1); n <= size; n++ {
		for m := int64(1); m <= size; m++ {
			a, b := openHead(t, honest.Head(n), log.Key), openHead(t, forked.Head(m), log.Key)
			larger := forked
			if n > m {
				larger = honest
			}
			fork, err := verify.ProveFork(t.Context(), a, b, log.Key, larger.Nodes)
			if min(n, m) <= at {
				if !errors.Is(err, verify.ErrNoFork) {
					t.Fatalf("sizes %d and %d are of one history, and give %v", n, m, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("sizes %d and %d: %v", n, m, err)
			}
			file := fork.Encode()
			read, err := verify.ParseFork(file)
			if err != nil || !bytes.Equal(read.Encode(), file) {
				t.Fatalf("sizes %d and %d: the file reads back as %v, %v", n, m, read, err)
			}
			report, err := read.Check(log.Key)
			if err != nil || report.First.Size != min(n, m) || report.Second.Size != max(n, m) || !strings.Contains(report.String(), "log.example") {
				t.Fatalf("sizes %d and %d: %v, %v", n, m, report, err)
			}
		}
	}
}

// Nobody can accuse an honest log.
func TestFalseForks(t *testing.T) {
	log, other := logtest.New(t, "log.example"), logtest.New(t, "log.example")
	honest, forked := log.History(23, 23, ""), log.History(23, 6, "fork")
	invented := other.History(23, 2, "invented")
	real, err := verify.ProveFork(t.Context(), openHead(t, honest.Head(9), log.Key), openHead(t, forked.Head(20), log.Key), log.Key, forked.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	// The nodes of one history don't lead to the root of another.
	if _, err := verify.ProveFork(t.Context(), openHead(t, honest.Head(9), log.Key), openHead(t, honest.Head(20), log.Key), log.Key, forked.Nodes); err == nil || errors.Is(err, verify.ErrNoFork) {
		t.Errorf("an honest log accused with another tree's nodes: %v", err)
	}
	change := func(how func(*verify.Fork)) *verify.Fork {
		f := *real
		f.Left, f.Right = slices.Clone(f.Left), slices.Clone(f.Right)
		how(&f)
		return &f
	}
	for name, c := range map[string]struct {
		fork *verify.Fork
		err  string
	}{
		"signed by somebody else":       {change(func(f *verify.Fork) { f.First = invented.Head(9) }), "the first note"},
		"the second by somebody else":   {change(func(f *verify.Fork) { f.Second = invented.Head(20) }), "the second note"},
		"the notes exchanged":           {change(func(f *verify.Fork) { f.First, f.Second = f.Second, f.First }), "larger tree"},
		"the same note twice":           {change(func(f *verify.Fork) { f.First, f.Left, f.Right = f.Second, nil, nil }), "don't contradict"},
		"one size with subtrees":        {change(func(f *verify.Fork) { f.First = honest.Head(20) }), "need no subtrees"},
		"another left node":             {change(func(f *verify.Fork) { f.Left[0][3] ^= 1 }), "another root than the one signed"},
		"another right node":            {change(func(f *verify.Fork) { f.Right[0][3] ^= 1 }), "another root than the one signed"},
		"a left node too few":           {change(func(f *verify.Fork) { f.Left = f.Left[1:] }), "fall into 2 subtrees, and there are 1"},
		"a right node too many":         {change(func(f *verify.Fork) { f.Right = append(f.Right, [32]byte{}) }), "fall into"},
		"a node moved across":           {change(func(f *verify.Fork) { f.Left, f.Right = append(f.Left, f.Right[0]), f.Right[1:] }), "fall into"},
		"one history":                   {&verify.Fork{First: honest.Head(4), Second: forked.Head(20), Left: nil, Right: nil}, "fall into 1 subtrees"},
		"the empty tree":                {&verify.Fork{First: honest.Head(0), Second: forked.Head(20)}, "begins with the empty tree"},
		"nothing":                       {&verify.Fork{}, "the first note"},
		"a first note that is no note":  {change(func(f *verify.Fork) { f.First = []byte("x") }), "the first note"},
		"a second note that is no note": {change(func(f *verify.Fork) { f.Second = f.Second[:40] }), "the second note"},
	} {
		if report, err := c.fork.Check(log.Key); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, %v; want an error with %q", name, report, err, c.err)
		}
	}
}

func TestForkFilesAreStrict(t *testing.T) {
	log := logtest.New(t, "log.example")
	fork, err := verify.ProveFork(t.Context(), openHead(t, log.History(9, 9, "").Head(5), log.Key), openHead(t, log.History(9, 2, "x").Head(9), log.Key), log.Key, log.History(9, 2, "x").Nodes)
	if err != nil {
		t.Fatal(err)
	}
	good := string(fork.Encode())
	hash := "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for name, bad := range map[string]string{
		"nothing":              "",
		"another version":      strings.Replace(good, "/v1", "/v2", 1),
		"cut":                  good[:len(good)-1],
		"more behind":          good + "\n",
		"a negative number":    strings.Replace(good, "left 2", "left -2", 1),
		"a zero before":        strings.Replace(good, "left 2", "left 02", 1),
		"a number too large":   strings.Replace(good, "left 2", "left 65", 1),
		"fewer hashes":         strings.Replace(good, "left 2", "left 1", 1),
		"more hashes":          strings.Replace(good, "left 2", "left 3", 1),
		"sloppy base64":        strings.Replace(good, "left 2\n", "left 3\n"+hash[:42]+"B=\n", 1),
		"a longer first note":  strings.Replace(good, "first 1", "first 9", 1),
		"carriage returns":     strings.ReplaceAll(good, "\n", "\r\n"),
		"too much":             good + strings.Repeat("x", verify.MaxFork),
		"a note of huge claim": strings.Replace(good, "first 1", "first 1000000000", 1),
	} {
		if f, err := verify.ParseFork([]byte(bad)); err == nil {
			t.Errorf("%s: read as %+v", name, f)
		}
	}
}

func FuzzFork(f *testing.F) {
	log := logtest.New(f, "log.example")
	fork, err := verify.ProveFork(f.Context(), openHead(f, log.History(9, 9, "").Head(5), log.Key), openHead(f, log.History(9, 2, "x").Head(9), log.Key), log.Key, log.History(9, 2, "x").Nodes)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(fork.Encode())
	f.Add((&verify.Fork{First: []byte("a"), Second: []byte("b")}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := verify.ParseFork(b)
		if err != nil {
			return
		}
		if !bytes.Equal(read.Encode(), b) {
			t.Errorf("%q is written back as %q", b, read.Encode())
		}
		if _, err := read.Check(log.Key); err == nil && !bytes.Equal(read.First, fork.First) {
			t.Errorf("a fork was invented: %q", b)
		}
	})
}
