package statement_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// log is events with the trees that end with them.
type log struct {
	events
	roots map[event.Digest][32]byte
}

func (l log) RootThrough(d event.Digest) ([32]byte, error) {
	root, ok := l.roots[d]
	if !ok {
		return root, errUnknown
	}
	return root, nil
}

var runDigest = event.Digest{3}

// training is a step, its run, and the data set.
type training struct {
	e    *event.Event
	step *event.TrainingStepClaims
	run  *event.TrainingRunClaims
	data *event.DatasetClaims
	log  log
}

func trains(t *testing.T) *training {
	t.Helper()
	c, _ := dataset(t, 5, 8)
	x := &training{
		step: &event.TrainingStepClaims{Run: runDigest, Step: 2, Before: event.Element{31: 8}, After: event.Element{31: 9}},
		run: &event.TrainingRunClaims{
			Batch: 3, Dataset: dataDigest, L2: 5, Label: event.Label{Column: "column-04", Positive: 1}, LearningRate: 6554, Steps: 20, Weights: event.Element{31: 7},
			Features: []event.Feature{{Column: "column-00", Offset: -70, Scale: 11}, {Column: "column-03", Scale: -2}},
		},
		data: c,
	}
	x.e = &event.Event{Log: "log.example", Source: "trainer/1", Proof: event.ProofInline, Statement: event.Digest{7}, Claims: x.step}
	x.log = log{events{
		dataDigest:   {Claims: c},
		runDigest:    {Source: "trainer/1", Claims: x.run},
		sourceDigest: {Claims: &event.SourceClaims{}},
	}, map[event.Digest][32]byte{runDigest: {1, 2, 3}}}
	return x
}

