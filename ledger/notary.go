package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// notary signs what is committed, for one term. While it makes one note durable, the sequencer goes on; the next note is of
// all that was committed meanwhile, so that notes cost a fixed number of signatures and fsyncs whatever the rate is.
//
// No note leaves it that isn't in the heads file. It never signs two roots for one size, nor a size below one that it signed.
type notary struct {
	signer  note.Signer
	file    *headsFile
	state   *state
	metrics *metrics

	edge *edge // of what run has taken; only run uses it

	mu        sync.Mutex
	expected  []*batch      // judged, and not yet known to be committed, in order
	committed tilestore.Tip // the newest tip that is known to be committed
	signed    *signedTree   // the newest; nil while the log is empty
	changed   chan struct{} // closed when signed or stopped changes, then replaced
	stopped   error         // why nothing is signed any more

	wake chan struct{} // holds a token while there may be something to sign
}

// signedTree is a head that was signed, and the part of its tree that receipts need.
type signedTree struct {
	*tree
	signedHead
}

// errNotaryStopped says that the term ended before a head was signed. The entries are in the log nevertheless.
var errNotaryStopped = errors.New("the ledger stopped leading before it signed a head")

// newNotary starts from a committed tip, with the edge of its tree. It signs the tip unless the file has it signed already.
func newNotary(signer note.Signer, file *headsFile, s *state, m *metrics, tip tilestore.Tip, e *edge) (*notary, error) {
	n := &notary{signer: signer, file: file, state: s, metrics: m, edge: e, committed: tip,
		changed: make(chan struct{}), wake: make(chan struct{}, 1)}
	if tip.Size == 0 {
		return n, nil
	}
	if head, ok := file.newest(); ok && head.size == tip.Size {
		n.signed = &signedTree{e.tree(), head}
		return n, nil
	}
	return n, n.sign(tip)
}

// expect announces a batch that is about to be committed, or not.
func (n *notary) expect(b *batch) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.expected = append(n.expected, b)
}

// commit tells that everything up to a tip is committed.
func (n *notary) commit(tip tilestore.Tip) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if tip.Size <= n.committed.Size {
		return
	}
	for _, b := range n.expected {
		if b.first >= n.committed.Size && b.end <= tip.Size {
			n.metrics.commits.Observe(seconds(b.judged))
		}
	}
	n.committed = tip
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// covering waits for a signed head that covers an entry which is committed.
func (n *notary) covering(ctx context.Context, index int64) (*signedTree, error) {
	for {
		n.mu.Lock()
		signed, changed, stopped := n.signed, n.changed, n.stopped
		n.mu.Unlock()
		switch {
		case signed != nil && signed.tree.size > index:
			return signed, nil
		case stopped != nil:
			return nil, stopped
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// newest is the newest signed head, and a channel that is closed when there is another.
func (n *notary) newest() (*signedTree, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.signed, n.changed
}

// run signs until ctx ends, after the last commit, or until it can't any more. Then nothing more is signed in this term.
func (n *notary) run(ctx context.Context) (err error) {
	defer func() { n.stop(err) }()
	for {
		select {
		case <-ctx.Done():
			// What was committed last is still to be signed: somebody waits for it.
			select {
			case <-n.wake:
				return n.advance()
			default:
				return nil
			}
		case <-n.wake:
		}
		if err := n.advance(); err != nil {
			return err
		}
	}
}

// stop wakes everybody who waits in vain.
func (n *notary) stop(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = errNotaryStopped
	if err != nil {
		n.stopped = fmt.Errorf("%w: %w", errNotaryStopped, err)
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

// advance takes over all batches that were committed since, makes their effects visible, and signs the tip.
func (n *notary) advance() error {
	n.mu.Lock()
	tip := n.committed
	if tip.Size == n.edge.size { // it came along with the tip before: the wake-up was late
		n.mu.Unlock()
		return nil
	}
	taken := 0
	for taken < len(n.expected) && n.expected[taken].end <= tip.Size {
		taken++
	}
	batches := n.expected[:taken:taken]
	n.expected = n.expected[taken:]
	n.mu.Unlock()

	n.edge.trim()
	for _, b := range batches {
		if b.first != n.edge.size {
			return fmt.Errorf("a batch from entry %d was committed behind a tree of %d entries", b.first, n.edge.size)
		}
		for _, leaf := range b.leaves {
			n.edge.append(leaf)
		}
		n.state.take(b)
		n.metrics.committed(b)
	}
	if n.edge.size != tip.Size {
		return fmt.Errorf("the log has %d entries, and %d were judged in this term", tip.Size, n.edge.size)
	}
	return n.sign(tip)
}

// sign signs the edge as it is, makes the note durable, and shows it.
func (n *notary) sign(tip tilestore.Tip) error {
	tree := n.edge.tree()
	if tree.root() != tip.Root {
		return fmt.Errorf("the database holds the root %x for size %d, and the leaves make %x: nothing is signed", tip.Root, tree.size, tree.root())
	}
	signed, err := verify.SignHead(n.signer, tree.size, tip.Root)
	if err != nil {
		return err
	}
	head := signedHead{size: tree.size, root: tip.Root, note: signed}
	begin := time.Now()
	if err := n.file.append(head); err != nil {
		return err
	}
	n.metrics.fsyncs.Observe(seconds(begin))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.signed = &signedTree{tree, head}
	close(n.changed)
	n.changed = make(chan struct{})
	return nil
}

// take makes the effects of a committed batch visible.
func (s *state) take(b *batch) {
	if b.registry != nil {
		s.registry.Store(b.registry)
	}
	s.size.Store(b.end)
	s.chains.mu.Lock()
	defer s.chains.mu.Unlock()
	for source, chain := range b.chains {
		s.chains.raise(source, chain)
	}
}
