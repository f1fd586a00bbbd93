package dataaccess

import (
	"math/big"
	"reflect"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/math/bits"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// An attack is a false statement with a forged witness that one group of constraints stops, and nothing else does.
type attack struct {
	name string
	// weaken puts something that lacks the point in place of the one group.
	weaken func(g *groups)
	// forge returns the forged assignment.
	forge func(t *testing.T) *Circuit
	// digits, if not nil, is how the malicious prover writes v in len(out) digits; nil means honestly. It returns whether it did.
	digits func(t *testing.T, v *big.Int, out []*big.Int) bool
}

// weakened is the circuit without the group that an attack is about.
type weakened struct {
	Circuit
	attack *attack
}

func (c *weakened) Define(api frontend.API) error {
	g := sound()
	c.attack.weaken(&g)
	return define(api, &c.Circuit, g)
}

var attacks = []attack{
	{
		name:   "a purpose that is none: nobody need consent",
		weaken: func(g *groups) { g.purpose = purposeWithoutOne },
		forge: func(t *testing.T) *Circuit {
			a := reads(t, data(t, 1), 4, dissenter, 30)
			a.p.Purpose = 0
			return assign(t, a)
		},
	},
	{
		name:   "a purpose in digits that are not binary: 8 = −2 + 2·1 + 4·2, so that only consent to others counts",
		weaken: func(g *groups) { g.purpose = purposeWithoutBits },
		forge:  func(t *testing.T) *Circuit { return assign(t, reads(t, data(t, 1), dissenter)) },
		digits: func(_ *testing.T, v *big.Int, out []*big.Int) bool {
			if len(out) != table.MaxPurposes || v.Cmp(big.NewInt(1<<purpose)) != 0 {
				return false
			}
			write(out, new(big.Int))
			out[0].Sub(field, big.NewInt(2))
			out[1].SetInt64(1)
			out[2].SetInt64(2)
			return true
		},
	},
	{
		name:   "a mask in digits that are not binary: column 1 is read though the mask doesn't have it",
		weaken: func(g *groups) { g.columns = columnsWithoutBits },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4)
			e := honest(tab, 4, mask|0b10)
			minusTwo := num(-2 * int64(tab.Row(4).Cells[0])) // column 0 counts −1 times instead of once
			e[1] = add(e[1], minusTwo)
			a.p.Accesses = commit(num(1), a.w.Salt.Element(), e)
			return assign(t, a)
		},
		digits: func(_ *testing.T, v *big.Int, out []*big.Int) bool {
			if len(out) != columns || v.Cmp(big.NewInt(mask)) != 0 {
				return false
			}
			write(out, v)
			out[0].Sub(field, big.NewInt(1)) // −1 instead of 1
			out[1].SetInt64(1)               // 2 more
			return true
		},
	},
	{
		name:   "a row of another data set",
		weaken: func(g *groups) { g.dataset = func(frontend.API, *gadget.Hasher, *Circuit) {} },
		forge: func(t *testing.T) *Circuit {
			a := reads(t, data(t, 2), 4, 9, 30)
			a.p.Dataset = reads(t, data(t, 1), 4).p.Dataset
			return assign(t, a)
		},
	},
	{
		name:   "another number of rows than the data set's",
		weaken: func(g *groups) { g.dataset = datasetWithoutRows },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9, 30)
			a.p.Dataset = element(table.Commitment(tab.Root(), 20, schema)) // rows from 20 on are not the data set's
			return assign(t, a)
		},
	},
	{
		name:   "flags that are not binary: a whole row and two halves make two records",
		weaken: func(g *groups) { g.real = func(frontend.API, []Slot) {} },
		forge: func(t *testing.T) *Circuit {
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
		name:   "a gap in the list: a real slot behind padding",
		weaken: func(g *groups) { g.real = binaryInAnyOrder },
		forge: func(t *testing.T) *Circuit {
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
		name:   "padding as a record: three are stated, two were read",
		weaken: func(g *groups) { g.count = func(frontend.API, []Slot, frontend.Variable) {} },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9)
			c := assign(t, a)
			c.Records = 3
			c.Accesses = value(commit(num(3), a.w.Salt.Element(), honest(tab, 4, mask), honest(tab, 9, mask)))
			return c
		},
	},
	{
		name:   "records as padding: two are stated, three were read",
		weaken: func(g *groups) { g.count = func(frontend.API, []Slot, frontend.Variable) {} },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9, 30)
			c := assign(t, a)
			c.Records = 2
			c.Accesses = value(commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), honest(tab, 9, mask), honest(tab, 30, mask)))
			return c
		},
	},
	{
		name:   "a duplicate row: the gap is −1",
		weaken: func(g *groups) { g.order = orderWithoutRange },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9)
			a.w.Records[1] = a.w.Records[0]
			a.p.Accesses = commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), honest(tab, 4, mask))
			return assign(t, a) // which computes the gap
		},
	},
	{
		name:   "an index that wraps around the field, back to an earlier row",
		weaken: func(g *groups) { g.order = orderWithoutRange },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9, 30)
			a.w.Records[0], a.w.Records[1], a.w.Records[2] = a.w.Records[1], a.w.Records[0], a.w.Records[1]
			a.p.Accesses = commit(num(3), a.w.Salt.Element(), honest(tab, 9, mask), honest(tab, 4, mask), honest(tab, 9, mask))
			return assign(t, a)
		},
	},
	{
		name:   "an index that wraps at 2^20: row 5 once more",
		weaken: func(g *groups) { g.index = indexWithoutTop },
		forge: func(t *testing.T) *Circuit {
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
		name:   "a row that was made up",
		weaken: func(g *groups) { g.path = pathToAnywhere },
		forge: func(t *testing.T) *Circuit {
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
		name:   "a row at another place of the tree: its index is a lie",
		weaken: func(g *groups) { g.path = pathOfAnyTop },
		forge: func(t *testing.T) *Circuit {
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
		name:   "the cells and the consent of the row next to it",
		weaken: func(g *groups) { g.row = firstRow },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, dissenter)
			e := honest(tab, 4, mask) // rows 4 to 7 share a block
			e[0] = num(dissenter)
			a.p.Accesses = commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), e)
			return assign(t, a)
		},
	},
	{
		name:   "overflow in the packing: cell 1 counted as part of cell 0, past the mask",
		weaken: func(g *groups) { g.cells = cellsWithoutRange },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4)
			a.p.Accesses = commit(num(1), a.w.Salt.Element(), honest(tab, 4, mask|0b10))
			return assign(t, a)
		},
		digits: func(t *testing.T, v *big.Int, out []*big.Int) bool {
			cells := data(t, 1).Row(4).Cells
			e := table.PackCells(cells[:15])
			if len(out) != 240 || v.Cmp(gadget.Constant(e)) != 0 {
				return false
			}
			write(out, v)
			write(out[16:32], new(big.Int))
			out[0].Add(out[0], big.NewInt(int64(cells[1])<<16))
			return true
		},
	},
	{
		name:   "a column outside of the mask",
		weaken: func(g *groups) { g.mask = packAll },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4)
			a.p.Accesses = commit(num(1), a.w.Salt.Element(), honest(tab, 4, 1<<dataColumns-1))
			return assign(t, a)
		},
	},
	{
		name:   "a row without consent",
		weaken: func(g *groups) { g.consent = binaryConsent },
		forge:  func(t *testing.T) *Circuit { return assign(t, reads(t, data(t, 1), 4, dissenter, 30)) },
	},
	{
		name:   "a consent digit that is not binary: bit 3 borrowed from bit 2",
		weaken: func(g *groups) { g.consent = consentWithoutBits },
		forge:  func(t *testing.T) *Circuit { return assign(t, reads(t, data(t, 1), 4, dissenter, 30)) },
		digits: func(t *testing.T, v *big.Int, out []*big.Int) bool {
			if !isDissenter(t, v, out) {
				return false
			}
			out[purpose].SetInt64(1)
			out[purpose-1].Sub(out[purpose-1], big.NewInt(2)).Mod(out[purpose-1], field)
			return true
		},
	},
	{
		name:   "a row's salt cut to pay for a consent bit",
		weaken: func(g *groups) { g.salt = func(frontend.API, []frontend.Variable) {} },
		forge:  func(t *testing.T) *Circuit { return assign(t, reads(t, data(t, 1), 4, dissenter, 30)) },
		digits: func(t *testing.T, v *big.Int, out []*big.Int) bool {
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
		name:   "padding that shows a row in the list",
		weaken: func(g *groups) { g.slot = slotWithoutPadding },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9)
			a.p.Accesses = commit(num(2), a.w.Salt.Element(), honest(tab, 4, mask), honest(tab, 9, mask), honest(tab, 9, mask))
			return assign(t, a)
		},
	},
	{
		name:   "an index beyond the last row, where the controller planted one",
		weaken: func(g *groups) { g.rows = func(frontend.API, frontend.Variable, frontend.Variable) {} },
		forge: func(t *testing.T) *Circuit {
			a := reads(t, data(t, 1), 4, 9, 30)
			a.w.Rows = 20
			a.restate(t)
			return assign(t, a)
		},
	},
	{
		name:   "a list salt that is no salt of 16 bytes",
		weaken: func(g *groups) { g.listSalt = func(frontend.API, frontend.Variable) {} },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			c := assign(t, reads(t, tab, 4))
			salt := pow2(table.SaltBits)
			c.Salt = gadget.Constant(salt)
			c.Accesses = value(commit(num(1), salt, honest(tab, 4, mask)))
			return c
		},
	},
	{
		name:   "a list whose salt is cut",
		weaken: func(g *groups) { g.accesses = accessesWithoutSalt },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			c := assign(t, reads(t, tab, 4))
			c.Accesses = value(commit(num(1), fr.Element{}, honest(tab, 4, mask)))
			return c
		},
	},
	{
		name:   "another list",
		weaken: func(g *groups) { g.accesses = func(frontend.API, *gadget.Hasher, *Circuit, []frontend.Variable) {} },
		forge: func(t *testing.T) *Circuit {
			tab := data(t, 1)
			a := reads(t, tab, 4, 9, 30)
			a.p.Accesses = reads(t, tab, 4, 9, 31).p.Accesses
			return assign(t, a)
		},
	},
}

