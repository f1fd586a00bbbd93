package statement

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// Limits of training. Commitments and hashes have room for these whatever the class, so that
// they are the same in each.
const (
	TrainingColumns = 64                  // most columns of a data set
	TrainingWeights = TrainingColumns + 1 // the intercept, and one weight a column
	TrainingBatch   = 128                 // most rows a step
)

// trainingStep is the table's row for a class with so many slots for rows and columns.
func trainingStep(batch, columns int) Statement {
	return Statement{
		Name:       fmt.Sprintf("training-step-%dx%d", batch, columns),
		Proves:     event.TrainingStep,
		Capacity:   batch,
		MaxColumns: columns,
		Inputs:     []string{"context", "dataset", "batch", "recipe", "before", "after"},
		Shows: "The weights committed to after the step are those committed to before it, moved by one step of stochastic gradient descent, as the training run " +
			"describes it, on exactly the rows of the data set that the run's place in the log picked.",
		NotShown: []string{
			"That the rows were picked at random, if the log's operator and the trainer work together: they may try out places in the log until they like the rows.",
			"That the steps before this one were proven: each is proven by itself, and they chain where one's weights after are the next one's weights before.",
			"That the rows and labels are true, lie within their columns' codings, or consented: they are the word of the data set's controller, who may be the trainer.",
			"That the model is good, or fair.",
		},
	}
}

// TrainingStepPublic is what a training-step proof is about. Elements gives the public inputs.
type TrainingStepPublic struct {
	Context event.Element // ties the proof to one event
	Dataset event.Element // D
	Batch   event.Element // hash of the rows that the seed picks
	Recipe  event.Element // hash of what the run does with them
	Before  event.Element // commitment to the weights before
	After   event.Element // commitment to the weights after
}

// Elements returns the public inputs in the circuit's order.
func (p TrainingStepPublic) Elements() []event.Element {
	return []event.Element{p.Context, p.Dataset, p.Batch, p.Recipe, p.Before, p.After}
}

// TreeResolver is a [Resolver] that knows the log's tree, too. What training steps are about depends
// on it: their rows are picked by the root that the log had when the run had become part of it.
type TreeResolver interface {
	Resolver
	// RootThrough is the root of the log's tree (RFC 6962) that ends with the event: the
	// tree of size index + 1. A ledger computes it from the committed log; a verifier from
	// the event's inclusion proof, which holds all of that tree.
	RootThrough(d event.Digest) ([32]byte, error)
}

// DeriveTrainingStep derives the public inputs of a training-step statement for an event by a source. The rows, and all that is done with
// them, come from the entries of the run and the data set and from the log's tree.
func DeriveTrainingStep(s Statement, source string, c *event.TrainingStepClaims, ctx event.Element, refs Resolver) (TrainingStepPublic, error) {
	fail := func(err error) (TrainingStepPublic, error) { return TrainingStepPublic{}, err }
	trees, ok := refs.(TreeResolver)
	if !ok {
		return fail(fmt.Errorf("couldn't find out which rows the run %s takes: nobody here knows the log's tree", c.Run))
	}
	run, data, err := trainingRun(s, source, c, refs)
	if err != nil {
		return fail(err)
	}
	recipe, err := NewRecipe(run, data)
	if err != nil {
		return fail(err)
	}
	d, err := Dataset(data)
	if err != nil {
		return fail(err)
	}
	root, err := trees.RootThrough(c.Run)
	if err != nil {
		return fail(fmt.Errorf("couldn't find the tree that ends with the run %s: %w", c.Run, err))
	}
	for member, e := range map[string]event.Element{"before": c.Before, "after": c.After} {
		if _, err := toField(member, e); err != nil {
			return fail(err)
		}
	}
	rows := BatchRows(TrainingSeed(c.Run, root), c.Step, int(run.Batch), int(data.Rows))
	return TrainingStepPublic{
		Context: ctx, Dataset: d, Batch: CommitBatch(rows), Recipe: recipe.Commit(), Before: c.Before, After: c.After,
	}, nil
}

// trainingRun finds the run of a step and its data set, and checks what must hold between step, run and class.
func trainingRun(s Statement, source string, c *event.TrainingStepClaims, refs Resolver) (*event.TrainingRunClaims, *event.DatasetClaims, error) {
	referred, err := refs.Event(c.Run)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't find the training run %s: %w", c.Run, err)
	}
	run, ok := referred.Claims.(*event.TrainingRunClaims)
	if !ok {
		return nil, nil, rangeError(NotATrainingRun, "run", "%s is an event of kind %s, not a training run", c.Run, referred.Kind())
	}
	if referred.Source != source {
		return nil, nil, rangeError(AnotherSource, "run", "the run %s is source %s's, whose steps nobody else can report", c.Run, referred.Source)
	}
	set, err := refs.Event(run.Dataset)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't find the data set %s of the run: %w", run.Dataset, err)
	}
	data, ok := set.Claims.(*event.DatasetClaims)
	switch {
	case !ok:
		return nil, nil, rangeError(NotADataset, "run", "%s is an event of kind %s, not a data set", run.Dataset, set.Kind())
	case len(data.Columns) > s.MaxColumns:
		return nil, nil, rangeError(TooManyColumns, "run", "the data set has %d columns, and %s can handle %d", len(data.Columns), s.Name, s.MaxColumns)
	case run.Batch > int64(s.Capacity):
		return nil, nil, rangeError(TooManyRecords, "run", "%s has room for %d rows a step, not %d", s.Name, s.Capacity, run.Batch)
	case run.Batch < 1:
		return nil, nil, rangeError(NoRecords, "run", "a step takes at least one row, not %d", run.Batch)
	case c.Step < 1 || c.Step > run.Steps:
		return nil, nil, rangeError(NoSuchStep, "step", "the run has %d steps, numbered from 1: there is no step %d", run.Steps, c.Step)
	case c.Step == 1 && c.Before != run.Weights:
		return nil, nil, rangeError(BrokenChain, "before", "the first step begins with the run's weights %s", run.Weights)
	}
	return run, data, nil
}

