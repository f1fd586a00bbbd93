package anonymization

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// capacity of the chunks that most tests use: the same circuit as the real classes, and quick to compile.
const capacity = 16

const (
	dataColumns = 20
	layout      = statement.Layout(0b010_001) // quasi-identifiers: columns 1 to 4; direct: column 8
	k, l        = 3, 2
)

var (
	full = sync.OnceValues(func() (constraint.ConstraintSystem, error) { return Compile(capacity) })

	rawSchema, releasedSchema = event.DigestOf([]byte("raw")), event.DigestOf([]byte("released"))
)

// story is a data set with its release, and what is stated of a chunk.
type story struct {
	rows   []table.Row // raw
	out    *statement.Anonymized
	h      *statement.Hierarchy
	layout statement.Layout
	chunk  int
	p      statement.AnonymizationPublic
}

// hierarchy has decades for column 1, all for column 2, and pairs for the others.
func hierarchy() *statement.Hierarchy {
	h := new(statement.Hierarchy)
	for slot := range h {
		for q := range h[slot] {
			switch slot {
			case 0:
				h[slot][q] = uint8(1 + q/10)
			case 1:
				h[slot][q] = 1
			default:
				h[slot][q] = uint8(1 + q/2)
			}
		}
	}
	return h
}

// data makes rows with two classes that have all they need, and one that hasn't: its rows are to be suppressed.
func data(seed uint64, n int) []table.Row {
	r := rand.New(rand.NewPCG(seed, 7))
	rows := make([]table.Row, n)
	for i := range rows {
		cells := make([]uint16, dataColumns)
		for j := range cells {
			cells[j] = uint16(r.Uint32())
		}
		cells[0] = uint16(i / 2 % 3)
		cells[1], cells[2], cells[3], cells[4] = uint16(10*(i%2)+r.IntN(10)), uint16(r.IntN(128)), uint16(r.IntN(2)), uint16(r.IntN(2))
		if i%8 == 5 {
			cells[1] = 90
		}
		rows[i] = table.Row{Cells: cells, Consent: r.Uint64()}
		binary.BigEndian.PutUint64(rows[i].Salt[:], r.Uint64())
	}
	return rows
}

// tell releases a data set and states the given chunk of it, truly.
func tell(t testing.TB, rows []table.Row, chunk int) *story {
	t.Helper()
	return tellWith(t, rows, chunk, layout, hierarchy(), k, l)
}

func tellWith(t testing.TB, rows []table.Row, chunk int, layout statement.Layout, h *statement.Hierarchy, k, l int) *story {
	t.Helper()
	out, err := statement.Anonymize(layout, h, rows, capacity, k, l, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	return &story{rows: rows, out: out, h: h, layout: layout, chunk: chunk, p: statement.AnonymizationPublic{
		Context: event.Context("log.example", event.Digest{1}, event.Digest{2}),
		Chunk:   uint64(chunk), Rows: uint64(min(capacity, len(rows)-chunk*capacity)), K: uint64(k), Diversity: uint64(l),
		Suppressed: uint64(out.Suppressed(capacity, chunk)), Columns: layout, Hierarchy: h.Digest(),
	}}
}

// witness commits to the story's data sets as they are, states their digests, and opens the chunk.
func (s *story) witness(t testing.TB) *statement.AnonymizationWitness {
	t.Helper()
	build := func(rows []table.Row) *table.Table {
		tab, err := table.Build(context.Background(), dataColumns, rows, nil)
		if err != nil {
			t.Fatal(err)
		}
		return tab
	}
	raw, released := build(s.rows), build(s.out.Rows)
	w, err := statement.NewAnonymizationWitness(raw, released, rawSchema, releasedSchema, s.h, s.out.Keep, capacity, s.chunk)
	if err != nil {
		t.Fatal(err)
	}
	s.p.Dataset = element(table.Commitment(raw.Root(), raw.Len(), rawSchema))
	s.p.Released = element(table.Commitment(released.Root(), released.Len(), releasedSchema))
	return w
}

func (s *story) assign(t testing.TB) *Circuit {
	t.Helper()
	return assign(t, s.witness(t), s.p)
}

func assign(t testing.TB, w *statement.AnonymizationWitness, p statement.AnonymizationPublic) *Circuit {
	t.Helper()
	c, err := Assign(capacity, w, p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func element(e fr.Element) event.Element { return e.Bytes() }
