package statement_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

var approvalDigest, trainedDigest, madeDigest = event.Digest{11}, event.Digest{12}, event.Digest{13}

// version is an event about the second of three approved models, which a training step made.
func version(t *testing.T) (*event.Event, *event.ModelVersionClaims, *statement.ModelVersionWitness, events) {
	t.Helper()
	releases, err := statement.NewModelReleases(bytes.NewReader(bytes.Repeat([]byte("0123456789abcdef!"), 3)), event.Element{31: 1}, event.Element{31: 2}, event.Element{31: 3})
	if err != nil {
		t.Fatal(err)
	}
	approval, err := statement.Approve(releases)
	if err != nil {
		t.Fatal(err)
	}
	opening, err := approval.Find(event.Element{31: 2})
	if err != nil || opening.Place != 1 {
		t.Fatalf("the second release is at %d, %v", opening.Place, err)
	}
	configuration, err := statement.NewConfiguration(table.Salt{5}, statement.Setting{Key: "temperature", Value: 700}, statement.Setting{Key: "bias", Value: -5})
	if err != nil {
		t.Fatal(err)
	}
	w := &statement.ModelVersionWitness{Release: opening, Configuration: configuration}
	claims := &event.ModelVersionClaims{Approval: approvalDigest, Version: "1.4.0", Predicates: []event.Predicate{{Key: "temperature", Comparison: "<=", Bounds: []int64{1000}}}}
	w.StateRun(claims, trainedDigest, madeDigest)
	e := &event.Event{Log: "log.example", Proof: event.ProofInline, Statement: event.Digest{7}, Claims: claims}
	return e, claims, w, events{
		approvalDigest: {Claims: approval.Claims()},
		trainedDigest:  {Claims: &event.TrainingRunClaims{Steps: 3}},
		madeDigest:     {Claims: &event.TrainingStepClaims{Run: trainedDigest, Step: 3, After: event.Element{31: 2}}},
		sourceDigest:   {Claims: &event.SourceClaims{}},
	}
}

// Stated or withheld, the claims are true of the witness, and of no other.
func TestPublicOfModelVersion(t *testing.T) {
	e, claims, w, refs := version(t)
	s, err := statement.ByName("model-version")
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string) statement.ModelVersionPublic {
		t.Helper()
		p, err := statement.DeriveModelVersion(claims, event.Context(e.Log, e.Statement, event.Digest{5}), refs)
		if err != nil {
			t.Fatal(err)
		}
		if err := statement.CheckModelVersion(w, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got, err := s.Public(e, event.Digest{5}, refs)
		if err != nil || !slices.Equal(got, p.Elements()) || len(got) != len(s.Inputs) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		return p
	}
	stated := check("run stated")
	if claims.Weights != (event.Element{31: 2}) || claims.Run != trainedDigest || claims.Step != madeDigest {
		t.Errorf("the claims are %+v", claims)
	}
	if stated.Weights == claims.Weights {
		t.Error("a stated run's weights are an input as they stand, and so a withheld run's claims could have them")
	}
	if err := w.WithholdRun(claims, table.Salt{}); !errors.Is(err, statement.ErrNotHidden) {
		t.Errorf("a run is withheld without a salt: %v", err)
	}
	if err := w.WithholdRun(claims, table.Salt{3}); err != nil {
		t.Fatal(err)
	}
	withheld := check("run withheld")
	if withheld.Weights != claims.Weights || !claims.Run.IsZero() || !claims.Step.IsZero() {
		t.Errorf("the claims are %+v", claims)
	}
	if withheld.Weights == stated.Weights {
		t.Error("a withheld run can be told by its weights")
	}
	again := *claims
	if err := w.WithholdRun(&again, table.Salt{4}); err != nil || again.Weights == claims.Weights {
		t.Errorf("two events of the same model can be told: %v", err)
	}

	// Claims that withhold the run while giving away the weights can't be proven.
	claims.Weights = event.Element{31: 2}
	p, err := statement.DeriveModelVersion(claims, event.Element{}, refs)
	if err != nil {
		t.Fatal(err)
	}
	var v *statement.Violation
	if err := statement.CheckModelVersion(w, p); !errors.As(err, &v) || v.Rule != statement.RuleServed {
		t.Errorf("bare weights without a run: got %v", err)
	}
}

