package cosign

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger/verify"
)

// never is longer than any test: what waits for it hangs.
const never = time.Hour

// hang makes a witness take requests and answer none until it is released. asked counts the requests.
func (w *world) hang(t *testing.T, i int) (release func(), asked *atomic.Int64) {
	real := *w.handlers[i].Load()
	released := make(chan struct{})
	asked = &atomic.Int64{}
	var h http.Handler = http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body) // or nobody tells that the log has left
		if err != nil {
			return
		}
		asked.Add(1)
		select {
		case <-released:
		case <-in.Context().Done():
			return
		}
		in.Body = io.NopCloser(bytes.NewReader(body))
		real.ServeHTTP(out, in)
	})
	w.handlers[i].Store(&h)
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	return release, asked
}

// lates waits for late cosignatures until they are of all these sizes, and gives who made them.
func lates(t *testing.T, c *Witnesses, sizes ...int64) map[int64][]verify.Cosignature {
	t.Helper()
	all := map[int64][]verify.Cosignature{}
	for len(all) < len(sizes) {
		select {
		case <-c.News():
		case <-time.After(30 * time.Second):
			t.Fatalf("in vain waited for late cosignatures of %v: there are those of %v", sizes, slices.Sorted(maps.Keys(all)))
		}
		some, err := c.Late()
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(all, some)
	}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, sizes) {
		t.Fatalf("there are late cosignatures of the sizes %v, want %v", got, sizes)
	}
	return all
}

// A witness that takes requests and never answers costs no head more than the grace, where the others are enough; and what it says late is good.
func TestGrace(t *testing.T) {
	w := newWorld(t)
	release, _ := w.hang(t, 1)
	c := w.open(t)
	c.cfg.Deadline, c.cfg.Grace = never, time.Millisecond
	head := w.head(t, 3)
	collected, err := c.Collect(t.Context(), head, Enough)
	if err != nil || !collected.Quorum {
		t.Fatal(collected, err)
	}
	if late, err := c.Late(); err != nil || len(late) != 0 {
		t.Errorf("before it answered there is %v, %v", late, err)
	}
	release()
	late := lates(t, c, 3)[3]
	added, err := c.Add(collected.Note, 3, late)
	if err != nil || !added.Quorum || textOf(added.Note) != textOf(collected.Note) {
		t.Fatalf("with the late one the note is %q, %v", added.Note, err)
	}
	if _, all, err := w.policy.Open(added.Note, w.log.Key); err != nil || len(all) != 3 {
		t.Errorf("with the late one there are %d cosignatures, %v", len(all), err)
	}
	if again, err := c.Add(added.Note, 3, late); err != nil || !bytes.Equal(again.Note, added.Note) {
		t.Errorf("added twice it makes %q, %v", again.Note, err)
	}
	older := late[0]
	older.Time, older.Line = older.Time.Add(-time.Second), []byte("an older line")
	if again, err := c.Add(added.Note, 3, []verify.Cosignature{older}); err != nil || !bytes.Equal(again.Note, added.Note) {
		t.Errorf("an older one makes %q, %v", again.Note, err)
	}
	if late, err := c.Late(); err != nil || len(late) != 0 {
		t.Errorf("what was taken is there again: %v, %v", late, err)
	}

	// All are up: all are in at once.
	c.Wait()
	c.cfg.Grace = never
	w.collect(t, c, 9, 0, 1, 2)
}

