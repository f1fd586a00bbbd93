package dataaccess

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend"
	"github.com/consensys/gnark/test"
	"pgregory.net/rapid"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// anywhere makes up an access to rows all over the largest possible tree, by choosing siblings at random and hashing
// upwards. Each row has a top node of its own.
func anywhere(r *rand.Rand, n int) *access {
	random := func() fr.Element { return circuittest.RandomElement(r) }
	w := &statement.DataAccessWitness{Rows: 1 << indexDigits, Schema: event.DigestOf([]byte{byte(r.Uint32())})}
	for i := range w.Top {
		w.Top[i] = random()
	}
	w.Salt = circuittest.RandomSalt(r)
	p := statement.DataAccessPublic{Context: element(random()), Purpose: 1 << r.IntN(64), Columns: r.Uint64N(1 << columns), Records: uint64(n)}
	tops := r.Perm(table.TopNodes)[:n]
	slices.Sort(tops)
	for _, top := range tops {
		o := table.Opening{Index: top<<(rowDigits+pathDigits) | r.IntN(1<<(rowDigits+pathDigits)), Block: make([]fr.Element, rowsPerBlock*rowElements)}
		for row := range rowsPerBlock {
			for e := range cellElements {
				cells := make([]uint16, table.CellsPerElement)
				for j := range cells {
					cells[j] = uint16(r.Uint32())
				}
				o.Block[row*rowElements+e] = table.PackCells(cells)
			}
			o.Block[row*rowElements+cellElements] = table.PackSalt(circuittest.RandomSalt(r), r.Uint64()|p.Purpose)
		}
		for level := range o.Siblings {
			o.Siblings[level] = table.Siblings{random(), random(), random()}
		}
		w.Records = append(w.Records, o)
		w.Top[top], _ = o.Climb(statement.DataAccessLayout())
	}
	return &access{w, p}
}

// recommit makes what the public inputs commit to fit the witness where it can: so a change breaks the rule that it is
// meant to break and not just a hash.
func recommit(a *access) {
	l := statement.DataAccessLayout()
	for _, o := range a.w.Records {
		if o.Index >= 0 && o.Index < l.MaxRows() {
			node, top := o.Climb(l)
			a.w.Top[top] = node
		}
	}
	a.p.Dataset = element(table.Commitment(table.RootOf(a.w.Top), a.w.Rows, a.w.Schema))
	if list, err := a.w.Accesses(capacity, a.p.Columns); err == nil {
		a.p.Accesses = list
	}
}

// changes are things that may be wrong with a statement or witness. Some leave it true.
var changes = map[string]func(r *rand.Rand, a *access){
	"nothing":            func(*rand.Rand, *access) {},
	"context":            func(r *rand.Rand, a *access) { a.p.Context[31]++ },
	"dataset":            func(r *rand.Rand, a *access) { a.p.Dataset[31] ^= 1 },
	"accesses":           func(r *rand.Rand, a *access) { a.p.Accesses[31] ^= 1 },
	"another purpose":    func(r *rand.Rand, a *access) { a.p.Purpose = 1 << r.IntN(64) },
	"two purposes":       func(r *rand.Rand, a *access) { a.p.Purpose |= 1 << r.IntN(64) },
	"no purpose":         func(r *rand.Rand, a *access) { a.p.Purpose = 0 },
	"more columns":       func(r *rand.Rand, a *access) { a.p.Columns |= 1 << r.IntN(columns) },
	"no columns":         func(r *rand.Rand, a *access) { a.p.Columns = 0 },
	"too many columns":   func(r *rand.Rand, a *access) { a.p.Columns |= 1 << (columns + r.IntN(64-columns)) },
	"records":            func(r *rand.Rand, a *access) { a.p.Records = r.Uint64N(capacity + 2) },
	"one record more":    func(r *rand.Rand, a *access) { a.p.Records++ },
	"rows":               func(r *rand.Rand, a *access) { a.w.Rows = r.IntN(1 << (indexDigits + 2)) },
	"rows just enough":   func(r *rand.Rand, a *access) { a.w.Rows = last(a).Index + 1 },
	"rows just too few":  func(r *rand.Rand, a *access) { a.w.Rows = last(a).Index },
	"rows just possible": func(r *rand.Rand, a *access) { a.w.Rows = last(a).Index + 1<<indexDigits },
	"rows just too many": func(r *rand.Rand, a *access) { a.w.Rows = last(a).Index + 1<<indexDigits + 1 },
	"schema":             func(r *rand.Rand, a *access) { a.w.Schema[r.IntN(32)]++ },
	"list salt":          func(r *rand.Rand, a *access) { a.w.Salt[r.IntN(16)]++ },
	"top node":           func(r *rand.Rand, a *access) { a.w.Top[r.IntN(64)].SetRandom() },
	"sibling":            func(r *rand.Rand, a *access) { any(r, a).Siblings[r.IntN(6)][r.IntN(3)].SetRandom() },
	"element of a block": func(r *rand.Rand, a *access) { any(r, a).Block[r.IntN(12)].SetUint64(r.Uint64()) },
	"large element":      func(r *rand.Rand, a *access) { any(r, a).Block[r.IntN(12)].SetRandom() },
	"first bit too many": func(r *rand.Rand, a *access) {
		o := any(r, a)
		at := o.Index%rowsPerBlock*rowElements + r.IntN(rowElements)
		width := uint(table.CellBits * table.CellsPerElement)
		if at%rowElements == cellElements {
			width = table.SaltBits + table.MaxPurposes
		}
		o.Block[at] = add(o.Block[at], pow2(width))
	},
	"index":         func(r *rand.Rand, a *access) { any(r, a).Index = r.IntN(1 << indexDigits) },
	"index too far": func(r *rand.Rand, a *access) { any(r, a).Index += 1 << indexDigits },
	"index below 0": func(r *rand.Rand, a *access) { any(r, a).Index = -1 - r.IntN(3) },
	"a record twice": func(r *rand.Rand, a *access) {
		a.w.Records[len(a.w.Records)-1] = a.w.Records[0]
	},
	"order": func(r *rand.Rand, a *access) { slices.Reverse(a.w.Records) },
}

