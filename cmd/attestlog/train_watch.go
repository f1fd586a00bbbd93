package main

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/run"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/statement/training"
	"github.com/attestlog/attestlog/web/words"
)

// trainingWatch shows how a training goes.
type trainingWatch struct {
	t       *terminal
	out     string
	session *run.Run
	rows    [][]uint16 // of the data set, all: steps take them by number
	trained [][]uint16 // of these those that are not blank
	test    [][]uint16
	float   *training.Float64
	floated int64 // steps that float has taken
	placed  *verify.Entry
	results []map[string]any
	last    *run.Outcome

	deferred bool // some of the steps
}

// watch reads what the model is to be tried on, before anything is trained.
func (c *train) watch(ctx context.Context, t *terminal, d *dataset.Dataset) (*trainingWatch, error) {
	w := &trainingWatch{t: t, out: c.out, results: []map[string]any{}}
	for i := range d.Table.Len() {
		w.rows = append(w.rows, d.Table.Row(i).Cells)
	}
	w.trained = withoutBlanks(w.rows, d.Claims.Columns)
	if len(w.trained) == 0 {
		return nil, fmt.Errorf("%s has blank rows only: there is nothing to train on", d.Name)
	}
	if c.test != "" {
		rows, err := c.testRows(ctx, t, d.Claims.Columns)
		if err != nil {
			return nil, fmt.Errorf("--test: %w", err)
		}
		if w.test = withoutBlanks(rows, d.Claims.Columns); len(w.test) == 0 {
			return nil, fmt.Errorf("--test: %s has blank rows only", c.test)
		}
	}
	return w, nil
}

// testRows reads rows to try the model on: from secrets of another data set, or from a table that the data set's entry tells how to code.
func (c *train) testRows(ctx context.Context, t *terminal, columns []event.Column) ([][]uint16, error) {
	switch strings.ToLower(filepath.Ext(c.test)) {
	case ".csv", ".arff":
		return dataset.Codes(ctx, c.test, columns, t.datasetProgress())
	}
	d, err := (&provingFlags{dataset: c.test}).readDataset(ctx, t)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(d.Claims.Columns, columns) {
		return nil, fmt.Errorf("the columns of %s are not those that are trained on", c.test)
	}
	var rows [][]uint16
	for i := range d.Table.Len() {
		rows = append(rows, d.Table.Row(i).Cells)
	}
	return rows, nil
}

// withoutBlanks leaves out the rows of a released data set that were suppressed: all their codes are 0. A data set that was not
// released, in which no column has the label * for 0, has none.
func withoutBlanks(rows [][]uint16, columns []event.Column) [][]uint16 {
	released := false
	for i := range columns {
		c := columns[i].Coding.Category
		released = released || c != nil && c.Labels[0] == "*"
	}
	if !released {
		return rows
	}
	var kept [][]uint16
	for _, cells := range rows {
		if !blank(cells) {
			kept = append(kept, cells)
		}
	}
	return kept
}

func blank(cells []uint16) bool {
	for _, c := range cells {
		if c != 0 {
			return false
		}
	}
	return true
}

// begin says where the run stands. If float is set, it is trained in float64 beside.
func (w *trainingWatch) begin(session *run.Run, placed *verify.Entry, float bool) {
	w.session, w.placed = session, placed
	c := w.session.Claims()
	w.t.say("The run is entry %d of the log: %s on %s each, by %s in fixed point.", placed.Index, words.Count(c.Steps, "step"), words.Count(c.Batch, "row"), w.session.Trainer().Class().Name)
	w.t.field("run", "%s", placed.Digest)
	if blanks := len(w.rows) - len(w.trained); blanks > 0 {
		w.t.field("blank", "%d of %s rows were suppressed; a step that picks one takes it as a row of zeros", blanks, words.Number(len(w.rows)))
	}
	if taken := w.session.Taken(); taken > 0 {
		w.t.field("going on", "%s taken already, %d of them logged", words.Count(taken, "step"), w.session.Logged())
	}
	w.t.say("")
	first := session.First()
	if float {
		w.float = training.NewFloat64(session.Trainer().Recipe(), &first.Weights)
	}
	list := w.qualities(&first.Weights)
	w.t.say("  %s", w.heading(list))
	if w.session.Taken() == 0 {
		w.t.say("  %s", w.line(0, list, ""))
	}
}