func trainingClass(t *testing.T) statement.Statement {
	t.Helper()
	s, err := statement.ByName("training-step-32x32")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublicOfTrainingStep(t *testing.T) {
	x := trains(t)
	digest := event.Digest{5}
	d, err := statement.Dataset(x.data)
	if err != nil {
		t.Fatal(err)
	}
	recipe := &statement.Recipe{Columns: 5, Label: 4, Positive: 1, LearningRate: 6554, L2: 5}
	recipe.Features[0], recipe.Features[3] = statement.Scaling{Scale: 11, Offset: -70}, statement.Scaling{Scale: -2}
	seed := sha256.Sum256(slices.Concat([]byte("attestlog/seed/v1"), runDigest[:], []byte{0: 1, 1: 2, 2: 3, 31: 0}))
	var rows []int
	for j := range byte(3) {
		sum := sha256.Sum256(slices.Concat(seed[:], []byte{7: 2}, []byte{7: j}))
		rows = append(rows, int(new(big.Int).Mod(new(big.Int).SetBytes(sum[:8]), big.NewInt(8)).Int64()))
	}
	want := []event.Element{
		event.Context("log.example", event.Digest{7}, digest), d, statement.CommitBatch(rows), recipe.Commit(), x.step.Before, x.step.After,
	}
	for _, name := range []string{"training-step-32x32", "training-step-128x64"} {
		s, err := statement.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Public(x.e, digest, x.log)
		if err != nil || !slices.Equal(got, want) || len(got) != len(s.Inputs) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
	}
	if got, err := statement.Public(x.e, digest, x.log); err != nil || !slices.Equal(got, want) {
		t.Errorf("of any class: got %v, %v, want %v", got, err, want)
	}
	if _, err := statement.Public(x.e, digest, x.log.events); err == nil {
		t.Error("public inputs are derived without the log's tree")
	}
}

// Every input depends on what it is derived from, and on nothing else.
func TestTrainingInputsFollowTheEntries(t *testing.T) {
	s := trainingClass(t)
	public := func(change func(x *training, digest *event.Digest)) []event.Element {
		x, digest := trains(t), event.Digest{5}
		change(x, &digest)
		got, err := s.Public(x.e, digest, x.log)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	before := public(func(*training, *event.Digest) {})
	for _, tc := range []struct {
		name    string
		change  func(x *training, digest *event.Digest)
		changed []int // inputs, from 0
	}{
		{"nothing", func(*training, *event.Digest) {}, nil},
		{"another event", func(_ *training, d *event.Digest) { d[0]++ }, []int{0}},
		{"another log", func(x *training, _ *event.Digest) { x.e.Log = "other" }, []int{0}},
		{"another circuit", func(x *training, _ *event.Digest) { x.e.Statement[0]++ }, []int{0}},
		{"the step", func(x *training, _ *event.Digest) { x.step.Step++ }, []int{2}},
		{"the run's place in the log", func(x *training, _ *event.Digest) { x.log.roots[runDigest] = [32]byte{9} }, []int{2}},
		{"the run's event", func(x *training, _ *event.Digest) {
			x.step.Run = event.Digest{4}
			x.log.events[event.Digest{4}] = x.log.events[runDigest]
			x.log.roots[event.Digest{4}] = x.log.roots[runDigest]
		}, []int{2}},
		{"the batch", func(x *training, _ *event.Digest) { x.run.Batch++ }, []int{2}},
		{"the number of steps", func(x *training, _ *event.Digest) { x.run.Steps++ }, nil},
		{"the learning rate", func(x *training, _ *event.Digest) { x.run.LearningRate++ }, []int{3}},
		{"l2", func(x *training, _ *event.Digest) { x.run.L2++ }, []int{3}},
		{"the positive label", func(x *training, _ *event.Digest) { x.run.Label.Positive++ }, []int{3}},
		{"the label's column", func(x *training, _ *event.Digest) { x.run.Label.Column = "column-02" }, []int{3}},
		{"a feature's column", func(x *training, _ *event.Digest) { x.run.Features[0].Column = "column-01" }, []int{3}},
		{"a feature's scale", func(x *training, _ *event.Digest) { x.run.Features[0].Scale++ }, []int{3}},
		{"a feature's offset", func(x *training, _ *event.Digest) { x.run.Features[0].Offset++ }, []int{3}},
		{"a feature less", func(x *training, _ *event.Digest) { x.run.Features = x.run.Features[:1] }, []int{3}},
		{"the first weights", func(x *training, _ *event.Digest) { x.run.Weights[31]++ }, nil},
		{"the weights before", func(x *training, _ *event.Digest) { x.step.Before[31]++ }, []int{4}},
		{"the weights after", func(x *training, _ *event.Digest) { x.step.After[31]++ }, []int{5}},
		{"the data set's root", func(x *training, _ *event.Digest) { x.data.Root[31] ^= 1 }, []int{1}},
		{"the data set's rows", func(x *training, _ *event.Digest) { x.data.Rows = 1000 }, []int{1, 2}},
	} {
		after := public(tc.change)
		var changed []int
		for i := range after {
			if after[i] != before[i] {
				changed = append(changed, i)
			}
		}
		if !slices.Equal(changed, tc.changed) {
			t.Errorf("%s changes inputs %v, want %v", tc.name, changed, tc.changed)
		}
	}
}

func TestTrainingRefusesClaimsOutOfRange(t *testing.T) {
	s := trainingClass(t)
	for _, tc := range []struct {
		code   statement.RangeCode
		member string
		name   string
		change func(x *training)
	}{
		{statement.NotATrainingRun, "run", "a data set for a run", func(x *training) { x.step.Run = dataDigest }},
		{statement.AnotherSource, "run", "somebody else's run", func(x *training) { x.e.Source = "trainer/2" }},
		{statement.NotADataset, "run", "a source for a data set", func(x *training) { x.run.Dataset = sourceDigest }},
		{statement.TooManyRecords, "run", "33 rows a step", func(x *training) { x.run.Batch = 33 }},
		{statement.NoRecords, "run", "no rows", func(x *training) { x.run.Batch = 0 }},
		{statement.NoSuchStep, "step", "a step after the last", func(x *training) { x.step.Step = 21 }},
		{statement.NoSuchStep, "step", "a step before the first", func(x *training) { x.step.Step = 0 }},
		{statement.BrokenChain, "before", "a first step with other weights", func(x *training) { x.step.Step = 1 }},
		{statement.UnknownColumn, "run", "another feature", func(x *training) { x.run.Features[0].Column = "column-99" }},
		{statement.UnknownColumn, "run", "another label", func(x *training) { x.run.Label.Column = "column-99" }},
		{statement.ColumnOrder, "run", "features out of order", func(x *training) { slices.Reverse(x.run.Features) }},
		{statement.ColumnOrder, "run", "a feature twice", func(x *training) { x.run.Features[1] = x.run.Features[0] }},
		{statement.NotTrainable, "run", "the label as a feature", func(x *training) { x.run.Label.Column = "column-03" }},
		{statement.NotTrainable, "run", "a scale out of range", func(x *training) { x.run.Features[0].Scale = event.MaxScale + 1 }},
		{statement.NotTrainable, "run", "an offset out of range", func(x *training) { x.run.Features[0].Offset = -event.MaxOffset - 1 }},
		{statement.NotTrainable, "run", "no learning rate", func(x *training) { x.run.LearningRate = 0 }},
		{statement.NotTrainable, "run", "l2 below 0", func(x *training) { x.run.L2 = -1 }},
		{statement.NotAFieldElement, "after", "weights beyond the field", func(x *training) { x.step.After[0] = 0x40 }},
		{statement.NotAFieldElement, "before", "weights before beyond the field", func(x *training) { x.step.Before[0] = 0x40 }},
		{statement.TooManyRows, "dataset", "no rows in the data set", func(x *training) { x.data.Rows = 0 }},
		{statement.TooManyColumns, "run", "33 columns", func(x *training) {
			for len(x.data.Columns) < 33 {
				x.data.Columns = append(x.data.Columns, event.Column{Name: fmt.Sprint(len(x.data.Columns))})
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := trains(t)
			tc.change(x)
			_, err := s.Public(x.e, event.Digest{5}, x.log)
			var r *statement.RangeError
			if !errors.As(err, &r) || r.Code != tc.code || r.Member != tc.member {
				t.Errorf("got %v, want %s in %s", err, tc.code, tc.member)
			}
		})
	}
	for name, change := range map[string]func(x *training){
		"an unknown run":      func(x *training) { delete(x.log.events, runDigest) },
		"an unknown data set": func(x *training) { delete(x.log.events, dataDigest) },
		"an unknown tree":     func(x *training) { delete(x.log.roots, runDigest) },
	} {
		x := trains(t)
		change(x)
		if _, err := s.Public(x.e, event.Digest{5}, x.log); !errors.Is(err, errUnknown) {
			t.Errorf("%s: got %v, want the resolver's error", name, err)
		}
	}
}

func TestCheckTrainingChain(t *testing.T) {
	x := trains(t)
	chain := func() []*event.TrainingStepClaims {
		var steps []*event.TrainingStepClaims
		for i := range byte(3) {
			steps = append(steps, &event.TrainingStepClaims{Run: runDigest, Step: int64(i) + 1, Before: event.Element{31: 7 + i}, After: event.Element{31: 8 + i}})
		}
		return steps
	}
	if err := statement.CheckTrainingChain(runDigest, x.run, chain()); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(s []*event.TrainingStepClaims) []*event.TrainingStepClaims{
		"another run":         func(s []*event.TrainingStepClaims) []*event.TrainingStepClaims { s[1].Run[0]++; return s },
		"a step left out":     func(s []*event.TrainingStepClaims) []*event.TrainingStepClaims { return slices.Delete(s, 1, 2) },
		"a step twice":        func(s []*event.TrainingStepClaims) []*event.TrainingStepClaims { return slices.Insert(s, 1, s[0]) },
		"other weights":       func(s []*event.TrainingStepClaims) []*event.TrainingStepClaims { s[2].Before[0]++; return s },
		"other first":         func(s []*event.TrainingStepClaims) []*event.TrainingStepClaims { s[0].Before[0]++; return s },
		"more than the run's": func(s []*event.TrainingStepClaims) []*event.TrainingStepClaims { x.run.Steps = 2; return s },
	} {
		if err := statement.CheckTrainingChain(runDigest, x.run, change(chain())); err == nil {
			t.Errorf("%s: the chain is accepted", name)
		}
		x.run.Steps = 20
	}
}

// Score and Step compute what exact rational arithmetic does, up to the bounds.
func TestStepIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		extreme := rapid.Bool().Draw(t, "extreme")
		pick := func(bound int64) int64 {
			if extreme {
				return bound - 2*bound*r.Int64N(2)
			}
			return r.Int64N(2*bound+1) - bound
		}
		rec := &statement.Recipe{Columns: 64, Label: 63, LearningRate: 1 + r.Int64N(event.MaxLearningRate), L2: r.Int64N(event.MaxL2 + 1)}
		var w statement.Weights
		w[0] = int32(pick(math.MaxInt32))
		cells := make([]uint16, 64)
		z := new(big.Int).Lsh(big.NewInt(int64(w[0])), 16)
		for j := range 63 {
			rec.Features[j] = statement.Scaling{Scale: pick(event.MaxScale), Offset: pick(event.MaxOffset)}
			w[1+j] = int32(pick(math.MaxInt32))
			if cells[j] = uint16(r.Uint32()); extreme {
				cells[j] = math.MaxUint16
			}
			x := big.NewInt(rec.Features[j].Scale*int64(cells[j]) + rec.Features[j].Offset)
			z.Add(z, x.Mul(x, big.NewInt(int64(w[1+j]))))
		}
		score, rest := rec.Score(&w, cells)
		want := fixed.Round(z, big.NewInt(1<<16))
		if want.Cmp(big.NewInt(score)) != 0 || rest < 0 || rest >= 1<<16 {
			t.Fatalf("the score is %d rest %d, want %v", score, rest, want)
		}
		back := new(big.Int).Lsh(big.NewInt(score), 16)
		if back.Add(back, big.NewInt(rest-1<<15)); back.Cmp(z) != 0 {
			t.Fatalf("score and rest make up %v, want %v", back, z)
		}
	})
}

