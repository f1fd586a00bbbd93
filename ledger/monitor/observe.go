package monitor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Receive holds a note against the log's history that somebody brought: a peer, a client, a witness. A head that is larger than what was
// read so far is followed up. What isn't signed by the log's key is an error, and else it is the state that can't be written.
func (l *Log) Receive(ctx context.Context, signed []byte, from string) error {
	head, err := l.open(signed)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.observe(ctx, head, from)
	if err == nil && head.Size > l.tree.Size() {
		l.wake()
	}
	return err
}

// ReceiveFork takes evidence that somebody else found. What shows nothing is an error.
func (l *Log) ReceiveFork(f *verify.Fork, from string) error {
	if _, err := f.Check(l.key); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sane(l.forked(f, from))
}

// observe holds a head that the log signed against what is known. l.mu is held.
func (l *Log) observe(ctx context.Context, head verify.Head, from string) error {
	if err := l.broken(); err != nil {
		return err
	}
	if head.Size > l.tree.Size() {
		return l.sane(l.postpone(head, from))
	}
	root, err := l.tree.Root(head.Size)
	if err != nil {
		return l.sane(err)
	}
	if root == head.Root {
		return l.sane(l.keep(head, from))
	}
	err = l.contradicted(ctx, head, from)
	if errors.Is(err, errInterrupted) {
		return err
	}
	return l.sane(err)
}

// errInterrupted says that evidence was being made when the asker left. The head is as good as not seen.
var errInterrupted = errors.New("interrupted while evidence was made")

// sane remembers that the state can't be written any more.
func (l *Log) sane(err error) error {
	if err != nil {
		l.failed.CompareAndSwap(nil, &err)
	}
	return err
}

