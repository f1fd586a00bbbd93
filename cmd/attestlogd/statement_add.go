package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/progress"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/ceremony"
)

// statementAdd is attestlogd statement add: it registers keys that were made elsewhere, by attestlog-prover setup or by a ceremony, and takes
// them into the data directory, from where provers get the proving key.
//
// Several statements of one name may stand at a time. Provers take the newest that stands, so registering fresh keys moves them over
// to these, and events that were proven under the older ones stay proven. It is also the way back once a statement was revoked.
type statementAdd struct {
	operatorConfig
	// Keys is a store of keys, as attestlog-prover setup makes one. Those of the statement, the newest, are registered: UNTRUSTED.
	Keys string
	// Statement is the statement's name; needed with Keys, and where it is given, a ceremony must be for it.
	Statement string
	// Ceremony is the directory of a sealed ceremony. Its transcript is verified first.
	Ceremony string
	// Quick compares the ceremony's files with the transcript's digests only: for who has run attestlog ceremony verify.
	Quick bool

	// circuits finds what a statement's keys must be for.
	circuits func(name string) (provable, error)
}

// provable is a circuit with what it takes to try its keys.
type provable struct {
	proves  event.Kind
	compile func() (constraint.ConstraintSystem, error)
	sample  func() (frontend.Circuit, []event.Element, error)
}

// tableOfCircuits finds the statements that attestlog has.
func tableOfCircuits(name string) (provable, error) {
	c, err := circuit.ByName(name)
	return provable{c.Statement.Proves, c.Compile, c.Sample}, err
}

func bindStatementAdd(flags *flag.FlagSet) command.Run {
	c := &statementAdd{circuits: tableOfCircuits}
	c.bind(flags)
	flags.StringVar(&c.Keys, "keys", "", "a `directory` that attestlog-prover setup made: the newest keys of --statement in it are registered, UNTRUSTED")
	flags.StringVar(&c.Statement, "statement", "", "the `name` of the statement, such as model-version; a ceremony's is known")
	flags.StringVar(&c.Ceremony, "ceremony", "", "the `directory` of a sealed ceremony: it is verified, every contribution of it, and its keys are registered")
	flags.BoolVar(&c.Quick, "quick", false, "compare the ceremony's files with its transcript only, having run attestlog ceremony verify before")
	return command.Alone(c.run)
}

func (c *statementAdd) check() error {
	if err := c.operatorConfig.check(); err != nil {
		return err
	}
	switch {
	case (c.Keys == "") == (c.Ceremony == ""):
		return command.Misusef("--keys or --ceremony is needed, one of them: where the keys are")
	case c.Keys != "" && c.Statement == "":
		return command.Misusef("--statement is missing: whose keys of those in --keys")
	case c.Quick && c.Ceremony == "":
		return command.Misusef("--quick is about a ceremony")
	}
	if c.Statement != "" {
		if _, err := c.circuits(c.Statement); err != nil {
			return command.Misusef("--statement: %w", err)
		}
	}
	return nil
}

func (c *statementAdd) run(ctx context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	logger := c.Logger(s)
	keys.RouteGnarkLog(logger)
	// A minute of verification is not to end at a server that doesn't answer, or a key that isn't there.
	if _, err := dataDir(c.Data).operator(); err != nil {
		return err
	}
	if _, err := c.registered(ctx, event.Digest{}); err != nil {
		return err
	}
	from, manifest, how, err := c.find(ctx, s.Err, logger)
	if err != nil {
		return err
	}
	standing, err := c.registered(ctx, manifest.Digest())
	if err != nil {
		return err
	}
	if standing != nil {
		if standing.Status == "revoked" {
			return fmt.Errorf("couldn't register %s again: the statement %s was revoked, for good; make fresh keys, with attestlog-prover setup --fresh or a ceremony",
				manifest.Statement, standing.Digest)
		}
		fmt.Fprintf(s.Out, "%s, %s, is registered already: entry %d; %s\n", manifest.Statement, standing.Digest, standing.Registration.Index, verify.SetupWords(standing.Claims.Setup))
		return nil
	}
	claims, err := c.take(ctx, from, manifest, logger)
	if err != nil {
		return err
	}
	return c.with(ctx, s, func(ctx context.Context, o *operator) error {
		index, err := o.record(ctx, client.Draft{Subject: claims.Subject(), Claims: claims})
		if err != nil {
			return fmt.Errorf("couldn't register the statement %s: %w", claims.Name, err)
		}
		fmt.Fprintf(s.Out, "registered the statement %s, %s: entry %d; %s; %s\n", claims.Name, manifest.Digest(), index, verify.SetupWords(claims.Setup), how)
		return nil
	})
}

