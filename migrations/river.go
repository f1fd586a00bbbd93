package migrations

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// RiverSchema is the schema of the job queue's tables. The SQL files make it, empty.
const RiverSchema = "river"

// riverLock is the advisory lock under which River's migrations run: "attestlr".
const riverLock = 0x6174746573746c72

// upRiver brings River's tables to the version of the library that is linked. River runs each of its migrations in a transaction of
// its own, because some can't share one, and doesn't keep other processes away; the lock does, until its session ends.
func upRiver(ctx context.Context, url string) error {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("couldn't read the database URL: %w", err)
	}
	cfg.MaxConns = 2
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("couldn't connect to migrate the job queue: %w", err)
	}
	defer pool.Close()
	lock, err := pgx.ConnectConfig(ctx, cfg.ConnConfig.Copy())
	if err != nil {
		return fmt.Errorf("couldn't connect to migrate the job queue: %w", err)
	}
	// Closing the session lets go of the lock. An error of that changes nothing any more.
	defer func() { _ = lock.Close(context.WithoutCancel(ctx)) }()
	if _, err := lock.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(riverLock)); err != nil {
		return fmt.Errorf("couldn't get the lock to migrate the job queue: %w", err)
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: RiverSchema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("couldn't read the job queue's migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("couldn't migrate the job queue: %w", err)
	}
	return nil
}
