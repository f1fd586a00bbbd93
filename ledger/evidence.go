package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// EvidenceQuery asks for evidence about some entries, or about one and all that it comes from.
type EvidenceQuery struct {
	Entries    []int64
	Provenance bool  // Entries has one, and what it comes from is asked for, too
	Size       int64 // of the published head that proofs lead to; 0 for the newest that has its quorum, or has the entries
}

// maxReferring bounds how many entries are read to find those that refer to one.
const maxReferring = 20000

// Evidence makes a bundle of everything that verdicts about some entries rest on.
func (l *Ledger) Evidence(ctx context.Context, q EvidenceQuery) (*verify.Bundle, error) {
	b, _, err := l.evidence(ctx, q)
	return b, err
}

// evidence is a bundle, and the head that it leads to.
func (l *Ledger) evidence(ctx context.Context, q EvidenceQuery) (b *verify.Bundle, at verify.Head, err error) {
	if len(q.Entries) == 0 {
		return nil, at, notFound("a bundle is about one entry at least")
	}
	head, err := l.evidenceHead(ctx, slices.Max(q.Entries), q.Size)
	if err != nil {
		return nil, at, err
	}
	registry, err := l.registry(ctx)
	if err != nil {
		return nil, at, err
	}
	from := &evidenceAt{Ledger: l, registry: registry, size: head.Size, leaves: map[int64][]byte{}, found: map[event.Digest]int64{}}
	at = verify.Head{Origin: l.Origin(), Size: head.Size, Root: head.Root, Note: head.Note}
	if q.Provenance {
		b, err = verify.Trace(ctx, from, at, q.Entries[0], false)
	} else {
		b, err = verify.GatherBundle(ctx, from, at, q.Entries...)
	}
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return nil, at, refusal
	case errors.Is(err, verify.ErrBundleTooLarge):
		return nil, at, &Refusal{Code: TooLarge, Detail: fmt.Sprintf("this is too much for one bundle: %v; ask for less at once", err)}
	case err != nil:
		return nil, at, unavailable(err, "the evidence can't be put together at the moment")
	}
	return b, at, nil
}

// evidenceHead is the published head that a bundle leads to.
func (l *Ledger) evidenceHead(ctx context.Context, highest, size int64) (PublishedHead, error) {
	if size > 0 {
		head, err := l.CheckpointAt(ctx, size)
		if err == nil && highest >= size {
			err = notFound("entry %d is not in the tree of %d entries", highest, size)
		}
		return head, err
	}
	head, ok := l.proofHead(highest)
	if !ok || highest >= head.Size {
		return head, notFound("entry %d is in no head that was published: there is none, or not yet", highest)
	}
	return head, nil
}

// evidenceAt is the ledger as a verify.Tracer, at one size.
type evidenceAt struct {
	*Ledger
	registry *verify.Registry
	size     int64
	leaves   map[int64][]byte // that were come across
	found    map[event.Digest]int64
}

// leaf is that of an entry. Those that bring keys, statements and data sets are asked for again and again, and never change.
func (e *evidenceAt) leaf(ctx context.Context, index int64) ([]byte, error) {
	if leaf := e.leaves[index]; leaf != nil {
		return leaf, nil
	}
	if leaf := e.grounds.get(index); leaf != nil {
		return leaf, nil
	}
	row, err := e.store.Row(ctx, index)
	if err != nil {
		return nil, refuseRead(err, "there is no entry %d in this log", index)
	}
	switch row.Kind {
	case event.Source, event.Statement, event.Dataset:
		e.grounds.put(index, row.Leaf)
	}
	return row.Leaf, nil
}

// grounds keeps leaves that much evidence rests on. Safe for concurrent use.
type grounds struct {
	mu     sync.Mutex
	leaves map[int64][]byte
	bytes  int
}

// maxGrounds bounds the bytes of leaves that are kept: when they are too many all are forgotten, and those in use soon come back.
const maxGrounds = 8 << 20

func (g *grounds) get(index int64) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.leaves[index]
}

func (g *grounds) put(index int64, leaf []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leaves == nil || g.bytes+len(leaf) > maxGrounds {
		g.leaves, g.bytes = map[int64][]byte{}, 0
	}
	if g.leaves[index] == nil {
		g.leaves[index] = leaf
		g.bytes += len(leaf)
	}
}

