// Command attestlog is everybody's tool but the operator's: it commits to data sets, proves what was read of them, submits
// events to a log, and checks what a log says, online and offline.
//
//	attestlog keygen          make a source's key, and the request to register it
//	attestlog dataset commit  commit to a table; its secrets stay in one file
//	attestlog prove           make the claims and the proof of a data access
//	attestlog anonymize       release a data set without naming anyone, and prove it
//	attestlog train           train a model, each step proven
//	attestlog approve         approve models to be served, without saying which
//	attestlog serve-version   say which model version is served, and prove that it is approved
//	attestlog submit          number, sign, prove and send claims, and keep the receipt
//	attestlog get             fetch an entry, or all the evidence for it
//	attestlog verify          check an entry, or a bundle, against the log's key alone
//	attestlog bundle          put all the evidence about entries into one file
//	attestlog provenance      walk from a model, or from any entry, back to raw data
//	attestlog key rotate      give a source a new key, by its own word
//	attestlog key revoke      end a source's key, by its own word
//	attestlog source          show who a source is: its role, its keys, its breaks
//	attestlog ceremony init, contribute, seal, verify: make a statement's keys with many parties, and check how they were made
//	attestlog verify-fork     check evidence that a log signed two histories
//	attestlog head            fetch the newest head and check it
//	attestlog view            show a log's pages in a browser on this machine
//	attestlog gossip          tell monitors what the log showed here, and hear what it showed them
//	attestlog context         sign an event under an imported statement, and say what its proof has to be of
//	attestlog statement import  let a log take proofs of somebody's own circuit
//	attestlog export snarkjs  write a proof, its key and its public inputs as snarkjs reads them
//
// `attestlog help COMMAND` has the details. What was asked for goes to standard output, as text for people or, with --json, as
// one JSON object; progress and errors go to standard error. Secrets go into files that only their owner can read, and nowhere else.
//
// # Exit codes
//
//	0  it did what it was asked to
//	1  it couldn't: a file, the network, the server
//	2  the command line makes no sense
//	3  a verification failed
//	4  the log refused the event
//	5  the claims are not true of the data, so there is no proof of them
//	6  the verification holds, but a revocation puts the entry in doubt
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	commandline "github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/prover/keys"
)

// The exit codes; help.go explains them to people.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitUnverified = 3
	exitRefused    = 4
	exitUntrue     = 5
	exitDoubt      = 6
)

