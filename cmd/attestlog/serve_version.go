package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"path/filepath"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/model"
	commandline "github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/statement/training"
	"github.com/attestlog/attestlog/prover/witness"
	"github.com/attestlog/attestlog/web/words"
)

const serveVersionManual = `Says which version of a model is served, and proves that it is an approved one, and that its configuration, which stays hidden, satisfies
what --where says. MODEL is a file of attestlog train, or the weights' commitment in hex; the configuration is a YAML file (attestlog help configuration).

  attestlog serve-version training/models/0020 --releases approved/releases --approval 30 --configuration scorer.yaml \
    --where 'threshold>=500' --where 'mode in {1,2}' --version 2026.11 --subject credit-scorer --step 29 --out served --source gateway/1 --key gateway.key

With --step the event says which training run the model comes from, and which of its steps made it. With --withhold-run it says neither: nobody can
tell which of the log's models it is, nor whether two events are about the same one. Choose; what is said can't be taken back. In DIR, which
is made, lie then

  claims.json              what the source says in public
  witness                  what proves it: a secret
  configuration.disclosed  the configuration with the salt of its commitment: a secret, to show to an auditor who may see it
  weights.disclosed        with --withhold-run: which model it is, with the salt that hides it; likewise

An auditor holds what he is shown against the log: attestlog verify ENTRY --disclosed FILE.

With --source and --key the event is proven and logged at once; else attestlog submit DIR/claims.json --witness DIR/witness does it. A model that was
not approved, or a condition that doesn't hold, has no proof: that ends with exit code 5, and nothing is written.
`

const configurationManual = `The configuration of a served model, for attestlog serve-version, is a small YAML file:

  format: attestlog-configuration/v1

  # At most 16 keys, each with an integer between -2^53 and 2^53. What is no integer is written as one: say in a comment how.
  settings:
    threshold: 550       # of the score, in thousandths
    temperature: 700     # in thousandths
    mode: 2              # 1 strict, 2 balanced, 3 lenient
    human_review: 1      # 1 yes, 0 no

The log holds only a commitment to it. What is said about it in public are conditions, at most 8:

  threshold>=500    temperature<=1000    mode!=3    human_review=1    mode in {1,2}

The names of their keys and the numbers in them become public; all other keys, and all values, don't. A condition on a key that the configuration
doesn't have can't be proven, != no less than the others. Beware of conditions so narrow that they give the value away.
`

const modelsManual = `Files about models. All are JSON of one line, written by attestlog and refused if anything in them was changed; all are secrets, for their
owner's eyes only (mode 0600), since whoever has the salts can open the commitments in the log.

  attestlog-model/v1                    of attestlog train: run, step, salt (128 bits in hex), and 65 weights: the intercept, then one for each
                                        column of the data set, 0 where it doesn't predict; integers that stand for 1/65536
  attestlog-releases/v1                 of attestlog approve: releases, each with the commitment to its weights and a salt
  attestlog-disclosed-configuration/v1  of attestlog serve-version: settings and salt
  attestlog-disclosed-weights/v1        of attestlog serve-version --withhold-run: the commitment to the weights, and the salt that hides it

Each of them opens a commitment. attestlog verify ENTRY --disclosed FILE holds it against the claims of an entry. Whoever shows one gives away what is
in it, and can't take it back: a model's file is the model.

What a model predicts for a row with the codes c is the sigmoid of w0 + sum of w*(scale*c + offset)/65536, with scale and offset of each feature as the
training run states them; prover/statement/SPEC.md has it to the last bit.
`

type serveVersion struct {
	log    logFlags
	report reporting

	releases, approval, configuration string
	where                             commandline.Repeated
	version, subject, step            string
	withhold                          bool
	out                               string
}

