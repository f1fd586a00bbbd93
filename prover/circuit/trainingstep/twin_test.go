package trainingstep

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	"pgregory.net/rapid"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// anywhere makes up a step on rows all over the largest possible tree, by choosing siblings at random and hashing upwards. Codes,
// weights, scales and offsets reach to their bounds.
func anywhere(r *rand.Rand, rows int) *step {
	rec := &statement.Recipe{
		Columns: 1 + r.IntN(columns), Positive: uint16(r.IntN(3)), LearningRate: 1 + r.Int64N(event.MaxLearningRate), L2: r.Int64N(event.MaxL2 + 1),
	}
	if r.IntN(2) == 0 {
		rec.LearningRate, rec.L2 = 1+r.Int64N(100), r.Int64N(100) // so that weights don't leave their range
	}
	rec.Label = r.IntN(rec.Columns)
	large := r.IntN(3) == 0
	for j := range rec.Columns {
		switch {
		case j == rec.Label:
		case large:
			rec.Features[j] = statement.Scaling{Scale: r.Int64N(2*event.MaxScale+1) - event.MaxScale, Offset: r.Int64N(2*event.MaxOffset+1) - event.MaxOffset}
		default:
			rec.Features[j] = statement.Scaling{Scale: r.Int64N(9) - 4, Offset: r.Int64N(9) - 4}
		}
	}
	l := statement.TrainingLayout(rec.Columns)
	w := &statement.TrainingStepWitness{Rows: l.MaxRows(), Schema: event.DigestOf([]byte{byte(r.Uint32())}), Recipe: rec, Top: make([]fr.Element, 64)}
	for i := range w.Top {
		w.Top[i] = circuittest.RandomElement(r)
	}
	var codes [][]uint16
	for _, top := range r.Perm(64)[:rows] {
		perTop := l.MaxRows() / 64
		o := table.Opening{Index: top*perTop + r.IntN(perTop), Block: make([]fr.Element, l.BlockElements())}
		for e := range o.Block {
			cells := make([]uint16, table.CellsPerElement)
			for j := range cells {
				if cells[j] = uint16(r.Uint32()); r.IntN(2) == 0 {
					cells[j] %= 3
				}
			}
			o.Block[e] = table.PackCells(cells)
			if at := e % l.RowElements(); at == 2 && l.CellElements > 2 {
				o.Block[e] = table.PackCells(cells[:2]) // columns 30 and 31: the last that the class reads
			}
		}
		for level := range o.Siblings {
			o.Siblings[level] = table.Siblings{circuittest.RandomElement(r), circuittest.RandomElement(r), circuittest.RandomElement(r)}
		}
		w.Batch = append(w.Batch, o)
		codes = append(codes, codesOf(o, rec))
	}
	w.Before.Salt, w.After.Salt = circuittest.RandomSalt(r), circuittest.RandomSalt(r)
	for j := range 1 + columns {
		switch r.IntN(3) {
		case 0:
			w.Before.Weights[j] = int32(r.Uint32())
		case 1:
			w.Before.Weights[j] = int32(r.IntN(2*fixed.One) - fixed.One)
		}
	}
	s := &step{w: w}
	if next, err := rec.Step(&w.Before.Weights, codes); err == nil {
		w.After.Weights = next
	}
	s.recommit()
	return s
}

// codesOf reads the codes of an opened row.
func codesOf(o table.Opening, r *statement.Recipe) []uint16 {
	l := statement.TrainingLayout(r.Columns)
	codes := make([]uint16, 6*table.CellsPerElement)
	for e, element := range o.RowElements(l)[:l.CellElements] {
		b := element.Bytes()
		for j := range table.CellsPerElement {
			codes[e*table.CellsPerElement+j] = uint16(b[30-2*j])<<8 | uint16(b[31-2*j])
		}
	}
	return codes
}

// recommit makes what the public inputs commit to fit the witness.
func (s *step) recommit() {
	l := statement.TrainingLayout(s.w.Recipe.Columns)
	for _, o := range s.w.Batch {
		if o.Index >= 0 && o.Index < l.MaxRows() {
			node, top := o.Climb(l)
			s.w.Top[top] = node
		}
	}
	ctx := s.p.Context
	s.p = Public(s.w)
	s.p.Context = ctx
}

