package anonymization

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"pgregory.net/rapid"

	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// changes are things that may be wrong with a release. Some leave it true. Those of rows come before commitments are made, so that they break
// the rule that they are meant to break and not just a hash.
var changes = map[string]func(r *rand.Rand, s *story){
	"nothing":          func(*rand.Rand, *story) {},
	"k":                func(r *rand.Rand, s *story) { s.p.K = uint64(r.IntN(9)) },
	"diversity":        func(r *rand.Rand, s *story) { s.p.Diversity = uint64(r.IntN(5)) },
	"suppressed":       func(r *rand.Rand, s *story) { s.p.Suppressed = uint64(r.IntN(capacity + 1)) },
	"rows":             func(r *rand.Rand, s *story) { s.p.Rows = uint64(r.IntN(capacity + 2)) },
	"chunk":            func(r *rand.Rand, s *story) { s.p.Chunk = uint64(r.IntN(4)) },
	"columns":          func(r *rand.Rand, s *story) { s.p.Columns ^= 1 << r.IntN(7) },
	"hierarchy":        func(r *rand.Rand, s *story) { s.h[r.IntN(6)][r.IntN(4)]++ },
	"stated hierarchy": func(r *rand.Rand, s *story) { s.p.Hierarchy[31]++ },
	"a raw cell":       func(r *rand.Rand, s *story) { aRow(r, s, s.rows).Cells[r.IntN(10)] = uint16(r.Uint32() >> r.IntN(16)) },
	"a released cell":  func(r *rand.Rand, s *story) { aRow(r, s, s.out.Rows).Cells[r.IntN(dataColumns)] = uint16(r.IntN(3)) },
	"a released salt":  func(r *rand.Rand, s *story) { aRow(r, s, s.out.Rows).Salt[0]++ },
	"a row that's kept": func(r *rand.Rand, s *story) {
		i := s.chunk*capacity + r.IntN(int(s.p.Rows))
		s.out.Keep[i] = !s.out.Keep[i]
	},
	"another order": func(r *rand.Rand, s *story) {
		from := s.chunk * capacity
		chunk := s.out.Rows[from:min(from+capacity, len(s.out.Rows))]
		r.Shuffle(len(chunk), func(i, j int) { chunk[i], chunk[j] = chunk[j], chunk[i] })
	},
}

func aRow(r *rand.Rand, s *story, rows []table.Row) *table.Row {
	return &rows[s.chunk*capacity+r.IntN(min(capacity, len(s.rows)-s.chunk*capacity))]
}

// The plain Go twin accepts exactly what the constraints accept.
func TestTwinEqualsCircuit(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	names, verdicts := slices.Sorted(maps.Keys(changes)), circuittest.Verdicts{}
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		n := rapid.IntRange(1, 3*capacity).Draw(rt, "rows")
		l := statement.Layout(rapid.Uint64Range(0, uint64(statement.MaxLayout)).Draw(rt, "layout"))
		rows := data(r.Uint64(), n)
		for i := range rows {
			rows[i].Cells[5], rows[i].Cells[6] = uint16(i%2), 0 // quasi-identifiers by some layouts
		}
		s := tellWith(t, rows, r.IntN((n-1)/capacity+1), l, hierarchy(), 1+r.IntN(4), 1+r.IntN(3))
		name := rapid.SampledFrom(names).Draw(rt, "change")
		before := s.p
		changes[name](r, s)
		w := s.witness(t)
		if name != "hierarchy" && name != "stated hierarchy" {
			s.p.Hierarchy = s.h.Digest()
		}
		twin := statement.CheckAnonymization(capacity, w, s.p)
		c, err := Assign(capacity, w, s.p)
		if err != nil {
			rt.Fatal(err)
		}
		verdicts.Agree(rt, fmt.Sprintf("%s (%+v)", name, before), twin, circuittest.Solve(ccs, c))
	})
	verdicts.Suffice(t, 1, 5)
}

