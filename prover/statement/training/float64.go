package training

import (
	"math"

	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/statement"
)

// Float64 trains in floating point, with the true sigmoid, what a [Trainer] trains in fixed point. It is there to be compared with:
// nothing is proven of it.
type Float64 struct {
	recipe  *statement.Recipe
	weights []float64 // the intercept, then one for each column
}

// NewFloat64 starts from a run's first weights.
func NewFloat64(r *statement.Recipe, first *statement.Weights) *Float64 {
	f := &Float64{recipe: r, weights: make([]float64, 1+r.Columns)}
	for j := range f.weights {
		f.weights[j] = float64(first[j]) / fixed.One
	}
	return f
}

// Step takes one step on the rows whose codes are given.
func (f *Float64) Step(rows [][]uint16) {
	gradient := make([]float64, len(f.weights))
	for _, cells := range rows {
		e := f.probability(cells) - float64(f.recipe.Truth(cells))
		for j := range gradient {
			gradient[j] += e * f.feature(j, cells) / float64(len(rows))
		}
	}
	for j := range gradient {
		if j > 0 {
			gradient[j] += float64(f.recipe.L2) / fixed.One * f.weights[j]
		}
		f.weights[j] -= float64(f.recipe.LearningRate) / fixed.One * gradient[j]
	}
}

// Evaluate tries the weights on rows.
func (f *Float64) Evaluate(rows [][]uint16) Quality {
	return quality(f.recipe, rows, f.probability)
}

// Distance is by how much a weight differs at most from those of a training in fixed point.
func (f *Float64) Distance(w *statement.Weights) (most float64) {
	for j := range f.weights {
		most = max(most, math.Abs(f.weights[j]-float64(w[j])/fixed.One))
	}
	return most
}

func (f *Float64) feature(j int, cells []uint16) float64 {
	if j == 0 {
		return 1
	}
	s := f.recipe.Features[j-1]
	return float64(s.Scale*int64(cells[j-1])+s.Offset) / fixed.One
}

func (f *Float64) probability(cells []uint16) float64 {
	z := 0.0
	for j := range f.weights {
		z += f.weights[j] * f.feature(j, cells)
	}
	return 1 / (1 + math.Exp(-z))
}
