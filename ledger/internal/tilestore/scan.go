package tilestore

import (
	"context"
	"fmt"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
)

// Query says which entries Scan lists. Conditions that are zero don't count.
type Query struct {
	Size       int64 // only entries below this tree size: what makes a listing repeatable
	Kinds      []event.Kind
	Source     string
	Subject    string
	From, To   time.Time // by the log's time: From ≤ logged < To
	Cursor     int64     // the Next of the previous page, or 0: where to go on
	Limit      int       // at most this many
	Descending bool      // newest first
	Bare       bool      // rows without the names of source and subject, which take time to look up
}

// Next is the cursor of the page after one that ended with row.
func (q Query) Next(row Row) int64 {
	if q.Descending {
		return row.Index
	}
	return row.Index + 1
}

const (
	bucketBits = 16   // as in entry_keys
	window     = 1024 // entries that are simply looked at before the index is asked
	maxWindow  = 8192 // as many at once while they give much
	frequent   = 16   // one in so many
	maxBuckets = 1024 // buckets asked for at once
)

// Scan lists entries in the order of the log, or in the reverse order. It returns fewer than Limit rows only where there
// are no more.
//
// The cost is bounded by what is returned and not by how often a source or a kind occurs. First come some entries next to
// the cursor, straight from the table: enough where what is asked for is frequent, and more of them as long as it is. Then come buckets through the inverted
// index, more at a time the less they give.
func (r reader) Scan(ctx context.Context, q Query) ([]Row, error) {
	low, high, err := r.bounds(ctx, q)
	if err != nil || low >= high || q.Limit <= 0 {
		return nil, err
	}
	keys, err := r.keysOf(ctx, q)
	if err != nil || keys == nil {
		return nil, err
	}
	var found []Row
	take := func(from, to, firstBucket, lastBucket int64) error {
		rows, err := r.scanRange(ctx, q, keys, from, to, firstBucket, lastBucket, q.Limit-len(found))
		found = append(found, rows...)
		return err
	}
	span, looked := max(window, int64(q.Limit)), int64(0)
	for low < high && len(found) < q.Limit {
		from, to := low, min(high, low+span)
		if q.Descending {
			from, to = max(low, high-span), high
		}
		if err := take(from, to, 1, 0); err != nil {
			return nil, err
		}
		if q.Descending {
			high = from
		} else {
			low = to
		}
		// Where much of what was looked at is wanted, looking on is cheaper than the index, which doesn't know where in a bucket to begin.
		if looked += to - from; looked > int64(len(found))*frequent {
			break
		}
		span = min(int64(q.Limit-len(found))*looked/int64(max(1, len(found)))+window/4, maxWindow)
	}
	for buckets := int64(1); low < high && len(found) < q.Limit; buckets = min(4*buckets, maxBuckets) {
		if q.Descending {
			last := (high - 1) >> bucketBits
			first := max(low>>bucketBits, last-buckets+1)
			from := max(low, first<<bucketBits)
			err = take(from, high, first, last)
			high = from
		} else {
			first := low >> bucketBits
			last := min((high-1)>>bucketBits, first+buckets-1)
			to := min(high, (last+1)<<bucketBits)
			err = take(low, to, first, last)
			low = to
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// bounds turns tree size, cursor and times into a range of indices.
func (r reader) bounds(ctx context.Context, q Query) (low, high int64, err error) {
	high = q.Size
	if !q.From.IsZero() {
		if low, err = r.firstSince(ctx, q.From, q.Size); err != nil {
			return 0, 0, err
		}
	}
	if !q.To.IsZero() {
		if high, err = r.firstSince(ctx, q.To, q.Size); err != nil {
			return 0, 0, err
		}
	}
	switch {
	case q.Cursor != 0 && q.Descending:
		high = min(high, q.Cursor)
	case !q.Descending:
		low = max(low, q.Cursor)
	}
	return low, high, nil
}

// firstSince is the index of the first entry logged at t or later, or size. As logged never decreases, halving finds it
// through the primary key.
func (r reader) firstSince(ctx context.Context, t time.Time, size int64) (index int64, err error) {
	err = r.q.QueryRow(ctx, `
		WITH RECURSIVE halves (low, high) AS (
			SELECT 0::bigint, $2::bigint
			UNION ALL
			SELECT CASE WHEN earlier THEN (low + high) / 2 + 1 ELSE low END, CASE WHEN earlier THEN high ELSE (low + high) / 2 END
			FROM (SELECT low, high, (SELECT logged < $1 FROM entries WHERE idx = (low + high) / 2) AS earlier FROM halves WHERE low < high) h
		) SELECT low FROM halves WHERE low >= high`, t.UnixMilli()+sign(t), size).Scan(&index)
	if err != nil {
		return 0, fmt.Errorf("couldn't find the entries since %v: %w", t, err)
	}
	return index, nil
}

// sign is 1 where UnixMilli cut something off t, so that an entry logged in the millisecond before isn't counted as since t.
func sign(t time.Time) int64 {
	if t.Nanosecond()%1e6 != 0 {
		return 1
	}
	return 0
}

// postings are the conditions of a Query as they stand in entry_keys, less the bucket.
type postings struct {
	source, subject int64 // 0: any
	kinds           []int64
}

const (
	sourceKey  = 1 << 60
	subjectKey = 2 << 60
	kindKey    = 3 << 60
	keyShift   = 28
)

// keysOf looks names up in the dictionary. It returns nil where a name never occurred, and so nothing is to be found.
func (r reader) keysOf(ctx context.Context, q Query) (*postings, error) {
	p := &postings{}
	for _, kind := range q.Kinds {
		p.kinds = append(p.kinds, kindKey|int64(kind)<<keyShift)
	}
	var names []string
	for _, name := range []string{q.Source, q.Subject} {
		if name != "" {
			names = append(names, name)
		}
	}
	if names == nil {
		return p, nil
	}
	ids, err := r.nameIDs(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if ids[name] == 0 {
			return nil, nil
		}
	}
	if q.Source != "" {
		p.source = sourceKey | int64(ids[q.Source])<<keyShift
	}
	if q.Subject != "" {
		p.subject = subjectKey | int64(ids[q.Subject])<<keyShift
	}
	return p, nil
}

func (p *postings) empty() bool { return p.source == 0 && p.subject == 0 && p.kinds == nil }

// scanRange lists the entries in [from, to) that meet the conditions. With firstBucket ≤ lastBucket, which must cover the
// range, it goes through the inverted index; otherwise through the primary key.
func (r reader) scanRange(ctx context.Context, q Query, p *postings, from, to, firstBucket, lastBucket int64, limit int) ([]Row, error) {
	args := []any{from, to, limit}
	where := func(condition, format string, values any) string {
		args = append(args, values)
		return condition + fmt.Sprintf(" AND "+format, len(args))
	}
	order := "e.idx"
	if q.Descending {
		order = "e.idx DESC"
	}
	table, condition := "entries e", "e.idx >= $1 AND e.idx < $2"
	if firstBucket <= lastBucket && !p.empty() {
		const overlap = "entry_keys(idx, source, subject, kind) && $%d"
		inner := "true"
		for _, keys := range [][]int64{{p.source}, {p.subject}, p.kinds} {
			if len(keys) > 0 && keys[0] != 0 {
				inner = where(inner, overlap, inBuckets(keys, firstBucket, lastBucket))
			}
		}
		// OFFSET 0 keeps the planner from walking the primary key and filtering, the cost of which it can't judge.
		table = "(SELECT * FROM entries WHERE " + inner + " OFFSET 0) e"
	} else {
		if p.source != 0 {
			condition = where(condition, "e.source = $%d", idOf(p.source))
		}
		if p.subject != 0 {
			condition = where(condition, "e.subject = $%d", idOf(p.subject))
		}
		if p.kinds != nil {
			condition = where(condition, "e.kind = ANY($%d)", q.kindNumbers())
		}
	}
	sql := "FROM (SELECT * FROM " + table + " WHERE " + condition + " ORDER BY " + order + " LIMIT $3) e"
	if q.Bare {
		sql = selectBare + sql
	} else {
		sql = selectRows + sql + joinNames
	}
	sql += " ORDER BY " + order
	rows, err := collectRows(r.q.Query(ctx, sql, args...))
	if err != nil {
		return nil, fmt.Errorf("couldn't list entries %d to %d: %w", from, to, err)
	}
	return rows, nil
}

// inBuckets puts keys and buckets together as entry_keys does.
func inBuckets(keys []int64, first, last int64) (all []int64) {
	for _, key := range keys {
		for bucket := first; bucket <= last; bucket++ {
			all = append(all, key|bucket)
		}
	}
	return all
}

// idOf is the dictionary's number in a key.
func idOf(key int64) int32 { return int32(key >> keyShift & (1<<32 - 1)) }

func (q Query) kindNumbers() []int16 {
	numbers := make([]int16, len(q.Kinds))
	for i, kind := range q.Kinds {
		numbers[i] = int16(kind)
	}
	return numbers
}
