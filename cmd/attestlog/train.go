package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/model"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/run"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement/training"
)

const trainManual = `Trains a model, logistic regression by stochastic gradient descent, so that every step is proven: that its weights came out of the
step before, on exactly the rows of the data set that the run's place in the log picked. Weights stay secret; the log holds commitments.

  attestlog train --dataset german/secrets --entry 5 --label class=good --features all --steps 20 --out training \
    --subject credit-scorer --source trainer/1 --key trainer.key

The run is logged first. Nobody knows beforehand what the log's tree will be then, and that tree picks the rows of every step. Then the steps are
taken, proven and logged one by one, each with its loss on all rows of the data set. In DIR, which is made, lie

  run.json, run.receipt.json     what the run says in public, and the log's receipt for it
  models/0000, models/0001 …     the weights before the first step and after each, with their salts: secrets, as the model itself is
  steps/0001.json, …receipt.json what each step says in public, and its receipt

Whatever interrupts a training, power cuts included: give the same command again, and it goes on where it stood. A step that was taken is never taken a second
time with another outcome.

Without --source and --key nothing is sent: the command stops before the run, which attestlog submit DIR/run.json logs. Given again, it takes all
steps, and writes a witness beside each: attestlog submit DIR/steps/0001.json --witness DIR/steps/0001.witness, and so on, in order.

With --deferred, steps are logged at once and proven later, by the log's proving workers: attestlog verify says of each whether it is.

What the run says stands in public for good: features, label, rate, steps. --scaling codings scales features by the ranges and labels that the data set's
entry states. --scaling standard scales them to mean 0 and deviation 1, which trains faster; but each column's mean and deviation become public.

Rows can't be held out of a run: any row of the data set may be picked. To see how the model does on others, commit to those apart, or keep them in a
CSV file with the same columns, and name them with --test. Rows of a released data set that are blank, because they were suppressed, can be
picked like any other, and then count as a row whose codes are all 0; the command says how many there are. They are left out of losses and accuracies.
`

type train struct {
	log    logFlags
	report reporting

	entry, subject, label, features, scaling string
	steps, batch                             int64
	rate, l2                                 fraction
	test                                     string
	float                                    bool
	out                                      string
}

func bindTrain(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	c := new(train)
	c.log.bind(fs)
	c.log.bindProvers(fs)
	c.report.bind(fs)
	c.report.bindDeferred(fs)
	c.report.proving.bind(fs)
	fs.StringVar(&c.entry, "entry", "", "the data set's `entry`: its index, or the event's digest")
	fs.StringVar(&c.subject, "subject", "", "the `name` of the AI system that the model is for")
	fs.StringVar(&c.label, "label", "", "what is predicted: `COLUMN=VALUE`, such as class=good")
	fs.StringVar(&c.features, "features", "all", "the columns that predict: a `list` with commas between, or all but the label's")
	fs.StringVar(&c.scaling, "scaling", "codings", "how features are scaled: codings or standard, a `word`")
	fs.Int64Var(&c.steps, "steps", 0, "how `many` steps to take")
	fs.Int64Var(&c.batch, "batch", 32, "rows a step, a `number` to 128: 32 are proven in a second or so, 128 in five")
	fs.TextVar(&c.rate, "rate", fraction{units: 1 << 15}, "the learning rate, a `number` to 16")
	fs.TextVar(&c.l2, "l2", fraction{}, "the pull of each weight towards zero, a `number` to 1")
	fs.StringVar(&c.test, "test", "", "rows to try the model on after each step: the secrets of another data set with the same columns, or a CSV `file`")
	fs.BoolVar(&c.float, "compare-float", false, "train in float64 beside, and show how that does")
	fs.StringVar(&c.out, "out", "", "the `directory` to keep the training in")
	return c.run
}

func (c *train) check() (reference, error) {
	for _, f := range []struct{ name, value string }{{"dataset", c.report.proving.dataset}, {"entry", c.entry}, {"subject", c.subject},
		{"label", c.label}, {"features", c.features}, {"out", c.out}} {
		if f.value == "" {
			return reference{}, misuse("--%s is missing", f.name)
		}
	}
	if c.steps < 1 {
		return reference{}, misuse("--steps is missing: how many steps are to be taken")
	}
	if c.scaling != "codings" && c.scaling != "standard" {
		return reference{}, misuse("--scaling: want codings or standard, not %q", c.scaling)
	}
	if err := c.report.check(); err != nil {
		return reference{}, err
	}
	return parseReference(c.entry)
}