func TestAttacks(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	if err := solve(ccs, assign(t, reads(t, data(t, 1), 4, 9, 30))); err != nil {
		t.Fatalf("the circuit refuses an honest witness: %v", err)
	}
	nBits := solver.GetHintID(bits.GetHints()[1])
	for i := range attacks {
		a := &attacks[i]
		t.Run(a.name, func(t *testing.T) {
			forged := a.forge(t)
			var opts []solver.Option
			if a.digits != nil {
				forgeries := 0
				opts = append(opts, solver.OverrideHint(nBits, func(_ *big.Int, in, out []*big.Int) error {
					write(out, in[0])
					if a.digits(t, in[0], out) {
						forgeries++
					}
					return nil
				}), solver.WithNbTasks(1))
				defer func() {
					if forgeries == 0 {
						t.Error("the forged digits were never asked for")
					}
				}()
			}
			without := compile(t, &weakened{Circuit: *New(capacity), attack: a})
			if err := solve(without, &weakened{Circuit: *forged}, opts...); err != nil {
				t.Errorf("the forgery fails even without the group, so that it proves nothing: %v", err)
			}
			if err := solve(ccs, forged, opts...); err == nil {
				t.Error("the circuit accepts the forgery")
			}
		})
	}
}

// Every group has an attack, and every attack is on one group.
func TestEveryGroupIsAttacked(t *testing.T) {
	attacked := map[string]bool{"bind": true} // TestUnboundContext
	before := reflect.ValueOf(sound())
	for _, a := range attacks {
		g := sound()
		a.weaken(&g)
		after := reflect.ValueOf(g)
		changed := 0
		for i := range after.NumField() {
			if after.Field(i).Pointer() != before.Field(i).Pointer() {
				attacked[after.Type().Field(i).Name] = true
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("%s: changes %d groups, want 1", a.name, changed)
		}
	}
	for i := range before.NumField() {
		if name := before.Type().Field(i).Name; !attacked[name] {
			t.Errorf("there is no attack on the group %s", name)
		}
	}
}

// write writes v in binary.
func write(out []*big.Int, v *big.Int) {
	for i := range out {
		out[i].SetUint64(uint64(v.Bit(i)))
	}
}

// isDissenter tells whether v is the dissenter's salt and consent, about to be written in digits.
func isDissenter(t *testing.T, v *big.Int, out []*big.Int) bool {
	row := data(t, 1).Row(dissenter)
	e := table.PackSalt(row.Salt, row.Consent)
	return len(out) == table.MaxPurposes+table.SaltBits && v.Cmp(gadget.Constant(e)) == 0
}

func value(e event.Element) *big.Int { return new(big.Int).SetBytes(e[:]) }
