// Package pgtest gives each test a migrated PostgreSQL database of its own.
//
// A test binary that wants one calls Main from its TestMain:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// The first test that asks for a database starts one private server for the binary, without fsync, and migrates a
// template once; each test then gets a copy, which takes some tens of milliseconds. Tests that crash the database, or
// that depend on its durability, take a server of their own from Server.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/attestlog/attestlog/migrations"
	"github.com/attestlog/attestlog/migrations/pgserver"
)

const template = "attestlog_template"

// shared is the server of this test binary. It is the one global of this package, because the testing package offers
// no other place for what all tests of a binary share.
var shared struct {
	sync.Mutex
	enabled bool
	dir     string
	server  *pgserver.Server
	err     error
	count   int
}

// Main runs the tests of a binary, then stops the server if one was started, and exits.
func Main(m *testing.M) {
	shared.enabled = true
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func stop() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		return nil
	}
	// The data is thrown away: no need to wait for a checkpoint.
	return errors.Join(shared.server.Kill(), os.RemoveAll(shared.dir))
}

// start runs the shared server and migrates the template.
func start(ctx context.Context) error {
	dir, err := newDir()
	if err != nil {
		return err
	}
	server, err := pgserver.Start(ctx, pgserver.Config{Dir: dir, Unsafe: true})
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	shared.dir, shared.server = dir, server
	if err := exec(ctx, server.URL(), "CREATE DATABASE "+template); err != nil {
		return err
	}
	return migrations.Up(ctx, server.DatabaseURL(template))
}

// newDir makes a data directory that a user other than root can reach, unlike testing.T's when root runs the tests.
func newDir() (string, error) {
	dir, err := os.MkdirTemp("", "attestlog-pgtest-")
	if err != nil {
		return "", fmt.Errorf("couldn't make a data directory: %w", err)
	}
	return dir, nil
}

// URL is the connection string of a fresh, migrated database, dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	if !shared.enabled {
		t.Fatal("pgtest: call pgtest.Main from TestMain")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.err = start(ctx)
	}
	if shared.err != nil {
		t.Fatalf("pgtest: %v", shared.err)
	}
	shared.count++
	name := fmt.Sprintf("test_%d", shared.count)
	admin := shared.server.URL()
	if err := exec(ctx, admin, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatalf("pgtest: couldn't copy the template: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := exec(ctx, admin, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("pgtest: couldn't drop the database: %v", err)
		}
	})
	return shared.server.DatabaseURL(name)
}

// Pool is a connection pool on a fresh, migrated database; both go when the test ends.
func Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return Connect(t, URL(t))
}

// Connect is a connection pool on any database, closed when the test ends.
func Connect(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Durable is a server of the test's own, with fsync and everything else as in production, that the test may kill and
// start again. Its database is migrated.
type Durable struct {
	*pgserver.Server
	cfg pgserver.Config
}

// Server starts a server for this test alone; it is stopped and its data removed when the test ends.
func Server(t testing.TB) *Durable {
	t.Helper()
	dir, err := newDir()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	d := &Durable{cfg: pgserver.Config{Dir: dir}}
	d.Restart(t)
	t.Cleanup(func() {
		if err := d.Kill(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	if err := migrations.Up(context.Background(), d.URL()); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return d
}

// Restart starts the server again on the same data, after Kill or Stop. The URL stays the same.
func (d *Durable) Restart(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server, err := pgserver.Start(ctx, d.cfg)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	d.Server = server
}

func exec(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}
