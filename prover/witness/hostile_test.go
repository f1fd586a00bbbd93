package witness_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/circuit/anonymization"
	"github.com/attestlog/attestlog/prover/circuit/dataaccess"
	"github.com/attestlog/attestlog/prover/circuit/modelversion"
	"github.com/attestlog/attestlog/prover/circuit/trainingstep"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
)

// sample is the witness that a statement's circuit is measured with.
func sample(t testing.TB, s statement.Statement) statement.Witness {
	t.Helper()
	var w statement.Witness
	var err error
	switch s.Proves {
	case event.DataAccess:
		w, _, err = dataaccess.Sample(s.Capacity)
	case event.TrainingStep:
		w, _, err = trainingstep.Sample(s.Capacity, s.MaxColumns)
	case event.ModelVersion:
		w, _, err = modelversion.Sample()
	case event.Anonymization:
		w, _, err = anonymization.Sample(s.Capacity)
	default:
		t.Fatalf("there is no sample of %s", s.Name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// misshapen are witnesses that no decoder gives, and that somebody's program may make all the same.
func misshapen(t testing.TB) map[string]statement.Witness {
	list := map[string]statement.Witness{
		"no data access":           (*statement.DataAccessWitness)(nil),
		"no training step":         (*statement.TrainingStepWitness)(nil),
		"no model version":         (*statement.ModelVersionWitness)(nil),
		"no anonymization":         (*statement.AnonymizationWitness)(nil),
		"an empty training step":   &statement.TrainingStepWitness{},
		"an empty anonymization":   &statement.AnonymizationWitness{},
		"a step without top nodes": &statement.TrainingStepWitness{Recipe: &statement.Recipe{Columns: 1}},
	}
	add := func(name, kind string, change func(w statement.Witness)) {
		w := small(t)[kind]
		change(w)
		list[name] = w
	}
	access := func(name string, change func(w *statement.DataAccessWitness)) {
		add(name, "data-access", func(w statement.Witness) { change(w.(*statement.DataAccessWitness)) })
	}
	access("rows below none", func(w *statement.DataAccessWitness) { w.Rows = -1 })
	access("an index below none", func(w *statement.DataAccessWitness) { w.Records[0].Index = -1 })
	access("an index beyond all", func(w *statement.DataAccessWitness) { w.Records[1].Index = 1 << 40 })
	access("no block", func(w *statement.DataAccessWitness) { w.Records[0].Block = nil })
	access("a block too long", func(w *statement.DataAccessWitness) { w.Records[0].Block = make([]fr.Element, 13) })
	access("too many records", func(w *statement.DataAccessWitness) { w.Records = make([]table.Opening, 1025) })

	step := func(name string, change func(w *statement.TrainingStepWitness)) {
		add(name, "training-step", func(w statement.Witness) { change(w.(*statement.TrainingStepWitness)) })
	}
	step("no top nodes", func(w *statement.TrainingStepWitness) { w.Top = nil })
	step("two top nodes", func(w *statement.TrainingStepWitness) { w.Top = w.Top[:2] })
	step("top nodes of another level", func(w *statement.TrainingStepWitness) { w.Top = w.Top[:16] })
	step("a top node too many", func(w *statement.TrainingStepWitness) { w.Top = append(w.Top, fr.Element{}) })
	step("no recipe", func(w *statement.TrainingStepWitness) { w.Recipe = nil })
	step("a recipe of no columns", func(w *statement.TrainingStepWitness) { w.Recipe.Columns = 0 })
	step("a recipe of too many columns", func(w *statement.TrainingStepWitness) { w.Recipe.Columns = 1000 })
	step("a label below none", func(w *statement.TrainingStepWitness) { w.Recipe.Label = -1 })
	step("wide blocks", func(w *statement.TrainingStepWitness) { w.Recipe.Columns, w.Recipe.Label = 40, 39 })
	step("no block of a row", func(w *statement.TrainingStepWitness) { w.Batch[2].Block = nil })
	step("too many rows", func(w *statement.TrainingStepWitness) { w.Batch = make([]table.Opening, 129) })

	model := func(name string, change func(w *statement.ModelVersionWitness)) {
		add(name, "model-version", func(w statement.Witness) { change(w.(*statement.ModelVersionWitness)) })
	}
	model("a place below none", func(w *statement.ModelVersionWitness) { w.Release.Place = -1 })
	model("a place beyond all", func(w *statement.ModelVersionWitness) { w.Release.Place = 1024 })
	model("weights beyond the field", func(w *statement.ModelVersionWitness) { w.Release.Weights[0] = 0xff })
	model("too many settings", func(w *statement.ModelVersionWitness) { w.Configuration.Settings = make([]statement.Setting, 17) })
	model("an empty key", func(w *statement.ModelVersionWitness) { w.Configuration.Settings[0].Key = "" })
	model("a key that isn't UTF-8", func(w *statement.ModelVersionWitness) { w.Configuration.Settings[0].Key = "\xff" })
	model("a key that is too long", func(w *statement.ModelVersionWitness) {
		w.Configuration.Settings[0].Key = string(make([]byte, 65))
	})

	chunk := func(name string, change func(w *statement.AnonymizationWitness)) {
		add(name, "anonymization", func(w statement.Witness) { change(w.(*statement.AnonymizationWitness)) })
	}
	chunk("no raw chunk", func(w *statement.AnonymizationWitness) { w.Raw = nil })
	chunk("no released chunk", func(w *statement.AnonymizationWitness) { w.Released = nil })
	chunk("no hierarchies", func(w *statement.AnonymizationWitness) { w.Hierarchy = nil })
	chunk("no rows", func(w *statement.AnonymizationWitness) { w.Raw.Rows = nil })
	chunk("a row too many", func(w *statement.AnonymizationWitness) { w.Released.Rows = append(w.Released.Rows, w.Raw.Rows[0]) })
	chunk("no siblings", func(w *statement.AnonymizationWitness) { w.Raw.Siblings = nil })
	chunk("a flag too few", func(w *statement.AnonymizationWitness) { w.Keep = w.Keep[1:] })
	return list
}

// judge asks the native twin of a class about a witness, with public inputs that come as near to it as they can, and where
// it agrees fills the circuit. It is the way that a proving worker goes with a witness from outside: nothing on it may panic.
func judge(s statement.Statement, w statement.Witness) (frontend.Circuit, error) {
	ctx := event.Context("log.example", event.Digest{1}, event.Digest{2})
	switch w := w.(type) {
	case *statement.DataAccessWitness:
		p := statement.DataAccessPublic{Context: ctx, Purpose: 1 << 3, Columns: 0b101}
		if w != nil {
			d := table.Commitment(table.RootOf(w.Top), w.Rows, w.Schema)
			p.Dataset, p.Records = d.Bytes(), uint64(len(w.Records))
			if accesses, err := w.Accesses(s.Capacity, p.Columns); err == nil {
				p.Accesses = accesses
			}
		}
		if err := statement.CheckDataAccess(s.Capacity, w, p); err != nil {
			return nil, err
		}
		return dataaccess.Assign(s.Capacity, w, p)
	case *statement.TrainingStepWitness:
		var p statement.TrainingStepPublic
		if w != nil && w.Recipe != nil && w.Recipe.Label >= 0 {
			p.Recipe, p.Before, p.After = w.Recipe.Commit(), w.Before.Commit(), w.After.Commit()
			if len(w.Top) == 1<<(2*statement.TrainingTopDepth(s.MaxColumns)) {
				p = trainingstep.Public(w)
			}
		}
		if err := statement.CheckTrainingStep(s, w, p); err != nil {
			return nil, err
		}
		return trainingstep.Assign(s.Capacity, s.MaxColumns, w, p)
	case *statement.ModelVersionWitness:
		p := statement.ModelVersionPublic{Context: ctx}
		if w != nil {
			p.Releases, _ = w.Release.Releases()
			p.Weights, _ = statement.ServedWeights(w.Release.Weights, w.Salt)
			if len(w.Configuration.Settings) <= statement.MaxSettings {
				p.Configuration = w.Configuration.Commit()
			}
			if len(w.Configuration.Settings) > 0 {
				first := w.Configuration.Settings[0]
				if predicates, err := statement.NewPredicates([]event.Predicate{{Key: first.Key, Comparison: "=", Bounds: []int64{first.Value}}}); err == nil {
					p.Predicates = predicates
				}
			}
		}
		if err := statement.CheckModelVersion(w, p); err != nil {
			return nil, err
		}
		return modelversion.Assign(w, p)
	case *statement.AnonymizationWitness:
		p := statement.AnonymizationPublic{Context: ctx, Chunk: 1, Rows: uint64(s.Capacity), K: 1, Diversity: 1}
		if w != nil && w.Raw != nil && w.Released != nil && w.Hierarchy != nil {
			p.Dataset, _ = w.Raw.Commitment(s.Capacity, p.Chunk, p.Rows)
			p.Released, _ = w.Released.Commitment(s.Capacity, p.Chunk, p.Rows)
			p.Hierarchy = w.Hierarchy.Digest()
			for _, keep := range w.Keep {
				if !keep {
					p.Suppressed++
				}
			}
		}
		if err := statement.CheckAnonymization(s.Capacity, w, p); err != nil {
			return nil, err
		}
		return anonymization.Assign(s.Capacity, w, p)
	}
	return nil, nil
}

// judgeAll judges a witness in every class of its kind, and for anonymizations in one as small as the small witness.
func judgeAll(w statement.Witness) (accepted int) {
	classes := append(statement.All(), statement.Statement{Name: "anonymization-4", Proves: event.Anonymization, Capacity: 4})
	for _, s := range classes {
		if s.Proves != w.Proves() {
			continue
		}
		if c, err := judge(s, w); err == nil && c != nil {
			accepted++
		}
	}
	return accepted
}

// The way to the circuit is open for true witnesses, so that it is worth while to send others down it.
func TestJudgeAcceptsTrueWitnesses(t *testing.T) {
	for _, s := range statement.All() {
		if s.Capacity > 200 {
			continue
		}
		if s.Proves == event.Anonymization {
			continue // its layout and hierarchies are others than judge's
		}
		if _, err := judge(s, sample(t, s)); err != nil {
			t.Errorf("%s: the sample is refused: %v", s.Name, err)
		}
	}
	for _, kind := range []string{"data-access", "training-step", "model-version"} {
		if judgeAll(small(t)[kind]) == 0 {
			t.Errorf("%s: the small witness is refused in every class", kind)
		}
	}
}

func TestTwinsSurviveMisshapenWitnesses(t *testing.T) {
	for name, w := range misshapen(t) {
		if n := judgeAll(w); n > 0 && !strings.Contains(name, "a key that") && name != "an empty key" { // what makes a key is not for the circuit to judge
			t.Errorf("%s: %d classes accept it", name, n)
		}
	}
	for _, c := range circuit.All() {
		if _, err := c.Assign(nil, &event.Event{Claims: new(event.DataAccessClaims)}, event.Digest{}, nil); err == nil {
			t.Errorf("%s: no witness at all is assigned", c.Statement.Name)
		}
	}
}

// FuzzDecode holds the decoder to one encoding for a witness, and sends what it takes down the worker's way.
func FuzzDecode(f *testing.F) {
	for _, w := range small(f) {
		b, err := witness.Encode(w)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("attestlog-witness/v1 anonymization\n\x10\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := witness.Decode(b)
		if err != nil {
			return
		}
		again, err := witness.Encode(w)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("encode(decode(b)) is not b: %v", err)
		}
		judgeAll(w)
	})
}
