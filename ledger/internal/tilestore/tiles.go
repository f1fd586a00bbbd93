package tilestore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	hashSize  = sha256.Size
	tileWidth = 256
	tileBits  = 8
	maxLevel  = 63 / tileBits // of tiles, for sizes that an int64 holds
)

// tileID names a tile as in C2SP tlog-tiles: number n of a level. Hash i of it is the root of the complete subtree of
// 256^level leaves that is the (256n+i)th of its kind.
type tileID struct {
	level int
	n     int64
}

// tileCache keeps what is known of tiles. A tile at the right edge only grows, so that a longer prefix of its hashes can
// always replace a shorter one, and a prefix never gets stale.
type tileCache struct {
	mu     sync.Mutex
	limit  int
	tiles  map[tileID]*cachedTile
	newest *cachedTile // ring of tiles in the order of their last use
}

type cachedTile struct {
	id         tileID
	hashes     []byte
	inner      []byte // of a full tile: the nodes above the hashes, height by height; nil until they are needed
	prev, next *cachedTile
}

func newTileCache(limit int) *tileCache {
	return &tileCache{limit: limit, tiles: make(map[tileID]*cachedTile)}
}

// get returns the known hashes of a tile, which may be fewer than wanted. They must not be written to.
func (c *tileCache) get(id tileID) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tiles[id]
	if t == nil {
		return nil
	}
	c.unlink(t)
	c.link(t)
	return t.hashes
}

// put remembers hashes, which nobody may write to any more.
func (c *tileCache) put(id tileID, hashes []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tiles[id]
	switch {
	case t == nil:
		t = &cachedTile{id: id, hashes: hashes}
		c.tiles[id] = t
	case len(hashes) > len(t.hashes):
		t.hashes = hashes
		c.unlink(t)
	default:
		return
	}
	c.link(t)
	if len(c.tiles) > c.limit {
		oldest := c.newest.prev
		c.unlink(oldest)
		delete(c.tiles, oldest.id)
	}
}

// inner returns the nodes above the hashes of a full tile: computing them all costs what a single proof needs of them, and proofs of entries
// that lie together need them again. They are kept with the tile as long as it has these very hashes: after a reset, another database's
// tile may stand in its place.
func (c *tileCache) inner(id tileID, hashes []byte) []byte {
	c.mu.Lock()
	if t := c.tiles[id]; t != nil && t.inner != nil && bytes.Equal(t.hashes, hashes) {
		defer c.mu.Unlock()
		return t.inner
	}
	c.mu.Unlock()
	inner := make([]byte, 0, (tileWidth-1)*hashSize)
	for below := hashes; len(below) > hashSize; {
		begin := len(inner)
		for i := 0; i < len(below); i += 2 * hashSize {
			inner = append(inner, nodeHash(below[i:i+hashSize], below[i+hashSize:i+2*hashSize])...)
		}
		below = inner[begin:]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.tiles[id]; t != nil && bytes.Equal(t.hashes, hashes) {
		t.inner = inner
	}
	return inner
}

// innerAt is where the node stands that is the root over so many hashes from begin on.
func innerAt(begin, width int) int {
	row := tileWidth // hashes that stand below the row
	at := 0
	for w := 2; w < width; w *= 2 {
		row /= 2
		at += row
	}
	return (at + begin/width) * hashSize
}

// reset forgets everything.
func (c *tileCache) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.newest = nil
	clear(c.tiles)
}

func (c *tileCache) link(t *cachedTile) {
	if c.newest == nil {
		t.prev, t.next = t, t
	} else {
		t.prev, t.next = c.newest.prev, c.newest
		t.prev.next, t.next.prev = t, t
	}
	c.newest = t
}

func (c *tileCache) unlink(t *cachedTile) {
	t.prev.next, t.next.prev = t.next, t.prev
	if c.newest == t {
		if c.newest = t.next; t.next == t {
			c.newest = nil
		}
	}
}

// tiles returns at least the wanted number of hashes of each tile. What isn't in memory is fetched in one round trip.
// The caller makes sure that the hashes exist: that the tree which he asks about is no larger than the log.
func (s *Store) tiles(ctx context.Context, wanted map[tileID]int) (map[tileID][]byte, error) {
	found := make(map[tileID][]byte, len(wanted))
	var batch pgx.Batch
	for id, width := range wanted {
		hashes := s.cache.get(id)
		if len(hashes) >= width*hashSize {
			found[id] = hashes
			continue
		}
		known := len(hashes) / hashSize
		store := func(more []byte) error {
			if known*hashSize+len(more) < width*hashSize {
				return fmt.Errorf("tile %d/%d has %d hashes, not %d: %w", id.level, id.n, known+len(more)/hashSize, width, ErrNotFound)
			}
			found[id] = slices.Concat(hashes[:known*hashSize], more)
			s.cache.put(id, found[id])
			return nil
		}
		if width == tileWidth {
			known = 0
			queueFullTile(&batch, id, store)
		} else {
			queuePartialTile(&batch, id, known, width, store)
		}
	}
	if batch.Len() == 0 {
		return found, nil
	}
	if err := s.q.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("couldn't read tiles: %w", err)
	}
	return found, nil
}