func (c *train) run(ctx context.Context, t *terminal, args []string) (err error) {
	if len(args) != 0 {
		return misuse("%q is one argument too many", args[0])
	}
	ref, err := c.check()
	if err != nil {
		return err
	}
	disk, err := openFolder(c.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.close()) }()
	r, err := c.log.connect(t)
	if err != nil {
		return err
	}
	d, err := c.report.proving.readDataset(ctx, t)
	if err != nil {
		return err
	}
	entry, err := datasetEntry(ctx, r, ref, d)
	if err != nil {
		return r.judge(ctx, err)
	}
	watch, err := c.watch(ctx, t, d)
	if err != nil {
		return err
	}
	session, err := c.open(ctx, disk, r, d, entry)
	if err != nil {
		return r.judge(ctx, err)
	}
	var recorder run.Recorder // stays nil, not a nil *reporter, without a source
	if c.report.given() {
		reporter, opening := c.report.open(ctx, t, r)
		if opening != nil {
			return refused(ctx, r, opening)
		}
		defer func() { err = errors.Join(err, reporter.Close()) }()
		recorder = reporter
	}
	placed, err := session.Place(ctx, recorder)
	if errors.Is(err, run.ErrNotLogged) {
		return c.wait(ctx, t, r)
	}
	if err != nil {
		return refused(ctx, r, err)
	}
	if err := c.takeSteps(ctx, r, watch, session, recorder, d, placed); err != nil {
		return refused(ctx, r, c.explain(err))
	}
	return r.judge(ctx, nil)
}

// open goes on with the run in the folder, or begins it, once it is known that it can be.
func (c *train) open(ctx context.Context, disk *folder, r *remote, d *dataset.Dataset, entry *verify.Entry) (*run.Run, error) {
	claims, err := c.claims(d, entry.Digest)
	if err != nil {
		return nil, err
	}
	session, err := run.Open(disk, &trainingLog{r, c.report.signing.source}, func(first event.Element) (*draft.Draft, error) {
		claims.Weights = first
		return &draft.Draft{Subject: event.Subject{Name: c.subject, Digest: sha256.Sum256(first[:])}, Claims: claims}, nil
	})
	if errors.Is(err, run.ErrAnother) {
		return nil, fmt.Errorf("%s holds a run with other claims than this command line makes (%s): to go on with it, give the command that began it; "+
			"to begin another one, name another --out", c.out, filepath.Join(c.out, "run.json"))
	}
	return session, err
}

// claims are the run's but for the first weights.
func (c *train) claims(d *dataset.Dataset, entry event.Digest) (*event.TrainingRunClaims, error) {
	label, err := parseLabel(c.label, d.Claims.Columns)
	if err != nil {
		return nil, misuse("--label: %w", err)
	}
	names := c.predictors(d.Claims.Columns, label.Column)
	var features []event.Feature
	if c.scaling == "standard" {
		features, err = training.Standardize(d.Claims, d.Table, names...)
	} else {
		features, err = training.FromCodings(d.Claims, names...)
	}
	if err != nil {
		return nil, misuse("--features: %w", err)
	}
	if _, err := training.Class(int(min(c.batch, 1<<20)), len(d.Claims.Columns)); err != nil {
		return nil, misuse("--batch: %w", err)
	}
	return &event.TrainingRunClaims{Batch: c.batch, Dataset: entry, Features: features, L2: c.l2.units, Label: label, LearningRate: c.rate.units, Steps: c.steps}, nil
}

// predictors are the columns that predict, in the data set's order as features must be. Where all are meant, those that say nothing are left out.
func (c *train) predictors(columns []event.Column, label string) (names []string) {
	listed := map[string]bool{}
	for name := range strings.SplitSeq(c.features, ",") {
		listed[strings.TrimSpace(name)] = true
	}
	for i := range columns {
		name := columns[i].Name
		if c.features == "all" && name != label && values(columns[i].Coding) > 1 || c.features != "all" && listed[name] {
			names = append(names, name)
		}
		delete(listed, name)
	}
	if c.features != "all" {
		for name := range listed {
			names = append(names, name) // unknown: the error will name it
		}
	}
	return names
}

// wait tells how to log the run where this command doesn't.
func (c *train) wait(ctx context.Context, t *terminal, r *remote) error {
	path := filepath.Join(c.out, "run.json")
	t.say("The run is ready, and not in the log yet. Log it, then give this command again:")
	t.field("submit", "attestlog submit %s --source NAME --key FILE", path)
	if t.json {
		t.printJSON(map[string]any{"run": path, "digest": nil, "steps": []any{}, "model": filepath.Join(c.out, run.ModelFile(0))})
	}
	return r.judge(ctx, nil)
}

func (c *train) takeSteps(ctx context.Context, r *remote, watch *trainingWatch, session *run.Run, recorder run.Recorder, d *dataset.Dataset, placed *verify.Entry) error {
	if recorder != nil && placed.Event.Source != c.report.signing.source {
		return fmt.Errorf("the run is source %s's, whose steps nobody else can report", placed.Event.Source)
	}
	if err := session.Resume(ctx, d.Claims, d.Table); err != nil {
		return err
	}
	watch.begin(session, placed, c.float)
	for {
		done, err := session.Next(ctx, recorder)
		if err == io.EOF {
			return watch.end(r)
		}
		if err != nil {
			return err
		}
		if err := watch.step(done); err != nil {
			return err
		}
	}
}

// explain adds what people can do about an error.
func (c *train) explain(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted: give the same command again, and it goes on (%w)", err)
	case isDiverged(err):
		return fmt.Errorf("%w: the learning rate is too high for these features. A run can't be changed once it is in the log: begin another one, with another --out", err)
	}
	return err
}

// modelOf reads a model's file.
func modelOf(path string) (*model.Model, error) {
	return decodeFile(path, model.MaxFile, readSecret, model.Decode)
}
