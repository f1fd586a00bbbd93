package modelversion

import (
	"math/big"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

var full = sync.OnceValues(Compile)

// served is a witness with public inputs for it.
type served struct {
	w *statement.ModelVersionWitness
	p statement.ModelVersionPublic
}

// model is the commitment to the weights of model number i.
func model(i int) event.Element { return event.Context("model", event.Digest{byte(i)}, event.Digest{}) }

// approved is an approval of models 0 to 5, with salts 1 to 6.
func approved(t testing.TB) *statement.Approval {
	t.Helper()
	releases := make([]statement.ModelRelease, 6)
	for i := range releases {
		releases[i] = statement.ModelRelease{Weights: model(i), Salt: table.Salt{15: byte(i + 1)}}
	}
	a, err := statement.Approve(releases)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func is(key, comparison string, bounds ...int64) event.Predicate {
	return event.Predicate{Key: key, Comparison: comparison, Bounds: bounds}
}

// serves is the approved model number 2 under three settings, of which predicates are stated. The statement is true if these
// hold.
func serves(t testing.TB, predicates ...event.Predicate) *served {
	t.Helper()
	a := approved(t)
	release, err := a.Open(2)
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := statement.NewConfiguration(table.Salt{4, 5, 6},
		statement.Setting{Key: "temperature", Value: 700}, statement.Setting{Key: "bias", Value: -5}, statement.Setting{Key: "tools", Value: 0})
	if err != nil {
		t.Fatal(err)
	}
	s := &served{w: &statement.ModelVersionWitness{Release: release, Salt: table.Salt{7, 8, 9}, Configuration: configuration}}
	s.p.Context = event.Context("log.example", event.Digest{1}, event.Digest{2})
	if s.p.Predicates, err = statement.NewPredicates(predicates); err != nil {
		t.Fatal(err)
	}
	s.restate(t)
	return s
}

// restate makes the public commitments fit the witness.
func (s *served) restate(t testing.TB) {
	t.Helper()
	var err error
	if s.p.Releases, err = s.w.Release.Releases(); err != nil {
		t.Fatal(err)
	}
	if s.p.Weights, err = statement.ServedWeights(s.w.Release.Weights, s.w.Salt); err != nil {
		t.Fatal(err)
	}
	s.p.Configuration = s.w.Configuration.Commit()
}

func assign(t testing.TB, s *served) *Circuit {
	t.Helper()
	c, err := Assign(s.w, s.p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// list is a configuration's list as it is hashed, in disregard of all rules.
func list(n, salt fr.Element, entries ...[2]fr.Element) *big.Int {
	in := []fr.Element{n, salt}
	for _, e := range entries {
		in = append(in, e[:]...)
	}
	for len(in) < 2+2*settings {
		in = append(in, poseidon.Empty(poseidon.EmptySetting), fr.Element{})
	}
	return gadget.Constant(poseidon.Sum(poseidon.Configuration, in...))
}

// entries are the entries of the settings of a configuration.
func entries(c statement.Configuration) (out [][2]fr.Element) {
	for _, s := range c.Settings {
		out = append(out, [2]fr.Element{statement.SettingKey(s.Key), num(s.Value)})
	}
	return out
}

// slotOf is the slot in which a key stands.
func slotOf(t testing.TB, s *served, key string) int {
	t.Helper()
	for i, e := range s.w.Configuration.Settings {
		if e.Key == key {
			return i
		}
	}
	t.Fatalf("there is no setting %s", key)
	return 0
}

func num(n int64) (e fr.Element) { return *e.SetInt64(n) }

func add(a, b fr.Element) (e fr.Element) { return *e.Add(&a, &b) }

func sub(a, b fr.Element) (e fr.Element) { return *e.Sub(&a, &b) }

func mul(a, b fr.Element) (e fr.Element) { return *e.Mul(&a, &b) }

func div(a, b fr.Element) (e fr.Element) { return *e.Div(&a, &b) }

func pow2(n uint) (e fr.Element) { return *e.SetBigInt(new(big.Int).Lsh(big.NewInt(1), n)) }

func toElement(e event.Element) (x fr.Element) { return *x.SetBytes(e[:]) }