func bindServeVersion(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	s := new(serveVersion)
	s.log.bind(fs)
	s.log.bindProvers(fs)
	s.report.bind(fs)
	s.report.bindDeferred(fs)
	s.report.proving.bindKeys(fs)
	fs.StringVar(&s.releases, "releases", "", "which models were approved, a `file` that attestlog approve wrote")
	fs.StringVar(&s.approval, "approval", "", "the approval's `entry`: its index, or the event's digest")
	fs.StringVar(&s.configuration, "configuration", "", "the settings that the model is served under, a YAML `file`: attestlog help configuration")
	fs.Var(&s.where, "where", "a `condition` that the configuration satisfies, such as 'threshold>=500'; may be given several times")
	fs.StringVar(&s.version, "version", "", "what the source calls the version, a `name` such as 2026.11")
	fs.StringVar(&s.subject, "subject", "", "the `name` of the AI system that serves the model")
	fs.StringVar(&s.step, "step", "", "say which training step made the model, by its `entry`: index or digest; the run follows from it")
	fs.BoolVar(&s.withhold, "withhold-run", false, "don't say where the model comes from")
	fs.StringVar(&s.out, "out", "", "the `directory` to write to")
	return s.run
}

// The files of a served version in its folder, beside claims and witness.
const (
	configurationFile = "configuration.disclosed"
	weightsFile       = "weights.disclosed"
)

func (s *serveVersion) check(args []string) ([]event.Predicate, reference, error) {
	fail := func(err error) ([]event.Predicate, reference, error) { return nil, reference{}, err }
	if len(args) != 1 {
		return fail(misuse("want one model: its file, or its weights' commitment in hex"))
	}
	for _, f := range []struct{ name, value string }{{"releases", s.releases}, {"approval", s.approval}, {"configuration", s.configuration},
		{"version", s.version}, {"subject", s.subject}, {"out", s.out}} {
		if f.value == "" {
			return fail(misuse("--%s is missing", f.name))
		}
	}
	if (s.step == "") != s.withhold {
		return fail(misuse("say either --step, which tells where the model comes from, or --withhold-run"))
	}
	if err := s.report.check(); err != nil {
		return fail(err)
	}
	var predicates []event.Predicate
	for _, text := range s.where {
		p, err := model.ParsePredicate(text)
		if err != nil {
			return fail(misuse("--where: %w", err))
		}
		predicates = append(predicates, p)
	}
	if len(predicates) > event.MaxPredicates {
		return fail(misuse("--where: %d conditions are given, and there is room for %d", len(predicates), event.MaxPredicates))
	}
	ref, err := parseReference(s.approval)
	return predicates, ref, err
}

func (s *serveVersion) run(ctx context.Context, t *terminal, args []string) error {
	predicates, ref, err := s.check(args)
	if err != nil {
		return err
	}
	if err := checkFree(s.out, claimsFile, witnessFile, configurationFile, weightsFile); err != nil {
		return err
	}
	w, err := s.witness(args[0])
	if err != nil {
		return untrue(err)
	}
	r, err := s.log.connect(t)
	if err != nil {
		return err
	}
	claims, err := s.claims(ctx, r, ref, w, predicates)
	if err != nil {
		return r.judge(ctx, untrue(err))
	}
	what, err := s.write(w, claims)
	if err != nil {
		return err
	}
	t.say("The claims are true: the model is an approved one, and its configuration of %s satisfies %s.",
		words.Count(len(w.Configuration.Settings), "setting"), words.Count(len(predicates), "condition"))
	t.field("public", "%s", filepath.Join(s.out, claimsFile))
	t.field("secret", "%s, and what proves them: %s", filepath.Join(s.out, configurationFile), filepath.Join(s.out, witnessFile))
	result := map[string]any{"claims": filepath.Join(s.out, claimsFile), "witness": filepath.Join(s.out, witnessFile),
		"configuration": filepath.Join(s.out, configurationFile)}
	if s.withhold {
		t.field("withheld", "%s: which model it is", filepath.Join(s.out, weightsFile))
		result["weights"] = filepath.Join(s.out, weightsFile)
	}
	if !s.report.given() {
		t.say("Submit it: attestlog submit %s --witness %s --source NAME --key FILE", filepath.Join(s.out, claimsFile), filepath.Join(s.out, witnessFile))
		if t.json {
			t.printJSON(result)
		}
		return r.judge(ctx, nil)
	}
	return s.report.say(ctx, t, r, s.out, what, w, result)
}

