// Package ledger is the log's operator side: it admits events, puts them in order, and signs what the order is.
package ledger

import (
	"context"
	"crypto/ed25519"

	"github.com/attestlog/attestlog/ledger/event"
)

// Ledger is one log on one database. Any number of them may be open on the same database: all read, one leads and writes.
type Ledger struct{}

// Outcome is the answer to one submission: a receipt, or a refusal.
type Outcome struct {
	Receipt   *Receipt
	Duplicate bool // the event was in the log already, and the receipt is of that entry
	Refusal   *Refusal
}

// Receipt proves to whoever knows the log's key that an event is in the log.
type Receipt struct {
	Index  int64
	Digest event.Digest
	Logged int64  // milliseconds since 1970
	Leaf   []byte // what the tree hashes
	// Size, Hashes and Checkpoint are the tree's size, the inclusion proof of the leaf in that tree (RFC 6962, from the leaf up)
	// and the C2SP checkpoint, signed, that commits to it.
	Size       int64
	Hashes     [][32]byte
	Checkpoint []byte
}

// Open connects to the database and reads what it needs to serve. It does not write: Run does.
func Open(ctx context.Context, cfg Config) (*Ledger, error) { return nil, errUnbuilt }

// Close waits for reads under way and lets go of the database. Run must have returned.
func (l *Ledger) Close() {}

// Run leads while it can, puts events in order and publishes heads. It waits while another process leads. It returns nil when
// ctx ends.
func (l *Ledger) Run(ctx context.Context) error { return errUnbuilt }

// Submit judges and logs events, in their order, and answers when they are durable: one outcome each.
func (l *Ledger) Submit(ctx context.Context, subs []*event.Submission) []Outcome {
	return make([]Outcome, len(subs))
}

// Ready tells whether this ledger takes events, and if not, why not, as a *Refusal.
func (l *Ledger) Ready(ctx context.Context) error { return errUnbuilt }

// Origin is the log's name.
func (l *Ledger) Origin() string { return "" }

// Entry is an entry of the log, decoded.
type Entry struct {
	Index   int64
	Digest  event.Digest
	Leaf    []byte
	Decoded *event.Leaf
	Event   *event.Event
}

// Query picks entries; zero values pick all.
type Query struct {
	Kinds      []event.Kind
	Source     string // exact
	Subject    string // exact: the subject's name
	From, To   int64  // of the log's time, ms since 1970, both inclusive; To 0 is open
	Cursor     string // Page.Next of the page before
	Limit      int    // 100 if zero, at most 1,000
	Descending bool   // newest first
}

// Page is a part of what a query picks.
type Page struct {
	Entries []Entry
	Next    string // cursor of the next page; empty at the end
	Size    int64  // of the log as the query saw it
}

// PublishedHead is a checkpoint that the log published.
type PublishedHead struct {
	Size      int64
	Root      [32]byte
	Published int64 // milliseconds since 1970
	Note      []byte
}

// SourceState is what the log says of a source.
type SourceState struct {
	Name       string
	Role       event.SourceRole
	Key        ed25519.PublicKey // current; nil when revoked
	Recovery   ed25519.PublicKey // may be nil
	Epoch      int               // grows by one with each rotation by the operator alone, from 1
	Status     string            // "active" or "revoked"
	Registered int64             // index of the registration
	Next       Next
}

// StatementState is what the log says of a statement.
type StatementState struct {
	Digest     event.Digest // SHA-256 of the verifying key
	Claims     *event.StatementClaims
	Registered int64  // index of the registration
	Status     string // "active" or "revoked"
}

// Entry finds an entry by its index.
func (l *Ledger) Entry(ctx context.Context, index int64) (*Entry, error) { return nil, errUnbuilt }

// EntryByDigest finds an entry by its event digest.
func (l *Ledger) EntryByDigest(ctx context.Context, d event.Digest) (*Entry, error) {
	return nil, errUnbuilt
}

// Entries picks entries.
func (l *Ledger) Entries(ctx context.Context, q Query) (Page, error) { return Page{}, errUnbuilt }

// Inclusion proves an entry in the tree of a size (RFC 6962); size 0 stands for the newest published head, whose size is returned.
func (l *Ledger) Inclusion(ctx context.Context, index, size int64) (hashes [][32]byte, of PublishedHead, err error) {
	return nil, PublishedHead{}, errUnbuilt
}

// Consistency proves that the tree of size to extends that of size from (RFC 6962).
func (l *Ledger) Consistency(ctx context.Context, from, to int64) ([][32]byte, error) {
	return nil, errUnbuilt
}

// Published is the newest published head; false before the first.
func (l *Ledger) Published() (PublishedHead, bool) { return PublishedHead{}, false }

// Checkpoints lists published heads of sizes below before (0: all), newest first.
func (l *Ledger) Checkpoints(ctx context.Context, before int64, limit int) ([]PublishedHead, error) {
	return nil, errUnbuilt
}

// CheckpointAt finds the published head of exactly that size.
func (l *Ledger) CheckpointAt(ctx context.Context, size int64) (PublishedHead, error) {
	return PublishedHead{}, errUnbuilt
}

// Tile is a C2SP tlog-tiles hash tile: width hashes (1 to 256) of 32 bytes.
func (l *Ledger) Tile(ctx context.Context, level int, n int64, width int) ([]byte, error) {
	return nil, errUnbuilt
}

// Bundle is a C2SP tlog-tiles entry bundle: width leaves (1 to 256), each after its length in two bytes.
func (l *Ledger) Bundle(ctx context.Context, n int64, width int) ([]byte, error) {
	return nil, errUnbuilt
}

// Sources lists the sources by name.
func (l *Ledger) Sources(ctx context.Context) ([]SourceState, error) { return nil, errUnbuilt }

// Source finds a source.
func (l *Ledger) Source(ctx context.Context, name string) (SourceState, error) {
	return SourceState{}, errUnbuilt
}

// Statements lists the statements in order of their registration.
func (l *Ledger) Statements(ctx context.Context) ([]StatementState, error) { return nil, errUnbuilt }

// Statement finds a statement.
func (l *Ledger) Statement(ctx context.Context, vk event.Digest) (StatementState, error) {
	return StatementState{}, errUnbuilt
}

var errUnbuilt = &Refusal{Code: Unavailable, Detail: "this ledger is being built"}
