package anonymization

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Assign fills the circuit for chunks of so many rows with a witness and public inputs. It
// judges neither: that is [statement.CheckAnonymization]'s business, to be asked first.
// It only refuses what has no place in the circuit: a witness of another shape.
func Assign(capacity int, w *statement.AnonymizationWitness, p statement.AnonymizationPublic) (*Circuit, error) {
	shape, err := statement.ChunkShapeFor(capacity)
	if err != nil {
		return nil, err
	}
	if len(w.Keep) != capacity || w.Hierarchy == nil {
		return nil, fmt.Errorf("a witness of %d rows can't be assigned to a chunk of %d", len(w.Keep), capacity)
	}
	for _, chunk := range []*statement.Chunk{w.Raw, w.Released} {
		if chunk == nil || len(chunk.Rows) != capacity || len(chunk.Siblings) != shape.Siblings() {
			return nil, fmt.Errorf("the witness can't be assigned: it has no chunk of %d rows", capacity)
		}
	}
	c := New(capacity)
	c.Context, c.Dataset, c.Released = fieldOf(p.Context), fieldOf(p.Dataset), fieldOf(p.Released)
	c.Chunk, c.Rows, c.K, c.Diversity, c.Suppressed = number(p.Chunk), number(p.Rows), number(p.K), number(p.Diversity), number(p.Suppressed)
	c.Columns, c.Hierarchy = number(uint64(p.Columns)), fieldOf(p.Hierarchy)
	c.RawTree.assign(w.Raw)
	c.ReleasedTree.assign(w.Released)
	for slot := range c.Codes {
		for q, g := range w.Hierarchy[slot] {
			c.Codes[slot][q] = number(uint64(g))
		}
	}
	for i := range c.Raw {
		c.Raw[i].assign(p.Columns, w.Hierarchy, w.Raw.Rows[i])
		c.Raw[i].Real, c.Raw[i].Keep = bit(uint64(i) < p.Rows), bit(w.Keep[i])
		for e := range c.Out[i] {
			c.Out[i][e] = w.Released.Rows[i][e]
		}
	}
	c.sortKeys(int(p.K), int(p.Diversity))
	c.tally(p.Columns)
	return c, nil
}

func (t *Tree) assign(chunk *statement.Chunk) {
	high, low := table.SchemaHalves(chunk.Schema)
	t.TableRows, t.SchemaHigh, t.SchemaLow = number(uint64(chunk.TableRows)), high, low
	for i := range t.Siblings {
		t.Siblings[i] = chunk.Siblings[i]
	}
}

// assign takes a raw row apart, as well as it can be.
func (r *RawRow) assign(l statement.Layout, h *statement.Hierarchy, row [rowElements]fr.Element) {
	for e := range row {
		r.Elements[e] = row[e]
	}
	v := row[0].BigInt(new(big.Int))
	cut := func(from, width uint) uint64 {
		mask := new(big.Int).Sub(constant(1, width), big.NewInt(1))
		return mask.And(mask, new(big.Int).Rsh(v, from)).Uint64()
	}
	r.Sensitive = number(cut(0, limbBits))
	flexible, direct, erased := uint64(0), uint64(0), uint64(0)
	for slot := range quasiSlots {
		cell := cut(uint(16*(statement.FirstQuasi+slot)), 16)
		r.Quasi[slot], r.Generalized[slot] = number(0), number(0)
		switch {
		case l.Quasi(slot):
			r.Quasi[slot] = number(cell)
			if cell < quasiCodes {
				r.Generalized[slot] = number(uint64(h[slot][cell]))
			}
		default:
			flexible |= cell << (16 * (slot - statement.FixedQuasi))
		}
	}
	for i := range statement.DirectSlots {
		cell := cut(uint(16*(statement.FirstDirect+i)), 16) << (16 * i)
		if l.Direct(i) {
			erased |= cell
		} else {
			direct |= cell
		}
	}
	for i := range flexLimbs {
		r.Flexible[i] = number(flexible >> (limbBits * i) & 0xfff)
		r.Direct[i] = number(direct >> (limbBits * i) & 0xfff)
		r.Erased[i] = number(erased >> (limbBits * i) & 0xfff)
	}
	for i := range r.Tail {
		r.Tail[i] = number(cut(uint(tailBit+limbBits*i), limbBits))
	}
}

// keyOf is the key of a row as it is assigned, or 0 if the row isn't kept.
func (r *RawRow) keyOf() uint64 {
	if at(r.Keep) == 0 {
		return 0
	}
	key := uint64(1)<<realBit + at(r.Sensitive)
	for slot := range r.Generalized {
		key += at(r.Generalized[slot]) << (classBit + classBits*slot)
	}
	return key
}

