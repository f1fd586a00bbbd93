// Package migrations holds attestlog's PostgreSQL schema, as SQL files that goose applies in order. The job queue's tables lie
// in a schema of their own, "river", and come from River itself.
//
// A migration that was released is never edited: the next change is the next file.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/attestlog/attestlog/migrations/pgserver"
)

//go:embed sql/*.sql
var files embed.FS

// Up brings the database at url to the newest schema. It is safe to call from several processes at once: one works, the
// others wait for it. A database that is already up to date is left alone.
func Up(ctx context.Context, url string) (err error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("couldn't read the database URL: %w", err)
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { err = errors.Join(err, db.Close()) }()

	var version int
	if err := db.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return fmt.Errorf("couldn't reach PostgreSQL: %w", err)
	}
	if major := version / 10000; major < pgserver.MinVersion {
		return fmt.Errorf("couldn't use PostgreSQL %d: attestlog needs version %d or newer", major, pgserver.MinVersion)
	}
	var encoding string
	if err := db.QueryRowContext(ctx, "SELECT current_setting('server_encoding')").Scan(&encoding); err != nil {
		return fmt.Errorf("couldn't reach PostgreSQL: %w", err)
	}
	if encoding != "UTF8" { // another one lacks characters that names may have, and an entry with one could never be stored
		return fmt.Errorf("couldn't use a database in the encoding %s: attestlog needs one in UTF8", encoding)
	}
	sub, err := fs.Sub(files, "sql")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, sub,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("couldn't read the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("couldn't migrate the database: %w", err)
	}
	return upRiver(ctx, url)
}
