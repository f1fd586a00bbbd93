// Package job says what a proving job is: the agreement between the ledger, which puts jobs into River's queue, and the proving
// workers, which take them out.
//
// A job carries nothing secret and nothing that could be believed. It names an event that deferred its proof; the worker finds the
// sealed witness in the database and everything else in the log. There is one queue per statement, so that a worker takes on
// just those that it has the keys and the memory for.
package job

import (
	"encoding/hex"

	"github.com/riverqueue/river"

	"github.com/attestlog/attestlog/ledger/event"
)

// Schema is the PostgreSQL schema of River's tables (package migrations makes it).
const Schema = "river"

// Args is what River stores of a job, as JSON.
type Args struct {
	Event     event.Digest `json:"event" river:"unique"` // the deferred event: one job each, whatever inserts it twice
	Statement event.Digest `json:"statement"`            // the verifying key's digest
	Index     int64        `json:"index"`                // of the event's entry
}

// Kind is River's name of the kind of job.
func (Args) Kind() string { return "prove" }

// maxAttempts is how often a job that fails is tried: with River's growing pauses this takes about three weeks. Then River lets go
// of it, and the ledger's sweep makes another one once River has forgotten it.
const maxAttempts = 25

// InsertOpts puts the job into its statement's queue, once for each event.
func (a Args) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: Queue(a.Statement), MaxAttempts: maxAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

// Queue is the name of a statement's queue: "prove-" and the first 128 bits of the verifying key's digest in hexadecimal.
func Queue(statement event.Digest) string { return "prove-" + hex.EncodeToString(statement[:16]) }
