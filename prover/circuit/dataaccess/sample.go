package dataaccess

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
// out keys: a list that fills the class, over a made-up data set of 20 columns and
// 4,000 rows. Every call gives the same; nothing about it is secret.
func Sample(capacity int) (*statement.DataAccessWitness, statement.DataAccessPublic, error) {
	const (
		columns = 20
		rows    = 4000
		purpose = 3
		mask    = 0b1010_0000_0001_0010_1101
	)
	r := rand.New(rand.NewPCG(uint64(capacity), rows))
	records := make([]table.Row, rows)
	for i := range records {
		records[i].Cells = make([]uint16, columns)
		for j := range records[i].Cells {
			records[i].Cells[j] = uint16(r.Uint32())
		}
		records[i].Consent = r.Uint64() | 1<<purpose
		binary.BigEndian.PutUint64(records[i].Salt[:8], r.Uint64())
		binary.BigEndian.PutUint64(records[i].Salt[8:], r.Uint64())
	}
	t, err := table.Build(context.Background(), columns, records, nil)
	if err != nil {
		return nil, statement.DataAccessPublic{}, fmt.Errorf("couldn't build the sample's data set: %w", err)
	}
	read := make([]int, capacity)
	for i := range read {
		read[i] = i * rows / capacity
	}
	schema := event.DigestOf([]byte("attestlog sample schema"))
	w, err := statement.NewDataAccessWitness(t, schema, table.Salt{15: 1}, read...)
	if err != nil {
		return nil, statement.DataAccessPublic{}, fmt.Errorf("couldn't open the sample's records: %w", err)
	}
	list, err := w.Accesses(capacity, mask)
	if err != nil {
		return nil, statement.DataAccessPublic{}, fmt.Errorf("couldn't commit to the sample's accesses: %w", err)
	}
	d := table.Commitment(t.Root(), rows, schema)
	return w, statement.DataAccessPublic{
		Context:  event.Context("sample.example", event.Digest{}, event.Digest{}),
		Dataset:  d.Bytes(),
		Purpose:  1 << purpose,
		Columns:  mask,
		Records:  uint64(capacity),
		Accesses: list,
	}, nil
}
