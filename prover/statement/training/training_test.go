package training_test

import (
	"bufio"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/statement/training"
)

// germanCredit reads testdata/german-credit/credit-g.arff: numbers as they are, labels by their place.
func germanCredit(t *testing.T) (columns []event.Column, rows [][]uint16) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "german-credit", "credit-g.arff"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data := false
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		switch {
		case line == "" || strings.HasPrefix(line, "%") || strings.HasPrefix(line, "@relation"):
		case strings.HasPrefix(line, "@attribute"):
			name, rest, _ := strings.Cut(strings.TrimPrefix(line, "@attribute "), " ")
			column := event.Column{Name: strings.Trim(name, "'"), Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Max: 20000}}}
			if labels, ok := strings.CutPrefix(strings.TrimSpace(rest), "{"); ok {
				column.Coding = event.Coding{Category: &event.CategoryCoding{Labels: cut(strings.TrimSuffix(labels, "}"))}}
			}
			columns = append(columns, column)
		case strings.HasPrefix(line, "@data"):
			data = true
		case data:
			var row []uint16
			for j, v := range cut(line) {
				if c := columns[j].Coding.Category; c != nil {
					row = append(row, uint16(slices.Index(c.Labels, v)))
					continue
				}
				n, err := strconv.ParseFloat(v, 64)
				if err != nil {
					t.Fatal(err)
				}
				row = append(row, uint16(n))
			}
			rows = append(rows, row)
		}
	}
	if len(columns) != 21 || len(rows) != 1000 {
		t.Fatalf("%d columns, %d rows", len(columns), len(rows))
	}
	return columns, rows
}

func cut(list string) (fields []string) {
	for f := range strings.SplitSeq(list, ",") {
		fields = append(fields, strings.Trim(strings.TrimSpace(f), "'"))
	}
	return fields
}

// credit is a training on the first 700 loans; the other 300 are held out.
type credit struct {
	run     *event.TrainingRunClaims
	data    *event.DatasetClaims
	table   *table.Table
	first   statement.SaltedWeights
	heldOut [][]uint16
}

func newCredit(t *testing.T, batch int64, steps int64) *credit {
	t.Helper()
	columns, rows := germanCredit(t)
	const trained = 700
	c := &credit{data: &event.DatasetClaims{Columns: columns, Rows: trained}, first: training.NewWeights(), heldOut: rows[trained:]}
	list := make([]table.Row, trained)
	for i := range list {
		list[i] = table.Row{Cells: rows[i], Salt: training.NewSalt()}
	}
	var err error
	if c.table, err = table.Build(context.Background(), len(columns), list, nil); err != nil {
		t.Fatal(err)
	}
	root := c.table.Root()
	c.data.Root = root.Bytes()
	var names []string
	for _, column := range columns[:20] {
		names = append(names, column.Name)
	}
	features, err := training.Standardize(c.data, c.table, names...)
	if err != nil {
		t.Fatal(err)
	}
	c.run = &event.TrainingRunClaims{
		Batch: batch, Features: features, Label: event.Label{Column: "class", Positive: 0}, L2: 66, LearningRate: fixed.One / 8, Steps: steps, Weights: c.first.Commit(),
	}
	return c
}

// Loss goes down, and on loans that were held out the model is as good as the same training in float64.
func TestTrainingOnGermanCredit(t *testing.T) {
	for _, batch := range []int64{32, 128} {
		const steps = 300
		c := newCredit(t, batch, steps)
		trainer, err := training.New(c.run, event.Digest{1}, [32]byte{2}, c.data, c.table, c.first)
		if err != nil {
			t.Fatal(err)
		}
		recipe := trainer.Recipe()
		first := c.first.Weights
		before := training.Evaluate(recipe, &first, c.heldOut)
		floats := training.NewFloat64(recipe, &first)
		var claims []*event.TrainingStepClaims
		for trainer.Taken() < steps {
			step, err := trainer.Step()
			if err != nil {
				t.Fatal(err)
			}
			var rows [][]uint16
			for j, row := range trainer.Rows(step.Claims.Step) {
				rows = append(rows, c.table.Row(row).Cells)
				if step.Witness.Batch[j].Index != row {
					t.Fatalf("step %d takes row %d, not %d", step.Claims.Step, step.Witness.Batch[j].Index, row)
				}
			}
			floats.Step(rows)
			claims = append(claims, step.Claims)
		}
		weights := trainer.Weights()
		after := training.Evaluate(recipe, &weights.Weights, c.heldOut)
		reference, worst := floats.Evaluate(c.heldOut).Accuracy, floats.Distance(&weights.Weights)
		t.Logf("batch %d: loss %.4f → %.4f, accuracy %.4f, in float64 %.4f; weights differ by at most %.5f", batch, before.Loss, after.Loss, after.Accuracy, reference, worst)
		if after.Loss >= before.Loss-0.1 {
			t.Errorf("batch %d: the loss went from %.4f to %.4f", batch, before.Loss, after.Loss)
		}
		if math.Abs(after.Accuracy-reference) > 0.01 || after.Accuracy < 0.7 {
			t.Errorf("batch %d: the accuracy is %.4f, in float64 %.4f", batch, after.Accuracy, reference)
		}
		if err := statement.CheckTrainingChain(event.Digest{1}, c.run, claims); err != nil {
			t.Error(err)
		}
		if _, err := trainer.Step(); err == nil {
			t.Error("a step is taken after the last")
		}
	}
}

