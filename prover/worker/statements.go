package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/worker/job"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// taken is a statement that this worker takes jobs of.
type taken struct {
	id         event.Digest
	registered *client.Statement
	circuit    circuit.Circuit
	verifying  *zkverify.VerifyingKey
	need       Need
	revoked    bool // what waits is refused, and nothing is proven: there are no keys, and no circuit
}

// statements are those that are taken on, revoked ones included. The rest was looked at, and won't be again.
type statements struct {
	mu     sync.Mutex
	taken  map[event.Digest]*taken
	passed map[event.Digest]bool // not taken, for good
}

func newStatements() *statements {
	return &statements{taken: map[event.Digest]*taken{}, passed: map[event.Digest]bool{}}
}

func (s *statements) find(id event.Digest) *taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken[id]
}

func (s *statements) passedBy(id event.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passed[id]
}

func (s *statements) put(id event.Digest, t *taken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t == nil {
		delete(s.taken, id)
		s.passed[id] = true
		return
	}
	s.taken[id] = t
}

// count is of those that are proven.
func (s *statements) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.taken {
		if !t.revoked {
			n++
		}
	}
	return n
}

// refresh looks for statements in the log that are new, or were revoked since, and takes them on, or proves no more under them. It says why.
func (w *Worker) refresh(ctx context.Context) error {
	all, err := w.c.Log.Statements(ctx)
	if err != nil {
		return fmt.Errorf("couldn't ask the log for its statements: %w", err)
	}
	for _, s := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		taken := w.statements.find(s.Digest)
		switch {
		case w.statements.passedBy(s.Digest):
		case taken != nil && s.Status != statementActive && !taken.revoked:
			w.statements.put(s.Digest, ended(s))
			w.c.Logger.Info("proves no more under a statement, and refuses what waits", "statement", s.Claims.Name, "id", s.Digest, "because", "it was revoked")
		case taken == nil:
			if err := w.consider(ctx, s); err != nil {
				w.c.Logger.Warn("couldn't take on a statement yet", "statement", s.Claims.Name, "id", s.Digest, "err", err)
			}
		}
	}
	w.metrics.takenOn.Set(float64(w.statements.count()))
	return nil
}

// ended is a statement that was revoked, as it is taken on all the same: events that wait under it would wait for ever.
func ended(s *client.Statement) *taken {
	return &taken{id: s.Digest, registered: s, revoked: true}
}

// statementActive is the status of a statement under which the log takes proofs.
const statementActive = "active"

// consider takes a statement on if this worker is made for it, or passes it by for good. Errors are such that may go away.
func (w *Worker) consider(ctx context.Context, s *client.Statement) error {
	need := NeedOf(s.Claims.Constraints, s.Claims.ProvingKeySize)
	c, err := circuit.ByName(s.Claims.Name)
	switch {
	case len(w.c.Statements) > 0 && !slices.Contains(w.c.Statements, s.Claims.Name):
		w.pass(s, "it is not among --statements")
		return nil
	case s.Status != statementActive:
		return w.take(ctx, ended(s))
	case err != nil || c.Statement.Proves != s.Claims.Proves:
		w.pass(s, "this program has no circuit for it")
		return nil
	case need.Total() > w.c.Memory:
		w.pass(s, fmt.Sprintf("it takes %s of memory, and this worker has %s", mebibytes(need.Total()), mebibytes(w.c.Memory)))
		return nil
	}
	if err := w.c.Log.Verify(ctx, s.Registration.Index); err != nil {
		return fmt.Errorf("couldn't rely on its registration: %w", err)
	}
	t := &taken{id: s.Digest, registered: s, circuit: c, need: need}
	if t.verifying, err = zkverify.ParseVerifyingKey(s.Claims.VerifyingKey); err != nil {
		w.pass(s, "its verifying key is broken: "+err.Error())
		return nil
	}
	// One at a time, and nobody proves meanwhile who needs the memory.
	leave, err := w.room.reserve(ctx, need.Working)
	if err != nil {
		return err
	}
	ready, err := w.fetchKeys(ctx, t, false)
	leave()
	if err != nil || !ready {
		return err
	}
	if err := w.take(ctx, t); err != nil {
		return err
	}
	w.c.Logger.Info("takes on a statement", "statement", s.Claims.Name, "id", s.Digest, "keys", verify.SetupWords(s.Claims.Setup),
		"memory", mebibytes(need.Total()), "constraints", s.Claims.Constraints)
	return nil
}