// Each rule is broken by a change of its own, and the twin names it. The circuit refuses all the same.
func TestTwinNamesTheRule(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	unpacked := func(width uint) func(w *statement.AnonymizationWitness) {
		return func(w *statement.AnonymizationWitness) {
			var much fr.Element
			much.SetBigInt(constant(1, width))
			w.Raw.Rows[2][0].Add(&w.Raw.Rows[2][0], &much)
		}
	}
	for _, c := range []struct {
		name   string
		rule   statement.Rule
		change func(s *story)
		forge  func(w *statement.AnonymizationWitness)
	}{
		{"columns beyond the mask", statement.RuleLayout, func(s *story) { s.p.Columns |= 64 }, nil},
		{"more rows than fit", statement.RuleChunk, func(s *story) { s.p.Rows = capacity + 1 }, nil},
		{"another raw chunk", statement.RuleRaw, func(s *story) { s.p.Chunk = 1 }, nil},
		{"another released data set", statement.RuleReleased, nil, func(w *statement.AnonymizationWitness) { w.Released.Rows[2][2].SetUint64(1) }},
		{"other hierarchies", statement.RuleHierarchy, func(s *story) { s.p.Hierarchy[31] ^= 1 }, nil},
		{"a code without hierarchy", statement.RuleRawCells, func(s *story) { s.rows[first+3].Cells[1] = 128 }, nil},
		{"a sensitive code of 13 bits", statement.RuleRawCells, func(s *story) { s.rows[first+3].Cells[0] = 4096 }, nil},
		{"a row above 240 bits", statement.RuleRawCells, nil, unpacked(240)},
		{"a row far above 240 bits", statement.RuleRawCells, nil, unpacked(252)},
		{"one more suppressed", statement.RuleSuppressed, func(s *story) { s.p.Suppressed++ }, nil},
		{"padding that is kept", statement.RuleSuppressed, nil, func(w *statement.AnonymizationWitness) { w.Keep[14] = true }},
		{"another released cell", statement.RulePermutation, func(s *story) { s.out.Rows[first+3].Cells[12]++ }, nil},
		{"k", statement.RuleClasses, func(s *story) { s.p.K = 7 }, nil},
		{"diversity", statement.RuleDiversity, func(s *story) { s.p.Diversity = 4 }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := tell(t, data(3, rows), last)
			if c.change != nil {
				c.change(s)
			}
			w := s.witness(t)
			if c.forge != nil {
				released := s.p.Released
				c.forge(w)
				d, err := w.Raw.Commitment(capacity, s.p.Chunk, s.p.Rows)
				if err != nil {
					t.Fatal(err)
				}
				s.p.Dataset, s.p.Released = d, released
			}
			err := statement.CheckAnonymization(capacity, w, s.p)
			var v *statement.Violation
			if !errors.As(err, &v) || v.Rule != c.rule {
				t.Errorf("got %v, want a violation of rule %s", err, c.rule)
			}
			if circuittest.Solve(ccs, assign(t, w, s.p)) == nil {
				t.Error("the circuit accepts")
			}
		})
	}
}

