package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// state is what is committed, as the door sees it while this process leads. A batch changes it after its commit, before
// anybody is told of it. It is thrown away with the term.
type state struct {
	registry atomic.Pointer[verify.Registry] // never changed: replaced by a clone that was
	size     atomic.Int64
	chains   chains
}

// chains are the places at which the sources' numbers stand, as far as they were asked for. Safe for concurrent use.
type chains struct {
	mu    sync.RWMutex
	known map[string]verify.Chain
}

func (c *chains) get(source string) (verify.Chain, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	chain, ok := c.known[source]
	return chain, ok
}

// raise records where a source stands, unless it is known to stand further on already.
func (c *chains) raise(source string, chain verify.Chain) {
	if old, ok := c.known[source]; !ok || old.Seq < chain.Seq {
		c.known[source] = chain
	}
}

// learn records where the database says that a source stands, and tells where it is known to stand: a batch may have moved it meanwhile.
func (c *chains) learn(source string, chain verify.Chain) verify.Chain {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raise(source, chain)
	return c.known[source]
}

// of tells where the sources of candidates stand, in the order of the candidates. What isn't known comes from the database.
func (c *chains) of(ctx context.Context, store *tilestore.Store, list []*candidate) ([]verify.Chain, error) {
	found := make([]verify.Chain, len(list))
	missing := map[string]verify.Chain{}
	c.mu.RLock()
	for i, one := range list {
		if one.event == nil || one.refusal != nil && !resendable(one.refusal.Code) {
			continue
		}
		var ok bool
		if found[i], ok = c.known[one.event.Source]; !ok {
			missing[one.event.Source] = verify.Chain{}
		}
	}
	c.mu.RUnlock()
	if len(missing) == 0 {
		return found, nil
	}
	for source := range missing {
		chain, err := loadChain(ctx, store, source)
		if err != nil {
			return nil, err
		}
		missing[source] = chain
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for source, chain := range missing {
		c.raise(source, chain)
	}
	for i, one := range list {
		if one.event != nil && found[i].Seq == 0 {
			found[i] = c.known[one.event.Source]
		}
	}
	return found, nil
}

// lastOf is what finds a source's newest entry: the database, or the leader's own session of it.
type lastOf interface {
	LastOf(ctx context.Context, source string) (tilestore.Row, error)
}

// loadChain reads where a source stands from its newest entry.
func loadChain(ctx context.Context, from lastOf, source string) (verify.Chain, error) {
	row, err := from.LastOf(ctx, source)
	if errors.Is(err, tilestore.ErrNotFound) {
		return verify.NewChain(), nil
	}
	if err != nil {
		return verify.Chain{}, fmt.Errorf("couldn't read where source %s stands: %w", source, err)
	}
	entry, err := openRow(row)
	if err != nil {
		return verify.Chain{}, err
	}
	return verify.After(entry.Event, entry.Digest), nil
}

// batch is what one batch changes once it is committed.
type batch struct {
	judged     time.Time
	first, end int64
	leaves     []hash           // RFC 6962's hashes of its leaves
	registry   *verify.Registry // nil if it stays as it is
	chains     map[string]verify.Chain
	attested   map[event.Digest]tilestore.Attested // what the log holds about events that it attests, its own attestations included
}

// judge decides, in the order of the log, what becomes an entry. It implements tilestore.Judge, for one term: a term whose
// commit failed, or whose outcome is unknown, throws it away with all that it remembers.
//
// Nothing that it decides depends on the door's having judged by an older state: key, statement, references within the
// request, numbers and duplicates are judged against all entries before, those of the same batch included. References into
// the committed log, signatures and proofs can't become invalid any more, so the door's word stands.
type judge struct {
	state  *state // committed
	notary *notary

	registry *verify.Registry // with all that was decided; shared with the door until a batch changes it
	chains   map[string]verify.Chain
	runs     map[event.Digest]verify.Progress // of training runs that took steps in this term
	owing    bool                             // a batch brought events whose proofs are deferred, and no jobs were asked for yet
}

// Judge implements tilestore.Judge.
func (j *judge) Judge(ctx context.Context, tx *tilestore.Tx, first, now int64, items []*tilestore.Item) error {
	b := &batch{judged: time.Now(), first: first, end: first, chains: map[string]verify.Chain{}, leaves: make([]hash, 0, len(items))}
	var err error
	if b.attested, err = loadAttested(ctx, tx, items); err != nil {
		return err
	}
	for i, it := range items {
		c := it.Submission.(*candidate)
		if err := j.place(ctx, tx, b, items[:i], it, c, now); err != nil {
			return err
		}
		if c.refusal != nil {
			it.Refusal = c.refusal
		}
	}
	if b.end > b.first {
		j.notary.expect(b)
	}
	return nil
}

// place gives a candidate the batch's next place, or refuses it, or finds it.
func (j *judge) place(ctx context.Context, tx *tilestore.Tx, b *batch, before []*tilestore.Item, it *tilestore.Item, c *candidate, now int64) error {
	if c.depends() {
		return nil
	}
	chain, err := j.chain(ctx, tx, c.event.Source)
	if err != nil {
		return err
	}
	if c.event.Seq < chain.Seq {
		if found, err := j.findDuplicate(ctx, tx, before, it, c); found || err != nil {
			return err
		}
	}
	if err := j.registry.Judge(b.end, c.event, c.sub.Envelope.KeyID); err != nil {
		c.fail(refuseViolation(err))
		return nil
	}
	if err := chain.Judge(c.event); err != nil {
		c.fail(refuseViolation(err))
		return nil
	}
	refusal, err := j.judgeStep(ctx, tx, b.first, c)
	if err != nil {
		return err
	}
	if refusal == nil {
		refusal = j.judgeAttestation(b, c)
	}
	if refusal != nil {
		c.fail(refusal)
		return nil
	}
	c.placed, c.body = &placement{index: b.end, logged: now, leaf: stamp(c.body, now)}, nil
	it.Row = tilestore.Row{Logged: now, Kind: c.event.Kind(), Source: c.event.Source, Subject: c.event.Subject.Name, Digest: c.digest, Leaf: c.placed.leaf, Attests: attests(c.event)}
	j.apply(b, c)
	if c.attested != nil {
		b.attest(tx, c)
	}
	if c.event.Proof == event.ProofDeferred {
		storeWitness(tx, c)
		j.owing = true
	}
	return nil
}

// apply records what a placed candidate changes.
func (j *judge) apply(b *batch, c *candidate) {
	if verify.Changes(c.event.Kind()) {
		if b.registry == nil {
			b.registry = j.registry.Clone()
			j.registry = b.registry
		}
		j.registry.Apply(b.end, c.event, c.sub.Envelope.KeyID)
	}
	if step, ok := c.event.Claims.(*event.TrainingStepClaims); ok {
		j.runs[step.Run] = j.runs[step.Run].After(step)
	}
	chain := verify.After(c.event, c.digest)
	j.chains[c.event.Source] = chain
	b.chains[c.event.Source] = chain
	b.leaves = append(b.leaves, hashLeaf(c.placed.leaf))
	b.end++
}

// chain is where a source stands, the batch included.
func (j *judge) chain(ctx context.Context, tx *tilestore.Tx, source string) (verify.Chain, error) {
	if chain, ok := j.chains[source]; ok {
		return chain, nil
	}
	// The door has usually looked it up. No batch of this term has changed it, or it would be in j.chains.
	chain, ok := j.state.chains.get(source)
	if !ok {
		var err error
		if chain, err = loadChain(ctx, tx, source); err != nil {
			return verify.Chain{}, err
		}
	}
	j.chains[source] = chain
	return chain, nil
}

// findDuplicate looks for the very event in the log and in the batch. It is rare that it comes to that: the door finds all
// duplicates but those that are under way at the same time.
func (j *judge) findDuplicate(ctx context.Context, tx *tilestore.Tx, before []*tilestore.Item, it *tilestore.Item, c *candidate) (bool, error) {
	for _, other := range before {
		if o := other.Submission.(*candidate); o.placed != nil && o.digest == c.digest {
			it.Duplicate, it.Index = true, o.placed.index
			return true, nil
		}
	}
	row, err := tx.RowByDigest(ctx, c.digest)
	if errors.Is(err, tilestore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("couldn't look for a duplicate: %w", err)
	}
	it.Duplicate, it.Index = true, row.Index
	return true, nil
}

// stamp makes a canonical submission the leaf, in its place: "logged" is the last of the members, whatever the submission holds.
func stamp(submission []byte, logged int64) (leaf []byte) {
	leaf = append(submission[:len(submission)-1], `,"logged":`...)
	leaf = strconv.AppendInt(leaf, logged, 10)
	return append(leaf, '}')
}

// stampSize is what stamp adds at most.
const stampSize = len(`,"logged":`) + 16

// hashLeaf is RFC 6962's hash of a leaf.
func hashLeaf(leaf []byte) (sum hash) {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(leaf)
	h.Sum(sum[:0])
	return sum
}

// openRow decodes an entry as it was read.
func openRow(row tilestore.Row) (*verify.Entry, error) { return verify.OpenEntry(row.Index, row.Leaf) }

// replay folds the entries that make the law, those in [from, size), into a registry. It gives the same registry back if there are
// none, and otherwise another one.
func replay(ctx context.Context, store *tilestore.Store, registry *verify.Registry, from, size int64) (*verify.Registry, error) {
	q := tilestore.Query{Size: size, Kinds: []event.Kind{event.Source, event.Statement}, Cursor: from, Limit: 1000}
	next := registry
	for {
		rows, err := store.Scan(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the log's sources and statements: %w", err)
		}
		if len(rows) > 0 && next == registry {
			next = registry.Clone()
		}
		for _, row := range rows {
			entry, err := openRow(row)
			if err != nil {
				return nil, err
			}
			if err := next.Judge(row.Index, entry.Event, entry.Leaf.Envelope.KeyID); err != nil {
				return nil, fmt.Errorf("entry %d breaks the law of the log: %w", row.Index, err)
			}
			next.Apply(row.Index, entry.Event, entry.Leaf.Envelope.KeyID)
		}
		if len(rows) < q.Limit {
			return next, nil
		}
		q.Cursor = q.Next(rows[len(rows)-1])
	}
}
