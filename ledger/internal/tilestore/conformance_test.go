package tilestore

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/trillian"
	"github.com/google/trillian/integration/storagetest"
	"github.com/google/trillian/storage"
	"github.com/google/trillian/storage/tree"
	"github.com/google/trillian/types"
	"github.com/transparency-dev/merkle/compact"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

// leftOut are those of Trillian's storage tests that don't apply, each with the reason.
var leftOut = map[string]string{
	"AddSequencedLeavesUnordered":        "for pre-ordered logs: ours gives out the indices itself",
	"AddSequencedLeavesWithDuplicates":   "for pre-ordered logs",
	"AddSequencedLeavesAndDequeueLeaves": "for pre-ordered logs",
	"GetLeavesByRangeFromPreorderedLog":  "for pre-ordered logs",
	"ReadWriteTransaction":               "stores a root of one byte without any entries: our roots have 32 bytes and must follow from the entries. TestRootSurvives checks the same with a real root",
}

// TestMain leaves those out by name, which storagetest has no means for: a command line's -skip overrides it.
func TestMain(m *testing.M) {
	names := slices.Sorted(maps.Keys(leftOut))
	if err := flag.Set("test.skip", "^TestTrillianStorage$/^("+strings.Join(names, "|")+")$"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pgtest.Main(m)
}

// Trillian's own tests judge our storage on a real PostgreSQL.
func TestTrillianStorage(t *testing.T) {
	var adapters []*adapter
	storagetest.RunLogStorageTests(t, func(_ context.Context, t *testing.T) (storage.LogStorage, storage.AdminStorage) {
		a := &adapter{t: t, logs: make(map[int64]*Leader), now: time.Now()}
		adapters = append(adapters, a)
		return logAdapter{a}, adminAdapter{a}
	})
	unused := 0
	for _, a := range adapters {
		if !a.used {
			unused++
		}
	}
	if unused != len(leftOut) {
		t.Errorf("%d of Trillian's %d tests didn't run, and %d are left out", unused, len(adapters), len(leftOut))
	}
}

// What Trillian's ReadWriteTransaction test is about: a root that was stored is the one that is read, byte for byte.
func TestRootSurvives(t *testing.T) {
	s := open(t, Config{})
	r := lead(t, s, judge{})
	r.fill(5)
	r.stop()
	again := lead(t, s, judge{})
	again.stop()
	tx := &logTX{Leader: again.Leader, batch: &batch{}}
	signed, err := tx.LatestSignedLogRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var root types.LogRootV1
	if err := root.UnmarshalBinary(signed.LogRoot); err != nil {
		t.Fatal(err)
	}
	want := r.tips[len(r.tips)-1]
	if root.TreeSize != 5 || [32]byte(root.RootHash) != want.Root || root.TimestampNanos != uint64(want.Logged.UnixNano()) {
		t.Errorf("the root is %+v, want %+v", root, want)
	}
}

// adapter maps what storagetest wants, many logs with ids, to one database each. A log here is integrated whenever it is
// sequenced, and its root follows from its entries; where a test sequences leaves and stores the root later, or stores a
// root that no entries have, the adapter makes up the difference.
type adapter struct {
	t    *testing.T
	logs map[int64]*Leader
	now  time.Time
	used bool
}

func (a *adapter) leader(tree *trillian.Tree) (*Leader, error) {
	l, ok := a.logs[tree.TreeId]
	if !ok {
		return nil, fmt.Errorf("there is no log %d", tree.TreeId)
	}
	return l, nil
}

type logAdapter struct{ *adapter }

func (a logAdapter) CheckDatabaseAccessible(ctx context.Context) error {
	a.used = true
	return sequencer{&Leader{store: open(a.t, Config{})}}.CheckDatabaseAccessible(ctx)
}

func (a logAdapter) GetActiveLogIDs(context.Context) ([]int64, error) {
	return slices.Collect(maps.Keys(a.logs)), nil
}

func (a logAdapter) SnapshotForTree(ctx context.Context, tree *trillian.Tree) (storage.ReadOnlyLogTreeTX, error) {
	l, err := a.leader(tree)
	if err != nil {
		return nil, err
	}
	return sequencer{l}.SnapshotForTree(ctx, tree)
}

func (a logAdapter) ReadWriteTransaction(ctx context.Context, tree *trillian.Tree, f storage.LogTXFunc) error {
	l, err := a.leader(tree)
	if err != nil {
		return err
	}
	err = sequencer{l}.ReadWriteTransaction(ctx, tree, func(ctx context.Context, tx storage.LogTreeTX) error {
		adapted := &txAdapter{LogTreeTX: tx, leader: l}
		if err := f(ctx, adapted); err != nil {
			return err
		}
		return adapted.integrate(ctx)
	})
	if err != nil {
		l.drop(ErrStopped)
		return err
	}
	return l.acknowledge(nil)
}

func (a logAdapter) QueueLeaves(_ context.Context, tree *trillian.Tree, leaves []*trillian.LogLeaf, now time.Time) ([]*trillian.QueuedLogLeaf, error) {
	l, err := a.leader(tree)
	if err != nil {
		return nil, err
	}
	a.now = now
	queued := make([]*trillian.QueuedLogLeaf, len(leaves))
	for i, leaf := range leaves {
		if _, err := l.Enqueue(&Item{Submission: leaf, Size: len(leaf.LeafValue)}); err != nil {
			return nil, err
		}
		queued[i] = &trillian.QueuedLogLeaf{Leaf: leaf}
	}
	return queued, nil
}

// AddSequencedLeaves is how the test of GetLeavesByRange puts entries into a normal log, with a gap.
func (a logAdapter) AddSequencedLeaves(ctx context.Context, tree *trillian.Tree, leaves []*trillian.LogLeaf, _ time.Time) ([]*trillian.QueuedLogLeaf, error) {
	l, err := a.leader(tree)
	if err != nil {
		return nil, err
	}
	queued := make([]*trillian.QueuedLogLeaf, len(leaves))
	for i, leaf := range leaves {
		if _, err := l.store.pool.Exec(ctx, "INSERT INTO names VALUES (1, 'x') ON CONFLICT DO NOTHING"); err != nil {
			return nil, err
		}
		if _, err := l.store.pool.Exec(ctx, "INSERT INTO entries (idx, logged, source, subject, digest, kind, leaf) VALUES ($1, 0, 1, 1, $2, 1, $3)",
			leaf.LeafIndex, leaf.LeafIdentityHash[:16], leaf.LeafValue); err != nil {
			return nil, err
		}
		queued[i] = &trillian.QueuedLogLeaf{Leaf: leaf}
	}
	return queued, nil
}

// txAdapter watches what a test does within a transaction.
type txAdapter struct {
	storage.LogTreeTX
	leader    *Leader
	sequenced []*trillian.LogLeaf
}

func (tx *txAdapter) UpdateSequencedLeaves(ctx context.Context, leaves []*trillian.LogLeaf) error {
	tx.sequenced = leaves
	return tx.LogTreeTX.UpdateSequencedLeaves(ctx, leaves)
}

// StoreSignedLogRoot takes the tree size of a root that a test has made up; the tests look at nothing else of it.
func (tx *txAdapter) StoreSignedLogRoot(ctx context.Context, signed *trillian.SignedLogRoot) error {
	var root types.LogRootV1
	if err := root.UnmarshalBinary(signed.LogRoot); err != nil {
		return err
	}
	tx.leader.tip.Size = int64(root.TreeSize)
	_, err := tx.leader.store.pool.Exec(ctx, "UPDATE tip SET size = $1", tx.leader.tip.Size)
	return err
}

// integrate does what IntegrateBatch does after UpdateSequencedLeaves.
func (tx *txAdapter) integrate(ctx context.Context) error {
	if tx.sequenced == nil {
		return nil
	}
	factory := compact.RangeFactory{Hash: nodeHash}
	nodes, err := tx.GetMerkleNodes(ctx, compact.RangeNodes(0, uint64(tx.leader.tip.Size), nil))
	if err != nil {
		return err
	}
	hashes := make([][]byte, len(nodes))
	for i, node := range nodes {
		hashes[i] = node.Hash
	}
	cr, err := factory.NewRange(0, uint64(tx.leader.tip.Size), hashes)
	if err != nil {
		return err
	}
	logTx := tx.LogTreeTX.(*logTX)
	for _, leaf := range tx.sequenced {
		if err := cr.Append(leaf.MerkleLeafHash, func(id compact.NodeID, hash []byte) {
			logTx.batch.nodes = append(logTx.batch.nodes, tree.Node{ID: id, Hash: hash})
		}); err != nil {
			return err
		}
	}
	root, err := cr.GetRootHash(nil)
	if err != nil {
		return err
	}
	signed, err := (&types.LogRootV1{TreeSize: cr.End(), RootHash: root, TimestampNanos: uint64(tx.leader.clock.Now().UnixNano())}).MarshalBinary()
	if err != nil {
		return err
	}
	return tx.LogTreeTX.StoreSignedLogRoot(ctx, &trillian.SignedLogRoot{LogRoot: signed})
}

// adminAdapter makes logs. Whatever storagetest doesn't call stays unimplemented.
type adminAdapter struct{ *adapter }

func (a adminAdapter) Snapshot(context.Context) (storage.ReadOnlyAdminTX, error) {
	return nil, fmt.Errorf("not needed")
}

func (a adminAdapter) ReadWriteTransaction(ctx context.Context, f storage.AdminTXFunc) error {
	return f(ctx, adminTX{adapter: a.adapter})
}

func (a adminAdapter) CheckDatabaseAccessible(context.Context) error { return nil }

type adminTX struct {
	storage.AdminTX
	*adapter
}

func (tx adminTX) CreateTree(ctx context.Context, tree *trillian.Tree) (*trillian.Tree, error) {
	tx.used = true
	s := open(tx.t, Config{Clock: func() time.Time { return tx.now }})
	l, err := s.Lead(ctx, nil)
	if err != nil {
		return nil, err
	}
	l.judge = leafJudge{}
	tx.t.Cleanup(l.Close)
	id := int64(len(tx.logs) + 1)
	tx.logs[id] = l
	return &trillian.Tree{TreeId: id, TreeType: tree.TreeType}, nil
}

func (tx adminTX) UpdateTree(_ context.Context, id int64, f func(*trillian.Tree)) (*trillian.Tree, error) {
	tree := &trillian.Tree{TreeId: id}
	f(tree)
	return tree, nil
}

// leafJudge accepts Trillian's leaves.
type leafJudge struct{}

func (leafJudge) Judge(_ context.Context, _ *Tx, _, now int64, items []*Item) error {
	for _, it := range items {
		leaf := it.Submission.(*trillian.LogLeaf)
		it.Row = Row{Logged: now, Kind: 1, Source: "s", Subject: "t", Digest: event.Digest(leaf.LeafIdentityHash), Leaf: leaf.LeafValue}
	}
	return nil
}
