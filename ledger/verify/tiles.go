package verify

import (
	"context"
	"fmt"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/tlog"
)

// tileHeight is C2SP tlog-tiles' only one: 2^8 hashes to a tile.
const tileHeight = 8

// TileNodes reads nodes of a head's tree from the log's C2SP tlog-tiles. fetch gets a path such as tile/0/x001/234.p/7, relative to the
// log's prefix, and must bound what it reads: a tile has at most 8 KiB. What the tiles say is checked against the head's root.
func TileNodes(head Head, fetch func(ctx context.Context, path string) ([]byte, error)) Nodes {
	return func(ctx context.Context, ids []compact.NodeID) ([][32]byte, error) {
		reader := tlog.TileHashReader(tlog.Tree{N: head.Size, Hash: head.Root}, &tileReader{ctx, fetch})
		at := make([]int64, len(ids))
		for i, id := range ids {
			at[i] = tlog.StoredHashIndex(int(id.Level), int64(id.Index))
		}
		stored, err := reader.ReadHashes(at)
		if err != nil {
			return nil, err
		}
		out := make([][32]byte, len(stored))
		for i := range stored {
			out[i] = stored[i]
		}
		return out, nil
	}
}

// tileReader is a tlog.TileReader for one call, whose context it carries: that interface has no room for one.
type tileReader struct {
	ctx   context.Context
	fetch func(ctx context.Context, path string) ([]byte, error)
}

func (r *tileReader) Height() int                     { return tileHeight }
func (r *tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		b, err := r.fetch(r.ctx, TilePath(t))
		if err != nil {
			return nil, err
		}
		if len(b) != t.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes, and should have %d", TilePath(t), len(b), t.W*tlog.HashSize)
		}
		out[i] = b
	}
	return out, nil
}

// TilePath is the path of a tile in C2SP tlog-tiles, which leaves out the height that golang.org/x/mod/sumdb/tlog writes.
func TilePath(t tlog.Tile) string { return "tile/" + strings.TrimPrefix(t.Path(), "tile/8/") }
