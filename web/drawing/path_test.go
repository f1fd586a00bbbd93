package drawing

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is a tree of so many leaves, with all its hashes.
func tree(t *testing.T, size int64) tlog.HashReader {
	t.Helper()
	var all []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		list := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			list[i] = all[at]
		}
		return list, nil
	})
	for n := range size {
		hashes, err := tlog.StoredHashes(n, fmt.Append(nil, n), read)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, hashes...)
	}
	return read
}

// TestPath walks the proof of every leaf of trees of all shapes: it ends at the root, and each sibling covers what it says.
func TestPath(t *testing.T) {
	for size := int64(1); size <= 40; size++ {
		read := tree(t, size)
		root, err := tlog.TreeHash(size, read)
		if err != nil {
			t.Fatal(err)
		}
		for index := range size {
			proof, err := tlog.ProveRecord(size, index, read)
			if err != nil {
				t.Fatal(err)
			}
			hashes := make([][32]byte, len(proof))
			for i, h := range proof {
				hashes[i] = h
			}
			p, err := NewPath(index, size, tlog.RecordHash(fmt.Append(nil, index)), hashes)
			if err != nil {
				t.Fatalf("%d of %d: %v", index, size, err)
			}
			if p.Root != [32]byte(root) {
				t.Errorf("%d of %d: another root", index, size)
			}
			seen := map[int64]bool{index: true}
			for _, s := range p.Steps {
				for i := s.From; i <= s.To; i++ {
					if seen[i] {
						t.Errorf("%d of %d: entry %d twice", index, size, i)
					}
					seen[i] = true
				}
			}
			if int64(len(seen)) != size {
				t.Errorf("%d of %d: the siblings cover %d entries", index, size, len(seen))
			}
			if len(hashes) > 0 {
				if _, err := NewPath(index, size, p.Leaf, hashes[1:]); err == nil {
					t.Errorf("%d of %d: a hash too few is no error", index, size)
				}
			}
			if _, err := NewPath(index, size, p.Leaf, append(hashes, p.Leaf)); err == nil {
				t.Errorf("%d of %d: a hash too many is no error", index, size)
			}
			wellFormed(t, string(p.SVG()))
		}
	}
	if _, err := NewPath(3, 3, [32]byte{}, nil); err == nil {
		t.Error("an index beyond the tree is no error")
	}
}

// wellFormed holds a drawing against XML.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
}

func TestEscapes(t *testing.T) {
	c := &canvas{width: 1, height: 1, label: `"><script>`}
	c.text(0, 0, "minor", "start", `</text><script>&"`)
	if got := string(c.svg()); strings.Contains(got, "<script") {
		t.Errorf("markup gets through: %s", got)
	}
}
