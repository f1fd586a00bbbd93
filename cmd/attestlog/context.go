package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/foreign"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/snarkjs"
	"github.com/attestlog/attestlog/web/words"
)

const contextManual = `Makes claims of kind custom into an event, numbered and signed, and says what its proof has to be of: the context, which ties the
proof to this one event, and the other public inputs. For a prover that is run by hand; attestlog submit --prover does all
in one go. In DIR, which is made, lie then

  submission.json  the event, which waits for its proof
  public.json      the public inputs, as snarkjs writes them
  input.json       the same as a circuit of circom's takes them, by the signals' names; with --private, its private ones, too

Prove with any prover that writes proofs as snarkjs does, and send the event with attestlog submit DIR --proof proof.json. The number is
not reserved: an event that the source logs in between takes it, and the log then refuses this one.
`

const (
	publicFile = "public.json"
	inputFile  = "input.json"
)

type contextCommand struct {
	log     logFlags
	signing signingFlags

	statement, private, state, out string
}

func bindContext(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	c := new(contextCommand)
	c.log.bind(fs)
	c.signing.bind(fs)
	fs.StringVar(&c.statement, "statement", "", "the imported statement's `name` or digest (default the only one that takes the claims' values)")
	fs.StringVar(&c.private, "private", "", "the circuit's private inputs, a `file` with a JSON object: put into input.json along with the public ones")
	fs.StringVar(&c.state, "state", "", "the `file` in which attestlog submit keeps the source's place in its chain (default beside the key, such as gateway@1.state)")
	fs.StringVar(&c.out, "out", "", "the `directory` to write to")
	return c.run
}

func (c *contextCommand) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("want one file with claims")
	}
	if c.out == "" {
		return misuse("--out is missing")
	}
	if err := c.signing.check(); err != nil {
		return err
	}
	if err := c.signing.checkUncounted(c.state, "let attestlog submit --prover number, sign and prove"); err != nil {
		return err
	}
	for _, name := range []string{submissionFile, publicFile, inputFile} {
		path := filepath.Join(c.out, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already, and is not replaced: name another --out", path)
		}
	}
	what, err := readDraft(args[0])
	if err != nil {
		return err
	}
	private, err := readPrivate(c.private)
	if err != nil {
		return err
	}
	r, err := c.log.connect(t)
	if err != nil {
		return err
	}
	e, task, err := c.event(ctx, t, r, what)
	if err != nil {
		return refused(ctx, r, untrue(err))
	}
	if err := c.write(e, task, private); err != nil {
		return err
	}
	c.report(t, e.event, task)
	return r.judge(ctx, nil)
}

// signedEvent is an event that waits for its proof.
type signedEvent struct {
	event      *event.Event
	submission event.Submission
}

// event gives the draft the source's next number, and signs it.
func (c *contextCommand) event(ctx context.Context, t *terminal, r *remote, what *draft.Draft) (*signedEvent, *foreign.Task, error) {
	under, err := findForeign(ctx, t, r, c.statement, what.Claims)
	if err != nil {
		return nil, nil, err
	}
	key, err := keyfile.ReadPrivate(c.signing.key)
	if err != nil {
		return nil, nil, err
	}
	state, err := r.SourceState(ctx, c.signing.source)
	if err != nil {
		return nil, nil, err
	}
	if !state.Key.Equal(key.Public().(ed25519.PublicKey)) {
		return nil, nil, fmt.Errorf("the key in %s is not the one that is registered for %s", c.signing.key, c.signing.source)
	}
	e := what.Event(r.Origin(), c.signing.source, state.Next.Seq, state.Next.Prev, time.Now().UnixMilli())
	e.Proof, e.Statement = event.ProofInline, under.ID
	payload, err := e.Encode()
	if err != nil {
		return nil, nil, err
	}
	signed := &signedEvent{e, event.Submission{Envelope: event.Sign(payload, key)}}
	task, err := under.Task(ctx, e, signed.submission.Envelope.Digest())
	return signed, task, err
}

