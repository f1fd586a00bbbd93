// Package pgserver runs a private PostgreSQL for one process, from the binaries that the machine already has.
//
// attestlogd uses it where no --database-url is given, and the tests use it everywhere, so that nobody has to set
// up a database before trying the ledger. The server listens on a Unix socket only, in a directory that nobody but
// its own user (and root) may enter; there is no password because there is nobody to ask.
//
// PostgreSQL refuses to run as root. Started by root, this package runs it as the user postgres if there is one,
// otherwise as nobody, and hands the data directory to that user. A directory that was initialized before keeps its
// owner.
//
// # Life and death
//
// The server never outlives the process that started it: the kernel sends it SIGQUIT when that process dies, however
// it dies. SIGQUIT is PostgreSQL's immediate shutdown: nothing that was committed is lost, the next start replays the
// write-ahead log. Stop is the polite way. Kill is the immediate shutdown at will, for crash tests. Start on the same
// directory brings the data back after any of them.
//
// fsync and synchronous_commit stay on unless Config.Unsafe says otherwise, which only tests do.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// MinVersion is the oldest major version of PostgreSQL that attestlog works with.
const MinVersion = 14

const (
	superuser = "attestlog"
	database  = "attestlog"
	port      = "5432" // names the socket file only: nothing listens on TCP
)

// Config says where and how a private server runs.
type Config struct {
	// Dir is PostgreSQL's data directory. It is made and initialized when missing or empty.
	Dir string

	// Binaries is the directory that holds the programs postgres and initdb. When empty they are searched in
	// /usr/lib/postgresql/*/bin, newest first, and then on PATH.
	Binaries string

	// Unsafe turns off fsync, synchronous_commit and full_page_writes. A crash of the machine then loses data: for
	// tests only.
	Unsafe bool

	// Settings are further PostgreSQL settings, by name. They override the defaults of this package.
	Settings map[string]string

	// StartTimeout bounds how long the server may take until it answers, which includes replaying the write-ahead
	// log after a crash. Zero means two minutes.
	StartTimeout time.Duration

	// Logger receives the server's own log at debug level. Nil discards it.
	Logger *slog.Logger
}

// Server is a running private PostgreSQL.
type Server struct {
	process *process
	socket  string // directory of the Unix socket
	cleanup func() // removes socket if it is a directory of our own
}

// Start initializes Dir if need be, starts PostgreSQL on it and waits until it answers. Cancelling ctx gives up the
// start; it doesn't stop a server that Start returned. Every error is one line for the operator to read.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = 2 * time.Minute
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't find the data directory %s: %w", cfg.Dir, err)
	}
	if cfg.Dir == "" {
		return nil, errors.New("couldn't start PostgreSQL: no data directory is named")
	}
	data, err := openDataDir(dir)
	if err != nil {
		return nil, err
	}
	bin, err := findBinaries(ctx, cfg.Binaries, data.version)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.StartTimeout)
	defer cancel()
	if data.version == 0 {
		if err := data.initialize(ctx, bin); err != nil {
			return nil, err
		}
	}
	if err := data.awaitRelease(ctx); err != nil {
		return nil, err
	}
	socket, cleanup, err := data.socketDir()
	if err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, bin.postgres, arguments(dir, socket, cfg), data.owner, cfg.Logger)
	if err != nil {
		cleanup()
		return nil, fmt.Errorf("couldn't start PostgreSQL in %s: %w", dir, err)
	}
	s := &Server{process: p, socket: socket, cleanup: cleanup}
	if err := s.createDatabase(ctx); err != nil {
		stopErr := s.Kill()
		return nil, errors.Join(fmt.Errorf("couldn't start PostgreSQL in %s: %w", dir, err), stopErr)
	}
	return s, nil
}

// URL is the connection string of the database "attestlog" on this server.
func (s *Server) URL() string { return s.DatabaseURL(database) }

// DatabaseURL is the connection string of any database on this server.
func (s *Server) DatabaseURL(name string) string {
	q := url.Values{"host": {s.socket}, "port": {port}, "user": {superuser}, "sslmode": {"disable"}}
	return (&url.URL{Scheme: "postgres", Path: "/" + name, RawQuery: q.Encode()}).String()
}

// Socket is the path of the Unix socket, for a proxy that cuts connections in a test.
func (s *Server) Socket() string { return filepath.Join(s.socket, ".s.PGSQL."+port) }

// Done is closed when the server has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Stop ends the server: it disconnects everybody, writes a checkpoint and exits. When ctx ends first, Stop falls
// back to an immediate shutdown, which loses nothing either. Stopping a stopped server does nothing.
func (s *Server) Stop(ctx context.Context) error {
	defer s.cleanup()
	if err := s.process.signal(syscall.SIGINT); err != nil {
		return fmt.Errorf("couldn't stop PostgreSQL: %w", err)
	}
	select {
	case <-s.process.done:
		return nil
	case <-ctx.Done():
		return s.Kill()
	}
}

// Kill is PostgreSQL's immediate shutdown: no checkpoint, no goodbye, as in a crash. It returns when every process
// of the server is gone. The next Start on the directory replays the write-ahead log.
func (s *Server) Kill() error {
	defer s.cleanup()
	if err := s.process.signal(syscall.SIGQUIT); err != nil {
		return fmt.Errorf("couldn't kill PostgreSQL: %w", err)
	}
	select {
	case <-s.process.done:
		return nil
	case <-time.After(10 * time.Second): // PostgreSQL itself gives its children five
		if err := s.process.signal(syscall.SIGKILL); err != nil {
			return fmt.Errorf("couldn't kill PostgreSQL: %w", err)
		}
		<-s.process.done
		return nil
	}
}

// arguments are the command line of postgres. Everything is passed here rather than in postgresql.conf, so that a
// new release of attestlog brings its settings to an old data directory.
func arguments(dir, socket string, cfg Config) []string {
	settings := map[string]string{
		"listen_addresses":        "",
		"port":                    port,
		"unix_socket_directories": `"` + strings.ReplaceAll(socket, `"`, `""`) + `"`,
		"max_connections":         "200",
		"shared_buffers":          "256MB",
		"wal_buffers":             "16MB",
		"max_wal_size":            "4GB", // fewer checkpoints, so fewer full-page images
		"checkpoint_timeout":      "15min",
		"wal_init_zero":           "off", // 16 MB of zeros before a new segment would stall every commit behind them
		"jit":                     "off",
		"fsync":                   "on",
		"synchronous_commit":      "on",
		"full_page_writes":        "on",
		"log_min_messages":        "warning",
		"timezone":                "UTC",
	}
	if cfg.Unsafe {
		for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			settings[name] = "off"
		}
		settings["shared_buffers"] = "32MB"
	}
	for name, value := range cfg.Settings {
		settings[name] = value
	}
	args := []string{"-D", dir}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

// createDatabase makes the database that URL names, once in the life of a data directory.
func (s *Server) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.DatabaseURL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database)
	return err
}

// lastLine picks the line of a program's output that says what went wrong.
func lastLine(output string) string {
	last := ""
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		for _, mark := range []string{"FATAL:", "PANIC:", "ERROR:", "error:"} {
			if _, after, found := strings.Cut(line, mark); found {
				return strings.TrimSpace(after)
			}
		}
		if line != "" {
			last = line
		}
	}
	return last
}

// exists says whether path can be seen at all.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
