package modelversion

import (
	"encoding/binary"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Sample returns a true statement with its witness, for measurements and for trying out keys: as many settings and predicates as
// there is room for, over a made-up approval of 100 releases. Every call gives the same; nothing about it is secret.
func Sample() (*statement.ModelVersionWitness, statement.ModelVersionPublic, error) {
	fail := func(err error) (*statement.ModelVersionWitness, statement.ModelVersionPublic, error) {
		return nil, statement.ModelVersionPublic{}, fmt.Errorf("couldn't make up a sample: %w", err)
	}
	releases := make([]statement.ModelRelease, 100)
	for i := range releases {
		binary.BigEndian.PutUint16(releases[i].Weights[30:], uint16(i))
		binary.BigEndian.PutUint16(releases[i].Salt[:], uint16(i+1))
	}
	approval, err := statement.Approve(releases)
	if err != nil {
		return fail(err)
	}
	release, err := approval.Open(37)
	if err != nil {
		return fail(err)
	}
	var list []statement.Setting
	for i := range int64(statement.MaxSettings) {
		list = append(list, statement.Setting{Key: fmt.Sprintf("key-%02d", i), Value: 1000 * (i - 8)})
	}
	configuration, err := statement.NewConfiguration(table.Salt{1}, list...)
	if err != nil {
		return fail(err)
	}
	predicates, err := statement.NewPredicates([]event.Predicate{
		{Key: "key-00", Comparison: "=", Bounds: []int64{-8000}},
		{Key: "key-01", Comparison: "!=", Bounds: []int64{0}},
		{Key: "key-02", Comparison: "<=", Bounds: []int64{-5999}},
		{Key: "key-08", Comparison: ">=", Bounds: []int64{0}},
		{Key: "key-08", Comparison: "<=", Bounds: []int64{0}},
		{Key: "key-15", Comparison: "in", Bounds: []int64{1, 2, 3, 4, 5, 6, -7, 7000}},
		{Key: "key-15", Comparison: "!=", Bounds: []int64{6999}},
		{Key: "key-13", Comparison: ">=", Bounds: []int64{-1}},
	})
	if err != nil {
		return fail(err)
	}
	w := &statement.ModelVersionWitness{Release: release, Configuration: configuration}
	var claims event.ModelVersionClaims
	if err := w.WithholdRun(&claims, table.Salt{2}); err != nil {
		return fail(err)
	}
	return w, statement.ModelVersionPublic{
		Context:       event.Context("sample.example", event.Digest{}, event.Digest{}),
		Releases:      approval.Claims().Releases,
		Weights:       claims.Weights,
		Configuration: claims.Configuration,
		Predicates:    predicates,
	}, nil
}
