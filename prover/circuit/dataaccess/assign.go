package dataaccess

import (
	"fmt"
	"math/big"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Assign fills the circuit of so many slots with a witness and public inputs. It
// judges neither: that is [statement.CheckDataAccess]'s business, to be asked first.
// It only refuses what has no place in the circuit: no records, more of them than
// slots, blocks of another shape.
func Assign(capacity int, w *statement.DataAccessWitness, p statement.DataAccessPublic) (*Circuit, error) {
	if len(w.Records) == 0 || len(w.Records) > capacity {
		return nil, fmt.Errorf("%d records can't be assigned to %d slots", len(w.Records), capacity)
	}
	c := New(capacity)
	c.Context = new(big.Int).SetBytes(p.Context[:])
	c.Dataset = new(big.Int).SetBytes(p.Dataset[:])
	c.Purpose = p.Purpose
	c.Columns = p.Columns
	c.Records = p.Records
	c.Accesses = new(big.Int).SetBytes(p.Accesses[:])

	high, low := table.SchemaHalves(w.Schema)
	c.Rows = w.Rows
	c.SchemaHigh, c.SchemaLow = gadget.Constant(high), gadget.Constant(low)
	c.Salt = new(big.Int).SetBytes(w.Salt[:])
	for i := range c.Top {
		c.Top[i] = gadget.Constant(w.Top[i])
	}
	last := -1
	for i := range c.Slots {
		o, isReal := w.Records[min(i, len(w.Records)-1)], i < len(w.Records)
		if len(o.Block) != len(c.Slots[i].Block) {
			return nil, fmt.Errorf("record %d can't be assigned: its block has %d elements, not %d", i, len(o.Block), len(c.Slots[i].Block))
		}
		s := slotOf(o)
		s.Real, s.Gap = 0, 0
		if isReal {
			s.Real, s.Gap = 1, o.Index-last-1
			last = o.Index
		}
		c.Slots[i] = s
	}
	return c, nil
}

// slotOf assigns what opens a row.
func slotOf(o table.Opening) (s Slot) {
	for e := range s.Block {
		s.Block[e] = gadget.Constant(o.Block[e])
	}
	for level := range s.Siblings {
		for k := range s.Siblings[level] {
			s.Siblings[level][k] = gadget.Constant(o.Siblings[level][k])
		}
	}
	return s
}
