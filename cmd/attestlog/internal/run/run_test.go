package run_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/model"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/run"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/gadget/fixed"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/statement/training"
	"github.com/attestlog/attestlog/prover/witness"
)

// death is what a process dies of in these tests: it is thrown, and nothing of the process is used after it.
type death struct{}

// reaper kills a process at its countdown-th operation. Each counts twice: once before it has any effect, once after it.
type reaper struct{ countdown int }

func (r *reaper) tick() {
	if r.countdown--; r.countdown == 0 {
		panic(death{})
	}
}

// survives runs a process and tells whether it lived to its end.
func survives(process func()) (alive bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(death); !ok {
				panic(r)
			}
			alive = false
		}
	}()
	process()
	return true
}

// memory is a folder.
type memory struct {
	files   map[string][]byte
	secrets map[string]bool
	*reaper
}

func (m *memory) Read(name string, limit int64, secret bool) ([]byte, error) {
	b, ok := m.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if int64(len(b)) > limit || secret != m.secrets[name] {
		return nil, fmt.Errorf("%s: too long, or another mode", name)
	}
	return b, nil
}

func (m *memory) Write(name string, b []byte, secret bool) error {
	m.tick()
	m.files[name], m.secrets[name] = b, secret
	m.tick()
	return nil
}

const steps = 3

// world is a data set, a log and a folder.
type world struct {
	t     *testing.T
	data  *event.DatasetClaims
	table *table.Table
	log   *paper
	disk  *memory
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, data: &event.DatasetClaims{Rows: 9}, disk: &memory{files: map[string][]byte{}, secrets: map[string]bool{}, reaper: new(reaper)}}
	for _, name := range []string{"age", "income", "class"} {
		w.data.Columns = append(w.data.Columns, event.Column{Name: name, Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Max: 9}}})
	}
	var rows []table.Row
	for i := range uint16(9) {
		rows = append(rows, table.Row{Cells: []uint16{i, 9 - i, i % 2}, Salt: table.Salt{byte(i + 1)}})
	}
	var err error
	if w.table, err = table.Build(t.Context(), 3, rows, nil); err != nil {
		t.Fatal(err)
	}
	root := w.table.Root()
	w.data.Root = root.Bytes()
	w.log = newPaper(t, w.data)
	w.log.append(&event.Event{Subject: event.Subject{Name: "other"}, Log: "log.example", Source: "other/1", Seq: 1, Time: 1, Proof: event.ProofNone,
		Claims: &event.ApprovalClaims{}})
	return w
}

func (w *world) plan(first event.Element) (*draft.Draft, error) {
	features, err := training.FromCodings(w.data, "age", "income")
	if err != nil {
		return nil, err
	}
	return &draft.Draft{Subject: event.Subject{Name: "scorer", Digest: sha256.Sum256(first[:])}, Claims: &event.TrainingRunClaims{Batch: 4,
		Dataset: event.Digest{7}, Features: features, Label: event.Label{Column: "class", Positive: 1}, LearningRate: fixed.One / 2, Steps: steps, Weights: first}}, nil
}

