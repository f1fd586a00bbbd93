package tilestore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

// A test's leaf is "logged|kind|source|subject|payload", and its digest that of the payload.
type submission struct {
	kind                     event.Kind
	source, subject, payload string
}

func (s submission) row(logged int64) Row {
	return Row{
		Logged: logged, Kind: s.kind, Source: s.source, Subject: s.subject,
		Digest: event.DigestOf([]byte(s.payload)),
		Leaf:   fmt.Appendf(nil, "%d|%d|%s|%s|%s", logged, s.kind, s.source, s.subject, s.payload),
	}
}

func decode(leaf []byte) (Row, error) {
	parts := strings.SplitN(string(leaf), "|", 5)
	if len(parts) != 5 {
		return Row{}, fmt.Errorf("not a leaf of this test: %.40q", leaf)
	}
	logged, err := strconv.ParseInt(parts[0], 10, 64)
	kind, kindErr := strconv.Atoi(parts[1])
	row := submission{event.Kind(kind), parts[2], parts[3], parts[4]}.row(logged)
	return row, errors.Join(err, kindErr)
}

var errRefused = errors.New("refused by the judge")

// judge accepts what is new, recognizes what is in the log or earlier in the batch, and refuses the payload "refuse".
type judge struct {
	before func(tx *Tx, items []*Item) error // for tests that interfere
}

func (j judge) Judge(ctx context.Context, tx *Tx, first, now int64, items []*Item) error {
	if j.before != nil {
		if err := j.before(tx, items); err != nil {
			return err
		}
	}
	digests := make([]event.Digest, len(items))
	for i, it := range items {
		it.Row = it.Submission.(submission).row(now)
		digests[i] = it.Row.Digest
	}
	stored, err := tx.RowsByDigest(ctx, digests)
	if err != nil {
		return err
	}
	next := first
	inBatch := make(map[event.Digest]int64)
	for i, it := range items {
		if row, ok := stored[digests[i]]; ok {
			it.Duplicate, it.Index = true, row.Index
		} else if index, ok := inBatch[digests[i]]; ok {
			it.Duplicate, it.Index = true, index
		} else if it.Submission.(submission).payload == "refuse" {
			it.Refusal = errRefused
		} else {
			inBatch[digests[i]] = next
			next++
		}
	}
	return nil
}

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.URL == "" {
		cfg.URL = pgtest.URL(t)
	}
	cfg.Decode = decode
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// running is a leader whose Run is going on.
type running struct {
	*Leader
	t      testing.TB
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of Run, once ended is closed
	mu     sync.Mutex
	tips   []Tip
}

func lead(t testing.TB, s *Store, j Judge) *running {
	t.Helper()
	l, err := s.Lead(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Leader: l, t: t, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = l.Run(ctx, j, func(tip Tip) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.tips = append(r.tips, tip)
			return nil
		})
	}()
	t.Cleanup(r.stop)
	return r
}

func (r *running) stop() {
	r.cancel()
	<-r.ended
}

// submit enqueues and waits.
func (r *running) submit(submissions ...submission) []*Item {
	r.t.Helper()
	items := itemsOf(submissions...)
	done, err := r.Enqueue(items...)
	if err != nil {
		r.t.Fatal(err)
	}
	wait(r.t, done)
	return items
}

func itemsOf(submissions ...submission) []*Item {
	items := make([]*Item, len(submissions))
	for i, s := range submissions {
		items[i] = &Item{Submission: s, Size: len(s.payload)}
	}
	return items
}

func wait(t testing.TB, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the items were never settled")
	}
}

