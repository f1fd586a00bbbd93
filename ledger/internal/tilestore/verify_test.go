package tilestore

import (
	"context"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger/event"
)

// reference is the same tree by an independent library.
type reference struct {
	hashes []tlog.Hash // in tlog's order
	size   int64
}

func (r *reference) append(t testing.TB, leaf []byte) {
	t.Helper()
	hashes, err := tlog.StoredHashes(r.size, leaf, r)
	if err != nil {
		t.Fatal(err)
	}
	r.hashes = append(r.hashes, hashes...)
	r.size++
}

// ReadHashes makes reference a tlog.HashReader.
func (r *reference) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(r.hashes)) {
			return nil, fmt.Errorf("hash %d isn't there", index)
		}
		hashes[i] = r.hashes[index]
	}
	return hashes, nil
}

func (r *reference) root(t testing.TB, size int64) [32]byte {
	t.Helper()
	root, err := tlog.TreeHash(size, r)
	if err != nil {
		t.Fatal(err)
	}
	if size == 0 {
		return emptyRoot
	}
	return root
}

// verify reads the whole log and checks that it hangs together: indices without gaps, log time that never decreases,
// columns as the leaves say, no event twice, and the tip's root by another library. It returns that library's tree.
func verify(t testing.TB, s *Store) (*reference, map[event.Digest]Row) {
	t.Helper()
	ctx := context.Background()
	tip, err := s.Tip(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ref := &reference{}
	rows := make(map[event.Digest]Row, tip.Size)
	last := int64(0)
	for from := int64(0); from < tip.Size; from += 5000 {
		page, err := s.Rows(ctx, from, min(from+5000, tip.Size))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page {
			if row.Index != ref.size {
				t.Fatalf("entry %d follows entry %d", row.Index, ref.size-1)
			}
			if row.Logged < last {
				t.Errorf("entry %d is logged at %d, before its predecessor at %d", row.Index, row.Logged, last)
			}
			last = row.Logged
			derived, err := decode(row.Leaf)
			if err != nil {
				t.Fatal(err)
			}
			if derived.Kind != row.Kind || derived.Source != row.Source || derived.Subject != row.Subject || derived.Logged != row.Logged {
				t.Errorf("entry %d: the columns say %v, the leaf %v", row.Index, row, derived)
			}
			if twin, ok := rows[derived.Digest]; ok {
				t.Errorf("entries %d and %d are the same event", twin.Index, row.Index)
			}
			row.Digest = derived.Digest
			rows[row.Digest] = row
			ref.append(t, row.Leaf)
		}
	}
	if ref.size != tip.Size {
		t.Fatalf("the tip is at size %d, and there are %d entries", tip.Size, ref.size)
	}
	if root := ref.root(t, tip.Size); root != tip.Root {
		t.Errorf("the tip has root %x, the entries %x", tip.Root, root)
	}
	var beyond int
	if err := s.pool.QueryRow(ctx, "SELECT count(*) FROM entries WHERE idx >= $1", tip.Size).Scan(&beyond); err != nil || beyond != 0 {
		t.Errorf("%d entries lie beyond the tip (%v)", beyond, err)
	}
	return ref, rows
}