// changes are things that may be wrong with a statement or witness. Some leave it true.
var changes = map[string]func(r *rand.Rand, s *step){
	"nothing":           func(*rand.Rand, *step) {},
	"context":           func(_ *rand.Rand, s *step) { s.p.Context[31]++ },
	"dataset":           func(_ *rand.Rand, s *step) { s.p.Dataset[31] ^= 1 },
	"batch":             func(_ *rand.Rand, s *step) { s.p.Batch[31] ^= 1 },
	"recipe":            func(_ *rand.Rand, s *step) { s.p.Recipe[31] ^= 1 },
	"before":            func(_ *rand.Rand, s *step) { s.p.Before[31] ^= 1 },
	"after":             func(_ *rand.Rand, s *step) { s.p.After[31] ^= 1 },
	"a weight before":   func(r *rand.Rand, s *step) { s.w.Before.Weights[r.IntN(1+columns)]++ },
	"a weight after":    func(r *rand.Rand, s *step) { s.w.After.Weights[r.IntN(1+columns)]-- },
	"a weight too many": func(r *rand.Rand, s *step) { s.w.Before.Weights[1+columns+r.IntN(64-columns)]++ },
	"salt":              func(r *rand.Rand, s *step) { s.w.After.Salt[r.IntN(16)]++ },
	"rows":              func(_ *rand.Rand, s *step) { s.w.Rows++ },
	"schema":            func(r *rand.Rand, s *step) { s.w.Schema[r.IntN(32)]++ },
	"top node":          func(r *rand.Rand, s *step) { s.w.Top[r.IntN(64)].SetRandom() },
	"order": func(_ *rand.Rand, s *step) {
		slices.Reverse(s.w.Batch)
	},
	"a row twice": func(_ *rand.Rand, s *step) { s.w.Batch = append(s.w.Batch[:1:1], s.w.Batch...)[:len(s.w.Batch)] },
	"sibling":     func(r *rand.Rand, s *step) { anyRow(r, s).Siblings[r.IntN(6)][r.IntN(3)].SetRandom() },
	"element":     func(r *rand.Rand, s *step) { o := anyRow(r, s); o.Block[r.IntN(len(o.Block))].SetUint64(r.Uint64()) },
	"first bit too many": func(r *rand.Rand, s *step) {
		o := anyRow(r, s)
		l := statement.TrainingLayout(s.w.Recipe.Columns)
		at, bit := o.Index%l.RowsPerBlock*l.RowElements(), uint(240)
		if e := r.IntN(3); e < 2 || l.CellElements > 2 {
			if at += e; e == 2 {
				bit = 32
			}
		}
		var more fr.Element
		more.SetBigInt(pow2(bit))
		o.Block[at].Add(&o.Block[at], &more)
	},
	"index": func(r *rand.Rand, s *step) { anyRow(r, s).Index = r.IntN(1 << 19) },
	"learning rate": func(_ *rand.Rand, s *step) {
		s.w.Recipe.LearningRate = s.w.Recipe.LearningRate%event.MaxLearningRate + 1
	},
	"another label": func(r *rand.Rand, s *step) { s.w.Recipe.Positive++ },
	"scale": func(r *rand.Rand, s *step) {
		if j := r.IntN(s.w.Recipe.Columns); j != s.w.Recipe.Label {
			s.w.Recipe.Features[j].Scale /= 2
		}
	},
}

func anyRow(r *rand.Rand, s *step) *table.Opening { return &s.w.Batch[r.IntN(len(s.w.Batch))] }

// try tells whether the circuit accepts. It can't even be assigned what it has no inputs for.
func (s *step) try(ccs constraint.ConstraintSystem) error {
	c, err := Assign(batch, columns, s.w, s.p)
	if err != nil {
		return err
	}
	return circuittest.Solve(ccs, c)
}

// The plain Go twin accepts exactly what the constraints accept.
func TestTwinEqualsCircuit(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	names, verdicts := slices.Sorted(maps.Keys(changes)), circuittest.Verdicts{}
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		s := anywhere(r, rapid.IntRange(1, batch).Draw(t, "rows"))
		name := "nothing"
		if rapid.Bool().Draw(t, "changed") {
			name = rapid.SampledFrom(names).Draw(t, "change")
		}
		changes[name](r, s)
		if rapid.Bool().Draw(t, "commitments follow") {
			s.recommit()
		}
		verdicts.Agree(t, name, statement.CheckTrainingStep(class32, s.w, s.p), s.try(ccs))
	})
	verdicts.Suffice(t, 10, 5)
}