// train is what a process does. It dies at the given operation; 0 is never.
func (w *world) train(dies int, recorder run.Recorder) error {
	shared := &reaper{dies}
	w.disk.reaper, w.log.reaper = shared, shared
	r, err := w.resume(recorder)
	for err == nil {
		_, err = r.Next(w.t.Context(), recorder)
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func (w *world) resume(recorder run.Recorder) (*run.Run, error) {
	r, err := run.Open(w.disk, w.log, w.plan)
	if err == nil {
		_, err = r.Place(w.t.Context(), recorder)
	}
	if err == nil {
		err = r.Resume(w.t.Context(), w.data, w.table)
	}
	return r, err
}

// check makes sure that the log has the run and each of its steps once, and that the folder opens them all.
func (w *world) check(name string) {
	w.t.Helper()
	var got []string
	for _, e := range w.log.events[1:] {
		switch c := e.Claims.(type) {
		case *event.TrainingRunClaims:
			got = append(got, "run")
		case *event.TrainingStepClaims:
			got = append(got, fmt.Sprint(c.Step))
			m, err := model.Decode(w.disk.files[run.ModelFile(c.Step)])
			if err != nil || m.Weights.Commit() != c.After {
				w.t.Errorf("%s: the folder doesn't open the weights after step %d: %v", name, c.Step, err)
			}
		}
	}
	if list := strings.Join(got, " "); list != "run 1 2 3" {
		w.t.Errorf("%s: the log has: %s", name, list)
	}
	for name := range w.disk.files {
		if w.disk.secrets[name] != (strings.HasPrefix(name, "models/") || strings.HasSuffix(name, ".witness")) {
			w.t.Errorf("%s has the wrong mode", name)
		}
	}
}

// TestKilledAnywhere kills a training at each of its operations, before and after their effect, and goes on with it.
func TestKilledAnywhere(t *testing.T) {
	for at := 1; ; at++ {
		w := newWorld(t)
		if survives(func() {
			if err := w.train(at, w.log); err != nil {
				t.Fatalf("killed at %d: %v", at, err)
			}
		}) {
			w.check("never killed")
			if at < 30 {
				t.Errorf("there were only %d operations to be killed at", at)
			}
			return
		}
		if err := w.train(0, w.log); err != nil {
			t.Errorf("after being killed at operation %d: %v", at, err)
		}
		w.check(fmt.Sprintf("killed at operation %d", at))
	}
}

// TestKilledAgainAndAgain leaves each process only a few operations.
func TestKilledAgainAndAgain(t *testing.T) {
	for _, life := range []int{5, 6, 7, 9, 12} { // 4 is too short: a step is taken by two files and logged by one call
		w := newWorld(t)
		lives := 1
		for !survives(func() {
			if err := w.train(life, w.log); err != nil {
				t.Fatal(err)
			}
		}) {
			if lives++; lives > 100 {
				t.Fatalf("lives of %d operations lead nowhere", life)
			}
		}
		w.check(fmt.Sprintf("%d lives of %d operations", lives, life))
	}
}

// TestWithoutRecorder takes the steps for somebody else to submit, and then submits them.
func TestWithoutRecorder(t *testing.T) {
	w := newWorld(t)
	if err := w.train(0, nil); !errors.Is(err, run.ErrNotLogged) {
		t.Fatalf("a run that nobody logged: %v", err)
	}
	d, err := draft.Decode(w.disk.files["run.json"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.log.Record(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.train(0, nil); err != nil {
		t.Fatal(err)
	}
	if len(w.log.events) != 2 {
		t.Fatal("something was logged without a recorder")
	}
	// Two of three steps are submitted by hand.
	for number := 1; number <= 2; number++ {
		d, err := draft.Decode(w.disk.files[fmt.Sprintf("steps/%04d.json", number)])
		if err != nil {
			t.Fatal(err)
		}
		secret, err := witness.Decode(w.disk.files[fmt.Sprintf("steps/%04d.witness", number)])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.log.Record(t.Context(), d, secret); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.train(0, w.log); err != nil {
		t.Fatal(err)
	}
	w.check("submitted by hand and by recorder")
	r, err := w.resume(nil)
	if err != nil || r.Taken() != 3 || r.Logged() != 3 || r.Source() != "trainer/1" || r.Trainer().Taken() != 3 {
		t.Errorf("in the end: %+v, %v", r, err)
	}
	if _, err := r.Next(t.Context(), w.log); err != io.EOF {
		t.Errorf("after the last step: %v", err)
	}
}

// TestAnotherFolder changes a folder after two steps, of which the log has both, and goes on.
func TestAnotherFolder(t *testing.T) {
	other := newWorld(t)
	if err := other.train(0, other.log); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(w *world)
		says   string
	}{
		"weights of another run": {func(w *world) { w.disk.files["models/0002"] = other.disk.files["models/0002"] }, "weights of another run"},
		"weights of another step": {func(w *world) {
			w.disk.files["models/0002"] = bytes.Replace(w.disk.files["models/0001"], []byte(`"step":1`), []byte(`"step":2`), 1)
		}, "weights of another run or step"},
		"no weights":                   {func(w *world) { delete(w.disk.files, "models/0002") }, "couldn't read the weights after step 2"},
		"weights that others see":      {func(w *world) { w.disk.secrets["models/0002"] = false }, "another mode"},
		"weights under another number": {func(w *world) { w.disk.files["models/0002"] = w.disk.files["models/0001"] }, "holds the weights after step 1"},
		"first weights of another run": {func(w *world) { w.disk.files["models/0000"] = other.disk.files["models/0000"] }, run.ErrAnother.Error()},
		"no first weights":             {func(w *world) { delete(w.disk.files, "models/0000") }, "couldn't read the first weights"},
		"another plan":                 {func(w *world) { w.disk.files["run.json"] = append(w.disk.files["run.json"], '\n') }, run.ErrAnother.Error()},
		"an old copy": {func(w *world) {
			delete(w.disk.files, "steps/0002.json")
			delete(w.disk.files, "steps/0002.receipt.json")
		}, "it is an old copy"},
		"a gap":                 {func(w *world) { delete(w.disk.files, "steps/0001.receipt.json") }, "a file is missing"},
		"a step of another run": {func(w *world) { w.disk.files["steps/0002.json"] = other.disk.files["steps/0002.json"] }, "is that of another event"},
		"a step of another run, without a receipt": {func(w *world) {
			delete(w.disk.files, "steps/0002.receipt.json")
			w.disk.files["steps/0002.json"] = other.disk.files["steps/0002.json"]
		}, "are no chain"},
		"what is no step":     {func(w *world) { w.disk.files["steps/0002.json"] = w.disk.files["run.json"] }, "not of a training step"},
		"what is no draft":    {func(w *world) { w.disk.files["steps/0002.json"] = []byte("x") }, "steps/0002.json"},
		"what is no receipt":  {func(w *world) { w.disk.files["steps/0002.receipt.json"] = []byte("x") }, "not a receipt"},
		"another receipt":     {func(w *world) { w.disk.files["steps/0002.receipt.json"] = w.disk.files["steps/0001.receipt.json"] }, "is that of another event"},
		"another log's":       {func(w *world) { w.disk.files["run.receipt.json"] = other.disk.files["run.receipt.json"] }, "is that of another event"},
		"another run's place": {func(w *world) { w.disk.files["run.receipt.json"] = w.disk.files["steps/0001.receipt.json"] }, "is that of another event"},
		"another data set":    {func(w *world) { w.data = &event.DatasetClaims{Columns: w.data.Columns, Rows: 9} }, "the table is not the run's data set"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r, err := w.resume(w.log)
			for range 2 {
				if err == nil {
					_, err = r.Next(t.Context(), w.log)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			logged := len(w.log.events)
			c.change(w)
			changed := maps.Clone(w.disk.files)
			if err := w.train(0, w.log); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want: %s", err, c.says)
			}
			if len(w.log.events) != logged || !maps.EqualFunc(w.disk.files, changed, bytes.Equal) {
				t.Error("something was written")
			}
		})
	}
}

// TestRefusedStep is a log that refuses a step: it stays the one that was taken.
func TestRefusedStep(t *testing.T) {
	w := newWorld(t)
	if err := w.train(0, refusing{w.log}); err == nil || !strings.Contains(err.Error(), "couldn't log step 1: no") {
		t.Fatalf("got %v", err)
	}
	taken := string(w.disk.files["steps/0001.json"])
	if err := w.train(0, w.log); err != nil {
		t.Fatal(err)
	}
	if string(w.disk.files["steps/0001.json"]) != taken {
		t.Error("the step was taken again")
	}
	w.check("refused once")
	ended, end := context.WithCancel(t.Context())
	end()
	r, err := w.resume(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(ended, w.log); !errors.Is(err, context.Canceled) {
		t.Errorf("a training that was ended: %v", err)
	}
}

// refusing refuses steps.
type refusing struct{ *paper }

func (p refusing) Record(ctx context.Context, d *draft.Draft, w statement.Witness) (*verify.Receipt, error) {
	if w != nil {
		return nil, errors.New("no")
	}
	return p.paper.Record(ctx, d, w)
}