func TestPublicRefusesModelVersions(t *testing.T) {
	order := event.Element{0: 0x40}
	predicate := func(comparison, key string, bounds ...int64) func(*event.ModelVersionClaims, events) {
		return func(c *event.ModelVersionClaims, _ events) {
			c.Predicates = []event.Predicate{{Key: key, Comparison: comparison, Bounds: bounds}}
		}
	}
	for _, tc := range []struct {
		code   statement.RangeCode
		member string
		name   string
		change func(c *event.ModelVersionClaims, refs events)
	}{
		{statement.NotAnApproval, "approval", "a source for an approval", func(c *event.ModelVersionClaims, _ events) { c.Approval = sourceDigest }},
		{statement.NotATrainingRun, "run", "a step for a run", func(c *event.ModelVersionClaims, _ events) { c.Run = madeDigest }},
		{statement.NotATrainingStep, "step", "a run for a step", func(c *event.ModelVersionClaims, _ events) { c.Step = trainedDigest }},
		{statement.NotTheModel, "step", "a run without a step", func(c *event.ModelVersionClaims, _ events) { c.Step = event.Digest{} }},
		{statement.NotTheModel, "step", "a step without a run", func(c *event.ModelVersionClaims, _ events) { c.Run = event.Digest{} }},
		{statement.NotTheModel, "step", "another run's step", func(_ *event.ModelVersionClaims, refs events) {
			refs[madeDigest].Claims.(*event.TrainingStepClaims).Run[0]++
		}},
		{statement.NotTheModel, "weights", "other weights than the step's", func(c *event.ModelVersionClaims, _ events) { c.Weights[31]++ }},
		{statement.NotAFieldElement, "weights", "weights beyond the field", func(c *event.ModelVersionClaims, _ events) { c.Weights = order }},
		{statement.NotAFieldElement, "configuration", "a configuration beyond the field", func(c *event.ModelVersionClaims, _ events) { c.Configuration = order }},
		{statement.NotAFieldElement, "approval", "releases beyond the field", func(_ *event.ModelVersionClaims, refs events) {
			refs[approvalDigest].Claims.(*event.ApprovalClaims).Releases = order
		}},
		{statement.NotAPredicate, "predicates", "nine predicates", func(c *event.ModelVersionClaims, _ events) {
			c.Predicates = slices.Repeat(c.Predicates, 9)
		}},
		{statement.NotAPredicate, "predicates", "no bound", predicate("=", "k")},
		{statement.NotAPredicate, "predicates", "two bounds", predicate("=", "k", 1, 1)},
		{statement.NotAPredicate, "predicates", "a set of nine", predicate("in", "k", 1, 2, 3, 4, 5, 6, 7, 8, 9)},
		{statement.NotAPredicate, "predicates", "another comparison", predicate("<", "k", 1)},
		{statement.NotAPredicate, "predicates", "a bound too large", predicate("<=", "k", 1<<53)},
		{statement.NotAPredicate, "predicates", "a bound too small", predicate("in", "k", 0, -1<<53)},
		{statement.NotAPredicate, "predicates", "no key", predicate("=", "", 1)},
		{statement.NotAPredicate, "predicates", "a key too long", predicate("=", strings.Repeat("k", 65), 1)},
		{statement.NotAPredicate, "predicates", "a key that isn't normal", predicate("=", "e\u0301", 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, claims, _, refs := version(t)
			tc.change(claims, refs)
			_, err := statement.Public(e, event.Digest{5}, refs)
			var r *statement.RangeError
			if !errors.As(err, &r) || r.Code != tc.code || r.Member != tc.member {
				t.Errorf("got %v, want %s in %s", err, tc.code, tc.member)
			}
		})
	}
	for _, d := range []event.Digest{approvalDigest, trainedDigest, madeDigest} {
		e, _, _, refs := version(t)
		delete(refs, d)
		if _, err := statement.Public(e, event.Digest{5}, refs); !errors.Is(err, errUnknown) {
			t.Errorf("%s is unknown: got %v, want the resolver's error", d, err)
		}
	}
}

