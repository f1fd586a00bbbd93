package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/tlog"
)

// lines reads a journal's changes.
func lines(t *testing.T, path string) (*Journal, []string, error) {
	t.Helper()
	var all []string
	j, err := OpenJournal(path, func(b []byte) error { all = append(all, string(b)); return nil })
	if err == nil {
		t.Cleanup(func() { j.Close() })
	}
	return j, all, err
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, all, err := lines(t, path)
	if err != nil || len(all) != 0 {
		t.Fatal(all, err)
	}
	want := []string{`{"a":1}`, `{"b":"x"}`, `{}`}
	for _, line := range want {
		if err := j.Append([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := last; cut <= len(whole); cut++ { // killed while the last line was written
		write(t, path, whole[:cut])
		j, all, err := lines(t, path)
		n := 2
		if cut == len(whole) {
			n = 3
		}
		if err != nil || !slices.Equal(all, want[:n]) {
			t.Fatalf("cut at %d: %q, %v", cut, all, err)
		}
		if err := j.Append([]byte(`{"c":2}`)); err != nil {
			t.Fatal(err)
		}
		if _, all, err = lines(t, path); err != nil || len(all) != n+1 || all[n] != `{"c":2}` {
			t.Fatalf("cut at %d, and gone on: %q, %v", cut, all, err)
		}
	}
	write(t, path, slices.Concat(whole[:len(whole)-2], []byte{0, '\n'})) // the length was on disk, and not all of the content
	if _, all, err := lines(t, path); err != nil || len(all) != 2 {
		t.Errorf("a torn line: %q, %v", all, err)
	}
	bad := bytes.Clone(whole)
	bad[12] ^= 1
	write(t, path, bad)
	if _, _, err := lines(t, path); err == nil || !strings.Contains(err.Error(), "line 1: its checksum is wrong") {
		t.Errorf("damage: %v", err)
	}
	write(t, path, whole)
	j, _, err = lines(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Rewrite([]byte(`{"all":1}`), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if err := j.Append([]byte(`{"more":1}`)); err != nil {
		t.Fatal(err)
	}
	if _, all, err := lines(t, path); err != nil || !slices.Equal(all, []string{`{"all":1}`, `{}`, `{"more":1}`}) {
		t.Errorf("rewritten: %q, %v", all, err)
	}
	j.file.Close()
	if err := j.Append([]byte(`{}`)); err == nil {
		t.Error("a write that failed is no error")
	}
	if err := j.Rewrite([]byte(`{}`)); err != errBroken {
		t.Errorf("after a write that failed: %v", err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestColumn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "column")
	c, err := OpenColumn(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	read := func(off, n int64) string {
		b := make([]byte, n)
		got, err := c.ReadAt(b, off)
		return fmt.Sprintf("%s %v", b[:got], err)
	}
	c.Append([]byte("abc"))
	if err := c.Sync(); err != nil {
		t.Fatal(err)
	}
	c.Append([]byte("defg"))
	for _, tc := range []struct {
		off, n int64
		want   string
	}{{0, 7, "abcdefg <nil>"}, {2, 2, "cd <nil>"}, {0, 3, "abc <nil>"}, {4, 2, "ef <nil>"}, {5, 4, "fg EOF"}, {7, 1, " EOF"}} {
		if got := read(tc.off, tc.n); got != tc.want {
			t.Errorf("%d bytes at %d: %q, want %q", tc.n, tc.off, got, tc.want)
		}
	}
	c.Cut(5)
	if got := read(0, 7); got != "abcde EOF" || c.Len() != 5 {
		t.Errorf("cut: %q of %d", got, c.Len())
	}
	c.Cut(1) // what is synced stays
	if c.Len() != 3 {
		t.Errorf("cut further: %d", c.Len())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err = OpenColumn(path, 2); err != nil || c.Len() != 2 {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenColumn(path, 3); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a column that is too short: %v", err)
	}
}

// TestTree holds roots and nodes of all sizes against x/mod's.
func TestTree(t *testing.T) {
	dir := t.TempDir()
	const size = 70_000 // more than 256²
	var stored hashes
	tree, err := OpenTree(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { tree.Close() }()
	var leaves [][32]byte
	for i := range int64(size) {
		h := sha256.Sum256(fmt.Append(nil, i))
		more, err := tlog.StoredHashesForRecordHash(i, h, &stored)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
		leaves = append(leaves, h)
	}
	at := 0
	for _, n := range []int{0, 1, 255, 256, 257, 1000, 65535, 65536, 65537, size} {
		if err := tree.Append(leaves[at:n]); err != nil {
			t.Fatal(err)
		}
		at = n
		if err := tree.Append([][32]byte{{1}, {2}}); err != nil { // and back
			t.Fatal(err)
		}
		tree.Cut(int64(n))
		if n%2 == 0 {
			if err := tree.Sync(); err != nil {
				t.Fatal(err)
			}
			if err := tree.Close(); err != nil {
				t.Fatal(err)
			}
			if tree, err = OpenTree(dir, int64(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range []int64{0, 1, 2, 3, 255, 256, 257, 511, 512, 4097, 65535, 65536, 65537, 69_999, size} {
		want := tlog.Hash(sha256.Sum256(nil))
		if n > 0 {
			if want, err = tlog.TreeHash(n, stored); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := tree.Root(n); err != nil || got != want {
			t.Errorf("the root of %d leaves is %x, %v", n, got, err)
		}
	}
	for level := range uint(17) {
		for index := uint64(0); (index+1)<<level <= size; index = index*3 + 1 {
			got, err := tree.Nodes(t.Context(), []compact.NodeID{compact.NewNodeID(level, index)})
			if want := stored[tlog.StoredHashIndex(int(level), int64(index))]; err != nil || got[0] != want {
				t.Errorf("node %d of level %d is %x, %v", index, level, got, err)
			}
		}
	}
	if _, err := tree.Nodes(context.Background(), []compact.NodeID{compact.NewNodeID(0, size)}); err == nil {
		t.Error("there is a leaf too many")
	}
}

type hashes []tlog.Hash

func (s hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = s[x]
	}
	return out, nil
}

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	f, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); err == nil {
		t.Error("two may use it")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = Lock(dir); err != nil {
		t.Fatal(err)
	}
	f.Close()
}
