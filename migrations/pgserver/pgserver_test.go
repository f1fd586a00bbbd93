package pgserver_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/migrations/pgserver"
)

// tempDir is like t.TempDir, but its parents are open to the user that PostgreSQL runs as.
func tempDir(t *testing.T, pattern string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

func start(t *testing.T, cfg pgserver.Config) *pgserver.Server {
	t.Helper()
	s, err := pgserver.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Kill() })
	return s
}

func query(t *testing.T, s *pgserver.Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var out string
	if err := conn.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func TestRestart(t *testing.T) {
	for name, end := range map[string]func(*pgserver.Server) error{
		"after Stop": func(s *pgserver.Server) error { return s.Stop(context.Background()) },
		"after Kill": (*pgserver.Server).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := pgserver.Config{Dir: tempDir(t, "pg-")}
			s := start(t, cfg)
			for setting, want := range map[string]string{"fsync": "on", "synchronous_commit": "on", "listen_addresses": ""} {
				if got := query(t, s, "SHOW "+setting); got != want {
					t.Errorf("%s = %q, want %q", setting, got, want)
				}
			}
			conn, err := pgx.Connect(t.Context(), s.URL())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 'yes' AS v"); err != nil {
				t.Fatal(err)
			}
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			if err := conn.Ping(t.Context()); err == nil {
				t.Error("a connection outlived the server")
			}
			again := start(t, cfg)
			if again.URL() != s.URL() {
				t.Errorf("the URL changed from %s to %s", s.URL(), again.URL())
			}
			if got := query(t, again, "SELECT v FROM kept"); got != "yes" {
				t.Errorf("the table holds %q after the restart", got)
			}
		})
	}
}

// A Unix socket's path holds 107 bytes; data directories may be longer.
func TestLongPath(t *testing.T) {
	s := start(t, pgserver.Config{Dir: filepath.Join(tempDir(t, "pg-"), strings.Repeat("long", 30)), Unsafe: true})
	if got := query(t, s, "SELECT 'alive'"); got != "alive" {
		t.Errorf("got %q", got)
	}
	socket := filepath.Dir(s.Socket())
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket's directory is still there: %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	used := tempDir(t, "pg-")
	start(t, pgserver.Config{Dir: used, Unsafe: true})

	foreign := tempDir(t, "pg-")
	write(t, filepath.Join(foreign, "precious.txt"), "mine", 0o644)

	other := tempDir(t, "pg-")
	write(t, filepath.Join(other, "PG_VERSION"), "9\n", 0o644)
	if os.Geteuid() == 0 {
		if err := os.Chown(filepath.Join(other, "PG_VERSION"), 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}

	old := tempDir(t, "pg-")
	write(t, filepath.Join(old, "postgres"), "#!/bin/sh\necho 'postgres (PostgreSQL) 13.9'\n", 0o755)
	write(t, filepath.Join(old, "initdb"), "#!/bin/sh\n", 0o755)

	full := tempDir(t, "pg-")
	write(t, filepath.Join(full, "postgres"), "#!/bin/sh\necho 'postgres (PostgreSQL) 15.9'\n", 0o755)
	write(t, filepath.Join(full, "initdb"), "#!/bin/sh\necho 'initdb: error: could not create directory: No space left on device' >&2; exit 1\n", 0o755)

	for name, tc := range map[string]struct {
		cfg  pgserver.Config
		want string
	}{
		"no directory named":        {pgserver.Config{}, "no data directory is named"},
		"directory in use":          {pgserver.Config{Dir: used}, "in use by PostgreSQL, process "},
		"not a data directory":      {pgserver.Config{Dir: foreign}, "it holds files that aren't PostgreSQL's"},
		"another version's data":    {pgserver.Config{Dir: other}, "a data directory made by version 9"},
		"no binaries":               {pgserver.Config{Dir: tempDir(t, "pg-"), Binaries: "/nonexistent"}, "couldn't find PostgreSQL's programs"},
		"PostgreSQL too old":        {pgserver.Config{Dir: tempDir(t, "pg-"), Binaries: old}, "couldn't use PostgreSQL 13"},
		"initdb fails":              {pgserver.Config{Dir: tempDir(t, "pg-"), Binaries: full}, "No space left on device"},
		"disk missing":              {pgserver.Config{Dir: "/proc/nowhere/data"}, "couldn't make the data directory"},
		"the server refuses to run": {pgserver.Config{Dir: tempDir(t, "pg-"), Settings: map[string]string{"shared_buffers": "lots"}}, `invalid value for parameter "shared_buffers"`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := pgserver.Start(t.Context(), tc.cfg)
			if err == nil {
				s.Kill()
				t.Fatal("Start succeeded")
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q doesn't say %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
		})
	}
}

// The server goes when the process that started it is killed, without a word.
func TestServerDiesWithItsParent(t *testing.T) {
	if dir := os.Getenv("PGSERVER_TEST_CHILD"); dir != "" {
		s, err := pgserver.Start(t.Context(), pgserver.Config{Dir: dir, Unsafe: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "url"), []byte(s.URL()), 0o600); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("started\n")
		select {} // until killed
	}
	dir := tempDir(t, "pg-")
	child := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithItsParent$")
	child.Env = append(os.Environ(), "PGSERVER_TEST_CHILD="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	url, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "url"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), string(url))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "SELECT pg_sleep(60)"); err == nil || ctx.Err() != nil {
		t.Errorf("the server outlived its parent: %v", err)
	}
	// The directory is free for a successor at once.
	start(t, pgserver.Config{Dir: dir, Unsafe: true})
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// Another process finds the server by its data directory, however long the path is, and nobody finds one that has ended.
func TestRunningURL(t *testing.T) {
	for name, pattern := range map[string]string{"a short path": "pg-", "a path too long for a socket": "pg-" + strings.Repeat("long-", 20)} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t, pattern)
			if _, err := pgserver.RunningURL(dir); !errors.Is(err, pgserver.ErrNotRunning) {
				t.Errorf("before the start: %v", err)
			}
			s := start(t, pgserver.Config{Dir: dir, Unsafe: true})
			if url, err := pgserver.RunningURL(dir); err != nil || url != s.URL() {
				t.Errorf("the URL is %q, %v, want %q", url, err, s.URL())
			}
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			if url, err := pgserver.RunningURL(dir); !errors.Is(err, pgserver.ErrNotRunning) {
				t.Errorf("after a crash: %q, %v", url, err)
			}
		})
	}
}