// fill appends entries until the log has a size.
func (r *running) fill(size int) {
	r.t.Helper()
	tip, err := r.store.Tip(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for at := int(tip.Size); at < size; {
		n := min(size-at, 2000)
		submissions := make([]submission, n)
		for i := range submissions {
			submissions[i] = nth(at + i)
		}
		for _, it := range r.submit(submissions...) {
			if it.Err != nil {
				r.t.Fatal(it.Err)
			}
		}
		at += n
	}
}

// nth is the entry that fill puts at an index.
func nth(i int) submission {
	return submission{event.Kind(1 + i%4), fmt.Sprintf("source-%d", i%7), fmt.Sprintf("subject-%d", i%3), fmt.Sprintf("payload %d", i)}
}

func TestSubmitAndRead(t *testing.T) {
	s := open(t, Config{})
	r := lead(t, s, judge{})
	ctx := t.Context()
	a, b := submission{1, "a/1", "model", "first"}, submission{2, "b/1", "it's a \\ \"name\"\n", "second"}
	items := r.submit(a, submission{payload: "refuse", source: "a", subject: "b"}, b, a)
	for i, want := range []struct {
		index     int64
		duplicate bool
		err       error
	}{{0, false, nil}, {0, false, errRefused}, {1, false, nil}, {0, true, nil}} {
		it := items[i]
		if it.Index != want.index || it.Duplicate != want.duplicate || !errors.Is(it.Err, want.err) {
			t.Errorf("item %d: index %d, duplicate %v, error %v; want %+v", i, it.Index, it.Duplicate, it.Err, want)
		}
		if (it.Tip != nil) != (it.Err == nil) {
			t.Errorf("item %d: tip %v with error %v", i, it.Tip, it.Err)
		}
	}
	// Sent again in another batch, each gets the same answer.
	if again := r.submit(b)[0]; again.Err != nil || !again.Duplicate || again.Index != 1 || again.Tip.Size != 2 {
		t.Errorf("sent again: %+v", again)
	}
	tip, err := s.Tip(ctx)
	if err != nil || tip.Size != 2 || tip.Epoch != 1 {
		t.Fatalf("tip %+v, %v", tip, err)
	}
	row, err := s.Row(ctx, 1)
	if err != nil || row.Source != b.source || row.Subject != b.subject || row.Kind != 2 || !bytes.Equal(row.Leaf, items[2].Row.Leaf) || row.Logged != items[2].Row.Logged {
		t.Errorf("Row(1) = %+v, %v", row, err)
	}
	row, err = s.RowByDigest(ctx, event.DigestOf([]byte("second")))
	if err != nil || row.Index != 1 || row.Digest != event.DigestOf([]byte("second")) {
		t.Errorf("RowByDigest = %+v, %v", row, err)
	}
	if _, err := s.RowByDigest(ctx, event.DigestOf([]byte("third"))); !errors.Is(err, ErrNotFound) {
		t.Errorf("RowByDigest of nothing: %v", err)
	}
	// The database holds half a digest: an entry that shares it isn't the one asked for.
	near := event.DigestOf([]byte("second"))
	near[31] ^= 1
	if _, err := s.RowByDigest(ctx, near); !errors.Is(err, ErrNotFound) {
		t.Errorf("RowByDigest of a digest with the same half: %v", err)
	}
	if _, err := s.Row(ctx, 2); !errors.Is(err, ErrNotFound) {
		t.Errorf("Row(2): %v", err)
	}
	if last, err := s.LastOf(ctx, "a/1"); err != nil || last.Index != 0 {
		t.Errorf("LastOf = %+v, %v", last, err)
	}
	if _, err := s.LastOf(ctx, "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("LastOf(nobody): %v", err)
	}
}

// Leaves of every size survive, up to the largest that there may be, and no larger one gets in.
func TestLeafSizes(t *testing.T) {
	s := open(t, Config{})
	r := lead(t, s, judge{})
	head := len(submission{1, "s", "t", ""}.row(time.Now().UnixMilli()).Leaf)
	for _, size := range []int{head, head + 1, 2048, 8000, 8160, 8192, 20000, MaxLeaf - 1, MaxLeaf} {
		payload := make([]byte, (size-head+1)/2)
		rand.Read(payload)
		sub := submission{1, "s", "t", fmt.Sprintf("%x", payload)[:size-head]}
		it := r.submit(sub)[0]
		if it.Err != nil {
			t.Fatalf("size %d: %v, Run: %v", size, it.Err, r.runErr())
		}
		row, err := s.Row(t.Context(), it.Index)
		if err != nil || !bytes.Equal(row.Leaf, it.Row.Leaf) || len(row.Leaf) != size {
			t.Errorf("size %d: read back %d bytes, %v", size, len(row.Leaf), err)
		}
	}
	before, _ := s.Tip(t.Context())
	it := r.submit(submission{1, "s", "t", strings.Repeat("x", MaxLeaf-head+1)})[0]
	if !errors.Is(it.Err, ErrStopped) {
		t.Errorf("a leaf that is too large: %v", it.Err)
	}
	<-r.ended
	if r.err == nil || !strings.Contains(r.err.Error(), "its leaf has 65536 bytes") {
		t.Errorf("Run = %v", r.err)
	}
	if after, _ := s.Tip(t.Context()); after != before {
		t.Errorf("the tip moved from %v to %v", before, after)
	}
}

// runErr is what Run returned, or nil while it goes on.
func (r *running) runErr() error {
	select {
	case <-r.ended:
		return r.err
	case <-time.After(time.Second):
		return nil
	}
}
