package verify

import (
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
)

// Walk is a Provenance as programs exchange it: what GET /v1/provenance answers with, and what attestlog provenance prints with --json. It is
// somebody's word; who doesn't want to take it for his own walks through a bundle.
type Walk struct {
	Subject string    `json:"subject"`
	Of      int64     `json:"of"`
	State   LinkState `json:"state"` // of the weakest link
	// Doubts are the revocations that reach back to any of it.
	Doubts     []string        `json:"doubts"`
	Nodes      []WalkNode      `json:"nodes"`
	Links      []WalkLink      `json:"links"`
	Raw        []int64         `json:"raw"`        // data sets of which nothing says that they were made of others
	Statements []WalkStatement `json:"statements"` // under which anything of it is proven
	// Untrusted names those whose proofs somebody could forge: the keys come from a one-party set-up, or from elsewhere.
	Untrusted  []string `json:"untrusted"`
	Trusted    []string `json:"trusted"` // what stays trusted
	Origin     string   `json:"origin"`
	Size       int64    `json:"size"`
	Checkpoint string   `json:"checkpoint"` // the signed head of the tree in which all of it stands
}

// WalkNode is an entry on the way.
type WalkNode struct {
	Index    int64        `json:"index"`
	Digest   event.Digest `json:"digest"` // of the event
	Kind     string       `json:"kind"`
	Source   string       `json:"source"`
	Subject  string       `json:"subject"`
	Logged   int64        `json:"logged"` // the log's time, milliseconds since 1970
	Verdict  Verdict      `json:"verdict"`
	Sentence string       `json:"sentence"`
	Doubts   []string     `json:"doubts"`
}

// WalkLink is a Link.
type WalkLink struct {
	Name    string     `json:"name"`
	From    int64      `json:"from"`
	To      *int64     `json:"to,omitempty"` // absent where there is nothing
	Via     []int64    `json:"via"`          // entries that make the link and are no nodes
	State   LinkState  `json:"state"`
	Revoked bool       `json:"revoked"` // there are doubts
	Detail  string     `json:"detail"`
	Sides   []WalkSide `json:"sides"`
	Doubts  []string   `json:"doubts"`
}

// WalkSide are Sides.
type WalkSide struct {
	Name  string        `json:"name"`
	From  event.Element `json:"from"`
	To    event.Element `json:"to"`
	Equal bool          `json:"equal"`
}

// WalkStatement is a statement that proofs on the way rest on.
type WalkStatement struct {
	Digest event.Digest `json:"digest"` // of its verifying key
	Name   string       `json:"name"`
	Setup  event.Setup  `json:"setup"`
	Index  int64        `json:"index"` // of the entry that registered it
}

// Trusted are the sentences that stay trusted under anything on the way, each once.
func (p *Provenance) Trusted() (all []string) {
	add := func(n *Report) {
		for _, sentence := range n.Trusted {
			if !slices.Contains(all, sentence) {
				all = append(all, sentence)
			}
		}
	}
	for _, n := range p.Nodes {
		add(n)
	}
	for i := range p.Links {
		for _, n := range p.Links[i].via {
			add(n)
		}
	}
	return all
}

// Reports are the reports about the entries that make the link and are no nodes of the walk.
func (l *Link) Reports() []*Report { return l.via }

// Walk makes a document of it, about entries of the tree with that head.
func (p *Provenance) Walk(head Head) *Walk {
	w := &Walk{Of: p.Of, State: p.State(), Doubts: list(p.Doubts()), Nodes: []WalkNode{}, Links: []WalkLink{}, Raw: list(p.Raw), Statements: []WalkStatement{}, Untrusted: []string{},
		Trusted: list(p.Trusted()), Origin: head.Origin, Size: head.Size, Checkpoint: string(head.Note)}
	for _, n := range p.Nodes {
		e := n.Entry
		if e.Index == p.Of {
			w.Subject = e.Event.Subject.Name
		}
		w.Nodes = append(w.Nodes, WalkNode{Index: e.Index, Digest: e.Digest, Kind: e.Event.Kind().String(), Source: e.Event.Source, Subject: e.Event.Subject.Name,
			Logged: e.Leaf.Logged, Verdict: n.Verdict, Sentence: n.Sentence, Doubts: list(n.Doubts)})
	}
	for _, l := range p.Links {
		out := WalkLink{Name: l.Name, From: l.From, Via: list(l.Via), State: l.State, Revoked: len(l.Doubts) > 0, Detail: l.Detail, Sides: []WalkSide{}, Doubts: list(l.Doubts)}
		if l.To >= 0 {
			out.To = &l.To
		}
		for _, s := range l.Sides {
			out.Sides = append(out.Sides, WalkSide{s.Name, s.From, s.To, s.Equal()})
		}
		w.Links = append(w.Links, out)
	}
	for _, s := range p.Statements() {
		w.Statements = append(w.Statements, WalkStatement{s.ID, s.Claims.Name, s.Claims.Setup, s.Registered})
		if s.Claims.Setup != event.SetupCeremony {
			w.Untrusted = append(w.Untrusted, s.Claims.Name)
		}
	}
	return w
}

// list is one that JSON shows as [] where there is nothing.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