// Every release of a full tree is opened at its place, and leads to the commitment.
func TestApproval(t *testing.T) {
	releases := make([]statement.ModelRelease, statement.MaxReleases)
	for i := range releases {
		releases[i] = statement.ModelRelease{Weights: event.Element{30: byte(i >> 8), 31: byte(i)}, Salt: table.Salt{byte(i >> 8), byte(i), 1}}
	}
	full, err := statement.Approve(releases)
	if err != nil {
		t.Fatal(err)
	}
	for i := range releases {
		o, err := full.Open(i)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := o.Releases(); err != nil || got != full.Claims().Releases || o.ModelRelease != releases[i] {
			t.Fatalf("release %d leads to %s, %v, want %s", i, got, err, full.Claims().Releases)
		}
		o.Place ^= 1 << (i % 10)
		if got, err := o.Releases(); err == nil && got == full.Claims().Releases {
			t.Fatalf("release %d leads to the releases from another place as well", i)
		}
	}
	one, err := statement.Approve(releases[:1])
	if err != nil || one.Claims().Releases == full.Claims().Releases {
		t.Errorf("one release commits to %v, %v", one.Claims(), err)
	}
	if _, err := one.Open(1); err == nil {
		t.Error("a release that isn't there is opened")
	}
	if _, err := one.Open(-1); err == nil {
		t.Error("a release below 0 is opened")
	}
	if _, err := one.Find(event.Element{31: 1}); !errors.Is(err, statement.ErrNotApproved) {
		t.Errorf("a model that isn't approved is found: %v", err)
	}
	for name, list := range map[string][]statement.ModelRelease{
		"no releases":              nil,
		"too many":                 append(slices.Clone(releases), statement.ModelRelease{Salt: table.Salt{255}}),
		"a salt twice":             {releases[0], {Weights: event.Element{31: 9}, Salt: releases[0].Salt}},
		"weights beyond the field": {{Weights: event.Element{0: 0x40}, Salt: table.Salt{1}}},
		"releases without a salt":  {{}},
	} {
		if _, err := statement.Approve(list); err == nil {
			t.Errorf("%s are approved", name)
		}
	}
	if _, err := statement.NewModelReleases(strings.NewReader("too little"), event.Element{}); err == nil {
		t.Error("a salt is made of ten bytes")
	}
}

func TestConfiguration(t *testing.T) {
	a, b := statement.Setting{Key: "a", Value: 1}, statement.Setting{Key: "b", Value: -1}
	ab, err := statement.NewConfiguration(table.Salt{1}, a, b)
	if err != nil {
		t.Fatal(err)
	}
	ba, err := statement.NewConfiguration(table.Salt{1}, b, a)
	if err != nil || ba.Commit() != ab.Commit() {
		t.Errorf("the order of settings makes a difference: %v", err)
	}
	seen := map[event.Element]string{ab.Commit(): "a and b"}
	for name, c := range map[string]statement.Configuration{
		"another salt":    {Salt: table.Salt{2}, Settings: ab.Settings},
		"another value":   {Salt: table.Salt{1}, Settings: []statement.Setting{{Key: "a", Value: -1}, b}},
		"another key":     {Salt: table.Salt{1}, Settings: []statement.Setting{{Key: "A", Value: 1}, b}},
		"one setting":     {Salt: table.Salt{1}, Settings: []statement.Setting{a}},
		"no settings":     {Salt: table.Salt{1}},
		"a zero setting":  {Salt: table.Salt{1}, Settings: []statement.Setting{a, b, {}}},
		"the other order": {Salt: table.Salt{1}, Settings: []statement.Setting{b, a}},
	} {
		if other, ok := seen[c.Commit()]; ok {
			t.Errorf("%s and %s have the same commitment", name, other)
		}
		seen[c.Commit()] = name
	}
	many := make([]statement.Setting, 17)
	for i := range many {
		many[i].Key = strings.Repeat("k", i+1)
	}
	if _, err := statement.NewConfiguration(table.Salt{1}, many[:16]...); err != nil {
		t.Errorf("16 settings are refused: %v", err)
	}
	for name, list := range map[string][]statement.Setting{
		"17 settings":         many,
		"a key twice":         {a, b, {Key: "a", Value: 2}},
		"no key":              {{}},
		"a key too long":      {{Key: strings.Repeat("k", 65)}},
		"a key out of form C": {{Key: "e\u0301"}},
		"a key of bad bytes":  {{Key: "\xff"}},
		"a key with a zero":   {{Key: "a\x00"}},
		"a value too large":   {{Key: "a", Value: 1 << 53}},
		"a value too small":   {{Key: "a", Value: -1 << 53}},
	} {
		if _, err := statement.NewConfiguration(table.Salt{1}, list...); err == nil {
			t.Errorf("%s can be committed", name)
		}
	}
	if _, err := statement.NewConfiguration(table.Salt{}, a); !errors.Is(err, statement.ErrNotHidden) {
		t.Errorf("a configuration without a salt can be committed: %v", err)
	}
}

