package verify

import "github.com/attestlog/attestlog/ledger/event"

// Reference is an event that claims refer to. It must stand at a lower index of the same log.
type Reference struct {
	Member string // of the claims, such as "dataset"
	Event  event.Digest
	Kind   event.Kind // that it must be of; 0 for any
}

// References are the events that claims refer to, in the order of the claims' members.
func References(claims event.Claims) []Reference {
	switch c := claims.(type) {
	case *event.DataAccessClaims:
		return []Reference{{"dataset", c.Dataset, event.Dataset}}
	case *event.AnonymizationClaims:
		return []Reference{{"dataset", c.Dataset, event.Dataset}, {"released", c.Released, event.Dataset}}
	case *event.TrainingRunClaims:
		return []Reference{{"dataset", c.Dataset, event.Dataset}}
	case *event.TrainingStepClaims:
		return []Reference{{"run", c.Run, event.TrainingRun}}
	case *event.ModelVersionClaims:
		if c.Run.IsZero() {
			return []Reference{{"approval", c.Approval, event.Approval}}
		}
		return []Reference{{"approval", c.Approval, event.Approval}, {"run", c.Run, event.TrainingRun}, {"step", c.Step, event.TrainingStep}}
	case *event.CustomClaims:
		var refs []Reference
		for _, v := range c.Inputs {
			if v.Type == event.InputDataset {
				refs = append(refs, Reference{"inputs", v.Dataset, event.Dataset})
			}
		}
		return refs
	case *event.AttestationClaims:
		return []Reference{{"event", c.Event, 0}}
	case *event.SealClaims:
		return []Reference{{"policy", c.Policy, event.Policy}}
	case *event.ErasureClaims:
		return []Reference{{"event", c.Event, 0}}
	}
	return nil
}

// Judge tells whether an event of that kind may be what is referred to. Its error is a *Violation.
func (r Reference) Judge(kind event.Kind) error {
	if r.Kind != 0 && kind != r.Kind {
		return violates(RuleClaims, "%s must name an event of kind %s; %s is of kind %s", r.Member, r.Kind, r.Event, kind).checking("kind")
	}
	return nil
}
