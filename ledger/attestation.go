package ledger

import (
	"context"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// attests is what the store's index has of an attestation; nil for every other kind.
func attests(e *event.Event) *tilestore.Attests {
	c, ok := e.Claims.(*event.AttestationClaims)
	if !ok {
		return nil
	}
	return &tilestore.Attests{Event: c.Event, Outcome: c.Outcome}
}

// proves is the event that a candidate's proof is about, and the proof: its own, or that of the event which it attests. There is no
// proof yet where it is deferred; there is no event where nothing is proven, now or later.
func (c *candidate) proves() (of *candidate, proof []byte) {
	switch c.event.Proof {
	case event.ProofInline:
		return c, c.sub.Proof
	case event.ProofDeferred:
		return c, nil
	}
	if claims, ok := c.event.Claims.(*event.AttestationClaims); ok && claims.Outcome == event.OutcomeProven {
		return c.attested, claims.Proof
	}
	return nil, nil
}

// resolveAttested finds the event that an attestation is about, and what that event's own claims refer to: the proof is verified
// against the inputs which follow from them. It must be in the log: a worker learns of an event when it is.
func (d *door) resolveAttested(ctx context.Context, c *candidate, ref verify.Reference) error {
	to, err := d.referred.find(ctx, ref.Event)
	if err != nil {
		return fmt.Errorf("couldn't look up an attested event: %w", err)
	}
	if to == nil {
		c.fail(&Refusal{Code: UnknownReference, Check: ref.Member,
			Detail: fmt.Sprintf("%s names event %s, which is not in this log; attest it when it is", ref.Member, ref.Event)})
		return nil
	}
	if err := verify.JudgeAttested(c.event.Claims.(*event.AttestationClaims), to); err != nil {
		c.fail(refuseViolation(err))
		return nil
	}
	attested := &candidate{event: to, digest: ref.Event, datasets: d.datasets}
	for _, on := range verify.References(to.Claims) {
		referred, err := d.referred.find(ctx, on.Event)
		if err == nil && referred == nil {
			err = fmt.Errorf("the log has no event %s", on.Event)
		}
		if err != nil {
			return fmt.Errorf("couldn't look up what attested event %s refers to: %w", ref.Event, err)
		}
		attested.refs = append(attested.refs, resolved{digest: on.Event, event: referred})
		if err := d.resolveRun(ctx, attested, nil); err != nil {
			return err
		}
	}
	c.attested = attested
	return nil
}

// loadAttested reads what the log holds about the events that a batch attests. What the batch adds, judgeAttestation adds to it.
func loadAttested(ctx context.Context, tx *tilestore.Tx, items []*tilestore.Item) (map[event.Digest]tilestore.Attested, error) {
	var digests []event.Digest
	for _, it := range items {
		if c := it.Submission.(*candidate); c.attested != nil {
			digests = append(digests, c.attested.digest)
		}
	}
	if digests == nil {
		return nil, nil
	}
	return tx.Attested(ctx, digests)
}

// judgeAttestation decides whether there is room for an attestation.
func (j *judge) judgeAttestation(b *batch, c *candidate) *Refusal {
	if c.attested == nil {
		return nil
	}
	have, ok := b.attested[c.attested.digest]
	if !ok {
		have = tilestore.Attested(verify.Unattested())
	}
	return refuse(j.registry.JudgeAttestation(c.event.Claims.(*event.AttestationClaims), c.attested.event, verify.Attested(have)))
}

// attest records that a placed candidate attests an event.
func (b *batch) attest(tx *tilestore.Tx, c *candidate) {
	claims := c.event.Claims.(*event.AttestationClaims)
	have, ok := b.attested[claims.Event]
	if !ok {
		have = tilestore.Attested(verify.Unattested())
	}
	b.attested[claims.Event] = tilestore.Attested(verify.Attested(have).After(claims, c.placed.index))
	dropWitness(tx, claims.Event)
}
