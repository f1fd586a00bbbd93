package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/attestlog/attestlog/cmd/internal/progress"
)

// readingEvery is how often a person is told how far the reading of a log is; fewReading is how many entries are read without a word, unless
// they take longer than that.
const (
	readingEvery = 5 * time.Second
	fewReading   = 8192
)

// reading is how far the reading of a log is.
type reading struct {
	log               string
	from, done, total int64 // entries: those that were read before, those read by now, and those that the head has
	began, said       time.Time
	announced         bool
}

// rate is how many entries were read a second.
func (r *reading) rate(now time.Time) float64 {
	return float64(r.done-r.from) / max(now.Sub(r.began).Seconds(), 1e-3)
}

// left is how long the rest takes at that rate.
func (r *reading) left(now time.Time) time.Duration {
	return time.Duration(float64(r.total-r.done) / max(r.rate(now), 1) * float64(time.Second)).Round(time.Second)
}

// teller decides when there is something to say of a reading that takes a person's patience: that it begins, or goes on where it was; every few
// seconds how far it is; and that it is done. Safe for concurrent use.
type teller struct {
	now               func() time.Time
	begins, goes, end func(r *reading, now time.Time)

	mu   sync.Mutex
	logs map[string]*reading
}

// report is a monitor.Config.Progress.
func (t *teller) report(log string, done, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	r := t.logs[log]
	if r == nil || r.total != total {
		r = &reading{log: log, from: done, total: total, began: now, said: now}
		t.logs[log] = r
	}
	r.done = done
	switch {
	case done == total:
		delete(t.logs, log)
		if r.announced {
			t.end(r, now)
		}
	case !r.announced && done == r.from && total-done > fewReading:
		r.announced = true
		t.begins(r, now)
	case now.Sub(r.said) >= readingEvery:
		r.announced, r.said = true, now
		t.goes(r, now)
	}
}

// inLog tells a logger.
func inLog(l *slog.Logger, now func() time.Time) *teller {
	return &teller{now: now, logs: map[string]*reading{},
		begins: func(r *reading, _ time.Time) {
			if r.from == 0 {
				l.Info("reading a log from its beginning", "log", r.log, "entries", r.total)
			} else {
				l.Info("going on with reading a log", "log", r.log, "read", r.from, "of", r.total)
			}
		},
		goes: func(r *reading, now time.Time) {
			l.Info("reading a log", "log", r.log, "read", r.done, "of", r.total, "per_second", int64(r.rate(now)), "left", r.left(now).String())
		},
		end: func(r *reading, now time.Time) {
			l.Info("a log is read", "log", r.log, "entries", r.total, "took", now.Sub(r.began).Round(time.Millisecond).String())
		}}
}

// inLines tells a person, one line at a time.
func inLines(w io.Writer, now func() time.Time) *teller {
	return &teller{now: now, logs: map[string]*reading{},
		begins: func(r *reading, _ time.Time) { sayBegins(w, r) },
		goes: func(r *reading, now time.Time) {
			fmt.Fprintf(w, "%s: %d of %d entries, %.0f a second, %s left\n", r.log, r.done, r.total, r.rate(now), r.left(now))
		},
		end: func(r *reading, now time.Time) {
			fmt.Fprintf(w, "%s: all %d entries, after %s\n", r.log, r.total, now.Sub(r.began).Round(100*time.Millisecond))
		}}
}

func sayBegins(w io.Writer, r *reading) {
	if r.from == 0 {
		fmt.Fprintf(w, "%s: reading %d entries\n", r.log, r.total)
	} else {
		fmt.Fprintf(w, "%s: going on after %d of %d entries, which were read before\n", r.log, r.from, r.total)
	}
}

// show tells a person at w how far each log is: by a bar on a terminal, and else by a line every few seconds.
func show(w io.Writer) (report func(log string, done, total int64), end func()) {
	if !progress.IsTerminal(w) {
		return inLines(w, time.Now).report, func() {}
	}
	var bar *progressbar.ProgressBar
	var of string
	lines := &teller{now: time.Now, logs: map[string]*reading{}, begins: func(r *reading, _ time.Time) { sayBegins(w, r) },
		goes: func(*reading, time.Time) {}, end: func(*reading, time.Time) {}}
	report = func(log string, done, total int64) {
		lines.report(log, done, total)
		if log != of {
			bar, of = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(log), progressbar.OptionShowCount(),
				progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond)), log
		}
		_ = bar.Set64(done) // a bar that can't be drawn stops nothing
	}
	return report, func() {
		if bar != nil {
			_ = bar.Clear()
		}
	}
}
