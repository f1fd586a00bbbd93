package web

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// law is the log's law as the viewer itself derives it: a fold over the entries about sources and statements that the log lists, each held against those before
// it, signature and all. So whose key was when, and by whose word, is not what the log says of it. What the fold can't know is that the log lists all of these
// entries; monitors, who read every entry, do.
type law struct {
	folding *semaphore.Weighted // held while the log is asked for what is new; whoever waits for it can give up

	mu       sync.Mutex
	registry *verify.Registry
	turns    map[string][]turn // of each source's keys, in the log's order
	revoked  map[event.Digest]*verify.Entry
	folded   int64 // the index behind the last entry that was folded
	logged   int64 // when that was logged
	size     int64 // of the log, the last time that it was asked
	entries  int
}

// maxLaw bounds how many entries are folded.
const maxLaw = 500_000

// turn is an entry that changed a source's keys.
type turn struct {
	*verify.Entry
	Claims *event.SourceClaims
	KeyID  event.Digest // of the key that came or went
	By     string       // in words: by whose word
	Break  bool         // the operator alone replaced the key: from there on it may be somebody else who speaks
	Epoch  int          // after it
}

// state is the fold up to a head of the log: at least up to that size.
func (l *law) state(ctx context.Context, v *viewer) (*lawState, error) {
	head, err := v.newest.get(ctx, v)
	if err != nil {
		return nil, err
	}
	if l.reaches(head.Size) {
		return &lawState{l}, nil
	}
	if err := l.folding.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer l.folding.Release(1)
	if !l.reaches(head.Size) { // nobody else folded it meanwhile
		if err := l.fold(ctx, v); err != nil {
			return nil, err
		}
	}
	return &lawState{l}, nil
}

// reaches tells whether all is folded that a log of a size has; the empty log is asked each time.
func (l *law) reaches(size int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size >= max(size, 1)
}

// fold folds what is new. l.folding is held; l.mu never is while the log is asked.
func (l *law) fold(ctx context.Context, v *viewer) error {
	l.mu.Lock()
	q := client.Query{Kinds: []event.Kind{event.Source, event.Statement}, From: l.logged, Limit: 1000}
	size := l.size
	l.mu.Unlock()
	for {
		page, err := v.log.Entries(ctx, q)
		if err != nil {
			return err
		}
		size = max(size, page.Size)
		last := page.Next == "" || page.Next == q.Cursor
		if err := l.take(page.Entries, size, last); err != nil || last {
			return err
		}
		q.Cursor = page.Next
	}
}

// take folds a page of entries; with the last one, the fold reaches a log of a size.
func (l *law) take(entries []*verify.Entry, size int64, last bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		if e.Index < l.folded {
			continue
		}
		if l.entries++; l.entries > maxLaw {
			return fmt.Errorf("couldn't read who speaks in the log: there are more than %d entries about keys", maxLaw)
		}
		if err := l.admit(e); err != nil {
			return &client.Alarm{What: "the log lists an entry about keys that its law forbids", Err: err}
		}
	}
	if last {
		l.size = size
	}
	return nil
}

// admit holds an entry against those before it.
func (l *law) admit(e *verify.Entry) error {
	var t *turn
	if claims, ok := e.Event.Claims.(*event.SourceClaims); ok {
		t = &turn{Entry: e, Claims: claims, KeyID: event.KeyID(claims.Key), By: l.byWhom(e, claims)}
	}
	epoch := func(source string) int { s, _ := l.registry.Source(source); return s.Epoch }
	var before int
	if t != nil {
		before = epoch(t.Claims.Source)
	}
	if err := l.registry.Admit(e); err != nil {
		return err
	}
	l.folded, l.logged = e.Index+1, e.Leaf.Logged
	if t != nil {
		t.Epoch = epoch(t.Claims.Source)
		t.Break = before > 0 && t.Epoch > before
		l.turns[t.Claims.Source] = append(l.turns[t.Claims.Source], *t)
	}
	if claims, ok := e.Event.Claims.(*event.StatementClaims); ok && claims.Action == event.StatementRevoke {
		l.revoked[claims.Statement] = e
	}
	return nil
}

// byWhom says by whose word a key comes or goes. The registry holds the signature against it.
func (l *law) byWhom(e *verify.Entry, c *event.SourceClaims) string {
	s, known := l.registry.Source(c.Source)
	id := e.Leaf.Envelope.KeyID
	switch {
	case !known && e.Index == 0:
		return "by itself: it is the log’s operator"
	case !known:
		return "by the operator, with the new key’s consent"
	case e.Event.Source != c.Source:
		if c.Action == event.SourceRevoke {
			return "by the operator"
		}
		return "by the operator alone"
	case len(s.Recovery) > 0 && event.KeyID(s.Recovery) == id:
		return "by its recovery key"
	case c.Action == event.SourceRevoke && event.KeyID(c.Key) != id:
		return "by itself, with a later key"
	}
	return "by itself"
}

// lawState is the fold, for reading right after it was made.
type lawState struct{ *law }

// source is what is known of a source, with its keys' turns; false if there is none of that name.
func (l *lawState) source(name string) (verify.SourceState, []turn, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.registry.Source(name)
	return s, slices.Clone(l.turns[name]), ok
}

// doubts tells whether a revocation reaches back to an entry.
func (l *lawState) doubts(e *verify.Entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(verify.Doubts(l.registry, e.Index, e.Event, e.Leaf.Envelope.KeyID)) > 0
}

// untrusted tells whether a statement's keys come from a set-up in which somebody may know the secrets.
func (l *lawState) untrusted(statement event.Digest) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.registry.Statement(statement)
	return ok && s.Claims.Setup != event.SetupCeremony
}

// sources are the names of all sources, sorted.
func (l *lawState) sources() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.registry.Sources()
}

// statements are all statements in the order of their registration.
func (l *lawState) statements() []verify.StatementState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.registry.Statements()
}

// statement is what is known of a statement, and the entry that revoked it, if one did.
func (l *lawState) statement(id event.Digest) (verify.StatementState, *verify.Entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.registry.Statement(id)
	return s, l.revoked[id], ok
}