// sortKeys fills the sorted list: zeros first, then each class with the values in order. Of each class it marks as many values as new as
// must be counted, and lets the first row bear what is more than k rows.
func (c *Circuit) sortKeys(k, diversity int) {
	keys := make([]uint64, len(c.Raw))
	for i := range c.Raw {
		keys[i] = c.Raw[i].keyOf()
	}
	slices.Sort(keys)
	sameClass := func(a, b uint64) bool { return cmp.Compare(a>>classBit, b>>classBit) == 0 }
	for from := 0; from < len(keys); {
		to := from + 1
		for to < len(keys) && sameClass(keys[from], keys[to]) {
			to++
		}
		left := diversity
		for i := from; i < to; i++ {
			entry := Key{Value: number(keys[i]), Same: bit(i > from || keys[i] == 0), New: number(0), Gap: number(0)}
			if keys[i] != 0 {
				isNew := (i == from || keys[i] != keys[i-1]) && left > 0
				if isNew {
					left--
				}
				entry.New = bit(isNew)
				switch {
				case i == from:
					entry.Gap = signed(int64(to - from - k))
				default:
					entry.Gap = signed(int64(keys[i]-keys[i-1]) - int64(at(entry.New)))
				}
			}
			c.Keys[i] = entry
		}
		from = to
	}
}

// tally counts how often each entry of the tables is looked up. What no entry fits isn't counted: then the
// circuit can't be satisfied.
func (c *Circuit) tally(l statement.Layout) {
	where := map[uint64]int{}
	for i, v := range ranges() {
		where[v] = i
	}
	ofRanges := make([]uint64, len(c.RangeCounts))
	inRange := func(v frontend.Variable, pattern uint64) {
		if e := v.(fr.Element); e.IsUint64() && e.Uint64() < 1<<limbBits {
			if i, ok := where[pattern<<limbBits+e.Uint64()]; ok {
				ofRanges[i]++
			}
		}
	}
	var ofCodes [quasiSlots*quasiCodes + 1]uint64
	for slot := range c.Codes {
		for _, g := range c.Codes[slot] {
			inRange(g, patternByte)
		}
	}
	for i := range c.Raw {
		r := &c.Raw[i]
		inRange(r.Sensitive, patternAll)
		var zero [3]uint64
		for j := range zero {
			zero[j] = at(bit(l.Quasi(statement.FixedQuasi + j)))
		}
		threeCells(inRange, r.Flexible, zero)
		for j := range zero {
			zero[j] = at(bit(l.Direct(j)))
		}
		threeCells(inRange, r.Direct, zero)
		for j := range zero {
			zero[j] = 1 - zero[j]
		}
		threeCells(inRange, r.Erased, zero)
		for _, limb := range r.Tail {
			inRange(limb, patternAll)
		}
		inRange(r.last(), patternByte)
		inRange(c.Keys[i].Gap, patternAll)
		for slot := range r.Quasi {
			if !l.Quasi(slot) {
				ofCodes[0]++
			} else if q := r.Quasi[slot].(fr.Element); q.IsUint64() && q.Uint64() < quasiCodes {
				ofCodes[1+quasiCodes*slot+int(q.Uint64())]++
			}
		}
	}
	for i, n := range ofRanges {
		c.RangeCounts[i] = number(n)
	}
	for i, n := range ofCodes {
		c.CodeCounts[i] = number(n)
	}
}

func threeCells(inRange func(v frontend.Variable, pattern uint64), limbs [flexLimbs]frontend.Variable, zero [3]uint64) {
	inRange(limbs[0], zero[0]*patternNone)
	inRange(limbs[1], zero[0]*patternNoNibble1+zero[1]*patternNoByte1)
	inRange(limbs[2], zero[1]*patternNoByte2+zero[2]*patternNoNibble2)
	inRange(limbs[3], zero[2]*patternNone)
}

// last is the row's last limb: what remains above the other parts.
func (r *RawRow) last() fr.Element {
	rest := r.Elements[0].(fr.Element)
	take := func(v frontend.Variable, width uint) {
		part := v.(fr.Element)
		part.Mul(&part, power(width))
		rest.Sub(&rest, &part)
	}
	take(r.Sensitive, 0)
	for slot := range r.Quasi {
		take(r.Quasi[slot], uint(16*(1+slot)))
	}
	for i := range flexLimbs {
		take(r.Flexible[i], uint(flexBit+limbBits*i))
		take(r.Direct[i], uint(directBit+limbBits*i))
		take(r.Erased[i], uint(directBit+limbBits*i))
	}
	for i := range r.Tail {
		take(r.Tail[i], uint(tailBit+limbBits*i))
	}
	return *rest.Div(&rest, power(tailBit+limbBits*tailLimbs))
}

func power(width uint) *fr.Element { return new(fr.Element).SetBigInt(constant(1, width)) }

func number(n uint64) (e fr.Element) { return *e.SetUint64(n) }

func signed(n int64) (e fr.Element) { return *e.SetInt64(n) }

func bit(set bool) fr.Element {
	if set {
		return number(1)
	}
	return number(0)
}

// at is a small number that was assigned.
func at(v frontend.Variable) uint64 { e := v.(fr.Element); return e.Uint64() }

func fieldOf(e event.Element) (x fr.Element) { return *x.SetBytes(e[:]) }
