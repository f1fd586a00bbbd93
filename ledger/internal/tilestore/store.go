package tilestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/trillian/monitoring"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/attestlog/attestlog/ledger/event"
)

// MaxLeaf is the largest leaf, in bytes: C2SP tlog-tiles gives 16 bits to its length.
const MaxLeaf = 65535

var (
	// ErrNotFound says that the log holds no such entry, tile or head.
	ErrNotFound = errors.New("not in the log")

	// ErrFull says that the queue is full. Nothing was enqueued; try again later.
	ErrFull = errors.New("the queue is full")

	// ErrStopped says that this leader stopped before it stored the item. It is certain that the item was not stored by
	// it, so the item may be sent again, here or to another leader.
	ErrStopped = errors.New("the leader stopped before the entry was stored")

	// ErrUnknown says that the connection broke during the commit and that PostgreSQL couldn't be asked what came of
	// it. The entry may or may not be in the log. Sending it again is safe.
	ErrUnknown = errors.New("it is unknown whether the entry was stored")

	// ErrFenced says that somebody else has become the leader, or has written to the log.
	ErrFenced = errors.New("fenced: another leader has taken over")
)

// Config says where the log is and how it is written. The zero value of everything but URL and Decode is fit for use.
type Config struct {
	// URL is PostgreSQL's connection string. The database must be migrated.
	URL string

	// Decode derives a Row from a leaf: kind, source, subject, digest and logged. Looking up by digest needs it, since
	// the database holds half of a digest, and so does Reindex.
	Decode func(leaf []byte) (Row, error)

	// MaxBatch bounds the items of one batch; 4,096 if zero. MaxBatchBytes bounds their Size together; 8 MiB if zero.
	// Larger batches make for a higher rate and for a longer wait.
	MaxBatch      int
	MaxBatchBytes int

	// MaxQueue bounds the items that wait; 16,384 if zero. MaxQueueBytes bounds their Size together; 64 MiB if zero.
	MaxQueue      int
	MaxQueueBytes int

	// CacheTiles bounds the tiles kept in memory, of 8 KiB each, and as much again of those that proofs came from; 4,096 if zero.
	CacheTiles int

	// CommitTimeout bounds one commit; 30 seconds if zero. SettleTimeout bounds how long an unknown outcome is looked
	// into; 30 seconds if zero.
	CommitTimeout time.Duration
	SettleTimeout time.Duration

	// Clock is time.Now if nil.
	Clock func() time.Time

	// Metrics receives Trillian's sequencer metrics; nil discards them. Trillian keeps them in globals: the first
	// leader of a process decides.
	Metrics monitoring.MetricFactory

	// Logger receives what the leader does; nil discards it.
	Logger *slog.Logger
}

// Row is one entry as it is stored. Everything but Leaf is derived from the leaf.
type Row struct {
	Index   int64
	Logged  int64 // the log's time, ms since 1970
	Kind    event.Kind
	Source  string
	Subject string
	Digest  event.Digest // zero in rows that were read by anything but digest: the database holds half of it
	Leaf    []byte
	Attests *Attests // of an attestation; nil in rows that were read, and of every other kind
}

// Tip is the committed head of the log.
type Tip struct {
	Size   int64
	Root   [32]byte
	Epoch  int64     // the leader's number, from 1; 0 before the first
	Logged time.Time // when the root was made; never decreases
}

// Store reads a log. Any number of processes may; it is safe for concurrent use.
type Store struct {
	reader
	cfg   Config
	pool  *pgxpool.Pool
	cache *tileCache
}

// Open connects to the database. Close it after use.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	pool, err := pgxpool.New(ctx, cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the database URL: %w", err)
	}
	s := &Store{reader: reader{pool, cfg.Decode}, cfg: cfg, pool: pool, cache: newTileCache(cfg.CacheTiles)}
	if _, err := s.Tip(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

func (cfg Config) withDefaults() Config {
	setDefault(&cfg.MaxBatch, 4096)
	setDefault(&cfg.MaxBatchBytes, 8<<20)
	setDefault(&cfg.MaxQueue, 16384)
	setDefault(&cfg.MaxQueueBytes, 64<<20)
	setDefault(&cfg.CacheTiles, 4096)
	setDefault(&cfg.CommitTimeout, 30*time.Second)
	setDefault(&cfg.SettleTimeout, 30*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Close closes the connections.
func (s *Store) Close() { s.pool.Close() }

// Ping asks PostgreSQL whether it is there.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// Pool is the connection pool, for tables that aren't the log's own.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// querier is what reads need: a pool, or the leader's own connection.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}
