// Package circuit is the closed table of circuits: for each statement of package
// statement, how its circuit is compiled and how a witness is assigned to it. The
// circuits themselves are in the folders below, a folder for each kind of event.
//
// Keys, commands and benchmarks come here instead of to a circuit, so that adding
// a circuit is a folder and a row in this table. Nothing registers itself.
//
// Importing this package also makes gnark know the hints that the circuits' solvers
// call, so whoever loads a constraint system from disk must link it.
package circuit

import (
	"errors"
	"fmt"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit/anonymization"
	"github.com/attestlog/attestlog/prover/circuit/dataaccess"
	"github.com/attestlog/attestlog/prover/circuit/modelversion"
	"github.com/attestlog/attestlog/prover/circuit/trainingstep"
	"github.com/attestlog/attestlog/prover/statement"
)

// Circuit proves one statement.
type Circuit struct {
	Statement statement.Statement
	family    *family
}

// family is a circuit for all classes of a statement.
type family struct {
	proves  event.Kind
	compile func(capacity int) (constraint.ConstraintSystem, error)
	assign  func(s statement.Statement, w statement.Witness, e *event.Event, digest event.Digest, refs statement.Resolver) (frontend.Circuit, error)
	sample  func(s statement.Statement) (fill func() (frontend.Circuit, error), public []event.Element, err error)
}

// families is the table. It is never written to.
var families = []family{
	{event.DataAccess, dataaccess.Compile, assignDataAccess, sampleDataAccess},
	{event.TrainingStep, compileTrainingStep, assignTrainingStep, sampleTrainingStep},
	{event.ModelVersion, compileModelVersion, assignModelVersion, sampleModelVersion},
	{event.Anonymization, anonymization.Compile, assignAnonymization, sampleAnonymization},
}

// All returns a circuit for each statement.
func All() []Circuit {
	var all []Circuit
	for _, s := range statement.All() {
		if c, err := For(s); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// For returns the circuit of a statement.
func For(s statement.Statement) (Circuit, error) {
	for i := range families {
		if families[i].proves == s.Proves {
			return Circuit{s, &families[i]}, nil
		}
	}
	return Circuit{}, fmt.Errorf("there is no circuit for %s", s.Name)
}

// ByName returns the circuit of the statement of that name, such as "data-access-64".
func ByName(name string) (Circuit, error) {
	s, err := statement.ByName(name)
	if err != nil {
		return Circuit{}, err
	}
	return For(s)
}

// Compile returns the constraint system. Compiling is deterministic: the SHA-256
// of what its WriteTo writes identifies the circuit.
func (c Circuit) Compile() (constraint.ConstraintSystem, error) {
	return c.family.compile(c.Statement.Capacity)
}

// ErrFalse tells that the event's statement is not true of the witness. The reason,
// which errors.As finds beside it, is the native twin's.
var ErrFalse = errors.New("the claims are not true of the witness")

// Assign derives the public inputs of an event with the given digest, checks in plain
// Go that its claims are true of the witness, and fills the circuit. False claims
// give [ErrFalse] with the rule that is broken, claims that the statement can't be
// about a *statement.RangeError.
func (c Circuit) Assign(w statement.Witness, e *event.Event, digest event.Digest, refs statement.Resolver) (frontend.Circuit, error) {
	if w == nil {
		return nil, fmt.Errorf("%s can't be proven without a witness", c.Statement.Name)
	}
	if e.Kind() != c.Statement.Proves || w.Proves() != c.Statement.Proves {
		return nil, fmt.Errorf("%s can't be proven of an event of kind %s with a witness of kind %s", c.Statement.Name, e.Kind(), w.Proves())
	}
	return c.family.assign(c.Statement, w, e, digest, refs)
}

// Sample returns an assignment that satisfies the circuit, and its public inputs: for
// measurements and for trying out keys. It is the same at every call, and nothing
// about it is secret.
func (c Circuit) Sample() (frontend.Circuit, []event.Element, error) {
	fill, public, err := c.family.sample(c.Statement)
	if err != nil {
		return nil, nil, err
	}
	assignment, err := fill()
	return assignment, public, err
}

// Sampler makes the sample's data once, and returns what does with them as often as it
// is called what [Circuit.Assign] does with an event's, when its public inputs are derived.
func (c Circuit) Sampler() (assign func() (frontend.Circuit, error), err error) {
	assign, _, err = c.family.sample(c.Statement)
	return assign, err
}

func assignDataAccess(s statement.Statement, w statement.Witness, e *event.Event, digest event.Digest, refs statement.Resolver) (frontend.Circuit, error) {
	witness, claims := w.(*statement.DataAccessWitness), e.Claims.(*event.DataAccessClaims)
	p, err := statement.DeriveDataAccess(s, claims, event.Context(e.Log, e.Statement, digest), refs)
	if err != nil {
		return nil, err
	}
	return fillDataAccess(s, witness, p)
}

func fillDataAccess(s statement.Statement, w *statement.DataAccessWitness, p statement.DataAccessPublic) (frontend.Circuit, error) {
	if err := statement.CheckDataAccess(s.Capacity, w, p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFalse, err)
	}
	return dataaccess.Assign(s.Capacity, w, p)
}

func sampleDataAccess(s statement.Statement) (func() (frontend.Circuit, error), []event.Element, error) {
	w, p, err := dataaccess.Sample(s.Capacity)
	return func() (frontend.Circuit, error) { return fillDataAccess(s, w, p) }, p.Elements(), err
}

// trainingColumns is for how many columns the class for batches of so many rows is made.
func trainingColumns(batch int) (int, error) {
	for _, s := range statement.All() {
		if s.Proves == event.TrainingStep && s.Capacity == batch {
			return s.MaxColumns, nil
		}
	}
	return 0, fmt.Errorf("there is no training step on %d rows", batch)
}

func compileTrainingStep(batch int) (constraint.ConstraintSystem, error) {
	columns, err := trainingColumns(batch)
	if err != nil {
		return nil, err
	}
	return trainingstep.Compile(batch, columns)
}

func assignTrainingStep(s statement.Statement, w statement.Witness, e *event.Event, digest event.Digest, refs statement.Resolver) (frontend.Circuit, error) {
	witness, claims := w.(*statement.TrainingStepWitness), e.Claims.(*event.TrainingStepClaims)
	p, err := statement.DeriveTrainingStep(s, e.Source, claims, event.Context(e.Log, e.Statement, digest), refs)
	if err != nil {
		return nil, err
	}
	return fillTrainingStep(s, witness, p)
}

func fillTrainingStep(s statement.Statement, w *statement.TrainingStepWitness, p statement.TrainingStepPublic) (frontend.Circuit, error) {
	if err := statement.CheckTrainingStep(s, w, p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFalse, err)
	}
	return trainingstep.Assign(s.Capacity, s.MaxColumns, w, p)
}

