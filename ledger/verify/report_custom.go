package verify

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

// concludeImported says what a proof under an imported statement comes to. That the proof verifies for these values is proven. What it means is the
// importer's word: nobody here has seen the circuit.
func (c *check) concludeImported(s statement.Statement) {
	importer := c.importer()
	c.Sentence = fmt.Sprintf("A proof verifies under the imported statement %s, for this event's context and %s.", s.Name, c.valuesText())
	c.Proven = append(c.Proven, c.Sentence)
	c.Trusted = append(c.Trusted, fmt.Sprintf("What that proof means. %s, who imported %s, says that it shows: %q", importer, s.Name, s.Shows))
	for _, limit := range s.NotShown {
		c.Trusted = append(c.Trusted, fmt.Sprintf("What it doesn't show, as %s says: %q", importer, limit))
	}
	transcript := "The entry names no transcript of a ceremony."
	if t := c.under.Claims.Transcript; !t.IsZero() {
		transcript = fmt.Sprintf("A ceremony's transcript with the SHA-256 %s is named, and wasn't looked into.", t)
	}
	c.Trusted = append(c.Trusted,
		fmt.Sprintf("UNTRUSTED keys: the verifying key of %s was made elsewhere, and nothing is known of its set-up. Whoever has that set-up's secrets could forge proofs. %s", s.Name, transcript),
		fmt.Sprintf("That the circuit of %s binds the context, and so a proof to one event: of that, the key shows only that the context has some weight.", s.Name))
}

// importer is the source that signed the statement's entry: the operator.
func (c *check) importer() string {
	if e := c.byIndex[c.under.Registered]; e != nil {
		return e.Event.Source
	}
	return "its importer"
}

// valuesText lists the event's values as people write them.
func (c *check) valuesText() string {
	claims, ok := c.Entry.Event.Claims.(*event.CustomClaims)
	if !ok || len(claims.Inputs) == 0 {
		return "no values of its own"
	}
	list := make([]string, len(claims.Inputs))
	for i, v := range claims.Inputs {
		list[i] = v.Name + " = " + c.valueText(v)
	}
	return "these values: " + strings.Join(list, ", ")
}

func (c *check) valueText(v event.Value) string {
	switch v.Type {
	case event.InputBoolean:
		return strconv.FormatBool(v.Boolean)
	case event.InputInteger:
		return strconv.FormatInt(v.Integer, 10)
	case event.InputText:
		return strconv.Quote(v.Text)
	case event.InputDigest:
		return v.Digest.String()
	case event.InputDataset:
		if data, err := c.resolver().Event(v.Dataset); err == nil {
			return fmt.Sprintf("the data set %q of event %s", data.Subject.Name, v.Dataset)
		}
		return "the data set of event " + v.Dataset.String()
	}
	return v.Element.String()
}
