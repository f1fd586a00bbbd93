package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

// exec runs SQL in the ledger's database.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.cfg.DatabaseURL)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// hold takes locks, which end with the transaction.
func (w *world) hold(sql string) pgx.Tx {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.cfg.DatabaseURL)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close(context.Background()) })
	tx, err := conn.Begin(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := tx.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatal(err)
	}
	return tx
}

func TestFailover(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	sub := w.say("gateway/1", 'g', claim(data, 1))
	first := w.must(sub)[0]

	other := w.cfg
	other.HeadsFile, other.AdoptDatabase = filepath.Join(t.TempDir(), "heads"), true // as on another machine
	second, _ := run(t, other)
	o := second.Submit(t.Context(), []*event.Submission{w.say("gateway/1", 'g', claim(data, 2))})[0]
	if o.Refusal == nil || o.Refusal.Code != ledger.Unavailable || o.Refusal.RetryAfter <= 0 {
		t.Fatalf("a follower answers %v", o)
	}
	w.forget("gateway/1")
	until(t, "the follower is ready", func() bool { return second.Ready(t.Context()) == nil })
	if entry, err := second.Entry(t.Context(), first.Index); err != nil || !bytes.Equal(entry.Leaf, first.Leaf) {
		t.Errorf("the follower reads %v, %v", entry, err)
	}
	until(t, "the follower sees the published head", func() bool { head, ok := second.Published(); return ok && head.Size == first.Size })

	leader := w.log
	w.stop()
	until(t, "the follower leads", second.Leads)
	if leader.Leads() {
		t.Error("two lead")
	}
	w.log = second
	w.must(w.say("gateway/1", 'g', claim(data, 3)))
	o = second.Submit(t.Context(), []*event.Submission{sub})[0]
	if o.Refusal != nil || !o.Duplicate || o.Receipt.Index != first.Index {
		t.Errorf("the next leader answers %+v to an event of the first one's", o)
	}
}

// rewind puts the database back to what it was at a size, as restoring a backup does.
func (w *world) rewind(size int64, root [32]byte) {
	w.exec("DELETE FROM entries WHERE idx >= $1", size)
	w.exec("DELETE FROM heads WHERE size > $1", size)
	w.exec("UPDATE tip SET size = $1, root = $2", size, root[:])
}

func (w *world) refusesToWrite(reason string) *ledger.HeadsConflict {
	w.t.Helper()
	var conflict *ledger.HeadsConflict
	until(w.t, "the ledger refuses to write", func() bool { return errors.As(w.log.Ready(w.t.Context()), &conflict) })
	if !strings.Contains(conflict.Error(), reason) {
		w.t.Errorf("the reason is %q", conflict)
	}
	o := w.log.Submit(w.t.Context(), []*event.Submission{w.say("op/1", 'o', register("late/1", 'l', event.RoleService))})[0]
	if o.Refusal == nil || o.Refusal.Code != ledger.Unavailable || !strings.Contains(o.Refusal.Detail, reason) {
		w.t.Errorf("a submission is answered with %v", o.Refusal)
	}
	w.forget("op/1")
	if w.log.Leads() {
		w.t.Error("it leads")
	}
	return conflict
}

func TestDatabaseBehindTheHeadsFile(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	head, err := verify.OpenHead(w.must(w.say("gateway/1", 'g', claim(data, 1)))[0].Checkpoint, w.key)
	if err != nil {
		t.Fatal(err)
	}
	lost := w.must(w.say("gateway/1", 'g', claim(data, 2)))[0]
	w.stop()
	w.rewind(head.Size, head.Root)

	w.open()
	conflict := w.refusesToWrite("the database is behind")
	if conflict.Size != lost.Size || conflict.DatabaseSize != head.Size {
		t.Errorf("the conflict is %+v", conflict)
	}
	if _, err := w.log.Entry(t.Context(), head.Size-1); err != nil {
		t.Errorf("what is there is not served: %v", err)
	}
	w.stop()

	// Without the file nobody could know, so somebody has to say so. With it, another history of that size is found out, too.
	notes, err := os.ReadFile(w.cfg.HeadsFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.cfg.HeadsFile); err != nil {
		t.Fatal(err)
	}
	w.open()
	if conflict := w.refusesToWrite("the heads file is missing or empty"); !conflict.Missing || conflict.DatabaseSize != head.Size {
		t.Errorf("the conflict is %+v", conflict)
	}
	w.stop()
	w.cfg.AdoptDatabase = true
	w.start()
	w.forget("gateway/1")
	w.must(w.say("gateway/1", 'g', claim(data, 3)))
	w.must(w.say("gateway/1", 'g', claim(data, 4)))
	w.stop()
	if err := os.WriteFile(w.cfg.HeadsFile, notes, 0o600); err != nil {
		t.Fatal(err)
	}
	w.open()
	if conflict := w.refusesToWrite("another history"); conflict.Size != lost.Size || conflict.Root == conflict.DatabaseRoot {
		t.Errorf("the conflict is %+v", conflict)
	}
}

