package verify

import (
	"errors"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// JudgeReferred holds claims, proven or not, against one event that they refer to. Its errors are *Violation.
func JudgeReferred(claims event.Claims, ref Reference, to *event.Event) error {
	if err := ref.Judge(to.Kind()); err != nil {
		return err
	}
	switch c := claims.(type) {
	case *event.DataAccessClaims:
		return judgeAccess(c, to.Claims.(*event.DatasetClaims))
	case *event.ModelVersionClaims:
		if step, ok := to.Claims.(*event.TrainingStepClaims); ok {
			return outOfRange(statement.CheckServedStep(c, step))
		}
	}
	return nil
}

// outOfRange makes a violation of what a statement says about claims; nil stays nil.
func outOfRange(err error) error {
	if err == nil {
		return nil
	}
	v := violates(RuleClaims, "%s", err)
	var outside *statement.RangeError
	if errors.As(err, &outside) {
		v.Check = outside.Member
	}
	return v
}

// judgeAccess holds the claim of an access against the data set that it names.
func judgeAccess(c *event.DataAccessClaims, data *event.DatasetClaims) error {
	if !slices.Contains(data.Purposes, c.Purpose) {
		return violates(RuleClaims, "the data set has no purpose %q; its purposes are %q", c.Purpose, data.Purposes).checking("purpose")
	}
	next := 0
	for _, name := range c.Columns {
		at := slices.IndexFunc(data.Columns[next:], func(col event.Column) bool { return col.Name == name })
		if at < 0 {
			return violates(RuleClaims, "column %q is not in the data set, or not in its order: name the columns read as the data set orders them", name).checking("columns")
		}
		next += at + 1
	}
	if c.Records > data.Rows {
		return violates(RuleClaims, "the data set has %d rows, so %d distinct ones can't have been read", data.Rows, c.Records).checking("records")
	}
	return nil
}

// JudgeStatement checks, where a statement is registered, that its verifying key is sound in form and belongs to a statement that this
// program knows or that the claims describe: proofs under it could not be verified otherwise. Its errors are *Violation.
func JudgeStatement(c *event.StatementClaims) error {
	if c.Action != event.StatementRegister {
		return nil
	}
	s, err := statement.Registered(c)
	if err != nil {
		return violates(RuleClaims, "%s", err).checking("name")
	}
	vk, err := zkverify.ParseVerifyingKey(c.VerifyingKey)
	if err != nil {
		return violates(RuleClaims, "%s", err).checking("verifyingKey")
	}
	if vk.NumPublic() != len(s.Inputs) {
		return violates(RuleClaims, "the verifying key takes %d public inputs, and %s has %d", vk.NumPublic(), c.Name, len(s.Inputs)).checking("verifyingKey")
	}
	return nil
}

// JudgeProofMode holds what stands beside an envelope against what its payload says about a proof. Its errors are *Violation.
func JudgeProofMode(mode event.ProofMode, proof []byte) error {
	switch {
	case mode == event.ProofInline && len(proof) == 0:
		return violates(RuleProofMissing, "the payload says proof: inline, and no proof came along; send it in attestation.proof")
	case mode != event.ProofInline && len(proof) > 0:
		return violates(RuleProofUnexpected, "a proof came along, and the payload says proof: %s; sign an event that says inline", mode)
	}
	return nil
}

// Progress is where a training run stands: which step comes next, and the weights that it begins with.
type Progress struct {
	Next    int64
	Weights event.Element
}

// NewProgress is where a run stands that has taken no step.
func NewProgress(run *event.TrainingRunClaims) Progress { return Progress{1, run.Weights} }

// After is where the run stands after a step.
func (Progress) After(step *event.TrainingStepClaims) Progress {
	return Progress{step.Step + 1, step.After}
}

// JudgeRun holds a training step's event, proven or not, against the event of its run: a run's steps are its own source's. Its errors
// are *Violation.
func JudgeRun(e *event.Event, step *event.TrainingStepClaims, run *event.Event) error {
	claims, ok := run.Claims.(*event.TrainingRunClaims)
	switch {
	case !ok:
		return violates(RuleClaims, "run must name an event of kind %s; %s is of kind %s", event.TrainingRun, step.Run, run.Kind()).checking("run")
	case run.Source != e.Source:
		return violates(RuleClaims, "the run %s is source %s's, whose steps nobody else can report", step.Run, run.Source).checking("run")
	case step.Step > claims.Steps:
		return violates(RuleClaims, "the run has %d steps: there is no step %d", claims.Steps, step.Step).checking("step")
	}
	return nil
}

// Judge holds a step against the one before it: steps come in order, and each begins with the weights that the one before ended with. So
// there is one history of a run: no step has two successors, and a trainer can't take a step again until he likes the outcome.
func (p Progress) Judge(step *event.TrainingStepClaims) error {
	switch {
	case step.Step != p.Next:
		return violates(RuleClaims, "the run's next step is number %d, not %d", p.Next, step.Step).checking("step")
	case step.Before != p.Weights:
		return violates(RuleClaims, "step %d begins with the weights that the one before it ended with, %s, not with %s", step.Step, p.Weights, step.Before).checking("before")
	}
	return nil
}

// Attested is what a log holds of attestations of one deferred event: their indices, −1 where there is none.
type Attested struct{ Proven, Refused int64 }

// Unattested is what there is of an event that nobody attested.
func Unattested() Attested { return Attested{-1, -1} }

// After is what there is once an attestation is the entry at index.
func (a Attested) After(c *event.AttestationClaims, index int64) Attested {
	if c.Outcome == event.OutcomeProven {
		a.Proven = index
	} else {
		a.Refused = index
	}
	return a
}

// JudgeAttested tells whether there can be attestations of an event: only of one that deferred its proof. Its errors are *Violation.
func JudgeAttested(c *event.AttestationClaims, of *event.Event) error {
	if of.Proof != event.ProofDeferred {
		return violates(RuleClaims, "event %s did not defer its proof, so there is nothing to attest", c.Event).checking("deferred")
	}
	return nil
}

// JudgeAttestation decides whether there is room for an attestation: one proven and one refused at most, and none refused after a
// proven one. A proven one overrides a refusal, which is only a worker's word. And nothing is proven under a statement that was
// revoked. Its errors are *Violation.
//
// That the prover's key and the event's statement stand here means that they stood when the event was logged, too, as far as they
// were there then: what ended never comes back.
func (r *Registry) JudgeAttestation(c *event.AttestationClaims, of *event.Event, have Attested) error {
	s, known := r.statements[of.Statement]
	return judgeAttestation(c, of, have, !known || s.Revoked >= 0)
}

// judgeAttestation is JudgeAttestation, told what became of the event's statement until then: under one that was revoked nothing is
// proven any more, and one that stands is no reason to refuse.
func judgeAttestation(c *event.AttestationClaims, of *event.Event, have Attested, revoked bool) error {
	switch {
	case have.Proven >= 0:
		return violates(RuleAttested, "event %s was proven already, by entry %d", c.Event, have.Proven).checking(string(event.OutcomeProven))
	case have.Refused >= 0 && c.Outcome == event.OutcomeRefused:
		return violates(RuleAttested, "a proof of event %s was refused already, by entry %d", c.Event, have.Refused).checking(string(event.OutcomeRefused))
	case c.Outcome == event.OutcomeProven && revoked:
		return violates(RuleRevokedStatement, "the statement %s of the attested event was revoked: nothing is proven under it any more", of.Statement)
	case c.Reason == event.ReasonStatementRevoked && !revoked:
		return violates(RuleClaims, "the statement %s of the attested event stands, so that it is no reason to refuse a proof", of.Statement).checking("reason")
	}
	return nil
}
