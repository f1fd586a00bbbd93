package web

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// reportPage is a report as the page shows it. Every sentence has the entries that it rests on.
type reportPage struct {
	*collected
	Made           int64 // by the viewer's clock, milliseconds since 1970
	Head           verify.Head
	All            tally
	Kinds          []kindFigures
	Accesses       []accessFigures
	Versions       []versionFigures
	Runs           []runFigures
	Anonymizations []*verify.Report
	Erasures       []*verify.Report
	Sources        []sourceFigures
	Doubts         []doubtFigures
	Statements     []verify.StatementState
	Trusted        []string
	Files          []evidenceFile
	Limits         reportLimits
}

// tally counts entries by what became of their claims, and has them.
type tally struct {
	Count, Proven, Claimed, Waiting, Refused, Refuted int
	Doubtful                                          int
	Entries                                           []int64
}

func (t *tally) add(r *verify.Report) {
	t.Count++
	t.Entries = append(t.Entries, r.Entry.Index)
	if len(r.Doubts) > 0 {
		t.Doubtful++
	}
	switch r.Verdict {
	case verify.Proven:
		t.Proven++
	case verify.Claimed:
		t.Claimed++
	case verify.Waiting:
		t.Waiting++
	case verify.Refused:
		t.Refused++
	case verify.Refuted:
		t.Refuted++
	}
}

type kindFigures struct {
	Kind event.Kind
	tally
}

// accessFigures are the accesses to one data set for one purpose.
type accessFigures struct {
	Dataset *verify.Entry // nil where it isn't in the evidence
	Digest  event.Digest
	Purpose string
	tally
	Records, Shown int64 // records read by the sources' word; of these, those of proven accesses
	Columns        []string
	Sources        []string
}

type versionFigures struct {
	*verify.Report
	Claims   *event.ModelVersionClaims
	Approval *verify.Entry
	Run      *verify.Entry
}

// runFigures are a training run with its steps in the period.
type runFigures struct {
	Run     *verify.Entry
	Report  *verify.Report // nil if the run is older than the period
	Claims  *event.TrainingRunClaims
	Dataset *verify.Entry
	Steps   tally
}

type sourceFigures struct {
	*sourceChain
	Role       event.SourceRole
	Registered int64
	Turns      []turn // of its keys, in the period
	Overdue    bool
	LastHeard  int64 // ms
	Cites      []int64
}

type doubtFigures struct {
	Sentence string
	Entries  []int64 // in doubt because of it
}

// evidenceFile is a file of evidence.
type evidenceFile struct {
	Href        string
	Entries     int
	First, Last int64
}

// newReport counts.
func (v *viewer) newReport(ctx context.Context, c *collected) (*reportPage, error) {
	p := &reportPage{collected: c, Made: v.now().UnixMilli(), Head: c.head}
	p.Limits = v.reports
	kinds := map[event.Kind]*tally{}
	for _, e := range c.entries {
		r := c.reports[e.Index]
		if kinds[e.Event.Kind()] == nil {
			kinds[e.Event.Kind()] = &tally{}
		}
		kinds[e.Event.Kind()].add(r)
		p.All.add(r)
		p.count(r)
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		p.Kinds = append(p.Kinds, kindFigures{kind, *kinds[kind]})
	}
	for _, e := range c.origins {
		p.Anonymizations = append(p.Anonymizations, c.reports[e.Index])
	}
	for i := range p.Accesses {
		slices.Sort(p.Accesses[i].Columns)
		slices.Sort(p.Accesses[i].Sources)
	}
	slices.SortStableFunc(p.Accesses, func(a, b accessFigures) int { return cmp.Compare(b.Records, a.Records) })
	p.conclude()
	for i, file := range c.files() {
		p.Files = append(p.Files, evidenceFile{c.address("/report/bundle", c.After, c.head.Size, c.Long, "part", strconv.Itoa(i+1)), len(file), file[0], file[len(file)-1]})
	}
	return p, v.addSources(ctx, p)
}

// count sorts an entry about the system into what it is a figure of.
func (p *reportPage) count(r *verify.Report) {
	switch claims := r.Entry.Event.Claims.(type) {
	case *event.DataAccessClaims:
		p.access(r, claims)
	case *event.ModelVersionClaims:
		p.Versions = append(p.Versions, versionFigures{r, claims, p.at[claims.Approval], p.at[claims.Run]})
	case *event.TrainingRunClaims:
		run := p.run(r.Entry.Digest)
		run.Report = r
	case *event.TrainingStepClaims:
		p.run(claims.Run).Steps.add(r)
	case *event.AnonymizationClaims:
		if !slices.ContainsFunc(p.origins, func(e *verify.Entry) bool { return e.Index == r.Entry.Index }) {
			p.Anonymizations = append(p.Anonymizations, r)
		}
	case *event.ErasureClaims:
		p.Erasures = append(p.Erasures, r)
	}
}

