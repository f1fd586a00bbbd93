package verify

import (
	"errors"
	"fmt"
	"math/bits"
	"sort"

	"github.com/transparency-dev/merkle/rfc6962"
)

// A multiproof shows that several entries are in one tree: the roots of the largest subtrees in which none of them is, from left to
// right. Where these entries and the size of the tree are known, each hash has its place, and there is one multiproof; so nothing about its shape
// needs to be written down. Of k entries it is at most as long as their k inclusion proofs, and of neighbours about as long as one.

// split is where RFC 9162 (section 2.1.1) divides a tree of n > 1 leaves: at the largest power of two below n.
func split(n int64) int64 { return 1 << (bits.Len64(uint64(n-1)) - 1) }

// spreader takes a multiproof apart.
type spreader struct {
	indices []int64    // of the entries, increasing
	leaves  [][32]byte // their hashes
	rest    [][32]byte // of the multiproof
	proofs  [][][32]byte
	short   bool // the multiproof ended too early
}

// spread gives the root to which leaves and multiproof lead, and each leaf's own inclusion proof, from the leaf up. The indices must be
// increasing, below size, and not none.
func spread(size int64, indices []int64, leaves, multiproof [][32]byte) (root [32]byte, proofs [][][32]byte, err error) {
	s := &spreader{indices: indices, leaves: leaves, rest: multiproof, proofs: make([][][32]byte, len(indices))}
	root = s.subtree(0, size, 0, len(indices))
	switch {
	case s.short:
		return root, nil, fmt.Errorf("%d hashes are too few to show that %d entries are in a tree of %d", len(multiproof), len(indices), size)
	case len(s.rest) > 0:
		return root, nil, fmt.Errorf("of %d hashes, %d are more than it takes to show that %d entries are in a tree of %d", len(multiproof), len(s.rest), len(indices), size)
	}
	return root, s.proofs, nil
}

// subtree is the root of the entries [from, to), of which [first, last) of the indices are known. The depth is at most 62.
func (s *spreader) subtree(from, to int64, first, last int) [32]byte {
	if first == last {
		if len(s.rest) == 0 {
			s.short = true
			return [32]byte{}
		}
		h := s.rest[0]
		s.rest = s.rest[1:]
		return h
	}
	if to-from == 1 {
		return s.leaves[first]
	}
	middle := from + split(to-from)
	cut := first + sort.Search(last-first, func(i int) bool { return s.indices[first+i] >= middle })
	left := s.subtree(from, middle, first, cut)
	right := s.subtree(middle, to, cut, last)
	for i := first; i < last; i++ {
		sibling := right
		if i >= cut {
			sibling = left
		}
		s.proofs[i] = append(s.proofs[i], sibling)
	}
	return [32]byte(rfc6962.DefaultHasher.HashChildren(left[:], right[:]))
}

// joiner makes a multiproof of inclusion proofs.
type joiner struct {
	receipts   []Receipt // by index
	multiproof [][32]byte
	short      bool // some inclusion proof is too short
}

// join makes the multiproof of entries from each one's own proof in a tree of that size. The receipts must be in order of their
// indices, each once. Proofs that contradict each other give one that leads nowhere.
func join(size int64, receipts []Receipt) ([][32]byte, error) {
	j := &joiner{receipts: receipts}
	if len(receipts) == 0 || receipts[len(receipts)-1].Index >= size {
		return nil, errors.New("there are no entries, or not all of them are in the tree")
	}
	j.subtree(0, size, 0, len(receipts), 0)
	if j.short {
		return nil, errors.New("an inclusion proof is too short for the tree")
	}
	return j.multiproof, nil
}

// subtree looks at the entries [from, to), at so many steps below the root. Some of them are known.
func (j *joiner) subtree(from, to int64, first, last, depth int) {
	if to-from == 1 {
		return
	}
	middle := from + split(to-from)
	cut := first + sort.Search(last-first, func(i int) bool { return j.receipts[first+i].Index >= middle })
	j.half(from, middle, first, cut, depth, last-1)
	j.half(middle, to, cut, last, depth, first)
}

// half looks at one half of a subtree. Where nothing of it is known, an entry of the other half has its root as the sibling at that depth.
func (j *joiner) half(from, to int64, first, last, depth, other int) {
	if first < last {
		j.subtree(from, to, first, last, depth+1)
		return
	}
	hashes := j.receipts[other].Hashes
	if depth >= len(hashes) {
		j.short = true
		return
	}
	j.multiproof = append(j.multiproof, hashes[len(hashes)-1-depth])
}
