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
