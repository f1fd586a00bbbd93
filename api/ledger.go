package api

import (
	"context"
	"io"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Ledger is what the edge needs of the log; *ledger.Ledger is one. Errors that are a *ledger.Refusal become the problem of
// their code, any other a 500 that says nothing about its cause.
type Ledger interface {
	Origin() string
	Ready(ctx context.Context) error
	Submit(ctx context.Context, subs []*event.Submission) []ledger.Outcome

	Entry(ctx context.Context, index int64) (*ledger.Entry, error)
	EntryByDigest(ctx context.Context, d event.Digest) (*ledger.Entry, error)
	Entries(ctx context.Context, q ledger.Query) (ledger.Page, error)
	Attestations(ctx context.Context, d event.Digest) (deferred *ledger.Entry, attestations []ledger.Entry, err error)
	Evidence(ctx context.Context, q ledger.EvidenceQuery) (*verify.Bundle, error)
	Provenance(ctx context.Context, q ledger.ProvenanceQuery) (*ledger.Walked, error)
	Proving(ctx context.Context) (*ledger.Proving, error)
	Summary(ctx context.Context, days int) (*ledger.Summary, error)

	Inclusion(ctx context.Context, index, size int64) (hashes [][32]byte, of ledger.PublishedHead, err error)
	Consistency(ctx context.Context, from, to int64) ([][32]byte, error)
	Published() (ledger.PublishedHead, bool)
	Checkpoints(ctx context.Context, before int64, limit int) ([]ledger.PublishedHead, error)
	CheckpointAt(ctx context.Context, size int64) (ledger.PublishedHead, error)
	Witnesses() ledger.Witnesses
	Tile(ctx context.Context, level int, n int64, width int) ([]byte, error)
	Bundle(ctx context.Context, n int64, width int) ([]byte, error)

	Sources(ctx context.Context) ([]ledger.SourceState, error)
	Source(ctx context.Context, name string) (ledger.SourceState, error)
	Statements(ctx context.Context) ([]ledger.StatementState, error)
	Statement(ctx context.Context, vk event.Digest) (ledger.StatementState, error)
}

// Keys opens proving keys, which are too large for the log: it has only their digests.
type Keys interface {
	// ProvingKey opens the proving key of a statement, named by the digest of its verifying key. The error wraps
	// fs.ErrNotExist where this server doesn't hold it.
	ProvingKey(ctx context.Context, vk event.Digest) (io.ReadSeekCloser, error)
}