func queueFullTile(batch *pgx.Batch, id tileID, store func([]byte) error) {
	batch.Queue("SELECT hashes FROM tiles WHERE level = $1 AND n = $2", id.level, id.n).Query(func(rows pgx.Rows) error {
		hashes, err := pgx.CollectOneRow(rows, pgx.RowTo[[]byte])
		if err == pgx.ErrNoRows {
			return fmt.Errorf("tile %d/%d: %w", id.level, id.n, ErrNotFound)
		}
		if err != nil {
			return err
		}
		return store(hashes)
	})
}

// queuePartialTile computes the hashes [from, to) of a tile that isn't stored, or not yet: at level 0 from the leaves,
// above from the roots of the full tiles below.
func queuePartialTile(batch *pgx.Batch, id tileID, from, to int, store func([]byte) error) {
	first, last := id.n<<tileBits+int64(from), id.n<<tileBits+int64(to)
	sql, args := "SELECT idx, leaf FROM entries WHERE idx >= $1 AND idx < $2 ORDER BY idx", []any{first, last}
	if id.level > 0 {
		sql, args = "SELECT n, root FROM tiles WHERE level = $3 AND n >= $1 AND n < $2 ORDER BY n", []any{first, last, id.level - 1}
	}
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		hashes := make([]byte, 0, (to-from)*hashSize)
		var index int64
		var value pgtype.DriverBytes
		_, err := pgx.ForEachRow(rows, []any{&index, &value}, func() error {
			if want := first + int64(len(hashes)/hashSize); index != want {
				return fmt.Errorf("%d is missing below tile %d/%d", want, id.level, id.n)
			}
			if id.level > 0 {
				hashes = append(hashes, value...)
			} else {
				hash := leafHash(value)
				hashes = append(hashes, hash[:]...)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return store(hashes)
	})
}

// Tile is a hash tile as C2SP tlog-tiles serves it: width hashes of 32 bytes, width from 1 to 256. A tile that the log is
// too small for gives ErrNotFound.
func (s *Store) Tile(ctx context.Context, level int, n int64, width int) ([]byte, error) {
	id := tileID{level, n}
	if !valid(level, n, width) {
		return nil, fmt.Errorf("tile %d/%d of width %d: %w", level, n, width, ErrNotFound)
	}
	tiles, err := s.tiles(ctx, map[tileID]int{id: width})
	if err != nil {
		return nil, err
	}
	return slices.Clone(tiles[id][:width*hashSize]), nil
}

// valid says whether such a tile could exist in a log of 2^62 entries.
func valid(level int, n int64, width int) bool {
	if level < 0 || level > maxLevel || n < 0 || width < 1 || width > tileWidth {
		return false
	}
	return n < math.MaxInt64>>(tileBits*(level+1)+1)
}

// Bundle is an entry bundle as C2SP tlog-tiles serves it: leaves 256n to 256n+width-1, each after its length in two
// bytes. A bundle that the log is too small for gives ErrNotFound.
func (s *Store) Bundle(ctx context.Context, n int64, width int) ([]byte, error) {
	if !valid(0, n, width) {
		return nil, fmt.Errorf("entry bundle %d of width %d: %w", n, width, ErrNotFound)
	}
	first := n << tileBits
	rows, err := s.pool.Query(ctx, "SELECT leaf FROM entries WHERE idx >= $1 AND idx < $2 ORDER BY idx", first, first+int64(width))
	if err != nil {
		return nil, fmt.Errorf("couldn't read entry bundle %d: %w", n, err)
	}
	var bundle []byte
	var leaf pgtype.DriverBytes
	tag, err := pgx.ForEachRow(rows, []any{&leaf}, func() error {
		bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(leaf)))
		bundle = append(bundle, leaf...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read entry bundle %d: %w", n, err)
	}
	if tag.RowsAffected() != int64(width) {
		return nil, fmt.Errorf("entry bundle %d of width %d: %w", n, width, ErrNotFound)
	}
	return bundle, nil
}

// leafHash is RFC 6962's hash of a leaf.
func leafHash(leaf []byte) (hash [hashSize]byte) {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(leaf)
	h.Sum(hash[:0])
	return hash
}

// nodeHash is RFC 6962's hash of an inner node.
func nodeHash(left, right []byte) []byte {
	var b [1 + 2*hashSize]byte
	b[0] = 1
	copy(b[1:], left)
	copy(b[1+hashSize:], right)
	hash := sha256.Sum256(b[:])
	return hash[:]
}

// subtreeRoot is the root over a power of two of hashes. It overwrites them.
func subtreeRoot(hashes []byte) []byte {
	for len(hashes) > hashSize {
		half := len(hashes) / 2
		for i := 0; i < half; i += hashSize {
			copy(hashes[i:], nodeHash(hashes[2*i:2*i+hashSize], hashes[2*i+hashSize:2*i+2*hashSize]))
		}
		hashes = hashes[:half]
	}
	return hashes
}
