package access

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit/dataaccess"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// Prover proves accesses under one statement, as the log's entry has it.
type Prover struct {
	statement statement.Statement
	id        event.Digest
	keys      *keys.Keys
}

// Statement is the identity of the statement that is proven under.
func (p *Prover) Statement() event.Digest { return p.id }

// Compile compiles the circuit of a statement and compares it with the entry's: this program's circuit decides what is proven,
// whatever the log says.
func Compile(c *event.StatementClaims) (constraint.ConstraintSystem, error) {
	s, err := statement.ByName(c.Name)
	if err != nil || s.Proves != event.DataAccess {
		return nil, fmt.Errorf("this program has no circuit for the statement %q", c.Name)
	}
	ccs, err := dataaccess.Compile(s.Capacity)
	if err != nil {
		return nil, err
	}
	return ccs, keys.CheckCircuit(ccs, c.ConstraintSystem)
}

// HasKey tells whether a store has the statement's keys already, so that nothing need be fetched.
func HasKey(store *keys.Store, c *event.StatementClaims) bool {
	m, err := store.Manifest(event.DigestOf(c.VerifyingKey))
	return err == nil && m.ProvingKey == (keys.File{SHA256: c.ProvingKey, Size: c.ProvingKeySize})
}

// AddKey puts a proving key that comes out of r into the store, if it is the one that the statement's entry names.
func AddKey(ctx context.Context, store *keys.Store, r io.Reader, ccs constraint.ConstraintSystem, c *event.StatementClaims) error {
	_, err := store.AddProvingKey(ctx, r, ccs, keys.Source{
		Name: c.Name, Setup: c.Setup, ConstraintSystem: c.ConstraintSystem, VerifyingKey: c.VerifyingKey,
		ProvingKey: keys.File{SHA256: c.ProvingKey, Size: c.ProvingKeySize},
	}, time.Now())
	return err
}

// NewProver loads the keys of a statement, every byte checked against the digests of its entry. It never makes any.
func NewProver(store *keys.Store, ccs constraint.ConstraintSystem, c *event.StatementClaims) (*Prover, error) {
	s, err := statement.ByName(c.Name)
	if err != nil {
		return nil, err
	}
	p := &Prover{statement: s, id: event.DigestOf(c.VerifyingKey)}
	if p.keys, err = store.LoadFor(p.id, ccs); err != nil {
		return nil, err
	}
	return p, nil
}

// Prove proves the claims of an event about the data set d, whose entry in the log is the event data. The event must be complete:
// the proof is good for this one payload only.
func (p *Prover) Prove(ctx context.Context, e *event.Event, l *List, d *dataset.Dataset, data *event.Event) ([]byte, error) {
	payload, err := e.Encode()
	if err != nil {
		return nil, err
	}
	claims, ok := e.Claims.(*event.DataAccessClaims)
	if !ok {
		return nil, fmt.Errorf("an access list proves data accesses, not events of kind %s", e.Kind())
	}
	public, err := statement.DeriveDataAccess(p.statement, claims, event.Context(e.Log, p.id, event.DigestOf(payload)), only{claims.Dataset, data})
	if err != nil {
		return nil, err
	}
	w, err := l.Witness(d)
	if err != nil {
		return nil, err
	}
	if err := statement.CheckDataAccess(p.statement.Capacity, w, public); err != nil {
		return nil, l.explain(err)
	}
	assignment, err := dataaccess.Assign(p.statement.Capacity, w, public)
	if err != nil {
		return nil, err
	}
	proof, _, err := p.keys.Prove(ctx, assignment)
	if err != nil {
		return nil, err
	}
	// What the verifier will derive is what was proven.
	if err := zkverify.Verify(p.keys.VerifyingKey, proof, public.Elements()); err != nil {
		return nil, fmt.Errorf("couldn't prove: the proof does not verify: %w", err)
	}
	return proof, nil
}
