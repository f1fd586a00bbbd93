package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
)

// Summary counts the log's events, in the log's words: to check them takes all of the entries.
type Summary struct {
	Size    int64          // of the log
	Counted int64          // the first so many entries are counted: fewer than Size while a log that was just started counts
	Head    *PublishedHead // the newest published head, verified; nil before the first
	Kinds   []Tally        // of all days; Day is zero
	Days    []Tally        // of the days that were asked for, in order; without those that have none
}

// Tally counts events of a kind, each once and on its own day. An attestation is an event that is claimed, and changes what its event is.
type Tally struct {
	Day     time.Time // begins then, UTC
	Kind    event.Kind
	Proven  int64 // the log has verified a proof
	Claimed int64 // the source's word
	Waiting int64 // the proof is deferred, and nobody has attested it
	Refused int64 // a proving worker says that it can't be proven
}

// Total is how many events a tally counts.
func (t *Tally) Total() int64 { return t.Proven + t.Claimed + t.Waiting + t.Refused }

type wireTally struct {
	Claimed int64  `json:"claimed"`
	Day     string `json:"day"`
	Kind    string `json:"kind"`
	Proven  int64  `json:"proven"`
	Refused int64  `json:"refused"`
	Waiting int64  `json:"waiting"`
}

func (w *wireTally) open(daily bool) (Tally, error) {
	t := Tally{Proven: w.Proven, Claimed: w.Claimed, Waiting: w.Waiting, Refused: w.Refused}
	var err error
	if t.Kind, err = event.ParseKind(w.Kind); err != nil {
		return t, alarm(err, "the log counts what is no kind of event")
	}
	if daily {
		if t.Day, err = time.Parse(time.DateOnly, w.Day); err != nil {
			return t, alarm(err, "the log counts events of what is no day")
		}
	}
	return t, nil
}

// Summary asks how many events there are of each kind and how many of them are proven, and the same for each of the newest days up to
// today (1 to 3,660).
func (c *Client) Summary(ctx context.Context, days int) (*Summary, error) {
	var wire struct {
		Counted int64          `json:"counted"`
		Days    []wireTally    `json:"days"`
		Head    *wirePublished `json:"head"`
		Kinds   []wireTally    `json:"kinds"`
		Size    int64          `json:"size"`
	}
	if err := c.get(ctx, "v1/summary", url.Values{"days": {strconv.Itoa(days)}}, maxList, &wire); err != nil {
		return nil, err
	}
	s := &Summary{Size: wire.Size, Counted: wire.Counted}
	if wire.Head != nil {
		head, err := c.heads.published(ctx, wire.Head)
		if err != nil {
			return nil, err
		}
		s.Head = &head
	}
	for _, list := range []struct {
		from  []wireTally
		to    *[]Tally
		daily bool
	}{{wire.Kinds, &s.Kinds, false}, {wire.Days, &s.Days, true}} {
		for i := range list.from {
			t, err := list.from[i].open(list.daily)
			if err != nil {
				return nil, err
			}
			*list.to = append(*list.to, t)
		}
	}
	return s, nil
}
