package verify

import (
	"fmt"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
)

// LinkState is what a link of a chain of provenance comes to.
type LinkState string

const (
	LinkProven  LinkState = "proven"  // a proof shows it
	LinkClaimed LinkState = "claimed" // a source says so
	LinkWaiting LinkState = "waiting" // a source says so, and deferred the proof, which is not in the evidence
	LinkRefused LinkState = "refused" // a source says so, and a prover, that it can't be proven
	LinkMissing LinkState = "missing" // what it would lead to is withheld, or not there
	LinkBroken  LinkState = "broken"  // the commitments on its two sides differ
	LinkRefuted LinkState = "refuted" // the entry that makes it doesn't verify, or the one that it leads to
)

// linkStates are the states from the best to the worst.
var linkStates = []LinkState{LinkProven, LinkClaimed, LinkWaiting, LinkRefused, LinkMissing, LinkBroken, LinkRefuted}

// worse is the worse of two states.
func worse(a, b LinkState) LinkState {
	return linkStates[max(slices.Index(linkStates, a), slices.Index(linkStates, b))]
}

// Link is one link of a chain of provenance.
type Link struct {
	Name  string // what it is: "approval", "weights", "first weights", "data set", "raw data", …
	From  int64  // the entry that it begins with
	To    int64  // the one that it leads to; −1 where there is none
	Via   []int64
	State LinkState
	// Detail says in a sentence what links the two, or what is missing.
	Detail string
	// Sides are the commitments on both sides, where both are public.
	Sides  []Sides
	Doubts []string // revocations that reach back to it: it stands, in amber

	via []*Report // about the entries of Via, which are no nodes
}

// Sides are a commitment as the two ends of a link have it.
type Sides struct {
	Name     string
	From, To event.Element
}

// Equal tells whether they are one.
func (s *Sides) Equal() bool { return s.From == s.To }

// Provenance is where an entry comes from.
type Provenance struct {
	Of    int64     // the entry
	Nodes []*Report // it, and the entries that its links go through, in the order of the walk
	Links []Link    // in that order, too
	Raw   []int64   // data sets of which nothing at hand says that they were made of others
}

// State is that of the weakest link, and LinkRefuted if any entry on the way doesn't verify. Without links it is LinkClaimed at best: what is proven of
// the entry says nothing of where it comes from.
func (p *Provenance) State() LinkState {
	state := LinkProven
	if len(p.Links) == 0 {
		state = LinkClaimed
	}
	for _, n := range p.Nodes {
		if n.Verdict == Refuted {
			state = LinkRefuted
		}
	}
	for _, l := range p.Links {
		state = worse(state, l.State)
	}
	return state
}

