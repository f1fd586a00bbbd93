package tilestore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/tree"
	"github.com/google/trillian/types"
	"github.com/transparency-dev/merkle/compact"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// treeID is the one log's number, for Trillian's interfaces and metrics.
const treeID = 1

// batch is what one transaction of the sequencer collects.
type batch struct {
	items    []*Item
	accepted int
	tx       Tx
	nodes    []tree.Node
	tip      Tip   // the new head; Size 0 until Trillian has stored a root
	edge     *edge // the new edge
	full     []fullTile
	newNames []string
	cause    error // the first failure, which Trillian wraps out of recognition
}

// leafSlot holds what a leaf consists of, so that a batch of leaves is one allocation.
type leafSlot struct {
	leaf   trillian.LogLeaf
	hash   [hashSize]byte
	queued timestamppb.Timestamp
	row    *Row
	at     int // where the row goes in the batch's COPY data
}

// sequencer is Trillian's storage.LogStorage for one leader: the seam between Trillian and this package.
type sequencer struct{ *Leader }

var _ storage.LogStorage = sequencer{}

func (s sequencer) CheckDatabaseAccessible(ctx context.Context) error { return s.store.Ping(ctx) }

func (s sequencer) GetActiveLogIDs(context.Context) ([]int64, error) { return []int64{treeID}, nil }

// SnapshotForTree gives reads at the leader's tip. The log is append-only, so there is nothing to isolate.
func (s sequencer) SnapshotForTree(context.Context, *trillian.Tree) (storage.ReadOnlyLogTreeTX, error) {
	return &logTX{Leader: s.Leader, batch: &batch{}}, nil
}

// ReadWriteTransaction runs f and commits what it did. Nothing reaches PostgreSQL before f returns.
func (s sequencer) ReadWriteTransaction(ctx context.Context, _ *trillian.Tree, f storage.LogTXFunc) error {
	b := &batch{tx: Tx{reader: reader{s.conn, s.store.cfg.Decode}}}
	s.batch = b
	s.begin()
	if err := f(ctx, &logTX{Leader: s.Leader, batch: b}); err != nil {
		if b.cause != nil {
			return b.cause
		}
		return err
	}
	if b.accepted == 0 {
		return s.confirm(ctx, b)
	}
	if b.edge == nil || b.tip.Size != s.tip.Size+int64(b.accepted) || b.edge.root() != b.tip.Root {
		b.cause = &refused{fmt.Errorf("couldn't store the batch: Trillian's root of size %d doesn't follow from its %d leaves", b.tip.Size, b.accepted)}
	} else {
		b.cause = s.write(ctx, b)
	}
	return b.cause
}

// QueueLeaves isn't how leaves get here: see Leader.Enqueue.
func (s sequencer) QueueLeaves(context.Context, *trillian.Tree, []*trillian.LogLeaf, time.Time) ([]*trillian.QueuedLogLeaf, error) {
	return nil, status.Error(codes.Unimplemented, "leaves are queued as items")
}

// AddSequencedLeaves is for pre-ordered logs only.
func (s sequencer) AddSequencedLeaves(context.Context, *trillian.Tree, []*trillian.LogLeaf, time.Time) ([]*trillian.QueuedLogLeaf, error) {
	return nil, status.Error(codes.Unimplemented, "this log orders its own leaves")
}

// logTX is Trillian's view of one batch.
type logTX struct {
	*Leader
	batch *batch
}

var _ storage.LogTreeTX = (*logTX)(nil)

// Commit does nothing: ReadWriteTransaction commits, and reads need no transaction.
func (tx *logTX) Commit(context.Context) error { return nil }

// Close does nothing: nothing was begun.
func (tx *logTX) Close() error { return nil }

func (tx *logTX) LatestSignedLogRoot(context.Context) (*trillian.SignedLogRoot, error) {
	root := types.LogRootV1{
		TreeSize:       uint64(tx.tip.Size),
		RootHash:       tx.tip.Root[:],
		TimestampNanos: uint64(tx.tip.Logged.UnixNano()),
	}
	b, err := root.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return &trillian.SignedLogRoot{LogRoot: b}, nil
}

// DequeueLeaves takes the items that arrived during the last batch, has them judged, and returns the accepted ones. The
// cutoff is of no use here: items are in the order of their arrival, and each is judged anew.
func (tx *logTX) DequeueLeaves(ctx context.Context, limit int, _ time.Time) ([]*trillian.LogLeaf, error) {
	b := tx.batch
	from := len(b.items)
	b.items = tx.queue.take(b.items, limit, tx.store.cfg.MaxBatchBytes)
	items := b.items[from:]
	if len(items) == 0 {
		return nil, nil
	}
	first, now := tx.tip.Size+int64(b.accepted), tx.clock.Now().UnixMilli()
	err := tx.judge.Judge(ctx, &b.tx, first, now, items)
	accepted := 0
	if err == nil {
		accepted, err = check(items, first, now)
	}
	if err != nil {
		// A leader that was replaced meanwhile judged by what its successor wrote: no wonder, then.
		if fenced := tx.confirm(ctx, b); !errors.Is(fenced, ErrFenced) {
			b.cause = &refused{err}
		}
		return nil, b.cause
	}
	if err := tx.resolveNames(ctx, b, items); err != nil {
		b.cause = &refused{err}
		return nil, b.cause
	}
	b.accepted += accepted
	return tx.prepare(items, accepted), nil
}

