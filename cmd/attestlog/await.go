package main

import (
	"context"
	"fmt"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// await waits until a prover has attested an event, verifies what it said, and returns the attestation's entry. There is no signal to wait for: the log is asked again
// and again, less often the longer it takes.
func await(ctx context.Context, t *terminal, r *remote, logged *client.Receipt) (*verify.Entry, error) {
	var said *event.AttestationClaims
	var by *verify.Entry
	err := t.during("waiting for the proof", time.Minute, func() (err error) {
		for pause := 200 * time.Millisecond; ; pause = min(pause*5/4, 5*time.Second) {
			if by, said, err = attestation(ctx, r, logged.Digest); err != nil || said != nil {
				return err
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return fmt.Errorf("couldn't wait for the proof of entry %d, which is in the log and waits for it: %w", logged.Index, context.Cause(ctx))
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if said.Outcome == event.OutcomeRefused {
		return nil, &failure{exitUntrue, fmt.Errorf("%s refused, in entry %d, to prove entry %d: %s", by.Event.Source, by.Index, logged.Index, said.Reason)}
	}
	return by, r.Verify(ctx, logged.Index)
}

// attestation is what was said last of a deferred event's proof: that it is proven, if it is; nil if nobody said anything.
func attestation(ctx context.Context, r *remote, digest event.Digest) (by *verify.Entry, said *event.AttestationClaims, err error) {
	receipts, err := r.Attestations(ctx, digest)
	if err != nil {
		return nil, nil, err
	}
	for _, receipt := range receipts {
		entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
		if err != nil {
			return nil, nil, err
		}
		if claims, ok := entry.Event.Claims.(*event.AttestationClaims); ok && (said == nil || claims.Outcome == event.OutcomeProven) {
			by, said = entry, claims
		}
	}
	return by, said, nil
}
