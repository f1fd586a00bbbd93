package ledger

import (
	"context"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
)

// Deferral is what became of an event whose proof was deferred. The log's index of attestations says so; their entries prove it.
type Deferral struct {
	Proven  int64 // index of the attestation that brought the proof; −1 if there is none
	Refused int64 // index of the attestation that refused one; −1 if there is none
}

// What became of a deferred proof.
const (
	StateWaiting = "waiting" // nobody has attested the event yet
	StateProven  = "proven"  // a proving worker added the proof, which the log verified
	StateRefused = "refused" // a proving worker says that it can't be proven; a proof may still come
)

// State is what became of the event, in a word.
func (d *Deferral) State() string {
	switch {
	case d.Proven >= 0:
		return StateProven
	case d.Refused >= 0:
		return StateRefused
	}
	return StateWaiting
}

// Attestation is the index of the attestation that counts, the one with the proof if there is one; −1 while the event waits.
func (d *Deferral) Attestation() int64 {
	if d.Proven >= 0 {
		return d.Proven
	}
	return d.Refused
}

// addDeferrals finds out what became of those entries whose proof was deferred.
func (l *Ledger) addDeferrals(ctx context.Context, entries []Entry) error {
	var digests []event.Digest
	for i := range entries {
		if entries[i].Event.Proof == event.ProofDeferred {
			digests = append(digests, entries[i].Digest)
		}
	}
	if digests == nil {
		return nil
	}
	found, err := l.store.Attested(ctx, digests)
	if err != nil {
		return refuseRead(err, "")
	}
	for i := range entries {
		e := &entries[i]
		if e.Event.Proof != event.ProofDeferred {
			continue
		}
		e.Deferral = &Deferral{Proven: -1, Refused: -1}
		if a, ok := found[e.Digest]; ok {
			*e.Deferral = Deferral(a)
		}
	}
	return nil
}

// Attestations finds a deferred event and its attestations in the order of the log: a refusal, a proof, or a refusal and then a proof.
func (l *Ledger) Attestations(ctx context.Context, d event.Digest) (deferred *Entry, attestations []Entry, err error) {
	if deferred, err = l.EntryByDigest(ctx, d); err != nil {
		return nil, nil, err
	}
	if deferred.Deferral == nil {
		return nil, nil, notFound("event %s did not defer its proof (it says proof: %s), so nobody attests it", d, deferred.Event.Proof)
	}
	for _, index := range []int64{deferred.Deferral.Refused, deferred.Deferral.Proven} {
		if index < 0 {
			continue
		}
		entry, err := l.Entry(ctx, index)
		if err != nil {
			return nil, nil, err
		}
		if c, ok := entry.Event.Claims.(*event.AttestationClaims); !ok || c.Event != d {
			return nil, nil, unavailable(fmt.Errorf("entry %d does not attest event %s, as the index says", index, d), "the index of attestations is damaged")
		}
		attestations = append(attestations, *entry)
	}
	return deferred, attestations, nil
}
