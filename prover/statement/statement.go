// Package statement says what each proof says, without any proof system.
//
// A statement is a sentence with blanks, such as "the committed list holds exactly
// n distinct rows of data set D, each of which consents to purpose p". The
// circuit prover/circuit/… proves it; this package holds everything about it that
// a verifier, a regulator or an application needs:
//
//   - the closed table of statements ([All]): name, kind of event, capacity, public
//     inputs, what a proof shows and, as important, what it does not;
//   - statements of other people's circuits, which a log's entries bring along: [Registered]
//     finds either sort for an entry;
//   - [Public], which fills the blanks. Every public input is derived from the
//     signed payload and from the entries that it refers to, never from anything
//     that comes along with a proof: a verifier that took them from the side would
//     verify somebody else's sentence;
//   - the native twin: the same statement in plain Go, which says of a witness
//     what rule it breaks ([CheckDataAccess]). Property tests hold twin and circuit equal.
//
// It links gnark-crypto's field arithmetic and nothing else of gnark. SPEC.md has
// the encodings.
package statement

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
)

// Statement is a row of the table: one class of one circuit.
type Statement struct {
	Name       string     // such as "data-access-64": how its `statement` entry names it
	Proves     event.Kind // the kind of events that it is about
	Capacity   int        // how many records it has slots for
	MaxColumns int        // how many columns a data set may have
	Inputs     []string   // the public inputs, in order, after Groth16's constant one
	Shows      string     // what a valid proof shows
	NotShown   []string   // what it doesn't show: repeated wherever a proof is presented

	schema []event.Input // of one that was imported: what its events claim
}

// statements is the table. It is never written to.
var statements = []Statement{
	dataAccess(16),
	dataAccess(64),
	trainingStep(32, 32),
	trainingStep(128, 64),
	modelVersion(),
	anonymization(128),
	anonymization(1024),
}

// All returns every statement, smaller classes first. The caller may keep the
// slice, and must not write to the lists inside.
func All() []Statement { return append([]Statement(nil), statements...) }

// ByName finds a statement.
func ByName(name string) (Statement, error) {
	for _, s := range statements {
		if s.Name == name {
			return s, nil
		}
	}
	return Statement{}, fmt.Errorf("there is no statement named %q", name)
}

// Fitting finds the smallest statement about events of a kind that has room for so many records.
func Fitting(kind event.Kind, records int) (Statement, error) {
	widest := 0
	for _, s := range statements {
		if s.Proves != kind {
			continue
		}
		if records <= s.Capacity {
			return s, nil
		}
		widest = s.Capacity
	}
	if widest == 0 {
		return Statement{}, fmt.Errorf("there is no statement about events of kind %s", kind)
	}
	return Statement{}, fmt.Errorf("there is no statement about %d records of kind %s: the widest has room for %d", records, kind, widest)
}

// Resolver finds the events that claims refer to. A ledger answers from entries at
// lower indices than the event's own only, a verifier from entries whose inclusion
// it has checked. An unknown digest is an error, which comes back wrapped.
type Resolver interface {
	Event(d event.Digest) (*event.Event, error)
}

// Witness is what the prover of a statement knows: one of the types named …Witness
// in this package. Never log one.
type Witness interface {
	Proves() event.Kind // the kind of events that it is about
}

// Public derives the public inputs of the statement for an event with the given
// digest, in the order of Inputs. The event must name the statement by its
// verifying key and be of the kind that it proves.
//
// Claims that the statement can't be about give a *[RangeError]. Other errors are
// the resolver's.
func (s Statement) Public(e *event.Event, digest event.Digest, refs Resolver) ([]event.Element, error) {
	if e.Statement.IsZero() {
		return nil, fmt.Errorf("the event names no statement: its proof mode is %q", e.Proof)
	}
	switch claims := e.Claims.(type) {
	case *event.DataAccessClaims:
		if s.Proves != event.DataAccess {
			break
		}
		p, err := DeriveDataAccess(s, claims, event.Context(e.Log, e.Statement, digest), refs)
		if err != nil {
			return nil, err
		}
		return p.Elements(), nil
	case *event.TrainingStepClaims:
		if s.Proves != event.TrainingStep {
			break
		}
		p, err := DeriveTrainingStep(s, e.Source, claims, event.Context(e.Log, e.Statement, digest), refs)
		if err != nil {
			return nil, err
		}
		return p.Elements(), nil
	case *event.AnonymizationClaims:
		if s.Proves != event.Anonymization {
			break
		}
		p, err := DeriveAnonymization(s, claims, event.Context(e.Log, e.Statement, digest), refs)
		if err != nil {
			return nil, err
		}
		return p.Elements(), nil
	case *event.ModelVersionClaims:
		if s.Proves != event.ModelVersion {
			break
		}
		p, err := DeriveModelVersion(claims, event.Context(e.Log, e.Statement, digest), refs)
		if err != nil {
			return nil, err
		}
		return p.Elements(), nil
	case *event.CustomClaims:
		if s.Proves != event.Custom {
			break
		}
		return s.deriveCustom(claims, event.Context(e.Log, e.Statement, digest), refs)
	}
	return nil, rangeError(WrongKind, "statement", "%s is about events of kind %s, not %s", s.Name, s.Proves, e.Kind())
}

