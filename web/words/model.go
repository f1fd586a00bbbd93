package words

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/attestlog/attestlog/ledger/event"
)

func trainingRun(e *event.Event, at Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.TrainingRunClaims)
	features := Fact{Name: "Predicts from"}
	for _, f := range c.Features {
		features.Values = append(features.Values, Value{Text: f.Column})
	}
	return "A training run begins",
		fmt.Sprintf("The source declares that a training run of %s begins: logistic regression on %s, %s a step, that predicts %s.",
			Count(c.Steps, "step"), named(at, c.Dataset, "a data set"), Count(c.Batch, "row"), Name(c.Label.Column)),
		[]Fact{
			refers("Data set", c.Dataset), number("Steps planned", c.Steps), number("Rows of a step", c.Batch), text("Predicts", c.Label.Column), features,
			plain("Learning rate", fraction(c.LearningRate)), plain("L2", fraction(c.L2)), hash("First weights", c.Weights, "a commitment: the weights stay private"),
		}
}

// fraction writes a number in units of 2^-16.
func fraction(n int64) string { return strconv.FormatFloat(float64(n)/65536, 'g', 5, 64) }

func trainingStep(e *event.Event, at Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.TrainingStepClaims)
	of := ""
	if run := at(c.Run); run != nil {
		if r, ok := run.Claims.(*event.TrainingRunClaims); ok {
			of = fmt.Sprintf(" of %s", Number(r.Steps))
		}
	}
	return fmt.Sprintf("Training step %s", Number(c.Step)),
		fmt.Sprintf("The source declares step %s%s of a training run: its model’s weights took one step.", Number(c.Step), of),
		[]Fact{refers("Training run", c.Run), number("Step", c.Step), hash("Weights before", c.Before, "a commitment"), hash("Weights after", c.After, "a commitment")}
}

func modelVersion(e *event.Event, _ Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.ModelVersionClaims)
	made := "What it was made by is withheld."
	facts := []Fact{text("Version", c.Version), refers("Approval", c.Approval)}
	if !c.Run.IsZero() {
		made = "It names the training step that made it."
		facts = append(facts, refers("Training run", c.Run), refers("Training step", c.Step))
	} else {
		facts = append(facts, plain("Training run", "withheld"))
	}
	rules := Fact{Name: "Of its configuration"}
	for _, p := range c.Predicates {
		rules.Values = append(rules.Values, Value{Text: Predicate(p)})
	}
	if len(rules.Values) == 0 {
		rules.Values = []Value{{Plain: "nothing is said"}}
	}
	return fmt.Sprintf("Version %s is served", Name(c.Version)),
		fmt.Sprintf("The source declares that it serves version %s of %s, and that the release was approved. %s", Name(c.Version), Name(e.Subject.Name), made),
		append(facts, rules, hash("Configuration", c.Configuration, "a commitment: the configuration stays private"), hash("Weights", c.Weights, "a commitment"))
}

// Predicate writes a condition as people do, such as "temperature ≤ 1000".
func Predicate(p event.Predicate) string {
	bounds := make([]string, len(p.Bounds))
	for i, b := range p.Bounds {
		bounds[i] = strconv.FormatInt(b, 10)
	}
	sign := map[string]string{"=": "=", "!=": "≠", "<=": "≤", ">=": "≥", "in": "in"}[p.Comparison]
	numbers := strings.Join(bounds, ", ")
	if p.Comparison == "in" {
		numbers = "{" + numbers + "}"
	}
	return p.Key + " " + sign + " " + numbers
}

func approval(e *event.Event, _ Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.ApprovalClaims)
	return "Releases approved",
		fmt.Sprintf("The source approves releases of %s. Which ones, and how many, stays hidden; a proof can show that a served model is among them.", Name(e.Subject.Name)),
		[]Fact{hash("Releases", c.Releases, "a commitment to the approved releases")}
}

func custom(e *event.Event, _ Lookup) (string, string, []Fact) {
	c := e.Claims.(*event.CustomClaims)
	var facts []Fact
	for _, v := range c.Inputs {
		facts = append(facts, valueOf(v))
	}
	return Count(len(c.Inputs), "value") + " stated",
		fmt.Sprintf("The source states %s about %s. What they mean is said by the statement under which they are proven, or by their names alone.", Count(len(c.Inputs), "value"), Name(e.Subject.Name)),
		facts
}

// valueOf is a value of an imported statement's event. Its name comes from the event: it is of a closed alphabet, and short.
func valueOf(v event.Value) Fact {
	switch v.Type {
	case event.InputBoolean:
		return plain(v.Name, strconv.FormatBool(v.Boolean))
	case event.InputInteger:
		return number(v.Name, v.Integer)
	case event.InputText:
		return text(v.Name, v.Text)
	case event.InputDigest:
		return hash(v.Name, v.Digest, "")
	case event.InputDataset:
		return refers(v.Name, v.Dataset)
	}
	return hash(v.Name, v.Element, "")
}
