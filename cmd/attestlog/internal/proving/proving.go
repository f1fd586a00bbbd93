// Package proving makes proofs of events, of every kind that there is a statement about.
//
// A [Prover] belongs to one log. It finds the statement that the log has registered for the claims at hand, makes sure that
// the operator registered it and that this program has the same circuit, fetches the proving key if it isn't here yet, and keeps all
// of it in memory: the first proof under a statement takes seconds more than the next ones. Keys are never made here.
//
// What a person has in files comes to a prover as a [statement.Witness]. It never leaves it: errors say which rule of the statement
// is broken, and quote nothing.
package proving

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// Log is what a prover asks of its log.
type Log interface {
	// Statements lists the registered statements, the newest last.
	Statements(ctx context.Context) ([]*client.Statement, error)
	// Verify gathers and verifies the evidence about an entry.
	Verify(ctx context.Context, index int64) error
	// ProvingKey opens a statement's proving key for reading.
	ProvingKey(ctx context.Context, s *client.Statement, offset int64) (io.ReadCloser, error)
	// Resolver finds the events that claims refer to.
	Resolver(ctx context.Context) statement.TreeResolver
	// Seal seals a witness to the log's provers.
	Seal(ctx context.Context, w statement.Witness) ([]byte, error)
	// Origin is the log's name.
	Origin() string
}

// Watcher is told what takes long, and what people must not miss.
type Watcher interface {
	During(what string, estimate time.Duration, f func() error) error
	Fetching(what string, total int64) (report func(done int64), end func())
	Warn(format string, args ...any)
	// Untrusted is told of a statement whose keys somebody could have kept the secrets of.
	Untrusted(statement string, setup event.Setup)
}

// Prover proves events of one log. Safe for concurrent use; one proof is made at a time, on all cores.
type Prover struct {
	log     Log
	store   *keys.Store
	watcher Watcher

	mu     sync.Mutex
	relied map[event.Digest]bool // statements whose registration was verified
	loaded map[event.Digest]*loaded
}

// loaded is a statement with all that its proofs take.
type loaded struct {
	circuit circuit.Circuit
	claims  *event.StatementClaims
	keys    *keys.Keys
}

// New makes a prover. It asks the log nothing yet.
func New(log Log, store *keys.Store, watcher Watcher) *Prover {
	return &Prover{log: log, store: store, watcher: watcher, relied: map[event.Digest]bool{}, loaded: map[event.Digest]*loaded{}}
}

// Prepare gets ready to prove claims, and returns the identity of the statement that they will be proven under: of those that the
// claims suit, the smallest one that the log has registered; or the one of that name, if a name is given. Once ready, it costs a
// question to the log, no more.
func (p *Prover) Prepare(ctx context.Context, claims event.Claims, name string) (event.Digest, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	suiting, err := p.suiting(ctx, claims, name)
	if err != nil {
		return event.Digest{}, err
	}
	return p.prepare(ctx, suiting)
}

// suiting are the statements that claims can be proven under, or the one of that name.
func (p *Prover) suiting(ctx context.Context, claims event.Claims, name string) ([]statement.Statement, error) {
	if name != "" {
		return named(name, claims)
	}
	return statement.Suiting(claims, p.log.Resolver(ctx))
}

// PrepareStatement is Prepare where the statement is known already.
func (p *Prover) PrepareStatement(ctx context.Context, s statement.Statement) (event.Digest, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prepare(ctx, []statement.Statement{s})
}

func named(name string, claims event.Claims) ([]statement.Statement, error) {
	s, err := statement.ByName(name)
	if err != nil {
		return nil, err
	}
	if s.Proves != claims.Kind() {
		return nil, fmt.Errorf("%s is about events of kind %s, and the claims are of kind %s", name, s.Proves, claims.Kind())
	}
	return []statement.Statement{s}, nil
}