// witness opens the model's release, and gives the configuration a fresh salt.
func (s *serveVersion) witness(name string) (*statement.ModelVersionWitness, error) {
	weights, err := weightsOf(name)
	if err != nil {
		return nil, err
	}
	_, approval, err := readReleases(s.releases)
	if err != nil {
		return nil, err
	}
	settings, err := decodeFile(s.configuration, model.MaxConfiguration, readBounded, model.ParseConfiguration)
	if err != nil {
		return nil, err
	}
	w := new(statement.ModelVersionWitness)
	if w.Release, err = approval.Find(weights); err != nil {
		return nil, fmt.Errorf("%s: %w", s.releases, err)
	}
	w.Configuration, err = statement.NewConfiguration(training.NewSalt(), settings...)
	return w, err
}

// claims says in public what the witness commits to, and makes sure that all of it is true.
func (s *serveVersion) claims(ctx context.Context, r *remote, ref reference, w *statement.ModelVersionWitness, predicates []event.Predicate) (*event.ModelVersionClaims, error) {
	approval, err := s.approvalEntry(ctx, r, ref, w)
	if err != nil {
		return nil, err
	}
	claims := &event.ModelVersionClaims{Approval: approval.Digest, Predicates: predicates, Version: s.version}
	if s.withhold {
		err = w.WithholdRun(claims, training.NewSalt())
	} else {
		var made event.Digest
		var step *event.TrainingStepClaims
		if made, step, err = trainingStep(ctx, r, s.step); err == nil {
			w.StateRun(claims, step.Run, made)
		}
	}
	if err != nil {
		return nil, err
	}
	public, err := statement.DeriveModelVersion(claims, event.Element{}, r.Resolver(ctx))
	if err != nil {
		return nil, err
	}
	return claims, s.explain(statement.CheckModelVersion(w, public))
}

// approvalEntry fetches the approval and makes sure that it is about the releases at hand.
func (s *serveVersion) approvalEntry(ctx context.Context, r *remote, ref reference, w *statement.ModelVersionWitness) (*verify.Entry, error) {
	_, approval, err := r.entry(ctx, ref)
	if err != nil {
		return nil, err
	}
	c, ok := approval.Event.Claims.(*event.ApprovalClaims)
	if !ok {
		return nil, fmt.Errorf("entry %d is an event of kind %s, not an approval", approval.Index, approval.Event.Kind())
	}
	releases, err := w.Release.Releases()
	if err != nil {
		return nil, err
	}
	if releases != c.Releases {
		return nil, fmt.Errorf("entry %d approves other releases than those in %s", approval.Index, s.releases)
	}
	return approval, nil
}

// explain names the condition that a violation is about, as it was given. Values stay unsaid.
func (s *serveVersion) explain(err error) error {
	var v *statement.Violation
	if errors.As(err, &v) && (v.Rule == statement.RuleAbsent || v.Rule == statement.RulePredicate) && v.Record >= 0 && v.Record < len(s.where) {
		return fmt.Errorf("--where %q: %w", s.where[v.Record], err)
	}
	return err
}

func (s *serveVersion) write(w *statement.ModelVersionWitness, claims *event.ModelVersionClaims) (*draft.Draft, error) {
	what := &draft.Draft{Subject: event.Subject{Name: s.subject, Digest: sha256.Sum256(claims.Weights[:])}, Claims: claims}
	proof, err := witness.Encode(w)
	if err != nil {
		return nil, err
	}
	configuration, err := model.EncodeConfiguration(&w.Configuration)
	if err != nil {
		return nil, err
	}
	secrets := []secretFile{{witnessFile, proof}, {configurationFile, configuration}}
	if s.withhold {
		b, err := (&model.Withheld{Weights: w.Release.Weights, Salt: w.Salt}).Encode()
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secretFile{weightsFile, b})
	}
	return what, writeClaims(s.out, what, secrets...)
}

// trainingStep fetches the entry of a training step.
func trainingStep(ctx context.Context, r *remote, name string) (event.Digest, *event.TrainingStepClaims, error) {
	ref, err := parseReference(name)
	if err != nil {
		return event.Digest{}, nil, err
	}
	_, entry, err := r.entry(ctx, ref)
	if err != nil {
		return event.Digest{}, nil, r.judge(ctx, err)
	}
	c, ok := entry.Event.Claims.(*event.TrainingStepClaims)
	if !ok {
		return event.Digest{}, nil, fmt.Errorf("entry %d is an event of kind %s, not a training step", entry.Index, entry.Event.Kind())
	}
	return entry.Digest, c, nil
}
