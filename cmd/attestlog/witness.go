package main

import (
	"context"
	"fmt"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/access"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/proving"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
)

// readWitness reads a witness file: the bytes of witness.Encode, for its owner's eyes only. Errors quote nothing of it.
func readWitness(path string) (statement.Witness, error) {
	return decodeFile(path, witness.MaxBytes, readSecret, witness.Decode)
}

// prove makes the draft one that is proven: here, as soon as it has its number, or by the log's provers.
func (s *submit) prove(ctx context.Context, t *terminal, r *remote, d *client.Draft) error {
	w, name, explain, err := s.openWitness(ctx, t, r, d.Claims)
	if err != nil {
		return err
	}
	prover, err := s.proving.prover(t, r)
	if err != nil {
		return err
	}
	if s.deferred {
		return explain(prover.Defer(ctx, d, s.signing.source, w, name))
	}
	return inline(ctx, prover, d, w, name, explain)
}

// inline makes a draft one that is proven as soon as it has its number, under the statement of that name if there is one. explain turns
// the reason why there is no proof into one for people, with its exit code.
func inline(ctx context.Context, p *proving.Prover, d *client.Draft, w statement.Witness, name string, explain func(error) error) error {
	if err := p.Inline(ctx, d, w, name); err != nil {
		return explain(err)
	}
	prove := d.Prove
	d.Prove = func(ctx context.Context, e *event.Event, digest event.Digest) ([]byte, error) {
		proof, err := prove(ctx, e, digest)
		return proof, explain(err)
	}
	return nil
}

// openWitness opens what proves the claims, in either of the two forms that there are files of; and says under which statement, if
// that is fixed, and how to tell people why the claims are untrue.
func (s *submit) openWitness(ctx context.Context, t *terminal, r *remote, claims event.Claims) (statement.Witness, string, func(error) error, error) {
	if s.accesses != "" {
		return s.openAccesses(ctx, t, r, claims)
	}
	w, err := readWitness(s.witness)
	if err != nil {
		return nil, "", nil, err
	}
	if w.Proves() != claims.Kind() {
		return nil, "", nil, fmt.Errorf("%s is a witness of kind %s, and the claims are of kind %s", s.witness, w.Proves(), claims.Kind())
	}
	return w, s.statement, untrue, nil
}

// openAccesses opens an access list by the data set's secrets.
func (s *submit) openAccesses(ctx context.Context, t *terminal, r *remote, claims event.Claims) (statement.Witness, string, func(error) error, error) {
	fail := func(err error) (statement.Witness, string, func(error) error, error) { return nil, "", nil, err }
	accessed, ok := claims.(*event.DataAccessClaims)
	if !ok {
		return fail(misuse("--accesses proves data accesses, and these claims are of kind %s", claims.Kind()))
	}
	f, err := openSecret(s.accesses)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	list, err := access.Read(f)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", s.accesses, err))
	}
	secrets, err := s.proving.readDataset(ctx, t)
	if err != nil {
		return fail(err)
	}
	if _, err := datasetEntry(ctx, r, reference{digest: accessed.Dataset, byHash: true}, secrets); err != nil {
		return fail(err)
	}
	w, err := list.Witness(secrets)
	return w, list.Statement.Name, func(err error) error { return untrue(list.Explain(err)) }, err
}