func (p *reportPage) access(r *verify.Report, claims *event.DataAccessClaims) {
	at := slices.IndexFunc(p.Accesses, func(a accessFigures) bool { return a.Digest == claims.Dataset && a.Purpose == claims.Purpose })
	if at < 0 {
		at = len(p.Accesses)
		p.Accesses = append(p.Accesses, accessFigures{Dataset: p.at[claims.Dataset], Digest: claims.Dataset, Purpose: claims.Purpose})
	}
	a := &p.Accesses[at]
	a.add(r)
	a.Records += claims.Records
	if r.Verdict == verify.Proven {
		a.Shown += claims.Records
	}
	for _, name := range claims.Columns {
		if !slices.Contains(a.Columns, name) {
			a.Columns = append(a.Columns, name)
		}
	}
	if !slices.Contains(a.Sources, r.Entry.Event.Source) {
		a.Sources = append(a.Sources, r.Entry.Event.Source)
	}
}

// run finds the figures of a training run.
func (p *reportPage) run(d event.Digest) *runFigures {
	for i := range p.Runs {
		if p.Runs[i].Run != nil && p.Runs[i].Run.Digest == d {
			return &p.Runs[i]
		}
	}
	f := runFigures{Run: p.at[d]}
	if f.Run != nil {
		if claims, ok := f.Run.Event.Claims.(*event.TrainingRunClaims); ok {
			f.Claims, f.Dataset = claims, p.at[claims.Dataset]
		}
	}
	p.Runs = append(p.Runs, f)
	return &p.Runs[len(p.Runs)-1]
}

// conclude gathers what all of it rests on.
func (p *reportPage) conclude() {
	for _, index := range p.cited() {
		r := p.reports[index]
		for _, d := range r.Doubts {
			at := slices.IndexFunc(p.Doubts, func(f doubtFigures) bool { return f.Sentence == d })
			if at < 0 {
				at = len(p.Doubts)
				p.Doubts = append(p.Doubts, doubtFigures{Sentence: d})
			}
			p.Doubts[at].Entries = append(p.Doubts[at].Entries, index)
		}
		if g := r.Groth16; g != nil && !slices.ContainsFunc(p.Statements, func(s verify.StatementState) bool { return s.ID == g.Statement.ID }) {
			p.Statements = append(p.Statements, g.Statement)
		}
		for _, sentence := range r.Trusted {
			if !slices.Contains(p.Trusted, sentence) {
				p.Trusted = append(p.Trusted, sentence)
			}
		}
	}
}

// addSources says of each source how complete what it said is.
func (v *viewer) addSources(ctx context.Context, p *reportPage) error {
	law, err := v.law.state(ctx, v)
	if err != nil {
		return err
	}
	last := map[string]int64{}
	for name, s := range p.chains {
		if len(s.Entries) > 0 {
			last[name] = s.Last()
		}
	}
	heard, err := v.rhythms.of(ctx, v, last)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.chains)) {
		f := sourceFigures{sourceChain: p.chains[name]}
		state, turns, _ := law.source(name)
		f.Role, f.Registered = state.Role, state.Registered
		for _, t := range turns {
			if t.Index < p.size && (p.begin == 0 || t.Leaf.Logged >= p.begin) && (p.end == 0 || t.Leaf.Logged <= p.end) && t.Index > p.After && (p.next < 0 || t.Index <= p.next) {
				f.Turns = append(f.Turns, t)
			}
		}
		for _, e := range f.Entries {
			f.Cites = append(f.Cites, e.Index)
		}
		if r := heard[name]; r != nil && r.last != nil {
			f.Overdue, f.LastHeard = state.Live() != nil && r.overdue(v.now()), r.last.Leaf.Logged
		}
		p.Sources = append(p.Sources, f)
	}
	return nil
}

// NextPart is the address of the report on the entries that this one has no room for.
func (p *reportPage) NextPart() string {
	if p.next < 0 {
		return ""
	}
	return p.address("/report", p.next, 0, p.Long)
}

// Longer is the address of the report in longer parts; empty if these are.
func (p *reportPage) Longer() string {
	if p.Long || !p.Part() {
		return ""
	}
	return p.address("/report", -1, 0, true)
}

// Most is how many entries about its system the report has room for.
func (p *reportPage) Most() int { return p.most }

// LastEntry is the last entry of this part, where there is another one.
func (p *reportPage) LastEntry() int64 { return p.next }

// Part tells whether the report is a part of a longer one.
func (p *reportPage) Part() bool { return p.next >= 0 || p.After >= 0 }

// Partly tells whether not all anonymizations were looked for.
func (p *reportPage) Partly() bool { return p.partly }

// Period is the period in words.
func (p *reportPage) Period() string {
	switch {
	case p.From == "" && p.To == "":
		return "from the log’s first entry to its newest"
	case p.From == "":
		return "from the log’s first entry to " + p.To
	case p.To == "":
		return "from " + p.From + " to the log’s newest entry"
	}
	return "from " + p.From + " to " + p.To
}

// rangeOf is entries in a row, as citations are written.
type rangeOf struct{ First, Last int64 }

// citations writes entries as ranges: each number is an entry's, and whoever wants to look at one follows it.
func citations(entries []int64) (ranges []rangeOf) {
	sorted := slices.Compact(slices.Sorted(slices.Values(entries)))
	for _, index := range sorted {
		if n := len(ranges); n > 0 && ranges[n-1].Last+1 == index {
			ranges[n-1].Last = index
			continue
		}
		ranges = append(ranges, rangeOf{index, index})
	}
	return ranges
}
