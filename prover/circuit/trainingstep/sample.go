package trainingstep

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Sample returns a true statement with its witness, for measurements and for trying
// out keys: a step that fills the class, on a made-up data set of 2,000 rows with
// as many columns as the class has. Every call gives the same; nothing about it is secret.
func Sample(batch, columns int) (*statement.TrainingStepWitness, statement.TrainingStepPublic, error) {
	w, err := sampleStep(batch, columns)
	if err != nil {
		return nil, statement.TrainingStepPublic{}, fmt.Errorf("couldn't make the sample: %w", err)
	}
	return w, Public(w), nil
}

// Public returns the public inputs that are true of a witness, for no event in particular.
func Public(w *statement.TrainingStepWitness) statement.TrainingStepPublic {
	d := table.Commitment(table.RootOver(w.Top), w.Rows, w.Schema)
	rows := make([]int, len(w.Batch))
	for i, o := range w.Batch {
		rows[i] = o.Index
	}
	return statement.TrainingStepPublic{
		Context: event.Context("sample.example", event.Digest{}, event.Digest{}),
		Dataset: d.Bytes(), Batch: statement.CommitBatch(rows), Recipe: w.Recipe.Commit(), Before: w.Before.Commit(), After: w.After.Commit(),
	}
}

func sampleStep(batch, columns int) (*statement.TrainingStepWitness, error) {
	const rows = 2000
	r := rand.New(rand.NewPCG(uint64(batch), uint64(columns)))
	records := make([]table.Row, rows)
	for i := range records {
		records[i].Cells = make([]uint16, columns)
		for j := range records[i].Cells {
			records[i].Cells[j] = uint16(r.IntN(100))
		}
		records[i].Cells[columns-1] = uint16(r.IntN(2))
		binary.BigEndian.PutUint64(records[i].Salt[:8], r.Uint64())
		binary.BigEndian.PutUint64(records[i].Salt[8:], r.Uint64())
	}
	t, err := table.Build(context.Background(), columns, records, nil)
	if err != nil {
		return nil, err
	}
	recipe := &statement.Recipe{Columns: columns, Label: columns - 1, Positive: 1, LearningRate: fixed.One / 8, L2: 66}
	for j := range columns - 1 {
		recipe.Features[j] = statement.Scaling{Scale: fixed.One / 50, Offset: -fixed.One}
	}
	before := statement.SaltedWeights{Salt: table.Salt{15: 1}}
	for j := range columns {
		before.Weights[j] = int32(r.IntN(2*fixed.One) - fixed.One)
	}
	schema := event.DigestOf([]byte("attestlog sample schema"))
	s := statement.Statement{Name: "sample", Capacity: batch, MaxColumns: columns}
	picked := statement.BatchRows(statement.TrainingSeed(schema, schema), 1, batch, rows)
	return statement.NewTrainingStepWitness(s, t, schema, recipe, before, table.Salt{15: 2}, picked...)
}
