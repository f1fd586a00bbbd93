package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/attestlog/attestlog/ledger/verify"
)

// EvidenceQuery asks for evidence about some entries, or about one and all that it comes from.
type EvidenceQuery struct {
	Entries    []int64
	Provenance bool  // Entries has one, and what it comes from is asked for, too
	Size       int64 // of the published head that proofs lead to; 0 for the newest that has its quorum, or has the entries
}

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
	from := newEvidenceAt(l, registry, head.Size)
	if err := from.readAhead(ctx, q.Entries); err != nil {
		return nil, at, unavailable(err, "the evidence can't be put together at the moment")
	}
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
