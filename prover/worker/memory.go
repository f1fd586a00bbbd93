package worker

import (
	"context"
	"sync"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/keys"
)

// What memory a proof takes, in bytes. The figures rest on the peaks of all statements with gnark v0.16.1 (attestlog-bench worker
// measures them again): loaded keys take the proving key's size and 410 to 490 bytes a constraint, and a proof 1.2 to 1.95 KiB a
// constraint more, garbage that is not collected yet included.
const (
	// Base is what a worker takes without keys: the program, its connections, the jobs that it prepares.
	Base = 64 << 20

	residentPerConstraint = 512
	workingPerConstraint  = 2 << 10
)

// Need is what a statement takes, in bytes beside [Base].
type Need struct {
	Resident int64 // as long as its keys are loaded
	Working  int64 // while its keys are being loaded, or while something is being proven, each
}

// NeedOf tells what a statement of so many constraints, with a proving key of so many bytes, takes.
func NeedOf(constraints, provingKey int64) Need {
	return Need{
		Resident: provingKey + residentPerConstraint*constraints,
		Working:  max(provingKey, workingPerConstraint*constraints), // the file is read whole before the key is made of it
	}
}

// Total is what a worker must have to prove the statement at all.
func (n Need) Total() int64 { return Base + n.Resident + n.Working }

// room is the worker's memory, and who is in it. Proofs come in one after the other in the order in which they asked, as many at a time
// as there are slots and as fit; keys stay loaded until others need their place, those that were used longest ago first.
type room struct {
	load func(context.Context, *taken) (*keys.Keys, error)
	now  func() time.Time

	mu      sync.Mutex
	free    int64
	slots   int
	waiting []*guest
	loaded  map[event.Digest]*tenant
}

// guest is a proof that wants in, or something else that takes a core and memory for a while.
type guest struct {
	of      *taken // nil: something else, without keys
	working int64
	in      chan struct{} // closed once it may come in
	place   *tenant       // then set, where there are keys
}

// tenant is keys that have their place in memory.
type tenant struct {
	need  Need
	users int
	used  time.Time

	once sync.Once
	keys *keys.Keys
	err  error
}

func newRoom(memory int64, slots int, load func(context.Context, *taken) (*keys.Keys, error)) *room {
	return &room{load: load, now: time.Now, free: memory - Base, slots: slots, loaded: map[event.Digest]*tenant{}}
}

// enter waits until a proof of the statement fits and its keys are loaded. Whoever entered must leave. A statement that needs more than
// all of the memory never gets in: see [Need.Total].
func (r *room) enter(ctx context.Context, of *taken) (k *keys.Keys, leave func(), err error) {
	g := &guest{of: of, working: of.need.Working, in: make(chan struct{})}
	if err := r.wait(ctx, g); err != nil {
		return nil, nil, err
	}
	t := g.place
	t.once.Do(func() { t.keys, t.err = r.load(ctx, of) })
	if t.err != nil {
		r.leave(g, true)
		return nil, nil, t.err
	}
	return t.keys, func() { r.leave(g, false) }, nil
}

// reserve waits until so many bytes are free and it is one's turn. Whoever reserved must leave.
func (r *room) reserve(ctx context.Context, bytes int64) (leave func(), err error) {
	g := &guest{working: bytes, in: make(chan struct{})}
	if err := r.wait(ctx, g); err != nil {
		return nil, err
	}
	return func() { r.leave(g, false) }, nil
}

// wait stands in line until g is in.
func (r *room) wait(ctx context.Context, g *guest) error {
	r.mu.Lock()
	r.waiting = append(r.waiting, g)
	r.admit()
	r.mu.Unlock()
	select {
	case <-g.in:
	case <-ctx.Done():
		if r.giveUp(g) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// giveUp takes a guest out of the line, unless it has come in meanwhile.
func (r *room) giveUp(g *guest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, other := range r.waiting {
		if other == g {
			r.waiting = append(r.waiting[:i], r.waiting[i+1:]...)
			r.admit() // those behind may be smaller
			return true
		}
	}
	return false
}

// admit lets in who stands first in line, as long as he fits. r.mu is held.
func (r *room) admit() {
	for len(r.waiting) > 0 && r.slots > 0 {
		g := r.waiting[0]
		cost := g.working
		var t *tenant
		if g.of != nil {
			if t = r.loaded[g.of.id]; t == nil {
				cost += g.of.need.Resident
			}
		}
		if !r.clear(cost, t) {
			return
		}
		if g.of != nil {
			if t == nil {
				t = &tenant{need: g.of.need}
				r.loaded[g.of.id] = t
			}
			t.users++
			g.place = t
		}
		r.free -= cost
		r.slots--
		r.waiting = r.waiting[1:]
		close(g.in)
	}
}

// clear drops keys that nobody uses until so many bytes are free, and tells whether they are. r.mu is held.
func (r *room) clear(bytes int64, keep *tenant) bool {
	for r.free < bytes {
		var oldest event.Digest
		for id, t := range r.loaded {
			if t.users == 0 && t != keep && (oldest.IsZero() || t.used.Before(r.loaded[oldest].used)) {
				oldest = id
			}
		}
		if oldest.IsZero() {
			return false
		}
		r.drop(oldest)
	}
	return true
}

// drop forgets keys that nobody uses. r.mu is held.
func (r *room) drop(id event.Digest) {
	r.free += r.loaded[id].need.Resident
	delete(r.loaded, id)
}

// leave ends what enter began. Keys that couldn't be loaded are forgotten, so that the next one tries again.
func (r *room) leave(g *guest, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += g.working
	r.slots++
	if t := g.place; t != nil {
		t.users--
		t.used = r.now()
		if failed && t.users == 0 && r.loaded[g.of.id] == t {
			r.drop(g.of.id)
		}
	}
	r.admit()
}

// held is how many statements' keys have a place.
func (r *room) held() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.loaded)
}