func (p *Prover) prepare(ctx context.Context, suiting []statement.Statement) (event.Digest, error) {
	registered, s, err := p.find(ctx, suiting)
	if err != nil {
		return event.Digest{}, err
	}
	if p.loaded[registered.Digest] != nil {
		return registered.Digest, nil
	}
	l := &loaded{claims: registered.Claims}
	if l.circuit, err = circuit.For(s); err != nil {
		return event.Digest{}, err
	}
	if err := p.load(ctx, l, registered); err != nil {
		return event.Digest{}, err
	}
	p.loaded[registered.Digest] = l
	return registered.Digest, nil
}

// find finds the statement to prove under, and relies on its entry, which says which circuit and which key it has: so it must be the
// operator's, and stand.
func (p *Prover) find(ctx context.Context, suiting []statement.Statement) (*client.Statement, statement.Statement, error) {
	registered, s, err := Find(ctx, p.log, suiting)
	if err != nil || p.relied[registered.Digest] {
		return registered, s, err
	}
	if err := p.log.Verify(ctx, registered.Registration.Index); err != nil {
		return nil, s, fmt.Errorf("couldn't rely on the registration of %s: %w", s.Name, err)
	}
	if registered.Claims.Setup != event.SetupCeremony {
		p.watcher.Untrusted(s.Name, registered.Claims.Setup)
	}
	p.relied[registered.Digest] = true
	return registered, s, nil
}

// Find finds the newest statement that stands in the log under one of these names, the first of them that has one. The newest, so that
// an operator who registers fresh keys, after a ceremony say, moves provers over to them; he decides the order, and an auditor sees it.
func Find(ctx context.Context, log Log, suiting []statement.Statement) (*client.Statement, statement.Statement, error) {
	all, err := log.Statements(ctx)
	if err != nil {
		return nil, statement.Statement{}, err
	}
	var names []string
	for _, s := range suiting {
		for i := len(all) - 1; i >= 0; i-- {
			if all[i].Claims.Name == s.Name && all[i].Claims.Proves == s.Proves && all[i].Status == "active" {
				return all[i], s, nil
			}
		}
		names = append(names, s.Name)
	}
	return nil, statement.Statement{}, fmt.Errorf("the log has no statement %s that stands: its operator registers statements with attestlogd init, or attestlogd statement add",
		strings.Join(names, " or "))
}

// Inline makes a draft one that is proven as soon as it has its number, by the witness.
func (p *Prover) Inline(ctx context.Context, d *client.Draft, w statement.Witness, name string) error {
	id, err := p.Prepare(ctx, d.Claims, name)
	if err != nil {
		return err
	}
	d.Statement = id
	d.Prove = func(ctx context.Context, e *event.Event, _ event.Digest) ([]byte, error) { return p.Prove(ctx, e, w) }
	return nil
}

// Prove proves an event that is complete, number and all: the proof is good for this one payload only. Its statement must have
// been prepared. Claims that the witness doesn't bear out give circuit.ErrFalse, with the *[statement.Violation] that says why.
func (p *Prover) Prove(ctx context.Context, e *event.Event, w statement.Witness) (proof []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.loaded[e.Statement]
	if l == nil {
		return nil, errors.New("couldn't prove: the event's statement was not prepared")
	}
	payload, err := e.Encode()
	if err != nil {
		return nil, err
	}
	digest, refs := event.DigestOf(payload), p.log.Resolver(ctx)
	// Anew from the claims, as the log will: what is proven is what it will ask for.
	public, err := l.circuit.Statement.Public(e, digest, refs)
	if err != nil {
		return nil, err
	}
	assignment, err := l.circuit.Assign(w, e, digest, refs)
	if err != nil {
		return nil, err
	}
	estimate := time.Duration(l.claims.Constraints) * 30 * time.Microsecond
	err = p.watcher.During("proving", estimate, func() error {
		proof, _, err = l.keys.Prove(ctx, assignment)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := zkverify.Verify(l.keys.VerifyingKey, proof, public); err != nil {
		return nil, fmt.Errorf("couldn't prove: the proof does not verify: %w", err)
	}
	return proof, nil
}
