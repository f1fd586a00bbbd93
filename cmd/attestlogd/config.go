package main

import (
	"flag"

	"github.com/attestlog/attestlog/cmd/internal/command"
)

// logConfig is the configuration that every command which opens a log has.
type logConfig struct {
	// Data is the data directory.
	Data string
	// Logging shows PostgreSQL's own messages, too, where it is verbose.
	command.Logging
}

func (c *logConfig) bind(fs *flag.FlagSet) {
	fs.StringVar(&c.Data, "data", "", "the data `directory` of the log")
	c.Logging.Bind(fs)
}

func (c *logConfig) check() error {
	if c.Data == "" {
		return command.Misusef("--data is missing")
	}
	return nil
}

// storage is the configuration of where the entries are kept.
type storage struct {
	// DatabaseURL names a running PostgreSQL and a database in it that is the log's alone. Empty, a private server runs in the data
	// directory. What it leaves out comes from PostgreSQL's environment variables: PGPASSWORD keeps the password out of sight.
	DatabaseURL string
	// Binaries is where the private PostgreSQL's programs lie, if not where packages put them.
	Binaries string
	// AdoptDatabase takes a database that has entries although the heads file is missing or empty. Only who is sure that the database is
	// all that ever was acknowledged may say so: where it is an old copy, the log signs a second history.
	AdoptDatabase bool
}

func (c *storage) bind(fs *flag.FlagSet) {
	fs.StringVar(&c.DatabaseURL, "database-url", "", "a running PostgreSQL, such as postgres://attestlog@db/attestlog (PGPASSWORD has the password); without one, a private server runs in the data directory")
	fs.StringVar(&c.Binaries, "postgres-binaries", "", "the `directory` of the private PostgreSQL's programs, if not where packages put them")
}
