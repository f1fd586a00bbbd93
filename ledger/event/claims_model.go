package event

import "github.com/attestlog/attestlog/ledger/event/canon"

// Limits of a training run. They keep every number in a proof far from where it would wrap around, and from what JSON can't
// hold exactly.
const (
	MaxFeatures     = 64
	MaxLearningRate = 1 << 20 // 16.0
	MaxL2           = 1 << 16 // 1.0
	MaxScale        = 1 << 20 // 16.0 a code
	MaxOffset       = 1 << 36 // 2^20
)

// TrainingRunClaims: a training run starts: logistic regression by stochastic gradient descent. Its steps refer to it, and its
// place in the log seeds which rows they take. All fractions are in units of 2^-16; prover/statement/SPEC.md has the arithmetic.
type TrainingRunClaims struct {
	Batch        int64     // rows per step
	Dataset      Digest    // the event that commits to the data set
	Features     []Feature // the columns that predict, in the data set's order
	L2           int64     // the pull of each weight but the intercept towards zero; 0 for none
	Label        Label     // what is predicted
	LearningRate int64
	Steps        int64   // how many steps are planned
	Weights      Element // commitment to the first weights
}

// Feature is a column whose values predict: the feature is Scale × code + Offset, in units of 2^-16.
type Feature struct {
	Column string
	Offset int64
	Scale  int64 // not 0
}

// Label is what is predicted: whether a column's code is Positive.
type Label struct {
	Column   string
	Positive int64
}

func (*TrainingRunClaims) Kind() Kind { return TrainingRun }

func (c *TrainingRunClaims) members(o *canon.Object) {
	o.Int("batch", &c.Batch, 1, 1024)
	o.Hex("dataset", c.Dataset[:])
	n := len(c.Features)
	o.List("features", &n, 1, MaxFeatures, func(i int, el *canon.Element) {
		if i == len(c.Features) {
			c.Features = append(c.Features, Feature{})
		}
		el.Object(c.Features[i].members)
	})
	distinct(o, "features", n, func(i int) string { return c.Features[i].Column })
	o.Int("l2", &c.L2, 0, MaxL2)
	o.Object("label", c.Label.members)
	for i := range c.Features {
		if o.Err() == nil && c.Features[i].Column == c.Label.Column {
			o.Fail("label", "the column %q can't predict itself", canon.Clip(c.Label.Column))
		}
	}
	o.Int("learningRate", &c.LearningRate, 1, MaxLearningRate)
	o.Int("steps", &c.Steps, 1, 1<<32)
	element(o, "weights", &c.Weights)
}

func (f *Feature) members(o *canon.Object) {
	o.Text("column", &f.Column, 1, 64)
	o.Int("offset", &f.Offset, -MaxOffset, MaxOffset)
	o.Int("scale", &f.Scale, -MaxScale, MaxScale)
	if o.Err() == nil && f.Scale == 0 {
		o.Fail("scale", "a feature of scale 0 is the same for every row: leave it out")
	}
}

func (l *Label) members(o *canon.Object) {
	o.Text("column", &l.Column, 1, 64)
	o.Int("positive", &l.Positive, 0, 65535)
}

// TrainingStepClaims: the weights took one step of stochastic gradient descent.
type TrainingStepClaims struct {
	After  Element // commitment to the weights after the step
	Before Element // commitment to the weights before it
	Run    Digest  // the training-run event
	Step   int64   // from 1
}

func (*TrainingStepClaims) Kind() Kind { return TrainingStep }

func (c *TrainingStepClaims) members(o *canon.Object) {
	element(o, "after", &c.After)
	element(o, "before", &c.Before)
	o.Hex("run", c.Run[:])
	o.Int("step", &c.Step, 1, 1<<32)
}

// ApprovalClaims: releases are approved. Which ones, and how many, stays hidden.
type ApprovalClaims struct {
	Releases Element // commitment to a tree with a leaf H(weights, release salt) for each release
}

func (*ApprovalClaims) Kind() Kind { return Approval }

func (c *ApprovalClaims) members(o *canon.Object) { element(o, "releases", &c.Releases) }

// Limits of a served model's predicates.
const (
	MaxPredicates = 8
	MaxSet        = 8 // members of the set that a value is in
)

