package tilestore

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Item is one submission on its way into the log. Its owner fills in the first part, the judge the second; the third is
// there to be read once the channel that Enqueue returned is closed, and not before.
type Item struct {
	Submission any // what the judge judges; the store doesn't look at it
	Size       int // bytes that it takes in memory, about; for the bounds of queue and batch

	Row       Row   // set by the judge who accepts: the entry, less its index
	Refusal   error // set by the judge who refuses
	Duplicate bool  // set by the judge, together with Index: the event is in the log already, or earlier in this batch
	Index     int64 // the entry's index; set by the store where the item was accepted

	Err error // the refusal, or ErrStopped, or ErrUnknown, or nothing: then the entry is in the log
	Tip *Tip  // a committed tip that covers the entry; set where Err is nil

	queued time.Time
	ticket *ticket
}

// accepted says whether the judge lets the item into the log.
func (it *Item) accepted() bool { return it.Refusal == nil && !it.Duplicate }

// ticket counts the items of one Enqueue that aren't settled yet. Only the leader's goroutine touches the count.
type ticket struct {
	open int
	done chan struct{}
}

func (it *Item) settle() {
	if it.ticket.open--; it.ticket.open == 0 {
		close(it.ticket.done)
	}
}

// queue collects items between batches.
type queue struct {
	mu      sync.Mutex
	items   []*Item
	bytes   int
	closed  bool
	arrived chan struct{} // holds one token while there may be items
}

// Enqueue hands items to the leader, in order and all together. The channel is closed when every one of them is settled:
// durable, refused or failed. With ErrFull or ErrStopped nothing was enqueued. It never waits.
func (l *Leader) Enqueue(items ...*Item) (<-chan struct{}, error) {
	t := &ticket{open: len(items), done: make(chan struct{})}
	if len(items) == 0 {
		close(t.done)
		return t.done, nil
	}
	now := l.store.cfg.Clock()
	size := 0
	for _, it := range items {
		it.ticket, it.queued = t, now
		size += it.Size
	}
	q := &l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrStopped
	}
	// A single call larger than the queue is let in when the queue is empty: it could never get in otherwise.
	if len(q.items) > 0 && (len(q.items)+len(items) > l.store.cfg.MaxQueue || q.bytes+size > l.store.cfg.MaxQueueBytes) {
		return nil, ErrFull
	}
	q.items = append(q.items, items...)
	q.bytes += size
	select {
	case q.arrived <- struct{}{}:
	default:
	}
	return t.done, nil
}

const (
	gatherQuiet = 20 * time.Microsecond  // without an arrival, and whoever could come at once has come
	gatherLimit = 500 * time.Microsecond // in all, where arrivals don't end

	// gatherEnough items make a commit's fixed cost small beside their own: whoever is still on the way gets the next one, and
	// wakes up while this one commits.
	gatherEnough = 256
)

// gather lets those go first who can enqueue at once: mostly the submitters whom the last batch has just woken. Otherwise the
// first of them would get a commit of its own, which costs about what one for all of them costs. No timer is set: the leader
// yields its turn, again and again while that brings items.
func (q *queue) gather() {
	begin := time.Now()
	for last, n := begin, 0; n < gatherEnough; {
		runtime.Gosched()
		now := time.Now()
		if more := q.len(); more > n {
			n, last = more, now
		}
		if now.Sub(last) > gatherQuiet || now.Sub(begin) > gatherLimit {
			return
		}
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// take moves up to a number of items, and up to a number of bytes but at least one item, out of the queue.
func (q *queue) take(into []*Item, limit, limitBytes int) []*Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.items) && n < limit && (n == 0 || size+q.items[n].Size <= limitBytes) {
		size += q.items[n].Size
		n++
	}
	into = append(into, q.items[:n]...)
	rest := copy(q.items, q.items[n:])
	clear(q.items[rest:])
	q.items = q.items[:rest]
	q.bytes -= size
	if rest > 0 {
		select {
		case q.arrived <- struct{}{}:
		default:
		}
	}
	return into
}

// close refuses further items and returns those that were waiting.
func (q *queue) close() []*Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	items := q.items
	q.items, q.bytes = nil, 0
	return items
}

// Judge decides what gets into the log. The store calls it from one goroutine.
type Judge interface {
	// Judge decides on the items of one batch, in order. For each of them it sets Row, or Refusal, or Duplicate and
	// Index. The accepted items get the indices first, first+1, and so on; each Row.Logged must be now, which is the log's
	// time in ms since 1970. What an earlier item of the batch changes, for instance the next number of its source, counts
	// for the later ones.
	//
	// What the judge remembers of a batch holds only once the batch is committed, which the next call of Judge tells:
	// a leader whose batch failed never calls its judge again.
	//
	// An error ends the leader; nothing of the batch is stored.
	Judge(ctx context.Context, tx *Tx, first, now int64, items []*Item) error
}

// Tx is what a judge sees of the log: everything before this batch, as it will still be when the batch commits.
type Tx struct {
	reader
	statements []statement
}

type statement struct {
	sql  string
	args []any
}

// Exec adds a statement to the transaction that stores the batch, for a row of another table that must be there if and
// only if the entry is. It runs after the judge has returned; if it fails, so does the batch.
func (tx *Tx) Exec(sql string, args ...any) {
	tx.statements = append(tx.statements, statement{sql, args})
}

// check refuses what a judge must not do: a mistake here would be in the log for ever.
func check(items []*Item, first, now int64) (accepted int, err error) {
	for i, it := range items {
		switch {
		case it.Refusal != nil:
		case it.Duplicate:
			if it.Index < 0 || it.Index >= first+int64(accepted) {
				return 0, fmt.Errorf("couldn't judge item %d: it duplicates entry %d, which doesn't exist", i, it.Index)
			}
		case len(it.Row.Leaf) == 0 || len(it.Row.Leaf) > MaxLeaf:
			return 0, fmt.Errorf("couldn't judge item %d: its leaf has %d bytes, and 1 to %d are allowed", i, len(it.Row.Leaf), MaxLeaf)
		case it.Row.Logged != now:
			return 0, fmt.Errorf("couldn't judge item %d: it is logged at %d, not at %d", i, it.Row.Logged, now)
		case it.Row.Source == "" || it.Row.Subject == "":
			return 0, fmt.Errorf("couldn't judge item %d: source and subject must have names", i)
		default:
			it.Index = first + int64(accepted)
			it.Row.Index = it.Index
			accepted++
		}
	}
	return accepted, nil
}
