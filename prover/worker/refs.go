package worker

import (
	"context"
	"sync"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

// maxKnown is how many events that others refer to are kept: most jobs are about a few data sets and runs.
const maxKnown = 256

// library remembers what events refer to, from job to job. It holds nothing that isn't in the log, and nothing in the log changes.
type library struct {
	log Log

	mu    sync.Mutex
	known map[event.Digest]reference
}

type reference struct {
	event *event.Event
	root  [32]byte
	full  bool // the root is there, too
}

func newLibrary(log Log) *library { return &library{log: log, known: map[event.Digest]reference{}} }

// during is the library for as long as a job lasts.
func (l *library) during(ctx context.Context) statement.TreeResolver {
	return &reader{library: l, ctx: ctx}
}

func (l *library) find(d event.Digest) (reference, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.known[d]
	return r, ok
}

func (l *library) keep(d event.Digest, r reference) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) >= maxKnown {
		clear(l.known)
	}
	l.known[d] = r
}

// reader is one job's view of the library: it fetches what is missing.
type reader struct {
	library *library
	ctx     context.Context
	log     statement.TreeResolver // made when first needed
}

func (r *reader) fresh() statement.TreeResolver {
	if r.log == nil {
		r.log = r.library.log.Resolver(r.ctx)
	}
	return r.log
}

// Event implements statement.Resolver.
func (r *reader) Event(d event.Digest) (*event.Event, error) {
	if found, ok := r.library.find(d); ok {
		return found.event, nil
	}
	e, err := r.fresh().Event(d)
	if err != nil {
		return nil, err
	}
	r.library.keep(d, reference{event: e})
	return e, nil
}

// RootThrough implements statement.TreeResolver.
func (r *reader) RootThrough(d event.Digest) ([32]byte, error) {
	if found, ok := r.library.find(d); ok && found.full {
		return found.root, nil
	}
	root, err := r.fresh().RootThrough(d)
	if err != nil {
		return root, err
	}
	e, err := r.Event(d)
	if err != nil {
		return root, err
	}
	r.library.keep(d, reference{event: e, root: root, full: true})
	return root, nil
}
