package web

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/drawing"
	"github.com/attestlog/attestlog/web/words"
)

// chainPage is where something comes from, as a page shows it: training steps of one run in a row are one node.
type chainPage struct {
	Start      *chainNode
	State      verify.LinkState
	Verdict    string // the whole, in plain language
	Doubts     []string
	Nodes      []*chainNode
	Raw        []*chainNode
	Counts     []stateCount
	Statements []verify.StatementState
	Trusted    []string
	Head       verify.Head

	Wide, Narrow template.HTML
	Whole        bool // the drawing has all

	Versions     []versionLink
	MoreVersions bool
}

// chainNode is an entry on the way, or several training steps in a row.
type chainNode struct {
	*verify.Report // of the entry, or of the last of the steps
	Steps          []*verify.Report
	Title          string
	Verdict        verify.Verdict
	Doubts         []string
	Links          []*chainLink // that begin with it, but for those between its steps
	Inner          []*chainLink // those
}

// Index names the node.
func (n *chainNode) Index() int64 { return n.Entry.Index }

// chainLink is a link between nodes.
type chainLink struct {
	verify.Link
	Target *chainNode // nil where it leads to nothing
}

// Entry is the entry that makes the link.
func (l *chainLink) Entry() int64 {
	if len(l.Via) > 0 {
		return l.Via[0]
	}
	return l.From
}

// stateCount is how many links are in a state.
type stateCount struct {
	State verify.LinkState
	Count int
}

// newChain folds a walk for a page.
func newChain(walk *verify.Provenance, head verify.Head) *chainPage {
	p := &chainPage{State: walk.State(), Doubts: walk.Doubts(), Statements: walk.Statements(), Trusted: walk.Trusted(), Head: head}
	of := fold(walk, p)
	counts := map[verify.LinkState]int{}
	for i := range walk.Links {
		l := &chainLink{Link: walk.Links[i], Target: of[walk.Links[i].To]}
		counts[l.State]++
		from := of[l.From]
		switch {
		case from == nil: // about what the bundle isn't about
			from = p.Start
			from.Links = append(from.Links, l)
		case from == l.Target:
			from.Inner = append(from.Inner, l)
		default:
			from.Links = append(from.Links, l)
		}
	}
	for _, state := range []verify.LinkState{verify.LinkProven, verify.LinkClaimed, verify.LinkWaiting, verify.LinkRefused, verify.LinkMissing, verify.LinkBroken, verify.LinkRefuted} {
		if counts[state] > 0 {
			p.Counts = append(p.Counts, stateCount{state, counts[state]})
		}
	}
	for _, index := range walk.Raw {
		if of[index] != nil {
			p.Raw = append(p.Raw, of[index])
		}
	}
	p.Verdict = chainVerdict(p, len(walk.Links))
	p.draw()
	return p
}

// fold makes the nodes of a walk, and tells in which of them an entry is.
func fold(walk *verify.Provenance, p *chainPage) map[int64]*chainNode {
	of := map[int64]*chainNode{}
	for _, r := range walk.Nodes {
		n := &chainNode{Report: r, Verdict: r.Verdict, Doubts: r.Doubts}
		if claims, ok := r.Entry.Event.Claims.(*event.TrainingStepClaims); ok {
			for _, have := range p.Nodes {
				if len(have.Steps) > 0 && have.Steps[0].Entry.Event.Claims.(*event.TrainingStepClaims).Run == claims.Run && have.Steps[0].Entry.Event.Source == r.Entry.Event.Source {
					n = have
				}
			}
			n.Steps = append(n.Steps, r)
		}
		of[r.Entry.Index] = n
		if !slices.Contains(p.Nodes, n) {
			p.Nodes = append(p.Nodes, n)
		}
	}
	for _, n := range p.Nodes {
		if len(n.Steps) > 1 {
			slices.SortStableFunc(n.Steps, func(a, b *verify.Report) int { return int(stepOf(a) - stepOf(b)) })
			n.Report, n.Verdict, n.Doubts = n.Steps[len(n.Steps)-1], worst(n.Steps), nil
			for _, s := range n.Steps {
				n.Doubts = append(n.Doubts, s.Doubts...)
			}
		}
		n.Title = nodeTitle(n)
	}
	p.Start = of[walk.Of]
	return of
}

