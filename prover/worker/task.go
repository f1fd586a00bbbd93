package worker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
	"github.com/attestlog/attestlog/prover/worker/job"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// The reasons of refusals, as event.RefusalReasons lists them.
const (
	statementRevoked = event.ReasonStatementRevoked // nothing is proven under it any more
	undecryptable    = "undecryptable"              // no prover can open the witness, or none did in time: see Worker.leave
	witnessMalformed = "witness-malformed"          // what was sealed is no witness
	witnessMismatch  = "witness-mismatch"           // the witness is not the one that the event names, or of another kind
	unsatisfied      = "unsatisfied"                // the event's claims are not true of the witness
)

// errGone says that a witness is not there any more: its event has an attestation.
var errGone = errors.New("the witness is gone")

// errNonsense says that a job can't be one that the log made. Trying again doesn't help.
var errNonsense = errors.New("the job doesn't fit what is in the log")

// errUnknown says that the log has no event of a job. It may be the log that is behind, so that this is nonsense only after several tries.
var errUnknown = errors.New("the log has no such event")

// triesOfUnknown is how often a job has been put off, for whatever reason, when an event that the log doesn't have is taken for nonsense: after a
// minute, if Config.Pause is a second.
const triesOfUnknown = 6

// task is one job on its way.
type task struct {
	args   job.Args
	event  *event.Event
	of     *taken
	reason string // of a refusal; empty if the event is to be proven

	assignment frontend.Circuit
	public     []event.Element
	proof      []byte
}

// prepare does all that comes before proving: it fetches the witness and the event, and checks the one against the other. Errors are the
// worker's own trouble, or [errGone], [errNonsense], [errUnknown], or [errOthers].
func (w *Worker) prepare(ctx context.Context, args job.Args) (*task, error) {
	sealed, err := w.c.Witnesses.Witness(ctx, args.Event)
	if err != nil {
		return nil, err
	}
	entry, err := w.entry(ctx, args.Event)
	if err != nil {
		return nil, err
	}
	t := &task{args: args, event: entry.Event}
	if entry.Event.Proof != event.ProofDeferred || entry.Event.Statement != args.Statement {
		return nil, fmt.Errorf("%w: event %s doesn't wait for a proof under statement %s", errNonsense, args.Event, args.Statement)
	}
	if t.of = w.statements.find(args.Statement); t.of == nil {
		return nil, fmt.Errorf("statement %s is not one that this worker takes on", args.Statement)
	}
	if t.of.revoked {
		t.reason = statementRevoked
		return t, nil
	}
	if sha256.Sum256(sealed) != entry.Event.Witness {
		t.reason = witnessMismatch
		return t, nil
	}
	opened, err := witness.Open(sealed, w.c.Identity)
	switch {
	case errors.Is(err, witness.ErrUndecryptable):
		if err := w.leave(ctx, entry); err != nil {
			return nil, err
		}
		t.reason = undecryptable
		return t, nil
	case errors.Is(err, witness.ErrMalformed):
		t.reason = witnessMalformed
		return t, nil
	case err != nil:
		return nil, err
	case opened.Proves() != entry.Event.Kind():
		t.reason = witnessMismatch
		return t, nil
	}
	return t, t.assign(opened, w.refs.during(ctx))
}

// entry fetches an event that the log has. One that no published head has yet is the log's business, and comes later.
func (w *Worker) entry(ctx context.Context, digest event.Digest) (*verify.Entry, error) {
	receipt, err := w.c.Log.Event(ctx, digest)
	if client.HasCode(err, client.CodeNotFound) && !errors.Is(err, client.ErrUnpublished) {
		return nil, fmt.Errorf("%w: event %s", errUnknown, digest)
	}
	if err != nil {
		return nil, err
	}
	return verify.OpenEntry(receipt.Index, receipt.Leaf)
}

// assign checks the event's claims against the witness and fills the circuit, or finds the reason for a refusal.
func (t *task) assign(w statement.Witness, refs statement.Resolver) error {
	s := t.of.circuit.Statement
	var out *statement.RangeError
	public, err := s.Public(t.event, t.args.Event, refs)
	if err == nil {
		t.public = public
		t.assignment, err = t.of.circuit.Assign(w, t.event, t.args.Event, refs)
	}
	if errors.Is(err, circuit.ErrFalse) || errors.As(err, &out) { // out of range: the log took more than this class has room for
		t.reason = unsatisfied
		return nil
	}
	return err
}

// prove makes the proof, once there is room for it, and verifies it against public inputs that were derived apart from the circuit's assignment.
func (w *Worker) prove(t *task) error {
	k, leave, err := w.room.enter(w.working, t.of)
	if err != nil {
		return err
	}
	defer leave()
	done := w.metrics.proving(t.of.circuit.Statement.Name)
	proof, err := w.c.Prover.Prove(w.finishing, k, t.assignment)
	t.assignment = nil // it is large, and the attestation may have to wait
	done(err != nil)
	if err != nil {
		return err
	}
	if err := zkverify.Verify(t.of.verifying, proof, t.public); err != nil {
		return fmt.Errorf("couldn't prove event %s: the proof doesn't verify: %w", t.args.Event, err)
	}
	t.proof = proof
	return nil
}

// attest adds the verdict to the log, and waits for the log's answer for as long as that takes. An event that has its attestation already is
// as good.
func (w *Worker) attest(ctx context.Context, t *task) error {
	claims := &event.AttestationClaims{Event: t.args.Event, Outcome: event.OutcomeProven, Proof: t.proof}
	if t.reason != "" {
		claims.Outcome, claims.Reason = event.OutcomeRefused, t.reason
	}
	_, err := w.c.Recorder.Record(ctx, client.Draft{Subject: t.event.Subject, Claims: claims})
	if client.HasCode(err, codeAlreadyAttested) {
		return errGone
	}
	if err != nil {
		w.checkMute(err)
	}
	return err
}

// codeAlreadyAttested is the log's refusal of an attestation of an event that has one.
const codeAlreadyAttested = "already-attested"