func TestStepGoesDownhill(t *testing.T) {
	rec := &statement.Recipe{Columns: 2, Label: 1, Positive: 1, LearningRate: fixed.One}
	rec.Features[0] = statement.Scaling{Scale: fixed.One, Offset: -fixed.One}
	rows := [][]uint16{{0, 0}, {2, 1}}
	w := statement.Weights{}
	next, err := rec.Step(&w, rows)
	if err != nil || next[0] != 0 || next[1] != fixed.One/2 {
		t.Errorf("the step leads to %v, %v, want 0 and 1/2", next[:2], err)
	}
	rec.L2 = fixed.One / 2
	w[1] = fixed.One
	undecayed := *rec
	undecayed.L2 = 0
	next, err = rec.Step(&w, rows)
	if plain, _ := undecayed.Step(&w, rows); err != nil || next[1] != plain[1]-fixed.One/2 || next[0] != plain[0] {
		t.Errorf("with decay the step leads to %v, %v, without to %v", next[:2], err, plain[:2])
	}
}

// vectors of training: testdata/hash/training.json.
type trainingVector struct {
	Run, Root    event.Digest
	Step         int64
	Batch, Rows  int
	Seed         event.Digest
	Picked       []int
	BatchHash    event.Element
	Recipe       statement.Recipe
	RecipeHash   event.Element
	Codes        [][]uint16
	Before       []int32
	Salt         string
	BeforeCommit event.Element
	After        []int32
	AfterCommit  event.Element // with the same salt, which a trainer wouldn't use twice
}

