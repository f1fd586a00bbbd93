package modelversion

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend"
	"github.com/consensys/gnark/test"
	"pgregory.net/rapid"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// anything makes up a true statement: a model anywhere in a tree of random siblings, up to 16 settings, and up to 8 predicates
// that hold, with values and bounds near each other and at the ends of their range.
func anything(t testing.TB, r *rand.Rand) *served {
	w := &statement.ModelVersionWitness{}
	w.Release.Weights = event.Context("any", event.Digest{byte(r.Uint32())}, event.Digest{byte(r.Uint32())})
	w.Release.Place = r.IntN(statement.MaxReleases)
	for level := range w.Release.Siblings {
		for k := range w.Release.Siblings[level] {
			w.Release.Siblings[level][k] = toElement(event.Context("sibling", event.Digest{byte(r.Uint32())}, event.Digest{byte(r.Uint32())}))
		}
	}
	for _, salt := range []*table.Salt{&w.Release.Salt, &w.Salt, &w.Configuration.Salt} {
		*salt = circuittest.RandomSalt(r)
	}
	if r.IntN(4) == 0 {
		w.Salt = table.Salt{} // the run is stated
	}
	for i := range r.IntN(statement.MaxSettings + 1) {
		w.Configuration.Settings = append(w.Configuration.Settings, statement.Setting{Key: fmt.Sprint("key ", i), Value: value(r)})
	}
	s := &served{w: w}
	s.p.Context = event.Context("log.example", event.Digest{byte(r.Uint32())}, event.Digest{})
	var list []event.Predicate
	for n := r.IntN(event.MaxPredicates + 1); len(w.Configuration.Settings) > 0 && len(list) < n; {
		q := predicate(r, setting(r, s).Key)
		if p, err := statement.NewPredicates([]event.Predicate{q}); err != nil {
			t.Fatal(err)
		} else if holds(s, p) {
			list = append(list, q)
		}
	}
	var err error
	if s.p.Predicates, err = statement.NewPredicates(list); err != nil {
		t.Fatal(err)
	}
	s.restate(t)
	return s
}

const largest = 1<<statement.ValueBits - 1

func value(r *rand.Rand) int64 {
	switch r.IntN(6) {
	case 0:
		return largest - r.Int64N(2)
	case 1:
		return -largest + r.Int64N(2)
	case 2:
		return r.Int64N(2*largest+1) - largest
	default:
		return r.Int64N(7) - 3
	}
}

func predicate(r *rand.Rand, key string) event.Predicate {
	comparison := []string{"=", "!=", "<=", ">=", "in"}[r.IntN(5)]
	bounds := []int64{value(r)}
	for comparison == "in" && len(bounds) < 1+r.IntN(event.MaxSet) {
		bounds = append(bounds, value(r))
	}
	return is(key, comparison, bounds...)
}

// holds asks the twin about predicates alone.
func holds(s *served, p statement.Predicates) bool {
	alone := *s
	alone.p.Predicates = p
	alone.p.Releases, _ = alone.w.Release.Releases()
	alone.p.Weights, _ = statement.ServedWeights(alone.w.Release.Weights, alone.w.Salt)
	alone.p.Configuration = alone.w.Configuration.Commit()
	return statement.CheckModelVersion(alone.w, alone.p) == nil
}

func setting(r *rand.Rand, s *served) *statement.Setting {
	if len(s.w.Configuration.Settings) == 0 {
		s.w.Configuration.Settings = []statement.Setting{{Key: "only", Value: value(r)}}
	}
	return &s.w.Configuration.Settings[r.IntN(len(s.w.Configuration.Settings))]
}

// changes are things that may be wrong with a statement or witness. Some leave it true.
var changes = map[string]func(r *rand.Rand, s *served){
	"nothing":       func(*rand.Rand, *served) {},
	"context":       func(_ *rand.Rand, s *served) { s.p.Context[31]++ },
	"releases":      func(_ *rand.Rand, s *served) { s.p.Releases[31] ^= 1 },
	"weights":       func(_ *rand.Rand, s *served) { s.p.Weights[31] ^= 1 },
	"configuration": func(_ *rand.Rand, s *served) { s.p.Configuration[31] ^= 1 },
	"model":         func(_ *rand.Rand, s *served) { s.w.Release.Weights[31] ^= 1 },
	"place":         func(r *rand.Rand, s *served) { s.w.Release.Place = r.IntN(statement.MaxReleases) },
	"place too far": func(_ *rand.Rand, s *served) { s.w.Release.Place += statement.MaxReleases },
	"place below 0": func(_ *rand.Rand, s *served) { s.w.Release.Place = -1 },
	"sibling": func(r *rand.Rand, s *served) {
		s.w.Release.Siblings[r.IntN(statement.ReleaseDepth)][r.IntN(3)].SetRandom()
	},
	"release salt":       func(r *rand.Rand, s *served) { s.w.Release.Salt[r.IntN(16)]++ },
	"served salt":        func(r *rand.Rand, s *served) { s.w.Salt[r.IntN(16)]++ },
	"configuration salt": func(r *rand.Rand, s *served) { s.w.Configuration.Salt[r.IntN(16)]++ },
	"value":              func(r *rand.Rand, s *served) { setting(r, s).Value = value(r) },
	"value too large":    func(r *rand.Rand, s *served) { setting(r, s).Value = largest + 1 },
	"value too small":    func(r *rand.Rand, s *served) { setting(r, s).Value = -largest - 1 },
	"value far off":      func(r *rand.Rand, s *served) { setting(r, s).Value = int64(r.Uint64()) },
	"a key twice":        func(r *rand.Rand, s *served) { setting(r, s).Key = setting(r, s).Key },
	"another key":        func(r *rand.Rand, s *served) { setting(r, s).Key = "other" },
	"order":              func(_ *rand.Rand, s *served) { slices.Reverse(s.w.Configuration.Settings) },
	"a setting less": func(r *rand.Rand, s *served) {
		setting(r, s)
		s.w.Configuration.Settings = s.w.Configuration.Settings[1:]
	},
	"any predicate": func(r *rand.Rand, s *served) {
		s.p.Predicates, _ = statement.NewPredicates([]event.Predicate{predicate(r, setting(r, s).Key)})
	},
	"an absent key": func(r *rand.Rand, s *served) {
		s.p.Predicates, _ = statement.NewPredicates([]event.Predicate{predicate(r, "absent")})
	},
}

