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
	b, err := readSecret(path, witness.MaxBytes)
	if err != nil {
		return nil, err
	}
	w, err := witness.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

// proveByWitness makes the draft one that is proven as soon as it has its number, by the witness in a file.
func (s *submit) proveByWitness(ctx context.Context, t *terminal, r *remote, d *client.Draft) error {
	w, err := readWitness(s.witness)
	if err != nil {
		return err
	}
	if w.Proves() != d.Claims.Kind() {
		return fmt.Errorf("%s is a witness of kind %s, and the claims are of kind %s", s.witness, w.Proves(), d.Claims.Kind())
	}
	prover, err := s.proving.prover(t, r)
	if err != nil {
		return err
	}
	return inline(ctx, prover, d, w, s.statement, untrue)
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

// proveAccesses makes the draft one that is proven as soon as it has its number, by the access list and the data set's secrets.
func (s *submit) proveAccesses(ctx context.Context, t *terminal, r *remote, d *client.Draft) error {
	claims, ok := d.Claims.(*event.DataAccessClaims)
	if !ok {
		return misuse("--accesses proves data accesses, and these claims are of kind %s", d.Claims.Kind())
	}
	f, err := openSecret(s.accesses)
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := access.Read(f)
	if err != nil {
		return fmt.Errorf("%s: %w", s.accesses, err)
	}
	secrets, err := s.proving.readDataset(ctx, t)
	if err != nil {
		return err
	}
	if _, err := datasetEntry(ctx, r, reference{digest: claims.Dataset, byHash: true}, secrets); err != nil {
		return err
	}
	w, err := list.Witness(secrets)
	if err != nil {
		return err
	}
	prover, err := s.proving.prover(t, r)
	if err != nil {
		return err
	}
	return inline(ctx, prover, d, w, list.Statement.Name, func(err error) error { return untrue(list.Explain(err)) })
}
