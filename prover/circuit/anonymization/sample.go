package anonymization

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Sample returns a true statement with its witness, for measurements and for trying
// out keys: the second chunk of a made-up data set of 20 columns, four of them quasi-identifiers and one
// direct, at k = 5 and diversity 2. Every call gives the same; nothing about it is secret.
func Sample(capacity int) (*statement.AnonymizationWitness, statement.AnonymizationPublic, error) {
	const (
		columns = 20
		layout  = statement.Layout(0b001_001)
		k, l    = 5, 2
	)
	fail := func(err error) (*statement.AnonymizationWitness, statement.AnonymizationPublic, error) {
		return nil, statement.AnonymizationPublic{}, fmt.Errorf("couldn't make the sample: %w", err)
	}
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], uint64(capacity))
	random := rand.NewChaCha8(seed)
	r := rand.New(random)
	rows := make([]table.Row, 2*capacity)
	for i := range rows {
		cells := make([]uint16, columns)
		for j := range cells {
			cells[j] = uint16(r.Uint32())
		}
		cells[0] = uint16(r.IntN(3))
		cells[1], cells[2], cells[3], cells[4] = uint16(r.IntN(80)), uint16(r.IntN(2)), uint16(r.IntN(4)), uint16(r.IntN(2))
		rows[i] = table.Row{Cells: cells, Consent: r.Uint64()}
		if _, err := random.Read(rows[i].Salt[:]); err != nil {
			return fail(err)
		}
	}
	h := new(statement.Hierarchy)
	for q := range quasiCodes {
		h[0][q], h[1][q], h[2][q], h[3][q] = uint8(1+q/20), uint8(1+q), uint8(1+q/2), uint8(1)
	}
	anonymized, err := statement.Anonymize(layout, h, rows, capacity, k, l, random)
	if err != nil {
		return fail(err)
	}
	raw, err := table.Build(context.Background(), columns, rows, nil)
	if err != nil {
		return fail(err)
	}
	released, err := table.Build(context.Background(), columns, anonymized.Rows, nil)
	if err != nil {
		return fail(err)
	}
	rawSchema, releasedSchema := event.DigestOf([]byte("attestlog sample schema")), event.DigestOf([]byte("attestlog sample schema, released"))
	w, err := statement.NewAnonymizationWitness(raw, released, rawSchema, releasedSchema, h, anonymized.Keep, capacity, 1)
	if err != nil {
		return fail(err)
	}
	d, e := table.Commitment(raw.Root(), raw.Len(), rawSchema), table.Commitment(released.Root(), released.Len(), releasedSchema)
	return w, statement.AnonymizationPublic{
		Context: event.Context("sample.example", event.Digest{}, event.Digest{}),
		Dataset: d.Bytes(), Released: e.Bytes(), Chunk: 1, Rows: uint64(capacity), K: k, Diversity: l,
		Suppressed: uint64(anonymized.Suppressed(capacity, 1)), Columns: layout, Hierarchy: h.Digest(),
	}, nil
}
