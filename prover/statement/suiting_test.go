package statement_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

func TestSuiting(t *testing.T) {
	wide := &event.DatasetClaims{Columns: make([]event.Column, 33)}
	refs := events{
		dataDigest: {Claims: raw()}, {31: 1}: {Claims: wide}, sourceDigest: {Claims: &event.SourceClaims{}},
		{101}: {Claims: &event.TrainingRunClaims{Batch: 32, Dataset: dataDigest}},
		{102}: {Claims: &event.TrainingRunClaims{Batch: 33, Dataset: dataDigest}},
		{103}: {Claims: &event.TrainingRunClaims{Batch: 8, Dataset: event.Digest{31: 1}}},
		{104}: {Claims: &event.TrainingRunClaims{Batch: 129, Dataset: dataDigest}},
		{105}: {Claims: &event.TrainingRunClaims{Batch: 1, Dataset: sourceDigest}},
	}
	step := func(run byte) event.Claims { return &event.TrainingStepClaims{Run: event.Digest{run}} }
	for _, tc := range []struct {
		name   string
		claims event.Claims
		want   []string
		code   statement.RangeCode
	}{
		{"an access list of 16", &event.DataAccessClaims{Records: 16}, []string{"data-access-16"}, ""},
		{"an access list of 17", &event.DataAccessClaims{Records: 17}, []string{"data-access-64"}, ""},
		{"an access list too long", &event.DataAccessClaims{Records: 65}, nil, statement.TooManyRecords},
		{"a small chunk", &event.AnonymizationClaims{ChunkRows: 128}, []string{"anonymization-128"}, ""},
		{"a large chunk", &event.AnonymizationClaims{ChunkRows: 1024}, []string{"anonymization-1024"}, ""},
		{"a chunk that no circuit is for", &event.AnonymizationClaims{ChunkRows: 512}, nil, statement.WrongKind},
		{"a step that fits both", step(101), []string{"training-step-32x32", "training-step-128x64"}, ""},
		{"a step of more rows", step(102), []string{"training-step-128x64"}, ""},
		{"a step on more columns", step(103), []string{"training-step-128x64"}, ""},
		{"a step of too many rows", step(104), nil, statement.WrongKind},
		{"a step of a run on no data set", step(105), nil, statement.NotADataset},
		{"a step of no run", &event.TrainingStepClaims{Run: dataDigest}, nil, statement.NotATrainingRun},
		{"a model version", &event.ModelVersionClaims{}, []string{"model-version"}, ""},
		{"a data set, which nothing is proven of", &event.DatasetClaims{}, nil, statement.WrongKind},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := statement.Suiting(tc.claims, refs)
			var names []string
			for _, s := range got {
				names = append(names, s.Name)
			}
			var out *statement.RangeError
			if !slices.Equal(names, tc.want) || tc.code == "" && err != nil || tc.code != "" && (!errors.As(err, &out) || out.Code != tc.code) {
				t.Errorf("got %v, %v, want %v, %q", names, err, tc.want, tc.code)
			}
		})
	}
	if _, err := statement.Suiting(step(99), refs); err == nil {
		t.Error("the step of a run that isn't in the log has a statement")
	}
}
