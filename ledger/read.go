package ledger

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Entry is an entry of the log, decoded.
type Entry struct {
	Index   int64
	Digest  event.Digest
	Leaf    []byte
	Decoded *event.Leaf
	Event   *event.Event
	// Deferral is there iff the event deferred its proof.
	Deferral *Deferral
}

// Query picks entries; zero values pick all.
type Query struct {
	Kinds      []event.Kind
	Source     string // exact
	Subject    string // exact: the subject's name
	From, To   int64  // of the log's time, ms since 1970, both inclusive; To 0 is open
	Start      int64  // ascending: the first index that is looked at
	End        int64  // the first index that isn't, as if the log had so many entries; 0 for all
	Cursor     string // Page.Next of the page before, of the same query
	Limit      int    // 100 if zero, at most 1,000; pages of large entries hold fewer
	Descending bool   // newest first

	// No index knows the following conditions: entries are looked at, up to 3,000 for a page, which may hold few of them or none without
	// being the last.

	Status    string       // StatusProven, StatusClaimed, StatusWaiting or StatusRefused
	Statement event.Digest // events under this statement alone; zero for all
	Text      string       // stands in one of the payload's strings, whatever its case
}

// Page is a part of what a query picks.
type Page struct {
	Entries []Entry
	Next    string // cursor of the next page; empty at the end
	Size    int64  // of the log as the query sees it, the same on all its pages
	Reached int64  // the last entry that was looked at, where there is a next page; otherwise −1
}

const (
	defaultPage = 100
	maxPage     = 1000
	// maxPageBytes is how many bytes of leaves a page holds before it ends, whatever its limit: anybody may ask for a thousand
	// entries, of which each may have 64 KiB, and take them slowly.
	maxPageBytes = 4 << 20
	// scanStep is how many entries are read from the database at a time.
	scanStep = 250
)

// Entry finds an entry by its index. The error is a *Refusal, as are those of all reads.
func (l *Ledger) Entry(ctx context.Context, index int64) (*Entry, error) {
	row, err := l.store.Row(ctx, index)
	return l.entry(ctx, row, err, "there is no entry %d in this log", index)
}

// EntryByDigest finds an entry by its event digest.
func (l *Ledger) EntryByDigest(ctx context.Context, d event.Digest) (*Entry, error) {
	row, err := l.store.RowByDigest(ctx, d)
	return l.entry(ctx, row, err, "there is no event %s in this log", d)
}

// entry is one entry with what became of it.
func (l *Ledger) entry(ctx context.Context, row tilestore.Row, err error, missing string, args ...any) (*Entry, error) {
	entry, err := entryOf(row, err, missing, args...)
	if err != nil {
		return nil, err
	}
	one := []Entry{*entry}
	if err := l.addDeferrals(ctx, one); err != nil {
		return nil, err
	}
	return &one[0], nil
}

func entryOf(row tilestore.Row, err error, missing string, args ...any) (*Entry, error) {
	if err != nil {
		return nil, refuseRead(err, missing, args...)
	}
	opened, err := openRow(row)
	if err != nil {
		return nil, unavailable(err, "entry %d of the database is damaged", row.Index)
	}
	return &Entry{Index: row.Index, Digest: opened.Digest, Leaf: row.Leaf, Decoded: opened.Leaf, Event: opened.Event}, nil
}

// refuseRead says in the ledger's terms why a read failed.
func refuseRead(err error, missing string, args ...any) *Refusal {
	if errors.Is(err, tilestore.ErrNotFound) {
		return notFound(missing, args...)
	}
	return unavailable(err, "the database can't be read at the moment")
}

