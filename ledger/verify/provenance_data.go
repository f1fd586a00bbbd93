package verify

import (
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
)

// generalization is what chunks have in common that may make one release together.
type generalization struct {
	raw       event.Digest
	hierarchy event.Element
	chunkRows int64
}

// dataset links a data set to those of which it is the anonymized form, and what was read of it to it.
func (w *walk) dataset(c *check) {
	chunks := map[generalization][]*check{}
	var order []generalization
	var accesses []*check
	for _, e := range c.referring[c.Entry.Digest] {
		by := w.checks[e.Index]
		if by == nil || e.Index < c.Entry.Index {
			continue
		}
		switch claims := e.Event.Claims.(type) {
		case *event.DataAccessClaims:
			accesses = append(accesses, by)
		case *event.AnonymizationClaims:
			if claims.Released != c.Entry.Digest {
				continue
			}
			g := generalization{claims.Dataset, claims.Hierarchy, claims.ChunkRows}
			if chunks[g] == nil {
				order = append(order, g)
			}
			chunks[g] = append(chunks[g], by)
		}
	}
	if len(order) == 0 {
		w.Raw = append(w.Raw, c.Entry.Index)
	}
	var releases []Link
	for _, g := range order {
		releases = append(releases, release(g, chunks[g]))
	}
	// Of several, those that hold make those that don't unimportant: anybody may claim a chunk.
	holds := func(l Link) bool { return l.State == LinkProven }
	for _, l := range releases {
		if holds(l) || !slices.ContainsFunc(releases, holds) {
			l.From = c.Entry.Index
			if raw := w.checks[l.To]; raw != nil && raw.Verdict == Refuted {
				l.State = LinkRefuted
			}
			w.Links = append(w.Links, l)
		}
	}
	for _, by := range accesses {
		if !w.seen[by.Entry.Index] {
			w.from(by)
			w.seen[by.Entry.Index] = true
			w.Nodes = append(w.Nodes, by.Report)
		}
	}
}

// release is the link that the chunks of one generalization make: proven if those that are proven make one release, and otherwise as good as the worst of
// them. Several may be about the same chunk, of which the best counts.
func release(g generalization, all []*check) Link {
	best := map[int64]*check{}
	for _, c := range all {
		n := c.Entry.Event.Claims.(*event.AnonymizationClaims).Chunk
		if have := best[n]; have == nil || better(c, have) {
			best[n] = c
		}
	}
	l := Link{Name: "raw data", To: -1, State: LinkProven}
	var chunks []*check
	for _, c := range all { // in the order of the log
		if best[c.Entry.Event.Claims.(*event.AnonymizationClaims).Chunk] != c {
			continue
		}
		chunks = append(chunks, c)
		l.Via, l.via = append(l.Via, c.Entry.Index), append(l.via, c.Report)
		l.State = worse(l.State, state(c))
		l.Doubts = append(l.Doubts, c.Doubts...)
		if raw := c.to(g.raw); raw != nil {
			l.To = raw.Index
		}
	}
	whole, err := compose(chunks)
	switch {
	case err == nil:
		l.Detail = whole.String()
	case l.State == LinkProven:
		l.State, l.Detail = LinkMissing, "the chunks don't make a whole release: "+err.Error()
	default:
		l.Detail = err.Error()
	}
	return l
}

// better tells whether a report about a chunk counts more than another one about it.
func better(a, b *check) bool {
	if state(a) != state(b) {
		return worse(state(a), state(b)) == state(b)
	}
	return len(a.Doubts) == 0 && len(b.Doubts) > 0
}
