package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"time"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/migrations"
	"github.com/attestlog/attestlog/migrations/pgserver"
)

// stopPatience is how long a private PostgreSQL may take to write its last checkpoint. After it, it is shut down at once, which
// loses nothing, but makes the next start longer.
const stopPatience = 20 * time.Second

// database is the log's PostgreSQL: somebody else's, or one of our own.
type database struct {
	url    string
	server *pgserver.Server // nil: somebody else's
}

// openDatabase starts PostgreSQL if it is to be a private one, and brings the schema up to date.
func openDatabase(ctx context.Context, d dataDir, cfg storage, logger *slog.Logger) (*database, error) {
	db := &database{url: cfg.DatabaseURL}
	if db.url == "" {
		server, err := pgserver.Start(ctx, pgserver.Config{Dir: d.postgres(), Binaries: cfg.Binaries, Logger: logger})
		if err != nil {
			return nil, err
		}
		db.server, db.url = server, server.URL()
	}
	if err := migrations.Up(ctx, db.url); err != nil {
		db.close(logger)
		return nil, err
	}
	return db, nil
}

// ended is closed when a private PostgreSQL has ended; somebody else's never does, as far as we see.
func (db *database) ended() <-chan struct{} {
	if db.server == nil {
		return nil
	}
	return db.server.Done()
}

// close stops a private PostgreSQL. Nothing of ours may be connected any more.
func (db *database) close(logger *slog.Logger) {
	if db.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	if err := db.server.Stop(ctx); err != nil {
		logger.Error(fmt.Sprintf("couldn't stop PostgreSQL: %v", err))
	}
}

// databaseURL is attestlogd database-url: how a proving worker on the same machine finds the private PostgreSQL that attestlogd serve runs. Only
// root, and the user that PostgreSQL runs as, gets in.
type databaseURL struct{ logConfig }

func bindDatabaseURL(flags *flag.FlagSet) command.Run {
	c := new(databaseURL)
	c.bind(flags)
	return command.Alone(c.run)
}

func (c *databaseURL) run(_ context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	url, err := pgserver.RunningURL(dataDir(c.Data).postgres())
	if errors.Is(err, pgserver.ErrNotRunning) {
		return fmt.Errorf("couldn't find a private PostgreSQL: %w: it runs as long as attestlogd serve --data %s does, without --database-url", err, c.Data)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, url)
	return nil
}
