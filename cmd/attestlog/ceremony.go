package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys/ceremony"
	"github.com/attestlog/attestlog/web/words"
)

const ceremonyInitManual = `Begins a ceremony in DIR: many parties make the keys of a statement together, so that nobody need be trusted for them. Whoever
contributed to both phases and threw the secrets away knows that nobody can forge proofs under the keys, whatever the others did.

A ceremony has two phases. The first depends only on the size of the circuit, the second on the circuit itself. In each,
contributors take turns: each gets DIR, whole or in part, runs attestlog ceremony contribute, and hands the new file on.
Then attestlog ceremony seal ends the phase with a public beacon. When both are sealed, DIR has the keys and the transcript; publish DIR
whole, so that anyone can run attestlog ceremony verify.

--phase1 takes the sealed first phase of another ceremony for a circuit of the same size, and goes on with the second.

It takes no time here, but with --phase1 it works out where the second phase starts: under a minute for the smallest statement, half an
hour for the largest. prover/keys/ceremony/CEREMONY.md has the whole procedure with times.
`

const ceremonyContributeManual = `Adds a contribution to the phase that is open. A secret is drawn from the system's randomness, multiplied in, and never written
anywhere; it is gone when the program ends. Do this on a machine that you trust.

It needs of DIR: ceremony.json, phase1/manifest.json, in the second phase phase1/sealed.json, and the last contribution. It verifies that
the last contribution follows from the one before it, if that is there, too (and, before the second phase's first contribution, phase1/sealed.srs);
otherwise it says what it could not check. Hand on what it writes, and publish the digest: you find it in the transcript later.

Interrupted, it leaves nothing behind; run it again.
`

const ceremonySealManual = `Ends the phase that is open: verifies its contributions, works a public beacon in, and writes down what comes out. After the first phase that
is where the second starts; after the second, the keys and transcript.json.

A beacon is public randomness that nobody knew before the last contribution, such as a future round of drand or the hash of a future block. Announce
beforehand which it will be. --source says in a sentence where others find it: it goes into the transcript. Each phase has its own beacon.

Interrupted, it goes on when it is run again with the same beacon.
`

const ceremonyVerifyManual = `Repeats the whole ceremony but for the secrets: compiles the circuit, verifies every contribution of both phases, works the beacons in, and
compares the keys that come out with those in DIR, byte for byte. It takes about as long as sealing both phases did. What is not sealed yet is verified as
far as it has gone.

With --log-key, and --server or --evidence, it also compares the transcript and the keys with the statement's entry in a log. --evidence is a directory that
attestlog get INDEX --out wrote of that entry: then it needs no network.

What a verified transcript doesn't show: that somebody was honest. It convinces you if you contributed, or trust someone who did; compare the digest that they
published with the list. And look the beacons up.
`

// tableOfStatements finds the statements that have a circuit.
func tableOfStatements(name string) (ceremony.Statement, error) {
	c, err := circuit.ByName(name)
	if err != nil {
		return ceremony.Statement{}, err
	}
	return ceremony.Statement{Name: c.Statement.Name, Compile: c.Compile}, nil
}

// reporter shows a bar for each step of a ceremony that takes long, and where nobody looks on, a line.
func (t *terminal) reporter() ceremony.Report {
	return func(step string, estimate time.Duration) func() {
		start := time.Now()
		if !t.progress {
			return func() { fmt.Fprintf(t.err, "%s: %.1f s\n", step, time.Since(start).Seconds()) }
		}
		stop := t.running(step, estimate)
		return func() {
			stop()
			if took := time.Since(start); took > time.Second {
				fmt.Fprintf(t.err, "%s: %.1f s\n", step, took.Seconds())
			}
		}
	}
}

// running shows a bar against an estimate until stop is called.
func (t *terminal) running(what string, estimate time.Duration) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = t.during(what, estimate, func() error { <-quit; return nil }) // the step's own error is its caller's
	}()
	return func() {
		close(quit)
		<-done
	}
}

// gently tells a person, who interrupts a step that can't be, that nothing is lost by waiting or by not waiting.
func (t *terminal) gently(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		t.warn("stopping after this step; interrupt once more to stop at once: what is whole stays, and nothing half-written does")
	})
}

type ceremonyInit struct {
	statement, phase1 string
}

func bindCeremonyInit(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	c := new(ceremonyInit)
	fs.StringVar(&c.statement, "statement", "", "the `name` of the statement to make keys for, such as model-version")
	fs.StringVar(&c.phase1, "phase1", "", "the `directory` of a ceremony whose sealed first phase is shared")
	return c.run
}

func (c *ceremonyInit) run(ctx context.Context, t *terminal, args []string) error {
	switch {
	case len(args) != 1:
		return misuse("want one directory to begin the ceremony in")
	case c.statement == "":
		return misuse("--statement is missing")
	}
	st, err := tableOfStatements(c.statement)
	if err != nil {
		return misuse("--statement: %w", err)
	}
	defer t.gently(ctx)()
	begun, err := ceremony.Init(ctx, args[0], st, ceremony.Options{Phase1: c.phase1, Report: t.reporter()})
	if err != nil {
		return err
	}
	m := begun.Manifest()
	phase := 1
	if c.phase1 != "" {
		phase = 2
	}
	t.say("A ceremony for %s in %s: %s constraints, a domain of %s.", m.Statement, args[0], words.Number(m.Constraints), words.Number(m.N))
	t.field("circuit", "%s", m.ConstraintSystem)
	t.say("Phase %d is open: hand the directory round, for attestlog ceremony contribute.", phase)
	if t.json {
		t.printJSON(map[string]any{"directory": args[0], "statement": m.Statement, "constraints": m.Constraints, "n": m.N, "constraint_system": m.ConstraintSystem, "phase": phase})
	}
	return nil
}

