package statement

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// ModelVersionWitness is what the prover of a model version knows and nobody else may. Never log it.
type ModelVersionWitness struct {
	Release       ReleaseOpening
	Salt          table.Salt // of the weights in the claims: zeros where the run is stated, else 128 fresh random bits
	Configuration Configuration
}

// Proves returns the kind of events that the witness is about.
func (*ModelVersionWitness) Proves() event.Kind { return event.ModelVersion }

// StateRun fills in claims what the witness commits to, for a model whose run is stated: the step that made its
// weights must be named by the caller.
func (w *ModelVersionWitness) StateRun(c *event.ModelVersionClaims, run, step event.Digest) {
	w.Salt = table.Salt{}
	c.Run, c.Step = run, step
	c.Weights, c.Configuration = w.Release.Weights, w.Configuration.Commit()
}

// WithholdRun fills in claims what the witness commits to, for a model whose run is withheld. The salt must be fresh, for
// this event alone: else everyone sees that two events are about the same model.
func (w *ModelVersionWitness) WithholdRun(c *event.ModelVersionClaims, salt table.Salt) (err error) {
	if salt == (table.Salt{}) {
		return fmt.Errorf("the run can't be withheld: %w", ErrNotHidden)
	}
	w.Salt = salt
	c.Run, c.Step = event.Digest{}, event.Digest{}
	c.Configuration = w.Configuration.Commit()
	c.Weights, err = ServedWeights(w.Release.Weights, salt)
	return err
}

// Rules of the model-version statement.
const (
	RulePlace         Rule = "place"         // the release's place has 10 bits
	RuleApproved      Rule = "approved"      // the release's leaf leads to the approved releases
	RuleServed        Rule = "served"        // the release's weights are those that are served
	RuleSettings      Rule = "settings"      // at most 16 settings
	RuleValue         Rule = "value"         // each value lies between −2^53 and 2^53
	RuleKey           Rule = "key"           // no key stands twice
	RuleConfiguration Rule = "configuration" // the configuration is the one committed to
	RuleAbsent        Rule = "absent"        // the configuration has the predicate's key
	RulePredicate     Rule = "predicate"     // the value satisfies the predicate
)

// CheckModelVersion is the native twin of the model-version circuit: it returns nil exactly if the circuit accepts the witness for
// the public inputs, and otherwise a *[Violation] that names the first rule broken. Its Record is
// the number of the setting or of the predicate, where the rule is about one.
func CheckModelVersion(w *ModelVersionWitness, p ModelVersionPublic) error {
	if w == nil {
		return violation(RulePlace, -1, "there is no witness")
	}
	if w.Release.Place < 0 || w.Release.Place >= MaxReleases {
		return violation(RulePlace, -1, "there is no such place in a tree of releases")
	}
	releases, err := w.Release.Releases()
	if err != nil || releases != p.Releases {
		return violation(RuleApproved, -1, "weights, salt, place and siblings don't lead to the approved releases")
	}
	weights, err := ServedWeights(w.Release.Weights, w.Salt)
	if err != nil || weights != p.Weights {
		return violation(RuleServed, -1, "the release has other weights than those that are served, or the salt is another")
	}
	if len(w.Configuration.Settings) > MaxSettings {
		return violation(RuleSettings, -1, "there is room for %d settings", MaxSettings)
	}
	values := make(map[fr.Element]int64, len(w.Configuration.Settings))
	for i, s := range w.Configuration.Settings {
		if !isValue(s.Value) {
			return violation(RuleValue, i, "the value is not between −2^53 and 2^53")
		}
		key := SettingKey(s.Key)
		if _, again := values[key]; again {
			return violation(RuleKey, i, "the key stands there already")
		}
		values[key] = s.Value
	}
	if w.Configuration.Commit() != p.Configuration {
		return violation(RuleConfiguration, -1, "salt and settings have another commitment")
	}
	for i := range p.Predicates.list {
		q := &p.Predicates.list[i]
		value, present := values[q.key]
		if !present {
			return violation(RuleAbsent, i, "the configuration doesn't have the key, so that it satisfies nothing about it")
		}
		if !q.holds(value) {
			return violation(RulePredicate, i, "the value doesn't satisfy the predicate")
		}
	}
	return nil
}
