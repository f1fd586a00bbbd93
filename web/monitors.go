package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/attestlog/attestlog/ledger/monitor/status"
	"github.com/attestlog/attestlog/ledger/verify"
)

// monitorView is a monitor as its section shows it.
type monitorView struct {
	MonitorStatus
	Name    string
	State   string // for a mark
	Why     string
	Heard   bool
	Silent  string // why it doesn't answer; empty if it does
	Follows bool   // it watches this log
	Raised  int64
	Head    comparison
	Alarms  []alarmView
	Beyond  []kindCount
	Trouble []string
	Peers   []peerView
}

// alarmView is an alarm in a monitor's section.
type alarmView struct {
	status.Alarm
	Mark    string
	Words   string
	Checked string // what the evidence comes to, checked here; empty if there is none of this sort
	Brought string // by whom, in words
	Fork    bool   // the file is here
	Main    string // the name of the first file of evidence
	Anchor  string // of its place in the page: several monitors may have raised the same alarm
}

type kindCount struct {
	Kind  string
	Count int64
}

// peerView is another monitor with which one gossips.
type peerView struct {
	URL      string
	Mark     string
	Words    string
	Spoke    time.Time
	Answered bool
}

// How old an answer may be to count as fresh: a monitor's here, and a peer's to a monitor.
const (
	monitorFresh = time.Minute
	peerFresh    = 10 * time.Minute
)

// monitorView makes a section of what a monitor says.
func (v *viewer) monitorView(ctx context.Context, m Monitor, newest verify.Head) monitorView {
	s := m.Status(ctx)
	view := monitorView{MonitorStatus: s, Name: m.Name(), Heard: s.heard(), Silent: s.Trouble, Follows: s.Standing.Log != "", Raised: s.Standing.Raised(), Trouble: s.Standing.Trouble}
	if s.Standing.Head != "" {
		view.Head = v.compare(ctx, newest, m.Name(), []byte(s.Standing.Head))
	}
	for _, a := range s.Standing.Alarms {
		view.Alarms = append(view.Alarms, alarmOfMonitor(a, s.Forks))
	}
	slices.SortStableFunc(view.Alarms, func(a, b alarmView) int {
		rank := func(a alarmView) int {
			return map[string]int{"fork": 0, "alarm": 1}[a.Mark] + map[bool]int{true: 0, false: 2}[a.Mark != "trouble"]
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Time, a.Time))
	})
	for kind, n := range s.Standing.Beyond {
		view.Beyond = append(view.Beyond, kindCount{string(kind), n})
	}
	slices.SortFunc(view.Beyond, func(a, b kindCount) int { return cmp.Compare(a.Kind, b.Kind) })
	for _, p := range s.Peers {
		view.Peers = append(view.Peers, peerOf(p, v.now()))
	}
	view.State, view.Why = stateOf(&view, v.now())
	return view
}

func alarmOfMonitor(a status.Alarm, forks map[string]CheckedFork) alarmView {
	view := alarmView{Alarm: a, Mark: "trouble", Words: kindWords(a.Kind)}
	switch {
	case a.Kind.TwoHistories():
		view.Mark = "fork"
	case damning(a.Kind):
		view.Mark = "alarm"
	}
	if len(a.Evidence) > 0 {
		view.Main = strings.TrimPrefix(a.Evidence[0], "evidence/")
	}
	if fork, ok := forks[a.ID]; ok {
		said := fork.Report.String()
		view.Fork, view.Checked = true, strings.ToUpper(said[:1])+said[1:]+"."
	}
	if view.Brought = a.From; a.From == "client" {
		view.Brought = "somebody who reads the log"
	}
	return view
}

func peerOf(p status.Peer, now time.Time) peerView {
	view := peerView{URL: p.URL, Mark: "fresh", Words: "answered", Spoke: time.UnixMilli(p.Spoke), Answered: p.Spoke > 0}
	switch {
	case p.Asked == 0:
		view.Mark, view.Words = "not asked", "not spoken to yet"
	case p.Spoke == 0:
		view.Mark, view.Words = "trouble", "has never answered"
	case p.Trouble:
		view.Mark, view.Words = "trouble", "doesn’t answer; it last did"
	case now.Sub(view.Spoke) > peerFresh:
		view.Mark = "behind"
	}
	return view
}

// stateOf says in a word how it stands with a monitor, the worst first.
func stateOf(m *monitorView, now time.Time) (mark, why string) {
	worst := ""
	for _, a := range m.Alarms {
		if worst == "" || a.Mark == "fork" {
			worst = a.Mark
		}
	}
	switch {
	case m.Head.Mark == "fork":
		return "fork", "It saw another history than the one that is shown here."
	case worst == "fork":
		return "fork", "It says that the log’s key signed two histories."
	case m.Raised > 0 && worst != "trouble":
		return "alarm", "It says that the log did what an honest log can’t."
	case m.Silent != "" && !m.Heard:
		return "missing", "It has never answered: " + m.Silent + "."
	case m.Silent != "":
		return "missing", "It is silent: " + m.Silent + ". What stands here is what it said last."
	case !m.Heard:
		return "waiting", "It hasn’t been asked yet."
	case !m.Follows:
		return "missing", "It doesn’t watch this log."
	case m.Raised > 0:
		return "trouble", "It raised alarms that an outage may explain."
	case m.Head.Mark == "trouble":
		return "trouble", "Its newest head couldn’t be held against what is shown here."
	case len(m.Standing.Trouble) > 0:
		return "trouble", "Something is wrong now that may pass by itself."
	case m.Standing.Head == "":
		return "waiting", "It hasn’t read the log yet."
	case now.Sub(m.Answered) > monitorFresh:
		return "behind", "It hasn’t been asked for a while."
	}
	return "fresh", "It found nothing wrong."
}

// monitors shows who watches the log, those with alarms first.
func (v *viewer) monitors(w http.ResponseWriter, r *http.Request) error {
	newest, err := v.newest.get(r.Context(), v)
	if err != nil {
		newest.Note = nil // whoever watches the log is worth seeing most when it doesn't answer
	}
	views := make([]monitorView, len(v.watch.monitors))
	for i, m := range v.watch.monitors {
		views[i] = v.monitorView(r.Context(), m, newest.Head)
	}
	rank := map[string]int{"fork": -3, "alarm": -2, "trouble": -1, "missing": -1}
	slices.SortStableFunc(views, func(a, b monitorView) int { return cmp.Compare(rank[a.State], rank[b.State]) })
	anchors := map[string]int{}
	for i := range views {
		for j := range views[i].Alarms {
			a := &views[i].Alarms[j]
			if a.Anchor = "alarm-" + a.ID; anchors[a.ID] > 0 {
				a.Anchor += fmt.Sprintf("-%d", anchors[a.ID])
			}
			anchors[a.ID]++
		}
	}
	return v.render(w, r, "monitors.html", content{Title: "Monitors", Data: struct {
		Monitors []monitorView
	}{views}})
}

// forkEvidence answers with evidence of two histories, as a monitor gave it and as it was checked here.
func (v *viewer) forkEvidence(w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "id")
	fork, ok := v.watch.forkFile(r.Context(), id)
	if !ok {
		return notFound("No monitor has brought evidence under this name that holds.")
	}
	return download(w, "application/octet-stream", "fork-"+id+".fork", fork.File)
}