// Each rule is broken by a change of its own, and the twin names it. The circuit refuses all the same.
func TestTwinNamesTheRule(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule     statement.Rule
		change   string
		recommit bool
	}{
		{statement.RuleRecipe, "recipe", false},
		{statement.RuleDataset, "dataset", false},
		{statement.RulePath, "sibling", false},
		{statement.RuleCells, "first bit too many", true},
		{statement.RuleBatch, "order", false},
		{statement.RuleBefore, "before", false},
		{statement.RuleBefore, "a weight too many", true},
		{statement.RuleAfter, "after", false},
		{statement.RuleStep, "a weight after", true},
	} {
		rows := []int{4, 9, 30}
		if c.recommit {
			rows = rows[:1] // or the siblings that rows share would have to follow, too
		}
		s := takes(t, data(t, 1, narrow), rows...)
		changes[c.change](rand.New(rand.NewPCG(9, 9)), s)
		if c.recommit {
			s.recommit()
		}
		err := statement.CheckTrainingStep(class32, s.w, s.p)
		if v, ok := err.(*statement.Violation); !ok || v.Rule != c.rule {
			t.Errorf("%s: got %v, want a violation of rule %s", c.change, err, c.rule)
		}
		if s.try(ccs) == nil {
			t.Errorf("%s: the circuit accepts", c.change)
		}
	}
	s := takes(t, data(t, 1, narrow), 4)
	s.w.Batch[0].Index = 1 << 20
	if v, ok := statement.CheckTrainingStep(class32, s.w, s.p).(*statement.Violation); !ok || v.Rule != statement.RuleIndex || v.Record != 0 {
		t.Errorf("an index beyond the tree: got %v", v)
	}
}

// A step that would move a weight out of range has no proof, and says so.
func TestDivergingStep(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	tab := data(t, 1, narrow)
	r := recipe(narrow)
	r.Features[0] = statement.Scaling{Scale: event.MaxScale}
	s := takesBy(t, tab, r, 5) // its label is 1, and no prediction is: so the weight of a positive feature grows
	s.w.Before.Weights = statement.Weights{1: math.MaxInt32}
	if _, err := r.Step(&s.w.Before.Weights, [][]uint16{tab.Row(5).Cells}); !errors.Is(err, statement.ErrDiverged) {
		t.Errorf("the step: got %v, want %v", err, statement.ErrDiverged)
	}
	for _, after := range []int32{math.MaxInt32, math.MinInt32} { // clamped, and wrapped around
		s.w.After.Weights = descend(r, &s.w.Before.Weights, 1, s.examples(tab))
		s.w.After.Weights[1] = after
		s.recommit()
		if v, ok := statement.CheckTrainingStep(class32, s.w, s.p).(*statement.Violation); !ok || v.Rule != statement.RuleStep {
			t.Errorf("the twin: got %v", v)
		}
		if circuittest.Solve(ccs, assign(t, s)) == nil {
			t.Error("the circuit accepts")
		}
	}
}

func TestSampleIsTrue(t *testing.T) {
	for _, k := range [][2]int{{32, 32}, {128, 64}, {3, 17}} {
		w, p, err := Sample(k[0], k[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := statement.CheckTrainingStep(statement.Statement{Capacity: k[0], MaxColumns: k[1]}, w, p); err != nil {
			t.Error(err)
		}
	}
}

func TestAssignRefuses(t *testing.T) {
	s := takes(t, data(t, 1, narrow), 4, 9)
	if _, err := Assign(1, columns, s.w, s.p); err == nil {
		t.Error("two rows are assigned to one slot")
	}
	if _, err := Assign(batch, narrow-1, s.w, s.p); err == nil {
		t.Error("20 columns are assigned to 19")
	}
	s.w.Batch[1].Block = s.w.Batch[1].Block[1:]
	if _, err := Assign(batch, columns, s.w, s.p); err == nil {
		t.Error("a block of 11 elements is assigned")
	}
	s.w.Batch = nil
	if _, err := Assign(batch, columns, s.w, s.p); err == nil {
		t.Error("no rows are assigned")
	}
}