func TestDatabaseBehindItsOwnHeads(t *testing.T) {
	w := newWorld(t)
	w.found()
	until(t, "a head is published", func() bool { head, ok := w.log.Published(); return ok && head.Size == 4 })
	w.stop()
	w.exec("UPDATE heads SET root = sha256('other') WHERE size = 4")
	w.open()
	w.refusesToWrite("table of published heads")
}

func TestHeadsFileOfAnotherLog(t *testing.T) {
	w := newWorldOn(t, pgtest.URL(t))
	if err := os.WriteFile(w.cfg.HeadsFile, []byte("log.example/other\n1\nAAAA\n\n— log.example/other AAAA\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.open()
	until(t, "the ledger says why it does not lead", func() bool {
		err := w.log.Ready(t.Context())
		return err != nil && errors.Unwrap(err) != nil && strings.Contains(errors.Unwrap(err).Error(), `it is of the log "log.example/other"`)
	})
	if w.log.Leads() {
		t.Error("it leads")
	}
}

// No note leaves before it stands in the file, and published heads are among the signed ones.
func TestSignedBeforeSeen(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	for range 20 {
		r := w.must(w.say("gateway/1", 'g', claim(data, 1)))[0]
		notes, err := os.ReadFile(w.cfg.HeadsFile)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(notes, r.Checkpoint) {
			t.Fatalf("the checkpoint of size %d is not in the heads file", r.Size)
		}
		if head, ok := w.log.Published(); ok && !bytes.Contains(notes, head.Note) {
			t.Fatalf("the published head of size %d is not in the heads file", head.Size)
		}
	}
}

func TestPublishedHeads(t *testing.T) {
	w := newWorldOn(t, pgtest.URL(t))
	w.cfg.PublishEvery = 100 * time.Millisecond
	registry := prometheus.NewRegistry()
	w.cfg.Metrics = registry
	w.start()
	data := w.found()
	for published := map[int64]bool{}; len(published) < 6; {
		w.must(w.say("gateway/1", 'g', claim(data, 1)))
		if head, ok := w.log.Published(); ok {
			published[head.Size] = true
		}
	}
	size := w.must(w.say("gateway/1", 'g', claim(data, 1)))[0].Size
	until(t, "the last entry is published", func() bool { head, ok := w.log.Published(); return ok && head.Size == size })
	heads, err := w.log.Checkpoints(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(heads) < 6 {
		t.Errorf("only %d heads were published", len(heads))
	}
	for i, head := range heads {
		opened, err := verify.OpenHead(head.Note, w.key)
		if err != nil {
			t.Fatal(err)
		}
		if opened.Size != head.Size || opened.Root != head.Root {
			t.Errorf("the head of size %d has a note of size %d", head.Size, opened.Size)
		}
		if i == 0 {
			continue
		}
		newer := heads[i-1]
		// Times are kept in whole milliseconds.
		if gap := newer.Published - head.Published; gap < 99 {
			t.Errorf("the heads of sizes %d and %d were published within %d ms", head.Size, newer.Size, gap)
		}
		proof, err := w.log.Consistency(t.Context(), head.Size, newer.Size)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkTree(proof, newer, head); err != nil {
			t.Errorf("sizes %d and %d: %v", head.Size, newer.Size, err)
		}
	}
	if entries, published := gauge(t, registry, "attestlog_entries_total"), gauge(t, registry, "attestlog_published_size"); int64(entries) != size || int64(published) != size {
		t.Errorf("metrics count %v entries and %v published ones, want %d", entries, published, size)
	}
}

func checkTree(proof [][32]byte, newer, older ledger.PublishedHead) error {
	var p tlog.TreeProof
	for _, h := range proof {
		p = append(p, h)
	}
	return tlog.CheckTree(p, newer.Size, newer.Root, older.Size, older.Root)
}

// gauge reads a metric without labels.
func gauge(t testing.TB, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func TestBusy(t *testing.T) {
	w := newWorldOn(t, pgtest.URL(t))
	w.cfg.MaxQueue = 4
	w.start()
	data := w.found() // as many as the queue holds
	// A lock on the tip holds the next commit up.
	tx := w.hold("SELECT 1 FROM tip FOR UPDATE")
	held := make(chan ledger.Outcome, 4)
	var wg sync.WaitGroup
	for range 4 {
		sub := w.say("gateway/1", 'g', claim(data, 1))
		wg.Go(func() { held <- w.log.Submit(context.Background(), []*event.Submission{sub})[0] })
	}
	late := w.say("bank/1", 'b', claim(data, 1))
	until(t, "the queue is full", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		o := w.log.Submit(ctx, []*event.Submission{late})[0]
		return o.Refusal != nil && o.Refusal.Code == ledger.Busy && o.Refusal.RetryAfter > 0
	})
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	w.must(late)
}

// Whoever gives up waiting learns that the outcome is unknown, and gets it by sending the event again.
func TestGivingUp(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	tx := w.hold("SELECT 1 FROM tip FOR UPDATE")
	sub := w.say("gateway/1", 'g', claim(data, 1))
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan ledger.Outcome)
	go func() { answer <- w.log.Submit(ctx, []*event.Submission{sub})[0] }()
	until(t, "the commit waits", func() bool {
		var waiting bool
		err := tx.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting)
		return err == nil && waiting
	})
	cancel()
	if o := <-answer; o.Refusal == nil || o.Refusal.Code != ledger.OutcomeUnknown {
		t.Fatalf("got %+v", o)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o := w.log.Submit(t.Context(), []*event.Submission{sub})[0]; o.Refusal != nil || o.Receipt.Index != 4 {
		t.Fatalf("got %+v", o)
	}
}

// storm submits events of several sources, each until it is acknowledged, while disturb does its worst, and then some more. In the
// end every receipt must be true of the log as it is.
func storm(w *world, rounds int, disturb func()) {
	t := w.t
	data := w.found()
	var mu sync.Mutex
	var receipts []*ledger.Receipt
	var wg sync.WaitGroup
	calm := make(chan struct{})
	for i := range 6 {
		name, key := fmt.Sprintf("storm/%d", i), byte('A'+i)
		w.must(w.say("op/1", 'o', register(name, key, event.RoleService)))
		own := &world{t: t, chains: map[string]verify.Chain{}}
		wg.Go(func() {
			for blown := false; !blown; {
				select {
				case <-calm:
					blown = true // one more event, which must get in
				default:
				}
				r, err := insist(w.log, own.say(name, key, claim(data, 1)))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				receipts = append(receipts, r)
				mu.Unlock()
			}
		})
	}
	acknowledged := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(receipts)
	}
	for range rounds {
		before := acknowledged()
		until(t, "the log goes on", func() bool { return acknowledged() >= before+10 })
		disturb()
	}
	close(calm)
	wg.Wait()
	w.stop()
	w.start()
	w.audit(append(receipts, w.must(w.say("op/1", 'o', register("after/1", 'z', event.RoleService)))...))
}

// insist sends an event until it is acknowledged.
func insist(l *ledger.Ledger, sub *event.Submission) (*ledger.Receipt, error) {
	for deadline := time.Now().Add(time.Minute); ; {
		o := l.Submit(context.Background(), []*event.Submission{sub})[0]
		if o.Refusal == nil {
			return o.Receipt, nil
		}
		switch o.Refusal.Code {
		case ledger.Unavailable, ledger.OutcomeUnknown, ledger.Busy:
			if time.Now().After(deadline) {
				return nil, fmt.Errorf("not acknowledged within a minute: %w", o.Refusal)
			}
			time.Sleep(5 * time.Millisecond)
		default:
			return nil, o.Refusal
		}
	}
}

// audit holds receipts against the log as it is now: nothing acknowledged is lost, nothing stands twice, no head is contradicted.
func (w *world) audit(receipts []*ledger.Receipt) {
	w.t.Helper()
	last := receipts[len(receipts)-1]
	n, err := note.Open(last.Checkpoint, note.VerifierList(w.key))
	if err != nil {
		w.t.Fatal(err)
	}
	final, err := parseTree(n.Text)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range receipts {
		w.check(nil, r)
		entry, err := w.log.Entry(w.t.Context(), r.Index)
		if err != nil || !bytes.Equal(entry.Leaf, r.Leaf) {
			w.t.Errorf("entry %d is not what its receipt says: %v", r.Index, err)
		}
		head, err := verify.OpenHead(r.Checkpoint, w.key)
		if err != nil {
			w.t.Fatal(err)
		}
		proof, err := w.log.Consistency(w.t.Context(), head.Size, final.N)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := checkTree(proof, ledger.PublishedHead{Size: final.N, Root: final.Hash}, ledger.PublishedHead{Size: head.Size, Root: head.Root}); err != nil {
			w.t.Errorf("the head of size %d: %v", head.Size, err)
		}
	}
	seen := map[event.Digest]int64{}
	chains := map[string]verify.Chain{}
	logged := int64(0)
	for index := range final.N {
		entry, err := w.log.Entry(w.t.Context(), index)
		if err != nil {
			w.t.Fatal(err)
		}
		if other, ok := seen[entry.Digest]; ok {
			w.t.Errorf("entries %d and %d are one event", other, index)
		}
		seen[entry.Digest] = index
		chain, ok := chains[entry.Event.Source]
		if !ok {
			chain = verify.NewChain()
		}
		if err := chain.Judge(entry.Event); err != nil {
			w.t.Errorf("entry %d: %v", index, err)
		}
		chains[entry.Event.Source] = verify.After(entry.Event, entry.Digest)
		if entry.Decoded.Logged < logged {
			w.t.Errorf("entry %d was logged before entry %d", index, index-1)
		}
		logged = entry.Decoded.Logged
	}
}

func TestConnectionsDie(t *testing.T) {
	w := newWorld(t)
	storm(w, 8, func() {
		w.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	})
}

func TestPostgresCrashes(t *testing.T) {
	server := pgtest.Server(t)
	w := newWorldOn(t, server.URL())
	w.start()
	storm(w, 3, func() {
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		server.Restart(t)
	})
}
