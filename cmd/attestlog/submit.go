package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/attestlog/attestlog/api/client"
	commandline "github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/typed"
	"github.com/attestlog/attestlog/ledger/verify"
)

const submitManual = `Makes claims into an event: gives them the source's next number, signs them, proves them if there is a witness, sends them,
checks the log's receipt, and keeps it beside the claims. The answer comes once the event is in the log for good.

The witness is what only the prover knows. --witness names a file that attestlog wrote beside the claims: claims of every
kind that there is a statement about are proven so. For data accesses, --accesses and --dataset do the same, from the access
list and the data set's secrets. Without either, the claims go into the log as the source's word. A witness that doesn't bear
the claims out ends with exit code 5, and nothing is logged.

Claims of kind custom, under a statement of somebody's own circuit (attestlog help statements), are proven by that circuit's prover. With --prover it is
run once the event has its number, by the shell. It finds its inputs in the file that the variable ATTESTLOG_INPUT names, with those of --private,
and writes its proof, as snarkjs does, to the file that ATTESTLOG_PROOF names; ATTESTLOG_PUBLIC has the public inputs alone. With --proof, what
is sent is the event in a DIR that attestlog context made.

With --deferred, the log's provers make the proof: the witness goes along, encrypted to the keys that they are registered with, so that
nobody else reads it, and is deleted once the event is attested. Who is a prover the log's operator says: --provers names those
whom you trust with it. It is tried against the claims here first. The event is in the
log at once, its proof later: attestlog verify then says PROVEN. --wait waits for that.

The source's place in its chain is kept in a state file beside its key, such as gateway@1.state. It is the source's: it stays when
the key changes. What is not answered when the program ends is
sent again by the next submit of that source, byte for byte; nothing is logged twice. While claims are on their way, a file beside
them says so, ending in .sending: where a program died before it kept the receipt, the next submit of the same file finds what was
logged, and keeps the receipt now.

With --raw, the file is a submission that is signed already (attestlog prove writes such files, and any program can).
It is sent as it is.
`

type submit struct {
	log     logFlags
	proving provingFlags
	signing signingFlags

	accesses, witness, statement string
	prover, private, proof       string
	state, receipt               string
	raw, deferred, wait          bool
}

func bindSubmit(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	s := new(submit)
	s.log.bind(fs)
	s.log.bindProvers(fs)
	s.proving.bind(fs)
	s.signing.bind(fs)
	fs.StringVar(&s.accesses, "accesses", "", "the access list, a `file` that attestlog prove wrote: prove the claims")
	fs.StringVar(&s.witness, "witness", "", "the `file` with what proves the claims, such as attestlog anonymize writes")
	fs.StringVar(&s.statement, "statement", "", "the statement's `name` to prove the claims under, such as data-access-64 (default the smallest that fits and is registered); of an imported one its digest will do, too")
	fs.StringVar(&s.prover, "prover", "", "the `command` that proves claims under an imported statement")
	fs.StringVar(&s.private, "private", "", "the private inputs for --prover, a `file` with a JSON object")
	fs.StringVar(&s.proof, "proof", "", "the proof of the event in DIR, a `file` as snarkjs writes it")
	fs.StringVar(&s.state, "state", "", "the `file` that keeps the source's place in its chain (default beside the key, such as gateway@1.state)")
	fs.StringVar(&s.receipt, "receipt", "", "the `file` to keep the receipt in (default beside the claims, ending in .receipt.json)")
	fs.BoolVar(&s.deferred, "deferred", false, "leave the proof to the log's provers: the witness goes along, sealed to them")
	fs.BoolVar(&s.wait, "wait", false, "with --deferred: wait until the event is attested, and verify that")
	fs.BoolVar(&s.raw, "raw", false, "the file is a signed submission: send it as it is")
	return s.run
}

func (s *submit) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("want one file with claims")
	}
	path := args[0]
	if err := s.check(); err != nil {
		return err
	}
	if s.receipt == "" && s.proof != "" {
		s.receipt = filepath.Join(path, "receipt.json")
	}
	if s.receipt == "" {
		s.receipt = strings.TrimSuffix(path, ".json") + ".receipt.json"
	}
	if _, err := os.Lstat(s.receipt); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: this was submitted before; to log it once more, name another --receipt", s.receipt)
	}
	r, err := s.log.connect(t)
	if err != nil {
		return err
	}
	var receipt *client.Receipt
	switch {
	case s.raw:
		receipt, err = s.sendRaw(ctx, r, path)
	case s.proof != "":
		receipt, err = s.sendProven(ctx, t, r, path)
	default:
		receipt, err = s.sendClaims(ctx, t, r, path)
	}
	if err != nil {
		return refused(ctx, r, err)
	}
	r.relyOnKeys(ctx, t, receipt)
	result, err := t.logged(r, s.receipt, receipt)
	if err != nil {
		return err
	}
	if err := forgetIntent(path); err != nil {
		return err
	}
	if s.deferred {
		t.field("proof", "deferred: attestlog verify %d says how it stands", receipt.Index)
	}
	if s.wait {
		if err := s.await(ctx, t, r, receipt, result); err != nil {
			return r.judge(ctx, err)
		}
	}
	if t.json {
		t.printJSON(result)
	}
	return r.judge(ctx, nil)
}

