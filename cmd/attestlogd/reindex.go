package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/schollz/progressbar/v3"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/progress"
	"github.com/attestlog/attestlog/ledger"
)

// reindexConfig is the configuration of attestlogd reindex.
type reindexConfig struct {
	logConfig
	storage
}

func bindReindex(flags *flag.FlagSet) command.Run {
	c := new(reindexConfig)
	c.logConfig.bind(flags)
	c.storage.bind(flags)
	return command.Alone(c.run)
}

// run waits while a server writes to the log, and keeps servers from writing while it works.
func (c *reindexConfig) run(ctx context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	logger := c.Logger(s)
	dir := dataDir(c.Data)
	if _, err := dir.signer(); err != nil { // is this a log at all?
		return err
	}
	db, err := openDatabase(ctx, dir, c.storage, logger)
	if err != nil {
		return err
	}
	defer db.close(logger)

	var entries int64
	report := func(done, size int64) { entries = size }
	if progress.IsTerminal(s.Err) {
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(s.Err), progressbar.OptionSetDescription("reindex"),
			progressbar.OptionClearOnFinish())
		defer bar.Finish()
		report = func(done, size int64) {
			entries = size
			bar.ChangeMax64(size)
			bar.Set64(done)
		}
	}
	if err := ledger.Reindex(ctx, db.url, report); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "rebuilt what is derived from %d entries; they make the root that the log had\n", entries)
	return nil
}