func any(r *rand.Rand, a *access) *table.Opening { return &a.w.Records[r.IntN(len(a.w.Records))] }
func last(a *access) *table.Opening              { return &a.w.Records[len(a.w.Records)-1] }

// The plain Go twin accepts exactly what the constraints accept.
func TestTwinEqualsCircuit(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	names, verdicts := slices.Sorted(maps.Keys(changes)), circuittest.Verdicts{}
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		a := anywhere(r, rapid.IntRange(1, capacity).Draw(t, "records"))
		recommit(a)
		name := rapid.SampledFrom(names).Draw(t, "change")
		changes[name](r, a)
		if rapid.Bool().Draw(t, "commitments follow") && name != "dataset" && name != "accesses" {
			recommit(a)
		}
		twin := statement.CheckDataAccess(capacity, a.w, a.p)
		c, err := Assign(capacity, a.w, a.p)
		if err != nil {
			t.Fatal(err)
		}
		verdicts.Agree(t, name, twin, circuittest.Solve(ccs, c))
	})
	verdicts.Suffice(t, 1, 4)
}

// Each rule is broken by a change of its own, and the twin names it. The circuit refuses all the same.
func TestTwinNamesTheRule(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule   statement.Rule
		change string
	}{
		{statement.RuleRecords, "one record more"},
		{statement.RulePurpose, "no purpose"},
		{statement.RuleColumns, "too many columns"},
		{statement.RuleDataset, "dataset"},
		{statement.RuleIndex, "index too far"},
		{statement.RuleOrder, "order"},
		{statement.RuleRows, "rows just too few"},
		{statement.RulePath, "sibling"},
		{statement.RuleAccesses, "accesses"},
	} {
		r := rand.New(rand.NewPCG(8, 8))
		a := anywhere(r, capacity)
		recommit(a)
		changes[c.change](r, a)
		if c.rule == statement.RuleRows {
			recommit(a)
		}
		err := statement.CheckDataAccess(capacity, a.w, a.p)
		if v, ok := err.(*statement.Violation); !ok || v.Rule != c.rule {
			t.Errorf("%s: got %v, want a violation of rule %s", c.change, err, c.rule)
		}
		if circuittest.Solve(ccs, assign(t, a)) == nil {
			t.Errorf("%s: the circuit accepts", c.change)
		}
	}
	for _, c := range []struct {
		rule    statement.Rule
		element int
		change  func(fr.Element) fr.Element
	}{
		{statement.RuleCells, 0, func(e fr.Element) fr.Element { return add(e, pow2(240)) }},
		{statement.RuleCells, 1, func(e fr.Element) fr.Element { return add(e, pow2(240)) }},
		{statement.RuleSalt, 2, func(e fr.Element) fr.Element { return add(e, pow2(192)) }},
		{statement.RuleConsent, 2, func(fr.Element) fr.Element { return fr.Element{} }},
	} {
		a := anywhere(rand.New(rand.NewPCG(9, 9)), capacity)
		o := &a.w.Records[1]
		at := o.Index%rowsPerBlock*rowElements + c.element
		recommit(a)
		o.Block[at] = c.change(o.Block[at])
		recommit(a)
		err := statement.CheckDataAccess(capacity, a.w, a.p)
		if v, ok := err.(*statement.Violation); !ok || v.Rule != c.rule || v.Record != 1 {
			t.Errorf("element %d: got %v, want a violation of rule %s", c.element, err, c.rule)
		}
		if circuittest.Solve(ccs, assign(t, a)) == nil {
			t.Errorf("element %d: the circuit accepts", c.element)
		}
	}
}

// gnark's own battery: test engine and solver, and with the build tag prover_checks set-up and proof as well.
func TestCheckCircuit(t *testing.T) {
	tab := data(t, 1)
	bad := reads(t, tab, 4, dissenter)
	other := reads(t, data(t, 2), 4, 9)
	other.p.Dataset = reads(t, tab, 4, 9).p.Dataset
	test.NewAssert(t).CheckCircuit(New(capacity),
		test.WithCurves(ecc.BN254), test.WithBackends(backend.GROTH16), test.NoFuzzing(), test.NoSerializationChecks(),
		test.WithValidAssignment(assign(t, reads(t, tab, 4, 9, 30))),
		test.WithValidAssignment(assign(t, reads(t, tab, 49))),
		test.WithInvalidAssignment(assign(t, bad)),
		test.WithInvalidAssignment(assign(t, other)),
	)
}

func TestSampleIsTrue(t *testing.T) {
	w, p, err := Sample(16)
	if err != nil {
		t.Fatal(err)
	}
	if err := statement.CheckDataAccess(16, w, p); err != nil {
		t.Error(err)
	}
}

func TestAssignRefuses(t *testing.T) {
	a := reads(t, data(t, 1), 4, 9)
	if _, err := Assign(1, a.w, a.p); err == nil {
		t.Error("two records are assigned to one slot")
	}
	a.w.Records[1].Block = a.w.Records[1].Block[1:]
	if _, err := Assign(capacity, a.w, a.p); err == nil {
		t.Error("a block of 11 elements is assigned")
	}
	a.w.Records = nil
	if _, err := Assign(capacity, a.w, a.p); err == nil {
		t.Error("no records are assigned")
	}
}
