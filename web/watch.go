package web

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Monitor is somebody who watches the log independently of its operator.
type Monitor interface {
	// Name is how pages call it.
	Name() string
	// Alarms are those that it has raised about the log and that nobody has cleared. It may be asked often, and answers within its
	// context's time; an error says that the monitor couldn't be asked, not that something is wrong with the log.
	Alarms(ctx context.Context) ([]Alarm, error)
}

// Alarm says that the log was caught at what an honest log can't do.
type Alarm struct {
	Monitor string // who raised it
	What    string // in a sentence
	Time    int64  // milliseconds since 1970, by the monitor's clock
	Href    string // of the evidence, a path of the viewer; empty if there is none
}

// watch keeps what the monitors said last, so that not every page asks them.
type watch struct {
	monitors []Monitor

	mu    sync.Mutex
	asked time.Time
	known [][]Alarm // of each monitor
}

const (
	alarmsKept     = 10 * time.Second
	monitorsWithin = 2 * time.Second // for all of them together
)

// alarms are those of all monitors. One that can't be asked keeps nobody from reading, and what it said before stands; the page of
// monitors says so.
func (w *watch) alarms(ctx context.Context, now time.Time) []Alarm {
	if len(w.monitors) == 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if since := now.Sub(w.asked); since >= 0 && since < alarmsKept {
		return slices.Concat(w.known...)
	}
	ctx, cancel := context.WithTimeout(ctx, monitorsWithin)
	defer cancel()
	answers := make([][]Alarm, len(w.monitors))
	copy(answers, w.known)
	var asking sync.WaitGroup
	for i, m := range w.monitors {
		asking.Go(func() {
			if some, err := m.Alarms(ctx); err == nil {
				answers[i] = some
			}
		})
	}
	asking.Wait()
	w.asked, w.known = now, answers
	return slices.Concat(w.known...)
}