// broken is why the state can't be written any more; nil if it can. It doesn't wait for l.mu, which may be held for as long as a log takes to give
// evidence against itself: whoever asks whether this monitor is well gets an answer meanwhile.
func (l *Log) broken() error {
	if err := l.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// keep records a head of the one history. Anybody may bring a note with other lines below the log's signature, so that what is kept only ever gains:
// cosignatures that verify, of witnesses that had none there, or older ones.
func (l *Log) keep(head verify.Head, from string) error {
	if len(l.state.heads) >= maxHeads && head.Size < l.state.heads[0].head.Size {
		return nil
	}
	have, ok := l.state.at(head.Size)
	if !ok {
		have.Note = string(head.Note)
	} else if have.Note == string(head.Note) {
		return nil
	}
	merged, err := l.merge([]byte(have.Note), head.Note)
	if err != nil {
		return err
	}
	if ok && (have.Note == string(merged) || len(merged) > verify.MaxNote) {
		return nil
	}
	if head, err = l.open(merged); err != nil {
		return err
	}
	return l.commit(&change{Head: l.seen(head, from)})
}

// merge makes one note of two of one head: the text and the log's signature as they stand in the first, and of each witness that the policy knows the
// newest cosignature. Lines that nobody here can verify are left out. A second note with other extension lines has nothing to give to the first.
func (l *Log) merge(first, second []byte) ([]byte, error) {
	signed, err := note.Open(first, note.VerifierList(l.key))
	if err != nil {
		return nil, fmt.Errorf("couldn't open a head that was opened before: %w", err)
	}
	merged := fmt.Appendf(nil, "%s\n— %s %s\n", signed.Text, signed.Sigs[0].Name, signed.Sigs[0].Base64)
	if l.Policy == nil {
		return merged, nil
	}
	notes := [][]byte{first}
	if other, err := note.Open(second, note.VerifierList(l.key)); err == nil && other.Text == signed.Text {
		notes = append(notes, second)
	}
	newest := map[int]verify.Cosignature{}
	for _, n := range notes {
		cosignatures, _ := l.cosignatures(n) // fewer than the policy asks for are better than none
		for _, c := range cosignatures {
			if have, ok := newest[c.Witness]; !ok || c.Time.After(have.Time) {
				newest[c.Witness] = c
			}
		}
	}
	for _, witness := range slices.Sorted(maps.Keys(newest)) {
		merged = append(merged, newest[witness].Line...)
	}
	return merged, nil
}

func (l *Log) seen(head verify.Head, from string) *seen {
	return &seen{Note: string(head.Note), From: from, Time: l.cfg.Now().UnixMilli(), head: head}
}

// postpone records a head that is larger than what was read of the log. Two such heads of one size with two roots are a fork already.
func (l *Log) postpone(head verify.Head, from string) error {
	if l.rejected[rejected{head.Size, head.Root}] {
		return nil
	}
	for _, p := range l.state.pending {
		if p.head.Size != head.Size {
			continue
		}
		if p.head.Root == head.Root {
			return nil
		}
		fork, err := verify.ProveFork(context.Background(), p.head, head, l.key, nil)
		if err != nil {
			return err
		}
		return l.forked(fork, from)
	}
	if len(l.state.pending) >= maxPending {
		return nil // there is more than enough to follow up; whoever brought it will bring others
	}
	pending := append(slices.Clone(l.state.pending), *l.seen(head, from))
	slices.SortFunc(pending, func(a, b seen) int { return int(a.head.Size - b.head.Size) })
	return l.commit(&change{Pending: &pending})
}

// reject gives up a head that doesn't continue the history, after the alarm was raised. l.mu is held.
func (l *Log) reject(head verify.Head) error {
	if len(l.rejected) >= maxHeads {
		clear(l.rejected)
	}
	l.rejected[rejected{head.Size, head.Root}] = true
	rest := []seen{} // not nil: in the journal that would be no change
	for _, p := range l.state.pending {
		if p.head.Size != head.Size || p.head.Root != head.Root {
			rest = append(rest, p)
		}
	}
	if len(rest) == len(l.state.pending) {
		return nil
	}
	return l.commit(&change{Pending: &rest})
}

// rejected is a head that is known to be of another history.
type rejected struct {
	size int64
	root [32]byte
}

// contradicted raises the alarm about a head that is not of the history that this monitor has. There is a signed head of that
// history of the same size, or a larger one: under it the entries were read.
func (l *Log) contradicted(ctx context.Context, head verify.Head, from string) error {
	ending := ctx
	ctx, cancel := context.WithTimeout(ctx, l.cfg.EvidenceTime)
	defer cancel()
	var why error
	for _, own := range slices.Concat(l.state.heads, l.state.pending) {
		if own.head.Size < head.Size {
			continue
		}
		nodes := l.tree.Nodes
		if own.head.Size > l.tree.Size() { // it is being followed up
			nodes = newTiles(l.Sources[0]).nodes(own.head)
		}
		fork, err := verify.ProveFork(ctx, head, own.head, l.key, nodes)
		if err == nil {
			return l.forked(fork, from)
		}
		why = errors.Join(why, err)
	}
	if ending.Err() != nil {
		return errInterrupted
	}
	l.log.Warn("a head contradicts the history that was read, and no evidence could be made yet", "log", l.origin, "size", head.Size, "err", why)
	return l.raise(Rewrite, fmt.Sprintf("%d %x", head.Size, head.Root),
		Alarm{Detail: fmt.Sprintf("the log signed a root for %d entries that is not that of the entries which it served", head.Size), Sizes: []int64{head.Size}, From: from},
		evidence{".note", head.Note})
}

// settle holds the heads that were postponed against the history, as far as it reaches by now. l.mu is held.
func (l *Log) settle(ctx context.Context) error {
	var reached []seen
	rest := []seen{} // not nil: in the journal that would be no change
	for _, p := range l.state.pending {
		if p.head.Size <= l.tree.Size() {
			reached = append(reached, p)
		} else {
			rest = append(rest, p)
		}
	}
	if len(reached) == 0 {
		return nil
	}
	for _, p := range reached {
		if err := l.observe(ctx, p.head, p.From); err != nil {
			return err
		}
	}
	return l.commit(&change{Pending: &rest})
}

// link checks that a larger head continues the history that was read so far. linked is false where it doesn't; the alarm was raised then.
func (l *Log) link(ctx context.Context, head verify.Head, t *tiles, from string) (linked bool, err error) {
	l.mu.Lock()
	size := l.tree.Size()
	own, err := l.tree.Nodes(ctx, compact.RangeNodes(0, uint64(size), nil))
	l.mu.Unlock()
	if err != nil {
		return false, l.fail(err)
	}
	theirs, err := t.nodes(head)(ctx, compact.RangeNodes(0, uint64(size), nil))
	if err != nil {
		return false, err
	}
	if slices.Equal(own, theirs) {
		return true, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ending := ctx
	ctx, cancel := context.WithTimeout(ctx, l.cfg.EvidenceTime)
	defer cancel()
	var why error
	for _, before := range slices.Concat(l.state.heads, l.state.pending) {
		fork, err := verify.ProveFork(ctx, before.head, head, l.key, t.nodes(head))
		if err == nil {
			if err = l.forked(fork, from); err == nil {
				err = l.reject(head)
			}
			return false, l.sane(err)
		}
		why = errors.Join(why, err)
	}
	if ending.Err() != nil {
		return false, context.Cause(ending)
	}
	l.log.Warn("a head doesn't continue the history that was read, and no evidence could be made", "log", l.origin, "size", head.Size, "err", why)
	err = l.raise(Rewrite, fmt.Sprintf("%d %x", head.Size, head.Root),
		Alarm{Detail: fmt.Sprintf("the head of %d entries doesn't continue the %d entries that were read", head.Size, size), Sizes: []int64{size, head.Size}, From: from},
		evidence{".note", head.Note})
	if err == nil {
		err = l.reject(head)
	}
	return false, l.sane(err)
}

// fail is sane for those who don't hold l.mu.
func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sane(err)
}

// trouble is something that may pass by itself.
type trouble struct {
	kind  Kind
	about string // what it is about, such as a source's name
}

// suffer notes that there is trouble, and raises the alarm once it has lasted. l.mu is not held.
func (l *Log) suffer(t trouble, patience time.Duration, a Alarm, files ...evidence) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	since, known := l.trouble[t]
	if !known {
		since = l.cfg.Now()
		l.trouble[t] = since
		l.log.Warn("trouble", "log", l.origin, "kind", t.kind, "detail", a.Detail)
		l.show()
	}
	if l.cfg.Now().Sub(since) < patience {
		return nil
	}
	// One that passed and comes again is another one.
	return l.sane(l.raise(t.kind, fmt.Sprintf("%s %d", t.about, since.UnixMilli()), a, files...))
}

// relieved notes that trouble has passed.
func (l *Log) relieved(about string, kinds ...Kind) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, kind := range kinds {
		t := trouble{kind, about}
		if _, ok := l.trouble[t]; ok {
			delete(l.trouble, t)
			l.log.Info("the trouble has passed", "log", l.origin, "kind", kind, "about", about)
			l.show()
		}
	}
}