// One that hangs has one request at a time, and what it is asked next is about the newest head, however many there were.
func TestOneQuestionAtATime(t *testing.T) {
	w := newWorld(t)
	release, asked := w.hang(t, 1)
	c := w.open(t)
	c.cfg.Deadline, c.cfg.Grace = never, time.Millisecond
	for size := int64(3); size <= 7; size++ {
		if _, err := c.Collect(t.Context(), w.head(t, size), Enough); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n > 1 {
		t.Errorf("it was asked %d times at once", n)
	}
	release()
	late := lates(t, c, 3, 7)
	if n := asked.Load(); n != 2 || len(late[3]) != 1 || late[3][0].Witness != 1 || len(late[7]) != 1 {
		t.Errorf("asked %d times, it cosigned %v", n, late)
	}
}

// Where the policy can't be satisfied without witnesses that hang, heads wait for them until the deadline; but not for ever: who left several
// requests unanswered is asked, and not waited for, until it answers one.
func TestUnawaited(t *testing.T) {
	w := newWorld(t)
	release, _ := w.hang(t, 1)
	w.hang(t, 2)
	c := w.open(t)
	c.cfg.Grace = time.Millisecond
	for n := range maxUnanswered {
		if s := c.Status()[1]; s.Unawaited {
			t.Fatalf("after %d requests nobody waits for it", n)
		}
		c.cfg.Deadline = 500 * time.Millisecond // long enough for the one that is up
		w.collect(t, c, int64(3+n), 0)
		c.Wait()
	}
	if all := c.Status(); all[0].Unawaited || !all[1].Unawaited || !all[2].Unawaited || all[1].Trouble == "" {
		t.Fatalf("status %+v", all)
	}
	c.cfg.Deadline, c.cfg.Grace = never, 100*time.Millisecond
	head := w.head(t, 9)
	collected, err := c.Collect(t.Context(), head, Enough) // hangs if it waits
	if err != nil || collected.Quorum {
		t.Fatal(collected, err)
	}
	release()
	added, err := c.Add(collected.Note, 9, lates(t, c, 9)[9])
	if err != nil || !added.Quorum {
		t.Errorf("the late cosignature makes %q, %v", added.Note, err)
	}
	if s := c.Status()[1]; s.Unawaited || s.Trouble != "" || s.Size != 9 {
		t.Errorf("after it cosigned again: %+v", s)
	}
}

// A head that says whether the log may be written waits for every witness, however many are enough.
func TestUntilAll(t *testing.T) {
	w := newWorld(t)
	real := *w.handlers[1].Load()
	var slow http.Handler = http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		time.Sleep(50 * time.Millisecond)
		real.ServeHTTP(out, in)
	})
	w.handlers[1].Store(&slow)
	c := w.open(t)
	c.cfg.Deadline, c.cfg.Grace = never, time.Millisecond
	collected, err := c.Collect(t.Context(), w.head(t, 3), All)
	if err != nil {
		t.Fatal(err)
	}
	if _, all, err := w.policy.Open(collected.Note, w.log.Key); err != nil || len(all) != 3 {
		t.Errorf("there are %d cosignatures, %v", len(all), err)
	}
}

// That a witness is ahead of the log is as bad when it comes late.
func TestLateAhead(t *testing.T) {
	w := newWorld(t)
	release, _ := w.hang(t, 1)
	c := w.open(t)
	c.cfg.Deadline, c.cfg.Grace = never, time.Millisecond
	if _, err := ask(t.Context(), http.DefaultClient, &w.policy.Witnesses[2], w.history.Request(0, 3)); err != nil {
		t.Fatal(err)
	}
	w.collect(t, c, 3, 0, 2)
	w.answers(1, answer(409, verify.SizeContentType, "30\n"))
	// It is asked about the next head when it has answered the question about this one, and by then it knows of a larger tree.
	if _, err := c.Collect(t.Context(), w.head(t, 4), Enough); err != nil {
		t.Fatal(err)
	}
	release()
	for {
		select {
		case <-c.News():
		case <-time.After(30 * time.Second):
			t.Fatal("in vain waited for what it says")
		}
		var ahead *AheadError
		if _, err := c.Late(); errors.As(err, &ahead) {
			if ahead.Size != 30 || ahead.Known != 4 || c.Status()[1].Alarm == "" {
				t.Errorf("it is ahead: %+v, %+v", ahead, c.Status()[1])
			}
			return
		}
	}
}

// Who stops asking leaves nothing behind: no request, no mark against the witness, and nothing late for the next.
func TestWait(t *testing.T) {
	w := newWorld(t)
	_, asked := w.hang(t, 1)
	c := w.open(t)
	c.cfg.Deadline, c.cfg.Grace = never, time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := c.Collect(ctx, w.head(t, 3), Enough); err != nil {
		t.Fatal(err)
	}
	for asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	c.Wait() // hangs if the request goes on
	if s := c.Status()[1]; s.Trouble != "" || s.unanswered != 0 || !s.Asked.IsZero() {
		t.Errorf("status %+v", s)
	}
	if late, err := c.Late(); err != nil || len(late) != 0 {
		t.Errorf("there is %v, %v", late, err)
	}
}
