package statement

import (
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
)

// Suiting lists the statements that claims can be proven under, smaller classes first. A class is a matter of room: how many
// records a list has slots for, how many rows and columns a training step takes, how many rows a chunk has. Some claims leave a
// choice. An access list is committed to in as many slots as its class has, so that it fits one class; it is taken for the smallest
// one, which is what our own tools commit to.
func Suiting(claims event.Claims, refs Resolver) ([]Statement, error) {
	var fits func(Statement) bool
	switch c := claims.(type) {
	case *event.DataAccessClaims:
		s, err := Fitting(event.DataAccess, int(c.Records))
		if err != nil {
			return nil, rangeError(TooManyRecords, "records", "%s", err)
		}
		return []Statement{s}, nil
	case *event.AnonymizationClaims:
		fits = func(s Statement) bool { return int64(s.Capacity) == c.ChunkRows }
	case *event.TrainingStepClaims:
		run, data, err := runOf(c, refs)
		if err != nil {
			return nil, err
		}
		fits = func(s Statement) bool { return run.Batch <= int64(s.Capacity) && len(data.Columns) <= s.MaxColumns }
	default:
		fits = func(Statement) bool { return true }
	}
	var suiting []Statement
	for _, s := range statements {
		if s.Proves == claims.Kind() && fits(s) {
			suiting = append(suiting, s)
		}
	}
	if len(suiting) == 0 {
		return nil, rangeError(WrongKind, "statement", "there is no statement about such claims of kind %s", claims.Kind())
	}
	return suiting, nil
}

// runOf finds a step's run and its data set.
func runOf(c *event.TrainingStepClaims, refs Resolver) (*event.TrainingRunClaims, *event.DatasetClaims, error) {
	referred, err := refs.Event(c.Run)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't find the training run %s: %w", c.Run, err)
	}
	run, ok := referred.Claims.(*event.TrainingRunClaims)
	if !ok {
		return nil, nil, rangeError(NotATrainingRun, "run", "%s is an event of kind %s, not a training run", c.Run, referred.Kind())
	}
	data, err := datasetOf("run", run.Dataset, refs)
	return run, data, err
}
