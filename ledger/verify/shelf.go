package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
)

// shelf has entries at hand, by all that they are looked up by: what a Library answers, without a log behind it. The zero shelf is empty.
type shelf struct {
	entries      []*Entry // by index
	byIndex      map[int64]*Entry
	byDigest     map[event.Digest]*Entry // the first of that digest
	sources      map[string][]int64
	statements   map[event.Digest][]int64
	attestations map[event.Digest][]int64
	referring    map[event.Digest][]*Entry // those whose claims refer to an event
}

// newShelf sorts entries by index and looks into them.
func newShelf(entries []*Entry) *shelf {
	s := &shelf{entries: entries, byIndex: map[int64]*Entry{}, byDigest: map[event.Digest]*Entry{}, sources: map[string][]int64{},
		statements: map[event.Digest][]int64{}, attestations: map[event.Digest][]int64{}, referring: map[event.Digest][]*Entry{}}
	slices.SortFunc(s.entries, func(a, b *Entry) int { return int(a.Index - b.Index) })
	for _, e := range s.entries {
		s.byIndex[e.Index] = e
		if s.byDigest[e.Digest] == nil {
			s.byDigest[e.Digest] = e
		}
		switch c := e.Event.Claims.(type) {
		case *event.SourceClaims:
			s.sources[c.Source] = append(s.sources[c.Source], e.Index)
		case *event.StatementClaims:
			id := c.Statement
			if c.Action == event.StatementRegister {
				id = StatementID(c.VerifyingKey)
			}
			s.statements[id] = append(s.statements[id], e.Index)
		case *event.AttestationClaims:
			s.attestations[c.Event] = append(s.attestations[c.Event], e.Index)
		}
		for _, ref := range References(e.Event.Claims) {
			s.referring[ref.Event] = append(s.referring[ref.Event], e)
		}
	}
	return s
}

// at is the entry of an index.
func (s *shelf) at(_ context.Context, index int64) (*Entry, error) {
	if e := s.byIndex[index]; e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("entry %d is not there", index)
}

// Its other methods make it an index.

func (s *shelf) Find(_ context.Context, d event.Digest) (int64, error) {
	if e := s.byDigest[d]; e != nil {
		return e.Index, nil
	}
	return 0, fmt.Errorf("event %s is not there", d)
}

func (s *shelf) SourceEntries(_ context.Context, source string) ([]int64, error) {
	return s.sources[source], nil
}

func (s *shelf) StatementEntries(_ context.Context, id event.Digest) ([]int64, error) {
	return s.statements[id], nil
}

func (s *shelf) Attestations(_ context.Context, d event.Digest) ([]int64, error) {
	return s.attestations[d], nil
}
