package verify

import (
	"fmt"
	"strings"

	"github.com/attestlog/attestlog/ledger/event"
)

// sentenceOfVersion says what is proven of a served model.
func (c *check) sentenceOfVersion(version *event.ModelVersionClaims) string {
	const plain = "The claims hold as the statement says."
	approval, err := c.resolver().Event(version.Approval)
	if err != nil {
		return plain
	}
	if approval.Source == c.Entry.Event.Source {
		c.Trusted = append(c.Trusted, fmt.Sprintf("The approval: the source %s gave it itself.", approval.Source))
	}
	model := "It is approved; its run is withheld."
	if !version.Run.IsZero() {
		made, err := c.resolver().Event(version.Step)
		if err != nil {
			return plain
		}
		step, ok := made.Claims.(*event.TrainingStepClaims)
		if !ok {
			return plain
		}
		if made.Proof == event.ProofNone {
			c.Trusted = append(c.Trusted, fmt.Sprintf("Training step %d, which ended with the served weights: the source %s claims it without a proof.", step.Step, made.Source))
		}
		if made.Proof == event.ProofDeferred {
			c.Trusted = append(c.Trusted, fmt.Sprintf("Training step %d, which ended with the served weights: the source %s deferred its proof. Verify that event to see whether it has come.", step.Step, made.Source))
		}
		model = fmt.Sprintf("It is approved, and its weights %s are those after step %d of the run %s.", version.Weights, step.Step, version.Run)
	}
	rules := "Nothing is said of its configuration."
	if len(version.Predicates) > 0 {
		list := make([]string, len(version.Predicates))
		for i, p := range version.Predicates {
			list[i] = predicateText(p)
		}
		rules = fmt.Sprintf("Its configuration, which stays hidden, satisfies: %s.", strings.Join(list, "; "))
	}
	return fmt.Sprintf("The source declares that it serves %q, version %q. %s %s", c.Entry.Event.Subject.Name, version.Version, model, rules)
}

// saying says in words what the claims of a run or an approval say, for which there are no proofs.
func (c *check) saying() []string {
	switch claims := c.Entry.Event.Claims.(type) {
	case *event.TrainingRunClaims:
		return []string{c.sayingOfRun(claims)}
	case *event.ApprovalClaims:
		return []string{fmt.Sprintf("Source %s approves releases of %q: which ones and how many stays hidden, but a proof can show that a served model is among them.",
			c.Entry.Event.Source, c.Entry.Event.Subject.Name)}
	}
	return nil
}

func (c *check) sayingOfRun(run *event.TrainingRunClaims) string {
	data, label := "a data set", fmt.Sprintf("code %d", run.Label.Positive)
	if e, err := c.resolver().Event(run.Dataset); err == nil {
		data = fmt.Sprintf("%q", e.Subject.Name)
		if d, ok := e.Claims.(*event.DatasetClaims); ok {
			label = valueText(d, run.Label)
		}
	}
	names := make([]string, len(run.Features))
	for i, f := range run.Features {
		names[i] = f.Column
	}
	return fmt.Sprintf("A training run of %d steps begins with the weights %s: logistic regression on %s, %d rows a step, that predicts whether %s is %s from %s, with "+
		"the learning rate %.5g and l2 %.5g.", run.Steps, run.Weights, data, run.Batch, run.Label.Column, label, strings.Join(names, ", "),
		float64(run.LearningRate)/65536, float64(run.L2)/65536)
}

// valueText is the value that a label counts as positive, as its column codes it.
func valueText(d *event.DatasetClaims, l event.Label) string {
	for i := range d.Columns {
		column := &d.Columns[i]
		if column.Name != l.Column {
			continue
		}
		if labels := column.Coding.Category; labels != nil && l.Positive < int64(len(labels.Labels)) {
			return fmt.Sprintf("%q", labels.Labels[l.Positive])
		}
		if span := column.Coding.Integer; span != nil {
			return fmt.Sprint(span.Min + l.Positive)
		}
	}
	return fmt.Sprintf("code %d", l.Positive)
}

// predicateText writes a predicate as people do, such as "temperature ≤ 1000".
func predicateText(p event.Predicate) string {
	numbers := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(p.Bounds)), ", "), "[]")
	switch p.Comparison {
	case "in":
		return fmt.Sprintf("%q in {%s}", p.Key, numbers)
	case "!=":
		return fmt.Sprintf("%q ≠ %s", p.Key, numbers)
	case "<=":
		return fmt.Sprintf("%q ≤ %s", p.Key, numbers)
	case ">=":
		return fmt.Sprintf("%q ≥ %s", p.Key, numbers)
	}
	return fmt.Sprintf("%q = %s", p.Key, numbers)
}
