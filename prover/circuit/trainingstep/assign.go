package trainingstep

import (
	"fmt"
	"math/big"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Assign fills the circuit for so many rows and columns with a witness and public inputs. It
// judges neither: that is [statement.CheckTrainingStep]'s business, to be asked first.
// It only refuses what has no place in the circuit.
func Assign(batch, columns int, w *statement.TrainingStepWitness, p statement.TrainingStepPublic) (*Circuit, error) {
	c := New(batch, columns)
	if len(w.Batch) == 0 || len(w.Batch) > batch || len(w.Top) != len(c.Top) || w.Recipe.Columns > columns {
		return nil, fmt.Errorf("a step on %d rows of %d columns, with %d nodes, can't be assigned to %d × %d", len(w.Batch), w.Recipe.Columns, len(w.Top), batch, columns)
	}
	c.Context = new(big.Int).SetBytes(p.Context[:])
	c.Dataset = new(big.Int).SetBytes(p.Dataset[:])
	c.Batch = new(big.Int).SetBytes(p.Batch[:])
	c.Recipe = new(big.Int).SetBytes(p.Recipe[:])
	c.Before = new(big.Int).SetBytes(p.Before[:])
	c.After = new(big.Int).SetBytes(p.After[:])

	high, low := table.SchemaHalves(w.Schema)
	c.Rows, c.SchemaHigh, c.SchemaLow = w.Rows, gadget.Constant(high), gadget.Constant(low)
	for i := range c.Top {
		c.Top[i] = gadget.Constant(w.Top[i])
	}
	c.assignRecipe(w.Recipe)
	for i, s := range []*statement.SaltedWeights{&w.Before, &w.After} {
		for j := 1 + columns; j < len(s.Weights); j++ {
			if s.Weights[j] != 0 {
				return nil, fmt.Errorf("the weight of column %d can't be assigned to %d columns", j-1, columns)
			}
		}
		c.WeightSalt[i] = new(big.Int).SetBytes(s.Salt[:])
		for j := range c.Weights[i] {
			c.Weights[i][j] = s.Weights[j]
		}
	}
	c.Count = len(w.Batch)
	for i := range c.Slots {
		o, isReal := w.Batch[0], i < len(w.Batch)
		if isReal {
			o = w.Batch[i]
		}
		if err := c.Slots[i].open(o, w.Recipe); err != nil {
			return nil, fmt.Errorf("row %d of the batch can't be assigned: %w", i, err)
		}
		if c.Slots[i].Real = 0; isReal {
			c.Slots[i].Real = 1
		}
		c.Slots[i].score(o, w.Recipe, &w.Before.Weights, columns)
	}
	return c, nil
}

func (c *Circuit) assignRecipe(r *statement.Recipe) {
	c.Wide = 0
	if r.Wide() {
		c.Wide = 1
	}
	c.Label = uint64(1) << r.Label
	c.Positive = r.Positive
	c.LearningRate, c.L2 = r.LearningRate, r.L2
	for j := range c.Features {
		c.Features[j] = Feature{r.Features[j].Scale, r.Features[j].Offset}
	}
}

// open assigns what opens a row.
func (s *Slot) open(o table.Opening, r *statement.Recipe) error {
	l := statement.TrainingLayout(r.Columns)
	if len(o.Block) != l.BlockElements() {
		return fmt.Errorf("its block has %d elements, not %d", len(o.Block), l.BlockElements())
	}
	s.Place, s.Row = o.Index/l.RowsPerBlock, o.Index%l.RowsPerBlock
	for e := range s.Block {
		s.Block[e] = 0
		if e < len(o.Block) {
			s.Block[e] = gadget.Constant(o.Block[e])
		}
	}
	for level := range s.Siblings {
		for k := range s.Siblings[level] {
			s.Siblings[level][k] = gadget.Constant(o.Siblings[level][k])
		}
	}
	return nil
}

// score assigns the label, and the line of the sigmoid. Codes are read as they stand: of elements with more than
// 240 bits, the lowest.
func (s *Slot) score(o table.Opening, r *statement.Recipe, w *statement.Weights, columns int) {
	l := statement.TrainingLayout(r.Columns)
	codes := make([]uint16, max(columns, l.CellElements*table.CellsPerElement))
	for e, element := range o.RowElements(l)[:l.CellElements] {
		b := element.Bytes()
		for j := range table.CellsPerElement {
			at := len(b) - 2*(j+1)
			codes[e*table.CellsPerElement+j] = uint16(b[at])<<8 | uint16(b[at+1])
		}
	}
	s.Truth = codes[r.Label]
	s.Line = lineOf(r.Score(w, codes))
}

// lineOf finds where a score lies.
func lineOf(score, rest int64) Line {
	at := fixed.Clamp(score)
	base, rise := fixed.Segment(int(at >> fixed.FractionBits))
	l := Line{
		Below: 0, Above: 0, Beyond: 0, Segment: at >> fixed.FractionBits, Place: at & (1<<fixed.FractionBits - 1),
		Rest: rest, Base: base, Rise: rise,
	}
	switch away := score + fixed.Bound - at; {
	case away < 0:
		l.Below, l.Beyond = 1, -away-1
	case away > 0:
		l.Above, l.Beyond = 1, away-1
	}
	return l
}
