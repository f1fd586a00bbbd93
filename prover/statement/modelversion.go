package statement

import (
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// modelVersion is the table's row. There is one circuit for models whose run is known and for those whose run is
// withheld: a verifier hashes what the claims state once more where nothing is to be hidden.
func modelVersion() Statement {
	return Statement{
		Name:     "model-version",
		Proves:   event.ModelVersion,
		Capacity: MaxSettings,
		Inputs:   []string{"context", "releases", "weights", "configuration", "predicates"},
		Shows: "The served model's weights are those of a release that was approved, and the committed configuration, in which no key stands twice, " +
			"has each key that a predicate is about, with a value that satisfies it.",
		NotShown: []string{
			"That the source serves this model under this configuration: it declares what it serves.",
			"That the approver examined the releases, and which other ones it approved.",
			"That the configuration was approved along with the model, and what its other settings are.",
			"Where the run is stated, that its steps are right: each step has a proof of its own. Where it is withheld, how the model was trained.",
		},
	}
}

// ModelVersionPublic is what a model-version proof is about. Elements gives the public inputs.
type ModelVersionPublic struct {
	Context       event.Element // ties the proof to one event
	Releases      event.Element // the commitment to the approved releases
	Weights       event.Element // the commitment to the weights, hashed once more: see [ServedWeights]
	Configuration event.Element // the commitment to the configuration
	Predicates    Predicates    // what the configuration satisfies; hashed into one input
}

// Elements returns the public inputs in the circuit's order.
func (p ModelVersionPublic) Elements() []event.Element {
	return []event.Element{p.Context, p.Releases, p.Weights, p.Configuration, p.Predicates.Commit()}
}

// ServedWeights hashes the commitment to a model's weights once more, with a salt.
//
// Where an event withholds the run, this is what its claims have for weights: with 128 fresh random bits for salt, nobody can tell
// which of the models of the log it is. Where an event states the run, its claims have the commitment itself, and a verifier computes
// this with a salt of zeros. So the circuit is the same, and the two can't be taken for each other: a hash is no
// commitment to weights that anyone could have approved.
func ServedWeights(weights event.Element, salt table.Salt) (event.Element, error) {
	w, err := toField("weights", weights)
	if err != nil {
		return event.Element{}, err
	}
	return fromField(poseidon.Sum(poseidon.Served, w, salt.Element())), nil
}

// DeriveModelVersion derives the public inputs of a model-version statement. The commitment to the releases comes from the
// approval's entry alone; a stated run, and the step that made the weights, must be what the claims say.
func DeriveModelVersion(c *event.ModelVersionClaims, ctx event.Element, refs Resolver) (ModelVersionPublic, error) {
	fail := func(err error) (ModelVersionPublic, error) { return ModelVersionPublic{}, err }
	referred, err := refs.Event(c.Approval)
	if err != nil {
		return fail(fmt.Errorf("couldn't find the approval %s: %w", c.Approval, err))
	}
	approval, ok := referred.Claims.(*event.ApprovalClaims)
	if !ok {
		return fail(rangeError(NotAnApproval, "approval", "%s is an event of kind %s, not an approval", c.Approval, referred.Kind()))
	}
	if _, err := toField("approval", approval.Releases); err != nil {
		return fail(err)
	}
	if _, err := toField("configuration", c.Configuration); err != nil {
		return fail(err)
	}
	if _, err := toField("weights", c.Weights); err != nil {
		return fail(err)
	}
	predicates, err := NewPredicates(c.Predicates)
	if err != nil {
		return fail(err)
	}
	weights := c.Weights
	if c.Run.IsZero() != c.Step.IsZero() {
		return fail(rangeError(NotTheModel, "step", "a run and the step of it whose weights are served are stated together, or neither is"))
	}
	if !c.Run.IsZero() {
		if err := findStep(c, refs); err != nil {
			return fail(err)
		}
		if weights, err = ServedWeights(c.Weights, table.Salt{}); err != nil {
			return fail(err)
		}
	}
	return ModelVersionPublic{Context: ctx, Releases: approval.Releases, Weights: weights, Configuration: c.Configuration, Predicates: predicates}, nil
}

// findStep finds the run and the step that claims name, and checks the link from one to the next.
func findStep(c *event.ModelVersionClaims, refs Resolver) error {
	run, err := refs.Event(c.Run)
	if err != nil {
		return fmt.Errorf("couldn't find the training run %s: %w", c.Run, err)
	}
	if _, ok := run.Claims.(*event.TrainingRunClaims); !ok {
		return rangeError(NotATrainingRun, "run", "%s is an event of kind %s, not a training run", c.Run, run.Kind())
	}
	made, err := refs.Event(c.Step)
	if err != nil {
		return fmt.Errorf("couldn't find the training step %s: %w", c.Step, err)
	}
	step, ok := made.Claims.(*event.TrainingStepClaims)
	if !ok {
		return rangeError(NotATrainingStep, "step", "%s is an event of kind %s, not a training step", c.Step, made.Kind())
	}
	return CheckServedStep(c, step)
}

// CheckServedStep tells whether a training step, the one that claims name, is of the run that they name and ended with the weights
// that they state. Whoever takes such claims without a proof asks this as well. Its error is a *[RangeError].
func CheckServedStep(c *event.ModelVersionClaims, step *event.TrainingStepClaims) error {
	if step.Run != c.Run {
		return rangeError(NotTheModel, "step", "the step %s is of the run %s, not of %s", c.Step, step.Run, c.Run)
	}
	if step.After != c.Weights {
		return rangeError(NotTheModel, "weights", "step %d of the run ended with the weights %s, not %s", step.Step, step.After, c.Weights)
	}
	return nil
}