type ceremonyContribute struct{ name string }

func bindCeremonyContribute(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	c := new(ceremonyContribute)
	fs.StringVar(&c.name, "name", "", "the `name` by which you want to be known, at most 64 bytes; it is public")
	return c.run
}

func (c *ceremonyContribute) run(ctx context.Context, t *terminal, args []string) error {
	switch {
	case len(args) != 1:
		return misuse("want one directory, the ceremony's")
	case c.name == "":
		return misuse("--name is missing: by what name do you want to be known?")
	}
	opened, err := ceremony.Open(args[0], tableOfStatements, t.reporter())
	if err != nil {
		return err
	}
	defer t.gently(ctx)()
	r, err := opened.Contribute(ctx, c.name)
	if err != nil {
		return err
	}
	t.say("You have contributed to phase %d of the ceremony for %s, as number %d.", r.Phase, opened.Manifest().Statement, r.Number)
	t.field("digest", "%s", r.Digest)
	t.field("name", "%s", r.Name)
	t.field("follows", "%s", r.Previous)
	t.field("file", "%s", r.File)
	if r.Unchecked != "" {
		t.warn("could not check %s", r.Unchecked)
	}
	t.say("Hand the file on, and publish the digest where people who trust you look.")
	if t.json {
		t.printJSON(map[string]any{"statement": opened.Manifest().Statement, "phase": r.Phase, "number": r.Number, "digest": r.Digest, "name": r.Name,
			"previous": r.Previous, "file": r.File, "unchecked": r.Unchecked})
	}
	return nil
}

type ceremonySeal struct{ beacon, source string }

func bindCeremonySeal(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	c := new(ceremonySeal)
	fs.StringVar(&c.beacon, "beacon", "", "the beacon, in `hex`: 16 to 1,024 bytes")
	fs.StringVar(&c.source, "source", "", "a `sentence` that says where others find the beacon")
	return c.run
}

func (c *ceremonySeal) run(ctx context.Context, t *terminal, args []string) error {
	switch {
	case len(args) != 1:
		return misuse("want one directory, the ceremony's")
	case c.beacon == "" || c.source == "":
		return misuse("--beacon and --source are needed: public randomness, and where others find it")
	}
	value, err := hex.DecodeString(c.beacon)
	if err != nil {
		return misuse("--beacon: %w", err)
	}
	beacon := ceremony.Beacon{Value: value, Source: c.source}
	if err := beacon.Check(); err != nil {
		return misuse("%w", err)
	}
	opened, err := ceremony.Open(args[0], tableOfStatements, t.reporter())
	if err != nil {
		return err
	}
	defer t.gently(ctx)()
	transcript, err := opened.Seal(ctx, beacon)
	if err != nil {
		return err
	}
	if transcript == nil {
		t.say("Phase 1 is sealed, and phase 2 is open: hand the directory round again.")
		if t.json {
			t.printJSON(map[string]any{"statement": opened.Manifest().Statement, "sealed": 1})
		}
		return nil
	}
	digest, err := transcript.Digest()
	if err != nil {
		return err
	}
	t.say("The ceremony for %s is sealed: publish %s whole, so that anyone can verify it.", transcript.Statement, args[0])
	t.transcript(transcript)
	t.field("transcript", "%s", digest)
	t.say("The log's operator registers the keys with attestlogd statement add --ceremony %s.", args[0])
	if t.json {
		t.printJSON(map[string]any{"statement": transcript.Statement, "sealed": 2, "transcript": digest, "verifying_key": transcript.VerifyingKey, "proving_key": transcript.ProvingKey})
	}
	return nil
}

func (t *terminal) transcript(transcript *ceremony.Transcript) {
	t.field("statement", "%s", transcript.VerifyingKey)
	t.field("proving key", "%s, %s bytes", transcript.ProvingKey, words.Number(transcript.ProvingKeySize))
	t.field("circuit", "%s", transcript.ConstraintSystem)
}

// phase shows who contributed, and how it ended.
func (t *terminal) phase(number int, p ceremony.PhaseRecord) {
	state := "is open"
	if len(p.Beacon.Value) > 0 {
		state = "is sealed"
	}
	t.say("Phase %d %s, with %s, each verified:", number, state, words.Count(len(p.Contributions), "contribution"))
	for i, c := range p.Contributions {
		t.say("  %4d  %s  %s", i+1, c.Digest, c.Name)
	}
	if len(p.Beacon.Value) > 0 {
		t.field("beacon", "%x", p.Beacon.Value)
		t.field("from", "%s", p.Beacon.Source)
	}
}

// unverified gives an error of a verification its exit code, unless it was interrupted.
func unverified(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &failure{exitUnverified, err}
}