// Chunks of one data set, each released by the same hierarchies, make a release of the whole; chunks by other hierarchies don't.
func TestChunksCompose(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	var chunks []statement.AnonymizationPublic
	s := tell(t, data(1, rows), 0)
	for chunk := range 3 {
		s.chunk = chunk
		s.p.Chunk, s.p.Rows, s.p.Suppressed = uint64(chunk), uint64(min(capacity, rows-chunk*capacity)), uint64(s.out.Suppressed(capacity, chunk))
		if err := circuittest.Solve(ccs, s.assign(t)); err != nil {
			t.Fatalf("chunk %d: %v", chunk, err)
		}
		chunks = append(chunks, s.p)
	}
	gotK, gotL, suppressed, err := statement.ComposeAnonymization(capacity, rows, chunks)
	if err != nil || gotK != k || gotL != l || suppressed != uint64(s.out.Suppressed(rows, 0)) {
		t.Errorf("the chunks compose to k = %d, l = %d with %d suppressed, %v", gotK, gotL, suppressed, err)
	}
	classes, values := map[[4]uint16]int{}, map[[4]uint16]map[uint16]bool{}
	for _, r := range s.out.Rows {
		if class := [4]uint16(r.Cells[1:5]); class != [4]uint16{} {
			if classes[class]++; values[class] == nil {
				values[class] = map[uint16]bool{}
			}
			values[class][r.Cells[0]] = true
		}
	}
	for class, n := range classes {
		if n < k || len(values[class]) < l {
			t.Errorf("in the whole release class %v has %d rows with %d values", class, n, len(values[class]))
		}
	}
	for name, change := range map[string]func(c []statement.AnonymizationPublic) []statement.AnonymizationPublic{
		"other hierarchies": func(c []statement.AnonymizationPublic) []statement.AnonymizationPublic {
			c[1].Hierarchy[31]++
			return c
		},
		"another raw set":     func(c []statement.AnonymizationPublic) []statement.AnonymizationPublic { c[2].Dataset[31]++; return c },
		"another release":     func(c []statement.AnonymizationPublic) []statement.AnonymizationPublic { c[2].Released[31]++; return c },
		"a chunk twice":       func(c []statement.AnonymizationPublic) []statement.AnonymizationPublic { c[1] = c[0]; return c },
		"a chunk is missing":  func(c []statement.AnonymizationPublic) []statement.AnonymizationPublic { return c[:2] },
		"another size":        func(c []statement.AnonymizationPublic) []statement.AnonymizationPublic { c[2].Rows++; return c },
		"a chunk beyond":      func(c []statement.AnonymizationPublic) []statement.AnonymizationPublic { c[2].Chunk = 7; return c },
		"nothing":             func([]statement.AnonymizationPublic) []statement.AnonymizationPublic { return nil },
		"other quasi columns": func(c []statement.AnonymizationPublic) []statement.AnonymizationPublic { c[0].Columns ^= 1; return c },
	} {
		if _, _, _, err := statement.ComposeAnonymization(capacity, rows, change(slices.Clone(chunks))); err == nil {
			t.Errorf("%s: they compose", name)
		}
	}
}

// A last chunk of fewer than k rows is suppressed whole; then it keeps the promise of the others. To keep one of its rows breaks it.
func TestLastChunkOfFewerThanK(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	s := tell(t, data(1, capacity+k-1), 1)
	if s.p.Suppressed != k-1 {
		t.Fatalf("%d rows of %d are suppressed", s.p.Suppressed, k-1)
	}
	w := s.witness(t)
	if err := errors.Join(statement.CheckAnonymization(capacity, w, s.p), circuittest.Solve(ccs, assign(t, w, s.p))); err != nil {
		t.Errorf("the chunk that is suppressed whole: %v", err)
	}
	kept := tellWith(t, data(1, capacity+k-1), 1, layout, hierarchy(), 1, 1)
	kept.p.K, kept.p.Diversity = k, l
	if kept.p.Suppressed != 0 {
		t.Fatalf("%d rows are suppressed at k = 1", kept.p.Suppressed)
	}
	w = kept.witness(t)
	if statement.CheckAnonymization(capacity, w, kept.p) == nil || circuittest.Solve(ccs, assign(t, w, kept.p)) == nil {
		t.Error("a chunk of fewer than k rows is released")
	}
}

// All ways that a chunk lies in its tree, and the samples of small classes.
func TestSampleIsTrue(t *testing.T) {
	for _, n := range []int{4, 8, 16, 32, 128} {
		w, p, err := Sample(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := statement.CheckAnonymization(n, w, p); err != nil {
			t.Errorf("%d rows: %v", n, err)
		}
		c, err := Assign(n, w, p)
		if err != nil {
			t.Fatal(err)
		}
		ccs, err := Compile(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := circuittest.Solve(ccs, c); err != nil {
			t.Errorf("%d rows: %v", n, err)
		}
	}
}

func TestAssignRefuses(t *testing.T) {
	s := tell(t, data(1, rows), last)
	w := s.witness(t)
	if _, err := Assign(2*capacity, w, s.p); err == nil {
		t.Error("a chunk of 16 is assigned to one of 32")
	}
	if _, err := Assign(12, w, s.p); err == nil {
		t.Error("there are chunks of 12 rows")
	}
	w.Released.Siblings = w.Released.Siblings[1:]
	if _, err := Assign(capacity, w, s.p); err == nil {
		t.Error("a chunk with a sibling too few is assigned")
	}
}
