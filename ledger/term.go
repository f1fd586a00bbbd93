package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"github.com/transparency-dev/merkle/compact"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// term is one leadership: from a lock taken to a lock lost.
type term struct {
	ledger *Ledger
	leader *tilestore.Leader
	file   *headsFile
	state  *state
	judge  *judge
	notary *notary
	jobs   *jobs
}

// HeadsConflict says that the database contradicts a head that was signed: it was restored from a backup, or it is another
// log's, or it was tampered with. To go on writing would show two histories under one key.
type HeadsConflict struct {
	Where        string // where the signed head stands: the heads file, the database's table, or with a witness, in words
	Size         int64  // of the signed head
	Root         [32]byte
	DatabaseSize int64    // of the log in the database
	DatabaseRoot [32]byte // of its tree of the size Size, if it is that large
	// Missing says that there is no signed head to compare the database with, although it has entries; Size and the roots are then zero.
	Missing bool
}

// Error says what contradicts what, and what an operator can do.
func (c *HeadsConflict) Error() string {
	if c.Missing {
		return fmt.Sprintf("%s is missing or empty, and the database has %d entries: nobody can tell whether that is all that was ever signed. "+
			"Put the file back; or, if you are sure of the database, adopt it", c.Where, c.DatabaseSize)
	}
	if c.DatabaseSize < c.Size {
		return fmt.Sprintf("the database is behind: it has %d entries, and %s has a signed head of %d entries. "+
			"Entries that were acknowledged are missing; restore a newer copy of the database", c.DatabaseSize, c.Where, c.Size)
	}
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("the database has another history: its root for %d entries is %s, and %s has a head signed with %s. "+
		"This is not the database of the log that signed it; restore the right one", c.Size, text(c.DatabaseRoot[:]), c.Where, text(c.Root[:]))
}

// lead waits for its turn, and leads for one term. It tells whether it came to that, and why it ended, or did not.
func (l *Ledger) lead(ctx context.Context) (led bool, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		if l.witnesses != nil { // those of whom nobody waits for an answer are asked by the term all the same
			l.witnesses.Wait()
		}
	}()
	l.stand(false, unavailable(nil, "the ledger is starting"))
	leader, err := l.store.Lead(ctx, func() {
		l.stand(true, unavailable(nil, "another process leads the log, and takes the writes"))
	})
	if err != nil {
		return false, err
	}
	l.stand(false, unavailable(nil, "the ledger is starting"))
	t, err := l.begin(ctx, leader)
	if err != nil {
		leader.Close()
		return false, err
	}
	defer func() { err = errors.Join(err, t.file.close()) }()
	return true, t.run(ctx)
}

// begin reads what a term needs, and holds the database against the heads that were signed.
func (l *Ledger) begin(ctx context.Context, leader *tilestore.Leader) (_ *term, err error) {
	tip := leader.Tip()
	file, err := openHeadsFile(l.cfg.HeadsFile, l.cfg.Origin)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.close())
		}
	}()
	if err := l.checkHeads(ctx, file, tip.Size); err != nil {
		return nil, err
	}
	registry, err := replay(ctx, l.store, verify.NewRegistry(l.cfg.Origin), 0, tip.Size)
	if err != nil {
		return nil, err
	}
	peaks, err := l.store.Nodes(ctx, compact.RangeNodes(0, uint64(tip.Size), nil), tip.Size)
	if err != nil {
		return nil, err
	}
	s := &state{chains: chains{known: map[string]verify.Chain{}}}
	s.registry.Store(registry)
	s.size.Store(tip.Size)
	n, err := newNotary(l.cfg.Signer, file, s, l.metrics, tip, newEdge(tip.Size, hashes(peaks), int64(l.cfg.MaxQueue)))
	if err != nil {
		return nil, err
	}
	if err := l.askWitnesses(ctx, n.signed); err != nil {
		return nil, err
	}
	j := &judge{state: s, notary: n, registry: registry, chains: map[string]verify.Chain{}, runs: map[event.Digest]verify.Progress{}}
	queue, err := newJobs(l.store.Pool(), l.log, l.cfg.SweepEvery)
	if err != nil {
		return nil, err
	}
	return &term{ledger: l, leader: leader, file: file, state: s, judge: j, notary: n, jobs: queue}, nil
}

// checkHeads refuses a database that is behind a head that was signed, or has another root for its size.
func (l *Ledger) checkHeads(ctx context.Context, file *headsFile, size int64) error {
	check := func(where string, head signedHead) error {
		conflict := &HeadsConflict{Where: where, Size: head.size, Root: head.root, DatabaseSize: size}
		if head.size > size {
			return conflict
		}
		root, err := l.store.RootAt(ctx, head.size)
		if err != nil {
			return fmt.Errorf("couldn't compare the database with the signed heads: %w", err)
		}
		if conflict.DatabaseRoot = root; root != head.root {
			return conflict
		}
		return nil
	}
	// A log that consists of its operator's registration may have been interrupted before its first head was signed.
	if len(file.notes) == 0 && size > 1 && !l.cfg.AdoptDatabase {
		return &HeadsConflict{Where: "the heads file", DatabaseSize: size, Missing: true}
	}
	// From the newest: of a database that is behind, say by how much.
	for i := len(file.notes) - 1; i >= 0; i-- {
		if err := check("the heads file", file.notes[i]); err != nil {
			return err
		}
	}
	newest, err := l.store.NewestHead(ctx)
	if errors.Is(err, tilestore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return check("the database's own table of published heads", signedHead{size: newest.Size, root: newest.Root})
}

// run sequences, signs and publishes until ctx ends or one of the three can't go on.
func (t *term) run(ctx context.Context) error {
	l := t.ledger
	leading, stopLeading := context.WithCancel(ctx)
	defer stopLeading()
	// The notary outlives the leader's last commit, so that those who wait for it are answered.
	signing, stopSigning := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSigning()
	var signErr, publishErr error
	var signer, publisher, jobs sync.WaitGroup
	signer.Go(func() {
		if signErr = t.notary.run(signing); signErr != nil {
			stopLeading()
		}
	})
	publisher.Go(func() {
		if publishErr = t.publish(leading); publishErr != nil {
			stopLeading()
		}
	})
	jobs.Go(func() { t.jobs.run(leading) })
	l.term.Store(t)
	l.metrics.leader.Set(1)
	err := t.leader.Run(leading, t.judge, func(tip tilestore.Tip) error {
		t.notary.commit(tip)
		if t.judge.owing {
			t.judge.owing = false
			t.jobs.want()
		}
		return nil
	})
	l.stand(false, unavailable(nil, "this process doesn't lead the log at the moment"))
	stopLeading() // first, so that no witness is held against what a term signed that nobody knows of any more
	l.term.Store(nil)
	l.metrics.leader.Set(0)
	stopSigning()
	signer.Wait()
	publisher.Wait()
	jobs.Wait()
	return errors.Join(err, signErr, publishErr)
}
