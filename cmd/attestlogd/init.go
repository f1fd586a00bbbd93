package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/statement"
)

// initConfig is the configuration of attestlogd init.
type initConfig struct {
	logConfig
	storage
	// Origin names the log for ever: it stands in every checkpoint, and every event says which log it is meant for. A URL without its
	// scheme is customary, such as log.example.org/2026.
	Origin string
	// Statements are the names of the statements whose keys are set up and registered: "all", "none", or names with commas between.
	// It takes some 170 µs a constraint. The set-up is a one-party one: whoever runs it could forge proofs, and its keys are shown as
	// UNTRUSTED wherever they appear.
	Statements string
	// KeysCache is a directory like keys/ in the data directory. Keys that are found there aren't set up again, and those that are
	// set up are left there for the next log. For tests and demonstrations.
	KeysCache string
	// Recovery is the file of a public key that the operator keeps offline, and which may replace the operator's key.
	Recovery string
	// Resume goes on where an earlier init was interrupted, and does nothing where it was not.
	Resume bool
}

func bindInit(flags *flag.FlagSet) command.Run {
	c := new(initConfig)
	c.logConfig.bind(flags)
	c.storage.bind(flags)
	flags.StringVar(&c.Origin, "origin", "", "the log's `name`, for ever, such as log.example.org/2026")
	flags.StringVar(&c.Statements, "statements", "all", "the `names` of the statements to set up, with commas between; all, or none")
	flags.StringVar(&c.KeysCache, "keys-cache", "", "a `directory` to take keys from that were set up before, and to leave new ones in")
	flags.StringVar(&c.Recovery, "recovery", "", "the `file` of a public key, kept offline, that may replace the operator's")
	flags.BoolVar(&c.Resume, "resume", false, "go on where an earlier init was interrupted; do nothing where it was not")
	return command.Alone(c.run)
}

func (c *initConfig) run(ctx context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := event.CheckOrigin(c.Origin); err != nil {
		return command.Misusef("--origin: %w", err)
	}
	wanted, err := chooseStatements(c.Statements)
	if err != nil {
		return command.Misusef("--statements: %w", err)
	}
	var recovery ed25519.PublicKey
	if c.Recovery != "" {
		if recovery, err = keyfile.ReadPublic(c.Recovery); err != nil {
			return err
		}
	}
	logger := c.Logger(s)
	keys.RouteGnarkLog(logger)
	dir := dataDir(c.Data)
	if err := c.prepare(dir); err != nil {
		return err
	}
	signer, err := dir.signer()
	if err != nil {
		return err
	}
	if signer.Name() != c.Origin {
		return fmt.Errorf("couldn't go on: %s holds the log %q, not %q", c.Data, signer.Name(), c.Origin)
	}
	operator, err := dir.operator()
	if err != nil {
		return err
	}
	log, err := open(ctx, dir, c.storage, signer, nil, nil, logger)
	if err != nil {
		return err
	}
	defer log.close()
	f := founding{log: log, dir: dir, operator: operator, recovery: recovery, logger: logger}
	if err := f.registerOperator(ctx); err != nil {
		return err
	}
	// The set-up comes after the first entry, so that what can fail at once fails at once.
	if err := f.registerStatements(ctx, wanted, setup{dir: dir.keys(), cache: c.KeysCache, progress: s.Err, logger: logger}); err != nil {
		return err
	}
	public, err := dir.verifierKey()
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "log      %s\nlog key  %s\noperator %s, key %s\nstatements %d\n",
		c.Origin, public, operatorSource, event.KeyID(operator.Public().(ed25519.PublicKey)), len(wanted))
	return nil
}

// prepare makes the data directory and its keys, unless an earlier init did and this one resumes it.
func (c *initConfig) prepare(dir dataDir) error {
	if c.Resume && dir.exists() {
		return nil
	}
	err := dir.create(c.Origin, c.Resume)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w; a log's keys are never replaced (--resume finishes an init that was interrupted)", err)
	}
	return err
}