func stepOf(r *verify.Report) int64 { return r.Entry.Event.Claims.(*event.TrainingStepClaims).Step }

// nodeTitle says what a node is.
func nodeTitle(n *chainNode) string {
	if len(n.Steps) > 1 {
		return fmt.Sprintf("%d training steps", len(n.Steps))
	}
	switch claims := n.Entry.Event.Claims.(type) {
	case *event.ModelVersionClaims:
		return "Model version " + boundText(claims.Version, 60).Shown
	case *event.TrainingStepClaims:
		return fmt.Sprintf("Training step %d", claims.Step)
	}
	kind := strings.ReplaceAll(n.Entry.Event.Kind().String(), "-", " ")
	if kind == "dataset" {
		kind = "data set"
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

// chainVerdict says what the whole comes to.
func chainVerdict(p *chainPage, links int) string {
	if links == 0 {
		return "Nothing in the log says what this comes from."
	}
	said := map[verify.LinkState]string{
		verify.LinkProven:  "Every link of this chain is proven: each step of the way was verified here, from the evidence alone.",
		verify.LinkClaimed: "The chain is whole, but not all of it is proven: where it says “claimed”, there is a source’s word and nothing more.",
		verify.LinkWaiting: "Not all of this chain is proven: for a part of it the proof was put off, and has not come.",
		verify.LinkRefused: "Not all of this chain is proven: for a part of it a prover says that there can be no proof.",
		verify.LinkMissing: "The chain breaks off: something on the way is withheld, or is not in the log.",
		verify.LinkBroken:  "The chain does not hold: at one link the two sides differ, although they must be the same.",
		verify.LinkRefuted: "The chain does not hold: something on the way does not verify.",
	}[p.State]
	if len(p.Doubts) > 0 {
		said += " And some of it is in doubt: a key or a statement behind it was revoked later."
	}
	return said
}

// Shape is the shape of the whole: doubts are amber, whatever is proven.
func (p *chainPage) Shape() string {
	m, err := markOf(p.State)
	if err != nil || len(p.Doubts) > 0 && m.Shape != "refused" {
		return "doubt"
	}
	return m.Shape
}

// draw draws the chain, for a wide page and for a narrow one.
func (p *chainPage) draw() {
	c := drawing.Chain{Start: p.Start.Index()}
	for _, n := range p.Nodes {
		by := fmt.Sprintf("Entry %s · %s · %s", words.Number(n.Index()), n.Entry.Event.Source, dayOf(n.Entry.Leaf.Logged))
		if len(n.Steps) > 1 {
			by = fmt.Sprintf("Steps %d to %d · %s · %s", stepOf(n.Steps[0]), stepOf(n.Report), n.Entry.Event.Source, dayOf(n.Entry.Leaf.Logged))
		}
		c.Nodes = append(c.Nodes, drawing.Node{ID: n.Index(), Title: n.Title, Name: boundText(n.Entry.Event.Subject.Name, 120).Shown, By: by,
			Verdict: drawn(n.Verdict), Revoked: len(n.Doubts) > 0, Href: "/entries/" + strconv.FormatInt(n.Index(), 10)})
		for _, l := range n.Links {
			to := int64(-1)
			if l.Target != nil {
				to = l.Target.Index()
			}
			c.Links = append(c.Links, drawing.Link{From: n.Index(), To: to, Name: l.Name, State: drawn(l.State), Revoked: len(l.Doubts) > 0,
				Detail: boundText(l.Detail, 600).Shown, Href: "/entries/" + strconv.FormatInt(l.Entry(), 10)})
		}
	}
	p.Wide, p.Whole = c.SVG(760)
	p.Narrow, _ = c.SVG(344)
}

// drawn is a verdict's mark in a drawing.
func drawn(word any) drawing.Mark {
	m, err := markOf(word)
	if err != nil {
		return drawing.Mark{Word: fmt.Sprint(word), Shape: "doubt"}
	}
	return drawing.Mark{Word: m.Word, Shape: m.Shape}
}

// dayOf is the day of a time in milliseconds since 1970, in UTC.
func dayOf(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02") }
