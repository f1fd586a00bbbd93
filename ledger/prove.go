package ledger

import (
	"context"
	"math"
)

// PublishedHead is a checkpoint that the log published.
type PublishedHead struct {
	Size      int64
	Root      [32]byte
	Published int64  // milliseconds since 1970
	Note      []byte // the signed note, with cosignatures behind the log's signature
	Quorum    bool   // it satisfied the log's own witness policy, or there was none
}

// Published is the newest published head that this process knows; false before the first.
func (l *Ledger) Published() (PublishedHead, bool) {
	if head := l.published.Load(); head != nil {
		return *head, true
	}
	return PublishedHead{}, false
}

// proofHead is the head that proofs lead to where none is asked for: the newest that satisfies the log's witness policy, unless the
// entry is in newer ones only.
func (l *Ledger) proofHead(index int64) (PublishedHead, bool) {
	if head := l.witnessed.Load(); head != nil && index < head.Size {
		return *head, true
	}
	return l.Published()
}

// Checkpoints lists published heads of sizes below before (0: all), newest first; at most limit of them (100 if zero, at most 1,000).
func (l *Ledger) Checkpoints(ctx context.Context, before int64, limit int) ([]PublishedHead, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	switch {
	case limit <= 0:
		limit = defaultPage
	case limit > maxPage:
		limit = maxPage
	}
	heads, err := l.store.Heads(ctx, before, limit)
	if err != nil {
		return nil, refuseRead(err, "")
	}
	all := make([]PublishedHead, len(heads))
	for i, h := range heads {
		all[i] = publishedHead(h)
	}
	return all, nil
}

// CheckpointAt finds the published head of exactly that size.
func (l *Ledger) CheckpointAt(ctx context.Context, size int64) (PublishedHead, error) {
	head, err := l.store.Head(ctx, size)
	if err != nil {
		return PublishedHead{}, refuseRead(err, "no head of size %d was published", size)
	}
	return publishedHead(head), nil
}

// Inclusion proves an entry in the tree of a size (RFC 6962, from the leaf up), and gives the published head of that tree. Size 0
// stands for the newest published head that has its quorum of cosignatures. For a size at which none was published the head has no note: consistency proofs tie
// it to one.
func (l *Ledger) Inclusion(ctx context.Context, index, size int64) ([][32]byte, PublishedHead, error) {
	var head PublishedHead
	var err error
	if size == 0 {
		var ok bool
		if head, ok = l.proofHead(index); !ok {
			return nil, PublishedHead{}, notFound("no head was published yet")
		}
	} else if head, err = l.headOf(ctx, size); err != nil {
		return nil, PublishedHead{}, err
	}
	if index < 0 || index >= head.Size {
		return nil, PublishedHead{}, notFound("entry %d is not in the tree of %d entries", index, head.Size)
	}
	proof, err := l.store.Inclusion(ctx, index, head.Size)
	if err != nil {
		return nil, PublishedHead{}, refuseRead(err, "entry %d can't be proven in the tree of %d entries", index, head.Size)
	}
	return hashes(proof), head, nil
}

// headOf is the published head of a size, or one without a note.
func (l *Ledger) headOf(ctx context.Context, size int64) (PublishedHead, error) {
	if err := l.checkSize(ctx, size); err != nil {
		return PublishedHead{}, err
	}
	if newest, ok := l.Published(); ok && newest.Size == size {
		return newest, nil
	}
	head, err := l.CheckpointAt(ctx, size)
	if err == nil {
		return head, nil
	}
	if refusal, ok := err.(*Refusal); !ok || refusal.Code != NotFound {
		return PublishedHead{}, err
	}
	root, err := l.store.RootAt(ctx, size)
	if err != nil {
		return PublishedHead{}, refuseRead(err, "the log never had %d entries", size)
	}
	return PublishedHead{Size: size, Root: root}, nil
}

// checkSize refuses sizes that the log does not have yet.
func (l *Ledger) checkSize(ctx context.Context, size int64) error {
	if newest, ok := l.Published(); ok && size >= 0 && size <= newest.Size {
		return nil
	}
	tip, err := l.store.Tip(ctx)
	if err != nil {
		return refuseRead(err, "")
	}
	if size < 0 || size > tip.Size {
		return notFound("the log has %d entries, not %d", tip.Size, size)
	}
	return nil
}

// Consistency proves that the tree of size to extends that of size from (RFC 6962); to 0 stands for the newest published head.
func (l *Ledger) Consistency(ctx context.Context, from, to int64) ([][32]byte, error) {
	if to == 0 {
		newest, ok := l.Published()
		if !ok {
			return nil, notFound("no head was published yet")
		}
		to = newest.Size
	}
	if from < 0 || from > to {
		return nil, notFound("a tree of %d entries does not extend one of %d", to, from)
	}
	if err := l.checkSize(ctx, to); err != nil {
		return nil, err
	}
	proof, err := l.store.Consistency(ctx, from, to)
	if err != nil {
		return nil, refuseRead(err, "the log never had %d entries", to)
	}
	return hashes(proof), nil
}

// Tile is a C2SP tlog-tiles hash tile: width hashes (1 to 256) of 32 bytes.
func (l *Ledger) Tile(ctx context.Context, level int, n int64, width int) ([]byte, error) {
	tile, err := l.store.Tile(ctx, level, n, width)
	if err != nil {
		return nil, refuseRead(err, "the log has no tile %d of level %d with %d hashes", n, level, width)
	}
	return tile, nil
}

// Bundle is a C2SP tlog-tiles entry bundle: width leaves (1 to 256), each after its length in two bytes.
func (l *Ledger) Bundle(ctx context.Context, n int64, width int) ([]byte, error) {
	bundle, err := l.store.Bundle(ctx, n, width)
	if err != nil {
		return nil, refuseRead(err, "the log has no entry bundle %d with %d entries", n, width)
	}
	return bundle, nil
}
