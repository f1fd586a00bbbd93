package ledger

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// stored is a whole tree in memory as x/mod's tlog keeps it: another implementation of RFC 6962 to compare with.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		out[i] = s[at]
	}
	return out, nil
}

func (s *stored) append(t testing.TB, n int64, leaf []byte) {
	more, err := tlog.StoredHashes(n, leaf, s)
	if err != nil {
		t.Fatal(err)
	}
	*s = append(*s, more...)
}

// peaks computes the roots of the perfect subtrees of a tree of size n, leftmost first.
func peaks(t testing.TB, s stored, n int64) []hash {
	var out []hash
	for level := 62; level >= 0; level-- {
		if n>>level&1 == 1 {
			h, err := s.ReadHashes([]int64{tlog.StoredHashIndex(level, n>>level-1)})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, hash(h[0]))
		}
	}
	return out
}

func TestEdgeAgreesWithTlog(t *testing.T) {
	const leaves = 300
	var s stored
	leaf := func(i int64) []byte { return fmt.Appendf(nil, "leaf %d", i) }
	for i := range int64(leaves) {
		s.append(t, i, leaf(i))
	}
	for _, start := range []int64{0, 1, 2, 3, 7, 8, 9, 100, 255, 256, 257} {
		e := newEdge(start, peaks(t, s, start), 4)
		if start > 0 {
			root, err := tlog.TreeHash(start, s)
			if err != nil {
				t.Fatal(err)
			}
			if tree := e.tree(); tree.root() != hash(root) || tree.keeps(start-1) != (start%2 == 1) {
				t.Fatalf("at %d: root %x, keeps its last leaf: %v", start, tree.root(), tree.keeps(start-1))
			}
		}
		for size := max(start, 1); size <= leaves; size++ {
			if size > start { // the first tree is that of the peaks alone
				e.trim()
				e.append(hash(tlog.RecordHash(leaf(size - 1))))
			}
			tree := e.tree()
			root, err := tlog.TreeHash(size, s)
			if err != nil {
				t.Fatal(err)
			}
			if tree.root() != hash(root) {
				t.Fatalf("from %d: root of size %d is %x, want %s", start, size, tree.root(), root)
			}
			for index := max(start, size-4); index < size; index++ {
				if !tree.keeps(index) {
					t.Fatalf("from %d: the tree of size %d does not keep entry %d", start, size, index)
				}
				var proof tlog.RecordProof
				for _, h := range tree.inclusion(index) {
					proof = append(proof, tlog.Hash(h))
				}
				if err := tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(leaf(index))); err != nil {
					t.Fatalf("from %d: entry %d of %d: %v", start, index, size, err)
				}
			}
		}
	}
}

func TestTreeStaysAsItWas(t *testing.T) {
	e := newEdge(0, nil, 8)
	for i := range 5 {
		e.append(sha256.Sum256([]byte{byte(i)}))
	}
	before := e.tree()
	root, proof := before.root(), before.inclusion(4)
	for i := range 500 {
		e.trim()
		e.append(sha256.Sum256([]byte{byte(i)}))
	}
	if before.root() != root || fmt.Sprint(before.inclusion(4)) != fmt.Sprint(proof) {
		t.Error("a tree changed when the edge moved on")
	}
}
