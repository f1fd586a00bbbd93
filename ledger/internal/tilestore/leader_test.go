package tilestore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/attestlog/attestlog/migrations/pgtest"
)

// A leader that has lost the lock and doesn't know it meets the fence, whatever it tries.
func TestStaleLeaderIsFenced(t *testing.T) {
	for name, tc := range map[string]struct {
		late     submission // what the stale leader still tries to do
		newcomer int        // entries that the new leader has written by then
	}{
		"it writes after the new leader wrote":     {submission{1, "a", "b", "late"}, 3},
		"it writes before the new leader wrote":    {submission{1, "a", "b", "late"}, 0},
		"it refuses after the new leader wrote":    {submission{1, "a", "b", "refuse"}, 3},
		"it knows a duplicate in the new epoch":    {nth(0), 0},
		"it writes what the new leader wrote, too": {nth(7), 3},
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.URL(t)
			first, second := open(t, Config{URL: url}), open(t, Config{URL: url})
			var stale *running
			var fresh *running
			armed := atomic.Bool{}
			stale = lead(t, first, judge{before: func(tx *Tx, _ []*Item) error {
				if !armed.Load() {
					return nil
				}
				// The lock goes, but not the session: as if this process had been asleep for an hour.
				if _, err := tx.q.Exec(t.Context(), "SELECT pg_advisory_unlock_all()"); err != nil {
					return err
				}
				fresh = lead(t, second, judge{})
				fresh.fill(5 + tc.newcomer)
				return nil
			}})
			stale.fill(5)
			armed.Store(true)
			it := stale.submit(tc.late)[0]
			if !errors.Is(it.Err, ErrStopped) {
				t.Errorf("the stale leader's item: %v, want ErrStopped", it.Err)
			}
			<-stale.ended
			if !errors.Is(stale.err, ErrFenced) {
				t.Errorf("the stale leader ended with %v, want ErrFenced", stale.err)
			}
			if _, err := stale.Enqueue(itemsOf(nth(99))...); !errors.Is(err, ErrStopped) {
				t.Errorf("Enqueue on a leader that has ended: %v", err)
			}
			fresh.fill(20)
			verify(t, second)
		})
	}
}

// The second leader waits for the first to go, and goes on where it ended.
func TestLeadWaits(t *testing.T) {
	url := pgtest.URL(t)
	first, second := open(t, Config{URL: url}), open(t, Config{URL: url})
	r := lead(t, first, judge{})
	r.fill(300)
	ctx, cancel := context.WithTimeout(t.Context(), 3*lockInterval)
	defer cancel()
	if _, err := second.Lead(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a second leader while the first leads: %v", err)
	}
	got := make(chan *Leader)
	go func() {
		l, err := second.Lead(t.Context(), nil)
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	r.stop()
	if r.err != nil {
		t.Errorf("Run = %v after its context ended", r.err)
	}
	l := <-got
	defer l.Close()
	if tip := l.Tip(); tip.Size != 300 || tip.Epoch != 2 {
		t.Errorf("the second leader starts at %+v", tip)
	}
}

// An idle leader notices that its session is gone, so that another can follow and nobody waits for nothing.
func TestIdleLeaderNoticesLostSession(t *testing.T) {
	s := open(t, Config{})
	r := lead(t, s, judge{})
	r.fill(1)
	if _, err := s.pool.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.ended:
	case <-time.After(10 * pingInterval):
		t.Fatal("the leader goes on without its session")
	}
	if r.err == nil {
		t.Error("Run = nil")
	}
}

// Log time never decreases, and the log goes on, whatever the clock does; also from one leader to the next.
func TestClockStepsBack(t *testing.T) {
	url := pgtest.URL(t)
	var hours atomic.Int64
	start := time.Now()
	cfg := Config{URL: url, Clock: func() time.Time { return start.Add(-time.Hour * time.Duration(hours.Add(1))) }}
	for range 2 {
		s := open(t, cfg)
		r := lead(t, s, judge{})
		tip, _ := s.Tip(t.Context())
		for i := range 5 {
			if it := r.submit(nth(int(tip.Size) + i))[0]; it.Err != nil {
				t.Fatal(it.Err)
			}
		}
		r.stop()
		for i, tip := range r.tips[1:] {
			if !tip.Logged.After(r.tips[i].Logged) {
				t.Errorf("tip %d was made at %v, not after its predecessor at %v", tip.Size, tip.Logged, r.tips[i].Logged)
			}
		}
		verify(t, s)
	}
}