// await waits for the proof that was deferred. result is what --json says.
func (s *submit) await(ctx context.Context, t *terminal, r *remote, logged *client.Receipt, result map[string]any) error {
	by, err := await(ctx, t, r, logged)
	if err != nil {
		return err
	}
	t.say("Proven by %s in entry %d.", by.Event.Source, by.Index)
	result["attestation"], result["prover"] = by.Index, by.Event.Source
	return nil
}

// check refuses flags that don't go together.
func (s *submit) check() error {
	switch {
	case (s.accesses == "") != (s.proving.dataset == ""):
		return misuse("--accesses and --dataset belong together: a proof takes both")
	case s.accesses != "" && s.witness != "":
		return misuse("--witness and --accesses are two ways to the same proof: name one")
	case s.prover != "" && (s.accesses != "" || s.witness != ""):
		return misuse("--prover proves claims under an imported statement: --witness and --accesses have no place beside it")
	case s.statement != "" && s.witness == "" && s.prover == "":
		return misuse("--statement says under which statement a --witness is proven, or by a --prover, and there is none")
	case s.deferred && s.accesses == "" && s.witness == "":
		return misuse("--deferred leaves a proof to others, who need what proves the claims: a --witness, or --accesses and --dataset")
	case s.wait && !s.deferred:
		return misuse("--wait waits for a proof that is --deferred")
	case s.private != "" && s.prover == "":
		return misuse("--private has the private inputs for a --prover, and there is none")
	case s.raw && (s.signing != (signingFlags{}) || s.accesses != "" || s.witness != "" || s.prover != "" || s.proof != ""):
		return misuse("--raw sends what is signed already: --source, --key and what proves have no place beside it")
	case s.proof != "" && (s.signing != (signingFlags{}) || s.accesses != "" || s.witness != "" || s.prover != ""):
		return misuse("--proof goes with an event that is signed already: --source, --key and other ways to prove have no place beside it")
	}
	return nil
}

// refused gives a refusal its exit code. Here even "not found" is one: of a source, or of what the claims refer to.
func refused(ctx context.Context, r *remote, err error) error {
	if client.HasCode(err, client.CodeNotFound) {
		return &failure{exitRefused, err}
	}
	return r.judge(ctx, err)
}

func (s *submit) sendRaw(ctx context.Context, r *remote, path string) (*client.Receipt, error) {
	sub, err := readSubmission(path)
	if err != nil {
		return nil, err
	}
	return r.Submit(ctx, sub)
}

func readSubmission(path string) (*event.Submission, error) {
	return decodeFile(path, 128<<10, readBounded, typed.Submission)
}

// relyOnKeys marks the output by the keys that an event's proof is under, unless that was done when it was proven.
func (r *remote) relyOnKeys(ctx context.Context, t *terminal, logged *client.Receipt) {
	entry, err := verify.OpenEntry(logged.Index, logged.Leaf)
	if len(t.untrusted) > 0 || err != nil || entry.Event.Proof == event.ProofNone {
		return // a leaf that doesn't open was refused before
	}
	st, err := r.Statement(ctx, entry.Event.Statement)
	if err != nil {
		t.warn("couldn't find out how far the keys of its proof can be trusted: %s", commandline.OneLine(err.Error()))
		return
	}
	if words := t.relyOn(st.Claims.Name, st.Claims.Setup); words != "" {
		t.warn("%s", words)
	}
}

func (s *submit) sendClaims(ctx context.Context, t *terminal, r *remote, path string) (*client.Receipt, error) {
	what, err := readDraft(path)
	if err != nil {
		return nil, err
	}
	source, err := speak(ctx, t, r, &s.signing, s.state)
	if err != nil {
		return nil, err
	}
	receipt, err := source.sayOnce(ctx, path, what, func(d *client.Draft) error {
		switch {
		case s.accesses != "" || s.witness != "":
			return untrue(s.prove(ctx, t, r, d))
		case s.prover != "":
			return untrue(s.proveForeign(ctx, t, r, d))
		}
		return nil
	})
	return receipt, errors.Join(err, source.Close())
}
