package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/words"
)

const provenanceManual = `Walks from a served model back to raw data: the approval, the training steps and the run that made its weights, the data set, and the
one that it is the anonymized form of. Or from any other entry to what it comes from. Everything on the way is verified; each link is

  proven    a proof shows it
  claimed   a source says so; or waiting, refused: and what became of the proof
  missing   it is withheld, or not in the log, or what the bundle isn't about
  broken    the commitments on its two sides differ
  refuted   the entry that makes it doesn't verify

and REVOKED, too, where a revocation reaches back to it: it stands, in doubt. Named by a SUBJECT, the walk begins with its newest model version, or
without one with its newest data set, or else its newest event; name an entry for another one. With --bundle, it stays within a file that attestlog bundle made, without a network.
With --json, it is what GET /v1/provenance answers with, but walked here.

The exit code is 3 where a link is refuted or broken, and 6 where one is in doubt. What is only claimed or missing is said, and isn't an error.
`

type provenance struct {
	log      logFlags
	file     string
	accesses bool
}

func bindProvenance(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	p := new(provenance)
	p.log.bind(fs)
	fs.StringVar(&p.file, "bundle", "", "walk within a bundle, a `file`, and ask nobody")
	fs.BoolVar(&p.accesses, "accesses", false, "show what was read of the data sets, too")
	return p.run
}

func (p *provenance) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("name one subject, or one entry by its index or digest")
	}
	report, index, err := p.trace(ctx, t, args[0])
	if err != nil {
		return err
	}
	walk, err := report.Provenance(index)
	if err != nil {
		return err
	}
	t.walk(walk, report.Head)
	if t.json {
		t.printJSON(walk.Walk(report.Head))
	}
	if state := walk.State(); state == verify.LinkRefuted || state == verify.LinkBroken {
		return &failure{exitUnverified, fmt.Errorf("a link is %s", state)}
	}
	return inDoubtCode(walk.Doubts())
}

// trace gets the evidence about the walk, verified. What is wrong with a single entry is said by its links.
func (p *provenance) trace(ctx context.Context, t *terminal, name string) (*verify.BundleReport, int64, error) {
	ref, err := parseReference(name)
	bySubject := err != nil
	if p.file != "" {
		report, err := p.log.readBundle(p.file)
		if report == nil || len(report.Claims) == 0 {
			return nil, 0, err
		}
		index, err := within(report, ref, bySubject, name)
		return report, index, err
	}
	r, err := p.log.connect(t)
	if err != nil {
		return nil, 0, err
	}
	if bySubject {
		if ref, err = newest(ctx, r, name); r.judge(ctx, err) != nil {
			return nil, 0, r.judge(ctx, err)
		}
	}
	index, head, err := r.locate(ctx, ref)
	if err := r.judge(ctx, err); err != nil {
		return nil, 0, err
	}
	b, err := verify.Trace(ctx, r.Library(), head, index, p.accesses)
	if err := r.judge(ctx, err); err != nil {
		return nil, 0, err
	}
	report, err := b.Verify(r.Key(), r.policy)
	if len(report.Claims) == 0 {
		return nil, 0, &failure{exitUnverified, err}
	}
	return report, index, nil
}

// newest is a subject's newest model version, or, if it has none, its newest data set, or its newest event.
func newest(ctx context.Context, r *remote, subject string) (reference, error) {
	for _, kinds := range [][]event.Kind{{event.ModelVersion}, {event.Dataset}, nil} {
		page, err := r.Entries(ctx, client.Query{Kinds: kinds, Subject: subject, Descending: true, Limit: 1})
		if err != nil {
			return reference{}, err
		}
		if len(page.Entries) > 0 {
			return reference{index: page.Entries[0].Index}, nil
		}
	}
	return reference{}, fmt.Errorf("the log has no event about %q", subject)
}

// within finds the entry in what a bundle is about.
func within(report *verify.BundleReport, ref reference, bySubject bool, subject string) (int64, error) {
	found, best := int64(-1), 0
	for _, c := range report.Claims {
		e := c.Entry
		switch {
		case bySubject:
			rank := 1 + slices.Index([]event.Kind{event.Dataset, event.ModelVersion}, e.Event.Kind())
			if e.Event.Subject.Name == subject && rank >= best {
				found, best = e.Index, rank
			}
		case ref.byHash && e.Digest == ref.digest, !ref.byHash && e.Index == ref.index:
			found = e.Index
		}
	}
	if found < 0 {
		return 0, errors.New("the bundle is not about that")
	}
	return found, nil
}

// walk prints where an entry comes from.
func (t *terminal) walk(p *verify.Provenance, head verify.Head) {
	about := map[int64]*verify.Report{}
	for _, n := range p.Nodes {
		about[n.Entry.Index] = n
	}
	start := about[p.Of]
	t.say("Entry %d, %s by %s: %s", p.Of, start.Entry.Event.Kind(), start.Entry.Event.Source, verdictWords(start))
	t.relyOnReports(p.Nodes)
	for _, l := range p.Links {
		to := "nothing"
		if l.To >= 0 {
			to = fmt.Sprintf("entry %d", l.To)
			if n := about[l.To]; n != nil {
				to = fmt.Sprintf("entry %d, %s %q by %s", l.To, n.Entry.Event.Kind(), n.Entry.Event.Subject.Name, n.Entry.Event.Source)
			}
		}
		revoked := ""
		if len(l.Doubts) > 0 {
			revoked = ", REVOKED"
		}
		t.say("\n  %-8s entry %d → %s: %s%s", l.State, l.From, l.Name, to, revoked)
		if len(l.Via) > 0 {
			t.say("           by entries %v", l.Via)
		}
		t.say("           %s", wrap(l.Detail, "           ", 100))
		for _, s := range l.Sides {
			words := "the same on both sides"
			if !s.Equal() {
				words = fmt.Sprintf("DIFFERENT: %s here, %s there", s.From, s.To)
			}
			t.say("           %s: %s", s.Name, words)
		}
		for _, d := range l.Doubts {
			t.say("           ! %s", wrap(d, "             ", 100))
		}
	}
	for _, index := range p.Raw {
		t.say("\n  Entry %d is where it begins: nothing here says that %q was made of other data.", index, about[index].Entry.Event.Subject.Name)
	}
	t.say("\nThe weakest of %s is %s%s. All of it is in %s's tree of %s entries.", words.Count(len(p.Links), "link"), p.State(), inDoubts(p.Doubts()), head.Origin, words.Number(head.Size))
	t.relyOnStatements(p.Statements()...)
}