// Public derives the public inputs for an event where it isn't known yet which
// class of statement its verifying key belongs to: it takes the widest one. The
// inputs are the same for all classes; only the refusal of too many records for a
// narrower class is left to that class's proof, which then can't verify. An
// anonymization says itself how many rows its chunk has, and so its class.
func Public(e *event.Event, digest event.Digest, refs Resolver) ([]event.Element, error) {
	for i := len(statements) - 1; i >= 0; i-- {
		if c, ok := e.Claims.(*event.AnonymizationClaims); ok && c.ChunkRows < int64(statements[i].Capacity) {
			continue
		}
		if statements[i].Proves == e.Kind() {
			return statements[i].Public(e, digest, refs)
		}
	}
	return nil, rangeError(WrongKind, "statement", "there is no statement about events of kind %s", e.Kind())
}

// RangeCode says in what way claims are out of range. The list is closed.
type RangeCode string

const (
	WrongKind        RangeCode = "wrong-kind"         // the statement is about another kind of event
	NotADataset      RangeCode = "not-a-dataset"      // the event referred to is no data set
	UnknownPurpose   RangeCode = "unknown-purpose"    // the data set has no such purpose
	UnknownColumn    RangeCode = "unknown-column"     // the data set has no such column
	ColumnOrder      RangeCode = "column-order"       // columns not in the data set's order, or twice
	NoColumns        RangeCode = "no-columns"         // no columns are claimed
	TooManyColumns   RangeCode = "too-many-columns"   // the data set is wider than the statement can handle
	NoRecords        RangeCode = "no-records"         // fewer than one record
	TooManyRecords   RangeCode = "too-many-records"   // more records than the statement has slots for
	MoreThanRows     RangeCode = "more-than-rows"     // more records than the data set has rows
	TooManyRows      RangeCode = "too-many-rows"      // the data set has more rows than a table has room for
	NotAFieldElement RangeCode = "not-a-field-number" // a commitment is not below the order of the field
	NotAnApproval    RangeCode = "not-an-approval"    // the event referred to is no approval
	NotATrainingStep RangeCode = "no-training-step"   // the event referred to is no training step
	NotTheModel      RangeCode = "not-the-model"      // run, step and weights don't belong together
	NotAPredicate    RangeCode = "not-a-predicate"    // a predicate is malformed, or there are too many
	NotATrainingRun  RangeCode = "not-a-training-run" // the event referred to is no training run
	AnotherSource    RangeCode = "another-source"     // the event referred to is another source's
	NoSuchStep       RangeCode = "no-such-step"       // the run has fewer steps
	BrokenChain      RangeCode = "broken-chain"       // a step doesn't begin where the one before ended
	NotTrainable     RangeCode = "not-trainable"      // numbers of the run are out of range
	Misplaced        RangeCode = "misplaced-column"   // a column doesn't stand where the statement looks for it
	NotReleased      RangeCode = "not-released"       // a data set isn't described as the anonymized form of another
	NotTheSchema     RangeCode = "not-the-schema"     // values are not those that an imported statement takes
	NoSuchChunk      RangeCode = "no-such-chunk"      // the data set has no such chunk, or the chunk not so many rows
)

// RangeError tells that no proof could be about the claims as they stand.
type RangeError struct {
	Code   RangeCode
	Member string // of the claims, such as "columns"
	Detail string // a sentence that says what is wrong
}

func (e *RangeError) Error() string { return e.Member + ": " + e.Detail }

func rangeError(code RangeCode, member, format string, args ...any) error {
	return &RangeError{code, member, fmt.Sprintf(format, args...)}
}

// toField reads an element that came with claims.
func toField(member string, e event.Element) (x fr.Element, err error) {
	if err := x.SetBytesCanonical(e[:]); err != nil {
		return x, rangeError(NotAFieldElement, member, "%s is not below the order of the field", e)
	}
	return x, nil
}

// fromField is an element as it stands in claims and public inputs.
func fromField(x fr.Element) event.Element { return x.Bytes() }

// number is a number as a public input.
func number(n uint64) event.Element {
	var x fr.Element
	return fromField(*x.SetUint64(n))
}