func TestQueueBounds(t *testing.T) {
	release := make(chan struct{})
	s := open(t, Config{MaxQueue: 4, MaxQueueBytes: 1000, MaxBatch: 3})
	entered := make(chan struct{}, 100)
	r := lead(t, s, judge{before: func(_ *Tx, items []*Item) error {
		if len(items) > 3 {
			t.Errorf("a batch of %d items", len(items))
		}
		entered <- struct{}{}
		<-release
		return nil
	}})
	first, err := r.Enqueue(itemsOf(nth(0))...)
	if err != nil {
		t.Fatal(err)
	}
	<-entered // the queue is empty now, and the leader is busy
	second, err := r.Enqueue(itemsOf(nth(1), nth(2), nth(3))...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Enqueue(itemsOf(nth(4), nth(5))...); !errors.Is(err, ErrFull) {
		t.Errorf("a fifth item in a queue of four: %v, want ErrFull", err)
	}
	big := itemsOf(nth(4))
	big[0].Size = 1000
	if _, err := r.Enqueue(big...); !errors.Is(err, ErrFull) {
		t.Errorf("too many bytes: %v, want ErrFull", err)
	}
	third, err := r.Enqueue(itemsOf(nth(4))...)
	if err != nil {
		t.Errorf("a fourth item: %v", err)
	}
	close(release)
	wait(t, first)
	wait(t, second)
	wait(t, third)
	// A call larger than the queue, and than a batch, gets in when the queue is empty.
	submissions := make([]submission, 10)
	for i := range submissions {
		submissions[i] = nth(5 + i)
	}
	for i, it := range r.submit(submissions...) {
		if it.Err != nil || it.Index != int64(5+i) {
			t.Errorf("item %d: index %d, %v", i, it.Index, it.Err)
		}
	}
	if done, err := r.Enqueue(); err != nil {
		t.Error(err)
	} else {
		wait(t, done)
	}
	verify(t, s)
}

// A batch is bounded in bytes, too, but always holds one item.
func TestBatchBytes(t *testing.T) {
	q := queue{arrived: make(chan struct{}, 1)}
	for _, size := range []int{50, 60, 500, 10} {
		q.items = append(q.items, &Item{Size: size})
		q.bytes += size
	}
	for i, want := range []int{1, 1, 1, 1, 0} {
		if got := q.take(nil, 10, 100); len(got) != want {
			t.Errorf("batch %d has %d items, want %d", i, len(got), want)
		}
	}
	if q.bytes != 0 {
		t.Errorf("%d bytes are left in an empty queue", q.bytes)
	}
}

// What a judge must not do ends the leader and leaves the log as it was.
func TestWrongVerdicts(t *testing.T) {
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		verdict func(first, now int64, it *Item) error
		want    string
	}{
		"an error":               {func(int64, int64, *Item) error { return boom }, "boom"},
		"no leaf":                {func(_, now int64, it *Item) error { it.Row.Leaf = nil; return nil }, "its leaf has 0 bytes"},
		"another time":           {func(_, now int64, it *Item) error { it.Row.Logged = now + 1; return nil }, "it is logged at"},
		"no source":              {func(_, now int64, it *Item) error { it.Row.Source = ""; return nil }, "must have names"},
		"no subject":             {func(_, now int64, it *Item) error { it.Row.Subject = ""; return nil }, "must have names"},
		"a duplicate of nothing": {func(first, _ int64, it *Item) error { it.Duplicate, it.Index = true, first+1; return nil }, "which doesn't exist"},
		"a negative duplicate":   {func(first, _ int64, it *Item) error { it.Duplicate, it.Index = true, -1; return nil }, "which doesn't exist"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Config{})
			r := lead(t, s, judgeFunc(func(first, now int64, items []*Item) error {
				for _, it := range items {
					it.Row = it.Submission.(submission).row(now)
				}
				return tc.verdict(first, now, items[len(items)-1])
			}))
			for i, it := range r.submit(nth(0), nth(1)) {
				if !errors.Is(it.Err, ErrStopped) {
					t.Errorf("item %d: %v, want ErrStopped", i, it.Err)
				}
			}
			<-r.ended
			if r.err == nil || !strings.Contains(r.err.Error(), tc.want) {
				t.Errorf("Run = %v, want %q", r.err, tc.want)
			}
			if ref, _ := verify(t, s); ref.size != 0 {
				t.Errorf("the log has %d entries", ref.size)
			}
		})
	}
}

type judgeFunc func(first, now int64, items []*Item) error

func (f judgeFunc) Judge(_ context.Context, _ *Tx, first, now int64, items []*Item) error {
	return f(first, now, items)
}

