package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/migrations/pgserver"
)

func TestWithDatabase(t *testing.T) {
	for connection, host := range map[string]string{
		"postgres://me:secret@localhost:5433/mine?sslmode=disable":  "localhost",
		"postgres:///mine?host=/run/postgresql&user=me&dbname=mine": "/run/postgresql",
		"host=/run/postgresql user=me dbname=mine":                  "/run/postgresql",
	} {
		inside, err := withDatabase(connection, "other")
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := pgx.ParseConfig(inside)
		if err != nil || cfg.Database != "other" || cfg.Host != host || cfg.User != "me" {
			t.Errorf("%s became %s: %+v, %v", connection, inside, cfg, err)
		}
	}
	if _, err := withDatabase("postgres://me:secret@%zz/", "other"); err == nil || bytes.Contains([]byte(err.Error()), []byte("secret")) {
		t.Errorf("got %v", err)
	}
}

// Somebody else's PostgreSQL is as it was before when the measurements are over.
func TestForeignPostgreSQL(t *testing.T) {
	dir := passable(t)
	server, err := pgserver.Start(t.Context(), pgserver.Config{Dir: filepath.Join(dir, "theirs")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Kill(); err != nil {
			t.Error(err)
		}
	}()
	var out, errs bytes.Buffer
	args := []string{"http", "--database-url", server.URL(), "--seconds", "0.05", "--rounds", "1", "--connections", "4", "--batch", "20", "--batch-sources", "5", "--cases", "single"}
	if code := execute(t.Context(), args, nil, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	checkFigures(t, out.String(), []string{"http/single/rate", "http/single/p99"})
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var left int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname LIKE 'attestlog_bench_%'").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d databases were left behind, %v", left, err)
	}
}
