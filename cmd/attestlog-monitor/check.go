package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/garbage"
	"github.com/attestlog/attestlog/cmd/internal/progress"
	"github.com/attestlog/attestlog/ledger/monitor"
)

const checkManual = `Reads and judges everything up to the newest head of each log, and says what it found. What was judged before is kept in --state, so
that the next check goes on from there; it can be interrupted, and killed, at any point.

` + logsManual + `
Trouble that may pass by itself, such as a tile that is missing, is an error (exit code 1) unless --patience is over since an earlier
check within the same process; with --patience 0s it is an alarm at once. Exit code 3 says that there are alarms.
`

func bindCheck(fs *flag.FlagSet) command.Run {
	f := new(follow)
	f.bind(fs)
	return func(ctx context.Context, s command.Streams, operands []string) (err error) {
		if len(operands) > 0 {
			return command.Misusef("%q is one argument too many", operands[0])
		}
		cfg, err := f.config()
		if err != nil {
			return err
		}
		defer garbage.CollectLess()()
		cfg.Logger = f.logger(s)
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
		if err := alarmed(report); err != nil {
			return err
		}
		for _, log := range report.Logs {
			if len(log.Trouble) > 0 {
				return fmt.Errorf("the check of %s is not complete: %s", log.Log, log.Trouble[0])
			}
		}
		return nil
	}
}

// show draws how far each log is: a bar where a person looks on, and else a line every few seconds.
func show(w io.Writer) (report func(log string, done, total int64), end func()) {
	if progress.IsTerminal(w) {
		var bar *progressbar.ProgressBar
		var of string
		report = func(log string, done, total int64) {
			if log != of {
				bar, of = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(log), progressbar.OptionShowCount(),
					progressbar.OptionShowIts(), progressbar.OptionSetItsString("entries"), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond)), log
			}
			_ = bar.Set64(done) // a bar that can't be drawn stops nothing
		}
		return report, func() {
			if bar != nil {
				_ = bar.Clear()
			}
		}
	}
	var last time.Time
	return func(log string, done, total int64) {
		if now := time.Now(); now.Sub(last) >= 5*time.Second {
			last = now
			fmt.Fprintf(w, "%s: %d of %d entries\n", log, done, total)
		}
	}, func() {}
}