// registered is what the log has under a verifying key's digest; nil if nothing.
func (c *statementAdd) registered(ctx context.Context, id event.Digest) (*client.Statement, error) {
	cl, err := c.connect(nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	all, err := cl.Statements(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't list the statements: %w", err)
	}
	for _, st := range all {
		if st.Digest == id {
			return st, nil
		}
	}
	return nil, nil
}

// find finds the keys that are meant, and says how far they were checked.
func (c *statementAdd) find(ctx context.Context, w io.Writer, logger *slog.Logger) (from *keys.Store, m *keys.Manifest, how string, err error) {
	if c.Ceremony != "" {
		return c.findCeremony(ctx, w, logger)
	}
	if from, err = keys.OpenStore(c.Keys); err != nil {
		return nil, nil, "", err
	}
	if m, err = from.Latest(c.Statement); err != nil {
		return nil, nil, "", fmt.Errorf("couldn't find keys in %s: %w", c.Keys, err)
	}
	if m.Setup != event.SetupOneParty {
		return nil, nil, "", fmt.Errorf("couldn't use %s: its keys of %s say that they come from a %s, which --ceremony verifies", c.Keys, c.Statement, m.Setup)
	}
	return from, m, "whoever ran it could forge proofs", nil
}

func (c *statementAdd) findCeremony(ctx context.Context, w io.Writer, logger *slog.Logger) (*keys.Store, *keys.Manifest, string, error) {
	opened, err := ceremony.Open(c.Ceremony, func(name string) (ceremony.Statement, error) {
		p, err := c.circuits(name)
		return ceremony.Statement{Name: name, Compile: p.compile}, err
	}, reportSteps(w, logger))
	if err != nil {
		return nil, nil, "", err
	}
	if name := opened.Manifest().Statement; c.Statement != "" && c.Statement != name {
		return nil, nil, "", fmt.Errorf("couldn't use %s: the ceremony is for %s, not %s", c.Ceremony, name, c.Statement)
	}
	result, how := (*ceremony.Result)(nil), ""
	if c.Quick {
		result, err = opened.CheckDigests(ctx)
		how = "only its digests were compared here, which --quick asked for"
	} else {
		result, err = opened.Verify(ctx)
		how = "every contribution was verified"
	}
	if err != nil {
		return nil, nil, "", err
	}
	if result.Transcript == nil {
		return nil, nil, "", fmt.Errorf("couldn't use %s: the ceremony isn't sealed yet", c.Ceremony)
	}
	from, err := opened.Keys()
	return from, result.Keys, fmt.Sprintf("transcript %s with %d and %d contributions; %s", result.Digest,
		len(result.Phase1.Contributions), len(result.Phase2.Contributions), how), err
}

// reportSteps shows each step that takes long: it is logged when it begins, and where a person looks on, there is a bar.
func reportSteps(w io.Writer, logger *slog.Logger) ceremony.Report {
	return func(step string, estimate time.Duration) func() {
		logger.Info(step, "estimate", estimate.Round(time.Second))
		return progress.Step(w, step, estimate)
	}
}

// take copies keys into the data directory, and tries them: what is registered can be used.
func (c *statementAdd) take(ctx context.Context, from *keys.Store, m *keys.Manifest, logger *slog.Logger) (*event.StatementClaims, error) {
	p, err := c.circuits(m.Statement)
	if err != nil {
		return nil, err
	}
	ccs, err := p.compile()
	if err != nil {
		return nil, err
	}
	loaded, err := from.LoadFor(m.Digest(), ccs)
	if err != nil {
		return nil, err
	}
	sample, _, err := p.sample()
	if err != nil {
		return nil, err
	}
	logger.Info("trying the keys", "statement", m.Statement)
	if _, _, err := loaded.Prove(ctx, sample); err != nil {
		return nil, fmt.Errorf("couldn't use the keys of %s: %w", m.Statement, err)
	}
	own, err := keys.OpenStore(dataDir(c.Data).keys())
	if err != nil {
		return nil, err
	}
	// First the keys, then the entry that tells provers to fetch them.
	copied, err := own.Copy(ctx, from, m.Digest(), ccs)
	if err != nil {
		return nil, err
	}
	return registrationOf(p.proves, copied, loaded.VerifyingKey.Bytes()), nil
}

// registrationOf is what an entry says of keys.
func registrationOf(proves event.Kind, m *keys.Manifest, verifyingKey []byte) *event.StatementClaims {
	return &event.StatementClaims{
		Action:           event.StatementRegister,
		ConstraintSystem: m.ConstraintSystem.SHA256,
		Constraints:      int64(m.Constraints),
		Proves:           proves,
		Name:             m.Statement,
		ProvingKey:       m.ProvingKey.SHA256,
		ProvingKeySize:   m.ProvingKey.Size,
		Setup:            m.Setup,
		Transcript:       m.Transcript,
		VerifyingKey:     verifyingKey,
	}
}
