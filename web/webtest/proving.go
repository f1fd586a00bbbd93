package webtest

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify/simulate"
)

// Proving is a statement that a log registered, with the secrets of its set-up.
type Proving struct {
	Statement statement.Statement
	ID        event.Digest
	Setup     *simulate.Setup

	log *Log
}

// setup registers a statement of attestlog's under keys of this log's own. Change may be nil.
func (l *Log) setup(name, seed string, change func(*event.StatementClaims)) (*Proving, *client.Receipt) {
	l.t.Helper()
	known, err := statement.ByName(name)
	if err != nil {
		l.t.Fatal(err)
	}
	claims := &event.StatementClaims{Action: event.StatementRegister, Name: name, Proves: known.Proves, Setup: event.SetupOneParty,
		Constraints: 247_306, ConstraintSystem: event.DigestOf([]byte("constraints of " + name)), ProvingKey: event.DigestOf([]byte("proving key " + seed)), ProvingKeySize: 61_312_872}
	if change != nil {
		change(claims)
	}
	return l.registerStatement(claims, known, seed)
}

// imports registers a statement of somebody else's circuit.
func (l *Log) imports(claims *event.StatementClaims, seed string) (*Proving, *client.Receipt) {
	l.t.Helper()
	claims.Action, claims.Proves, claims.Setup = event.StatementRegister, event.Custom, event.SetupImported
	known, err := statement.Registered(claims)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.registerStatement(claims, known, seed)
}

func (l *Log) registerStatement(claims *event.StatementClaims, known statement.Statement, seed string) (*Proving, *client.Receipt) {
	l.t.Helper()
	setup, err := simulate.New([]byte(seed), len(known.Inputs))
	if err != nil {
		l.t.Fatal(err)
	}
	claims.VerifyingKey = setup.VerifyingKey().Bytes()
	r := l.Say(operator, client.Draft{Subject: claims.Subject(), Claims: claims})
	return &Proving{Statement: known, ID: setup.VerifyingKey().Digest(), Setup: setup, log: l}, r
}

// Prove proves an event of this log, as client.Draft wants it.
func (p *Proving) Prove(ctx context.Context, e *event.Event, digest event.Digest) ([]byte, error) {
	public, err := p.Statement.Public(e, digest, p.log.writer.Resolver(ctx))
	if err != nil {
		return nil, fmt.Errorf("couldn't say what the proof is about: %w", err)
	}
	return p.Setup.Prove(public)
}

// proven makes a draft one with a proof.
func (p *Proving) proven(d client.Draft) client.Draft {
	d.Statement, d.Prove = p.ID, p.Prove
	return d
}

// deferred makes a draft one whose proof comes later. Nobody ever opens the witness: it is anything that has the size of one.
func (p *Proving) deferred(d client.Draft) client.Draft {
	d.Statement, d.Sealed = p.ID, make([]byte, 20_000)
	rand.Read(d.Sealed)
	return d
}

// attests proves what an entry deferred.
func (p *Proving) attests(deferred *client.Receipt) *event.AttestationClaims {
	p.log.t.Helper()
	leaf, err := event.DecodeLeaf(deferred.Leaf)
	if err != nil {
		p.log.t.Fatal(err)
	}
	e, err := leaf.Envelope.Open()
	if err != nil {
		p.log.t.Fatal(err)
	}
	proof, err := p.Prove(p.log.t.Context(), e, deferred.Digest)
	if err != nil {
		p.log.t.Fatal(err)
	}
	return &event.AttestationClaims{Event: deferred.Digest, Outcome: event.OutcomeProven, Proof: proof}
}
