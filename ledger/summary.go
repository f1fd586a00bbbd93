package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/ledger/event"
)

// Summary counts the log's events by the day on which they were logged, their kind, and what became of their claims.
type Summary struct {
	Size    int64 // of the log
	Counted int64 // the first so many entries are counted: fewer than Size while a large log is counted for the first time
	Head    *PublishedHead
	Kinds   []Tally // of all days, in the order of kinds
	Days    []Tally // of the days that were asked for, in their order, then in that of kinds
}

// Tally counts events of a kind; of a day, where it is in Summary.Days. Each event is counted once, on its own day: an attestation moves
// the event that it is about, and is itself an event whose claims stand as its source's word.
type Tally struct {
	Day     int64 // days since 1970-01-01, UTC
	Kind    event.Kind
	Proven  int64 // the log has verified a proof, that came with the event or later
	Claimed int64 // the source's word
	Waiting int64 // the proof is deferred, and nobody has attested it
	Refused int64 // a proving worker says that it can't be proven
}

const (
	msPerDay = 24 * 60 * 60 * 1000
	// countAtOnce is how many entries are counted in one query in the background, and countInPassing when somebody waits for the answer.
	countAtOnce    = 1 << 16
	countInPassing = 1 << 12
)

// summary is the tally in memory. Nothing is added to what writing an event costs: what is new is counted when somebody asks.
type summary struct {
	counting sync.Mutex // held while the database is asked

	mu      sync.Mutex
	counted int64 // entries
	tallies map[tallyKey]*Tally

	behind chan struct{} // wakes the background up; of one element
}

type tallyKey struct {
	day  int64
	kind event.Kind
}

func newSummary() summary {
	return summary{tallies: map[tallyKey]*Tally{}, behind: make(chan struct{}, 1)}
}

// Summary counts, over all the log and for each of the newest days up to today.
func (l *Ledger) Summary(ctx context.Context, days int) (*Summary, error) {
	tip, err := l.store.Tip(ctx)
	if err != nil {
		return nil, refuseRead(err, "")
	}
	s := &l.summary
	if s.counting.TryLock() { // otherwise somebody is at it
		_, err = l.countNext(ctx, tip.Size, countInPassing)
		s.counting.Unlock()
		if err != nil {
			return nil, refuseRead(err, "")
		}
	}
	answer := &Summary{Size: tip.Size}
	if head, ok := l.Published(); ok {
		answer.Head = &head
	}
	answer.Counted, answer.Kinds, answer.Days = s.since(l.cfg.Now().UnixMilli()/msPerDay - int64(days) + 1)
	if answer.Counted < tip.Size {
		select {
		case s.behind <- struct{}{}:
		default:
		}
	}
	// Somebody may have counted further meanwhile.
	answer.Size = max(answer.Size, answer.Counted)
	return answer, nil
}

// since sums up over all days, and lists those from a day on.
func (s *summary) since(day int64) (counted int64, kinds, days []Tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := map[event.Kind]*Tally{}
	for _, t := range s.tallies {
		if sums[t.Kind] == nil {
			sums[t.Kind] = &Tally{Kind: t.Kind}
		}
		sums[t.Kind].add(t)
		if t.Day >= day {
			days = append(days, *t)
		}
	}
	for _, t := range sums {
		kinds = append(kinds, *t)
	}
	for _, list := range [][]Tally{kinds, days} {
		slices.SortFunc(list, func(a, b Tally) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Kind, b.Kind)) })
	}
	return s.counted, kinds, days
}

func (t *Tally) add(more *Tally) {
	t.Proven += more.Proven
	t.Claimed += more.Claimed
	t.Waiting += more.Waiting
	t.Refused += more.Refused
}

// count counts in the background, at first and whenever somebody asked and found the tally far behind, until ctx ends.
func (l *Ledger) count(ctx context.Context) {
	for {
		if err := l.countAll(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("couldn't count the log's events", "error", err)
		}
		select {
		case <-l.summary.behind:
		case <-ctx.Done():
			return
		}
	}
}

func (l *Ledger) countAll(ctx context.Context) error {
	tip, err := l.store.Tip(ctx)
	for more := true; err == nil && more; {
		l.summary.counting.Lock()
		more, err = l.countNext(ctx, tip.Size, countAtOnce)
		l.summary.counting.Unlock()
	}
	return err
}

