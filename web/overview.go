package web

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/web/drawing"
	"github.com/attestlog/attestlog/web/words"
)

// The overview shows so much of each list; the rest has pages of its own.
const (
	overviewSources = 8
	overviewEntries = 8
	heardSources    = 50 // of the sources, those that are asked for when they spoke
)

// spanChoice is how far back the overview's charts go, and how many days a bar stands for.
type spanChoice struct {
	Days, Step int
	Name       string
	Chosen     bool
}

var spans = []spanChoice{{Days: 30, Step: 1, Name: "30 days"}, {Days: 91, Step: 7, Name: "13 weeks"}, {Days: 364, Step: 7, Name: "a year"}}

// kindRow is how many events of a kind there are.
type kindRow struct {
	Kind  event.Kind
	Parts drawing.Parts
	Spark template.HTML
}

// Provable tells whether events of the kind can be proven at all.
func (k kindRow) Provable() bool { return k.Kind.Provable() }

// dayRow is a row of the table beside the chart.
type dayRow struct {
	Name  string
	Parts drawing.Parts
}

// overviewPage is the system of record at a glance.
type overviewPage struct {
	at       time.Time
	Size     int64
	Head     headRow // Note is empty where none is published yet
	Seen     []sighting
	Fresh    int               // of the policy's witnesses, how many cosigned the newest head
	Word     *client.Witnesses // the log's word, where the viewer has no policy; nil where it has
	Quorum   string            // the policy's
	Counted  int64             // entries that are counted
	Provable drawing.Parts     // events of kinds that can be proven
	Share    template.HTML     // of them
	// Statements counts those that stand, and Untrusted those of them whose keys come from no ceremony.
	Statements, Untrusted int
	Kinds                 []kindRow
	Span                  spanChoice
	Spans                 []spanChoice
	Chart                 template.HTML
	Days                  []dayRow // newest first
	Sources               []sourceRow
	Speakers              int // how many sources there are
	Heard                 int // of these, those that were looked at
	Overdue               int
	Habit                 int // days
	Newest                []listRow
	Monitored             int
}

// glance keeps what the overview shows for a moment: it takes many questions, and everybody sees the same.
type glance struct {
	asking *semaphore.Weighted // held while the log is asked; whoever waits for it can give up

	mu   sync.Mutex
	kept map[string]*overviewPage // by the span's name: there are three
}

// glanceKept is how long it is kept.
const glanceKept = 2 * time.Second

// overview shows the log at a glance.
func (v *viewer) overview(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query().Get("span")
	if asked == "" {
		asked = spans[0].Name
	}
	at := slices.IndexFunc(spans, func(s spanChoice) bool { return s.Name == asked })
	if at < 0 {
		return badRequest("The overview goes back 30 days, 13 weeks or a year.")
	}
	p, err := v.glance.of(r.Context(), v, spans[at])
	if err != nil {
		return err
	}
	return v.render(w, r, "overview.html", content{Title: "Overview", Data: p})
}

func (g *glance) of(ctx context.Context, v *viewer, span spanChoice) (*overviewPage, error) {
	if p := g.fresh(span, v.now()); p != nil {
		return p, nil
	}
	if err := g.asking.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer g.asking.Release(1)
	now := v.now()
	if p := g.fresh(span, now); p != nil { // somebody else looked meanwhile
		return p, nil
	}
	p, err := v.look(ctx, span)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kept == nil {
		g.kept = map[string]*overviewPage{}
	}
	p.at = now
	g.kept[span.Name] = p
	return p, nil
}

// fresh is what is kept, if it isn't old; nil otherwise.
func (g *glance) fresh(span spanChoice, now time.Time) *overviewPage {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.kept[span.Name]; p != nil && !now.Before(p.at) && now.Sub(p.at) < glanceKept {
		return p
	}
	return nil
}

// look asks the log for all that the overview shows.
func (v *viewer) look(ctx context.Context, span spanChoice) (*overviewPage, error) {
	p := &overviewPage{Habit: rhythmDays, Monitored: len(v.watch.monitors), Span: span, Spans: slices.Clone(spans)}
	for i := range p.Spans {
		p.Spans[i].Chosen = p.Spans[i].Name == span.Name
	}
	head, err := v.newest.get(ctx, v)
	if err != nil {
		return nil, err
	}
	p.Head = v.headRow(head)
	for _, part := range []func(context.Context, *overviewPage) error{v.overviewCounts, v.overviewWitnesses} {
		if err := part(ctx, p); err != nil {
			return nil, err
		}
	}
	if p.Size == 0 {
		return p, nil
	}
	law, err := v.law.state(ctx, v)
	if err != nil {
		return nil, err
	}
	if err := v.overviewSources(ctx, law, p); err != nil {
		return nil, err
	}
	for _, s := range law.statements() {
		if s.Revoked >= 0 {
			continue
		}
		p.Statements++
		if s.Claims.Setup != event.SetupCeremony {
			p.Untrusted++
		}
	}
	page, err := v.log.Entries(ctx, client.Query{Descending: true, Limit: overviewEntries})
	p.Newest = listRows(law, page)
	return p, err
}

