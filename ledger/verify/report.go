package verify

import (
	"fmt"
	"strings"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

// Verdict is what a verification comes to.
type Verdict string

const (
	Proven  Verdict = "proven"  // in the log, by whom it says, and its claims hold
	Claimed Verdict = "claimed" // in the log and by whom it says; the claims are the source's word
	Waiting Verdict = "waiting" // as claimed; the proof was deferred and is not part of the evidence
	Refused Verdict = "refused" // as claimed; the proof was deferred, and a proving worker says that there can be none, and why
	Refuted Verdict = "refuted" // a check failed
)

// Step is one check: its name, what was found, the error if it failed, and what was checked.
type Step struct {
	Name   string
	Detail string
	Err    error
	Inputs []Input
}

// Input is something that a check was made of, such as a root or a public input, as text. Whoever has a program of her own can repeat
// the check with it.
type Input struct {
	Name  string
	Value string // one or more lines
}

// Report is the outcome of a verification. It keeps three things apart that must never be mixed: what is proven, what is
// only somebody's word, and what stays trusted.
type Report struct {
	Verdict Verdict
	Head    Head
	// Cosigned are the witnesses of the reader's policy that cosigned the head, with the times that they state.
	Cosigned []string
	Entry    *Entry // nil if not even the entry could be opened
	Steps    []Step
	Doubts   []string // revocations that reach back to the event: it stands, in amber
	// Attestation is the entry that decides about a deferred proof, by bringing or refusing it; nil if there is none.
	Attestation *Entry

	// Groth16 is the proof that was verified; nil if there was none.
	Groth16 *Groth16

	// Sentence is what the entry says: as it is proven, or, where it isn't, as its source's word.
	Sentence string

	Proven  []string
	Claimed []string
	Trusted []string
}

// Groth16 is a proof that verified, with all that it was verified against: whoever has a verifier of his own can give it these.
type Groth16 struct {
	Statement StatementState
	Proof     []byte
	Public    []event.Element // as the payload, and the entries that it refers to, determine them
}

// conclude writes the verdict in sentences.
func (c *check) conclude() {
	e := c.Entry.Event
	c.Proven = append(c.Proven, fmt.Sprintf("Entry %d is in the log %s of %d entries, and source %s signed it.", c.Entry.Index, c.Head.Origin, c.Head.Size, e.Source))
	c.Verdict, c.Sentence = Claimed, c.word()
	switch e.Proof {
	case event.ProofInline:
		c.Verdict = Proven
		c.concludeProof()
	case event.ProofDeferred:
		c.concludeDeferred()
	default:
		c.Claimed = append(c.Claimed, c.saying()...)
		c.Claimed = append(c.Claimed, fmt.Sprintf("Everything in the claims: source %s says so, without a proof.", e.Source))
		if claims, ok := e.Claims.(*event.AttestationClaims); ok {
			c.Claimed = append(c.Claimed, fmt.Sprintf("What the attestation is worth: verify the event %s that it is about.", claims.Event))
		}
	}
	c.Claimed = append(c.Claimed,
		"When it happened: time is the source's clock, logged is the log's.",
		fmt.Sprintf("That the event is about %q: subject, purpose and the like are the source's words.", e.Subject.Name))
	c.Trusted = append(c.Trusted,
		fmt.Sprintf("That source %s is who it is registered as: the operator registered it, and the holder of its key consented.", e.Source),
		c.sameHistory())
}

// sameHistory says what keeps the log from showing others another history.
func (c *check) sameHistory() string {
	if len(c.Cosigned) > 0 {
		return fmt.Sprintf("That the log holds no rotation or revocation, before the event or after it, that this evidence leaves out: monitors check that. "+
			"That it shows everybody this same history is the word of %s: as long as one of those that the policy can't do without is honest, it does.", strings.Join(c.Cosigned, ", "))
	}
	return "That the log shows everybody this same history, and that it holds no rotation or revocation, before the event or after it, that this evidence leaves out: monitors and witnesses check that."
}

func (c *check) concludeProof() {
	known, err := statement.Registered(c.under.Claims)
	if err != nil {
		return // can't be: the proof was verified under it
	}
	if known.Imported() {
		c.concludeImported(known)
		return
	}
	c.Sentence = c.sentence()
	c.Proven = append(c.Proven, c.Sentence, known.Shows)
	c.Trusted = append(c.Trusted, known.NotShown...)
	if c.under.Claims.Setup == event.SetupOneParty {
		c.Trusted = append(c.Trusted, "UNTRUSTED keys: those of "+c.under.Claims.Name+" come from a one-party set-up. Whoever ran it could forge proofs.")
	} else {
		c.Trusted = append(c.Trusted, fmt.Sprintf("That the verifying key %s is that of %s's circuit, and that someone in its ceremony was honest: the operator registered it; "+
			"the transcript %s and the constraint system %s let anyone check.", c.under.ID, c.under.Claims.Name, c.under.Claims.Transcript, c.under.Claims.ConstraintSystem))
	}
}

// sentence says what is proven of this event, in its own figures.
func (c *check) sentence() string {
	if a, ok := c.Entry.Event.Claims.(*event.AnonymizationClaims); ok {
		return c.sentenceOfAnonymization(a)
	}
	if step, ok := c.Entry.Event.Claims.(*event.TrainingStepClaims); ok {
		return c.sentenceOfStep(step)
	}
	if version, ok := c.Entry.Event.Claims.(*event.ModelVersionClaims); ok {
		return c.sentenceOfVersion(version)
	}
	claims, ok := c.Entry.Event.Claims.(*event.DataAccessClaims)
	if !ok {
		return "The claims hold as the statement says."
	}
	data, err := c.resolver().Event(claims.Dataset)
	if err != nil {
		return "The claims hold as the statement says."
	}
	if data.Source == c.Entry.Event.Source {
		c.Trusted = append(c.Trusted, fmt.Sprintf("The data set's rows and consent: its controller is the source %s itself.", data.Source))
	} else if service(data.Source) == service(c.Entry.Event.Source) {
		c.Trusted = append(c.Trusted, fmt.Sprintf("The data set's rows and consent: its controller, %s, is the source under another instance's name.", data.Source))
	}
	return fmt.Sprintf("The source declares %d records read. All %d are rows of %q that consented to %q, and of each only these columns were read: %s.",
		claims.Records, claims.Records, data.Subject.Name, claims.Purpose, strings.Join(claims.Columns, ", "))
}

// service is a source's name without its instance.
func service(source string) string {
	name, _, _ := strings.Cut(source, "/")
	return name
}

// sentenceOfAnonymization says what is proven of an anonymized chunk.
func (c *check) sentenceOfAnonymization(a *event.AnonymizationClaims) string {
	const plain = "The claims hold as the statement says."
	raw, err := c.resolver().Event(a.Dataset)
	if err != nil {
		return plain
	}
	released, err := c.resolver().Event(a.Released)
	if err != nil {
		return plain
	}
	data, ok := raw.Claims.(*event.DatasetClaims)
	if !ok {
		return plain
	}
	if raw.Source == c.Entry.Event.Source {
		c.Trusted = append(c.Trusted, fmt.Sprintf("The raw rows: their controller is the source %s itself.", raw.Source))
	}
	var quasi []string
	for _, col := range data.Columns {
		if col.Role == event.RoleQuasi {
			quasi = append(quasi, col.Name)
		}
	}
	from, to := a.Chunk*a.ChunkRows, min((a.Chunk+1)*a.ChunkRows, data.Rows)
	return fmt.Sprintf("Rows %d to %d of %q (chunk %d) were released as those of %q, in some order, with %d suppressed: at least %s share each combination of the quasi-identifiers %s, with at least %s of %q. The hierarchies have the digest %s.",
		from, to-1, raw.Subject.Name, a.Chunk, released.Subject.Name, a.Suppressed, several(a.K, "row"), strings.Join(quasi, ", "), several(a.Diversity, "value"), data.Columns[0].Name, a.Hierarchy)
}

// several is a number with what it counts.
func several(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// sentenceOfStep says what is proven of a training step.
func (c *check) sentenceOfStep(step *event.TrainingStepClaims) string {
	const plain = "The claims hold as the statement says."
	run, err := c.resolver().Event(step.Run)
	if err != nil {
		return plain
	}
	claims, ok := run.Claims.(*event.TrainingRunClaims)
	if !ok {
		return plain
	}
	data, err := c.resolver().Event(claims.Dataset)
	if err != nil {
		return plain
	}
	if data.Source == c.Entry.Event.Source {
		c.Trusted = append(c.Trusted, fmt.Sprintf("The data set's rows: its controller is the source %s itself.", data.Source))
	}
	return fmt.Sprintf("Step %d of %d of the run %s is one step of gradient descent on the %d rows of %q that the run's place in the log picked. It leads from the weights %s to %s.",
		step.Step, claims.Steps, step.Run, claims.Batch, data.Subject.Name, step.Before, step.After)
}
