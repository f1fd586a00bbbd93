package dataaccess

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

type attack = circuittest.Attack[Circuit, groups]

var underAttack = circuittest.Circuit[Circuit, groups]{
	New:     func() *Circuit { return New(capacity) },
	Compile: full,
	Sound:   sound,
	Define:  define,
	Unbind:  func(g *groups) { g.bind = func(frontend.API, *Circuit) {} },
	Context: func(c *Circuit) *frontend.Variable { return &c.Context },
}

var attacks = []attack{
	{
		Name:   "a purpose that is none: nobody need consent",
		Weaken: func(g *groups) { g.purpose = purposeWithoutOne },
		Forge: func(t *testing.T) *Circuit {
			a := reads(t, data(t, 1), 4, dissenter, 30)
			a.p.Purpose = 0
			return assign(t, a)
		},
	},
	{
		Name:   "a purpose in digits that are not binary: 8 = −2 + 2·1 + 4·2, so that only consent to others counts",
		Weaken: func(g *groups) { g.purpose = purposeWithoutBits },
		Forge:  func(t *testing.T) *Circuit { return assign(t, reads(t, data(t, 1), dissenter)) },
		Digits: func(_ *testing.T, v *big.Int, out []*big.Int) bool {
			if len(out) != table.MaxPurposes || v.Cmp(big.NewInt(1<<purpose)) != 0 {
				return false
			}
			circuittest.WriteBits(out, new(big.Int))
			out[0].Sub(field, big.NewInt(2))
			out[1].SetInt64(1)
			out[2].SetInt64(2)
			return true
		},
	},
	{
		Name:   "a mask in digits that are not binary: column 1 is read though the mask doesn't have it",
		Weaken: func(g *groups) { g.columns = columnsWithoutBits },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4)
			e := honest(tab, 4, mask|0b10)
			minusTwo := num(-2 * int64(tab.Row(4).Cells[0])) // column 0 counts −1 times instead of once
			e[1] = add(e[1], minusTwo)
			a.p.Accesses = commit(num(1), a.w.Salt.Element(), e)
			return assign(t, a)
		},
		Digits: func(_ *testing.T, v *big.Int, out []*big.Int) bool {
			if len(out) != columns || v.Cmp(big.NewInt(mask)) != 0 {
				return false
			}
			circuittest.WriteBits(out, v)
			out[0].Sub(field, big.NewInt(1)) // −1 instead of 1
			out[1].SetInt64(1)               // 2 more
			return true
		},
	},
	{
		Name:   "a row of another data set",
		Weaken: func(g *groups) { g.dataset = func(frontend.API, *gadget.Hasher, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			a := reads(t, data(t, 2), 4, 9, 30)
			a.p.Dataset = reads(t, data(t, 1), 4).p.Dataset
			return assign(t, a)
		},
	},
	{
		Name:   "another number of rows than the data set's",
		Weaken: func(g *groups) { g.dataset = datasetWithoutRows },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9, 30)
			a.p.Dataset = element(table.Commitment(tab.Root(), 20, schema)) // rows from 20 on are not the data set's
			return assign(t, a)
		},
	},
	{
		Name:   "flags that are not binary: a whole row and two halves make two records",
		Weaken: func(g *groups) { g.real = func(frontend.API, []Slot) {} },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 5, 6)
			c := assign(t, a)
			var half fr.Element
			half.SetUint64(2).Inverse(&half)
			for i := 1; i < 3; i++ {
				c.Slots[i].Real = gadget.Constant(half)
				c.Slots[i].Gap = 1 // and so the step is 1
			}
			blend := func(row int) (e entry) {
				e = honest(tab, row, mask)
				none := entry{poseidon.Empty(poseidon.EmptySlot)}
				for i := range e {
					e[i] = mul(half, add(e[i], none[i]))
				}
				return e
			}
			c.Records = 2
			c.Accesses = value(commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), blend(5), blend(6)))
			return c
		},
	},
	{
		Name:   "a gap in the list: a real slot behind padding",
		Weaken: func(g *groups) { g.real = binaryInAnyOrder },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9)
			c := assign(t, a)
			c.Slots[1], c.Slots[2] = slotOf(a.w.Records[0]), c.Slots[1]
			c.Slots[1].Real, c.Slots[1].Gap = 0, 0
			c.Accesses = value(commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), entry{poseidon.Empty(poseidon.EmptySlot)}, honest(tab, 9, mask)))
			return c
		},
	},
	{
		Name:   "padding as a record: three are stated, two were read",
		Weaken: func(g *groups) { g.count = func(frontend.API, []Slot, frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9)
			c := assign(t, a)
			c.Records = 3
			c.Accesses = value(commit(num(3), a.w.Salt.Element(), honest(tab, 4, mask), honest(tab, 9, mask)))
			return c
		},
	},
	{
		Name:   "records as padding: two are stated, three were read",
		Weaken: func(g *groups) { g.count = func(frontend.API, []Slot, frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9, 30)
			c := assign(t, a)
			c.Records = 2
			c.Accesses = value(commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), honest(tab, 9, mask), honest(tab, 30, mask)))
			return c
		},
	},
	{
		Name:   "a duplicate row: the gap is −1",
		Weaken: func(g *groups) { g.order = orderWithoutRange },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9)
			a.w.Records[1] = a.w.Records[0]
			a.p.Accesses = commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), honest(tab, 4, mask))
			return assign(t, a) // which computes the gap
		},
	},
	{
		Name:   "an index that wraps around the field, back to an earlier row",
		Weaken: func(g *groups) { g.order = orderWithoutRange },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9, 30)
			a.w.Records[0], a.w.Records[1], a.w.Records[2] = a.w.Records[1], a.w.Records[0], a.w.Records[1]
			a.p.Accesses = commit(num(3), a.w.Salt.Element(), honest(tab, 9, mask), honest(tab, 4, mask), honest(tab, 9, mask))
			return assign(t, a)
		},
	},
	{
		Name:   "an index that wraps at 2^20: row 5 once more",
		Weaken: func(g *groups) { g.index = indexWithoutTop },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 5)
			a.w.Rows = 1<<indexDigits + 100 // of a data set whose controller helps
			a.restate(t)
			again := a.w.Records[0]
			again.Index += 1 << indexDigits
			a.w.Records = append(a.w.Records, again)
			a.p.Records = 2
			e := honest(tab, 5, mask)
			e[0] = num(int64(again.Index))
			a.p.Accesses = commit(num(2), a.w.Salt.Element(), honest(tab, 5, mask), e)
			return assign(t, a)
		},
	},
	{
		Name:   "a row that was made up",
		Weaken: func(g *groups) { g.path = pathToAnywhere },
		Forge: func(t *testing.T) *Circuit {
			a := reads(t, data(t, 1), 4, 9, 30)
			o := &a.w.Records[1]
			o.Block[o.Index%rowsPerBlock*rowElements] = num(12345)
			list, err := a.w.Accesses(capacity, mask)
			if err != nil {
				t.Fatal(err)
			}
			a.p.Accesses = list
			return assign(t, a)
		},
	},
	{
		Name:   "a row at another place of the tree: its index is a lie",
		Weaken: func(g *groups) { g.path = pathOfAnyTop },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4)
			a.w.Rows = 1 << indexDigits // a large data set
			a.restate(t)
			again := a.w.Records[0]
			again.Index += 1 << (rowDigits + pathDigits) // the same path, below the next top node
			a.w.Records = append(a.w.Records, again)
			a.p.Records = 2
			e := honest(tab, 4, mask)
			e[0] = num(int64(again.Index))
			a.p.Accesses = commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), e)
			return assign(t, a)
		},
	},
	{
		Name:   "the cells and the consent of the row next to it",
		Weaken: func(g *groups) { g.row = firstRow },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, dissenter)
			e := honest(tab, 4, mask) // rows 4 to 7 share a block
			e[0] = num(dissenter)
			a.p.Accesses = commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), e)
			return assign(t, a)
		},
	},
	{
		Name:   "overflow in the packing: cell 1 counted as part of cell 0, past the mask",
		Weaken: func(g *groups) { g.cells = cellsWithoutRange },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4)
			a.p.Accesses = commit(num(1), a.w.Salt.Element(), honest(tab, 4, mask|0b10))
			return assign(t, a)
		},
		Digits: func(t *testing.T, v *big.Int, out []*big.Int) bool {
			cells := data(t, 1).Row(4).Cells
			e := table.PackCells(cells[:15])
			if len(out) != 240 || v.Cmp(gadget.Constant(e)) != 0 {
				return false
			}
			circuittest.WriteBits(out, v)
			circuittest.WriteBits(out[16:32], new(big.Int))
			out[0].Add(out[0], big.NewInt(int64(cells[1])<<16))
			return true
		},
	},
	{
		Name:   "a column outside of the mask",
		Weaken: func(g *groups) { g.mask = packAll },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4)
			a.p.Accesses = commit(num(1), a.w.Salt.Element(), honest(tab, 4, 1<<dataColumns-1))
			return assign(t, a)
		},
	},
	{
		Name:   "a row without consent",
		Weaken: func(g *groups) { g.consent = binaryConsent },
		Forge:  func(t *testing.T) *Circuit { return assign(t, reads(t, data(t, 1), 4, dissenter, 30)) },
	},
	{
		Name:   "a consent digit that is not binary: bit 3 borrowed from bit 2",
		Weaken: func(g *groups) { g.consent = consentWithoutBits },
		Forge:  func(t *testing.T) *Circuit { return assign(t, reads(t, data(t, 1), 4, dissenter, 30)) },
		Digits: func(t *testing.T, v *big.Int, out []*big.Int) bool {
			if !isDissenter(t, v, out) {
				return false
			}
			out[purpose].SetInt64(1)
			out[purpose-1].Sub(out[purpose-1], big.NewInt(2)).Mod(out[purpose-1], field)
			return true
		},
	},
	{
		Name:   "a row's salt cut to pay for a consent bit",
		Weaken: func(g *groups) { g.salt = func(frontend.API, []frontend.Variable) {} },
		Forge:  func(t *testing.T) *Circuit { return assign(t, reads(t, data(t, 1), 4, dissenter, 30)) },
		Digits: func(t *testing.T, v *big.Int, out []*big.Int) bool {
			if !isDissenter(t, v, out) {
				return false
			}
			out[purpose].SetInt64(1)
			share := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), table.MaxPurposes-purpose), field) // 2^3 / 2^64
			out[table.MaxPurposes].Sub(out[table.MaxPurposes], share).Mod(out[table.MaxPurposes], field)
			return true
		},
	},
	{
		Name:   "padding that shows a row in the list",
		Weaken: func(g *groups) { g.slot = slotWithoutPadding },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9)
			a.p.Accesses = commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), honest(tab, 9, mask), honest(tab, 9, mask))
			return assign(t, a)
		},
	},
	{
		Name:   "an index beyond the last row, where the controller planted one",
		Weaken: func(g *groups) { g.rows = func(frontend.API, frontend.Variable, frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
			a := reads(t, data(t, 1), 4, 9, 30)
			a.w.Rows = 20
			a.restate(t)
			return assign(t, a)
		},
	},
	{
		Name:   "a list salt that is no salt of 16 bytes",
		Weaken: func(g *groups) { g.listSalt = func(frontend.API, frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			c := assign(t, reads(t, tab, 4))
			salt := pow2(table.SaltBits)
			c.Salt = gadget.Constant(salt)
			c.Accesses = value(commit(num(1), salt, honest(tab, 4, mask)))
			return c
		},
	},
	{
		Name:   "a list whose salt is cut",
		Weaken: func(g *groups) { g.accesses = accessesWithoutSalt },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			c := assign(t, reads(t, tab, 4))
			c.Accesses = value(commit(num(1), fr.Element{}, honest(tab, 4, mask)))
			return c
		},
	},
	{
		Name:   "another list",
		Weaken: func(g *groups) { g.accesses = func(frontend.API, *gadget.Hasher, *Circuit, []frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9, 30)
			a.p.Accesses = reads(t, tab, 4, 9, 31).p.Accesses
			return assign(t, a)
		},
	},
}

func TestAttacks(t *testing.T) {
	underAttack.Attack(t, attacks, assign(t, reads(t, data(t, 1), 4, 9, 30)))
}

// Every group has an attack, and every attack is on one group.
func TestEveryGroupIsAttacked(t *testing.T) { underAttack.EveryGroupIsAttacked(t, attacks) }

// isDissenter tells whether v is the dissenter's salt and consent, about to be written in digits.
func isDissenter(t *testing.T, v *big.Int, out []*big.Int) bool {
	row := data(t, 1).Row(dissenter)
	e := table.PackSalt(row.Salt, row.Consent)
	return len(out) == table.MaxPurposes+table.SaltBits && v.Cmp(gadget.Constant(e)) == 0
}

func value(e event.Element) *big.Int { return new(big.Int).SetBytes(e[:]) }