// A row that a judge adds to another table is there if and only if the entry is.
func TestExecSharesTheTransaction(t *testing.T) {
	s := open(t, Config{})
	if _, err := s.pool.Exec(t.Context(), "CREATE TABLE side_rows (name text PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	j := judge{before: func(tx *Tx, items []*Item) error {
		for _, it := range items {
			tx.Exec("INSERT INTO side_rows VALUES ($1)", it.Submission.(submission).source)
		}
		return nil
	}}
	r := lead(t, s, j)
	if it := r.submit(submission{1, "a", "x", "1"})[0]; it.Err != nil {
		t.Fatal(it.Err)
	}
	if it := r.submit(submission{1, "a", "x", "2"})[0]; !errors.Is(it.Err, ErrStopped) {
		t.Errorf("with a statement that fails: %v, want ErrStopped", it.Err)
	}
	<-r.ended
	if r.err == nil || !strings.Contains(r.err.Error(), "side_rows_pkey") {
		t.Errorf("Run = %v", r.err)
	}
	if ref, _ := verify(t, s); ref.size != 1 {
		t.Errorf("the log has %d entries, want 1", ref.size)
	}
	var n int
	if err := s.pool.QueryRow(t.Context(), "SELECT count(*) FROM side_rows").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d side_rows (%v), want 1", n, err)
	}
}

// An error from onCommit stops the leader, but what is committed is acknowledged.
func TestOnCommitError(t *testing.T) {
	s := open(t, Config{})
	l, err := s.Lead(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	items := itemsOf(nth(0))
	done, err := l.Enqueue(items...)
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if err := l.Run(t.Context(), judge{}, func(Tip) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("Run = %v", err)
	}
	wait(t, done)
	if items[0].Err != nil || items[0].Tip.Size != 1 {
		t.Errorf("the item: %v, %v", items[0].Err, items[0].Tip)
	}
}

// A leader doesn't build on a database whose parts contradict each other.
func TestLeadRefusesADamagedLog(t *testing.T) {
	for name, damage := range map[string]string{
		"a leaf changed":        "UPDATE entries SET leaf = leaf || '\\x00' WHERE idx = 259",
		"an entry is missing":   "DELETE FROM entries WHERE idx = 259",
		"a tile is missing":     "DELETE FROM tiles",
		"a tile's root changed": "UPDATE tiles SET root = sha256(root)",
		"the tip's root":        "UPDATE tip SET root = sha256(root)",
		"the tip's size":        "UPDATE tip SET size = size - 1",
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Config{})
			r := lead(t, s, judge{})
			r.fill(260)
			r.stop()
			if _, err := s.pool.Exec(t.Context(), damage); err != nil {
				t.Fatal(err)
			}
			if l, err := s.Lead(t.Context(), nil); err == nil {
				l.Close()
				t.Error("Lead succeeded")
			}
		})
	}
}

func TestHeads(t *testing.T) {
	s := open(t, Config{})
	ctx := t.Context()
	if _, err := s.NewestHead(ctx); !errors.Is(err, ErrNotFound) {
		t.Errorf("NewestHead of a log without heads: %v", err)
	}
	for _, size := range []int64{10, 30, 20} {
		h := Head{Size: size, Root: [32]byte{byte(size)}, Published: time.UnixMilli(1e12 + size), Note: fmt.Appendf(nil, "note %d", size)}
		for range 2 {
			if err := s.SaveHead(ctx, h); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.SaveHead(ctx, Head{Size: 20, Root: [32]byte{99}, Note: []byte("other")}); !errors.Is(err, ErrFork) {
		t.Errorf("another root for the same size: %v, want ErrFork", err)
	}
	if h, err := s.NewestHead(ctx); err != nil || h.Size != 30 || string(h.Note) != "note 30" || h.Published.UnixMilli() != 1e12+30 {
		t.Errorf("NewestHead = %+v, %v", h, err)
	}
	if h, err := s.HeadAtLeast(ctx, 11); err != nil || h.Size != 20 || h.Root != [32]byte{20} {
		t.Errorf("HeadAtLeast(11) = %+v, %v", h, err)
	}
	if _, err := s.HeadAtLeast(ctx, 31); !errors.Is(err, ErrNotFound) {
		t.Errorf("HeadAtLeast(31): %v", err)
	}
	if heads, err := s.Heads(ctx, 30, 10); err != nil || len(heads) != 2 || heads[0].Size != 20 || heads[1].Size != 10 {
		t.Errorf("Heads = %+v, %v", heads, err)
	}
}