func partsOf(t *client.Tally) drawing.Parts {
	return drawing.Parts{t.Proven, t.Claimed, t.Waiting, t.Refused}
}

func plus(a, b drawing.Parts) drawing.Parts {
	for i := range a {
		a[i] += b[i]
	}
	return a
}

// overviewCounts counts events, by kind and by day.
func (v *viewer) overviewCounts(ctx context.Context, p *overviewPage) error {
	s, err := v.log.Summary(ctx, p.Span.Days)
	if err != nil {
		return err
	}
	p.Size, p.Counted = s.Size, s.Counted
	steps := p.Span.Days / p.Span.Step
	today := v.now().UTC().Truncate(24 * time.Hour)
	begin := today.AddDate(0, 0, 1-p.Span.Days)
	days, kinds := make([]drawing.Parts, steps), map[event.Kind][]int64{}
	for i := range s.Days {
		t := &s.Days[i]
		at := min(int(t.Day.Sub(begin)/(24*time.Hour))/p.Span.Step, steps-1) // the log's clock may be ahead
		if t.Day.Before(begin) {
			continue
		}
		days[at] = plus(days[at], partsOf(t))
		if kinds[t.Kind] == nil {
			kinds[t.Kind] = make([]int64, steps)
		}
		kinds[t.Kind][at] += t.Total()
	}
	for i := range s.Kinds {
		t := &s.Kinds[i]
		if t.Kind.Provable() {
			p.Provable = plus(p.Provable, partsOf(t))
		}
		p.Kinds = append(p.Kinds, kindRow{t.Kind, partsOf(t), drawing.Spark(kinds[t.Kind])})
	}
	slices.SortStableFunc(p.Kinds, func(a, b kindRow) int { return cmp.Compare(b.Parts.Total(), a.Parts.Total()) })
	p.Share = drawing.Share("Of what can be proven. The words below say the same.", p.Provable)
	var bars []drawing.Bar
	for i, parts := range days {
		day := begin.AddDate(0, 0, i*p.Span.Step)
		bar := drawing.Bar{Name: day.Format(time.DateOnly), Parts: parts}
		if p.Span.Step > 1 {
			bar.Name = fmt.Sprintf("%s to %s", bar.Name, day.AddDate(0, 0, p.Span.Step-1).Format(time.DateOnly))
		}
		if every := max((steps+7)/8, 1); (steps-1-i)%every == 0 {
			bar.Label = day.Format("2 Jan")
		}
		bars = append(bars, bar)
		if parts.Total() > 0 {
			p.Days = append(p.Days, dayRow{bar.Name, parts})
		}
	}
	slices.Reverse(p.Days)
	p.Chart = drawing.Bars(fmt.Sprintf("Events over the last %s by what became of their claims. The table below says the same.", p.Span.Name), bars)
	return nil
}

// overviewWitnesses says who has cosigned the newest head: by the viewer's policy, or, where there is none, by the log's word.
func (v *viewer) overviewWitnesses(ctx context.Context, p *overviewPage) (err error) {
	if p.Seen, err = v.sightings(ctx); err != nil {
		return err
	}
	if v.policy == nil {
		p.Word, err = v.log.Witnesses(ctx)
		return err
	}
	p.Quorum = v.policy.Quorum()
	for _, s := range p.Seen {
		if !s.Monitor && s.Size > 0 && s.Size >= p.Head.Size {
			p.Fresh++
		}
	}
	return nil
}

// overviewSources are the sources that are overdue, and those that spoke last.
func (v *viewer) overviewSources(ctx context.Context, law *lawState, p *overviewPage) error {
	names := law.sources()
	p.Speakers = len(names)
	if len(names) > heardSources {
		names = names[:heardSources]
	}
	p.Heard = len(names)
	last, err := v.lastNumbers(ctx, names)
	if err != nil {
		return err
	}
	rows, err := v.sourceRows(ctx, law, names, last)
	if err != nil {
		return err
	}
	logged := func(row sourceRow) int64 {
		if row.Event == nil {
			return 0
		}
		return row.Event.Leaf.Logged
	}
	slices.SortStableFunc(rows, func(a, b sourceRow) int {
		if a.Overdue != b.Overdue {
			return map[bool]int{true: -1, false: 1}[a.Overdue]
		}
		return cmp.Compare(logged(b), logged(a))
	})
	for _, row := range rows {
		if row.Overdue {
			p.Overdue++
		}
	}
	p.Sources = rows[:min(len(rows), max(overviewSources, min(p.Overdue, 2*overviewSources)))]
	return nil
}

// KindName is what people call the kind of a row.
func (k kindRow) KindName() string { return words.Kind(k.Kind) }