// Each step's witness satisfies its statement.
func TestStepsAreTrue(t *testing.T) {
	c := newCredit(t, 20, 5)
	trainer, err := training.New(c.run, event.Digest{1}, [32]byte{2}, c.data, c.table, c.first)
	if err != nil {
		t.Fatal(err)
	}
	if trainer.Class().Name != "training-step-32x32" {
		t.Errorf("the class is %s", trainer.Class().Name)
	}
	d, err := statement.Dataset(c.data)
	if err != nil {
		t.Fatal(err)
	}
	for step := int64(1); step <= 3; step++ {
		s, err := trainer.Step()
		if err != nil {
			t.Fatal(err)
		}
		rows := statement.BatchRows(statement.TrainingSeed(event.Digest{1}, [32]byte{2}), step, 20, 700)
		p := statement.TrainingStepPublic{
			Dataset: d, Batch: statement.CommitBatch(rows), Recipe: trainer.Recipe().Commit(), Before: s.Claims.Before, After: s.Claims.After,
		}
		if err := statement.CheckTrainingStep(trainer.Class(), s.Witness, p); err != nil || s.Claims.Step != step {
			t.Errorf("step %d: %v", step, err)
		}
		again, err := trainer.Again(step, s.Witness.Before, s.Witness.After)
		if err != nil || *again.Claims != *s.Claims || again.Witness.After != s.Witness.After || !slices.Equal(again.Witness.Top, s.Witness.Top) {
			t.Errorf("step %d comes out otherwise when it is taken again: %v", step, err)
		}
		other := s.Witness.After
		other.Weights[0]++
		if _, err := trainer.Again(step, s.Witness.Before, other); err == nil {
			t.Errorf("step %d leads to other weights when it is taken again", step)
		}
	}
	// Going on elsewhere leads to the same weights.
	resumed, err := training.Resume(c.run, event.Digest{1}, [32]byte{2}, c.data, c.table, trainer.Weights(), 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []*training.Trainer{trainer, resumed} {
		if _, err := one.Step(); err != nil {
			t.Fatal(err)
		}
	}
	if trainer.Weights().Weights != resumed.Weights().Weights {
		t.Error("a training that was resumed goes another way")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(c *credit){
		"another table":          func(c *credit) { c.data.Root[31] ^= 1 },
		"another number of rows": func(c *credit) { c.data.Rows++ },
		"other first weights":    func(c *credit) { c.first.Weights[0]++ },
		"another salt":           func(c *credit) { c.first.Salt[0]++ },
		"too large a batch":      func(c *credit) { c.run.Batch = 129 },
		"an unknown feature":     func(c *credit) { c.run.Features[0].Column = "no such" },
	} {
		c := newCredit(t, 32, 5)
		change(c)
		if _, err := training.New(c.run, event.Digest{1}, [32]byte{2}, c.data, c.table, c.first); err == nil {
			t.Errorf("%s: training starts", name)
		}
	}
	c := newCredit(t, 32, 5)
	if _, err := training.Resume(c.run, event.Digest{1}, [32]byte{2}, c.data, c.table, c.first, 6); err == nil {
		t.Error("training goes on after its last step")
	}
	if _, err := training.FromCodings(c.data, "no such"); err == nil {
		t.Error("a feature is made of a column that doesn't exist")
	}
}

// Too high a learning rate ends in an error that says so, not in weights that wrapped around.
func TestDivergence(t *testing.T) {
	c := newCredit(t, 4, 2000)
	c.run.LearningRate = event.MaxLearningRate
	for i := range c.run.Features {
		c.run.Features[i].Scale = event.MaxScale
	}
	trainer, err := training.New(c.run, event.Digest{1}, [32]byte{2}, c.data, c.table, c.first)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = trainer.Step()
	}
	if taken := trainer.Taken(); !errors.Is(err, statement.ErrDiverged) {
		t.Errorf("after %d steps: %v", taken, err)
	}
}

// Features from codings lie between −1 and 1.
func TestFromCodings(t *testing.T) {
	c := newCredit(t, 32, 5)
	features, err := training.FromCodings(c.data, "checking_status", "credit_amount")
	if err != nil {
		t.Fatal(err)
	}
	for i, last := range []int64{3, 20000} {
		f := features[i]
		if low, high := f.Offset, f.Scale*last+f.Offset; low != -fixed.One || high > fixed.One || high < fixed.One*4/5 {
			t.Errorf("%s reaches from %d to %d", f.Column, low, high)
		}
	}
}
