package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/model"
	commandline "github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/web/words"
)

const approveManual = `Approves models to be served, without saying which, or how many. A model is named by a file of attestlog train, by its weights'
commitment in hex, or with --step by the training step in the log that ended with it. In DIR, which is made, lie then

  claims.json   what the approver says in public: one commitment to all releases
  releases      which models they are, each with a salt of its own: a secret between the approver and whoever serves them

With --source and --key the approval is logged at once; else attestlog submit DIR/claims.json does it. Then attestlog serve-version proves, from the
releases, that a served model is among them.

An approval is never changed. To approve more, name the list before with --earlier: the new approval is about all of them, and an event of its own.
`

type approve struct {
	log    logFlags
	report reporting

	steps                 commandline.Repeated
	earlier, subject, out string
}

func bindApprove(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	a := new(approve)
	a.log.bind(fs)
	a.report.bind(fs)
	fs.Var(&a.steps, "step", "approve the model that a training step ended with, named by its `entry`: index or digest; may be given several times")
	fs.StringVar(&a.earlier, "earlier", "", "the releases of an earlier approval, a `file`: approve them again, and more")
	fs.StringVar(&a.subject, "subject", "", "the `name` of the AI system that the models are for")
	fs.StringVar(&a.out, "out", "", "the `directory` to write to")
	return a.run
}

// releasesFile is the file of an approval's releases in its folder.
const releasesFile = "releases"

func (a *approve) run(ctx context.Context, t *terminal, args []string) error {
	for _, f := range []struct{ name, value string }{{"subject", a.subject}, {"out", a.out}} {
		if f.value == "" {
			return misuse("--%s is missing", f.name)
		}
	}
	if len(args) == 0 && len(a.steps) == 0 {
		return misuse("want at least one model: a file, a commitment in hex, or --step")
	}
	if err := a.report.check(); err != nil {
		return err
	}
	if err := checkFree(a.out, claimsFile, releasesFile); err != nil {
		return err
	}
	var r *remote
	if len(a.steps) > 0 || a.report.given() {
		var err error
		if r, err = a.log.connect(t); err != nil {
			return err
		}
	}
	list, err := a.releases(ctx, r, args)
	if err != nil {
		return err
	}
	approval, err := statement.Approve(list)
	if err != nil {
		return err
	}
	what, err := a.write(list, approval.Claims())
	if err != nil {
		return err
	}
	t.say("Approved %s, for %s. Nobody sees which, nor how many.", words.Count(len(list), "release"), a.subject)
	t.field("public", "%s", filepath.Join(a.out, claimsFile))
	t.field("secret", "%s: share it with whoever serves the models, and with nobody else", filepath.Join(a.out, releasesFile))
	result := map[string]any{"claims": filepath.Join(a.out, claimsFile), "releases": filepath.Join(a.out, releasesFile), "count": len(list)}
	if !a.report.given() {
		if t.json {
			t.printJSON(result)
		}
		return nil
	}
	return a.report.say(ctx, t, r, a.out, what, nil, result)
}

// releases are the earlier ones, then those of the models that are named, each with a fresh salt.
func (a *approve) releases(ctx context.Context, r *remote, models []string) ([]statement.ModelRelease, error) {
	var list []statement.ModelRelease
	if a.earlier != "" {
		var err error
		if list, _, err = readReleases(a.earlier); err != nil {
			return nil, err
		}
	}
	var weights []event.Element
	for _, name := range models {
		w, err := weightsOf(name)
		if err != nil {
			return nil, err
		}
		weights = append(weights, w)
	}
	for _, name := range a.steps {
		_, step, err := trainingStep(ctx, r, name)
		if err != nil {
			return nil, err
		}
		weights = append(weights, step.After)
	}
	for i, w := range weights {
		if slices.Contains(weights[:i], w) || slices.ContainsFunc(list, func(r statement.ModelRelease) bool { return r.Weights == w }) {
			return nil, fmt.Errorf("the model with the weights %s is among the releases already", w)
		}
	}
	fresh, err := statement.NewModelReleases(rand.Reader, weights...)
	return append(list, fresh...), err
}

func (a *approve) write(list []statement.ModelRelease, claims *event.ApprovalClaims) (*draft.Draft, error) {
	what := &draft.Draft{Subject: event.Subject{Name: a.subject, Digest: sha256.Sum256(claims.Releases[:])}, Claims: claims}
	secret, err := model.EncodeReleases(list)
	if err != nil {
		return nil, err
	}
	return what, writeClaims(a.out, what, secretFile{releasesFile, secret})
}

// weightsOf is the commitment to a model's weights, from its file or as it is.
func weightsOf(name string) (event.Element, error) {
	if _, err := os.Lstat(name); err != nil {
		if w, err := event.ParseElement(name); err == nil {
			return w, nil
		}
	}
	m, err := modelOf(name)
	if err != nil {
		return event.Element{}, err
	}
	return m.Weights.Commit(), nil
}

func readReleases(path string) ([]statement.ModelRelease, *statement.Approval, error) {
	b, err := readSecret(path, model.MaxFile)
	if err != nil {
		return nil, nil, err
	}
	list, approval, err := model.DecodeReleases(b)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, approval, nil
}
