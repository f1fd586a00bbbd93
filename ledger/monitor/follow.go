package monitor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/attestlog/attestlog/ledger/verify"
)

// follow asks for heads and follows them up until ctx ends. An error means that the state can't be kept.
func (l *Log) follow(ctx context.Context) error {
	for {
		if err := l.Round(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		timer := time.NewTimer(l.cfg.Poll)
		select {
		case <-timer.C:
		case <-l.wakeUp:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// Round asks all of the log's sources for their heads once, and reads and judges everything up to the largest. What is wrong with the
// log becomes an alarm, not an error: an error means that ctx ended, or that the state can't be kept.
func (l *Log) Round(ctx context.Context) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	for _, s := range l.Sources {
		head, ok, err := l.ask(ctx, s)
		if err == nil && ok {
			err = l.advance(ctx, head, s, s.String())
		}
		if err != nil {
			return err
		}
	}
	if err := l.pursue(ctx); err != nil {
		return err
	}
	return l.checkAge()
}

// ask asks one source for its head. ok is false where it shows none: one that never answers keeps nobody from asking the others.
func (l *Log) ask(ctx context.Context, s Source) (head verify.Head, ok bool, err error) {
	name := s.String()
	limited, cancel := context.WithTimeout(ctx, l.cfg.HeadTime)
	note, err := s.Get(limited, "checkpoint", maxCheckpoint)
	cancel()
	if ctx.Err() != nil {
		return head, false, context.Cause(ctx)
	}
	if err != nil {
		return head, false, l.suffer(trouble{Unreachable, name}, l.cfg.Unreachable, Alarm{Detail: fmt.Sprintf("no head can be had of the log: %s", err), From: name})
	}
	l.relieved(name, Unreachable)
	if head, err = l.open(note); err != nil {
		return head, false, l.suffer(trouble{BadHead, name}, l.cfg.Patience,
			Alarm{Detail: fmt.Sprintf("what the log serves as its head is none: %s", err), From: name}, evidence{".note", note})
	}
	l.relieved(name, BadHead)
	l.mu.Lock()
	before := l.largest[name]
	if head.Size >= before.Size {
		l.largest[name] = head
	}
	l.contact = l.cfg.Now()
	if !l.met {
		l.met, l.fresh = true, l.lastNews()
	}
	l.show()
	l.mu.Unlock()
	if head.Size < before.Size {
		err = l.suffer(trouble{Rollback, name}, l.cfg.Patience, Alarm{Detail: fmt.Sprintf("the log shows a head of %d entries here, and showed one of %d before", head.Size, before.Size),
			Sizes: []int64{head.Size, before.Size}, From: name}, evidence{".note", head.Note}, evidence{".before.note", before.Note})
	} else {
		l.relieved(name, Rollback)
	}
	if err == nil {
		err = l.checkPolicy(head, name)
	}
	return head, true, err
}

// checkPolicy asks whether the witnesses that the policy asks for have cosigned a head, and how fresh that is.
func (l *Log) checkPolicy(head verify.Head, from string) error {
	if l.Policy == nil {
		return nil
	}
	cosignatures, err := l.cosignatures(head.Note)
	l.mu.Lock()
	for _, c := range cosignatures {
		if c.Time.After(l.fresh) && !c.Time.After(l.cfg.Now()) { // what a witness dates into the future makes nothing fresh until then
			l.fresh = c.Time
		}
	}
	l.mu.Unlock()
	if err != nil {
		return l.suffer(trouble{Unwitnessed, from}, l.cfg.Patience, Alarm{Detail: err.Error(), Sizes: []int64{head.Size}, From: from}, evidence{".note", head.Note})
	}
	l.relieved(from, Unwitnessed)
	return nil
}

// advance holds a head that a source showed against the history, and reads on up to it where it is larger.
func (l *Log) advance(ctx context.Context, head verify.Head, s Source, from string) error {
	l.mu.Lock()
	err := l.observe(ctx, head, from)
	behind := head.Size > l.tree.Size() && !l.rejected[rejected{head.Size, head.Root}]
	l.mu.Unlock()
	if err != nil || !behind {
		return err
	}
	t := newTiles(s)
	linked, err := l.link(ctx, head, t, from)
	if err == nil && linked {
		err = l.sync(ctx, head, s, t)
	}
	if err == nil && linked {
		l.mu.Lock()
		err = l.settle(ctx)
		l.mu.Unlock()
	}
	if err == nil {
		l.relieved(s.String(), Withheld, Tiles, Altered)
		return nil
	}
	return l.blame(ctx, head, s, t, err)
}

// blame says what it is that keeps a head from being reached.
func (l *Log) blame(ctx context.Context, head verify.Head, s Source, t *tiles, cause error) error {
	failed := l.broken()
	switch {
	case failed != nil:
		return failed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	name := s.String()
	a := Alarm{Sizes: []int64{head.Size}, From: name, Detail: fmt.Sprintf("the head of %d entries can't be followed up: %s", head.Size, cause)}
	note := evidence{".note", head.Note}
	var altered *alteredError
	var content *contentError
	var busy *unreadable
	switch {
	case errors.Is(cause, ErrMissing):
		return l.suffer(trouble{Withheld, name}, l.cfg.Patience, a, note)
	case errors.As(cause, &busy):
		return l.suffer(trouble{Withheld, name}, max(l.cfg.Patience, l.cfg.Unreachable), a, note)
	case errors.As(cause, &altered):
		a.Index = &altered.index
		files := []evidence{note, {".served", altered.served}}
		if hashes, err := prove(ctx, altered.index, head, t.nodes(head)); err == nil {
			r := &verify.Receipt{Index: altered.index, Hashes: hashes, Note: head.Note}
			files = append(files, evidence{".hash", altered.hash[:]}, evidence{".tlog-proof", r.TlogProof()})
		}
		return l.suffer(trouble{Altered, name}, l.cfg.Patience, a, files...)
	case errors.As(cause, &content):
		return l.suffer(trouble{Altered, name}, l.cfg.Patience, a, note)
	}
	return l.suffer(trouble{Tiles, name}, l.cfg.Patience, a, note)
}

// pursueMost is how many heads are tried in a round that this monitor's sources didn't show.
const pursueMost = 4

// pursue follows up the heads that somebody else was shown and this monitor's sources didn't show, the largest first. Where they don't
// serve its entries, they hide them.
func (l *Log) pursue(ctx context.Context) error {
	l.mu.Lock()
	err := l.settle(ctx)
	var pending []seen
	for _, p := range l.state.pending {
		if !l.showed(p) {
			pending = append(pending, p)
		}
	}
	l.mu.Unlock()
	if err != nil {
		return err
	}
	var hidden *Alarm
	var note evidence
	slices.Reverse(pending)
	for _, p := range pending[:min(len(pending), pursueMost)] {
		cause := l.reach(ctx, p)
		failed := l.broken()
		switch {
		case failed != nil:
			return failed
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case cause == nil:
			continue
		case hidden == nil:
			note = evidence{".note", p.head.Note}
			hidden = &Alarm{Sizes: []int64{p.head.Size}, From: p.From,
				Detail: fmt.Sprintf("somebody else was shown a head of %d entries, and the log doesn't show them here: %s", p.head.Size, cause)}
		}
	}
	if hidden == nil {
		l.relieved("", Hidden)
		return nil
	}
	return l.suffer(trouble{Hidden, ""}, l.cfg.Patience, *hidden, note)
}

// showed tells whether one of the log's sources showed a head as large as a postponed one, so that nothing is hidden. l.mu is held.
func (l *Log) showed(p seen) bool {
	for _, s := range l.Sources {
		if s.String() == p.From || l.largest[s.String()].Size >= p.head.Size {
			return true
		}
	}
	return false
}

// reach reads up to a head that was postponed, from any source that serves its entries.
func (l *Log) reach(ctx context.Context, p seen) (cause error) {
	for _, s := range l.Sources {
		l.mu.Lock()
		done := p.head.Size <= l.tree.Size()
		l.mu.Unlock()
		if done {
			return nil
		}
		t := newTiles(s)
		linked, err := l.link(ctx, p.head, t, p.From)
		if err == nil && linked {
			err = l.sync(ctx, p.head, s, t)
		}
		if err == nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.settle(ctx)
		}
		cause = err
	}
	return cause
}

// lastNews is when the log showed something new, as far as an earlier process of this monitor saw it: being restarted makes no log any younger.
// l.mu is held.
func (l *Log) lastNews() time.Time {
	at := l.state.begun
	if newest, ok := l.state.newest(); ok {
		at = newest.Time
	}
	if now := l.cfg.Now(); now.UnixMilli() < at {
		return now // the clock stepped back
	}
	return time.UnixMilli(at)
}

// checkAge asks whether the log shows any sign of life.
func (l *Log) checkAge() error {
	if l.cfg.Stale <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	age := l.cfg.Now().Sub(l.fresh)
	if age < l.cfg.Stale {
		return nil
	}
	return l.sane(l.raise(Stale, fmt.Sprint(l.fresh.UnixMilli()), Alarm{Detail: fmt.Sprintf("the log has shown nothing new for %s", age.Round(time.Second))}))
}
