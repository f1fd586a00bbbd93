package worker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/keys"
)

// The stated need holds for what was measured of every statement (in MiB, loaded and at the peak, with 2 cores), and wastes no more than half.
func TestNeedOfStatements(t *testing.T) {
	for _, m := range []struct {
		name             string
		constraints, key int64
		resident, peak   int64 // measured, of a process that does nothing else, which itself takes 10
	}{
		{"model-version", 9935, 3536999, 22, 37},
		{"data-access-16", 56287, 18495385, 53, 119},
		{"anonymization-128", 61291, 21358015, 60, 144},
		{"training-step-32x32", 95752, 32251851, 87, 231},
		{"data-access-64", 204418, 68967679, 160, 480},
		{"training-step-128x64", 325000, 115829195, 272, 873},
		{"anonymization-1024", 392820, 138260989, 318, 936},
	} {
		n := NeedOf(m.constraints, m.key)
		if got := n.Total() >> 20; got < m.peak || got-Base>>20 > 3*m.peak/2 {
			t.Errorf("%s: stated %d MiB, measured %d", m.name, got, m.peak)
		}
		if got := n.Resident >> 20; got+16 < m.resident { // of the small ones the compiler's garbage is the larger part
			t.Errorf("%s: keys are stated to take %d MiB, measured %d", m.name, got, m.resident-10)
		}
	}
	if n := NeedOf(1, 1<<30); n.Working < 1<<30 {
		t.Errorf("a key of 1 GiB is loaded in %d bytes", n.Working)
	}
}

// statementOf is a made-up statement.
func statementOf(id byte, resident, working int64) *taken {
	return &taken{id: event.Digest{id}, need: Need{Resident: resident, Working: working}}
}

// loads counts how often keys were loaded.
type loads struct {
	mu    sync.Mutex
	order []byte
	fail  error
}

func (l *loads) load(_ context.Context, t *taken) (*keys.Keys, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order = append(l.order, t.id[0])
	return new(keys.Keys), l.fail
}

func testRoom(memory int64, slots int) (*room, *loads) {
	l := new(loads)
	r := newRoom(Base+memory, slots, l.load)
	var clock time.Time
	r.now = func() time.Time { clock = clock.Add(time.Second); return clock }
	return r, l
}

func enter(t *testing.T, r *room, of *taken) (leave func()) {
	t.Helper()
	_, leave, err := r.enter(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

// Keys are loaded once and dropped when others need their place, those used longest ago first.
func TestRoomKeepsKeys(t *testing.T) {
	r, l := testRoom(100, 1)
	a, b, c := statementOf('a', 30, 10), statementOf('b', 30, 10), statementOf('c', 50, 20)
	for _, of := range []*taken{a, b, a, b, a} {
		enter(t, r, of)()
	}
	if string(l.order) != "ab" {
		t.Errorf("keys were loaded in the order %q, want ab", l.order)
	}
	enter(t, r, c)() // b was used before a
	enter(t, r, a)()
	enter(t, r, c)()
	if string(l.order) != "abc" || r.held() != 2 {
		t.Errorf("keys were loaded in the order %q, and %d are held; want abc, 2", l.order, r.held())
	}
	enter(t, r, b)()
	if string(l.order) != "abcb" || r.held() != 2 {
		t.Errorf("keys were loaded in the order %q, and %d are held; want abcb, 2", l.order, r.held())
	}
	if r.free != 100-30-50 && r.free != 100-30-30 || r.slots != 1 {
		t.Errorf("%d bytes and %d slots are left", r.free, r.slots)
	}
}

// Who comes first is served first, even where somebody behind him would fit; and nobody is let in beyond slots and memory.
func TestRoomTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := testRoom(100, 2)
		large, small := statementOf('l', 40, 40), statementOf('s', 5, 5)
		leave := enter(t, r, large)
		var mu sync.Mutex
		var order []string
		done := make(chan func(), 3)
		go func() {
			out := enter(t, r, statementOf('m', 30, 30))
			mu.Lock()
			order = append(order, "medium")
			mu.Unlock()
			done <- out
		}()
		synctest.Wait()
		go func() {
			out := enter(t, r, small)
			mu.Lock()
			order = append(order, "small")
			mu.Unlock()
			done <- out
		}()
		synctest.Wait()
		if len(order) != 0 {
			t.Errorf("%v came in while there was no room", order)
		}
		leave()
		synctest.Wait()
		if !slices.Contains(order, "medium") || !slices.Contains(order, "small") {
			t.Errorf("only %v came in", order)
		}
		go func() { done <- enter(t, r, small) }() // there is memory, and no slot
		synctest.Wait()
		if len(r.waiting) != 1 {
			t.Errorf("%d wait for a slot, want 1", len(r.waiting))
		}
		for range 3 {
			(<-done)()
		}
		if r.slots != 2 || len(r.waiting) != 0 {
			t.Errorf("%d slots are free and %d wait", r.slots, len(r.waiting))
		}
	})
}

// Who gives up leaves the line to those behind.
func TestRoomGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := testRoom(100, 2)
		leave := enter(t, r, statementOf('a', 40, 40))
		ctx, cancel := context.WithCancelCause(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, _, err := r.enter(ctx, statementOf('b', 40, 40))
			failed <- err
		}()
		synctest.Wait()
		out, passed := func() {}, make(chan struct{})
		go func() {
			out = enter(t, r, statementOf('c', 10, 10))
			close(passed)
		}()
		synctest.Wait()
		why := errors.New("no time")
		cancel(why)
		if err := <-failed; !errors.Is(err, why) {
			t.Errorf("gave up with %v", err)
		}
		<-passed
		out()
		leave()
		if r.slots != 2 || r.free != 50 {
			t.Errorf("%d slots and %d bytes are free, want 2 and 50", r.slots, r.free)
		}
	})
}

// Keys that can't be loaded take no place, and are tried again.
func TestRoomLoadFails(t *testing.T) {
	r, l := testRoom(100, 1)
	l.fail = keys.ErrCorrupt
	a := statementOf('a', 30, 10)
	for range 2 {
		if _, _, err := r.enter(t.Context(), a); !errors.Is(err, keys.ErrCorrupt) {
			t.Errorf("entered with keys that can't be loaded: %v", err)
		}
	}
	if string(l.order) != "aa" || r.held() != 0 || r.free != 100 || r.slots != 1 {
		t.Errorf("loaded %q; %d keys, %d bytes and %d slots are left", l.order, r.held(), r.free, r.slots)
	}
	leave, err := r.reserve(t.Context(), 90)
	if err != nil || r.free != 10 || r.slots != 0 {
		t.Errorf("reserved: %v, %d bytes and %d slots are left", err, r.free, r.slots)
	}
	leave()
	if r.free != 100 || r.slots != 1 {
		t.Errorf("%d bytes and %d slots are left", r.free, r.slots)
	}
}
