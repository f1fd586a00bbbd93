package verify

import "github.com/attestlog/attestlog/ledger/event"

// Chain is where a source's numbering stands: what its next event must say.
// The zero Chain is not valid; a source without events is at NewChain.
type Chain struct {
	Seq  int64        // the next event's number, from 1
	Prev event.Digest // the digest of the event before it
}

// NewChain is the state of a source that has said nothing yet.
func NewChain() Chain { return Chain{Seq: 1} }

// After is the state of a source whose last event is e with the digest d.
func After(e *event.Event, d event.Digest) Chain { return Chain{Seq: e.Seq + 1, Prev: d} }

// Judge tells whether e may be the source's next event. Sources number across rotations of their keys, so the chain only ever grows.
func (c Chain) Judge(e *event.Event) error {
	switch {
	case e.Seq > c.Seq:
		return c.expected(violates(RuleSequenceGap, "source %s is at number %d; number %d would leave a gap", e.Source, c.Seq, e.Seq))
	case e.Seq < c.Seq:
		return c.expected(violates(RuleSequenceFork, "source %s is at number %d; number %d is taken by another event", e.Source, c.Seq, e.Seq))
	case e.Prev != c.Prev:
		return c.expected(violates(RuleSequenceFork, "number %d of source %s must name %s as prev, not %s", e.Seq, e.Source, c.Prev, e.Prev))
	}
	return nil
}

func (c Chain) expected(v *Violation) *Violation {
	v.Expected = &c
	return v
}
