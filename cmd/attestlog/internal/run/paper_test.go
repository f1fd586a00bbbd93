package run_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
)

// paper is a log that takes the steps of a run in order, as the real one does, and checks each as its circuit would.
type paper struct {
	t      *testing.T
	signer note.Signer
	key    note.Verifier
	data   *event.DatasetClaims
	class  statement.Statement

	leaves [][]byte
	events []*event.Event
	hashes []tlog.Hash
	*reaper
}

func (p *paper) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, p.hashes[i])
	}
	return out, nil
}

func newPaper(t *testing.T, data *event.DatasetClaims) *paper {
	t.Helper()
	private, public, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{1}, 64)), "log.example")
	if err != nil {
		t.Fatal(err)
	}
	p := &paper{t: t, data: data, reaper: new(reaper)}
	if p.signer, err = note.NewSigner(private); err == nil {
		p.key, err = note.NewVerifier(public)
	}
	if err == nil {
		p.class, err = statement.ByName("training-step-32x32")
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *paper) Key() note.Verifier { return p.key }

func (p *paper) receipt(index int64) *verify.Receipt {
	size := int64(len(p.leaves))
	proof, err := tlog.ProveRecord(size, index, p)
	if err != nil {
		p.t.Fatal(err)
	}
	root, err := tlog.TreeHash(size, p)
	if err != nil {
		p.t.Fatal(err)
	}
	signed, err := verify.SignHead(p.signer, size, root)
	if err != nil {
		p.t.Fatal(err)
	}
	r := &verify.Receipt{Index: index, Leaf: p.leaves[index], Note: signed}
	for _, h := range proof {
		r.Hashes = append(r.Hashes, h)
	}
	return r
}

func (p *paper) Newest(_ context.Context, kind event.Kind, match func(*event.Event) bool) (*verify.Receipt, error) {
	for i := len(p.events) - 1; i >= 0; i-- {
		if e := p.events[i]; e.Kind() == kind && match(e) {
			return p.receipt(int64(i)), nil
		}
	}
	return nil, nil
}

func (p *paper) Event(d event.Digest) (*event.Event, error) {
	for i, e := range p.events {
		if opened, err := verify.OpenEntry(int64(i), p.leaves[i]); err == nil && opened.Digest == d {
			return e, nil
		}
	}
	return &event.Event{Claims: p.data}, nil
}

func (p *paper) RootThrough(d event.Digest) ([32]byte, error) {
	for i := range p.events {
		if opened, err := verify.OpenEntry(int64(i), p.leaves[i]); err == nil && opened.Digest == d {
			return p.receipt(int64(i)).RootThrough(p.key)
		}
	}
	return [32]byte{}, errors.New("not here")
}

func (p *paper) Record(_ context.Context, d *draft.Draft, w statement.Witness) (*verify.Receipt, error) {
	p.tick()
	if err := p.judge(d.Claims); err != nil {
		return nil, err
	}
	prev := event.Digest{}
	if last := int64(len(p.leaves) - 1); last > 0 { // entry 0 is another source's
		entry, err := verify.OpenEntry(last, p.leaves[last])
		if err != nil {
			return nil, err
		}
		prev = entry.Digest
	}
	e := d.Event("log.example", "trainer/1", int64(len(p.events)), prev, 1700000000000)
	if w != nil {
		e.Proof, e.Statement = event.ProofInline, event.Digest{1}
		public, err := statement.DeriveTrainingStep(p.class, "trainer/1", d.Claims.(*event.TrainingStepClaims), event.Element{}, p)
		if err == nil {
			err = statement.CheckTrainingStep(p.class, w.(*statement.TrainingStepWitness), public)
		}
		if err != nil {
			return nil, fmt.Errorf("no proof: %w", err)
		}
	}
	receipt := p.append(e)
	p.tick()
	return receipt, nil
}

func (p *paper) append(e *event.Event) *verify.Receipt {
	payload, err := e.Encode()
	if err != nil {
		p.t.Fatal(err)
	}
	leaf := &event.Leaf{Submission: event.Submission{Envelope: event.Sign(payload, ed25519.NewKeyFromSeed(make([]byte, 32)))}, Logged: 1700000000000}
	if e.Proof == event.ProofInline {
		leaf.Proof = make([]byte, 192)
	}
	b, err := leaf.Encode()
	if err != nil {
		p.t.Fatal(err)
	}
	hashes, err := tlog.StoredHashes(int64(len(p.leaves)), b, p)
	if err != nil {
		p.t.Fatal(err)
	}
	p.hashes, p.leaves, p.events = append(p.hashes, hashes...), append(p.leaves, b), append(p.events, e)
	return p.receipt(int64(len(p.leaves) - 1))
}

func (p *paper) judge(claims event.Claims) error {
	step, ok := claims.(*event.TrainingStepClaims)
	if !ok {
		return nil
	}
	next, weights := int64(1), event.Element{}
	for _, e := range p.events {
		switch c := e.Claims.(type) {
		case *event.TrainingRunClaims:
			weights = c.Weights
		case *event.TrainingStepClaims:
			next, weights = c.Step+1, c.After
		}
	}
	if step.Step != next || step.Before != weights {
		return fmt.Errorf("refused: the run's next step is number %d", next)
	}
	return nil
}
