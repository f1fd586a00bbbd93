package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

const (
	hashSize = 32
	// Every eighth level of the tree is kept, as C2SP tlog-tiles does: those between are computed when they are asked for.
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	// levels is enough for 2^48 entries.
	levels = 6
)

// Tree is a log's Merkle tree (RFC 6962): the hashes of its leaves, and those of every complete subtree of 256, 65,536, … of them. So the root of every
// earlier size can be computed without asking the log, and 1 million entries take 32 MB.
type Tree struct {
	levels [levels]*Column
	size   int64
}

// OpenTree opens a tree that was committed with so many leaves.
func OpenTree(dir string, size int64) (_ *Tree, err error) {
	t := &Tree{size: size}
	for i := range t.levels {
		if t.levels[i], err = OpenColumn(filepath.Join(dir, fmt.Sprintf("tree.%d", i)), size>>(tileHeight*i)*hashSize); err != nil {
			return nil, errors.Join(err, t.Close())
		}
	}
	return t, nil
}

// Size is how many leaves there are, those that aren't durable yet included.
func (t *Tree) Size() int64 { return t.size }

// Append adds leaves by their hashes.
func (t *Tree) Append(leaves [][hashSize]byte) error {
	for _, h := range leaves {
		t.levels[0].Append(h[:])
	}
	before := t.size
	t.size += int64(len(leaves))
	tile := make([]byte, tileWidth*hashSize)
	for level := 1; level < levels; level++ {
		shift := tileHeight * level
		for n := before >> shift; n < t.size>>shift; n++ {
			if _, err := t.levels[level-1].ReadAt(tile, n*tileWidth*hashSize); err != nil {
				return fmt.Errorf("couldn't read the tree: %w", err)
			}
			t.levels[level].Append(fold(tile))
		}
	}
	return nil
}

// Cut takes back leaves that were appended and aren't synced.
func (t *Tree) Cut(size int64) {
	for i, c := range t.levels {
		c.Cut(size >> (tileHeight * i) * hashSize)
	}
	t.size = size
}

// fold is the root of a complete subtree whose hashes stand side by side; it overwrites them.
func fold(hashes []byte) []byte {
	for n := len(hashes); n > hashSize; n /= 2 {
		for i := 0; i < n; i += 2 * hashSize {
			copy(hashes[i/2:], rfc6962.DefaultHasher.HashChildren(hashes[i:i+hashSize], hashes[i+hashSize:i+2*hashSize]))
		}
	}
	return append([]byte(nil), hashes[:hashSize]...)
}

// Nodes implements verify.Nodes: the roots of complete subtrees.
func (t *Tree) Nodes(_ context.Context, ids []compact.NodeID) ([][hashSize]byte, error) {
	out := make([][hashSize]byte, len(ids))
	for i, id := range ids {
		if _, end := id.Coverage(); end > uint64(t.size) {
			return nil, fmt.Errorf("couldn't read the tree: it has %d entries, and no node %d of level %d", t.size, id.Index, id.Level)
		}
		level, above := min(id.Level/tileHeight, levels-1), id.Level
		above -= level * tileHeight
		b := make([]byte, hashSize<<above)
		if _, err := t.levels[level].ReadAt(b, int64(id.Index)<<above*hashSize); err != nil {
			return nil, fmt.Errorf("couldn't read the tree: %w", err)
		}
		out[i] = [hashSize]byte(fold(b))
	}
	return out, nil
}

// Root is the root of the tree of the first so many leaves.
func (t *Tree) Root(size int64) (root [hashSize]byte, err error) {
	if size == 0 {
		return [hashSize]byte(rfc6962.DefaultHasher.EmptyRoot()), nil
	}
	nodes, err := t.Nodes(context.Background(), compact.RangeNodes(0, uint64(size), nil))
	if err != nil {
		return root, err
	}
	views := make([][]byte, len(nodes))
	for i := range nodes {
		views[i] = nodes[i][:]
	}
	r, err := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewRange(0, uint64(size), views)
	if err != nil {
		return root, err
	}
	b, err := r.GetRootHash(nil)
	if err != nil {
		return root, err
	}
	return [hashSize]byte(b), nil
}

// Sync makes all leaves durable.
func (t *Tree) Sync() error {
	for _, c := range t.levels {
		if err := c.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// Close lets go of the files.
func (t *Tree) Close() (err error) {
	for _, c := range t.levels {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	return err
}