// Doubts are those of all links and entries, each once.
func (p *Provenance) Doubts() (all []string) {
	add := func(doubts []string) {
		for _, d := range doubts {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	for _, l := range p.Links {
		add(l.Doubts)
	}
	for _, n := range p.Nodes {
		add(n.Doubts)
	}
	return all
}

// Statements are those under which anything on the way is proven, each once: whoever knows the secrets of their keys could forge it.
func (p *Provenance) Statements() (all []StatementState) {
	for _, n := range p.Nodes {
		all = withStatement(all, n)
	}
	for _, l := range p.Links {
		for _, n := range l.via {
			all = withStatement(all, n)
		}
	}
	return all
}

// Provenance walks from an entry that the bundle is about to where it comes from, as far as the bundle is about that, too: a served model to
// its approval, the steps and the run that made its weights, the data set, and the data set that that one is the anonymized form of. What was read of a
// data set is a link to it, where the bundle is about the access. Where a link leads to what may come from elsewhere, and the bundle isn't about that, a
// further link says that it is missing. The report must have got as far as claims.
func (r *BundleReport) Provenance(index int64) (*Provenance, error) {
	w := &walk{Provenance: &Provenance{Of: index}, checks: map[int64]*check{}, seen: map[int64]bool{}}
	for _, c := range r.checks {
		w.checks[c.Entry.Index] = c
	}
	if w.checks[index] == nil {
		return nil, fmt.Errorf("the bundle is not about entry %d", index)
	}
	for queue := []int64{index}; len(queue) > 0; queue = queue[1:] {
		if w.seen[queue[0]] {
			continue
		}
		w.seen[queue[0]] = true
		c := w.checks[queue[0]]
		switch to := r.ground.byIndex[queue[0]]; {
		case c != nil:
			w.Nodes = append(w.Nodes, c.Report)
			done := len(w.Links)
			w.from(c)
			for _, l := range w.Links[done:] {
				queue = append(queue, l.From, l.To)
			}
		case to != nil && !ends(to.Event.Claims):
			w.Links = append(w.Links, Link{Name: "origins", From: to.Index, To: -1, State: LinkMissing,
				Detail: fmt.Sprintf("the bundle isn't about entry %d", to.Index)})
		}
	}
	return w.Provenance, nil
}

// ends tells whether nothing comes before an entry with such claims. Of a data set it takes the chunks that were logged of it to know.
func ends(claims event.Claims) bool {
	return claims.Kind() != event.Dataset && len(References(claims)) == 0
}

// walk is a Provenance in the making.
type walk struct {
	*Provenance
	checks map[int64]*check // what the bundle is about
	seen   map[int64]bool
}

// state is what the link is worth that an entry makes by its claims.
func state(c *check) LinkState { return LinkState(c.Verdict) } // the verdicts are named alike

// add adds a link from an entry that makes it.
func (w *walk) add(c *check, l Link) {
	l.From, l.Doubts = c.Entry.Index, append(l.Doubts, c.Doubts...)
	if l.State == "" {
		l.State = state(c)
	}
	if slices.ContainsFunc(l.Sides, func(s Sides) bool { return !s.Equal() }) {
		l.State = worse(l.State, LinkBroken)
	}
	if to := w.checks[l.To]; to != nil && to.Verdict == Refuted {
		l.State = LinkRefuted
	}
	w.Links = append(w.Links, l)
}

// to finds what a reference leads to.
func (c *check) to(d event.Digest) *Entry {
	if e := c.byDigest[d]; e != nil && e.Index < c.Entry.Index {
		return e
	}
	return nil
}

// refer adds a link to what a reference leads to.
func (w *walk) refer(c *check, name string, d event.Digest, detail string) {
	if e := c.to(d); e != nil {
		w.add(c, Link{Name: name, To: e.Index, Detail: detail})
		return
	}
	w.add(c, Link{Name: name, To: -1, State: LinkMissing, Detail: fmt.Sprintf("event %s is not before it in the log", d)})
}

// from adds the links that begin with an entry.
func (w *walk) from(c *check) {
	switch claims := c.Entry.Event.Claims.(type) {
	case *event.ModelVersionClaims:
		w.version(c, claims)
	case *event.TrainingStepClaims:
		w.step(c, claims)
	case *event.TrainingRunClaims:
		w.run(c, claims)
	case *event.DatasetClaims:
		w.dataset(c)
	case *event.DataAccessClaims:
		w.refer(c, "data set", claims.Dataset, fmt.Sprintf("%s of it were read", several(claims.Records, "record")))
	case *event.AnonymizationClaims:
		w.refer(c, "raw data", claims.Dataset, fmt.Sprintf("chunk %d of it was generalized", claims.Chunk))
		w.refer(c, "released data", claims.Released, fmt.Sprintf("chunk %d of it is what came out", claims.Chunk))
	case *event.CustomClaims:
		for _, ref := range References(claims) {
			w.refer(c, "data set", ref.Event, "the statement is about it")
		}
	default:
		for _, ref := range References(claims) {
			w.refer(c, ref.Member, ref.Event, "it is about it")
		}
	}
}

func (w *walk) version(c *check, v *event.ModelVersionClaims) {
	w.refer(c, "approval", v.Approval, "the served model is one of those approved")
	if v.Run.IsZero() {
		w.add(c, Link{Name: "weights", To: -1, State: LinkMissing, Detail: "the source withholds the run that the model comes from"})
		return
	}
	made := c.to(v.Step)
	if made == nil {
		w.refer(c, "weights", v.Step, "")
		return
	}
	l := Link{Name: "weights", To: made.Index}
	if s, ok := made.Event.Claims.(*event.TrainingStepClaims); ok {
		l.Detail = fmt.Sprintf("the served weights are those after step %d of the run", s.Step)
		l.Sides = []Sides{{"weights", v.Weights, s.After}}
		if s.Run != v.Run {
			l.State, l.Detail = LinkBroken, "the step is one of another run than the claims name"
		}
	}
	w.add(c, l)
}

func (w *walk) step(c *check, s *event.TrainingStepClaims) {
	run := c.to(s.Run)
	if run == nil {
		w.refer(c, "run", s.Run, "")
		return
	}
	claims, ok := run.Event.Claims.(*event.TrainingRunClaims)
	switch {
	case !ok || JudgeRun(c.Entry.Event, s, run.Event) != nil:
		w.add(c, Link{Name: "run", To: run.Index, State: LinkBroken, Detail: "it can't be a step of that"})
	case s.Step == 1:
		w.add(c, Link{Name: "first weights", To: run.Index, Detail: "the first step begins with the run's first weights",
			Sides: []Sides{{"weights", s.Before, claims.Weights}}})
	default:
		w.before(c, s, run)
	}
}

// before links a step to the one before it. A log has one of each number; where it has more, the one counts that fits.
func (w *walk) before(c *check, s *event.TrainingStepClaims, run *Entry) {
	l := Link{Name: "weights", To: -1, State: LinkMissing, Detail: fmt.Sprintf("step %d of the run is not there", s.Step-1)}
	for _, e := range c.referring[s.Run] {
		before, ok := e.Event.Claims.(*event.TrainingStepClaims)
		if !ok || before.Step != s.Step-1 || e.Event.Source != run.Event.Source || e.Index > c.Entry.Index || w.checks[e.Index] == nil {
			continue
		}
		l = Link{Name: "weights", To: e.Index, Detail: fmt.Sprintf("step %d begins with the weights after step %d", s.Step, before.Step),
			Sides: []Sides{{"weights", s.Before, before.After}}}
		if l.Sides[0].Equal() {
			break
		}
	}
	w.add(c, l)
	if l.To < 0 {
		w.refer(c, "run", s.Run, "it is a step of it")
	}
}

// run links a run to its data set. The run only claims it; what shows it are the steps, each proven for rows of that data set.
func (w *walk) run(c *check, run *event.TrainingRunClaims) {
	data := c.to(run.Dataset)
	if data == nil {
		w.refer(c, "data set", run.Dataset, "")
		return
	}
	l := Link{Name: "data set", To: data.Index, State: LinkClaimed, Detail: "the source says that the run is on it; no step is there that would show it"}
	steps := 0
	for _, e := range c.referring[c.Entry.Digest] {
		step := w.checks[e.Index]
		if _, ok := e.Event.Claims.(*event.TrainingStepClaims); !ok || step == nil || !w.seen[e.Index] {
			continue
		}
		if steps++; steps == 1 {
			l.State = LinkProven
		}
		l.State = worse(l.State, state(step))
	}
	if steps > 0 {
		l.Detail = fmt.Sprintf("the rows that %s took are rows of it", several(int64(steps), "step"))
	}
	w.add(c, l)
}