// countNext counts up to most entries more, of a log of a size, and tells whether there are still more. s.counting is held.
func (l *Ledger) countNext(ctx context.Context, size, most int64) (more bool, err error) {
	s := &l.summary
	s.mu.Lock()
	if size < s.counted-countAtOnce { // another database than before; a little less is an answer that was overtaken
		s.counted = 0
		clear(s.tallies)
	}
	from := s.counted
	s.mu.Unlock()
	to := min(size, from+most)
	if from >= to {
		return false, nil
	}
	found, err := l.countRange(ctx, from, to)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range found {
		key := tallyKey{found[i].Day, found[i].Kind}
		if s.tallies[key] == nil {
			s.tallies[key] = &Tally{Day: key.day, Kind: key.kind}
		}
		s.tallies[key].add(&found[i])
	}
	s.counted = to
	return to < size, nil
}

// countLeaves counts entries by what their leaves say. A leaf is canonical JSON, so that its members stand where they stand: one with a
// proof begins with it, and the predicate of a deferred event, and of no other, ends with its witness. Claims can't imitate that: within
// strings a quotation mark is escaped, and none of their objects is followed by a predicateType.
const countLeaves = `SELECT logged / $3, kind, count(*) FILTER (WHERE proof = 'inline'), count(*) FILTER (WHERE proof IS NULL), count(*) FILTER (WHERE proof = 'deferred')
	FROM entries CROSS JOIN LATERAL (SELECT CASE
		WHEN substring(leaf FOR 15) = '{"attestation":' THEN 'inline'
		WHEN kind = ANY($4) THEN (
			SELECT CASE WHEN substring(payload FROM position('},"predicateType":"'::bytea IN payload) - 76 FOR 11) = '"witness":"' THEN 'deferred' END
			FROM (SELECT decode(encode(substring(leaf FROM 25 FOR position('","payloadType":'::bytea IN leaf) - 25), 'escape'), 'base64')) decoded (payload))
	END) how (proof)
	WHERE idx >= $1 AND idx < $2 GROUP BY 1, 2`

// countAttested counts, on the attested events' days, what attestations change: a proof overrides a refusal that came before it. OFFSET 0
// makes it one look-up by digest for each, whatever the planner thinks: ordered by idx alone it walks the log every time.
const countAttested = `SELECT e.logged / $3, e.kind, count(*) FILTER (WHERE outcome = 1),
		count(*) FILTER (WHERE outcome = 2) - count(*) FILTER (WHERE outcome = 1 AND EXISTS (SELECT FROM attestations before WHERE before.event = a.event AND before.outcome = 2))
	FROM attestations a CROSS JOIN LATERAL
		(SELECT logged, kind FROM (SELECT idx, logged, kind FROM entries WHERE digest = encode(substring(a.event FOR 16), 'hex')::uuid OFFSET 0) same ORDER BY idx LIMIT 1) e
	WHERE a.idx >= $1 AND a.idx < $2 GROUP BY 1, 2`

// countRange counts the entries in [from, to).
func (l *Ledger) countRange(ctx context.Context, from, to int64) ([]Tally, error) {
	var provable []int16
	for _, kind := range event.Kinds() {
		if kind.Provable() {
			provable = append(provable, int16(kind))
		}
	}
	var found []Tally
	var day int64
	var kind int16
	var inline, none, deferred, proven, refused int64
	rows, err := l.store.Pool().Query(ctx, countLeaves, from, to, int64(msPerDay), provable)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&day, &kind, &inline, &none, &deferred}, func() error {
			found = append(found, Tally{Day: day, Kind: event.Kind(kind), Proven: inline, Claimed: none, Waiting: deferred})
			return nil
		})
	}
	if err == nil {
		rows, err = l.store.Pool().Query(ctx, countAttested, from, to, int64(msPerDay))
	}
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&day, &kind, &proven, &refused}, func() error {
			found = append(found, Tally{Day: day, Kind: event.Kind(kind), Proven: proven, Refused: refused, Waiting: -proven - refused})
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't count entries %d to %d: %w", from, to, err)
	}
	return found, nil
}

// DayOf is the first moment of a Tally's day.
func DayOf(day int64) time.Time { return time.UnixMilli(day * msPerDay).UTC() }