// chooseStatements reads --statements.
func chooseStatements(names string) ([]statement.Statement, error) {
	switch names {
	case "all":
		return statement.All(), nil
	case "none":
		return nil, nil
	}
	var chosen []statement.Statement
	for _, name := range strings.Split(names, ",") {
		s, err := statement.ByName(name)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(chosen, func(c statement.Statement) bool { return c.Name == s.Name }) {
			return nil, fmt.Errorf("%s is named twice", name)
		}
		chosen = append(chosen, s)
	}
	return chosen, nil
}

// founding writes the first entries of a log. Each step finds out whether it was taken before.
type founding struct {
	log      *openLog
	dir      dataDir
	operator ed25519.PrivateKey
	recovery ed25519.PublicKey
	logger   *slog.Logger
}

// registerOperator makes entry 0: the operator registers itself.
func (f *founding) registerOperator(ctx context.Context) error {
	switch founded, err := f.log.founded(ctx); {
	case err != nil:
		return fmt.Errorf("couldn't read the log's first entry: %w", err)
	case founded:
		return nil
	}
	request := keyfile.NewRequest(f.log.Origin(), operatorSource, f.operator, f.recovery)
	return f.append(ctx, registration(request, event.RoleOperator))
}

// registerStatements sets statements up, and registers those that the log doesn't have yet.
func (f *founding) registerStatements(ctx context.Context, wanted []statement.Statement, s setup) error {
	registered, err := f.log.Statements(ctx)
	if err != nil {
		return fmt.Errorf("couldn't read the log's statements: %w", err)
	}
	for _, st := range wanted {
		if slices.ContainsFunc(registered, func(r ledger.StatementState) bool { return r.Claims.Name == st.Name }) {
			continue
		}
		claims, err := s.run(ctx, st)
		if err != nil {
			return fmt.Errorf("couldn't set up the statement %s: %w", st.Name, err)
		}
		subject := claims.Subject()
		if err := f.append(ctx, &event.Event{Subject: subject, Claims: claims}); err != nil {
			return err
		}
		f.logger.Info("registered a statement", "name", st.Name, "statement", subject.Digest, "constraints", claims.Constraints, "keys", verify.SetupWords(claims.Setup))
	}
	return nil
}

// append completes, signs and submits an event of the operator's.
func (f *founding) append(ctx context.Context, e *event.Event) error {
	if err := f.log.awaitLead(ctx); err != nil {
		return err
	}
	e.Log, e.Source, e.Proof = f.log.Origin(), operatorSource, event.ProofNone
	e.Time = time.Now().UnixMilli()
	e.Seq = 1
	state, err := f.log.Source(ctx, operatorSource)
	var refusal *ledger.Refusal
	switch {
	case err == nil:
		e.Seq, e.Prev = state.Next.Seq, state.Next.Prev
	case !errors.As(err, &refusal) || refusal.Code != ledger.NotFound:
		return fmt.Errorf("couldn't read the operator's place in the log: %w", err)
	}
	payload, err := e.Encode()
	if err != nil {
		return err
	}
	// The operator's own count, if it keeps one already, doesn't know of this event. It begins anew after it.
	if err := f.dir.forgetOperatorState(); err != nil {
		return err
	}
	outcome := f.log.Submit(ctx, []*event.Submission{{Envelope: event.Sign(payload, f.operator)}})[0]
	if outcome.Refusal != nil {
		return fmt.Errorf("couldn't log the %s event: %w", e.Kind(), outcome.Refusal)
	}
	return nil
}

// registration is the event that registers a source.
func registration(r *keyfile.Request, role event.SourceRole) *event.Event {
	return &event.Event{
		Subject: event.Subject{Name: r.Source, Digest: event.KeyID(r.Key)},
		Claims: &event.SourceClaims{
			Action: event.SourceRegister, Source: r.Source, Role: role, Key: r.Key, Consent: r.Consent, Recovery: r.Recovery,
		},
	}
}
