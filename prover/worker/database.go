package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/worker/job"
)

// Database is the log's database as far as workers have to do with it.
type Database struct{ Pool *pgxpool.Pool }

// ErrDatabaseURL says that a database's URL can't be read. It never quotes it: there may be a password in it.
var ErrDatabaseURL = errors.New("couldn't read the database's URL")

// Connect opens connections to the log's database, and makes sure that there is one.
func Connect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, ErrDatabaseURL
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "attestlog-prover"
	cfg.MaxConns = max(cfg.MaxConns, 8)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("couldn't connect to the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("couldn't connect to the database: %w", err)
	}
	return pool, nil
}

// Gone tells whether an error of [Witnesses] says that the witness is not there any more.
func Gone(err error) bool { return errors.Is(err, errGone) }

// Witness implements [Witnesses].
func (d Database) Witness(ctx context.Context, digest event.Digest) (sealed []byte, err error) {
	err = d.Pool.QueryRow(ctx, "SELECT sealed FROM witnesses WHERE event = $1 AND length(sealed) <= $2", digest[:], event.MaxWitness).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the witness of event %s: %w", digest, err)
	}
	return sealed, nil
}

// takeBack makes jobs available again that are marked as being worked on by a worker of this name, since before a time, but that it isn't working
// on: an earlier process of it was killed, or the database was away when it was done. It returns how many there were. A job that
// has been taken back before waits longer each time, lest one that kills its worker do nothing else any more.
func (d Database) takeBack(ctx context.Context, worker string, since time.Time, busy []int64) (int64, error) {
	tag, err := d.Pool.Exec(ctx, `UPDATE `+job.Schema+`.river_job
		SET state = 'available', scheduled_at = now() + LEAST((attempt - 1) * (attempt - 1) * interval '1 second', interval '10 minutes')
		WHERE state = 'running' AND kind = $1 AND attempted_by[array_upper(attempted_by, 1)] = $2 AND attempted_at < $3 AND id <> ALL ($4)`,
		job.Args{}.Kind(), worker, since, busy)
	if err != nil {
		return 0, fmt.Errorf("couldn't take back the jobs of %s: %w", worker, err)
	}
	return tag.RowsAffected(), nil
}
