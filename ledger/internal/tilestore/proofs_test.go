package tilestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// Whatever the batches, every tip's root is the one that an independent library computes, and every proof verifies with
// yet another.
func TestRandomBatches(t *testing.T) {
	for range 12 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			s := open(t, Config{CacheTiles: 1 + random.IntN(5)})
			r := lead(t, s, judge{})
			n := 0
			for range 1 + random.IntN(5) {
				submissions := make([]submission, []int{1, 2, 3, 40, 255, 256, 257, 300}[random.IntN(8)])
				for i := range submissions {
					submissions[i] = nth(n)
					n++
				}
				r.submit(submissions...)
			}
			ref, _ := verify(t, s)
			r.stop()
			for _, tip := range r.tips {
				if want := ref.root(t, tip.Size); tip.Root != want {
					t.Errorf("tip %d has root %x, want %x", tip.Size, tip.Root, want)
				}
			}
			other := open(t, Config{URL: s.cfg.URL, CacheTiles: 1}) // has nothing in memory
			for range 40 {
				size := random.Int64N(ref.size) + 1
				checkInclusion(t, s, ref, random.Int64N(size), size)
				checkInclusion(t, other, ref, random.Int64N(size), size)
				checkConsistency(t, s, ref, random.Int64N(size+1), size)
				checkConsistency(t, other, ref, random.Int64N(size+1), size)
			}
		})
	}
}

// Every index in every tree, and every pair of trees, as far as that goes.
func TestAllProofsOfSmallTrees(t *testing.T) {
	s := open(t, Config{})
	r := lead(t, s, judge{})
	r.fill(70)
	ref, _ := verify(t, s)
	for size := int64(1); size <= ref.size; size++ {
		for i := range size {
			checkInclusion(t, s, ref, i, size)
		}
		for m := range size + 1 {
			checkConsistency(t, s, ref, m, size)
		}
	}
	for _, bad := range [][2]int64{{-1, 5}, {5, 5}, {6, 5}, {0, 0}} {
		if _, err := s.Inclusion(t.Context(), bad[0], bad[1]); err == nil {
			t.Errorf("Inclusion(%d, %d) succeeded", bad[0], bad[1])
		}
	}
	for _, bad := range [][2]int64{{-1, 5}, {6, 5}} {
		if _, err := s.Consistency(t.Context(), bad[0], bad[1]); err == nil {
			t.Errorf("Consistency(%d, %d) succeeded", bad[0], bad[1])
		}
	}
	if _, err := s.Inclusion(t.Context(), 0, 1000); !errors.Is(err, ErrNotFound) {
		t.Errorf("a proof in a tree larger than the log: %v", err)
	}
}

func checkInclusion(t testing.TB, s *Store, ref *reference, index, size int64) {
	t.Helper()
	hashes, err := s.Inclusion(context.Background(), index, size)
	if err != nil {
		t.Fatalf("Inclusion(%d, %d): %v", index, size, err)
	}
	leaf := ref.hashes[tlog.StoredHashIndex(0, index)]
	root := ref.root(t, size)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(size), leaf[:], hashes, root[:]); err != nil {
		t.Errorf("Inclusion(%d, %d): %v", index, size, err)
	}
}

func checkConsistency(t testing.TB, s *Store, ref *reference, m, n int64) {
	t.Helper()
	hashes, err := s.Consistency(context.Background(), m, n)
	if err != nil {
		t.Fatalf("Consistency(%d, %d): %v", m, n, err)
	}
	a, b := ref.root(t, m), ref.root(t, n)
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(m), uint64(n), hashes, a[:], b[:]); err != nil {
		t.Errorf("Consistency(%d, %d): %v", m, n, err)
	}
}

