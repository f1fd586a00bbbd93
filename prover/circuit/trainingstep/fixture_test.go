package trainingstep

import (
	"context"
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// The class that most tests use: the same circuit as the real classes, and quick to compile.
const (
	batch   = 4
	columns = 32
)

var full = sync.OnceValues(func() (constraint.ConstraintSystem, error) { return Compile(batch, columns) })

const (
	dataRows = 50
	narrow   = 20 // columns of the data set that most tests use
)

var (
	class32 = statement.Statement{Name: "test", Capacity: batch, MaxColumns: columns}
	schema  = event.DigestOf([]byte("schema"))
)

// data builds the data set number seed. Its last column is the label: 1 or 0.
func data(t testing.TB, seed uint64, columns int) *table.Table {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	rows := make([]table.Row, dataRows)
	for i := range rows {
		rows[i].Cells = make([]uint16, columns)
		for j := range rows[i].Cells {
			rows[i].Cells[j] = uint16(1 + r.IntN(100))
		}
		rows[i].Cells[columns-1] = uint16(i % 2)
		binary.BigEndian.PutUint64(rows[i].Salt[:8], r.Uint64())
		binary.BigEndian.PutUint64(rows[i].Salt[8:], r.Uint64())
	}
	tab, err := table.Build(context.Background(), columns, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// recipe predicts the last column from all others. The learning rate is high, so that small changes show.
func recipe(columns int) *statement.Recipe {
	r := &statement.Recipe{Columns: columns, Label: columns - 1, Positive: 1, LearningRate: 2 * fixed.One}
	for j := range columns - 1 {
		r.Features[j] = statement.Scaling{Scale: fixed.One / 64, Offset: -fixed.One / 2}
	}
	return r
}

// step is a witness with public inputs for it.
type step struct {
	w *statement.TrainingStepWitness
	p statement.TrainingStepPublic
}

// takes takes a step on rows of a data set, and states just that.
func takes(t testing.TB, tab *table.Table, rows ...int) *step {
	t.Helper()
	return takesBy(t, tab, recipe(tab.Layout().Columns), rows...)
}

func takesBy(t testing.TB, tab *table.Table, r *statement.Recipe, rows ...int) *step {
	t.Helper()
	before := statement.SaltedWeights{Salt: table.Salt{1, 2, 3}}
	for j := range r.Columns {
		before.Weights[j] = int32(j-5) * 3000
	}
	w, err := statement.NewTrainingStepWitness(class32, tab, schema, r, before, table.Salt{4, 5, 6}, rows...)
	if err != nil {
		t.Fatal(err)
	}
	return &step{w, Public(w)}
}

// example is what one row adds to a step, true or not.
type example struct {
	codes []int64 // by column
	err   int64   // prediction less label, with 28 fractional bits
}

// examples are the true ones of the step's rows.
func (s *step) examples(tab *table.Table) []example {
	var all []example
	for _, o := range s.w.Batch {
		all = append(all, s.example(tab, o.Index))
	}
	return all
}

func (s *step) example(tab *table.Table, row int) example {
	cells := tab.Row(row).Cells
	e := example{err: s.w.Recipe.Predict(&s.w.Before.Weights, cells) - s.w.Recipe.Truth(cells)*fixed.Certain}
	for _, c := range cells {
		e.codes = append(e.codes, int64(c))
	}
	return e
}

// claim makes the weights after the step those that examples lead to, n counting as their number, and states it.
func (s *step) claim(n int, examples ...example) {
	s.w.After.Weights = descend(s.w.Recipe, &s.w.Before.Weights, n, examples)
	s.p.After = s.w.After.Commit()
}

// descend is a step on any examples: Recipe.Step written once more, as SPEC.md has it.
func descend(r *statement.Recipe, w *statement.Weights, n int, examples []example) (next statement.Weights) {
	for j := range next {
		sum := new(big.Int)
		for _, e := range examples {
			x := big.NewInt(fixed.One)
			if j > r.Columns {
				x.SetInt64(0)
			} else if j > 0 {
				x.SetInt64(r.Features[j-1].Scale*e.codes[j-1] + r.Features[j-1].Offset)
			}
			sum.Add(sum, x.Mul(x, big.NewInt(e.err)))
		}
		if j > 0 {
			decay := new(big.Int).Mul(big.NewInt(r.L2*int64(n)), big.NewInt(int64(w[j])))
			sum.Add(sum, decay.Lsh(decay, 12))
		}
		sum.Mul(sum, big.NewInt(r.LearningRate))
		unit := new(big.Int).Lsh(big.NewInt(int64(n)), 44)
		sum.Add(sum, new(big.Int).Rsh(unit, 1))
		next[j] = w[j] - int32(sum.Div(sum, unit).Int64())
	}
	return next
}

func assign(t testing.TB, s *step) *Circuit {
	t.Helper()
	c, err := Assign(batch, columns, s.w, s.p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// commitAny commits to weights and a salt that need not be ones.
func commitAny(salt fr.Element, weights []frontend.Variable) *big.Int {
	in := make([]fr.Element, 1+statement.TrainingWeights)
	in[0] = salt
	for j, w := range weights {
		if _, err := in[1+j].SetInterface(w); err != nil {
			panic(err)
		}
	}
	return gadget.Constant(poseidon.Sum(poseidon.Weights, in...))
}

func num(n int64) (e fr.Element) { return *e.SetInt64(n) }