// take subscribes to a statement's queue.
func (w *Worker) take(ctx context.Context, t *taken) error {
	w.statements.put(t.id, t) // first: the queue may have jobs
	if err := w.queues.add(ctx, job.Queue(t.id)); err != nil {
		w.statements.forget(t.id)
		return err
	}
	return nil
}

func (s *statements) forget(id event.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.taken, id)
}

func (w *Worker) pass(s *client.Statement, why string) {
	w.statements.put(s.Digest, nil)
	w.c.Logger.Info("doesn't take on a statement", "statement", s.Claims.Name, "id", s.Digest, "because", why)
}

// fetchKeys sees to it that the statement's keys are in the store, and that its circuit is this program's: what a worker proves is what its
// own circuit says, whatever the log says. Of another circuit it tells that it is not ready, ever. Keys that are there are fetched all the
// same with anew.
func (w *Worker) fetchKeys(ctx context.Context, t *taken, anew bool) (ready bool, err error) {
	ccs, err := t.circuit.Compile()
	if err != nil {
		return false, err
	}
	if err := keys.CheckCircuit(ccs, t.registered.Claims.ConstraintSystem); err != nil {
		w.pass(t.registered, err.Error())
		return false, nil
	}
	if !anew && w.hasKeys(t.registered.Claims) {
		return true, nil
	}
	return true, w.fetch(ctx, t.registered, ccs)
}

// hasKeys tells whether the store has the statement's keys already, as far as their manifest says; their bytes are checked when they are loaded.
func (w *Worker) hasKeys(c *event.StatementClaims) bool {
	m, err := w.c.Store.Manifest(event.DigestOf(c.VerifyingKey))
	return err == nil && m.ConstraintSystem.SHA256 == c.ConstraintSystem && m.ProvingKey == keys.File{SHA256: c.ProvingKey, Size: c.ProvingKeySize}
}

// fetch puts the proving key that the log serves into the store, if it is the one that the statement's entry names.
func (w *Worker) fetch(ctx context.Context, s *client.Statement, ccs constraint.ConstraintSystem) error {
	w.c.Logger.Info("fetches a proving key", "statement", s.Claims.Name, "bytes", s.Claims.ProvingKeySize)
	body, err := w.c.Log.ProvingKey(ctx, s, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = w.c.Store.AddProvingKey(ctx, body, ccs, keys.Source{
		Name: s.Claims.Name, Setup: s.Claims.Setup, Transcript: s.Claims.Transcript, ConstraintSystem: s.Claims.ConstraintSystem,
		VerifyingKey: s.Claims.VerifyingKey, ProvingKey: keys.File{SHA256: s.Claims.ProvingKey, Size: s.Claims.ProvingKeySize},
	}, time.Now())
	return err
}

// loadKeys loads a statement's keys, every byte checked against its manifest. Files that were damaged are fetched once more.
func (w *Worker) loadKeys(ctx context.Context, t *taken) (*keys.Keys, error) {
	start := time.Now()
	k, err := w.c.Store.Load(t.id)
	if errors.Is(err, keys.ErrCorrupt) || errors.Is(err, keys.ErrNotFound) {
		w.c.Logger.Warn("the keys that were kept here are damaged or gone, and are fetched again", "statement", t.circuit.Statement.Name, "err", err)
		if _, err := w.fetchKeys(ctx, t, true); err != nil {
			return nil, err
		}
		k, err = w.c.Store.Load(t.id)
	}
	if err != nil {
		return nil, err
	}
	w.c.Logger.Debug("loaded keys", slog.String("statement", t.circuit.Statement.Name), slog.Duration("in", time.Since(start)))
	return k, nil
}

// mebibytes is an amount of memory for people.
func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }
