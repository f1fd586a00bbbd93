package web

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Alarm is what stands on every page: the log was caught at what an honest log can't do.
type Alarm struct {
	Monitor string // who raised it
	What    string // in a sentence
	Time    int64  // milliseconds since 1970, by the monitor's clock
	Href    string // of the evidence, a path of the viewer; empty if there is none
	Checked bool   // the evidence was checked here, under the log's key: nobody need believe the monitor

	id string // the same for the same thing, whoever finds it; empty for the viewer's own
}

// watch is what the monitors say. It asks nobody: they say what they know at once.
type watch struct {
	monitors []Monitor

	mu     sync.Mutex
	own    []Alarm // that the viewer itself raised
	raised map[signedTree]bool
}

// maxOwn bounds how many alarms of the viewer's own are kept: one is enough.
const maxOwn = 8

// raise keeps an alarm of the viewer's own about a head, until the viewer ends.
func (w *watch) raise(about signedTree, a Alarm) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.raised[about] || len(w.own) >= maxOwn {
		return
	}
	if w.raised == nil {
		w.raised = map[signedTree]bool{}
	}
	w.raised[about] = true
	w.own = append(w.own, a)
}

// maxBanner is how many alarms of one monitor stand on every page; the page of monitors has all.
const maxBanner = 3

// alarms are the viewer's own, and those of all monitors that an honest log can't be the cause of.
func (w *watch) alarms(ctx context.Context) []Alarm {
	w.mu.Lock()
	all := slices.Clone(w.own)
	w.mu.Unlock()
	for _, m := range w.monitors {
		for _, a := range bannerOf(m.Name(), m.Status(ctx)) {
			if at := slices.IndexFunc(all, func(b Alarm) bool { return b.id != "" && b.id == a.id }); at >= 0 {
				all[at].join(a)
			} else {
				all = append(all, a)
			}
		}
	}
	return all
}

// join makes one of two monitors' alarms about the same thing.
func (a *Alarm) join(b Alarm) {
	a.Monitor += " and " + b.Monitor
	a.Time = min(a.Time, b.Time)
	if b.Checked && !a.Checked {
		a.What, a.Checked = b.What, true
	}
}

// checkedWords says in short what evidence that holds comes to.
func checkedWords(f CheckedFork) string {
	if first, second := f.Report.First.Size, f.Report.Second.Size; first != second {
		return fmt.Sprintf("This viewer checked the evidence: a signed head of %d entries is not the beginning of the signed tree of %d.", first, second)
	}
	return fmt.Sprintf("This viewer checked the evidence: there are two signed roots for %d entries.", f.Report.First.Size)
}

func bannerOf(name string, s MonitorStatus) []Alarm {
	var all []Alarm
	more := 0
	for i := range s.Standing.Alarms {
		a := &s.Standing.Alarms[i]
		if !damning(a.Kind) {
			continue
		}
		if len(all) == maxBanner {
			more++
			continue
		}
		alarm := Alarm{id: a.ID, Monitor: name, What: kindWords(a.Kind), Time: a.Time, Href: "/monitors#alarm-" + a.ID}
		if fork, ok := s.Forks[a.ID]; ok {
			alarm.Checked, alarm.What = true, alarm.What+" "+checkedWords(fork)
		}
		all = append(all, alarm)
	}
	if more > 0 {
		all[len(all)-1].What += fmt.Sprintf(" (And %d more.)", more)
	}
	return all
}
