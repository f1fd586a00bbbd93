package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
)

// Sequencer is the sequencing half of a ledger alone: an append-only log of opaque leaves, without admission and without
// signatures. Leaves take the same way as events from the queue on: the same batches, the same transaction, the same indexes.
// It is there to measure what the log itself can do, and must not be pointed at the database of a ledger.
type Sequencer struct {
	store  *tilestore.Store
	leader atomic.Pointer[tilestore.Leader]
}

// SequencerConfig says where the log is.
type SequencerConfig struct {
	DatabaseURL string       // PostgreSQL, migrated
	MaxQueue    int          // leaves that may wait; 16,384 if zero
	Logger      *slog.Logger // may be nil
}

// Raw is an opaque leaf with what the indexes keep of it.
type Raw struct {
	Leaf    []byte // 1 to event.MaxLeaf bytes
	Kind    event.Kind
	Source  string
	Subject string
}

// OpenSequencer connects to the database and becomes the leader of the log in it, waiting while another process is. Nothing
// is appended before Run runs.
func OpenSequencer(ctx context.Context, cfg SequencerConfig) (*Sequencer, error) {
	store, err := tilestore.Open(ctx, tilestore.Config{
		URL: cfg.DatabaseURL, MaxQueue: cfg.MaxQueue, Logger: cfg.Logger,
		Decode: func(leaf []byte) (tilestore.Row, error) {
			return tilestore.Row{Digest: sha256.Sum256(leaf), Leaf: leaf}, nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't open the log: %w", err)
	}
	leader, err := store.Lead(ctx, nil)
	if err != nil {
		store.Close()
		return nil, err
	}
	s := &Sequencer{store: store}
	s.leader.Store(leader)
	return s, nil
}

// Close lets go of the database. Run must have returned, or never have been called.
func (s *Sequencer) Close() {
	if leader := s.leader.Swap(nil); leader != nil {
		leader.Close()
	}
	s.store.Close()
}

// Run appends until ctx ends, which gives nil, or until it can't go on.
func (s *Sequencer) Run(ctx context.Context) error {
	err := s.leader.Load().Run(ctx, rawJudge{}, nil)
	s.leader.Store(nil) // Run closed it
	return err
}

// Append appends leaves, in order, and returns their indices when they are durable. What it doesn't append for want of room in
// the queue it refuses with Busy.
func (s *Sequencer) Append(ctx context.Context, leaves ...Raw) ([]int64, error) {
	leader := s.leader.Load()
	if leader == nil {
		return nil, unavailable(nil, "the log is not being written to")
	}
	all := make([]tilestore.Item, len(leaves))
	items := make([]*tilestore.Item, len(leaves))
	for i, raw := range leaves {
		// The digest needs no order: it is the submitter's to compute, as it is the door's in a ledger.
		row := tilestore.Row{Kind: raw.Kind, Source: raw.Source, Subject: raw.Subject, Digest: sha256.Sum256(raw.Leaf), Leaf: raw.Leaf}
		all[i] = tilestore.Item{Row: row, Size: len(raw.Leaf)}
		items[i] = &all[i]
	}
	done, err := leader.Enqueue(items...)
	if err != nil {
		return nil, refuseItem(err)
	}
	select {
	case <-done:
	case <-ctx.Done():
		return nil, unknownOutcome(ctx.Err())
	}
	indices := make([]int64, len(leaves))
	for i := range all {
		if all[i].Err != nil {
			return nil, refuseItem(all[i].Err)
		}
		indices[i] = all[i].Index
	}
	return indices, nil
}

// Size is the number of leaves.
func (s *Sequencer) Size(ctx context.Context) (int64, error) {
	tip, err := s.store.Tip(ctx)
	return tip.Size, err
}

// Inclusion proves a leaf in the tree of a size (RFC 6962, from the leaf up).
func (s *Sequencer) Inclusion(ctx context.Context, index, size int64) ([][32]byte, error) {
	proof, err := s.store.Inclusion(ctx, index, size)
	if err != nil {
		return nil, refuseRead(err, "there is no proof of leaf %d in a tree of %d", index, size)
	}
	return hashes(proof), nil
}

// rawJudge accepts everything: rows are complete but for the time.
type rawJudge struct{}

func (rawJudge) Judge(_ context.Context, _ *tilestore.Tx, _, now int64, items []*tilestore.Item) error {
	for _, it := range items {
		it.Row.Logged = now
	}
	return nil
}
