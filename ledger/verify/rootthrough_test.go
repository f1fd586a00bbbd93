package verify

import (
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// hashStore holds the hashes of a tree as x/mod's tlog wants them.
type hashStore []tlog.Hash

func (h hashStore) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = h[x]
	}
	return out, nil
}

// The proof of an entry in any tree holds the root of the tree that ends with the entry.
func TestRootThrough(t *testing.T) {
	const most = 70
	var store hashStore
	var leaves [][]byte
	var roots [most + 1]tlog.Hash
	for size := int64(1); size <= most; size++ {
		leaf := fmt.Appendf(nil, "leaf %d", size)
		leaves = append(leaves, leaf)
		hashes, err := tlog.StoredHashes(size-1, leaf, store)
		if err != nil {
			t.Fatal(err)
		}
		store = append(store, hashes...)
		if roots[size], err = tlog.TreeHash(size, store); err != nil {
			t.Fatal(err)
		}
		for index := range size {
			proof, err := tlog.ProveRecord(size, index, store)
			if err != nil {
				t.Fatal(err)
			}
			path := make([][32]byte, len(proof))
			for i := range proof {
				path[i] = proof[i]
			}
			if err := (Head{Size: size, Root: roots[size]}).CheckInclusion(index, leaves[index], path); err != nil {
				t.Fatal(err)
			}
			if got := rootThrough(index, size, leaves[index], path); got != roots[index+1] {
				t.Errorf("entry %d of %d: got root %x, want %x", index, size, got, roots[index+1])
			}
		}
	}
}