// A log with three levels of tiles: tiles and bundles of every width, read by x/mod's reader, by a second process, and
// by a leader who rebuilds its right edge from them.
func TestLargeTree(t *testing.T) {
	const size = 256*256 + 3*256 + 17
	s := open(t, Config{})
	r := lead(t, s, rawSubmissions{})
	r.fill(size)
	r.stop()
	ref, _ := verify(t, s)
	ctx := t.Context()
	other := open(t, Config{URL: s.cfg.URL, CacheTiles: 8})

	t.Run("tiles", func(t *testing.T) {
		for level, n := range map[int]int64{0: size / 256, 1: 1, 2: 0} {
			for width := 1; width <= 256; width++ {
				exists := (n*256+int64(width))<<(8*level) <= size
				got, err := other.Tile(ctx, level, n, width)
				if !exists {
					if !errors.Is(err, ErrNotFound) {
						t.Fatalf("tile %d/%d of width %d: %v, want ErrNotFound", level, n, width, err)
					}
					continue
				}
				want, wantErr := tlog.ReadTileData(tlog.Tile{H: 8, L: level, N: n, W: width}, ref)
				if err != nil || wantErr != nil || !bytes.Equal(got, want) {
					t.Fatalf("tile %d/%d of width %d differs (%v, %v)", level, n, width, err, wantErr)
				}
			}
		}
		// Of a tile that is full, each prefix can be had, too.
		for _, width := range []int{1, 100, 255, 256} {
			for _, id := range []tileID{{0, 0}, {0, 200}, {1, 0}} {
				got, err := other.Tile(ctx, id.level, id.n, width)
				want, _ := tlog.ReadTileData(tlog.Tile{H: 8, L: id.level, N: id.n, W: width}, ref)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("tile %v of width %d differs (%v)", id, width, err)
				}
			}
		}
	})
	t.Run("bundles", func(t *testing.T) {
		for _, width := range []int{1, 16, 17, 18, 256} {
			n := int64(size / 256)
			bundle, err := other.Bundle(ctx, n, width)
			if width > 17 {
				if !errors.Is(err, ErrNotFound) {
					t.Errorf("bundle of width %d: %v, want ErrNotFound", width, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range int64(width) {
				length := int(binary.BigEndian.Uint16(bundle))
				leaf := bundle[2 : 2+length]
				if tlog.RecordHash(leaf) != ref.hashes[tlog.StoredHashIndex(0, n*256+i)] {
					t.Fatalf("leaf %d of the bundle differs", i)
				}
				bundle = bundle[2+length:]
			}
			if len(bundle) != 0 {
				t.Errorf("%d bytes follow the bundle's last leaf", len(bundle))
			}
		}
	})
	t.Run("impossible", func(t *testing.T) {
		for _, bad := range []struct {
			level int
			n     int64
			width int
		}{{-1, 0, 1}, {8, 0, 1}, {0, -1, 1}, {0, 0, 0}, {0, 0, 257}, {0, 1 << 62, 1}, {7, 1 << 50, 256}, {0, 1 << 40, 256}} {
			if _, err := other.Tile(ctx, bad.level, bad.n, bad.width); !errors.Is(err, ErrNotFound) {
				t.Errorf("tile %v: %v", bad, err)
			}
			if bad.level == 0 {
				if _, err := other.Bundle(ctx, bad.n, bad.width); !errors.Is(err, ErrNotFound) {
					t.Errorf("bundle %v: %v", bad, err)
				}
			}
		}
	})
	t.Run("proofs", func(t *testing.T) {
		for _, from := range []*Store{s, other} {
			for range 100 {
				n := rand.Int64N(size) + 1
				checkInclusion(t, from, ref, rand.Int64N(n), n)
				checkConsistency(t, from, ref, rand.Int64N(n+1), n)
			}
			if root, err := from.RootAt(ctx, 65536); err != nil || root != ref.root(t, 65536) {
				t.Errorf("RootAt(65536) = %x, %v", root, err)
			}
		}
	})
	t.Run("proofs together", func(t *testing.T) {
		indices := []int64{0, 5, 300, 40_000, 5, 65_535, 65_536, size - 1}
		for i := int64(0); i < size; i += 100 { // more than are proven at once, and than the other one has room for
			indices = append(indices, i)
		}
		for _, from := range []*Store{s, other} {
			proofs, err := from.Inclusions(ctx, indices, size)
			if err != nil || len(proofs) != len(indices) {
				t.Fatalf("%d proofs, %v", len(proofs), err)
			}
			for i, index := range indices {
				leaf, root := ref.hashes[tlog.StoredHashIndex(0, index)], ref.root(t, size)
				if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), size, leaf[:], proofs[i], root[:]); err != nil {
					t.Errorf("entry %d: %v", index, err)
				}
			}
		}
		for _, bad := range []int64{-1, size} {
			if _, err := other.Inclusions(ctx, []int64{3, bad}, size); err == nil {
				t.Errorf("entry %d was proven in a tree of %d", bad, size)
			}
		}
	})
	t.Run("rows at", func(t *testing.T) {
		rows, err := other.RowsAt(ctx, []int64{size - 1, 3, size, -1, 3, 40_000})
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, row := range rows {
			got = append(got, row.Index)
			if tlog.RecordHash(row.Leaf) != ref.hashes[tlog.StoredHashIndex(0, row.Index)] {
				t.Errorf("the leaf of entry %d is another one", row.Index)
			}
		}
		if slices.Sort(got); !slices.Equal(got, []int64{3, 40_000, size - 1}) {
			t.Errorf("got entries %v", got)
		}
	})
	t.Run("x/mod reads our tiles", func(t *testing.T) {
		reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: ref.root(t, size)}, tileReader{other})
		for range 50 {
			i := rand.Int64N(size)
			p, err := tlog.ProveRecord(size, i, reader)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(p, size, ref.root(t, size), i, ref.hashes[tlog.StoredHashIndex(0, i)]); err != nil {
				t.Errorf("record %d: %v", i, err)
			}
		}
	})
	t.Run("a new leader goes on", func(t *testing.T) {
		again := lead(t, other, rawSubmissions{})
		again.fill(size + 600)
		verify(t, other)
	})
}

// tileReader is a tlog.TileReader over a Store.
type tileReader struct{ s *Store }

func (tileReader) Height() int { return 8 }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		var err error
		if data[i], err = r.s.Tile(context.Background(), tile.L, tile.N, tile.W); err != nil {
			return nil, fmt.Errorf("tile %v: %w", tile, err)
		}
	}
	return data, nil
}

func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// rawSubmissions accepts everything without looking for duplicates.
type rawSubmissions struct{}

func (rawSubmissions) Judge(_ context.Context, _ *Tx, _, now int64, items []*Item) error {
	for _, it := range items {
		it.Row = it.Submission.(submission).row(now)
	}
	return nil
}

// The nodes of a tile that another database had are not those of the tile that has its place now.
func TestInnerNodesOfAnotherDatabase(t *testing.T) {
	tile := func(fill byte) []byte { return bytes.Repeat([]byte{fill}, tileWidth*hashSize) }
	cache, id := newTileCache(4), tileID{level: 0, n: 7}
	cache.put(id, tile(1))
	first := cache.inner(id, tile(1))
	cache.reset()
	cache.put(id, tile(2))
	if got := cache.inner(id, tile(1)); !bytes.Equal(got, first) { // by a reader who has the old tile in hand still
		t.Error("the old tile's nodes changed")
	}
	got := cache.inner(id, tile(2))
	if root := got[len(got)-hashSize:]; !bytes.Equal(root, subtreeRoot(tile(2))) || bytes.Equal(got, first) {
		t.Error("the new tile has the old one's nodes")
	}
}
