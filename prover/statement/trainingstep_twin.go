package statement

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// TrainingStepWitness is what the prover of a training step knows and nobody else may.
// Never log it.
type TrainingStepWitness struct {
	Rows          int          // rows of the data set
	Schema        event.Digest // its schema digest
	Top           []fr.Element // its nodes as many levels below the root as the class shares
	Recipe        *Recipe
	Batch         []table.Opening // the rows that the seed picks, in its order
	Before, After SaltedWeights
}

// Proves returns the kind of events that the witness is about.
func (*TrainingStepWitness) Proves() event.Kind { return event.TrainingStep }

// TrainingTopDepth is how many levels below the root the rows of a step meet in the class of that many
// columns: sharing one level more costs 64 hashes for the level, and saves one a row.
func TrainingTopDepth(columns int) int {
	if columns > 32 {
		return table.TopDepth + 1
	}
	return table.TopDepth
}

// NewTrainingStepWitness takes a step: it opens the rows, computes the weights after it, and hides them with
// a salt: 128 bits from a cryptographic source, never used before. s is the class that is to be proven.
func NewTrainingStepWitness(s Statement, t *table.Table, schema event.Digest, r *Recipe, before SaltedWeights, salt table.Salt, rows ...int) (*TrainingStepWitness, error) {
	if t.Layout().Columns != r.Columns || r.Columns > s.MaxColumns || len(rows) < 1 || len(rows) > s.Capacity {
		return nil, fmt.Errorf("%s can't be about %d rows of %d columns", s.Name, len(rows), t.Layout().Columns)
	}
	w := &TrainingStepWitness{
		Rows: t.Len(), Schema: schema, Top: t.Nodes(TrainingTopDepth(s.MaxColumns)), Recipe: r, Before: before, After: SaltedWeights{Salt: salt},
	}
	codes := make([][]uint16, len(rows))
	for i, row := range rows {
		if row < 0 || row >= t.Len() {
			return nil, fmt.Errorf("there is no row %d among %d", row, t.Len())
		}
		w.Batch = append(w.Batch, t.Open(row))
		codes[i] = t.Row(row).Cells
	}
	var err error
	if w.After.Weights, err = r.Step(&before.Weights, codes); err != nil {
		return nil, fmt.Errorf("couldn't take the step: %w", err)
	}
	return w, nil
}

// Rules of the training-step statement beside those that it shares with data-access. Each is a group of constraints
// of the circuit, or several, with attack tests.
const (
	RuleBatch  Rule = "batch"  // as many rows as there is room for, and those that were picked
	RuleRecipe Rule = "recipe" // the recipe is the run's
	RuleBefore Rule = "before" // the weights before are those committed to
	RuleAfter  Rule = "after"  // the weights after are those committed to
	RuleStep   Rule = "step"   // the weights after are the result of the step
)

// CheckTrainingStep is the native twin of the training-step circuit of a class: it returns
// nil exactly if the circuit accepts the witness for the public inputs, and otherwise a *[Violation]
// that names the first rule broken.
func CheckTrainingStep(s Statement, w *TrainingStepWitness, p TrainingStepPublic) error {
	if w == nil || w.Recipe == nil {
		return violation(RuleRecipe, -1, "the witness has no recipe")
	}
	if err := w.Recipe.check(); err != nil || w.Recipe.Columns > s.MaxColumns {
		return violation(RuleRecipe, -1, "the recipe is out of range: %v", err)
	}
	if w.Recipe.Commit() != p.Recipe {
		return violation(RuleRecipe, -1, "the recipe is not the run's")
	}
	if len(w.Batch) < 1 || len(w.Batch) > s.Capacity {
		return violation(RuleBatch, -1, "the step takes %d rows, and there is room for 1 to %d", len(w.Batch), s.Capacity)
	}
	if nodes := 1 << (2 * TrainingTopDepth(s.MaxColumns)); len(w.Top) != nodes {
		return violation(RuleDataset, -1, "there are %d nodes, and must be %d", len(w.Top), nodes)
	}
	if fromField(table.Commitment(table.RootOver(w.Top), w.Rows, w.Schema)) != p.Dataset {
		return violation(RuleDataset, -1, "nodes, number of rows and schema are not those of the data set")
	}
	indices := make([]int, len(w.Batch))
	codes := make([][]uint16, len(w.Batch))
	for i, o := range w.Batch {
		var err error
		if codes[i], err = w.open(s, i, o); err != nil {
			return err
		}
		indices[i] = o.Index
	}
	if CommitBatch(indices) != p.Batch {
		return violation(RuleBatch, -1, "the rows are not those that the seed picks")
	}
	if !w.Before.fit(s) || w.Before.Commit() != p.Before {
		return violation(RuleBefore, -1, "weights and salt before the step have another commitment, or weights of columns that the class doesn't have")
	}
	if !w.After.fit(s) || w.After.Commit() != p.After {
		return violation(RuleAfter, -1, "weights and salt after the step have another commitment, or weights of columns that the class doesn't have")
	}
	next, err := w.Recipe.Step(&w.Before.Weights, codes)
	if err != nil {
		return violation(RuleStep, -1, "%s", err)
	}
	if next != w.After.Weights {
		return violation(RuleStep, -1, "the weights after the step are not its result")
	}
	return nil
}

// fit tells whether only columns that the class has room for have weights.
func (s *SaltedWeights) fit(class Statement) bool {
	for _, w := range s.Weights[1+class.MaxColumns:] {
		if w != 0 {
			return false
		}
	}
	return true
}

// open checks what concerns one row alone and returns its codes.
func (w *TrainingStepWitness) open(s Statement, i int, o table.Opening) ([]uint16, error) {
	l := TrainingLayout(w.Recipe.Columns)
	if o.Index < 0 || o.Index >= l.MaxRows() {
		return nil, violation(RuleIndex, i, "there is no row of that index in any table")
	}
	if len(o.Block) != l.BlockElements() {
		return nil, violation(RulePath, i, "a block has %d elements, not %d", l.BlockElements(), len(o.Block))
	}
	if node, top := o.ClimbTo(l, TrainingTopDepth(s.MaxColumns)); node != w.Top[top] {
		return nil, violation(RulePath, i, "block and siblings don't lead to the data set's node")
	}
	codes := make([]uint16, s.MaxColumns)
	elements := o.RowElements(l)[:l.CellElements]
	for e := range elements {
		from := e * table.CellsPerElement
		if from >= s.MaxColumns {
			break // of columns that the class doesn't have: no one looks
		}
		b := elements[e].Bytes()
		n := min(table.CellsPerElement, s.MaxColumns-from)
		for _, high := range b[:len(b)-2*n] {
			if high != 0 {
				return nil, violation(RuleCells, i, "an element has more than %d cells", n)
			}
		}
		for j := range n {
			at := len(b) - 2*(j+1)
			codes[from+j] = uint16(b[at])<<8 | uint16(b[at+1])
		}
	}
	return codes, nil
}