// named is a quality with what it is of.
type named struct {
	what string
	training.Quality
}

func (w *trainingWatch) qualities(weights *statement.Weights) []named {
	recipe := w.session.Trainer().Recipe()
	list := []named{{"", training.Evaluate(recipe, weights, w.trained)}}
	if w.test != nil {
		list = append(list, named{"test", training.Evaluate(recipe, weights, w.test)})
	}
	if w.float != nil {
		list = append(list, named{"float64", w.float.Evaluate(w.trained)})
		if w.test != nil {
			list = append(list, named{"float64 test", w.float.Evaluate(w.test)})
		}
	}
	return list
}

// heading says what the columns are that line fills.
func (w *trainingWatch) heading(list []named) string {
	s := "step"
	for _, q := range list {
		s += fmt.Sprintf("  %*s  accuracy", lossWidth(q), strings.TrimSpace(q.what+" loss"))
	}
	return s + "  entry"
}

func (w *trainingWatch) line(step int64, list []named, entry string) string {
	s := fmt.Sprintf("%4d", step)
	for _, q := range list {
		s += fmt.Sprintf("  %*.4f  %7.1f%%", lossWidth(q), q.Loss, 100*q.Accuracy)
	}
	return s + fmt.Sprintf("  %5s", entry)
}

func lossWidth(q named) int { return max(6, len(q.what)+len(" loss")) }

// step shows a step that is done.
func (w *trainingWatch) step(done *run.Outcome) error {
	for w.float != nil && w.floated < done.Step {
		w.floated++
		var rows [][]uint16
		for _, row := range w.session.Trainer().Rows(w.floated) {
			rows = append(rows, w.rows[row])
		}
		w.float.Step(rows)
	}
	list := w.qualities(&done.Weights.Weights)
	result := map[string]any{"step": done.Step}
	for _, q := range list {
		member := map[string]any{"loss": q.Loss, "accuracy": q.Accuracy}
		if q.what == "" {
			result["loss"], result["accuracy"] = q.Loss, q.Accuracy
		} else {
			result[strings.ReplaceAll(q.what, " ", "_")] = member
		}
	}
	at := "–"
	if done.Receipt != nil {
		entry, err := verify.OpenEntry(done.Receipt.Index, done.Receipt.Leaf)
		if err != nil {
			return err
		}
		at = fmt.Sprint(done.Receipt.Index)
		result["index"], result["digest"], result["proof"] = done.Receipt.Index, entry.Digest, entry.Event.Proof
		w.deferred = w.deferred || entry.Event.Proof == event.ProofDeferred
	}
	w.results, w.last = append(w.results, result), done
	w.t.say("  %s", w.line(done.Step, list, at))
	return nil
}

// end says what came of it.
func (w *trainingWatch) end(r *remote) error {
	taken := w.session.Taken()
	path := filepath.Join(w.out, run.ModelFile(taken))
	m, err := modelOf(path)
	if err != nil {
		return err
	}
	commitment := m.Weights.Commit()
	w.t.say("")
	w.t.say("All %s are taken; the log has %d of them.", words.Count(taken, "step"), w.session.Logged())
	if w.deferred {
		w.t.field("deferred", "the steps of this command are proven later, by the log's proving workers: attestlog verify ENTRY")
	}
	w.t.field("model", "%s: keep it, and keep it to yourself", path)
	w.t.field("weights", "%s, as the log knows them", commitment)
	result := map[string]any{"run": w.placed.Digest, "index": w.placed.Index, "taken": taken, "logged": w.session.Logged(), "steps": w.results,
		"model": path, "weights": commitment}
	if w.float != nil && w.last != nil {
		distance := w.float.Distance(&w.last.Weights.Weights)
		w.t.field("float64", "weights differ by at most %.5f", distance)
		result["float64_distance"] = distance
	}
	if w.session.Logged() < taken {
		next := w.session.Logged() + 1
		w.t.field("submit", "in order, from attestlog submit %s --witness %s on, with --source and --key", filepath.Join(w.out, fmt.Sprintf("steps/%04d.json", next)),
			filepath.Join(w.out, fmt.Sprintf("steps/%04d.witness", next)))
	}
	if w.t.json {
		w.t.printJSON(result)
	}
	return nil
}
