package client

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
)

// maxOvertaken is how often RecordKeyChange lets others go first.
const maxOvertaken = 1000

// RecordKeyChange logs a rotation or a revocation of a source's key by the source's own word, without its state: with the recovery key on
// another machine, or where a stolen key has made the state useless. It takes the place that the log says is the next one, since here is no
// record to hold against that; a Source, wherever its state is, follows by itself. Whoever else submits under the source, a thief
// perhaps, may take that place first: then the next one is tried at once. The receipt is verified; a refusal is a *Problem.
func (c *Client) RecordKeyChange(ctx context.Context, key ed25519.PrivateKey, claims *event.SourceClaims) (*Receipt, error) {
	state, err := c.SourceState(ctx, claims.Source)
	if err != nil {
		return nil, err
	}
	at := state.Next
	for try := 1; ; try++ {
		d := KeyChange(claims)
		d.Time = time.Now().UnixMilli()
		payload, err := d.event(c.Origin(), claims.Source, at).Encode()
		if err != nil {
			return nil, err
		}
		receipt, err := c.Submit(ctx, &event.Submission{Envelope: event.Sign(payload, key)})
		var problem *Problem
		if !errors.As(err, &problem) || problem.Expected == nil || try == maxOvertaken {
			return receipt, err
		}
		at = *problem.Expected
	}
}

// KeyChange is the draft of an event about a source's key: its subject is the key.
func KeyChange(claims *event.SourceClaims) Draft {
	return Draft{Subject: event.Subject{Name: claims.Source, Digest: event.KeyID(claims.Key)}, Claims: claims}
}
