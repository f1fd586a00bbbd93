package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// collected is what a report is made of, and cites.
type collected struct {
	*reportQuery
	size    int64
	most    int             // entries about the system
	inFile  int             // entries
	entries []*verify.Entry // about the system in the period, in the log's order
	next    int64           // there are more after this entry; −1 if these are all
	chains  map[string]*sourceChain
	origins []*verify.Entry // the anonymizations that data sets in the report came out of
	partly  bool            // not all of these were looked for

	head    verify.Head
	reports map[int64]*verify.Report // of all that is cited, but for what only stands behind it
	at      map[event.Digest]*verify.Entry
	index   map[int64]*verify.Entry // what is in the evidence
}

// sourceChain are the events of one source in the period, about whatever system.
type sourceChain struct {
	Name    string
	Entries []*verify.Entry // in its order
	About   int             // of these, about the system
	Gap     string          // what is wrong with the chain; empty if each event follows the one before it
	Cut     bool            // there are more than the report has room for
}

// First and Last are the numbers of the first and the last event that was read.
func (s *sourceChain) First() int64 { return s.Entries[0].Event.Seq }
func (s *sourceChain) Last() int64  { return s.Entries[len(s.Entries)-1].Event.Seq }

// bundleOf asks for the evidence about entries.
func bundleOf(entries []int64, size int64) client.BundleQuery {
	return client.BundleQuery{Entries: entries, Size: size}
}

// systemsOfReports lists systems to choose from.
func (v *viewer) systemsOfReports(r *http.Request) ([]*system, bool, error) {
	return v.systems(r, event.ModelVersion)
}

// collect finds the entries of a report. It is the same for the same query and tree, whenever it is asked.
func (v *viewer) collect(ctx context.Context, q *reportQuery) (*collected, error) {
	newest, err := v.newest.get(ctx, v)
	if err != nil {
		return nil, err
	}
	c := &collected{reportQuery: q, size: q.Size, inFile: v.reports.File, next: -1, chains: map[string]*sourceChain{}, at: map[event.Digest]*verify.Entry{}, index: map[int64]*verify.Entry{}, reports: map[int64]*verify.Report{}}
	if c.most = v.reports.Entries; q.Long {
		c.most = v.reports.Long
	}
	if c.size == 0 {
		c.size = newest.Size
	}
	begin := q.begin
	if q.After >= 0 { // begin there, and not at the beginning of the period
		page, err := v.log.Entry(ctx, q.After)
		if err != nil {
			return nil, err
		}
		begin = max(begin, page.Logged)
	}
	asked := client.Query{Subject: q.Subject, From: begin, To: q.end, Limit: c.most + 1}
	err = v.log.EachEntry(ctx, asked, func(e *verify.Entry) bool {
		switch {
		case e.Index <= q.After:
			return true
		case e.Index >= c.size:
			return false
		case len(c.entries) == c.most:
			c.next = c.entries[len(c.entries)-1].Index
			return false
		}
		c.entries = append(c.entries, e)
		return true
	})
	if err != nil || len(c.entries) == 0 {
		return c, err
	}
	var collecting errgroup.Group
	collecting.Go(func() error { return v.collectChains(ctx, c, begin) })
	collecting.Go(func() error { return v.collectOrigins(ctx, c) })
	return c, collecting.Wait()
}

// chaining is what the chains of a report's sources have in common.
type chaining struct {
	about map[int64]bool // the entries about the system
	after int64          // the chains are of entries behind this one …
	last  int64          // … up to this one
	room  int            // for entries that aren't about the system: the sources share it
}

// take adds an entry to a source's chain, and tells whether the next one is wanted.
func (c *chaining) take(s *sourceChain, e *verify.Entry) (more bool) {
	switch {
	case e.Index <= c.after:
		return true
	case e.Index > c.last:
		return false
	case c.about[e.Index]:
		s.About++
	case c.room == 0:
		s.Cut = true
		return false
	default:
		c.room--
	}
	s.Entries = append(s.Entries, e)
	return true
}

