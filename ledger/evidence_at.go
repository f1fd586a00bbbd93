package ledger

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// evidenceAt is the ledger as a verify.Tracer, at one size.
type evidenceAt struct {
	*Ledger
	registry *verify.Registry
	size     int64
	leaves   map[int64][]byte // that were come across
	found    map[event.Digest]int64
	attested map[event.Digest]tilestore.Attested // of events that were looked up
	proofs   map[int64][][32]byte                // that were made together
}

func newEvidenceAt(l *Ledger, registry *verify.Registry, size int64) *evidenceAt {
	return &evidenceAt{Ledger: l, registry: registry, size: size, leaves: map[int64][]byte{}, found: map[event.Digest]int64{}, attested: map[event.Digest]tilestore.Attested{},
		proofs: map[int64][][32]byte{}}
}

// readAhead gets what will be asked of the database about entries in a few queries for all of them, and not in as many for each. What isn't there is
// left for the one who asks for it to report.
func (e *evidenceAt) readAhead(ctx context.Context, indices []int64) error {
	waiting, err := e.readLeaves(ctx, indices)
	if err != nil {
		return err
	}
	if len(waiting) > 0 {
		found, err := e.store.Attested(ctx, waiting)
		if err != nil {
			return err
		}
		var late []int64
		for _, d := range waiting {
			a, ok := found[d]
			if !ok {
				a = tilestore.Attested{Proven: -1, Refused: -1}
			}
			e.attested[d] = a
			late = append(late, attestations(a)...)
		}
		if _, err := e.readLeaves(ctx, late); err != nil {
			return err
		}
	}
	inTree := slices.DeleteFunc(slices.Sorted(maps.Keys(e.leaves)), func(index int64) bool { return index >= e.size })
	proofs, err := e.store.Inclusions(ctx, inTree, e.size)
	if err != nil {
		return err
	}
	for i, index := range inTree {
		e.proofs[index] = hashes(proofs[i])
	}
	return nil
}

// readLeaves reads entries at once, and tells which of them are events that deferred their proof.
func (e *evidenceAt) readLeaves(ctx context.Context, indices []int64) (waiting []event.Digest, err error) {
	rows, err := e.store.RowsAt(ctx, indices)
	if err != nil {
		return nil, err
	}
	var s sieve
	for _, row := range rows {
		e.leaves[row.Index] = row.Leaf
		status, ok := s.open(row.Leaf)
		if !ok {
			continue // damaged: whoever decodes it says so
		}
		row.Digest = event.DigestOf(s.payload)
		e.found[row.Digest] = row.Index
		e.grounds.keep(&row)
		if status == StatusWaiting {
			waiting = append(waiting, row.Digest)
		}
	}
	return waiting, nil
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
	e.grounds.keep(&row)
	return row.Leaf, nil
}

// Receipt proves an entry in the tree of that size. It has no note: the bundle's stands for all.
func (e *evidenceAt) Receipt(ctx context.Context, index, size int64) (*verify.Receipt, error) {
	leaf, err := e.leaf(ctx, index)
	if err != nil {
		return nil, err
	}
	if hashes, ok := e.proofs[index]; ok && size == e.size {
		return &verify.Receipt{Index: index, Leaf: leaf, Hashes: hashes}, nil
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
	if index, ok := e.grounds.find(d); ok {
		return index, nil
	}
	row, err := e.store.RowByDigest(ctx, d)
	if err != nil {
		return 0, refuseRead(err, "there is no event %s in this log", d)
	}
	e.leaves[row.Index], e.found[d] = row.Leaf, row.Index
	e.grounds.keep(&row)
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
	if a, ok := e.attested[d]; ok {
		return attestations(a), nil
	}
	found, err := e.store.Attested(ctx, []event.Digest{d})
	if err != nil {
		return nil, refuseRead(err, "")
	}
	if a, ok := found[d]; ok {
		indices = attestations(a)
	}
	return indices, nil
}

func attestations(a tilestore.Attested) (indices []int64) {
	for _, index := range []int64{a.Refused, a.Proven} {
		if index >= 0 {
			indices = append(indices, index)
		}
	}
	return indices
}

// maxReferring bounds how many entries are read to find those that refer to one.
const maxReferring = 20000

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
