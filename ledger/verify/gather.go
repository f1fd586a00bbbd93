package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
)

// Library is where evidence is collected from: a ledger, or a client of one. Nothing that it answers is believed before Evidence.Verify.
type Library interface {
	// Receipt is the entry at an index with its proof against the head of that size.
	Receipt(ctx context.Context, index, size int64) (*Receipt, error)
	// Find is the index of the entry with this event digest.
	Find(ctx context.Context, digest event.Digest) (int64, error)
	// SourceEntries are the indices of the entries that registered, rotated or revoked a source's keys.
	SourceEntries(ctx context.Context, source string) ([]int64, error)
	// StatementEntries are the indices of the entries that registered or revoked a statement.
	StatementEntries(ctx context.Context, id event.Digest) ([]int64, error)
	// Attestations are the indices of the entries that attest an event which deferred its proof.
	Attestations(ctx context.Context, digest event.Digest) ([]int64, error)
}

// Gather collects the evidence about the entry at an index, against the head of that size.
func Gather(ctx context.Context, from Library, index, size int64) (*Evidence, error) {
	var receipts []Receipt
	g := newGathering(from, size, maxRelied, func(ctx context.Context, i int64) (*Entry, error) {
		r, err := from.Receipt(ctx, i, size)
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, *r)
		return OpenEntry(i, r.Leaf)
	})
	if err := g.about(ctx, index); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(receipts, func(r Receipt) bool { return r.Index == index })
	ev := &Evidence{Event: receipts[at]}
	ev.Relied = slices.Delete(receipts, at, at+1)
	return ev, nil
}

// index finds entries: a Library without what it lends.
type index interface {
	Find(ctx context.Context, digest event.Digest) (int64, error)
	SourceEntries(ctx context.Context, source string) ([]int64, error)
	StatementEntries(ctx context.Context, id event.Digest) ([]int64, error)
	Attestations(ctx context.Context, digest event.Digest) ([]int64, error)
}

// gathering walks from entries to all that verdicts about them rest on.
type gathering struct {
	index
	open   func(ctx context.Context, index int64) (*Entry, error) // called once for each entry
	size   int64
	most   int // further entries
	have   map[int64]*Entry
	listed map[string]bool // sources and statements whose entries are in already
}

func newGathering(from index, size int64, most int, open func(context.Context, int64) (*Entry, error)) *gathering {
	return &gathering{index: from, open: open, size: size, most: most, have: map[int64]*Entry{}, listed: map[string]bool{}}
}

// about adds an entry, what its verdict rests on, and, where its proof was deferred, its attestations.
func (g *gathering) about(ctx context.Context, index int64) error {
	if err := g.entry(ctx, index); err != nil {
		return fmt.Errorf("couldn't gather the evidence about entry %d: %w", index, err)
	}
	if err := g.entry(ctx, 0); err != nil {
		return fmt.Errorf("couldn't gather the evidence about entry %d: %w", index, err)
	}
	if g.have[index].Event.Proof != event.ProofDeferred {
		return nil
	}
	indices, err := g.Attestations(ctx, g.have[index].Digest)
	if err == nil {
		err = g.all(ctx, indices)
	}
	if err != nil {
		return fmt.Errorf("couldn't gather the attestations of entry %d: %w", index, err)
	}
	return nil
}

// entry adds the entry at an index, and then what it rests on.
func (g *gathering) entry(ctx context.Context, index int64) error {
	if g.have[index] != nil {
		return nil
	}
	if len(g.have) > g.most {
		return fmt.Errorf("%w: it rests on more than %d entries", ErrBundleTooLarge, g.most)
	}
	entry, err := g.open(ctx, index)
	if err != nil {
		return err
	}
	g.have[index] = entry
	sources := []string{entry.Event.Source}
	if c, ok := entry.Event.Claims.(*event.SourceClaims); ok {
		sources = append(sources, c.Source)
	}
	for _, name := range sources {
		if err := g.list(ctx, "source "+name, func() ([]int64, error) { return g.SourceEntries(ctx, name) }); err != nil {
			return err
		}
	}
	statements := []event.Digest{entry.Event.Statement}
	if c, ok := entry.Event.Claims.(*event.StatementClaims); ok {
		statements = append(statements, c.Statement) // of a revocation; what it revokes must be there
	}
	for _, id := range statements {
		if id.IsZero() {
			continue
		}
		if err := g.list(ctx, "statement "+id.String(), func() ([]int64, error) { return g.StatementEntries(ctx, id) }); err != nil {
			return err
		}
	}
	for _, ref := range References(entry.Event.Claims) {
		at, err := g.Find(ctx, ref.Event)
		if err == nil {
			err = g.all(ctx, []int64{at})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// list adds what a list says, unless it did before.
func (g *gathering) list(ctx context.Context, name string, read func() ([]int64, error)) error {
	if g.listed[name] {
		return nil
	}
	g.listed[name] = true
	indices, err := read()
	if err != nil {
		return err
	}
	return g.all(ctx, indices)
}

// all adds entries and what they rest on. Those that are younger than the head are no part of what it vouches for.
func (g *gathering) all(ctx context.Context, indices []int64) error {
	for _, i := range indices {
		if i >= g.size {
			continue
		}
		if err := g.entry(ctx, i); err != nil {
			return err
		}
	}
	return nil
}
