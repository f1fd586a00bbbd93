package tilestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/attestlog/attestlog/migrations/pgtest"
)

// proxy stands between a leader and PostgreSQL and cuts the connection that commits, at a chosen point.
type proxy struct {
	t        testing.TB
	target   string
	listener net.Listener
	cut      atomic.Pointer[string] // where to cut the next commit; taken once
	closed   atomic.Bool            // refuse new connections
	conns    sync.WaitGroup
}

const (
	cutBefore = "before the transaction reaches PostgreSQL"
	cutDuring = "in the middle of the rows"
	cutAfter  = "after the commit, before its answer"
)

// newProxy listens on a Unix socket next to PostgreSQL's, and returns the URL that leads through it.
func newProxy(t testing.TB, through string) (*proxy, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "proxy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	u, err := url.Parse(through)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	p := &proxy{t: t, target: filepath.Join(q.Get("host"), ".s.PGSQL."+q.Get("port"))}
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	if p.listener, err = net.Listen("unix", filepath.Join(dir, ".s.PGSQL."+q.Get("port"))); err != nil {
		t.Fatal(err)
	}
	p.conns.Go(p.accept)
	t.Cleanup(func() {
		p.listener.Close()
		p.conns.Wait()
	})
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.closed.Load() {
			client.Close()
			continue
		}
		server, err := net.Dial("unix", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.conns.Go(func() { p.carry(client, server) })
	}
}