// collectChains reads, of each source that spoke about the system, all that it said in the period: only that shows whether anything is missing.
func (v *viewer) collectChains(ctx context.Context, c *collected, begin int64) error {
	shared := &chaining{about: map[int64]bool{}, after: c.After, last: c.size - 1, room: c.most / v.reports.Chained}
	spoke := map[string]int{} // about the system
	for _, e := range c.entries {
		shared.about[e.Index] = true
		spoke[e.Event.Source]++
		c.chains[e.Event.Source] = &sourceChain{Name: e.Event.Source}
	}
	end := c.end
	if c.next >= 0 {
		shared.last = c.next
		if until := c.entries[len(c.entries)-1].Leaf.Logged; end == 0 || until < end {
			end = until
		}
	}
	for names := range slices.Chunk(slices.Sorted(maps.Keys(c.chains)), askingAtOnce) {
		// Of most sources little is wanted, and all of it is on the first page.
		asked := func(name string) client.Query { return client.Query{Source: name, From: begin, To: end, Limit: 50} }
		first := make([]client.Page, len(names))
		err := each(len(names), func(i int) (err error) {
			first[i], err = v.log.Entries(ctx, asked(names[i]))
			return err
		})
		if err != nil {
			return err
		}
		for i, name := range names {
			s := c.chains[name]
			if err := v.goOn(ctx, asked(name), first[i], func(e *verify.Entry) bool { return shared.take(s, e) }); err != nil {
				return err
			}
			if s.Cut { // of the rest, what is about the system is in the report all the same
				s.About = spoke[name]
			}
			s.Gap = gapIn(s.Entries)
		}
	}
	return nil
}

// goOn visits the entries that a query lists, of which the first page is at hand, until visit has enough.
func (v *viewer) goOn(ctx context.Context, q client.Query, first client.Page, visit func(*verify.Entry) (more bool)) error {
	for _, e := range first.Entries {
		if !visit(e) {
			return nil
		}
	}
	if first.Next == "" {
		return nil
	}
	q.Cursor = first.Next
	return v.log.EachEntry(ctx, q, visit)
}

// gapIn says where a source's events don't follow each other, by their numbers and by the digests with which each names the one before it.
func gapIn(entries []*verify.Entry) string {
	for i := 1; i < len(entries); i++ {
		before, e := entries[i-1], entries[i]
		if e.Event.Seq != before.Event.Seq+1 {
			return fmt.Sprintf("entry %d has number %d, and entry %d after it number %d", before.Index, before.Event.Seq, e.Index, e.Event.Seq)
		}
		if e.Event.Prev != before.Digest {
			return fmt.Sprintf("entry %d names another event before it than entry %d", e.Index, before.Index)
		}
	}
	return ""
}

// collectOrigins finds the anonymizations that the data sets came out of that the system read or trained on.
func (v *viewer) collectOrigins(ctx context.Context, c *collected) error {
	var sets []event.Digest
	for _, e := range c.entries {
		for _, ref := range verify.References(e.Event.Claims) {
			if ref.Kind == event.Dataset && !slices.Contains(sets, ref.Event) {
				sets = append(sets, ref.Event)
			}
		}
	}
	if c.partly = len(sets) > v.reports.Origins; c.partly {
		sets = sets[:v.reports.Origins]
	}
	found := make([]client.Page, len(sets))
	err := each(len(sets), func(i int) (err error) {
		found[i], err = v.log.Entries(ctx, client.Query{Kinds: []event.Kind{event.Anonymization}, Text: sets[i].String(), Limit: v.reports.Chunks})
		return err
	})
	if err != nil {
		return err
	}
	for i, page := range found {
		c.partly = c.partly || page.Next != ""
		for _, e := range page.Entries {
			if claims, ok := e.Event.Claims.(*event.AnonymizationClaims); ok && claims.Released == sets[i] && e.Index < c.size {
				c.origins = append(c.origins, e)
			}
		}
	}
	return nil
}

// cited are the entries that the evidence is about, by index.
func (c *collected) cited() []int64 {
	var all []int64
	add := func(entries []*verify.Entry) {
		for _, e := range entries {
			all = append(all, e.Index)
		}
	}
	add(c.entries)
	add(c.origins)
	for _, s := range c.chains {
		add(s.Entries)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// files are the entries that each file of evidence is about.
func (c *collected) files() [][]int64 { return slices.Collect(slices.Chunk(c.cited(), c.inFile)) }

// judgeCited fetches all evidence of a report, and verifies it.
func (v *viewer) judgeCited(ctx context.Context, c *collected) error {
	for _, file := range c.files() {
		_, report, err := v.evidence(ctx, file, c.size)
		if err != nil {
			return err
		}
		c.head = report.Head
		for _, r := range report.Claims {
			c.reports[r.Entry.Index] = r
		}
		for _, e := range report.Entries() {
			c.at[e.Digest], c.index[e.Index] = e, e
		}
	}
	return nil
}
