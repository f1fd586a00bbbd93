// Package training trains models so that every step can be proven: logistic regression by stochastic gradient descent, in
// the fixed-point arithmetic of statement.Recipe, on the rows that a run's place in the log picks.
//
// A training goes like this. Say what predicts what ([FromCodings], or numbers of your own), make the
// first weights ([NewWeights]) and put both into the claims of a training-run event. Once it is in the log, its
// digest and the root of the tree that ends with it give the seed; a [Trainer] takes step after
// step, each with the witness for its proof. Whatever a Trainer computes, the circuit computes too, to the last bit.
//
// Weights, salts and witnesses are as secret as the model: keep them, and never log them.
package training

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// FromCodings makes features of the named columns, in the data set's order, that lie between −1 and 1 for all values which their
// codings allow. It depends on what the data set's entry says in public, and so tells nothing about the rows.
func FromCodings(data *event.DatasetClaims, columns ...string) ([]event.Feature, error) {
	var features []event.Feature
	for _, name := range columns {
		at := -1
		for j := range data.Columns {
			if data.Columns[j].Name == name {
				at = j
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("the data set has no column %q", name)
		}
		span := int64(0)
		switch c := data.Columns[at].Coding; {
		case c.Integer != nil:
			span = c.Integer.Max - c.Integer.Min
		case c.Category != nil:
			span = int64(len(c.Category.Labels)) - 1
		}
		if span < 1 {
			return nil, fmt.Errorf("column %q has one value only: it can't predict anything", name)
		}
		features = append(features, event.Feature{Column: name, Scale: max(1, 2*fixed.One/span), Offset: -fixed.One})
	}
	return features, nil
}

// Standardize makes features of the named columns with mean 0 and standard deviation 1 over a table's rows, which trains
// better than FromCodings. Features are public: mean and deviation of each column become so, too.
func Standardize(data *event.DatasetClaims, t *table.Table, columns ...string) ([]event.Feature, error) {
	features, err := FromCodings(data, columns...)
	if err != nil {
		return nil, err
	}
	for i := range features {
		at := 0
		for data.Columns[at].Name != features[i].Column {
			at++
		}
		var sum, squares float64
		for r := range t.Len() {
			x := float64(t.Row(r).Cells[at])
			sum, squares = sum+x, squares+x*x
		}
		n := float64(t.Len())
		mean := sum / n
		deviation := math.Sqrt(max(0, squares/n-mean*mean))
		if deviation == 0 {
			return nil, fmt.Errorf("column %q has one value only: it can't predict anything", features[i].Column)
		}
		features[i].Scale = max(1, int64(math.Round(min(fixed.One/deviation, event.MaxScale))))
		features[i].Offset = -int64(math.Round(mean * float64(features[i].Scale)))
	}
	return features, nil
}

// NewSalt draws a salt.
func NewSalt() (s table.Salt) {
	rand.Read(s[:]) // never fails: crypto/rand ends the program first
	return s
}

// NewWeights are a model's first weights: all 0, with a fresh salt.
func NewWeights() statement.SaltedWeights { return statement.SaltedWeights{Salt: NewSalt()} }

// Trainer takes the steps of one run, in order. It is not safe for concurrent use.
type Trainer struct {
	class   statement.Statement
	table   *table.Table
	schema  event.Digest
	recipe  *statement.Recipe
	run     *event.TrainingRunClaims
	digest  event.Digest
	seed    event.Digest
	weights statement.SaltedWeights
	taken   int64
}

// New starts the training of a run that is in the log: digest is its event's, root that of the log's tree that ends with it.
// The table must be the data set's, and first the weights that the run's claims commit to.
func New(run *event.TrainingRunClaims, digest event.Digest, root [32]byte, data *event.DatasetClaims, t *table.Table, first statement.SaltedWeights) (*Trainer, error) {
	return Resume(run, digest, root, data, t, first, 0)
}

// Resume goes on with a training after so many steps, with the weights that the last of them led to.
func Resume(run *event.TrainingRunClaims, digest event.Digest, root [32]byte, data *event.DatasetClaims, t *table.Table, weights statement.SaltedWeights, taken int64) (*Trainer, error) {
	recipe, err := statement.NewRecipe(run, data)
	if err != nil {
		return nil, fmt.Errorf("couldn't start training: %w", err)
	}
	class, err := Class(int(run.Batch), len(data.Columns))
	if err != nil {
		return nil, fmt.Errorf("couldn't start training: %w", err)
	}
	tr := t.Root()
	switch {
	case event.Element(tr.Bytes()) != data.Root || int64(t.Len()) != data.Rows:
		return nil, errors.New("couldn't start training: the table is not the run's data set")
	case taken == 0 && weights.Commit() != run.Weights:
		return nil, errors.New("couldn't start training: the run commits to other first weights")
	case taken < 0 || taken > run.Steps:
		return nil, fmt.Errorf("couldn't go on training: the run has no step %d", taken)
	}
	return &Trainer{
		class: class, table: t, schema: statement.SchemaDigest(data), recipe: recipe, run: run,
		digest: digest, seed: statement.TrainingSeed(digest, root), weights: weights, taken: taken,
	}, nil
}

// Class is the smallest class that steps on so many rows of so many columns can be proven in.
func Class(batch, columns int) (statement.Statement, error) {
	for _, s := range statement.All() {
		if s.Proves == event.TrainingStep && batch <= s.Capacity && columns <= s.MaxColumns {
			return s, nil
		}
	}
	return statement.Statement{}, fmt.Errorf("no class proves steps on %d rows of %d columns", batch, columns)
}

// Step is a step that was taken: what to claim, and what to prove it with.
type Step struct {
	Claims  *event.TrainingStepClaims
	Witness *statement.TrainingStepWitness
}

// Class is the class that steps are proven in.
func (t *Trainer) Class() statement.Statement { return t.class }

// Taken is how many steps were taken.
func (t *Trainer) Taken() int64 { return t.taken }

// Weights are the weights now. With their salt they open the last step's commitment.
func (t *Trainer) Weights() statement.SaltedWeights { return t.weights }

// Recipe is what each step does.
func (t *Trainer) Recipe() *statement.Recipe { return t.recipe }

// Rows are the rows that a step takes, counted from 1; the same row may stand there twice.
func (t *Trainer) Rows(step int64) []int {
	return statement.BatchRows(t.seed, step, int(t.run.Batch), t.table.Len())
}

// Step takes the next step. A step that is impossible wraps statement.ErrDiverged and changes nothing.
func (t *Trainer) Step() (*Step, error) {
	if t.taken >= t.run.Steps {
		return nil, fmt.Errorf("couldn't take another step: the run has %d, and all are taken", t.run.Steps)
	}
	w, err := statement.NewTrainingStepWitness(t.class, t.table, t.schema, t.recipe, t.weights, NewSalt(), t.Rows(t.taken+1)...)
	if err != nil {
		return nil, fmt.Errorf("couldn't take step %d: %w", t.taken+1, err)
	}
	t.taken++
	t.weights = w.After
	return t.step(t.taken, w), nil
}

// Again makes the witness of a step that was taken before, from the weights before and after it: whoever keeps weights with their
// salts needs to keep no witnesses. It takes no step, and fails if the step doesn't lead from one to the other.
func (t *Trainer) Again(step int64, before, after statement.SaltedWeights) (*Step, error) {
	w, err := statement.NewTrainingStepWitness(t.class, t.table, t.schema, t.recipe, before, after.Salt, t.Rows(step)...)
	if err != nil {
		return nil, fmt.Errorf("couldn't take step %d again: %w", step, err)
	}
	if w.After != after {
		return nil, fmt.Errorf("couldn't take step %d again: it leads to other weights", step)
	}
	return t.step(step, w), nil
}

func (t *Trainer) step(number int64, w *statement.TrainingStepWitness) *Step {
	return &Step{
		Claims:  &event.TrainingStepClaims{Run: t.digest, Step: number, Before: w.Before.Commit(), After: w.After.Commit()},
		Witness: w,
	}
}

// Quality is how well a model does on some rows.
type Quality struct {
	Loss     float64 // mean logistic loss, in nats
	Accuracy float64 // share of rows whose label is predicted, 0 to 1
}

// Evaluate tries weights on rows, best on ones that were not trained on. The rows have the data set's columns.
func Evaluate(r *statement.Recipe, w *statement.Weights, rows [][]uint16) Quality {
	return quality(r, rows, func(cells []uint16) float64 { return float64(r.Predict(w, cells)) / fixed.Certain })
}

// quality judges predictions, which are probabilities that a row's label is positive.
func quality(r *statement.Recipe, rows [][]uint16, predict func(cells []uint16) float64) Quality {
	var q Quality
	for _, cells := range rows {
		p, truth := predict(cells), r.Truth(cells)
		if (p >= 0.5) == (truth == 1) {
			q.Accuracy++
		}
		if truth == 0 {
			p = 1 - p
		}
		q.Loss -= math.Log(p)
	}
	q.Loss /= float64(len(rows))
	q.Accuracy /= float64(len(rows))
	return q
}