// ModelVersionClaims: a model version is served, and it is an approved one.
//
// Either the model is known: Run and Step say where it comes from, and Weights is the commitment that this step ended with. Or it is
// withheld: then Weights is that commitment hashed once more with a fresh salt, so that nobody can tell which of the log's models it
// is, nor that two events are about the same one.
type ModelVersionClaims struct {
	Approval      Digest      // the approval event
	Configuration Element     // commitment to the hidden configuration, with a salt fresh for this event
	Predicates    []Predicate // what the configuration satisfies
	Run           Digest      // the training-run event, or zero: then the run is withheld
	Step          Digest      // the training-step event of that run whose weights are served; zero iff Run is
	Version       string      // what the source calls it
	Weights       Element     // commitment to the served weights; salted once more iff the run is withheld
}

func (*ModelVersionClaims) Kind() Kind { return ModelVersion }

func (c *ModelVersionClaims) members(o *canon.Object) {
	o.Hex("approval", c.Approval[:])
	element(o, "configuration", &c.Configuration)
	predicates(o, "predicates", &c.Predicates, 0, MaxPredicates, MaxSet)
	optional(o, "run", &c.Run)
	optional(o, "step", &c.Step)
	if o.Err() == nil && c.Run.IsZero() != c.Step.IsZero() {
		o.Fail("step", "a run and the step of it whose weights are served are stated together, or neither is")
	}
	o.Text("version", &c.Version, 1, 128)
	element(o, "weights", &c.Weights)
}

// Predicate is a public condition on a hidden value. An absent key satisfies none.
type Predicate struct {
	Bounds     []int64 // one number; for "in" the members of the set: up to 8 of a served model's, up to 16 of a policy's
	Comparison string  // "=", "!=", "<=", ">=", "in"
	Key        string
}

func (p *Predicate) members(o *canon.Object, maxSet int) {
	n := len(p.Bounds)
	o.List("bounds", &n, 1, maxSet, func(i int, el *canon.Element) {
		if i == len(p.Bounds) {
			p.Bounds = append(p.Bounds, 0)
		}
		el.Int(&p.Bounds[i], -canon.MaxInt, canon.MaxInt)
	})
	o.Word("comparison", &p.Comparison, "!=", "<=", "=", ">=", "in")
	if o.Err() == nil && p.Comparison != "in" && n != 1 {
		o.Fail("bounds", "the comparison %q takes one bound, not %d", p.Comparison, n)
	}
	o.Text("key", &p.Key, 1, 64)
}

func predicates(o *canon.Object, name string, list *[]Predicate, min, max, maxSet int) {
	n := len(*list)
	o.List(name, &n, min, max, func(i int, el *canon.Element) {
		if i == len(*list) {
			*list = append(*list, Predicate{})
		}
		el.Object(func(o *canon.Object) { (*list)[i].members(o, maxSet) })
	})
}

// PolicyClaims: a policy that seals can prove over ranges of the log.
type PolicyClaims struct {
	Description string // what it demands, in a sentence
	Name        string
	Rules       []Predicate // each entry of a sealed range satisfies all of them
}

func (*PolicyClaims) Kind() Kind { return Policy }

func (c *PolicyClaims) members(o *canon.Object) {
	o.Text("description", &c.Description, 1, 1024)
	o.Text("name", &c.Name, 1, 64)
	predicates(o, "rules", &c.Rules, 1, 8, 16)
}

// SealClaims: every entry of one aligned chunk of 1,024 satisfies a policy.
type SealClaims struct {
	Chunk  int64   // entries [1024·Chunk, 1024·(Chunk+1))
	Counts []int64 // entries of each kind, by the kinds' numbers from 1
	Policy Digest  // the policy event
	Root   Element // Poseidon2 root of the chunk, a function of its leaves alone
}

func (*SealClaims) Kind() Kind { return Seal }

func (c *SealClaims) members(o *canon.Object) {
	o.Int("chunk", &c.Chunk, 0, canon.MaxInt/1024)
	n := len(c.Counts)
	o.List("counts", &n, len(rules)-1, len(rules)-1, func(i int, el *canon.Element) {
		if i == len(c.Counts) {
			c.Counts = append(c.Counts, 0)
		}
		el.Int(&c.Counts[i], 0, 1024)
	})
	o.Hex("policy", c.Policy[:])
	element(o, "root", &c.Root)
}
