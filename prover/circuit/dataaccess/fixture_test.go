package dataaccess

import (
	"context"
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// capacity of the class that most tests use: the same circuit as the real classes, and quick to compile.
const capacity = 3

const (
	dataRows    = 50
	dataColumns = 20
	purpose     = 3         // the purpose of the accesses
	mask        = 0b10_1101 // columns 0, 2, 3 and 5
	dissenter   = 7         // this row consents to all purposes but that one
)

var field = ecc.BN254.ScalarField()

var full = sync.OnceValues(func() (constraint.ConstraintSystem, error) { return Compile(capacity) })

// data builds the data set number seed.
func data(t testing.TB, seed uint64) *table.Table {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	rows := make([]table.Row, dataRows)
	for i := range rows {
		rows[i].Cells = make([]uint16, dataColumns)
		for j := range rows[i].Cells {
			rows[i].Cells[j] = uint16(r.Uint32() | 1)
		}
		rows[i].Consent = r.Uint64() | 1<<purpose
		if i == dissenter {
			rows[i].Consent = ^uint64(1 << purpose)
		}
		binary.BigEndian.PutUint64(rows[i].Salt[:8], r.Uint64())
		binary.BigEndian.PutUint64(rows[i].Salt[8:], r.Uint64())
	}
	tab, err := table.Build(context.Background(), dataColumns, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

var schema = event.DigestOf([]byte("schema"))

// access is a witness with public inputs for it.
type access struct {
	w *statement.DataAccessWitness
	p statement.DataAccessPublic
}

// reads opens rows of a data set and states just that. The statement is true unless the dissenter is among the rows.
func reads(t testing.TB, tab *table.Table, rows ...int) *access {
	t.Helper()
	w, err := statement.NewDataAccessWitness(tab, schema, table.Salt{1, 2, 3}, rows...)
	if err != nil {
		t.Fatal(err)
	}
	a := &access{w: w, p: statement.DataAccessPublic{
		Context: event.Context("log.example", event.Digest{1}, event.Digest{2}),
		Purpose: 1 << purpose, Columns: mask, Records: uint64(len(rows)),
	}}
	a.restate(t)
	return a
}

// restate makes D and the commitment to the list fit the witness.
func (a *access) restate(t testing.TB) {
	t.Helper()
	a.p.Dataset = element(table.Commitment(table.RootOf(a.w.Top), a.w.Rows, a.w.Schema))
	list, err := a.w.Accesses(capacity, a.p.Columns)
	if err != nil {
		t.Fatal(err)
	}
	a.p.Accesses = list
}

// entry is a slot of a list as it is hashed, whatever it holds.
type entry [3]fr.Element

// commit commits to any list, in disregard of all rules.
func commit(n, salt fr.Element, entries ...entry) event.Element {
	in := []fr.Element{n, salt}
	for _, e := range entries {
		in = append(in, e[:]...)
	}
	for len(in) < 2+3*capacity {
		in = append(in, poseidon.Empty(poseidon.EmptySlot), fr.Element{}, fr.Element{})
	}
	return element(poseidon.Sum(poseidon.AccessList, in...))
}

// honest is the entry of a row, with the cells of the columns of a mask.
func honest(tab *table.Table, row int, mask uint64) entry {
	cells := make([]uint16, statement.DataAccessColumns)
	for j, c := range tab.Row(row).Cells {
		if mask&(1<<j) != 0 {
			cells[j] = c
		}
	}
	return entry{num(int64(row)), table.PackCells(cells[:15]), table.PackCells(cells[15:])}
}

func element(e fr.Element) event.Element { return e.Bytes() }

func num(n int64) (e fr.Element) { return *e.SetInt64(n) }

func add(a, b fr.Element) (e fr.Element) { return *e.Add(&a, &b) }

func mul(a, b fr.Element) (e fr.Element) { return *e.Mul(&a, &b) }

func pow2(n uint) (e fr.Element) { return *e.SetBigInt(new(big.Int).Lsh(big.NewInt(1), n)) }

func assign(t testing.TB, a *access) *Circuit {
	t.Helper()
	c, err := Assign(capacity, a.w, a.p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
