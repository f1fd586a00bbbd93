package ledger

import (
	"fmt"
	"strings"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
)

// Code names a reason for which the ledger says no. Codes are part of what clients branch on: they are never renamed.
type Code string

// The closed list of codes; Codes has them all.
const (
	// What was sent can't be taken as it is.

	Malformed        Code = "malformed"            // not canonical, or not an event
	WrongLog         Code = "wrong-log"            // the event is meant for another log
	TooLarge         Code = "too-large"            // its leaf would not fit
	UnknownSource    Code = "unknown-source"       // nobody registered this source, or this key
	RevokedKey       Code = "revoked-key"          // the key was revoked
	WrongKey         Code = "wrong-key"            // a known source, but not its current key
	BadSignature     Code = "bad-signature"        // the signature does not verify
	NotPermitted     Code = "not-permitted"        // the source's role, or the law of the log, forbids this event
	SequenceGap      Code = "sequence-gap"         // the source's number is ahead of what is expected
	SequenceFork     Code = "sequence-fork"        // the source's number was used, or prev is not its last event
	DependsOn        Code = "depends-on"           // an earlier event of the same source in the same request failed: unjudged
	ClaimsOutOfRange Code = "claims-out-of-range"  // the claims contradict what they refer to
	UnknownReference Code = "unknown-reference"    // the claims refer to an event that is not in the log
	UnknownStatement Code = "unknown-statement"    // no statement of that verifying key is registered
	RevokedStatement Code = "revoked-statement"    // the statement was revoked
	ProofMissing     Code = "proof-missing"        // the payload says inline, and no proof came along
	ProofUnexpected  Code = "proof-unexpected"     // a proof came along, and the payload doesn't say inline
	ProofInvalid     Code = "proof-invalid"        // the proof does not prove the claims
	WitnessMissing   Code = "witness-missing"      // the payload says deferred, and no sealed witness came along
	WitnessUnwanted  Code = "witness-unexpected"   // a witness came along, and the payload doesn't say deferred
	WitnessMismatch  Code = "witness-mismatch"     // the witness that came along is not the one that the payload names
	Deferred         Code = "deferred-unavailable" // no proving worker stands ready for this ledger
	AlreadyAttested  Code = "already-attested"     // the event has an attestation that leaves no room for this one

	// What was asked for can't be given.

	NotFound Code = "not-found"

	// The ledger can't, now.

	Busy           Code = "busy"            // the queue is full: try again after RetryAfter
	Unavailable    Code = "unavailable"     // no leader here, or no database: try again after RetryAfter
	OutcomeUnknown Code = "outcome-unknown" // the commit may have happened: send the same event again to learn
)

// Codes lists every code.
func Codes() []Code {
	return []Code{
		Malformed, WrongLog, TooLarge, UnknownSource, RevokedKey, WrongKey, BadSignature, NotPermitted, SequenceGap, SequenceFork,
		DependsOn, ClaimsOutOfRange, UnknownReference, UnknownStatement, RevokedStatement, ProofMissing, ProofUnexpected,
		ProofInvalid, WitnessMissing, WitnessUnwanted, WitnessMismatch, Deferred, AlreadyAttested, NotFound, Busy, Unavailable, OutcomeUnknown,
	}
}

// Refusal is how the ledger says no: always this one type, so that the edge maps codes to problem documents in one place.
type Refusal struct {
	Code Code
	// Detail says in a sentence what is wrong and what to do about it.
	Detail string
	// Check names the check that failed, where a code has several: such as "groth16" or "columns".
	Check string
	// Expected is what the source's next event must say; set with SequenceGap and SequenceFork.
	Expected *Next
	// RetryAfter is how long to wait before trying again; set with Busy and Unavailable.
	RetryAfter time.Duration

	cause error // what Unwrap gives: for the operator's log, not for a client
}

// Error is for the operator: code, detail, and what lies behind it. A client is shown Code and Detail.
func (r *Refusal) Error() string {
	if r.cause != nil && !strings.Contains(r.Detail, r.cause.Error()) {
		return fmt.Sprintf("%s: %s: %v", r.Code, r.Detail, r.cause)
	}
	return fmt.Sprintf("%s: %s", r.Code, r.Detail)
}

// Unwrap is what lies behind the refusal, such as a *HeadsConflict; nil if nothing does.
func (r *Refusal) Unwrap() error { return r.cause }

// unavailable refuses for now, for a reason that is not the client's.
func unavailable(cause error, format string, args ...any) *Refusal {
	return &Refusal{Code: Unavailable, Detail: fmt.Sprintf(format, args...), RetryAfter: time.Second, cause: cause}
}

func notFound(format string, args ...any) *Refusal {
	return &Refusal{Code: NotFound, Detail: fmt.Sprintf(format, args...)}
}

// Next is the place that a source's next event takes in the source's own chain.
type Next struct {
	Seq  int64        // from 1, without gaps
	Prev event.Digest // of the source's last event; zero before the first
}
