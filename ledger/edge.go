package ledger

import (
	"crypto/sha256"
	"math/bits"
	"slices"
)

// hash is a node of the RFC 6962 tree.
type hash = [32]byte

// hashChildren is RFC 6962's hash of an interior node.
func hashChildren(left, right *hash) hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// edge keeps the newest part of the tree in memory, so that a receipt's proof costs no query: the newest leaves' hashes, all
// that is above them, and the hashes to the left of that which their proofs pass.
//
// It computes the tree a second time, apart from Trillian: a root that differs stops the log before it is signed.
type edge struct {
	size   int64
	keep   int64
	levels []row
}

// row is the complete nodes of one level from an even index on. Nodes are appended and never changed, so a tree that shares
// the array stays as it was.
type row struct {
	from  int64
	nodes []hash
}

// newEdge starts from the peaks of a tree: the roots of its perfect subtrees, from the largest, leftmost, to the smallest. It
// proves the leaves that follow, for at least keep leaves after each.
func newEdge(size int64, peaks []hash, keep int64) *edge {
	e := &edge{size: size, keep: keep, levels: make([]row, bits.Len64(uint64(size)))}
	for level := range e.levels {
		r := &e.levels[level]
		r.from = size >> level &^ 1
		if size>>level&1 == 1 {
			r.nodes = []hash{peaks[len(peaks)-1]}
			peaks = peaks[:len(peaks)-1]
		}
	}
	return e
}

// append adds the next leaf's hash.
func (e *edge) append(leaf hash) {
	e.size++
	node := leaf
	for level := 0; ; level++ {
		if level == len(e.levels) {
			e.levels = append(e.levels, row{})
		}
		r := &e.levels[level]
		r.nodes = append(r.nodes, node)
		if n := len(r.nodes); n%2 != 0 {
			return
		} else {
			node = hashChildren(&r.nodes[n-2], &r.nodes[n-1])
		}
	}
}

// trim forgets what no proof of the newest keep leaves passes.
func (e *edge) trim() {
	if len(e.levels) == 0 || int64(len(e.levels[0].nodes)) < 4*e.keep {
		return
	}
	for level := range e.levels {
		r := &e.levels[level]
		from := (e.size - e.keep) >> level &^ 1
		r.nodes = slices.Clone(r.nodes[from-r.from:])
		r.from = from
	}
}

// tree is the edge as it is now, which does not change any more. size must be positive.
func (e *edge) tree() *tree {
	t := &tree{size: e.size, levels: slices.Clone(e.levels), ragged: bits.TrailingZeros64(uint64(e.size))}
	last := (e.size - 1) >> t.ragged
	node := t.complete(t.ragged, last) // the smallest peak
	t.right = append(t.right, node)
	for level := t.ragged; last > 0; level, last = level+1, last>>1 {
		if last&1 == 1 {
			left := t.complete(level, last-1)
			node = hashChildren(&left, &node)
		}
		t.right = append(t.right, node)
	}
	return t
}

// tree is the newest part of the tree of one size.
type tree struct {
	size   int64
	levels []row
	ragged int    // the level of the smallest peak: below it, all nodes are complete
	right  []hash // on each level from there, the rightmost node, complete or not; the last one is the root
}

func (t *tree) root() hash { return t.right[len(t.right)-1] }

func (t *tree) complete(level int, index int64) hash {
	r := &t.levels[level]
	return r.nodes[index-r.from]
}

// keeps tells whether inclusion can prove a leaf.
func (t *tree) keeps(index int64) bool { return index >= t.levels[0].from && index < t.size }

// inclusion is the proof of a leaf that the tree keeps (RFC 9162, section 2.1.3.1), from the leaf up.
func (t *tree) inclusion(index int64) []hash {
	proof := make([]hash, 0, t.ragged+len(t.right)-1)
	for level, last := 0, t.size-1; last > 0; level, index, last = level+1, index>>1, last>>1 {
		switch sibling := index ^ 1; {
		case sibling < last, sibling == last && level < t.ragged:
			proof = append(proof, t.complete(level, sibling))
		case sibling == last:
			proof = append(proof, t.right[level-t.ragged])
		}
	}
	return proof
}