// Entries picks entries, page by page. All pages of a query see the log as it was at the first.
func (l *Ledger) Entries(ctx context.Context, q Query) (Page, error) {
	sieve, none, err := l.newSieve(ctx, &q)
	if err != nil {
		return Page{}, err
	}
	scan := tilestore.Query{Kinds: q.Kinds, Source: q.Source, Subject: q.Subject, Descending: q.Descending, Limit: q.Limit}
	switch {
	case scan.Limit <= 0:
		scan.Limit = defaultPage
	case scan.Limit > maxPage:
		scan.Limit = maxPage
	}
	if q.From > 0 {
		scan.From = time.UnixMilli(q.From)
	}
	if q.To > 0 {
		scan.To = time.UnixMilli(q.To + 1)
	}
	if q.Cursor != "" {
		var ok bool
		if scan.Size, scan.Cursor, ok = parseCursor(q.Cursor, q.Descending); !ok {
			return Page{}, &Refusal{Code: Malformed, Check: "cursor", Detail: "this is no cursor of this query; begin again without one"}
		}
	}
	if q.Start > 0 && q.Descending {
		return Page{}, &Refusal{Code: Malformed, Check: "start", Detail: "start says where to begin in ascending order; in descending order, end does"}
	}
	tip, err := l.store.Tip(ctx)
	if err != nil {
		return Page{}, refuseRead(err, "")
	}
	if q.Cursor == "" { // otherwise the cursor has start and end
		scan.Size, scan.Cursor = tip.Size, q.Start
		if q.End > 0 {
			scan.Size = q.End
		}
	}
	scan.Size = min(scan.Size, tip.Size)
	page := Page{Size: scan.Size, Reached: -1}
	none = none || !q.Descending && scan.Cursor >= scan.Size
	if none {
		return page, nil
	}
	if sieve != nil {
		done, err := l.siftInTurn(ctx)
		if err != nil {
			return Page{}, err
		}
		defer done()
	}
	err = l.fill(ctx, &page, scan, sieve)
	if err == nil {
		err = l.addDeferrals(ctx, page.Entries)
	}
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// fill reads entries until a page has as many as it may.
func (l *Ledger) fill(ctx context.Context, page *Page, scan tilestore.Query, sieve *sieve) error {
	limit, step, size := scan.Limit, scanStep, 0
	most, mostBytes := math.MaxInt, math.MaxInt
	if sieve != nil {
		step, most, mostBytes = siftStep, maxSifted, maxSiftedBytes
		scan.Bare = true
	}
	for {
		scan.Limit = step + 1 // one more, to know whether there is another
		if sieve == nil {
			scan.Limit = min(limit-len(page.Entries), step) + 1
		}
		rows, err := l.store.Scan(ctx, scan)
		if err != nil {
			return refuseRead(err, "")
		}
		some := rows[:min(len(rows), scan.Limit-1)]
		var pass []bool
		if sieve != nil {
			if pass, err = sieve.sift(ctx, some); err != nil {
				return err
			}
		}
		for i, row := range some {
			scan.Cursor = scan.Next(row)
			most--
			mostBytes -= len(row.Leaf)
			if pass == nil || pass[i] {
				entry, err := entryOf(row, nil, "")
				if err != nil {
					return err
				}
				page.Entries = append(page.Entries, *entry)
				size += len(row.Leaf)
			}
			if len(page.Entries) == limit || size >= maxPageBytes || most <= 0 || mostBytes <= 0 {
				if i+1 < len(rows) {
					page.Next, page.Reached = formatCursor(scan.Size, scan.Cursor, scan.Descending), row.Index
				}
				return nil
			}
		}
		if len(rows) < scan.Limit {
			return nil
		}
	}
}

// A cursor says of which tree the pages are, where to go on, and in which direction.
const cursorForm = "v1 %d %d %t"

func formatCursor(size, at int64, descending bool) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, cursorForm, size, at, descending))
}

func parseCursor(s string, descending bool) (size, at int64, ok bool) {
	if len(s) > 128 {
		return 0, 0, false
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return 0, 0, false
	}
	var down bool
	if _, err := fmt.Sscanf(string(b), cursorForm, &size, &at, &down); err != nil {
		return 0, 0, false
	}
	return size, at, down == descending && at > 0 && at <= size && formatCursor(size, at, down) == s
}

// law is the registry as it is committed, for reads by processes that don't lead. Safe for concurrent use.
type law struct {
	store    *tilestore.Store
	mu       sync.Mutex
	registry *verify.Registry // replaced, not changed
	size     int64            // of the tree that it is of
}