// carry passes bytes on in both directions until one side ends or the cut comes.
func (p *proxy) carry(client, server net.Conn) {
	both := func() { client.Close(); server.Close() }
	defer both()
	var swallow atomic.Bool // the server's next bytes are the answer that nobody gets
	p.conns.Go(func() {
		defer both()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil || (n > 0 && swallow.Load() && bytes.Contains(buf[:n], []byte("COPY "))) {
				return
			}
			if swallow.Load() {
				continue
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		data := buf[:n]
		if bytes.Contains(data, []byte("SELECT advance_tip(")) {
			if where := p.cut.Swap(nil); where != nil {
				switch *where {
				case cutBefore:
					return
				case cutDuring:
					server.Write(data)
					rest := make([]byte, 1000)
					if n, err := io.ReadFull(client, rest); err == nil {
						server.Write(rest[:n])
					}
					return
				case cutAfter:
					swallow.Store(true)
				}
			}
		}
		if _, err := server.Write(data); err != nil {
			return
		}
	}
}

// Each commit is failed in each way. A commit that PostgreSQL never saw, or saw half of, is as if it hadn't been; one whose
// answer got lost counts, and those who wait are told so.
func TestConnectionCut(t *testing.T) {
	for _, where := range []string{cutBefore, cutDuring, cutAfter} {
		t.Run(where, func(t *testing.T) {
			p, through := newProxy(t, pgtest.URL(t))
			s := open(t, Config{URL: through})
			index := 0
			for round := range 3 {
				r := lead(t, s, judge{})
				r.submit(nth(index))
				index++
				p.cut.Store(&where)
				batch := make([]submission, 300)
				for i := range batch {
					batch[i] = nth(index + i)
					batch[i].payload += strings.Repeat(" and more", 100) // more than the proxy reads at once
				}
				items := r.submit(batch...)
				<-r.ended
				if r.err == nil || errors.Is(r.err, ErrFenced) || errors.Is(r.err, ErrUnknown) {
					t.Errorf("round %d: Run = %v, want the connection's error", round, r.err)
				}
				landed := where == cutAfter
				for i, it := range items {
					if landed && (it.Err != nil || it.Index != int64(index+i) || it.Tip.Size != int64(index+len(items))) {
						t.Fatalf("round %d: item %d: index %d, tip %v, %v", round, i, it.Index, it.Tip, it.Err)
					}
					if !landed && !errors.Is(it.Err, ErrStopped) {
						t.Fatalf("round %d: item %d: %v, want ErrStopped", round, i, it.Err)
					}
				}
				if got := r.tips[len(r.tips)-1].Size; landed && got != int64(index+len(items)) {
					t.Errorf("round %d: onCommit heard of %d last", round, got)
				}
				// Sent again, each gets its place, or the place that it had.
				again := lead(t, s, judge{})
				for i, it := range again.submit(batch...) {
					if it.Err != nil || it.Index != int64(index+i) || it.Duplicate != landed {
						t.Fatalf("round %d: item %d sent again: index %d, duplicate %v, %v", round, i, it.Index, it.Duplicate, it.Err)
					}
				}
				again.stop()
				index += len(batch)
				if _, rows := verify(t, s); len(rows) != index {
					t.Errorf("round %d: the log has %d entries, want %d", round, len(rows), index)
				}
			}
		})
	}
}

// Where PostgreSQL can't be asked any more, nobody is told anything but that.
func TestUnknownOutcome(t *testing.T) {
	for where, landed := range map[string]bool{cutBefore: false, cutAfter: true} {
		t.Run(where, func(t *testing.T) {
			p, through := newProxy(t, pgtest.URL(t))
			s := open(t, Config{URL: through, SettleTimeout: 3 * lockInterval})
			r := lead(t, s, judge{})
			r.fill(10)
			p.cut.Store(&where)
			p.closed.Store(true)
			it := r.submit(nth(10))[0]
			if !errors.Is(it.Err, ErrUnknown) || it.Tip != nil {
				t.Errorf("the item: %v, %v; want ErrUnknown", it.Err, it.Tip)
			}
			<-r.ended
			if !errors.Is(r.err, ErrUnknown) {
				t.Errorf("Run = %v, want ErrUnknown", r.err)
			}
			p.closed.Store(false)
			it = lead(t, s, judge{}).submit(nth(10))[0]
			if it.Err != nil || it.Index != 10 || it.Duplicate != landed {
				t.Errorf("sent again: index %d, duplicate %v, %v", it.Index, it.Duplicate, it.Err)
			}
			verify(t, s)
		})
	}
}

// The outcome is unknown, and by the time that it can be asked for, another leader has led, and written.
func TestOutcomeUnderAnotherLeader(t *testing.T) {
	for where, landed := range map[string]bool{cutBefore: false, cutAfter: true} {
		for _, more := range []int{0, 1, 400} {
			t.Run(fmt.Sprintf("%s, then %d entries", where, more), func(t *testing.T) {
				direct := pgtest.URL(t)
				p, through := newProxy(t, direct)
				s, other := open(t, Config{URL: through}), open(t, Config{URL: direct})
				r := lead(t, s, judge{})
				r.fill(10)
				p.cut.Store(&where)
				p.closed.Store(true)
				items := itemsOf(nth(1000), nth(1001))
				done, err := r.Enqueue(items...)
				if err != nil {
					t.Fatal(err)
				}
				successor := lead(t, other, rawSubmissions{}) // gets the lock once the cut session is gone
				tip, err := other.Tip(t.Context())
				if err != nil || (tip.Size == 12) != landed {
					t.Fatalf("the successor starts at %v, %v", tip, err)
				}
				successor.fill(int(tip.Size) + more)
				successor.stop()
				p.closed.Store(false)
				wait(t, done)
				for i, it := range items {
					if landed && (it.Err != nil || it.Index != int64(10+i) || it.Tip.Size != 12) {
						t.Errorf("item %d: index %d, tip %v, %v", i, it.Index, it.Tip, it.Err)
					}
					if !landed && !errors.Is(it.Err, ErrStopped) {
						t.Errorf("item %d: %v, want ErrStopped", i, it.Err)
					}
				}
				<-r.ended
				ref, _ := verify(t, other)
				for _, tip := range r.tips {
					if tip.Root != ref.root(t, tip.Size) {
						t.Errorf("onCommit heard of root %x at size %d, which the log doesn't have", tip.Root, tip.Size)
					}
				}
			})
		}
	}
}

// service submits from many goroutines through leaders that come and go, as a ledger does, and remembers what was
// acknowledged.
type service struct {
	t       *testing.T
	store   *Store
	leader  atomic.Pointer[Leader]
	started chan struct{} // receives a token for each leader

	mu    sync.Mutex
	acked []*Item
	tips  []Tip
}

func (v *service) lead(ctx context.Context) {
	for ctx.Err() == nil {
		l, err := v.store.Lead(ctx, nil)
		if err != nil {
			continue // PostgreSQL is restarting
		}
		v.leader.Store(l)
		select {
		case v.started <- struct{}{}:
		default:
		}
		err = l.Run(ctx, judge{}, func(tip Tip) error {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.tips = append(v.tips, tip)
			return nil
		})
		if errors.Is(err, ErrFenced) {
			v.t.Errorf("fenced, though nobody else leads: %v", err)
		}
	}
}

func (v *service) submit(ctx context.Context, worker int) {
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	for i := 0; ctx.Err() == nil; {
		it := itemsOf(submission{1, fmt.Sprint(worker), "s", fmt.Sprintf("worker %d event %d", worker, i)})[0]
		done, err := v.leader.Load().Enqueue(it)
		if err != nil {
			<-retry.C
			continue
		}
		<-done
		if it.Err == nil {
			v.mu.Lock()
			v.acked = append(v.acked, it)
			v.mu.Unlock()
			i++
		}
	}
}

// runService submits until disturb returns, and then checks that nothing that was acknowledged is lost or there twice,
// and that every tip that was announced is one of the log's.
func runService(t *testing.T, s *Store, disturb func(v *service)) {
	v := &service{t: t, store: s, started: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	var leading, submitting sync.WaitGroup
	leading.Go(func() { v.lead(ctx) })
	<-v.started
	for worker := range 32 {
		submitting.Go(func() { v.submit(ctx, worker) })
	}
	disturb(v)
	cancel()
	leading.Wait()
	submitting.Wait()
	ref, rows := verify(t, s)
	for _, it := range v.acked {
		row, ok := rows[it.Row.Digest]
		if !ok {
			t.Fatalf("%s was acknowledged as entry %d and is lost", it.Submission.(submission).payload, it.Index)
		}
		if row.Index != it.Index || (!it.Duplicate && !bytes.Equal(row.Leaf, it.Row.Leaf)) {
			t.Fatalf("entry %d was acknowledged at %d or with another leaf", row.Index, it.Index)
		}
		if it.Tip.Size <= it.Index || ref.root(t, it.Tip.Size) != it.Tip.Root {
			t.Fatalf("entry %d was acknowledged under a tip of size %d that isn't the log's", it.Index, it.Tip.Size)
		}
	}
	for _, tip := range v.tips {
		if ref.root(t, tip.Size) != tip.Root {
			t.Fatalf("root %x was announced at size %d, which the log doesn't have", tip.Root, tip.Size)
		}
	}
	t.Logf("%d entries, %d acknowledged", ref.size, len(v.acked))
}

// awaitMore returns when some more entries were acknowledged.
func (v *service) awaitMore(n int) {
	v.t.Helper()
	count := func() int { v.mu.Lock(); defer v.mu.Unlock(); return len(v.acked) }
	want := count() + n
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for count() < want {
		select {
		case <-tick.C:
		case <-deadline:
			v.t.Fatal("the log has come to a standstill")
		}
	}
}

func TestTerminatedBackend(t *testing.T) {
	direct := pgtest.URL(t)
	s, admin := open(t, Config{URL: direct}), pgtest.Connect(t, direct)
	runService(t, s, func(v *service) {
		for i := range 10 {
			v.awaitMore(50 + 37*i)
			if _, err := admin.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"); err != nil {
				t.Error(err)
			}
		}
		v.awaitMore(100)
	})
}

func TestImmediateShutdownUnderLoad(t *testing.T) {
	server := pgtest.Server(t)
	s := open(t, Config{URL: server.URL()})
	runService(t, s, func(v *service) {
		for i := range 4 {
			v.awaitMore(100 + 50*i)
			if err := server.Kill(); err != nil {
				t.Error(err)
			}
			server.Restart(t)
		}
		v.awaitMore(100)
	})
}