// Receipt proves an entry in the tree of that size. It has no note: the bundle's stands for all.
func (e *evidenceAt) Receipt(ctx context.Context, index, size int64) (*verify.Receipt, error) {
	leaf, err := e.leaf(ctx, index)
	if err != nil {
		return nil, err
	}
	proof, err := e.store.Inclusion(ctx, index, size)
	if err != nil {
		return nil, refuseRead(err, "entry %d can't be proven in the tree of %d entries", index, size)
	}
	return &verify.Receipt{Index: index, Leaf: leaf, Hashes: hashes(proof)}, nil
}

func (e *evidenceAt) Find(ctx context.Context, d event.Digest) (int64, error) {
	if index, ok := e.found[d]; ok {
		return index, nil
	}
	row, err := e.store.RowByDigest(ctx, d)
	if err != nil {
		return 0, refuseRead(err, "there is no event %s in this log", d)
	}
	e.leaves[row.Index], e.found[d] = row.Leaf, row.Index
	return row.Index, nil
}

// SourceEntries are those that brought or ended the source's keys.
func (e *evidenceAt) SourceEntries(_ context.Context, name string) (indices []int64, err error) {
	s, ok := e.registry.Source(name)
	if !ok {
		return nil, notFound("no source %q is registered with this log", name)
	}
	for _, k := range s.Keys {
		indices = append(indices, k.Since)
		if k.Revoked {
			indices = append(indices, k.RevokedBy)
		}
	}
	return indices, nil
}

func (e *evidenceAt) StatementEntries(_ context.Context, id event.Digest) ([]int64, error) {
	s, ok := e.registry.Statement(id)
	if !ok {
		return nil, nil // an event under none doesn't verify; the bundle shows that
	}
	if s.Revoked >= 0 {
		return []int64{s.Registered, s.Revoked}, nil
	}
	return []int64{s.Registered}, nil
}

func (e *evidenceAt) Attestations(ctx context.Context, d event.Digest) (indices []int64, err error) {
	found, err := e.store.Attested(ctx, []event.Digest{d})
	if err != nil {
		return nil, refuseRead(err, "")
	}
	if a, ok := found[d]; ok {
		for _, index := range []int64{a.Refused, a.Proven} {
			if index >= 0 {
				indices = append(indices, index)
			}
		}
	}
	return indices, nil
}

// Referring reads the entries of a kind behind the one that they may refer to. A run's steps are its own source's.
func (e *evidenceAt) Referring(ctx context.Context, to *verify.Entry, kind event.Kind) (indices []int64, err error) {
	q := tilestore.Query{Size: e.size, Kinds: []event.Kind{kind}, Cursor: to.Index + 1, Limit: scanStep, Bare: true}
	most := math.MaxInt64
	if kind == event.TrainingStep {
		q.Source = to.Event.Source
		if run, ok := to.Event.Claims.(*event.TrainingRunClaims); ok {
			most = int(run.Steps) // each is there once
		}
	}
	var s sieve
	digest := []byte(to.Digest.String())
	for read := 0; ; {
		rows, err := e.store.Scan(ctx, q)
		if err != nil {
			return nil, refuseRead(err, "")
		}
		for _, row := range rows {
			if _, ok := s.open(row.Leaf); ok && !bytes.Contains(s.payload, digest) {
				continue
			}
			entry, err := openRow(row)
			if err != nil {
				return nil, unavailable(err, "entry %d of the database is damaged", row.Index)
			}
			if slices.ContainsFunc(verify.References(entry.Event.Claims), func(r verify.Reference) bool { return r.Event == to.Digest }) {
				indices = append(indices, row.Index)
				e.leaves[row.Index] = row.Leaf
			}
			if len(indices) == most {
				return indices, nil
			}
		}
		if read += len(rows); read > maxReferring {
			return nil, &Refusal{Code: TooLarge, Detail: fmt.Sprintf("more than %d entries of kind %s would have to be read to find those that refer to entry %d: attestlog bundle finds them by itself", maxReferring, kind, to.Index)}
		}
		if len(rows) < q.Limit {
			return indices, nil
		}
		q.Cursor = q.Next(rows[len(rows)-1])
	}
}