// Predicates that differ have different hashes, whatever the difference.
func TestPredicatesTellPredicatesApart(t *testing.T) {
	is := func(key, comparison string, bounds ...int64) event.Predicate {
		return event.Predicate{Key: key, Comparison: comparison, Bounds: bounds}
	}
	seen := map[event.Element]string{}
	for name, list := range map[string][]event.Predicate{
		"none":              nil,
		"one":               {is("k", "=", 0)},
		"twice":             {is("k", "=", 0), is("k", "=", 0)},
		"another key":       {is("l", "=", 0)},
		"another bound":     {is("k", "=", 1)},
		"a negative one":    {is("k", "=", -1)},
		"not":               {is("k", "!=", 0)},
		"at most":           {is("k", "<=", 0)},
		"at least":          {is("k", ">=", 0)},
		"in one":            {is("k", "in", 0)},
		"in two":            {is("k", "in", 0, 1)},
		"two, one way":      {is("k", "=", 0), is("l", "=", 1)},
		"two, the other":    {is("l", "=", 1), is("k", "=", 0)},
		"two, crossed over": {is("k", "=", 1), is("l", "=", 0)},
	} {
		p, err := statement.NewPredicates(list)
		if err != nil {
			t.Fatal(err)
		}
		if p.Len() != len(list) {
			t.Errorf("%s: %d predicates", name, p.Len())
		}
		if other, ok := seen[p.Commit()]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[p.Commit()] = name
	}
}

// modelVectors is testdata/hash/modelversion.json.
type modelVectors struct {
	Releases      []modelRelease // an approval's, in order
	Approved      string         // their commitment
	Served        string         // the first one's weights, salted with Salt
	Stated        string         // the same, salted with zeros
	Salt          string
	Settings      []statement.Setting // a configuration's, salted with Salt
	Configuration string              // its commitment
	Predicates    []event.Predicate
	Encoded       []string // their elements, in hex
	Hash          string
}

type modelRelease struct{ Weights, Salt string }

func TestModelVersionVectors(t *testing.T) {
	file := filepath.Join("..", "..", "testdata", "hash", "modelversion.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v modelVectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var releases []statement.ModelRelease
	for _, r := range v.Releases {
		releases = append(releases, statement.ModelRelease{Weights: event.Element(bytesOf(t, r.Weights)), Salt: table.Salt(bytesOf(t, r.Salt))})
	}
	approval, err := statement.Approve(releases)
	if err != nil {
		t.Fatal(err)
	}
	salt := table.Salt(bytesOf(t, v.Salt))
	served, err := statement.ServedWeights(releases[0].Weights, salt)
	if err != nil {
		t.Fatal(err)
	}
	stated, err := statement.ServedWeights(releases[0].Weights, table.Salt{})
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := statement.NewConfiguration(salt, v.Settings...)
	if err != nil {
		t.Fatal(err)
	}
	predicates, err := statement.NewPredicates(v.Predicates)
	if err != nil {
		t.Fatal(err)
	}
	got := v
	got.Approved, got.Served, got.Stated = approval.Claims().Releases.String(), served.String(), stated.String()
	got.Configuration, got.Hash = configuration.Commit().String(), predicates.Commit().String()
	got.Encoded = nil
	for _, e := range predicates.Encode() {
		got.Encoded = append(got.Encoded, event.Element(e.Bytes()).String())
	}
	after, err := json.MarshalIndent(got, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	after = append(after, '\n')
	if *update {
		if err := os.WriteFile(file, after, 0o644); err != nil {
			t.Fatal(err)
		}
		b = after
	}
	if !bytes.Equal(after, b) {
		t.Errorf("got\n%s\nand the file has\n%s", after, b)
	}

	// The same by hand, from SPEC.md alone.
	var w, s fr.Element
	w.SetBytes(bytesOf(t, v.Releases[0].Weights))
	s.SetBytes(salt[:])
	if hand := poseidon.Sum("attestlog/served/v1", w, s); event.Element(hand.Bytes()) != served {
		t.Errorf("the served weights are %s, not H(W, salt)", served)
	}
}

func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
