package web

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Nobody promises in the log how often a source speaks. So a source is held against its own habit: it is overdue once it has been silent for longer than twice
// the longest pause between its last rhythmDays days with an event. One that hasn't spoken on so many days has no habit yet. All by the log's clock.
const (
	rhythmDays    = 5
	overduePauses = 2
)

// rhythm is when a source spoke.
type rhythm struct {
	seq  int64         // number of its last event; 0 if it never spoke
	last *verify.Entry // its last event
	days []int64       // the last days on which it spoke, newest first, in days since 1970
}

const msPerDay = 24 * 60 * 60 * 1000

// pause is the longest pause between its last days, in days; 0 if it has no habit.
func (r *rhythm) pause() (longest int64) {
	if len(r.days) < rhythmDays {
		return 0
	}
	for i := range rhythmDays - 1 {
		longest = max(longest, r.days[i]-r.days[i+1])
	}
	return longest
}

// overdue tells whether the source has been silent for longer than is usual for it.
func (r *rhythm) overdue(now time.Time) bool {
	longest := r.pause()
	return longest > 0 && now.UnixMilli()-r.last.Leaf.Logged > overduePauses*longest*msPerDay
}

// rhythms remembers sources' rhythms: they change only when a source speaks.
type rhythms struct {
	mu    sync.Mutex
	known map[string]*rhythm
}

const (
	maxRhythms   = 10_000
	askingAtOnce = 8
)

// each does so many things, several at once, and gives the first error.
func each(n int, do func(i int) error) error {
	var doing errgroup.Group
	doing.SetLimit(askingAtOnce)
	for i := range n {
		doing.Go(func() error { return do(i) })
	}
	return doing.Wait()
}

// of finds when sources spoke, of which the log says what the number of their last event is.
func (r *rhythms) of(ctx context.Context, v *viewer, last map[string]int64) (map[string]*rhythm, error) {
	found := make(map[string]*rhythm, len(last))
	var mu sync.Mutex
	names := slices.Collect(maps.Keys(last))
	err := each(len(names), func(i int) error {
		name, next := names[i], &rhythm{}
		if seq := last[name]; seq > 0 {
			before := r.get(name)
			if next = before; before == nil || before.seq != seq {
				var err error
				if next, err = listen(ctx, v, name, seq, before); err != nil {
					return err
				}
				r.put(name, next)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		found[name] = next
		return nil
	})
	return found, err
}

func (r *rhythms) get(name string) *rhythm {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[name]
}

func (r *rhythms) put(name string, next *rhythm) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= maxRhythms {
		r.known = map[string]*rhythm{}
	}
	r.known[name] = next
}

// listen asks when a source spoke: for its last event, and back in time day by day, as far as that isn't known from before.
func listen(ctx context.Context, v *viewer, name string, seq int64, before *rhythm) (*rhythm, error) {
	next := &rhythm{seq: seq}
	q := client.Query{Source: name, Descending: true, Limit: 1}
	for len(next.days) < rhythmDays {
		page, err := v.log.Entries(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(page.Entries) == 0 {
			break
		}
		e := page.Entries[0]
		if next.last == nil {
			next.last, next.seq = e, max(seq, e.Event.Seq)
		}
		day := e.Leaf.Logged / msPerDay
		if before != nil && len(before.days) > 0 && day <= before.days[0] {
			next.days = append(next.days, before.days...)
			next.days = next.days[:min(len(next.days), rhythmDays)]
			break
		}
		next.days = append(next.days, day)
		q.To = day*msPerDay - 1
		if q.To <= 0 {
			break
		}
	}
	if next.last == nil { // the log counts an event of it, and lists none
		return &rhythm{}, nil
	}
	return next, nil
}
