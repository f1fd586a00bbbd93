// Package progress shows a person how far a computation is that can't say so itself, against an estimate of how long it takes. Where nobody
// looks on, it shows nothing.
package progress

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// Bar draws a bar on w if that is a terminal. report, which is nil if it isn't, says how long the computation has run and how long it is expected to; done
// takes the bar away.
func Bar(w io.Writer, title string) (report func(elapsed, estimate time.Duration), done func()) {
	if !IsTerminal(w) {
		return nil, func() {}
	}
	return draw(w, title)
}

// IsTerminal tells whether a person looks at w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

func draw(w io.Writer, title string) (report func(elapsed, estimate time.Duration), done func()) {
	const steps = 1000
	bar := progressbar.NewOptions(steps, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(title),
		progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	report = func(elapsed, estimate time.Duration) {
		// The estimate is of another machine: the bar waits just before its end.
		_ = bar.Set(int(min(steps-1, steps*elapsed/max(estimate, 1)))) // a bar that can't be drawn is no reason to stop
	}
	return report, func() { _ = bar.Finish() }
}

// Step is Bar for a computation that doesn't report: the bar moves by itself until done is called.
func Step(w io.Writer, title string, estimate time.Duration) (done func()) {
	report, end := Bar(w, title)
	if report == nil {
		return end
	}
	return drive(report, end, estimate)
}

func drive(report func(elapsed, estimate time.Duration), end func(), estimate time.Duration) (done func()) {
	start := time.Now()
	quit := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			report(time.Since(start), estimate)
			select {
			case <-tick.C:
			case <-quit:
				return
			}
		}
	})
	return func() {
		close(quit)
		ticking.Wait()
		end()
	}
}
