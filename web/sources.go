package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// sourceRow is a source in a list. What it may say, and with which key, is as the viewer's own fold has it; its last number is the log's word.
type sourceRow struct {
	verify.SourceState
	Status  string // for a mark
	Last    int64  // number of its last event
	Event   *verify.Entry
	Pause   int64 // days, see rhythm
	Overdue bool
	Breaks  int
	Doubt   bool // events of one of its keys are in doubt
}

// lastNumbers asks for the numbers of sources' last events: one by one, so that a log with many sources isn't asked for all of them.
func (v *viewer) lastNumbers(ctx context.Context, names []string) (map[string]int64, error) {
	last := make(map[string]int64, len(names))
	var mu sync.Mutex
	err := each(len(names), func(i int) error {
		s, err := v.log.SourceState(ctx, names[i])
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		last[names[i]] = s.Next.Seq - 1
		return nil
	})
	return last, err
}

// sourceRows makes the rows of some sources.
func (v *viewer) sourceRows(ctx context.Context, law *lawState, names []string, last map[string]int64) ([]sourceRow, error) {
	heard, err := v.rhythms.of(ctx, v, last)
	if err != nil {
		return nil, err
	}
	rows := make([]sourceRow, 0, len(names))
	for _, name := range names {
		s, _, ok := law.source(name)
		if !ok {
			continue
		}
		row := sourceRow{SourceState: s, Status: "active", Last: last[name], Breaks: s.Epoch - 1}
		if s.Live() == nil {
			row.Status = "revoked"
		}
		row.Doubt = slices.ContainsFunc(s.Keys, func(k verify.KeyState) bool { return k.Doubt >= 0 })
		if rhythm := heard[name]; rhythm != nil && rhythm.last != nil {
			row.Event, row.Pause = rhythm.last, rhythm.pause()
			row.Overdue = row.Status == "active" && rhythm.overdue(v.now())
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// sources lists who speaks in the log, by name.
func (v *viewer) sources(w http.ResponseWriter, r *http.Request) error {
	law, err := v.law.state(r.Context(), v)
	if err != nil {
		return err
	}
	names := law.sources()
	total := len(names)
	after := r.URL.Query().Get("after")
	at, found := slices.BinarySearch(names, after)
	if found {
		at++
	}
	names = names[at:]
	next := ""
	if len(names) > pageSize {
		names = names[:pageSize]
		next = names[pageSize-1]
	}
	last, err := v.lastNumbers(r.Context(), names)
	if err != nil {
		return err
	}
	rows, err := v.sourceRows(r.Context(), law, names, last)
	if err != nil {
		return err
	}
	overdue := 0
	for _, row := range rows {
		if row.Overdue {
			overdue++
		}
	}
	return v.render(w, r, "sources.html", content{Title: "Sources", Data: struct {
		Rows    []sourceRow
		Total   int
		Overdue int
		After   string
		Next    string
		Days    int
	}{rows, total, overdue, after, next, rhythmDays}})
}

// newestEvents is how many of a source's events its page has.
const newestEvents = 20

// sourcePage is what is known of a source.
type sourcePage struct {
	sourceRow
	Live     *verify.KeyState
	Turns    []turnRow
	Next     verify.Chain
	Newest   []listRow
	Chained  bool  // the newest events are numbered without a gap, and each names the one before
	From, To int64 // their numbers
	Days     int
	Path     string
}

// turnRow is a turn of a source's keys.
type turnRow struct {
	turn
	What string
	Key  verify.KeyState // as it is today
	From int64           // the first entry that the key may sign
}

// source shows a source: whose keys it had when, how far it has counted, and what it said last.
func (v *viewer) source(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "name") + "/" + chi.URLParam(r, "instance")
	if err := event.CheckSource(name); err != nil {
		return notFound("No source can have this name.")
	}
	law, err := v.law.state(r.Context(), v)
	if err != nil {
		return err
	}
	_, turns, ok := law.source(name)
	if !ok {
		return notFound("No source of this name is registered with the log.")
	}
	state, err := v.log.SourceState(r.Context(), name)
	if err != nil {
		return err
	}
	rows, err := v.sourceRows(r.Context(), law, []string{name}, map[string]int64{name: state.Next.Seq - 1})
	if err != nil {
		return err
	}
	q := client.Query{Source: name, Descending: true, Limit: newestEvents}
	newest, err := v.log.Entries(r.Context(), q)
	if err != nil {
		return err
	}
	p := &sourcePage{sourceRow: rows[0], Live: rows[0].Live(), Next: state.Next, Days: rhythmDays, Path: "/sources/" + name}
	for _, t := range turns {
		p.Turns = append(p.Turns, turnOf(t, rows[0].SourceState))
	}
	slices.Reverse(p.Turns)
	p.Newest = listRows(law, newest)
	p.Chained, p.From, p.To = chained(newest.Entries)
	return v.render(w, r, "source.html", content{Title: name, Data: p})
}

// turnOf says what happened to a key.
func turnOf(t turn, s verify.SourceState) turnRow {
	row := turnRow{turn: t}
	for _, k := range s.Keys {
		if k.ID == t.KeyID {
			row.Key = k
			if row.From = k.Since; k.Since > 0 { // entry 0 is signed by the key that it registers
				row.From++
			}
		}
	}
	switch {
	case t.Claims.Action == event.SourceRegister:
		row.What = "Registered"
	case t.Claims.Action == event.SourceRevoke:
		row.What = "Revoked"
	case t.Break:
		row.What = "Replaced: a break"
	case strings.HasSuffix(t.By, "recovery key"):
		row.What = "Recovered"
	default:
		row.What = "Rotated"
	}
	return row
}

// chained tells whether entries of one source, newest first, are numbered without a gap and each names the one before it.
func chained(newest []*verify.Entry) (ok bool, from, to int64) {
	if len(newest) == 0 {
		return false, 0, 0
	}
	for i := range len(newest) - 1 {
		if newest[i].Event.Seq != newest[i+1].Event.Seq+1 || newest[i].Event.Prev != newest[i+1].Digest {
			return false, 0, 0
		}
	}
	return true, newest[len(newest)-1].Event.Seq, newest[0].Event.Seq
}
