package anonymization

import (
	"regexp"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/gadget"
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
	// Some forgeries count look-ups as the weakened circuit has them. Counted as the real one has them, they fail too.
	Recount: func(c *Circuit) { c.tally(layout) },
}

// last is the last chunk of a data set of 45 rows: 13 rows, of which number 5 is in a class of its own.
const (
	last    = 2
	first   = last * capacity // its first row
	rows    = 45
	outlier = 5
)

// unsafe releases everything, the outlier too, and states k = 3.
func unsafe(t *testing.T) *story {
	s := tellWith(t, data(1, rows), last, layout, hierarchy(), 1, 1)
	s.p.K = k
	return s
}

// place finds where the outlier was released: in column 1 it has the label of 90.
func place(s *story) *table.Row {
	for i := range s.out.Rows[first:] {
		if r := &s.out.Rows[first+i]; r.Cells[1] == uint16(s.h[0][90]) {
			return r
		}
	}
	panic("the outlier wasn't released")
}

// outlierKey is the entry of the list that is the outlier's.
func outlierKey(c *Circuit) int {
	for i := range c.Keys {
		if at(c.Keys[i].Value) == c.Raw[outlier].keyOf() {
			return i
		}
	}
	panic("the outlier isn't in the list")
}

var attacks = []attack{
	{
		Name:   "flags that are not binary: half a quasi-identifier for another column hides the one in column 4",
		Weaken: func(g *groups) { g.columns = halfFlags },
		Forge:  forgeHalfFlags,
	},
	{
		Name:   "another chunk's number",
		Weaken: func(g *groups) { g.chunk = chunkZero },
		Forge:  forgeChunk,
	},
	{
		Name:   "a chunk at another place of the tree",
		Weaken: func(g *groups) { g.path = pathOfChunkZero },
		Forge:  forgeChunk,
	},
	{
		Name:   "padding as a row of the data set, a row as padding",
		Weaken: func(g *groups) { g.real = func(frontend.API, []RawRow) {} },
		Forge: func(t *testing.T) *Circuit {
			all := data(1, rows)
			all[first+11].Cells[1] = 90 // suppressed as well, so that released rows 11 and 12 are blank
			c := tell(t, all, last).assign(t)
			c.Raw[11].Real, c.Raw[13].Real = number(0), number(1)
			return c
		},
	},
	{
		Name:   "one row more than there is",
		Weaken: func(g *groups) { g.count = func(frontend.API, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			s := tell(t, data(1, rows), last)
			c := s.assign(t)
			c.Rows, c.Suppressed = number(s.p.Rows+1), number(s.p.Suppressed+1)
			return c
		},
	},
	{
		Name:   "padding as a row that is kept: it stands in for a suppressed one",
		Weaken: func(g *groups) { g.keep = func(frontend.API, []RawRow) {} },
		Forge: func(t *testing.T) *Circuit {
			s := tell(t, data(1, rows), last)
			copy(s.out.Rows[rows-1].Cells, []uint16{0, 1, 1, 1, 1}) // what a row of zeros is generalized to
			w := s.witness(t)
			w.Keep[13] = true
			s.p.Suppressed = 0
			return assign(t, w, s.p)
		},
	},
	{
		Name:   "suppressed rows that are not stated: they make a class of blanks",
		Weaken: func(g *groups) { g.suppressed = func(frontend.API, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			all := data(1, capacity)
			for i := range 4 {
				all[i].Cells[1] = uint16(90 + 10*i)
			}
			s := tellWith(t, all, 0, layout, hierarchy(), k, 1)
			suppressed := s.p.Suppressed
			s.p.Suppressed = 0
			c := s.assign(t)
			c.Keys[0].Same, c.Keys[0].New, c.Keys[0].Gap = number(0), number(1), number(suppressed-k)
			c.tally(layout)
			return c
		},
	},
	{
		Name:   "a data set that has blocks beyond its last row",
		Weaken: func(g *groups) { g.leaves = hashAll },
		Forge: func(t *testing.T) *Circuit {
			s := tell(t, data(1, 2*capacity+8), last)
			c := s.assign(t)
			c.Dataset, c.Released = fullCommitment(c, rawElements(c), &c.RawTree), fullCommitment(c, c.Out, &c.ReleasedTree)
			return c
		},
	},
	{
		Name: "a chunk of another raw data set",
		Weaken: func(g *groups) {
			g.dataset = func(frontend.API, *gadget.Hasher, *Tree, frontend.Variable, frontend.Variable) {}
		},
		Forge: func(t *testing.T) *Circuit {
			c := tell(t, data(1, rows), last).assign(t)
			c.Dataset = tell(t, data(2, rows), last).assign(t).Dataset
			return c
		},
	},
	{
		Name: "a chunk of another released data set",
		Weaken: func(g *groups) {
			g.released = func(frontend.API, *gadget.Hasher, *Tree, frontend.Variable, frontend.Variable) {}
		},
		Forge: func(t *testing.T) *Circuit {
			c := tell(t, data(1, rows), last).assign(t)
			c.Released = tell(t, data(2, rows), last).assign(t).Released
			return c
		},
	},
	{
		Name:   "other hierarchies than the stated ones",
		Weaken: func(g *groups) { g.hierarchy = func(frontend.API, *gadget.Hasher, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			s := tell(t, data(1, rows), last)
			other := *s.h
			other[0][17]++
			s.p.Hierarchy = other.Digest()
			return s.assign(t)
		},
	},
	{
		Name:   "overflow in the packing of hierarchies: 256 more for one code, 1 less for the next",
		Weaken: func(g *groups) { g.codes = func(*Circuit, *lookups) {} },
		Forge: func(t *testing.T) *Circuit {
			all := data(1, rows)
			for i := first; i < rows; i += 2 {
				all[i].Cells[1] = 0
			}
			s := tell(t, all, last)
			for i := first; i < rows; i++ {
				if s.out.Rows[i].Cells[1] == 1 {
					s.out.Rows[i].Cells[1] = 257
				}
			}
			c := s.assign(t)
			for i := range c.Raw {
				if at(c.Raw[i].Quasi[0]) == 0 {
					c.Raw[i].Generalized[0] = number(257)
				}
			}
			c.Codes[0][0], c.Codes[0][1] = number(257), number(0)
			c.sortKeys(k, l)
			c.tally(layout)
			forgetCodes(c)
			return c
		},
	},
	{
		Name:   "a raw code that isn't the row's: the outlier is taken for 5",
		Weaken: func(g *groups) { g.cells = func(frontend.API, *lookups, *RawRow, []frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
			s := unsafe(t)
			place(s).Cells[1] = 90 - 5 + 1
			c := s.assign(t)
			c.Raw[outlier].Quasi[0], c.Raw[outlier].Generalized[0] = number(5), number(1)
			c.sortKeys(k, 1)
			c.tally(layout)
			forget(c.RangeCounts, c)
			return c
		},
	},
	{
		Name:   "a generalized code that isn't the hierarchies'",
		Weaken: func(g *groups) { g.generalize = func(frontend.API, *lookups, *RawRow) {} },
		Forge: func(t *testing.T) *Circuit {
			c := forgeLabel(t)
			for i := range c.CodeCounts {
				c.CodeCounts[i] = number(0)
			}
			return c
		},
	},
	{
		Name:   "a look-up that finds nothing",
		Weaken: func(g *groups) { g.lookup = func(_ frontend.API, _ challenges, c *Circuit, _ *lookups) {} },
		Forge:  forgeLabel,
	},
	{
		Name:   "a released row with another cell",
		Weaken: func(g *groups) { g.permutation = func(frontend.API, challenges, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			s := tell(t, data(1, rows), last)
			s.out.Rows[first+3].Cells[11]++
			return s.assign(t)
		},
	},
	{
		Name:   "a raw row that is released twice, in another one's place",
		Weaken: func(g *groups) { g.permutation = func(frontend.API, challenges, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			s := tell(t, data(1, rows), last)
			s.out.Rows[first+3].Cells = s.out.Rows[first+4].Cells
			return s.assign(t)
		},
	},
	{
		Name:   "a direct identifier that is still there",
		Weaken: func(g *groups) { g.permutation = func(frontend.API, challenges, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			s := tell(t, data(1, rows), last)
			s.out.Rows[first+3].Cells[8] = 1
			return s.assign(t)
		},
	},
	{
		Name:   "a suppressed row that is there all the same",
		Weaken: func(g *groups) { g.permutation = func(frontend.API, challenges, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			s := tell(t, data(1, rows), last)
			s.out.Rows[rows-1].Cells = s.rows[first+outlier].Cells
			return s.assign(t)
		},
	},
	{
		Name:   "a released row beyond the last one, where nobody sees it",
		Weaken: func(g *groups) { g.permutation = permuteBeyond },
		Forge: func(t *testing.T) *Circuit {
			s := tell(t, data(1, rows), last)
			w := s.witness(t)
			w.Released.Rows[14], w.Released.Rows[3] = w.Released.Rows[3], w.Released.Rows[14]
			c := assign(t, w, s.p)
			c.Released = commitment(c, c.Out, &c.ReleasedTree, int(s.p.Rows))
			return c
		},
	},
	{
		Name:   "a list of keys that are made up",
		Weaken: func(g *groups) { g.keys = func(frontend.API, challenges, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			c := unsafe(t).assign(t)
			g := c.Raw[outlier].Generalized[0]
			c.Raw[outlier].Generalized[0] = c.Raw[0].Generalized[0] // for the list only
			c.sortKeys(k, 1)
			c.Raw[outlier].Generalized[0] = g
			c.tally(layout)
			return c
		},
	},
	{
		Name:   "a value that counts twice",
		Weaken: func(g *groups) { g.fresh = func(frontend.API, []Key) {} },
		Forge: func(t *testing.T) *Circuit {
			all := data(1, rows)
			for i := range all {
				all[i].Cells[0] = 1
			}
			s := tellWith(t, all, last, layout, hierarchy(), k, 1)
			s.p.Diversity = 2
			c := s.assign(t)
			for i := range c.Keys {
				if at(c.Keys[i].New) == 1 {
					c.Keys[i].New = number(2)
				}
			}
			return c
		},
	},
	{
		Name:   "two classes as one: a gap that is too large",
		Weaken: func(g *groups) { g.gaps = func(*lookups, []Key) {} },
		Forge: func(t *testing.T) *Circuit {
			c := forgeMerged(t, func(k *Key, apart fr.Element) { k.Gap = apart })
			c.tally(layout)
			forgetGaps(c)
			return c
		},
	},
	{
		Name:   "two classes as one: a key that doesn't go on with the run",
		Weaken: func(g *groups) { g.order = func(frontend.API, *gadget.Products, []Key) {} },
		Forge: func(t *testing.T) *Circuit {
			c := forgeMerged(t, func(k *Key, _ fr.Element) { k.Gap = number(0) })
			c.tally(layout)
			return c
		},
	},
	{
		Name:   "a class of one row",
		Weaken: func(g *groups) { g.enough = func(frontend.API, *gadget.Products, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			c := unsafe(t).assign(t)
			c.Keys[outlierKey(c)].Gap = number(0)
			c.tally(layout)
			return c
		},
	},
	{
		Name:   "a class of one value",
		Weaken: func(g *groups) { g.enough = func(frontend.API, *gadget.Products, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			s := tellWith(t, data(1, rows), last, layout, hierarchy(), k, l)
			s.p.Diversity = 4 // of three
			return s.assign(t)
		},
	},
	{
		Name:   "a number that isn't small: the class of one row lacks two",
		Weaken: func(g *groups) { g.ranges = func(frontend.API, challenges, *Circuit, *lookups) {} },
		Forge:  func(t *testing.T) *Circuit { return unsafe(t).assign(t) }, // which gives the run's first row the gap −2
	},
}

func TestAttacks(t *testing.T) {
	underAttack.Attack(t, attacks, tell(t, data(1, rows), last).assign(t))
}

// Every group has an attack, and every attack is on one group.
func TestEveryGroupIsAttacked(t *testing.T) { underAttack.EveryGroupIsAttacked(t, attacks) }

// All that the arguments at a random point are about is committed to before the point is known. What isn't, stands in plain equations
// only: the ways to the roots, salts, and flags. (Those of real rows follow from their public number.)
func TestChallengeDependsOnEverything(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	committed := map[int]bool{}
	for _, wire := range ccs.GetCommitments().(constraint.Groth16Commitments)[0].PrivateCommitted {
		committed[wire] = true
	}
	free := regexp.MustCompile(`^((Raw|Released)Tree_.*|Raw_\d+_Elements_2|Raw_\d+_Real|Out_\d+_2|Keys_\d+_(Same|New))$`)
	names := ccs.(interface{ VariableToString(int) string })
	public, secret := ccs.GetNbPublicVariables(), ccs.GetNbSecretVariables()
	for wire := public; wire < public+secret; wire++ {
		if name := names.VariableToString(wire); free.MatchString(name) == committed[wire] {
			t.Errorf("%s: committed to is %v", name, committed[wire])
		}
	}
}