// CheckTrainingChain tells whether steps, in this order, are the first steps of a run, each
// beginning with the weights that the one before ended with. That each is proven is to
// be checked apart.
func CheckTrainingChain(digest event.Digest, run *event.TrainingRunClaims, steps []*event.TrainingStepClaims) error {
	weights := run.Weights
	for i, s := range steps {
		switch {
		case s.Run != digest:
			return rangeError(BrokenChain, "run", "step %d is of the run %s, not of %s", s.Step, s.Run, digest)
		case s.Step != int64(i)+1 || s.Step > run.Steps:
			return rangeError(BrokenChain, "step", "number %d stands where step %d of %d should", s.Step, i+1, run.Steps)
		case s.Before != weights:
			return rangeError(BrokenChain, "before", "step %d begins with the weights %s, and those before it are %s", s.Step, s.Before, weights)
		}
		weights = s.After
	}
	return nil
}

// TrainingSeed is what picks the rows of all steps of a run: SHA-256 of "attestlog/seed/v1", the run's event digest and the
// root of the log's tree that ends with the run. Whoever signs the run doesn't know that root yet.
func TrainingSeed(run event.Digest, root [32]byte) event.Digest {
	b := []byte("attestlog/seed/v1")
	b = append(b, run[:]...)
	return sha256.Sum256(append(b, root[:]...))
}

// BatchRows returns the rows that step t, counted from 1, takes: row j is the first 64 bits of
// SHA-256(seed ‖ t ‖ j) modulo the number of rows, with t and j as 8 bytes, and all numbers big-endian.
// The same row may come twice.
func BatchRows(seed event.Digest, step int64, batch, rows int) []int {
	picked := make([]int, batch)
	b := make([]byte, len(seed)+16)
	copy(b, seed[:])
	binary.BigEndian.PutUint64(b[len(seed):], uint64(step))
	for j := range picked {
		binary.BigEndian.PutUint64(b[len(seed)+8:], uint64(j))
		sum := sha256.Sum256(b)
		picked[j] = int(binary.BigEndian.Uint64(sum[:8]) % uint64(rows))
	}
	return picked
}

// Packing of a batch: indices have 20 bits.
const (
	IndexBits         = 20
	indicesPerElement = 12
	batchElements     = (TrainingBatch + indicesPerElement - 1) / indicesPerElement
)

// CommitBatch hashes the rows of a step: how many, then the indices, twelve to an element, index j weighing 2^(20 j) in its element; zeros
// fill up to 128. There must be at most that many, each below 2^20.
func CommitBatch(rows []int) event.Element {
	in := make([]fr.Element, 1+batchElements)
	in[0].SetUint64(uint64(len(rows)))
	for i := range batchElements {
		var weight, index fr.Element
		weight.SetOne()
		for j := i * indicesPerElement; j < min((i+1)*indicesPerElement, len(rows)); j++ {
			index.SetUint64(uint64(rows[j]))
			in[1+i].Add(&in[1+i], index.Mul(&index, &weight))
			weight.Mul(&weight, new(fr.Element).SetUint64(1<<IndexBits))
		}
	}
	return fromField(poseidon.Sum(poseidon.Batch, in...))
}

// NewRecipe puts together what a run does with rows of its data set.
func NewRecipe(run *event.TrainingRunClaims, data *event.DatasetClaims) (*Recipe, error) {
	if len(data.Columns) > TrainingColumns {
		return nil, rangeError(TooManyColumns, "run", "the data set has %d columns, and training can handle %d", len(data.Columns), TrainingColumns)
	}
	r := &Recipe{Columns: len(data.Columns), LearningRate: run.LearningRate, L2: run.L2, Positive: uint16(run.Label.Positive)}
	find := func(name string) int {
		return slices.IndexFunc(data.Columns, func(c event.Column) bool { return c.Name == name })
	}
	last := -1
	for _, f := range run.Features {
		at := find(f.Column)
		switch {
		case at < 0:
			return nil, rangeError(UnknownColumn, "run", "the data set has no column %q", f.Column)
		case at <= last:
			return nil, rangeError(ColumnOrder, "run", "feature %q doesn't stand in the data set's order", f.Column)
		}
		r.Features[at], last = Scaling{f.Scale, f.Offset}, at
	}
	if r.Label = find(run.Label.Column); r.Label < 0 {
		return nil, rangeError(UnknownColumn, "run", "the data set has no column %q", run.Label.Column)
	}
	if err := r.check(); err != nil {
		return nil, rangeError(NotTrainable, "run", "%s", err)
	}
	return r, nil
}

// TrainingLayout is the layout of the rows of a data set with so many columns, at most 64.
func TrainingLayout(columns int) table.Layout {
	if columns <= 2*table.CellsPerElement {
		return table.Layout{Columns: columns, CellElements: 2, RowsPerBlock: 4}
	}
	return table.Layout{Columns: columns, CellElements: 6, RowsPerBlock: 2}
}
