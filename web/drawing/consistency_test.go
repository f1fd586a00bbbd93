package drawing_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/web/drawing"
)

// tree keeps the hashes of a log's entries.
type tree []tlog.Hash

func (t tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		out[i] = t[at]
	}
	return out, nil
}

// TestRanges: the subtrees are those whose roots another implementation gives as the proof, for all pairs of sizes.
func TestRanges(t *testing.T) {
	const most = 40
	var whole tree
	var leaves []tlog.Hash
	for i := range int64(most) {
		leaf := []byte{byte(i)}
		more, err := tlog.StoredHashes(i, leaf, whole)
		if err != nil {
			t.Fatal(err)
		}
		whole, leaves = append(whole, more...), append(leaves, tlog.RecordHash(leaf))
	}
	var root func(hashes []tlog.Hash) tlog.Hash
	root = func(hashes []tlog.Hash) tlog.Hash {
		if len(hashes) == 1 {
			return hashes[0]
		}
		k := 1
		for 2*k < len(hashes) {
			k *= 2
		}
		return tlog.NodeHash(root(hashes[:k]), root(hashes[k:]))
	}
	for n := int64(1); n <= most; n++ {
		for m := int64(1); m <= n; m++ {
			proof, err := tlog.ProveTree(n, m, whole)
			if err != nil {
				t.Fatal(err)
			}
			ranges := drawing.Ranges(m, n)
			if len(ranges) != len(proof) {
				t.Fatalf("%d to %d: %d ranges, and the proof has %d hashes", m, n, len(ranges), len(proof))
			}
			for i, r := range ranges {
				if got := root(leaves[r.First : r.Last+1]); got != proof[i] {
					t.Errorf("%d to %d: hash %d is not that of entries %d to %d", m, n, i+1, r.First, r.Last)
				}
				if r.Both != (r.Last < m) {
					t.Errorf("%d to %d: entries %d to %d are in both trees: %v", m, n, r.First, r.Last, r.Both)
				}
			}
		}
	}
}

// TestConsistency: the drawing is well-formed for small sizes and the largest, and keeps to what the pages' policy allows.
func TestConsistency(t *testing.T) {
	for _, c := range []struct {
		m, n   int64
		blocks int // rects
	}{{1, 1, 2}, {1, 2, 3}, {3, 7, 6}, {4, 8, 3}, {149, 149, 2}, {1<<53 - 2, 1<<53 - 1, 0}} {
		svg := string(drawing.Consistency(c.m, c.n))
		if got := strings.Count(svg, "<rect"); c.blocks > 0 && got != c.blocks {
			t.Errorf("%d to %d: %d blocks, want %d:\n%s", c.m, c.n, got, c.blocks, svg)
		}
		if strings.Contains(svg, "style=") || strings.Contains(svg, "<script") {
			t.Errorf("%d to %d: the policy forbids this: %s", c.m, c.n, svg)
		}
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%d to %d: %v in %s", c.m, c.n, err, svg)
			}
		}
	}
}