func main() {
	ctx, stop := commandline.UntilSignal()
	// gnark's own chatter helps nobody here; its errors come back as errors.
	keys.RouteGnarkLog(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	code := execute(ctx, os.Args[1:], &terminal{out: os.Stdout, err: os.Stderr, progress: isTerminal(os.Stderr)})
	stop()
	os.Exit(code)
}

// command is a row of the table of commands.
type command struct {
	name    string // one word or two
	args    string // for the usage line
	summary string
	manual  string // what `attestlog help` says beyond the flags
	// bind declares the flags and returns what runs once they are parsed, with what stands beside them.
	bind func(*flag.FlagSet) func(ctx context.Context, t *terminal, args []string) error
}

func commands() []command {
	return []command{
		{"keygen", "FILE [flags]", "make a source's key, and the request to register it", keygenManual, bindKeygen},
		{"dataset commit", "TABLE --schema FILE --out DIR", "commit to a table; its secrets stay in one file", commitManual, bindCommit},
		{"prove", "--dataset FILE --entry DIGEST --rows LIST --columns LIST --purpose NAME --out DIR [flags]", "make the claims and the proof of a data access", proveManual, bindProve},
		{"train", "--dataset FILE --entry ENTRY --label COLUMN=VALUE --steps N --subject NAME --out DIR [flags]", "train a model, each step proven", trainManual, bindTrain},
		{"approve", "MODEL ... --subject NAME --out DIR [flags]", "approve models to be served, without saying which", approveManual, bindApprove},
		{"serve-version", "MODEL --releases FILE --approval ENTRY --configuration FILE --version NAME --subject NAME --step ENTRY|--withhold-run --out DIR [flags]",
			"say which model version is served, and prove that it is approved", serveVersionManual, bindServeVersion},
		{"submit", "CLAIMS.json --source NAME --key FILE [flags]", "number, sign, prove and send claims, and keep the receipt", submitManual, bindSubmit},
		{"anonymize", "--dataset FILE --entry ENTRY --hierarchy FILE --k N --out DIR [flags]", "release a data set without naming anyone, and prove it", anonymizeManual, bindAnonymize},
		{"context", "CLAIMS.json --source NAME --key FILE --out DIR [flags]", "sign an event under an imported statement, and say what its proof has to be of", contextManual, bindContext},
		{"get", "INDEX|DIGEST [flags]", "fetch an entry, or all the evidence for it", getManual, bindGet},
		{"verify", "INDEX|DIGEST|DIR|FILE [flags]", "check an entry, or a bundle, against the log's key alone", verifyManual, bindVerify},
		{"bundle", "ENTRY ...|--query FILTERS|--provenance ENTRY --out FILE [flags]", "put all the evidence about entries into one file", bundleManual, bindBundle},
		{"provenance", "SUBJECT|ENTRY [flags]", "walk from a model, or from any entry, back to raw data", provenanceManual, bindProvenance},
		{"key rotate", "--key FILE --request FILE [flags]", "give a source a new key, by its own word", keyRotateManual, bindKeyRotate},
		{"key revoke", "--source NAME --key FILE [flags]", "end a source's key, by its own word", keyRevokeManual, bindKeyRevoke},
		{"statement import", "VERIFICATION_KEY.json --schema FILE --data DIR [flags]", "let a log take proofs of somebody's own circuit", importManual, bindStatementImport},
		{"export snarkjs", "INDEX|DIGEST|DIR --out DIR [flags]", "write a proof, its key and its public inputs as snarkjs reads them", exportManual, bindExport},
		{"source", "NAME [flags]", "show who a source is: its role, its keys, its breaks", sourceManual, bindSource},
		{"ceremony init", "DIR --statement NAME [flags]", "begin to make a statement's keys with many parties", ceremonyInitManual, bindCeremonyInit},
		{"ceremony contribute", "DIR --name NAME", "add a secret of your own to the keys in the making", ceremonyContributeManual, bindCeremonyContribute},
		{"ceremony seal", "DIR --beacon HEX --source SENTENCE", "end a phase of a ceremony with a public beacon", ceremonySealManual, bindCeremonySeal},
		{"ceremony verify", "DIR [flags]", "check every contribution, and that the keys come out of them", ceremonyVerifyManual, bindCeremonyVerify},
		{"verify-fork", "FILE [flags]", "check evidence that a log signed two histories", forkManual, bindVerifyFork},
		{"head", "[flags]", "fetch the newest head and check it", headManual, bindHead},
		{"view", "[URL] [flags]", "show a log's pages in a browser on this machine", viewManual, bindView},
		{"gossip", "[MONITOR ...] [flags]", "tell monitors what the log showed here, and hear what it showed them", gossipManual, bindGossip},
	}
}

// failure is an error with the exit code that it calls for.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// misuse is a command line that makes no sense.
func misuse(format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...)}
}

func execute(ctx context.Context, args []string, t *terminal) int {
	if len(args) == 0 {
		usage(t.err)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return help(t, args[1:])
	}
	c, rest, found := commandline.Find(commands(), func(c command) string { return c.name }, args)
	if !found {
		fmt.Fprintf(t.err, "attestlog: there is no command %q; attestlog help lists them\n", strings.Join(args[:min(2, len(args))], " "))
		return exitUsage
	}
	fs := flag.NewFlagSet("attestlog "+c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are ours to print, in one line
	fs.BoolVar(&t.json, "json", false, "print one JSON object in place of text")
	run := c.bind(fs)
	operands, err := commandline.Parse(fs, rest)
	if errors.Is(err, flag.ErrHelp) {
		manual(t.out, c)
		return exitDone
	}
	if err != nil {
		err = misuse("%w", err)
	} else {
		err = run(ctx, t, operands)
	}
	return t.conclude(c, err)
}

// conclude says how a command ended, and returns the exit code.
func (t *terminal) conclude(c command, err error) int {
	if err == nil {
		return exitDone
	}
	code := exitFailed
	var f *failure
	if errors.As(err, &f) {
		code = f.code
	}
	if t.json && !t.printed {
		t.printJSON(map[string]any{"error": describe(err), "exit": code})
	}
	fmt.Fprintf(t.err, "attestlog %s: %s\n", c.name, printable(commandline.OneLine(err.Error())))
	if code == exitUsage {
		fmt.Fprintf(t.err, "attestlog help %s says how it is used\n", c.name)
	}
	return code
}

// describe is an error for machines.
func describe(err error) map[string]any {
	d := map[string]any{"message": commandline.OneLine(err.Error())}
	if code := problemCode(err); code != "" {
		d["code"] = code
	}
	return d
}

// printJSON prints the one object that --json promises.
func (t *terminal) printJSON(v any) {
	if object, ok := v.(map[string]any); ok && len(t.untrusted) > 0 {
		object["untrusted"] = t.untrusted
	}
	e := json.NewEncoder(t.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(v) // a closed standard output is the reader's wish
	t.printed = true
}
