package web

import (
	"context"
	"slices"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/words"
)

// entryLink leads to an entry.
type entryLink struct {
	How   string // it hangs together with the one that is shown, such as "data set"
	Index int64
	Title string
	About string // its subject's name: free-form
}

// entryLinks are the entries before and after one, in the source's chain and by what claims refer to.
type entryLinks struct {
	Previous *event.Digest // the source's event before; nil if this is its first
	Next     *entryLink    // the source's event after, where one is at hand
	To, From []entryLink   // what it refers to; what refers to it
	More     int           // of what refers to it, how many were found that From leaves out
	Partly   bool          // more entries than were read may refer to it
}

// referring lists which kinds of events refer to one of a kind. Beside these, an attestation or an erasure can be about any event.
var referring = map[event.Kind][]event.Kind{
	event.Dataset:      {event.DataAccess, event.Anonymization, event.TrainingRun, event.Custom},
	event.TrainingRun:  {event.TrainingStep, event.ModelVersion},
	event.TrainingStep: {event.ModelVersion},
	event.Approval:     {event.ModelVersion},
	event.Policy:       {event.Seal},
}

// maxReferring is how many entries are read to find those that refer to one, and maxLinks how many of these are shown.
const (
	maxReferring = 100
	maxLinks     = 12
)

// members says how an event refers to another by a member of its claims.
var members = map[string]string{
	"dataset": "the data set", "released": "the released data set", "run": "the training run", "step": "the training step", "approval": "the approval",
	"inputs": "a value", "event": "what it is about", "policy": "the policy",
}

// links finds what hangs together with an entry. at has entries that are at hand.
func (v *viewer) links(ctx context.Context, e *verify.Entry, at map[event.Digest]*verify.Entry) (entryLinks, error) {
	var l entryLinks
	for _, ref := range verify.References(e.Event.Claims) {
		if to := at[ref.Event]; to != nil {
			l.To = append(l.To, linkTo(to, members[ref.Member]))
		}
	}
	if !e.Event.Prev.IsZero() {
		l.Previous = &e.Event.Prev
	}
	after, err := v.log.Entries(ctx, client.Query{Source: e.Event.Source, Start: e.Index + 1, Limit: 1})
	if err != nil {
		return l, err
	}
	if len(after.Entries) > 0 && after.Entries[0].Event.Prev == e.Digest {
		link := linkTo(after.Entries[0], "")
		l.Next = &link
	}
	kinds := slices.Concat(referring[e.Event.Kind()], []event.Kind{event.Erasure})
	if e.Event.Proof == event.ProofDeferred {
		kinds = append(kinds, event.Attestation)
	}
	later, err := v.log.Entries(ctx, client.Query{Kinds: kinds, Start: e.Index + 1, Limit: maxReferring})
	if err != nil {
		return l, err
	}
	l.Partly = later.Next != ""
	found := map[int64]bool{}
	add := func(from *verify.Entry) {
		for _, ref := range verify.References(from.Event.Claims) {
			if ref.Event == e.Digest && !found[from.Index] {
				found[from.Index] = true
				l.From = append(l.From, linkTo(from, members[ref.Member]))
			}
		}
	}
	for _, from := range later.Entries {
		add(from)
	}
	for _, from := range at { // such as attestations far behind
		add(from)
	}
	slices.SortFunc(l.From, func(a, b entryLink) int { return int(a.Index - b.Index) })
	if l.More = len(l.From) - maxLinks; l.More > 0 {
		l.From = l.From[:maxLinks]
	}
	l.More = max(l.More, 0)
	return l, nil
}

func linkTo(e *verify.Entry, how string) entryLink {
	return entryLink{How: how, Index: e.Index, Title: words.Of(e.Event, nil).Title, About: e.Event.Subject.Name}
}
