package ledger

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"
)

// Config says what a ledger is made of.
type Config struct {
	// DatabaseURL is PostgreSQL's, migrated (package migrations). One session of it is held for as long as this ledger leads.
	DatabaseURL string
	// Origin names the log: the first line of its checkpoints, and the log that its events are meant for.
	Origin string
	// Signer signs checkpoints; its name is Origin. Without one the ledger only reads.
	Signer note.Signer
	// HeadsFile holds every note that was signed, outside PostgreSQL and fsynced before the note leaves the process. A
	// database that is behind this file, or that has another root, is never written to.
	HeadsFile string
	// AdoptDatabase takes a database that has entries where HeadsFile is missing or empty: a follower's first term on another machine, or an
	// operator's word that the database is all that ever was signed. Without it, a lost file and an old backup together could make
	// the log sign two roots for one size.
	AdoptDatabase bool
	// Witnesses cosign the published heads; nobody does if nil.
	Witnesses *Witnessing
	// PublishEvery is the least time between two published heads; 1 s if zero.
	PublishEvery time.Duration
	// SweepEvery is the time between looks for sealed witnesses that wait without a proving job, beside the look at each batch that
	// brings some; 30 s if zero.
	SweepEvery time.Duration
	// MaxQueue is how many events may wait for the sequencer; 8,192 if zero. Beyond it, Submit refuses with Busy.
	MaxQueue int
	// Logger may be nil. Payloads, claims and proofs are never logged.
	Logger *slog.Logger
	// Now is the clock, time.Now if nil. It may step back: log time does not.
	Now func() time.Time
	// Metrics may be nil.
	Metrics prometheus.Registerer
}