// The plain Go twin accepts exactly what the constraints accept.
func TestTwinEqualsCircuit(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	names, verdicts := slices.Sorted(maps.Keys(changes)), circuittest.Verdicts{}
	check := func(t testing.TB, name string, s *served) {
		twin := statement.CheckModelVersion(s.w, s.p)
		c, err := Assign(s.w, s.p)
		if err != nil {
			t.Fatal(err)
		}
		verdicts.Agree(t, name, twin, circuittest.Solve(ccs, c))
	}
	// Each change once with and once without the commitments following it, then whatever comes.
	for seed := range uint64(8) {
		for _, name := range names {
			r := rand.New(rand.NewPCG(seed, 2))
			s := anything(t, r)
			changes[name](r, s)
			if seed%2 == 0 && s.w.Release.Place>>(2*statement.ReleaseDepth) == 0 {
				follow(t, name, s)
			}
			check(t, name, s)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		s := anything(t, r)
		name := rapid.SampledFrom(names).Draw(rt, "change")
		changes[name](r, s)
		if rapid.Bool().Draw(rt, "commitments follow") && s.w.Release.Place>>(2*statement.ReleaseDepth) == 0 {
			follow(t, name, s)
		}
		check(t, name, s)
	})
	t.Logf("verdicts: %v", verdicts)
	for _, verdict := range []statement.Rule{
		"true", statement.RulePlace, statement.RuleApproved, statement.RuleServed, statement.RuleValue, statement.RuleKey,
		statement.RuleConfiguration, statement.RuleAbsent, statement.RulePredicate,
	} {
		if verdicts[string(verdict)] == 0 {
			t.Errorf("the test never saw %s: %v", verdict, verdicts)
		}
	}
}

// follow makes the public commitments fit what was changed, unless it was them.
func follow(t testing.TB, name string, s *served) {
	if name != "releases" && name != "weights" && name != "configuration" {
		s.restate(t)
	}
}

// Every comparison is tried at and around its bound, against plain Go.
func TestComparisons(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	for _, bound := range []int64{-largest, -5, 0, 700, largest} {
		for _, v := range []int64{-largest, bound - 1, bound, bound + 1, largest} {
			if v < -largest || v > largest {
				continue
			}
			for comparison, want := range map[string]bool{"=": v == bound, "!=": v != bound, "<=": v <= bound, ">=": v >= bound, "in": v == bound} {
				s := serves(t, is("temperature", comparison, bound))
				s.w.Configuration.Settings[slotOf(t, s, "temperature")].Value = v
				s.restate(t)
				if got := circuittest.Solve(ccs, assign(t, s)) == nil; got != want {
					t.Errorf("%d %s %d: %v", v, comparison, bound, got)
				}
			}
		}
	}
}

// gnark's own battery: test engine and solver, and with the build tag prover_checks set-up and proof as well.
func TestCheckCircuit(t *testing.T) {
	other := serves(t)
	other.p.Weights[31] ^= 1
	test.NewAssert(t).CheckCircuit(new(Circuit),
		test.WithCurves(ecc.BN254), test.WithBackends(backend.GROTH16), test.NoFuzzing(), test.NoSerializationChecks(),
		test.WithValidAssignment(assign(t, serves(t))),
		test.WithValidAssignment(assign(t, serves(t, is("temperature", ">=", 0), is("bias", "in", 3, -5)))),
		test.WithInvalidAssignment(assign(t, serves(t, is("temperature", "<=", 0)))),
		test.WithInvalidAssignment(assign(t, other)),
	)
}

func TestSampleIsTrue(t *testing.T) {
	w, p, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	if err := statement.CheckModelVersion(w, p); err != nil {
		t.Error(err)
	}
}

func TestAssignRefuses(t *testing.T) {
	s := serves(t)
	for len(s.w.Configuration.Settings) <= settings {
		s.w.Configuration.Settings = append(s.w.Configuration.Settings, statement.Setting{Key: fmt.Sprint(len(s.w.Configuration.Settings))})
	}
	if _, err := Assign(s.w, s.p); err == nil {
		t.Error("17 settings are assigned to 16 slots")
	}
	if v, ok := statement.CheckModelVersion(s.w, s.p).(*statement.Violation); !ok || v.Rule != statement.RuleSettings {
		t.Errorf("the twin takes 17 settings: %v", v)
	}
	s = serves(t)
	s.w.Release.Weights = event.Element{0: 0xff}
	if _, err := Assign(s.w, s.p); err == nil {
		t.Error("weights beyond the field are assigned")
	}
	if v, ok := statement.CheckModelVersion(s.w, s.p).(*statement.Violation); !ok || v.Rule != statement.RuleApproved {
		t.Errorf("the twin takes weights beyond the field: %v", v)
	}
}