func sampleTrainingStep(s statement.Statement) (func() (frontend.Circuit, error), []event.Element, error) {
	w, p, err := trainingstep.Sample(s.Capacity, s.MaxColumns)
	return func() (frontend.Circuit, error) { return fillTrainingStep(s, w, p) }, p.Elements(), err
}

// compileModelVersion compiles the one class there is.
func compileModelVersion(int) (constraint.ConstraintSystem, error) { return modelversion.Compile() }

func assignModelVersion(_ statement.Statement, w statement.Witness, e *event.Event, digest event.Digest, refs statement.Resolver) (frontend.Circuit, error) {
	witness, claims := w.(*statement.ModelVersionWitness), e.Claims.(*event.ModelVersionClaims)
	p, err := statement.DeriveModelVersion(claims, event.Context(e.Log, e.Statement, digest), refs)
	if err != nil {
		return nil, err
	}
	return fillModelVersion(witness, p)
}

func fillModelVersion(w *statement.ModelVersionWitness, p statement.ModelVersionPublic) (frontend.Circuit, error) {
	if err := statement.CheckModelVersion(w, p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFalse, err)
	}
	return modelversion.Assign(w, p)
}

func sampleModelVersion(statement.Statement) (func() (frontend.Circuit, error), []event.Element, error) {
	w, p, err := modelversion.Sample()
	return func() (frontend.Circuit, error) { return fillModelVersion(w, p) }, p.Elements(), err
}

func assignAnonymization(s statement.Statement, w statement.Witness, e *event.Event, digest event.Digest, refs statement.Resolver) (frontend.Circuit, error) {
	witness, claims := w.(*statement.AnonymizationWitness), e.Claims.(*event.AnonymizationClaims)
	p, err := statement.DeriveAnonymization(s, claims, event.Context(e.Log, e.Statement, digest), refs)
	if err != nil {
		return nil, err
	}
	return fillAnonymization(s, witness, p)
}

func fillAnonymization(s statement.Statement, w *statement.AnonymizationWitness, p statement.AnonymizationPublic) (frontend.Circuit, error) {
	if err := statement.CheckAnonymization(s.Capacity, w, p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFalse, err)
	}
	return anonymization.Assign(s.Capacity, w, p)
}

func sampleAnonymization(s statement.Statement) (func() (frontend.Circuit, error), []event.Element, error) {
	w, p, err := anonymization.Sample(s.Capacity)
	return func() (frontend.Circuit, error) { return fillAnonymization(s, w, p) }, p.Elements(), err
}
