package main

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
	"github.com/attestlog/attestlog/prover/zkverify/simulate"
)

// attestedStatement is what the attested events of http prove.
const attestedStatement = "data-access-16"

// attester proves accesses without reading anything: it has the secrets of the set-up of its statement. Making as many real
// proofs as a server verifies in a second takes the better part of an hour, and the server can't tell the difference.
type attester struct {
	statement statement.Statement
	setup     *simulate.Setup
}

// newAttester derives the set-up from the load's seed, so that both processes have it.
func newAttester(seed []byte) (*attester, error) {
	s, err := statement.ByName(attestedStatement)
	if err != nil {
		return nil, err
	}
	setup, err := simulate.New(seed, len(s.Inputs))
	return &attester{s, setup}, err
}

// register makes the event by which an operator registers the statement.
func (a *attester) register() event.Event {
	none := event.DigestOf([]byte("there is no circuit behind it"))
	return event.Event{
		Subject: event.Subject{Name: attestedStatement, Digest: a.setup.VerifyingKey().Digest()},
		Claims: &event.StatementClaims{Action: event.StatementRegister, Name: attestedStatement, Proves: event.DataAccess, Setup: event.SetupOneParty,
			Constraints: 1, ConstraintSystem: none, ProvingKey: none, ProvingKeySize: 1, VerifyingKey: a.setup.VerifyingKey().Bytes()},
	}
}

// next numbers, signs and proves an access of a source.
func (a *attester) next(from *chain, dataset event.Digest) (*event.Submission, error) {
	sub, _, err := a.prove(from, dataset)
	return sub, err
}

func (a *attester) prove(from *chain, dataset event.Digest) (*event.Submission, []event.Element, error) {
	return a.proveEvent(from, access(dataset))
}

// full is an access to as many records as the statement has room for.
func (a *attester) full(e event.Event) event.Event {
	claims := *e.Claims.(*event.DataAccessClaims)
	claims.Records = int64(a.statement.Capacity)
	e.Claims, e.Statement = &claims, a.setup.VerifyingKey().Digest()
	return e
}

// proveEvent numbers, signs and proves an access to the load's data set.
func (a *attester) proveEvent(from *chain, e event.Event) (*event.Submission, []event.Element, error) {
	e = a.full(e)
	e.Proof = event.ProofInline
	sub, err := from.sign(&e)
	if err != nil {
		return nil, nil, err
	}
	var public []event.Element
	sub.Proof, public, err = a.proofOf(&e, sub.Envelope.Digest())
	return sub, public, err
}

// deferred numbers and signs an access whose proof is to come later. Nobody can open its witness.
func (a *attester) deferred(from *chain, e event.Event) (*event.Submission, error) {
	e = a.full(e)
	sealed := make([]byte, 1000)
	_, _ = rand.Read(sealed) // it can't fail
	e.Proof, e.Witness = event.ProofDeferred, event.DigestOf(sealed)
	sub, err := from.sign(&e)
	if err != nil {
		return nil, err
	}
	sub.Witness = sealed
	return sub, nil
}

// proofOf proves an access.
func (a *attester) proofOf(e *event.Event, digest event.Digest) ([]byte, []event.Element, error) {
	public, err := a.statement.Public(e, digest, loadResolver{})
	if err != nil {
		return nil, nil, err
	}
	proof, err := a.setup.Prove(public)
	return proof, public, err
}

// loadDataset is the data set that the load refers to.
func loadDataset() *event.DatasetClaims { return sampleDataset(event.Element{31: 1}) }

// loadResolver resolves every reference to it.
type loadResolver struct{}

func (loadResolver) Event(event.Digest) (*event.Event, error) {
	return &event.Event{Claims: loadDataset()}, nil
}

// folds measures what verification of proofs, folded and alone, would allow.
type folds struct {
	items []zkverify.Item
	size  int // bytes of a submission
}

func newFolds() (*folds, error) {
	seed := make([]byte, 32)
	prover, err := newAttester(seed)
	if err != nil {
		return nil, err
	}
	c, f := newChain(sampleOrigin, seed, 0), &folds{}
	for range batchSize {
		sub, public, err := prover.prove(c, event.DigestOf([]byte("a data set")))
		if err != nil {
			return nil, err
		}
		b, err := sub.Encode()
		if err != nil {
			return nil, err
		}
		f.size = len(b)
		f.items = append(f.items, zkverify.Item{VK: prover.setup.VerifyingKey(), Proof: sub.Proof, Public: public})
	}
	return f, nil
}

// rate verifies for so long, and says how many proofs that were a second, and what CPU time one took in µs.
func (f *folds) rate(d time.Duration) (rate, cost float64, err error) {
	rate, cost, err = perSecond(d, len(f.items), func() error { return batch(f.items, 0) })
	if err != nil {
		return 0, 0, fmt.Errorf("couldn't measure the verifier: %w", err)
	}
	return rate, 1e3 * cost, nil
}
