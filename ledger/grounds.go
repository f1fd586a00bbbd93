package ledger

import (
	"sync"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
)

// grounds keeps leaves that much evidence rests on: those that bring keys, statements and data sets. An entry never changes, and neither does the
// place of an event. Safe for concurrent use.
type grounds struct {
	mu     sync.Mutex
	leaves map[int64][]byte
	places map[event.Digest]int64
	bytes  int
}

// maxGrounds bounds the bytes of leaves that are kept: when they are too many all are forgotten, and those in use soon come back.
const maxGrounds = 8 << 20

func (g *grounds) get(index int64) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.leaves[index]
}

// find is the place of an event.
func (g *grounds) find(d event.Digest) (index int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	index, ok = g.places[d]
	return index, ok
}

// keep keeps a row's leaf if it is one that others rest on.
func (g *grounds) keep(row *tilestore.Row) {
	switch row.Kind {
	case event.Source, event.Statement, event.Dataset:
	default:
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leaves == nil || g.bytes+len(row.Leaf) > maxGrounds {
		g.leaves, g.places, g.bytes = map[int64][]byte{}, map[event.Digest]int64{}, 0
	}
	if g.leaves[row.Index] == nil {
		g.leaves[row.Index] = row.Leaf
		g.bytes += len(row.Leaf)
	}
	if !row.Digest.IsZero() { // it is known where the event was looked up by it
		g.places[row.Digest] = row.Index
	}
}