func (c *contextCommand) write(e *signedEvent, task *foreign.Task, private []byte) error {
	inputs, err := task.InputFile(private)
	if err != nil {
		return fmt.Errorf("%s: %w", c.private, err)
	}
	public, err := task.PublicFile()
	if err != nil {
		return err
	}
	submission, err := e.submission.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.out, 0o700); err != nil {
		return fmt.Errorf("couldn't make the directory: %w", err)
	}
	if err := durable.Create(filepath.Join(c.out, inputFile), inputs, 0o600); err != nil {
		return err
	}
	if err := durable.Create(filepath.Join(c.out, publicFile), public, 0o644); err != nil {
		return err
	}
	return durable.Create(filepath.Join(c.out, submissionFile), append(submission, '\n'), 0o644)
}

func (c *contextCommand) report(t *terminal, e *event.Event, task *foreign.Task) {
	context := snarkjs.Number(task.Public[0])
	t.say("Number %s of %s is signed, and waits for its proof.", words.Number(e.Seq), e.Source)
	t.field("context", "%s", context)
	t.field("inputs", "%s", filepath.Join(c.out, inputFile))
	t.field("send it", "attestlog submit %s --proof proof.json", c.out)
	if t.json {
		t.printJSON(map[string]any{"context": context, "seq": e.Seq, "statement": e.Statement, "public": filepath.Join(c.out, publicFile),
			"input": filepath.Join(c.out, inputFile), "submission": filepath.Join(c.out, submissionFile)})
	}
}

// findForeign finds an imported statement, and says what its keys are worth.
func findForeign(ctx context.Context, t *terminal, r *remote, named string, claims event.Claims) (*foreign.Statement, error) {
	s, err := foreign.Find(ctx, r, named, claims)
	if err == nil {
		t.warn("the key of %s was %s; whoever has its set-up's secrets could forge proofs", s.Name, verify.SetupWords(event.SetupImported))
	}
	return s, err
}

// readDraft reads claims.
func readDraft(path string) (*draft.Draft, error) {
	return decodeFile(path, draft.MaxFile, readBounded, draft.Decode)
}

// readPrivate reads a circuit's private inputs; nil where no file is named.
func readPrivate(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	f, err := openSecret(path)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return readBounded(path, foreign.MaxPrivate)
}

// proveForeign makes the draft one that somebody else's prover proves as soon as it has its number.
func (s *submit) proveForeign(ctx context.Context, t *terminal, r *remote, d *client.Draft) error {
	private, err := readPrivate(s.private)
	if err != nil {
		return err
	}
	under, err := findForeign(ctx, t, r, s.statement, d.Claims)
	if err != nil {
		return err
	}
	prover := &foreign.Prover{Command: s.prover, Private: private, Output: t.err}
	d.Statement = under.ID
	d.Prove = func(ctx context.Context, e *event.Event, digest event.Digest) ([]byte, error) {
		proof, err := prover.Prove(ctx, under, e, digest)
		return proof, unproven(untrue(err))
	}
	return nil
}

// sendProven sends the event that attestlog context left in a folder, with its proof.
func (s *submit) sendProven(ctx context.Context, t *terminal, r *remote, dir string) (*client.Receipt, error) {
	sub, err := readSubmission(filepath.Join(dir, submissionFile))
	if err != nil {
		return nil, err
	}
	e, err := sub.Envelope.Open()
	if err != nil {
		return nil, err
	}
	if e.Kind() != event.Custom || e.Proof != event.ProofInline {
		return nil, fmt.Errorf("%s: the event is of kind %s, with proof: %s; --proof is for events under imported statements", dir, e.Kind(), e.Proof)
	}
	b, err := readBounded(s.proof, snarkjs.MaxProof)
	if err != nil {
		return nil, err
	}
	under, err := findForeign(ctx, t, r, e.Statement.String(), e.Claims)
	if err != nil {
		return nil, err
	}
	task, err := under.Task(ctx, e, sub.Envelope.Digest())
	if err != nil {
		return nil, untrue(err)
	}
	if sub.Proof, err = task.Accept(b); err != nil {
		return nil, unproven(fmt.Errorf("%s: %w", s.proof, err))
	}
	return r.Submit(ctx, sub)
}

// unproven gives a proof that doesn't verify its exit code.
func unproven(err error) error {
	if errors.Is(err, foreign.ErrProof) {
		return &failure{exitUnverified, err}
	}
	return err
}
