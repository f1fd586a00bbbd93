package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/progress"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys"
)

const setupManual = `Makes the keys of statements, for a log's operator to register, on a machine that is better at it than the log's own. It is a
one-party set-up: whoever runs it could keep its secrets and forge proofs, so its keys are UNTRUSTED, and marked so wherever they are
shown. Keys that nobody need be trusted for take a ceremony: attestlog help ceremony.

Keys go into a directory below --keys, each with a manifest of digests, and become part of it whole or not at all. What is there already for the same
circuit is checked, every file of it, and kept: so it goes on where it was interrupted. What is damaged is made anew; with --fresh, everything is: a
statement that was revoked takes fresh keys.

It takes about 170 µs for each of a circuit's constraints on two cores: two seconds for model-version, a minute for anonymization-1024.

The keys are not registered yet. That is the operator's to say, under a key that only the log's data directory has, and in a chain of events that
counts: copy --keys there, and run attestlogd statement add --keys DIR --statement NAME for each.
`

type setup struct {
	keys, statements string
	fresh            bool

	circuits []circuit.Circuit
}

func bindSetup(fs *flag.FlagSet) command.Run {
	c := &setup{circuits: circuit.All()}
	fs.StringVar(&c.keys, "keys", "", "the `directory` that the keys go to; it is made if there is none")
	fs.StringVar(&c.statements, "statements", "", "the `names` of the statements, with commas between; or all")
	fs.BoolVar(&c.fresh, "fresh", false, "make new keys even where there are some")
	return command.Alone(c.run)
}

func (c *setup) run(ctx context.Context, s command.Streams) error {
	switch {
	case c.keys == "":
		return command.Misusef("--keys is missing")
	case c.statements == "":
		return command.Misusef("--statements is missing: %s, or all", strings.Join(c.names(), ", "))
	}
	chosen, err := c.choose()
	if err != nil {
		return err
	}
	store, err := keys.OpenStore(c.keys)
	if err != nil {
		return err
	}
	for _, row := range chosen {
		m, made, err := c.obtain(ctx, s, store, row)
		if err != nil {
			return fmt.Errorf("couldn't set up %s: %w", row.Statement.Name, err)
		}
		what := "kept"
		if made {
			what = "made"
		}
		fmt.Fprintf(s.Out, "%s the keys of %s: %s\n  statement    %s\n  proving key  %s, %d bytes\n  circuit      %s, %d constraints\n",
			what, m.Statement, words(m), m.Digest(), m.ProvingKey.SHA256, m.ProvingKey.Size, m.ConstraintSystem.SHA256, m.Constraints)
	}
	return nil
}

// words say how far keys can be trusted.
func words(m *keys.Manifest) string {
	if m.Setup == event.SetupCeremony {
		return fmt.Sprintf("%s, transcript %s", m.Trust(), m.Transcript)
	}
	return m.Trust() + ": whoever ran it could forge proofs"
}

func (c *setup) names() []string {
	var names []string
	for _, row := range c.circuits {
		names = append(names, row.Statement.Name)
	}
	return names
}

// choose reads --statements.
func (c *setup) choose() ([]circuit.Circuit, error) {
	if c.statements == "all" {
		return c.circuits, nil
	}
	var chosen []circuit.Circuit
	for name := range strings.SplitSeq(c.statements, ",") {
		i := slices.IndexFunc(c.circuits, func(row circuit.Circuit) bool { return row.Statement.Name == name })
		if i < 0 {
			return nil, command.Misusef("--statements: there is no statement named %q; there are %s", name, strings.Join(c.names(), ", "))
		}
		if slices.ContainsFunc(chosen, func(row circuit.Circuit) bool { return row.Statement.Name == name }) {
			return nil, command.Misusef("--statements: %s is named twice", name)
		}
		chosen = append(chosen, c.circuits[i])
	}
	return chosen, nil
}

// obtain finds keys for a circuit, every file whole, or makes them.
func (c *setup) obtain(ctx context.Context, s command.Streams, store *keys.Store, row circuit.Circuit) (m *keys.Manifest, made bool, err error) {
	name := row.Statement.Name
	ccs, err := row.Compile()
	if err != nil {
		return nil, false, err
	}
	if !c.fresh {
		m, err := store.Find(name, ccs)
		if err == nil {
			_, err = store.LoadFor(m.Digest(), ccs)
		}
		switch {
		case err == nil:
			return m, false, nil
		case errors.Is(err, keys.ErrCorrupt):
			fmt.Fprintf(s.Err, "attestlog-prover setup: the keys of %s are damaged, and are made anew: %s\n", name, err)
		case !errors.Is(err, keys.ErrNotFound):
			return nil, false, err
		}
	}
	if !progress.IsTerminal(s.Err) {
		fmt.Fprintf(s.Err, "set-up of %s: %d constraints\n", name, ccs.GetNbConstraints())
	}
	report, done := progress.Bar(s.Err, "set-up of "+name)
	k, err := keys.Setup(ctx, ccs, report)
	done()
	if err != nil {
		return nil, false, err
	}
	m, err = store.Put(name, k, time.Now())
	return m, true, err
}