func TestTrainingVectors(t *testing.T) {
	file := filepath.Join("..", "..", "testdata", "hash", "training.json")
	var all []trainingVector
	if *update {
		all = []trainingVector{makeTrainingVector(5, 3), makeTrainingVector(40, 128)}
		b, err := json.MarshalIndent(all, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil || len(all) < 2 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	for i, v := range all {
		var salt table.Salt
		b, err := hex.DecodeString(v.Salt)
		if err != nil {
			t.Fatal(err)
		}
		copy(salt[:], b)
		got := v
		got.Seed = statement.TrainingSeed(v.Run, v.Root)
		got.Picked = statement.BatchRows(got.Seed, v.Step, v.Batch, v.Rows)
		got.BatchHash, got.RecipeHash = statement.CommitBatch(got.Picked), v.Recipe.Commit()
		before := statement.SaltedWeights{Salt: salt}
		copy(before.Weights[:], v.Before)
		got.BeforeCommit = before.Commit()
		next, err := v.Recipe.Step(&before.Weights, v.Codes)
		if err != nil {
			t.Fatal(err)
		}
		after := statement.SaltedWeights{Salt: salt, Weights: next}
		got.After, got.AfterCommit = next[:], after.Commit()
		have, _ := json.Marshal(got)
		want, _ := json.Marshal(v)
		if string(have) != string(want) {
			t.Errorf("vector %d: got %s, want %s", i, have, want)
		}
	}
}

func makeTrainingVector(columns, batch int) trainingVector {
	r := rand.New(rand.NewPCG(uint64(columns), 1))
	v := trainingVector{Run: event.DigestOf([]byte("run")), Root: event.DigestOf([]byte("root")), Step: 7, Batch: batch, Rows: 1000, Salt: fmt.Sprintf("%032x", columns)}
	v.Seed = statement.TrainingSeed(v.Run, v.Root)
	v.Picked = statement.BatchRows(v.Seed, v.Step, batch, v.Rows)
	v.BatchHash = statement.CommitBatch(v.Picked)
	v.Recipe = statement.Recipe{Columns: columns, Label: 1, Positive: 2, LearningRate: 6554, L2: 66}
	for j := range columns {
		if j != 1 {
			v.Recipe.Features[j] = statement.Scaling{Scale: int64(r.IntN(4000)) - 2000, Offset: int64(r.IntN(100000)) - 50000}
		}
	}
	for range 4 {
		codes := make([]uint16, columns)
		for j := range codes {
			codes[j] = uint16(r.IntN(100))
		}
		codes[1] = uint16(r.IntN(4))
		v.Codes = append(v.Codes, codes)
	}
	var before statement.SaltedWeights
	for j := range 1 + columns {
		before.Weights[j] = int32(r.IntN(100000)) - 50000
	}
	before.Salt[15] = byte(columns)
	v.Before, v.RecipeHash, v.BeforeCommit = before.Weights[:], v.Recipe.Commit(), before.Commit()
	next, err := v.Recipe.Step(&before.Weights, v.Codes)
	if err != nil {
		panic(err)
	}
	after := statement.SaltedWeights{Weights: next, Salt: before.Salt}
	v.After, v.AfterCommit = next[:], after.Commit()
	return v
}
