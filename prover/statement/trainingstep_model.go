package statement

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// Recipe is what a training run does with the rows of its data set. Everything in it is public.
type Recipe struct {
	Columns      int                      // of the data set
	Features     [TrainingColumns]Scaling // by column; zero for columns that don't predict
	Label        int                      // the column that is predicted
	Positive     uint16                   // its code that counts as 1; any other counts as 0
	LearningRate int64                    // in 2^−16
	L2           int64                    // in 2^−16
}

// Scaling makes a feature of a code: (Scale·code + Offset)·2^−16, exactly.
type Scaling struct{ Scale, Offset int64 }

// Wide tells in which of two layouts the data set's rows are: those of more than 30 columns.
func (r *Recipe) Wide() bool { return TrainingLayout(r.Columns).RowsPerBlock == 2 }

// check holds the recipe within the bounds that the circuit's arithmetic rests on.
func (r *Recipe) check() error {
	switch {
	case r.Columns < 1 || r.Columns > TrainingColumns:
		return fmt.Errorf("there are %d columns, not 1 to %d", r.Columns, TrainingColumns)
	case r.Label < 0 || r.Label >= r.Columns:
		return fmt.Errorf("column %d can't be the label", r.Label)
	case r.Features[r.Label] != Scaling{}:
		return errors.New("the label is a feature")
	case r.LearningRate < 1 || r.LearningRate > event.MaxLearningRate:
		return fmt.Errorf("the learning rate %d is not between 1 and %d", r.LearningRate, event.MaxLearningRate)
	case r.L2 < 0 || r.L2 > event.MaxL2:
		return fmt.Errorf("l2 is %d, not 0 to %d", r.L2, event.MaxL2)
	}
	for j, f := range r.Features {
		if !within(f.Scale, event.MaxScale) || !within(f.Offset, event.MaxOffset) || j >= r.Columns && f != (Scaling{}) {
			return fmt.Errorf("the scaling of column %d is out of range", j)
		}
	}
	return nil
}

// within tells whether |n| is at most the limit; of the least integer there is no absolute value to compare.
func within(n, limit int64) bool { return -limit <= n && n <= limit }

// Commit hashes the recipe: 1 if rows are wide, 2^label, the positive code, learning rate, l2, then scale and offset of each
// of 64 columns. A negative number n is the element r − |n|.
func (r *Recipe) Commit() event.Element {
	in := make([]fr.Element, 5, 5+2*TrainingColumns)
	if r.Wide() {
		in[0].SetOne()
	}
	in[1].SetUint64(1 << r.Label)
	in[2].SetUint64(uint64(r.Positive))
	in[3].SetInt64(r.LearningRate)
	in[4].SetInt64(r.L2)
	for _, f := range r.Features {
		var scale, offset fr.Element
		in = append(in, *scale.SetInt64(f.Scale), *offset.SetInt64(f.Offset))
	}
	return fromField(poseidon.Sum(poseidon.Recipe, in...))
}

// Weights are a model's weights with 16 fractional bits: the intercept, then one for each
// column. As 32-bit integers they reach from −32768 to just below 32768.
type Weights [TrainingWeights]int32

// SaltedWeights are weights with the 128 random bits, used once, that hide them in their commitment.
type SaltedWeights struct {
	Weights Weights
	Salt    table.Salt
}

// Commit commits to the weights: the hash of the salt and of the 65 weights, a negative one as r − |w|.
func (s *SaltedWeights) Commit() event.Element {
	in := make([]fr.Element, 1+TrainingWeights)
	in[0] = s.Salt.Element()
	for j, w := range s.Weights {
		in[1+j].SetInt64(int64(w))
	}
	return fromField(poseidon.Sum(poseidon.Weights, in...))
}

// Score is the model's linear part for a row with these codes, one a column: the intercept plus
// the sum of weights times features, computed exactly with 32 fractional bits and then rounded to 16. rest is
// what rounding cut off, in 2^−32, from 0 to 2^16 − 1: exactly, the sum is score·2^16 + rest − 2^15.
func (r *Recipe) Score(w *Weights, cells []uint16) (score, rest int64) {
	// A feature has up to 37 bits and a weight 31, which is more than fits. So high and low
	// parts of features are added up apart: 64 products of 48 and of 51 bits.
	const cut = 20
	high, low := int64(0), int64(w[0])<<fixed.Frac+1<<(fixed.Frac-1)
	for j, f := range r.Features[:r.Columns] {
		x := f.Scale*int64(cells[j]) + f.Offset
		high += int64(w[1+j]) * (x >> cut)
		low += int64(w[1+j]) * (x & (1<<cut - 1))
	}
	return high<<(cut-fixed.Frac) + low>>fixed.Frac, low & (1<<fixed.Frac - 1)
}

// Predict is the probability that a row's label is positive, with 28 fractional bits.
func (r *Recipe) Predict(w *Weights, cells []uint16) int64 {
	score, _ := r.Score(w, cells)
	return fixed.Sigmoid(score)
}

// Truth is a row's label: 1 or 0.
func (r *Recipe) Truth(cells []uint16) int64 {
	if cells[r.Label] == r.Positive {
		return 1
	}
	return 0
}

// ErrDiverged says that a step would move a weight out of range. A smaller learning rate or smaller features help.
var ErrDiverged = errors.New("a weight leaves the range from −32768 to 32768")

// Step moves weights by one step of stochastic gradient descent on the logistic loss, on the rows whose codes
// are given. With p the prediction and y the label of a row, x its features and n the number of rows,
//
//	w − round(learningRate · (Σ (p − y)·x / n + l2·w))
//
// is the new weight; the intercept has the feature 1 and no l2. All is exact but the one
// rounding, to 16 fractional bits. The order of the rows doesn't matter.
func (r *Recipe) Step(w *Weights, rows [][]uint16) (Weights, error) {
	var errs int64                  // Σ (p − y), in 2^−28: 36 bits
	var sums [TrainingColumns]int64 // Σ (p − y)·code: 52 bits
	for _, cells := range rows {
		e := r.Predict(w, cells) - r.Truth(cells)*fixed.Certain
		errs += e
		for j := range r.Columns {
			sums[j] += e * int64(cells[j])
		}
	}
	var next Weights
	for j := range next {
		var moved *big.Int
		if j == 0 {
			moved = r.move(len(rows), 0, 0, Scaling{Offset: fixed.One}, 0, errs)
		} else {
			moved = r.move(len(rows), r.L2, w[j], r.Features[j-1], sums[j-1], errs)
		}
		moved.Sub(big.NewInt(int64(w[j])), moved)
		if !moved.IsInt64() || moved.Int64() < math.MinInt32 || moved.Int64() > math.MaxInt32 {
			return Weights{}, ErrDiverged
		}
		next[j] = int32(moved.Int64())
	}
	return next, nil
}

// move is by how much a weight moves: the gradient, in 2^−44 a row, times the learning rate, divided and rounded.
func (r *Recipe) move(n int, l2 int64, w int32, f Scaling, sum, errs int64) *big.Int {
	product := func(a, b int64) *big.Int { return new(big.Int).Mul(big.NewInt(a), big.NewInt(b)) }
	g := product(f.Scale, sum)
	g.Add(g, product(f.Offset, errs))
	decay := product(l2*int64(n), int64(w))
	g.Add(g, decay.Lsh(decay, fixed.FractionBits))
	g.Mul(g, big.NewInt(r.LearningRate))
	return fixed.Round(g, new(big.Int).Lsh(big.NewInt(int64(n)), fixed.ProbabilityBits+fixed.Frac))
}