// prepare hashes the accepted items and writes them to the rows, on all cores where it pays: PostgreSQL waits for it.
func (l *Leader) prepare(items []*Item, accepted int) []*trillian.LogLeaf {
	slots := make([]leafSlot, accepted)
	leaves := make([]*trillian.LogLeaf, 0, accepted)
	end := len(l.rows)
	for _, it := range items {
		if !it.accepted() {
			continue
		}
		s := &slots[len(leaves)]
		s.row, s.at = &it.Row, end
		end += rowSize(s.row)
		s.queued.Seconds, s.queued.Nanos = it.queued.Unix(), int32(it.queued.Nanosecond())
		s.leaf.LeafIdentityHash = it.Row.Digest[:]
		s.leaf.LeafValue = it.Row.Leaf
		s.leaf.QueueTimestamp = &s.queued
		s.leaf.MerkleLeafHash = s.hash[:]
		leaves = append(leaves, &s.leaf)
	}
	l.rows = slices.Grow(l.rows, end-len(l.rows)+len(copyTrailer))[:end]
	const chunk = 64
	if accepted <= chunk {
		l.fill(slots)
		return leaves
	}
	var wg sync.WaitGroup
	share := max(chunk, (accepted+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for some := range slices.Chunk(slots, share) {
		wg.Go(func() { l.fill(some) })
	}
	wg.Wait()
	return leaves
}

// fill hashes leaves and writes their rows, each in its place.
func (l *Leader) fill(slots []leafSlot) {
	for i := range slots {
		s := &slots[i]
		s.hash = leafHash(s.row.Leaf)
		l.appendRow(l.rows[s.at:s.at], s.row) // there is room: nothing moves
	}
}

// UpdateSequencedLeaves has nothing to do: an item has its index from DequeueLeaves, and Trillian gave it the same.
func (tx *logTX) UpdateSequencedLeaves(_ context.Context, leaves []*trillian.LogLeaf) error {
	for i, leaf := range leaves {
		if want := tx.tip.Size + int64(i); leaf.LeafIndex != want {
			return fmt.Errorf("leaf %d has index %d, not %d", i, leaf.LeafIndex, want)
		}
	}
	return nil
}

// SetMerkleNodes keeps the tree's new nodes until the root is known.
func (tx *logTX) SetMerkleNodes(_ context.Context, nodes []tree.Node) error {
	tx.batch.nodes = append(tx.batch.nodes, nodes...)
	return nil
}

// StoreSignedLogRoot takes the new root, and derives the new edge of the tree.
func (tx *logTX) StoreSignedLogRoot(_ context.Context, signed *trillian.SignedLogRoot) error {
	var root types.LogRootV1
	if err := root.UnmarshalBinary(signed.LogRoot); err != nil {
		return err
	}
	b := tx.batch
	b.tip = Tip{Size: int64(root.TreeSize), Epoch: tx.tip.Epoch, Logged: time.Unix(0, int64(root.TimestampNanos))}
	if copy(b.tip.Root[:], root.RootHash) != hashSize {
		return fmt.Errorf("the root has %d bytes", len(root.RootHash))
	}
	var err error
	b.edge, b.full, err = tx.edge.grow(b.tip.Size, b.nodes)
	return err
}

func (tx *logTX) GetMerkleNodes(ctx context.Context, ids []compact.NodeID) ([]tree.Node, error) {
	nodes := make([]tree.Node, len(ids))
	var missing []compact.NodeID
	for i, id := range ids {
		nodes[i] = tree.Node{ID: id, Hash: tx.edge.nodes[id]}
		if nodes[i].Hash == nil {
			missing = append(missing, id)
		}
	}
	if missing == nil {
		return nodes, nil
	}
	hashes, err := tx.store.Nodes(ctx, missing, tx.tip.Size)
	if err != nil {
		return nil, err
	}
	for i := range nodes {
		if nodes[i].Hash == nil {
			nodes[i].Hash, hashes = hashes[0], hashes[1:]
		}
	}
	return nodes, nil
}

// GetLeavesByRange returns the leaves [start, start+count), as far as the tree goes.
func (tx *logTX) GetLeavesByRange(ctx context.Context, start, count int64) ([]*trillian.LogLeaf, error) {
	if start < 0 || count <= 0 || start >= tx.tip.Size {
		return nil, status.Errorf(codes.InvalidArgument, "there are no %d leaves from %d in a tree of size %d", count, start, tx.tip.Size)
	}
	to := min(start+count, tx.tip.Size)
	rows, err := tx.store.Rows(ctx, start, to)
	if err != nil {
		return nil, err
	}
	if int64(len(rows)) != to-start {
		return nil, status.Errorf(codes.DataLoss, "of the leaves %d to %d only %d are there", start, to, len(rows))
	}
	leaves := make([]*trillian.LogLeaf, len(rows))
	for i, row := range rows {
		hash := leafHash(row.Leaf)
		leaves[i] = &trillian.LogLeaf{LeafIndex: row.Index, LeafValue: row.Leaf, MerkleLeafHash: hash[:]}
	}
	return leaves, nil
}

// GetLeavesByHash isn't offered: nothing is identified by its leaf hash.
func (tx *logTX) GetLeavesByHash(context.Context, [][]byte, bool) ([]*trillian.LogLeaf, error) {
	return nil, status.Error(codes.Unimplemented, "leaves are found by event digest, not by leaf hash")
}
