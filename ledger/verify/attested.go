package verify

import (
	"errors"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
)

// attestation finds the attestations of a deferred event among the entries after it, and holds them against the law of the log: each
// signed by a prover whose key lived there, one proof and one refusal at most, no refusal after a proof, and no proof under a
// statement that was revoked.
//
// A key or a statement that stands at the attestation stood at the event, too, as far as it was there: what ended never comes back.
func (c *check) attestation() (string, error) {
	if c.Entry.Event.Proof != event.ProofDeferred {
		return "", nil
	}
	have := Unattested()
	for _, index := range c.attestations[c.Entry.Digest] {
		e := c.byIndex[index]
		claims := e.Event.Claims.(*event.AttestationClaims)
		if err := c.judgeAttestation(e, claims, have); err != nil {
			return "", fmt.Errorf("entry %d: %w", e.Index, err)
		}
		c.Attestation, have = e, have.After(claims, e.Index)
	}
	if c.Attestation == nil {
		return "the evidence has none of a proving worker", nil
	}
	claims := c.Attestation.Event.Claims.(*event.AttestationClaims)
	detail := fmt.Sprintf("entry %d by the prover %s: %s", c.Attestation.Index, c.Attestation.Event.Source, claims.Outcome)
	if claims.Outcome == event.OutcomeRefused {
		detail += ", " + RefusalWords(claims.Reason)
	}
	return detail, nil
}

// judgeAttestation judges one attestation after those before it, by the law as it stood at its place.
func (c *check) judgeAttestation(e *Entry, claims *event.AttestationClaims, have Attested) error {
	if e.Index < c.Entry.Index {
		return fmt.Errorf("it attests the event, which comes only after it, at entry %d", c.Entry.Index)
	}
	if err := c.foldTo(e.Index); err != nil { // that it is a prover's, and its signature
		return err
	}
	if len(e.Leaf.Proof) > 0 {
		return errors.New("a proof stands beside the attestation, and not in it")
	}
	s, known := c.registry.statementAt(c.Entry.Event.Statement, e.Index)
	return judgeAttestation(claims, c.Entry.Event, have, !known || s.Revoked >= 0)
}

// sentProof is the proof of the event, wherever it stands: beside the envelope, or in the attestation. There may be none yet.
func (c *check) sentProof() []byte {
	switch c.Entry.Event.Proof {
	case event.ProofInline:
		return c.Entry.Leaf.Proof
	case event.ProofDeferred:
		if c.Attestation != nil {
			return c.Attestation.Event.Claims.(*event.AttestationClaims).Proof // none where it refuses
		}
	}
	return nil
}

// concludeDeferred writes what became of a deferred proof.
func (c *check) concludeDeferred() {
	if c.Attestation == nil {
		c.Verdict = Waiting
		c.Claimed = append(c.Claimed, "Everything in the claims: the proof is deferred, and the evidence holds none. It may have come since.")
		return
	}
	by, claims := c.Attestation.Event.Source, c.Attestation.Event.Claims.(*event.AttestationClaims)
	if claims.Outcome == event.OutcomeProven {
		c.Verdict = Proven
		c.Proven = append(c.Proven, fmt.Sprintf("The proof came after the event: the prover %s added it as entry %d. It verifies, so that nobody need trust the prover.", by, c.Attestation.Index))
		c.concludeProof()
		return
	}
	c.Verdict = Refused
	c.Claimed = append(c.Claimed, fmt.Sprintf("Everything in the claims: the source %s deferred the proof, and there is none.", c.Entry.Event.Source))
	if claims.Reason == event.ReasonStatementRevoked {
		c.Proven = append(c.Proven, fmt.Sprintf("Nothing is proven of it because %s: entry %d says so, and the log bears it out.", RefusalWords(claims.Reason), c.Attestation.Index))
		return
	}
	c.Claimed = append(c.Claimed,
		fmt.Sprintf("Why there is none: %s. That is the word of the prover %s, at entry %d.", RefusalWords(claims.Reason), by, c.Attestation.Index))
	c.Trusted = append(c.Trusted, fmt.Sprintf("That the prover %s says truly why it made no proof: nobody else can open the witness.", by))
}

// RefusalWords says in words why a prover made no proof, by the reason in its attestation.
func RefusalWords(reason string) string {
	switch reason {
	case event.ReasonStatementRevoked:
		return "the statement was revoked before it was proven"
	case "undecryptable":
		return "the witness can't be decrypted"
	case "unsatisfied":
		return "the witness does not satisfy the statement: the claims are not true of it"
	case "witness-malformed":
		return "the witness is malformed"
	case "witness-mismatch":
		return "the witness is not one for this event"
	}
	return reason
}
