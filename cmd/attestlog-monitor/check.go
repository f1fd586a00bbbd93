package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/garbage"
	"github.com/attestlog/attestlog/ledger/monitor"
)

const checkManual = `Reads and judges everything up to the newest head of each log, and says what it found. What was judged before is kept in --state, so
that the next check goes on from there; it can be interrupted, and killed, at any point. While it reads much, it says how far it is.

` + logsManual + `
Trouble that may pass by itself, such as a tile that is missing, is an error (exit code 1) unless --patience is over since an earlier
check within the same process; with --patience 0s it is an alarm at once. Exit code 3 says that there are alarms.
`

func bindCheck(fs *flag.FlagSet) command.Run {
	f := new(follow)
	f.bind(fs)
	return command.Alone(func(ctx context.Context, s command.Streams) (err error) {
		cfg, err := f.config()
		if err != nil {
			return err
		}
		defer garbage.CollectLess()()
		cfg.Logger = f.logging.Logger(s)
		if f.patience == 0 {
			cfg.Unreachable = 0
		}
		var done func()
		cfg.Progress, done = show(s.Err)
		m, err := monitor.Open(cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.Close()) }()
		err = m.Round(ctx)
		done()
		if err != nil {
			return err
		}
		report := m.Report("")
		report.Peers = nil // a check speaks to none
		printReport(s.Out, report)
		if err := alarmed(report, ""); err != nil {
			return err
		}
		for _, log := range report.Logs {
			if len(log.Trouble) > 0 {
				return fmt.Errorf("the check of %s is not complete: %s", log.Log, log.Trouble[0])
			}
		}
		return nil
	})
}
