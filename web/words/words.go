// Package words says in plain language what an event says: a title for lists, a sentence, and its claims one by one.
//
// All of it is what the source declares. What is proven of that is said by ledger/verify's Report and prover/statement, and by
// nobody else: here is no second wording of what a proof shows.
//
// [Number] and [Count] write figures for people, here and in the commands.
//
// The table of renderings has a row for every kind of event; a test fails until a new kind has one.
package words

import (
	"fmt"
	"strings"

	"github.com/attestlog/attestlog/ledger/event"
)

// Words are an event in plain language. Title and Says hold names from the event, quoted, cut, and without characters that do anything
// but to be seen.
type Words struct {
	Kind  string // what sort of event it is, such as "Data access"
	Title string // a few words, such as "60 records read"
	Says  string // a sentence: what the source declares
	Facts []Fact // the claims one by one
}

// Fact is one of the claims: a name of ours and its values.
type Fact struct {
	Name   string
	Note   string // what the value is, where its name doesn't say it all
	Values []Value
}

// Value is a value of the claims. Exactly one member is set, or none where it is the number 0.
type Value struct {
	Text      string       // free-form text from the event: hostile
	Plain     string       // words of ours, or of a closed list
	Hash      string       // hex digits
	Number    int64        //
	Event     event.Digest // an event that the claims refer to
	Statement event.Digest // a statement, by its verifying key
	Source    string       // a source, by its name
	Entry     *int64       // an entry, by its index
}

// Lookup finds an event that claims refer to; nil where it isn't at hand. A nil Lookup finds none.
type Lookup func(event.Digest) *event.Event

// kinds are what people call the kinds of events, and renderings put events of each into words. Both have a row for every kind, and are
// never written to.
var (
	kinds = map[event.Kind]string{
		event.DataAccess:    "Data access",
		event.Anonymization: "Anonymization",
		event.TrainingStep:  "Training step",
		event.ModelVersion:  "Model version",
		event.Dataset:       "Data set",
		event.TrainingRun:   "Training run",
		event.Approval:      "Approval",
		event.Source:        "Source",
		event.Statement:     "Statement",
		event.Attestation:   "Attestation",
		event.Seal:          "Seal",
		event.Policy:        "Policy",
		event.Erasure:       "Erasure",
		event.Custom:        "Custom values",
	}
	renderings = map[event.Kind]func(e *event.Event, at Lookup) (title, says string, facts []Fact){
		event.DataAccess:    dataAccess,
		event.Anonymization: anonymization,
		event.TrainingStep:  trainingStep,
		event.ModelVersion:  modelVersion,
		event.Dataset:       dataset,
		event.TrainingRun:   trainingRun,
		event.Approval:      approval,
		event.Source:        source,
		event.Statement:     registeredStatement,
		event.Attestation:   attestation,
		event.Seal:          seal,
		event.Policy:        policy,
		event.Erasure:       erasure,
		event.Custom:        custom,
	}
)

// Of puts an event into words.
func Of(e *event.Event, at Lookup) Words {
	if at == nil {
		at = func(event.Digest) *event.Event { return nil }
	}
	w := Words{Kind: Kind(e.Kind())}
	if of := renderings[e.Kind()]; of != nil {
		w.Title, w.Says, w.Facts = of(e, at)
	} else {
		w.Title, w.Says = w.Kind, "This program has no words for events of this kind."
	}
	return w
}

// Kind is what people call a kind of event.
func Kind(k event.Kind) string {
	if name := kinds[k]; name != "" {
		return name
	}
	return k.String()
}

// Name quotes a name from an event: at most 80 characters, and none that does anything but to be seen.
func Name(s string) string {
	inner, rest := Visible(s, 80, false)
	if rest > 0 {
		inner += "…"
	}
	return "“" + inner + "”"
}

// named is the subject of an event that claims refer to, or what it is where it isn't at hand.
func named(at Lookup, d event.Digest, what string) string {
	if e := at(d); e != nil {
		return Name(e.Subject.Name)
	}
	return what
}

// list names a few things, and says how many more there are.
func list(names []string, most int) string {
	var some []string
	for _, name := range names[:min(len(names), most)] {
		some = append(some, Name(name))
	}
	if more := len(names) - most; more > 0 {
		some = append(some, fmt.Sprintf("%d more", more))
	}
	return strings.Join(some, ", ")
}

// The constructors of facts.

func number(name string, n int64) Fact { return Fact{Name: name, Values: []Value{{Number: n}}} }
func text(name, s string) Fact         { return Fact{Name: name, Values: []Value{{Text: s}}} }
func plain(name, s string) Fact        { return Fact{Name: name, Values: []Value{{Plain: s}}} }
func refers(name string, d event.Digest) Fact {
	return Fact{Name: name, Values: []Value{{Event: d}}}
}
func hash(name string, h fmt.Stringer, note string) Fact {
	return Fact{Name: name, Note: note, Values: []Value{{Hash: h.String()}}}
}
func texts(name string, all []string) Fact {
	f := Fact{Name: name}
	for _, s := range all {
		f.Values = append(f.Values, Value{Text: s})
	}
	return f
}
func entry(name string, index int64) Fact {
	return Fact{Name: name, Values: []Value{{Entry: &index}}}
}
