package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/migrations"
	"github.com/attestlog/attestlog/migrations/pgserver"
)

// databaseFlags say which PostgreSQL is measured.
type databaseFlags struct{ url, binaries string }

func (f *databaseFlags) bind(fs *flag.FlagSet) {
	fs.StringVar(&f.url, "database-url", "", "a PostgreSQL to measure on (databases attestlog_bench_… are made and dropped in it); without one, a private server runs in a temporary directory")
	fs.StringVar(&f.binaries, "postgres-binaries", "", "the `directory` of the private PostgreSQL's programs, if not where packages put them")
}

// database is a PostgreSQL in which logs are made to be measured, each in a database of its own: nothing else in it is touched.
type database struct {
	url      string
	server   *pgserver.Server // nil: somebody else's
	settings string           // what its durability rests on, for details
	logs     []string         // names of databases
	dir      string           // for files of ours; removed in the end
	remove   func()
}

func (f *databaseFlags) open(ctx context.Context, r *report) (*database, error) {
	dir, remove, err := temporary()
	if err != nil {
		return nil, err
	}
	db := &database{url: f.url, dir: dir, remove: remove}
	if f.url == "" {
		r.progress("starting a private PostgreSQL")
		db.server, err = pgserver.Start(ctx, pgserver.Config{Dir: filepath.Join(dir, "postgres"), Binaries: f.binaries})
		if err != nil {
			remove()
			return nil, err
		}
		db.url = db.server.URL()
	}
	if err := db.readSettings(ctx); err != nil {
		return nil, errors.Join(err, db.close(ctx))
	}
	return db, nil
}

func (db *database) readSettings(ctx context.Context) error {
	return db.do(ctx, func(conn *pgx.Conn) error {
		var version, fsync, commit string
		err := conn.QueryRow(ctx, "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')").Scan(&version, &fsync, &commit)
		version, _, _ = strings.Cut(version, " ")
		db.settings = fmt.Sprintf("PostgreSQL %s, fsync %s, synchronous_commit %s", version, fsync, commit)
		return err
	})
}

// do runs something on a connection of its own.
func (db *database) do(ctx context.Context, f func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, db.url)
	if err != nil {
		return fmt.Errorf("couldn't connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return f(conn)
}

// log makes the database of an empty log, and returns a URL that leads into it.
func (db *database) log(ctx context.Context, name string) (string, error) {
	name = "attestlog_bench_" + name
	inside, err := withDatabase(db.url, name)
	if err != nil {
		return "", err
	}
	err = db.do(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'")
		return err
	})
	if err != nil {
		return "", fmt.Errorf("couldn't make a database to measure in: %w", err)
	}
	db.logs = append(db.logs, name)
	return inside, migrations.Up(ctx, inside)
}

// withDatabase makes a connection string, of either form, lead into another database of the same server.
func withDatabase(connection, name string) (string, error) {
	if !strings.Contains(connection, "://") {
		return connection + " dbname=" + name, nil // the last one counts
	}
	u, err := url.Parse(connection)
	if err != nil {
		return "", errors.New("couldn't read the database URL") // the error would quote it, with its password
	}
	u.Path = "/" + name
	q := u.Query()
	q.Del("dbname") // which would go before
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// size is what the tables of a log take on disk, with all that belongs to them: indexes, free space maps, bytes moved out of rows.
func size(ctx context.Context, conn *pgx.Conn) (bytes int64, err error) {
	err = conn.QueryRow(ctx, `SELECT sum(pg_total_relation_size(oid)) FROM pg_class
		WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`).Scan(&bytes)
	if err != nil {
		return 0, fmt.Errorf("couldn't read the log's size on disk: %w", err)
	}
	return bytes, nil
}

// walPosition is how many bytes of write-ahead log PostgreSQL has written so far.
func walPosition(ctx context.Context, conn *pgx.Conn) (bytes int64, err error) {
	err = conn.QueryRow(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").Scan(&bytes)
	if err != nil {
		return 0, fmt.Errorf("couldn't read the position in the write-ahead log: %w", err)
	}
	return bytes, nil
}

// close removes everything that was made, even when ctx has ended.
func (db *database) close(ctx context.Context) (err error) {
	defer db.remove()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if db.server != nil {
		return db.server.Kill() // nothing in it is worth a checkpoint
	}
	for _, name := range db.logs {
		err = errors.Join(err, db.do(ctx, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
			return err
		}))
	}
	return err
}
