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
	g := &gathering{from: from, size: size, have: map[int64]bool{}}
	if err := g.entry(ctx, index); err != nil {
		return nil, fmt.Errorf("couldn't gather the evidence about entry %d: %w", index, err)
	}
	if err := g.entry(ctx, 0); err != nil {
		return nil, fmt.Errorf("couldn't gather the evidence about entry %d: %w", index, err)
	}
	if err := g.attestations(ctx, index); err != nil {
		return nil, fmt.Errorf("couldn't gather the attestations of entry %d: %w", index, err)
	}
	at := slices.IndexFunc(g.receipts, func(r Receipt) bool { return r.Index == index })
	ev := &Evidence{Event: g.receipts[at]}
	ev.Relied = slices.Delete(g.receipts, at, at+1)
	return ev, nil
}

type gathering struct {
	from     Library
	size     int64
	have     map[int64]bool
	receipts []Receipt
}

// attestations adds those of the entry at an index, which was added, if its proof was deferred.
func (g *gathering) attestations(ctx context.Context, index int64) error {
	at := slices.IndexFunc(g.receipts, func(r Receipt) bool { return r.Index == index })
	entry, err := OpenEntry(index, g.receipts[at].Leaf)
	if err != nil || entry.Event.Proof != event.ProofDeferred {
		return err
	}
	indices, err := g.from.Attestations(ctx, entry.Digest)
	if err != nil {
		return err
	}
	for _, i := range indices {
		if i < g.size {
			if err := g.entry(ctx, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry adds the entry at an index, and then what it rests on.
func (g *gathering) entry(ctx context.Context, index int64) error {
	if g.have[index] {
		return nil
	}
	if len(g.have) > maxRelied {
		return fmt.Errorf("it rests on more than %d entries", maxRelied)
	}
	g.have[index] = true
	r, err := g.from.Receipt(ctx, index, g.size)
	if err != nil {
		return err
	}
	g.receipts = append(g.receipts, *r)
	entry, err := OpenEntry(index, r.Leaf)
	if err != nil {
		return err
	}
	sources := []string{entry.Event.Source}
	if c, ok := entry.Event.Claims.(*event.SourceClaims); ok {
		sources = append(sources, c.Source)
	}
	var indices []int64
	for _, name := range sources {
		more, err := g.from.SourceEntries(ctx, name)
		if err != nil {
			return err
		}
		indices = append(indices, more...)
	}
	if !entry.Event.Statement.IsZero() {
		more, err := g.from.StatementEntries(ctx, entry.Event.Statement)
		if err != nil {
			return err
		}
		indices = append(indices, more...)
	}
	for _, ref := range References(entry.Event.Claims) {
		at, err := g.from.Find(ctx, ref.Event)
		if err != nil {
			return err
		}
		indices = append(indices, at)
	}
	for _, i := range indices {
		if i >= g.size {
			continue // younger than the head: not part of what it vouches for
		}
		if err := g.entry(ctx, i); err != nil {
			return err
		}
	}
	return nil
}
