package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
)

// judgeReference holds claims against one event that they refer to.
func judgeReference(claims event.Claims, ref verify.Reference, to *event.Event) *Refusal {
	return refuse(verify.JudgeReferred(claims, ref, to))
}

// maxReferred bounds how many events that others refer to are kept decoded. A data set's description has up to 48 KiB.
const maxReferred = 512

// referred keeps committed events that others refer to, decoded. An entry never changes, so nothing in here gets stale. Safe
// for concurrent use.
type referred struct {
	store *tilestore.Store
	mu    sync.RWMutex
	known map[event.Digest]*event.Event
}

// find gives the event with a digest, or nil if the log has none.
func (r *referred) find(ctx context.Context, d event.Digest) (*event.Event, error) {
	r.mu.RLock()
	e := r.known[d]
	r.mu.RUnlock()
	if e != nil {
		return e, nil
	}
	row, err := r.store.RowByDigest(ctx, d)
	if errors.Is(err, tilestore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entry, err := openRow(row)
	if err != nil {
		return nil, err
	}
	r.keep(d, entry.Event)
	return entry.Event, nil
}

// rootThrough is the root of the log's tree that ends with an event that is in it.
func (r *referred) rootThrough(ctx context.Context, d event.Digest) (hash, error) {
	row, err := r.store.RowByDigest(ctx, d)
	if err != nil {
		return hash{}, err
	}
	return r.store.RootAt(ctx, row.Index+1)
}

func (r *referred) keep(d event.Digest, e *event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keep(r.known, d, e)
}

// keep remembers something of an event, and forgets that of any other if there is too much.
func keep[T any](known map[event.Digest]T, d event.Digest, x T) {
	if _, ok := known[d]; !ok && len(known) >= maxReferred {
		for old := range known { // any: Go's order is random
			delete(known, old)
			break
		}
	}
	known[d] = x
}

// datasets remembers D of data sets, which every proof of an access to them is about. Safe for concurrent use.
type datasets struct {
	mu    sync.RWMutex
	known map[event.Digest]event.Element
}

// commitment is D of the data set that an event with a digest commits to.
func (s *datasets) commitment(d event.Digest, of *event.DatasetClaims) (event.Element, error) {
	s.mu.RLock()
	x, ok := s.known[d]
	s.mu.RUnlock()
	if ok {
		return x, nil
	}
	x, err := statement.Dataset(of)
	if err != nil {
		return event.Element{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	keep(s.known, d, x)
	return x, nil
}

// Dataset makes a candidate a statement.DatasetResolver.
func (c *candidate) Dataset(d event.Digest) (event.Element, error) {
	e, err := c.Event(d)
	if err != nil {
		return event.Element{}, err
	}
	claims, ok := e.Claims.(*event.DatasetClaims)
	if !ok {
		return event.Element{}, fmt.Errorf("event %s is of kind %s, not a data set", d, e.Kind())
	}
	return c.datasets.commitment(d, claims)
}
