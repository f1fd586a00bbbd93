package proving

import (
	"context"
	"fmt"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/statement"
)

// Defer makes a draft of a source one whose proof the log's provers make: the witness goes along, sealed to them, and nobody else can open
// it. That the witness bears the claims out is tried here first, in plain Go; claims that it doesn't give circuit.ErrFalse, as when proving.
// No proving key is loaded.
func (p *Prover) Defer(ctx context.Context, d *client.Draft, source string, w statement.Witness, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	suiting, err := p.suiting(ctx, d.Claims, name)
	if err != nil {
		return err
	}
	registered, s, err := p.find(ctx, suiting)
	if err != nil {
		return err
	}
	if err := try(ctx, p.log, d, source, w, s, registered.Digest); err != nil {
		return err
	}
	if d.Sealed, err = p.log.Seal(ctx, w); err != nil {
		return err
	}
	d.Statement = registered.Digest
	return nil
}

// try holds the claims against the witness. It takes an event to say what is proven, and this one has no number yet; whether the
// claims are true doesn't depend on that.
func try(ctx context.Context, log Log, d *client.Draft, source string, w statement.Witness, s statement.Statement, id event.Digest) error {
	c, err := circuit.For(s)
	if err != nil {
		return err
	}
	e := &event.Event{Subject: d.Subject, Log: log.Origin(), Source: source, Seq: 1, Proof: event.ProofInline, Statement: id, Claims: d.Claims}
	payload, err := e.Encode()
	if err != nil {
		return fmt.Errorf("couldn't try the witness: %w", err)
	}
	_, err = c.Assign(w, e, event.DigestOf(payload), log.Resolver(ctx))
	return err
}