// current reads what was added since it was asked the last time.
func (l *law) current(ctx context.Context) (*verify.Registry, error) {
	tip, err := l.store.Tip(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if tip.Size < l.size { // another database than before
		l.registry, l.size = verify.NewRegistry(l.registry.Origin()), 0
	}
	if tip.Size > l.size {
		next, err := replay(ctx, l.store, l.registry, l.size, tip.Size)
		if err != nil {
			return nil, err
		}
		l.registry, l.size = next, tip.Size
	}
	return l.registry, nil
}

// registry is the committed registry: a leader has it in memory.
func (l *Ledger) registry(ctx context.Context) (*verify.Registry, error) {
	if t := l.term.Load(); t != nil {
		return t.state.registry.Load(), nil
	}
	registry, err := l.law.current(ctx)
	if err != nil {
		return nil, refuseRead(err, "")
	}
	return registry, nil
}

// SourceState is what the log says of a source.
type SourceState struct {
	Name       string
	Role       event.SourceRole
	Key        ed25519.PublicKey // the live one; nil when revoked
	Recovery   ed25519.PublicKey // may be nil
	Recipient  string            // of a prover, may be empty: whom witnesses are sealed to
	Epoch      int               // grows by one with each rotation by the operator alone, from 1
	Status     string            // "active" or "revoked"
	Registered int64             // index of the registration
	Keys       []verify.KeyState // all that it had, in order
	Next       Next
}

// StatementState is what the log says of a statement.
type StatementState struct {
	Digest     event.Digest // SHA-256 of the verifying key
	Claims     *event.StatementClaims
	Registered int64  // index of the registration
	Status     string // "active" or "revoked"
	Revoked    int64  // index of the revocation; −1 if it stands
	Doubt      int64  // index from which its events are in doubt; −1 if none are
}

const (
	statusActive  = "active"
	statusRevoked = "revoked"
)

// Sources lists the sources by name.
func (l *Ledger) Sources(ctx context.Context) ([]SourceState, error) {
	registry, err := l.registry(ctx)
	if err != nil {
		return nil, err
	}
	names := registry.Sources()
	all := make([]SourceState, 0, len(names))
	for _, name := range names {
		s, err := l.source(ctx, registry, name)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Source finds a source.
func (l *Ledger) Source(ctx context.Context, name string) (SourceState, error) {
	registry, err := l.registry(ctx)
	if err != nil {
		return SourceState{}, err
	}
	return l.source(ctx, registry, name)
}

func (l *Ledger) source(ctx context.Context, registry *verify.Registry, name string) (SourceState, error) {
	s, ok := registry.Source(name)
	if !ok {
		return SourceState{}, notFound("no source %q is registered with this log", name)
	}
	chain, err := l.chain(ctx, name)
	if err != nil {
		return SourceState{}, refuseRead(err, "")
	}
	state := SourceState{Name: s.Name, Role: s.Role, Recovery: s.Recovery, Recipient: s.Recipient, Epoch: s.Epoch, Status: statusRevoked,
		Registered: s.Registered, Keys: s.Keys, Next: Next{Seq: chain.Seq, Prev: chain.Prev}}
	if live := s.Live(); live != nil {
		state.Key, state.Status = live.Key, statusActive
	}
	return state, nil
}

// chain tells where a source stands: a leader remembers it of those who wrote in its term, and of those who were asked for.
func (l *Ledger) chain(ctx context.Context, source string) (verify.Chain, error) {
	t := l.term.Load()
	if t == nil {
		return loadChain(ctx, l.store, source)
	}
	if chain, ok := t.state.chains.get(source); ok {
		return chain, nil
	}
	chain, err := loadChain(ctx, l.store, source)
	if err != nil {
		return verify.Chain{}, err
	}
	return t.state.chains.learn(source, chain), nil
}

// Statements lists the statements in order of their registration.
func (l *Ledger) Statements(ctx context.Context) ([]StatementState, error) {
	registry, err := l.registry(ctx)
	if err != nil {
		return nil, err
	}
	var all []StatementState
	for _, s := range registry.Statements() {
		all = append(all, statementState(s))
	}
	return all, nil
}

// Statement finds a statement.
func (l *Ledger) Statement(ctx context.Context, vk event.Digest) (StatementState, error) {
	registry, err := l.registry(ctx)
	if err != nil {
		return StatementState{}, err
	}
	s, ok := registry.Statement(vk)
	if !ok {
		return StatementState{}, notFound("no statement %s is registered with this log", vk)
	}
	return statementState(s), nil
}

func statementState(s verify.StatementState) StatementState {
	state := StatementState{Digest: s.ID, Claims: s.Claims, Registered: s.Registered, Status: statusActive, Revoked: s.Revoked, Doubt: s.Doubt}
	if s.Revoked >= 0 {
		state.Status = statusRevoked
	}
	return state
}
