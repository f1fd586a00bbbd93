// Command attestlogd runs a log: it is the operator's program.
//
//	attestlogd init    make a log: its keys, its statements, its first entries
//	attestlogd serve   serve it over HTTP
//	attestlogd source  register, rotate and revoke the keys of sources
//	attestlogd operator rotate  replace the operator's own key
//	attestlogd statement list, add, revoke: the statements under which the log takes proofs
//	attestlogd reindex rebuild everything that is derived from the log's entries
//	attestlogd health  ask a running server how it is
//	attestlogd database-url  say how to reach its private PostgreSQL, for a proving worker
//
// # The data directory
//
// One directory holds a log. PostgreSQL may lie in it or elsewhere.
//
//	log.key         the key that signs checkpoints (0600), as golang.org/x/mod/sumdb/note writes it
//	log.pub         its public half, which auditors pin
//	operator.key    the operator's key as a source (0600); it signs registrations. Beside it, while it is rotated, operator.key.new
//	operator.state  where the operator's own chain of events stands
//	heads           every checkpoint that was signed: keep it when you restore the database
//	suspicions/     requests that a witness refused as if another history were signed: evidence, made when it happens
//	keys/           proving and verifying keys, a directory for each statement
//	postgres/       the private PostgreSQL, where no --database-url is given
//
// # Memory
//
// serve lets its heap grow to five times what is in use before it collects garbage, because what it does makes much of it; above
// 1 GiB it collects more often. Where that is too much or too little, the environment variables of every Go program say
// otherwise: GOGC=100 collects when the heap has doubled, GOMEMLIMIT=300MiB holds the process to about so much.
//
// # Exit codes
//
//	0  it did what it was asked to
//	1  it couldn't, and says why in one line on standard error
//	2  the command line makes no sense
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() { os.Exit(run()) }

// run is main without os.Exit in the middle of it.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Once we are on our way down, a second signal ends us at once.
	context.AfterFunc(ctx, stop)
	return execute(ctx, os.Args[1:], streams{out: os.Stdout, err: os.Stderr})
}

// streams are where a command writes: what was asked for, and everything else.
type streams struct{ out, err io.Writer }

// command is a row of the table of commands.
type command struct {
	name    string // one word or two
	args    string // for the usage line
	summary string
	// bind declares the flags and returns what runs once they are parsed.
	bind func(*flag.FlagSet) func(context.Context, streams) error
}

func commands() []command {
	return []command{
		{"init", "--data DIR --origin ORIGIN", "make a log: its keys, its statements, its first entries", bindInit},
		{"serve", "--data DIR", "serve a log over HTTP", bindServe},
		{"source add", "--data DIR --request FILE", "register a source", bindSourceAdd},
		{"source rotate", "--data DIR --request FILE", "give a source a new key, on the operator's word alone", bindSourceRotate},
		{"source revoke", "--data DIR --source NAME", "end a source's key", bindSourceRevoke},
		{"operator rotate", "--data DIR", "replace the operator's own key", bindOperatorRotate},
		{"statement list", "--data DIR", "list the statements under which the log takes proofs", bindStatementList},
		{"statement add", "--data DIR --keys DIR --statement NAME | --ceremony DIR", "register keys that a set-up or a ceremony made", bindStatementAdd},
		{"statement revoke", "--data DIR --statement DIGEST", "take no more proofs under a statement, and put earlier ones in doubt", bindStatementRevoke},
		{"reindex", "--data DIR", "rebuild everything that is derived from the log's entries", bindReindex},
		{"health", "", "ask a running server how it is", bindHealth},
		{"database-url", "--data DIR", "say how to reach the private PostgreSQL of a running log", bindDatabaseURL},
	}
}

// usageError is a command line that makes no sense.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

func execute(ctx context.Context, args []string, s streams) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(s.out)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	c, rest, found := find(args)
	if !found {
		fmt.Fprintf(s.err, "attestlogd: there is no command %q: see attestlogd help\n", strings.Join(args[:min(2, len(args))], " "))
		return 2
	}
	fs := flag.NewFlagSet("attestlogd "+c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are ours to print, in one line
	start := c.bind(fs)
	err := fs.Parse(rest)
	switch {
	case errors.Is(err, flag.ErrHelp):
		manual(s.out, c, fs)
		return 0
	case err != nil:
		err = &usageError{err.Error()}
	case fs.NArg() > 0:
		err = &usageError{fmt.Sprintf("%q is one argument too many", fs.Arg(0))}
	default:
		err = start(ctx, s)
	}
	if err == nil {
		return 0
	}
	var misuse *usageError
	if errors.As(err, &misuse) {
		fmt.Fprintf(s.err, "attestlogd %s: %s: see attestlogd %s --help\n", c.name, oneLine(err), c.name)
		return 2
	}
	fmt.Fprintf(s.err, "attestlogd %s: %s\n", c.name, oneLine(err))
	return 1
}

// find looks a command up by its one or two words.
func find(args []string) (c command, rest []string, found bool) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return c, args[len(words):], true
		}
	}
	return command{}, nil, false
}

func usage(w io.Writer) {
	fmt.Fprintf(w, "attestlogd runs a transparency log for AI systems.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  attestlogd %-16s %s\n", c.name, c.summary)
	}
	fmt.Fprintf(w, "\nEach explains itself: attestlogd COMMAND --help\n")
}

func manual(w io.Writer, c command, fs *flag.FlagSet) {
	fmt.Fprintf(w, "attestlogd %s: %s\n\n  attestlogd %s %s [flags]\n\n", c.name, c.summary, c.name, c.args)
	fs.SetOutput(w)
	fs.PrintDefaults()
	fmt.Fprintf(w, "\nExit codes: 0 done, 1 couldn't (one line on standard error says why), 2 the command line makes no sense.\n")
}

// oneLine is an error as the one line that the operator reads.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
