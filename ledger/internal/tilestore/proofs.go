package tilestore

import (
	"context"
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Inclusion is the RFC 6962 proof that the entry at index is in the tree of the given size, which must not be larger than
// the log.
func (s *Store) Inclusion(ctx context.Context, index, size int64) ([][]byte, error) {
	proofs, err := s.Inclusions(ctx, []int64{index}, size)
	if err != nil {
		return nil, err
	}
	return proofs[0], nil
}

// Inclusions are the proofs of several entries in the tree of a size, in the order asked for. What they share is fetched and computed once.
func (s *Store) Inclusions(ctx context.Context, indices []int64, size int64) ([][][]byte, error) {
	proofs := make([][][]byte, 0, len(indices))
	for some := range slices.Chunk(indices, togetherProven) {
		var ids []compact.NodeID
		at := map[compact.NodeID]int{}
		all := make([]proof.Nodes, len(some))
		for i, index := range some {
			var err error
			if index < 0 || index >= size {
				return nil, fmt.Errorf("couldn't prove inclusion: entry %d is not in a tree of size %d", index, size)
			}
			if all[i], err = proof.Inclusion(uint64(index), uint64(size)); err != nil {
				return nil, fmt.Errorf("couldn't prove inclusion: %w", err)
			}
			for _, id := range all[i].IDs {
				if _, ok := at[id]; !ok {
					at[id] = len(ids)
					ids = append(ids, id)
				}
			}
		}
		nodes, err := s.Nodes(ctx, ids, size)
		if err != nil {
			return nil, err
		}
		for i := range all {
			own := make([][]byte, len(all[i].IDs))
			for j, id := range all[i].IDs {
				own[j] = nodes[at[id]]
			}
			hashes, err := all[i].Rehash(own, nodeHash)
			if err != nil {
				return nil, err
			}
			proofs = append(proofs, hashes)
		}
	}
	return proofs, nil
}

// togetherProven bounds how many entries' tiles, of up to 8 KiB, are in memory at once for proofs: in a large log, two or three for each.
const togetherProven = 256

// Consistency is the RFC 6962 proof that the tree of size m is a prefix of the tree of size n, which must not be larger
// than the log.
func (s *Store) Consistency(ctx context.Context, m, n int64) ([][]byte, error) {
	if m < 0 || m > n {
		return nil, fmt.Errorf("couldn't prove consistency: there is no tree of size %d in one of size %d", m, n)
	}
	nodes, err := proof.Consistency(uint64(m), uint64(n))
	if err != nil {
		return nil, fmt.Errorf("couldn't prove consistency: %w", err)
	}
	return s.prove(ctx, nodes, n)
}

// RootAt is the root of the tree of a size, which must not be larger than the log.
func (s *Store) RootAt(ctx context.Context, size int64) (root [32]byte, err error) {
	if size == 0 {
		copy(root[:], rfc6962.DefaultHasher.EmptyRoot())
		return root, nil
	}
	hashes, err := s.Nodes(ctx, compact.RangeNodes(0, uint64(size), nil), size)
	if err != nil {
		return root, err
	}
	copy(root[:], foldRoot(hashes))
	return root, nil
}

// foldRoot is the root over the complete subtrees that a tree consists of, from left to right.
func foldRoot(hashes [][]byte) []byte {
	root := hashes[len(hashes)-1]
	for _, left := range slices.Backward(hashes[:len(hashes)-1]) {
		root = nodeHash(left, root)
	}
	return root
}

func (s *Store) prove(ctx context.Context, nodes proof.Nodes, size int64) ([][]byte, error) {
	hashes, err := s.Nodes(ctx, nodes.IDs, size)
	if err != nil {
		return nil, err
	}
	return nodes.Rehash(hashes, nodeHash)
}

// Nodes are the hashes of complete subtrees of the tree of a size, in the order asked for.
func (s *Store) Nodes(ctx context.Context, ids []compact.NodeID, size int64) ([][]byte, error) {
	wanted := make(map[tileID]int, 8)
	for _, id := range ids {
		tile, _, end := locate(id)
		if (tile.n+1)<<(tileBits*(tile.level+1)) <= size {
			end = tileWidth // it is stored, and cheaper to fetch than to compute a part of
		}
		wanted[tile] = max(wanted[tile], end)
	}
	tiles, err := s.tiles(ctx, wanted)
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(ids))
	for i, id := range ids {
		tile, begin, end := locate(id)
		switch {
		case end-begin == 1:
			hashes[i] = slices.Clone(tiles[tile][begin*hashSize : end*hashSize])
		case len(tiles[tile]) == tileWidth*hashSize:
			at := innerAt(begin, end-begin)
			hashes[i] = slices.Clone(s.cache.inner(tile, tiles[tile])[at : at+hashSize])
		default:
			hashes[i] = subtreeRoot(slices.Clone(tiles[tile][begin*hashSize : end*hashSize]))
		}
	}
	return hashes, nil
}

// locate says over which hashes of which tile a node is the root.
func locate(id compact.NodeID) (tile tileID, begin, end int) {
	level, height := int(id.Level)/tileBits, id.Level%tileBits
	first := id.Index << height
	begin = int(first % tileWidth)
	return tileID{level, int64(first / tileWidth)}, begin, begin + 1<<height
}
