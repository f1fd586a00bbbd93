package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/worker/job"
)

const (
	defaultSweepEvery = 30 * time.Second
	// jobsAtOnce is how many jobs one transaction makes.
	jobsAtOnce = 500
	// jobsTimeout bounds one such transaction. It holds locks on rows that a batch may want to delete, and must not keep the log waiting.
	jobsTimeout = 10 * time.Second
	// afterGivingUp is how long a witness waits whose job was given up or dropped, until it gets another one: what made no sense a moment ago
	// mostly makes none now, and each try leaves a row behind for a day.
	afterGivingUp = 10 * time.Minute
)

// jobs sees to it that every witness that waits beside the log has a job in River's queue. A witness is committed with its event and
// its job comes after that, so that a queue that is slow or broken never holds the log up. What falls between the two, by a crash or otherwise,
// is found by a sweep at the beginning of a term and every now and then. A job more than needed does no harm: it finds no
// witness.
type jobs struct {
	pool   *pgxpool.Pool
	queue  *river.Client[pgx.Tx]
	log    *slog.Logger
	every  time.Duration // between sweeps
	wanted chan struct{} // of capacity 1: a batch brought witnesses
}

func newJobs(pool *pgxpool.Pool, log *slog.Logger, every time.Duration) (*jobs, error) {
	queue, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Schema: job.Schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("couldn't open the queue of proving jobs: %w", err)
	}
	return &jobs{pool: pool, queue: queue, log: log, every: every, wanted: make(chan struct{}, 1)}, nil
}

// want asks for jobs; it never waits.
func (j *jobs) want() {
	select {
	case j.wanted <- struct{}{}:
	default:
	}
}

// run makes jobs until ctx ends. What fails is tried again: no event depends on it.
func (j *jobs) run(ctx context.Context) {
	tick := time.NewTicker(j.every)
	defer tick.Stop()
	for {
		if err := j.sweep(ctx); err != nil && ctx.Err() == nil {
			j.log.Warn("couldn't make proving jobs; trying again later", "error", err)
		}
		for more := true; more; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				more = false
			case <-j.wanted:
				if err := j.make(ctx); err != nil && ctx.Err() == nil {
					j.log.Warn("couldn't make proving jobs; trying again later", "error", err)
				}
			}
		}
	}
}

// sweep finds witnesses whose jobs are gone and makes all jobs that are missing. A job that was given up (discarded) or dropped (cancelled)
// is gone after afterGivingUp, and one that was done once River has forgotten it: if its witness is still there, then nobody has
// attested the event, and it is worth another try. A database that was restored may have lost jobs, too, or have others by their
// numbers.
func (j *jobs) sweep(ctx context.Context) error {
	err := j.short(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE witnesses SET job = NULL WHERE event IN (
			SELECT w.event FROM witnesses w WHERE w.job IS NOT NULL AND NOT EXISTS (
				SELECT FROM `+job.Schema+`.river_job r WHERE r.id = w.job AND r.kind = $1 AND r.args->>'event' = encode(w.event, 'hex')
				AND (r.state NOT IN ('cancelled', 'discarded') OR r.finalized_at > now() - $2::interval))
			LIMIT 10000 FOR UPDATE SKIP LOCKED)`, job.Args{}.Kind(), afterGivingUp)
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't look for witnesses that lost their job: %w", err)
	}
	return j.make(ctx)
}

// make makes a job for each witness that has none.
func (j *jobs) make(ctx context.Context) error {
	for {
		made := 0
		err := j.short(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			made, err = j.makeSome(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
		if made < jobsAtOnce {
			return nil
		}
	}
}

// short runs a transaction that neither waits long for locks nor keeps others waiting for its own.
func (j *jobs) short(ctx context.Context, do func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, jobsTimeout)
	defer cancel()
	return pgx.BeginFunc(ctx, j.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '2s'"); err != nil {
			return err
		}
		return do(ctx, tx)
	})
}

// makeSome takes witnesses without a job, puts jobs into the queue and notes their numbers, all in one transaction. Rows that a batch is about to
// delete are passed over, so that the two never wait for each other in a circle.
func (j *jobs) makeSome(ctx context.Context, tx pgx.Tx) (int, error) {
	rows, err := tx.Query(ctx, "SELECT event, statement, idx FROM witnesses WHERE job IS NULL ORDER BY idx LIMIT $1 FOR UPDATE SKIP LOCKED", jobsAtOnce)
	if err != nil {
		return 0, fmt.Errorf("couldn't look for witnesses without a job: %w", err)
	}
	wanted, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (river.InsertManyParams, error) {
		var a job.Args
		var digest, statement []byte
		err := row.Scan(&digest, &statement, &a.Index)
		copy(a.Event[:], digest)
		copy(a.Statement[:], statement)
		return river.InsertManyParams{Args: a}, err
	})
	if err != nil {
		return 0, fmt.Errorf("couldn't look for witnesses without a job: %w", err)
	}
	if len(wanted) == 0 {
		return 0, nil
	}
	made, err := j.queue.InsertManyTx(ctx, tx, wanted)
	if err != nil {
		return 0, fmt.Errorf("couldn't put %d jobs into the queue: %w", len(wanted), err)
	}
	events, ids := make([][]byte, len(made)), make([]int64, len(made))
	for i, m := range made {
		d := eventOf(wanted[i])
		events[i], ids[i] = d[:], m.Job.ID // of the job that was there, if one was
	}
	_, err = tx.Exec(ctx, "UPDATE witnesses SET job = made.id FROM unnest($1::bytea[], $2::bigint[]) made(event, id) WHERE witnesses.event = made.event", events, ids)
	if err != nil {
		return 0, fmt.Errorf("couldn't note the numbers of %d jobs: %w", len(made), err)
	}
	return len(made), nil
}

func eventOf(p river.InsertManyParams) event.Digest { return p.Args.(job.Args).Event }
