package tilestore

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/trillian/storage/tree"
	"github.com/transparency-dev/merkle/compact"
)

// edge is the right edge of the tree: all that is needed to append to it. A new one is derived from the old for each
// batch, so that a batch that fails leaves nothing behind.
type edge struct {
	size  int64
	nodes map[compact.NodeID][]byte // the complete subtrees that the tree consists of
	tiles [maxLevel + 1][]byte      // per level the hashes of the last tile, 0 to 255 of them
}

// fullTile is a tile that a batch has filled.
type fullTile struct {
	tileID
	root, hashes []byte
}

// loadEdge rebuilds the edge of a tree from the database.
func (s *Store) loadEdge(ctx context.Context, size int64) (*edge, error) {
	e := &edge{size: size, nodes: make(map[compact.NodeID][]byte)}
	wanted := make(map[tileID]int)
	for level := range e.tiles {
		if hashes := size >> (tileBits * level); hashes%tileWidth != 0 {
			wanted[tileID{level, hashes / tileWidth}] = int(hashes % tileWidth)
		}
	}
	tiles, err := s.tiles(ctx, wanted)
	if err != nil {
		return nil, fmt.Errorf("couldn't rebuild the right edge of the tree: %w", err)
	}
	for id, width := range wanted {
		e.tiles[id.level] = slices.Clone(tiles[id][:width*hashSize])
	}
	ids := compact.RangeNodes(0, uint64(size), nil)
	hashes, err := s.Nodes(ctx, ids, size)
	if err != nil {
		return nil, fmt.Errorf("couldn't rebuild the right edge of the tree: %w", err)
	}
	for i, id := range ids {
		e.nodes[id] = hashes[i]
	}
	return e, nil
}

// root is the root of the tree.
func (e *edge) root() [hashSize]byte {
	var root [hashSize]byte
	var hashes [][]byte
	for _, id := range compact.RangeNodes(0, uint64(e.size), nil) {
		hashes = append(hashes, e.nodes[id])
	}
	if hashes == nil {
		return emptyRoot
	}
	copy(root[:], foldRoot(hashes))
	return root
}

// grow derives the edge of the larger tree from the nodes that are new in it, and the tiles that became full.
func (e *edge) grow(size int64, added []tree.Node) (*edge, []fullTile, error) {
	next := &edge{size: size, nodes: make(map[compact.NodeID][]byte, 64)}
	var begin [maxLevel + 1]int64 // number of the first hash in next.tiles
	for level, old := range e.tiles {
		hashes := size >> (tileBits * level)
		begin[level] = e.size >> (tileBits * level) / tileWidth * tileWidth
		if n := int(hashes-begin[level]) * hashSize; n > 0 {
			next.tiles[level] = append(make([]byte, 0, n), old...)[:n]
		}
	}
	keep := make(map[compact.NodeID]bool, 64)
	for _, id := range compact.RangeNodes(0, uint64(size), nil) {
		keep[id] = true
		if hash, ok := e.nodes[id]; ok {
			next.nodes[id] = hash
		}
	}
	for _, node := range added {
		if keep[node.ID] {
			next.nodes[node.ID] = slices.Clone(node.Hash) // so that it doesn't keep the whole batch in memory
		}
		if level := int(node.ID.Level) / tileBits; node.ID.Level%tileBits == 0 {
			copy(next.tiles[level][(int64(node.ID.Index)-begin[level])*hashSize:], node.Hash)
		}
	}
	if len(next.nodes) != len(keep) {
		return nil, nil, fmt.Errorf("couldn't append to the tree: %d of its %d nodes are missing", len(keep)-len(next.nodes), len(keep))
	}
	var full []fullTile
	for level := range next.tiles {
		for n := begin[level] / tileWidth; len(next.tiles[level]) >= tileWidth*hashSize; n++ {
			hashes := next.tiles[level][: tileWidth*hashSize : tileWidth*hashSize]
			next.tiles[level] = next.tiles[level][tileWidth*hashSize:]
			// The new nodes hold the tile's root, too, but looking it up is no cheaper.
			full = append(full, fullTile{tileID{level, n}, subtreeRoot(slices.Clone(hashes)), hashes})
		}
	}
	return next, full, nil
}

// remember puts what a batch has computed into the cache, so that proofs for new entries need no query.
func (e *edge) remember(cache *tileCache, full []fullTile) {
	for _, t := range full {
		cache.put(t.tileID, t.hashes)
	}
	for level, hashes := range e.tiles {
		if len(hashes) > 0 {
			cache.put(tileID{level, e.size >> (tileBits * (level + 1))}, hashes)
		}
	}
}
