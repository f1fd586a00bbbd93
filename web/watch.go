package web

import (
	"context"
	"fmt"
)

// Alarm is what stands on every page: the log was caught at what an honest log can't do.
type Alarm struct {
	Monitor string // who raised it
	What    string // in a sentence
	Time    int64  // milliseconds since 1970, by the monitor's clock
	Href    string // of the evidence, a path of the viewer; empty if there is none
	Checked bool   // the evidence was checked here, under the log's key: nobody need believe the monitor
}

// watch is what the monitors say. It asks nobody: they say what they know at once.
type watch struct {
	monitors []Monitor
}

// maxBanner is how many alarms of one monitor stand on every page; the page of monitors has all.
const maxBanner = 3

// alarms are those of all monitors that an honest log can't be the cause of.
func (w *watch) alarms(ctx context.Context) []Alarm {
	var all []Alarm
	for _, m := range w.monitors {
		all = append(all, bannerOf(m.Name(), m.Status(ctx))...)
	}
	return all
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
		alarm := Alarm{Monitor: name, What: kindWords(a.Kind), Time: a.Time, Href: "/monitors#alarm-" + a.ID}
		if fork, ok := s.Forks[a.ID]; ok {
			alarm.Checked, alarm.What = true, alarm.What+" This viewer checked the evidence: "+fork.Report.String()+"."
		}
		all = append(all, alarm)
	}
	if more > 0 {
		all[len(all)-1].What += fmt.Sprintf(" (And %d more.)", more)
	}
	return all
}
