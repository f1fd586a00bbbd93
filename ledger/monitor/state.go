package monitor

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/attestlog/attestlog/ledger/monitor/internal/audit"
	"github.com/attestlog/attestlog/ledger/monitor/internal/store"
	"github.com/attestlog/attestlog/ledger/verify"
)

// change is a line of the journal: what is there is new, what isn't stays as it was.
type change struct {
	// Begun is when the log was first followed.
	Begun *int64 `json:"begun,omitempty"`
	// Size is how many entries were taken from the log, all of them under heads that it signed, and Root the root of their tree. Audit is where
	// the audit stands with them, with the chains of those sources that said something.
	Size  *int64       `json:"size,omitempty"`
	Root  []byte       `json:"root,omitempty"`
	Audit *audit.State `json:"audit,omitempty"`
	// Head is a head that was found to be of the history that this monitor has.
	Head *seen `json:"head,omitempty"`
	// Pending replaces the heads that the log signed and that this monitor hasn't come to yet.
	Pending *[]seen `json:"pending,omitempty"`
	// Alarms are new.
	Alarms []Alarm `json:"alarms,omitempty"`
	// Beyond counts alarms of kinds of which there were too many.
	Beyond map[Kind]int64 `json:"beyond,omitempty"`
	// Matches is how many bytes of the file of matches count, and Told how many of them the webhook took.
	Matches *int64 `json:"matches,omitempty"`
	Told    *int64 `json:"told,omitempty"`
	// Delivered are the ids of alarms that the webhook took.
	Delivered []string `json:"delivered,omitempty"`
}

// seen is a signed head, with where it was seen first.
type seen struct {
	Note string `json:"note"`
	From string `json:"from"`
	Time int64  `json:"time"`
	head verify.Head
}

// state is what the journal comes to.
type state struct {
	begun     int64
	size      int64
	root      [32]byte
	audit     audit.State
	heads     []seen // by size; all are of the one history, and none is larger than size
	pending   []seen // by size
	alarms    []Alarm
	raised    map[string]bool // ids
	beyond    map[Kind]int64
	delivered map[string]bool
	matches   int64
	told      int64
}

const (
	maxHeads   = 4096 // kept; older ones add nothing: newer ones continue them
	maxPending = 64
	// compactAt is the size of a journal, in bytes, from which it is compacted when it has become four times as large as it need be.
	compactAt = 4 << 20
)

func newState() *state {
	return &state{raised: map[string]bool{}, beyond: map[Kind]int64{}, delivered: map[string]bool{}, audit: audit.State{Chains: map[string]verify.Chain{}}}
}

// read applies a line of the journal. The notes in it are opened again: damage has no signature.
func (s *state) read(line []byte, open func(note []byte) (verify.Head, error)) error {
	var c change
	if err := json.Unmarshal(line, &c); err != nil {
		return err
	}
	heads := []*seen{}
	if c.Head != nil {
		heads = append(heads, c.Head)
	}
	if c.Pending != nil {
		for i := range *c.Pending {
			heads = append(heads, &(*c.Pending)[i])
		}
	}
	for _, h := range heads {
		head, err := open([]byte(h.Note))
		if err != nil {
			return fmt.Errorf("a head that was kept: %w", err)
		}
		h.head = head
	}
	s.apply(&c)
	return nil
}

func (s *state) apply(c *change) {
	if c.Begun != nil {
		s.begun = *c.Begun
	}
	if c.Size != nil {
		s.size = *c.Size
		copy(s.root[:], c.Root)
	}
	if c.Audit != nil {
		chains := s.audit.Chains
		for name, chain := range c.Audit.Chains {
			chains[name] = chain
		}
		s.audit = *c.Audit
		s.audit.Chains = chains
	}
	if c.Head != nil {
		at, found := slices.BinarySearchFunc(s.heads, c.Head.head.Size, func(h seen, size int64) int { return int(h.head.Size - size) })
		if found {
			s.heads[at] = *c.Head // the same with newer cosignatures
		} else {
			s.heads = slices.Insert(s.heads, at, *c.Head)
		}
		if len(s.heads) > maxHeads {
			s.heads = slices.Delete(s.heads, 0, len(s.heads)-maxHeads)
		}
	}
	if c.Pending != nil {
		s.pending = *c.Pending
	}
	for _, a := range c.Alarms {
		s.alarms = append(s.alarms, a)
		s.raised[a.ID] = true
	}
	for kind, n := range c.Beyond {
		s.beyond[kind] += n
	}
	if c.Matches != nil {
		s.matches = *c.Matches
	}
	if c.Told != nil {
		s.told = *c.Told
	}
	for _, id := range c.Delivered {
		s.delivered[id] = true
	}
}

// whole is the changes that lead to the state.
func (s *state) whole() []*change {
	all := []*change{{Begun: &s.begun, Size: &s.size, Root: s.root[:], Audit: &s.audit, Pending: &s.pending, Alarms: s.alarms, Beyond: s.beyond, Matches: &s.matches, Told: &s.told}}
	for id := range s.delivered {
		all[0].Delivered = append(all[0].Delivered, id)
	}
	slices.Sort(all[0].Delivered)
	for i := range s.heads {
		all = append(all, &change{Head: &s.heads[i]})
	}
	return all
}

func (s *state) count(kind Kind) (n int) {
	for i := range s.alarms {
		if s.alarms[i].Kind == kind {
			n++
		}
	}
	return n
}

// newest is the largest head of the one history; false if there is none.
func (s *state) newest() (seen, bool) {
	if len(s.heads) == 0 {
		return seen{}, false
	}
	return s.heads[len(s.heads)-1], true
}

// at finds the head of a size that is of the one history.
func (s *state) at(size int64) (seen, bool) {
	i, found := slices.BinarySearchFunc(s.heads, size, func(h seen, size int64) int { return int(h.head.Size - size) })
	if !found {
		return seen{}, false
	}
	return s.heads[i], true
}

// commit makes a change durable, and then makes it. l.mu is held. After an error nothing more can be committed.
func (l *Log) commit(c *change) error {
	line, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("couldn't write down what changed: %w", err)
	}
	if err := l.journal.Append(line); err != nil {
		return err
	}
	l.state.apply(c)
	if size := l.journal.Size(); size > compactAt && size > 4*l.compacted {
		if err := l.compact(); err != nil {
			return err
		}
	}
	l.show()
	return nil
}

func (l *Log) compact() error {
	var lines [][]byte
	for _, c := range l.state.whole() {
		line, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("couldn't compact the journal: %w", err)
		}
		lines = append(lines, line)
	}
	if err := l.journal.Rewrite(lines...); err != nil {
		return err
	}
	l.compacted = l.journal.Size()
	return nil
}

// readState reads the journal of a log whose monitor may be running.
func readState(path string) (*state, error) {
	s := newState()
	err := store.ReadJournal(path, func(line []byte) error {
		return s.read(line, func(note []byte) (verify.Head, error) { return peek(note) })
	})
	return s, err
}
