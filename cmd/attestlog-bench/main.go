// Command attestlog-bench measures attestlog on your machine, each figure beside what the same machine allowed in the same run.
//
//	attestlog-bench log      how many leaves a second the log takes, how long each waits, what it costs to store and to prove them
//	attestlog-bench http     signed events over HTTP, with and without proofs, from another process, one by one and in batches
//	attestlog-bench prove    how long a proof takes and how much memory, for each statement, and how long keys take to load
//	attestlog-bench verify   how many proofs a second can be verified, one by one and many at once
//	attestlog-bench monitor  how many entries a second a monitor judges, with and without proofs
//	attestlog-bench web      how long the viewer's pages of a log of a million entries take, and how many bytes they have
//	attestlog-bench worker   what a proving worker takes beside proving, and how much memory each statement takes
//
// # How to read a figure
//
// There is one JSON object a line:
//
//	{"name":"log/1024/rate","unit":"leaves/s","value":61000,"limit":140000,"ratio":0.436,"detail":"…"}
//
// The value alone says as much about the machine as about attestlog: a faster disk, another process, a colder day change it. So
// each figure has a limit, which is measured in the same run and in alternating rounds with it, so that whatever else happens
// happens to both: the rate of a plain COPY of the same rows for the log, that of bare Ed25519 verification for HTTP, the bare
// prover's time for proving, proofs verified one by one for batches. The ratio is value / limit, and it is what to compare
// between machines and between versions. Of a rate, a greater ratio is better, and 1 is what can't be beaten unless the work
// is done in another way; of a time or a size, a smaller one is better. Values and limits are medians over the rounds; detail
// says what the limit is, how many rounds there were, how far they lie apart, and on what machine.
//
// If the rounds lie far apart, the machine was busy: measure again, with a greater --seconds.
//
// # What a run does
//
// It measures for about --seconds a case and ends by itself. log, http, web and worker start a private PostgreSQL in a temporary directory,
// with fsync and synchronous_commit on, and remove it afterwards; --database-url takes another PostgreSQL, in which databases
// attestlog_bench_… are made and dropped again. The load of http comes from a second process of this program, over the
// loopback interface: like everything else that a server shares its machine with, it takes from the server's rate. The load of web comes
// from the same process, one request at a time; it fills a log first, which takes some minutes. worker runs log and PostgreSQL beside
// the worker, and what they take counts as the worker's. prove, verify and worker take keys from --keys and set up those that are missing there. Nothing leaves the machine.
//
// Progress goes to standard error. Exit codes: 0 done, 1 couldn't (one line says why), 2 the command line makes no sense.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/pprof"
	"strings"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/prover/keys"
)

func main() { os.Exit(run()) }

// run is main without os.Exit in the middle of it.
func run() int {
	ctx, stop := command.UntilSignal()
	defer stop()
	return execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// area is a row of the table of what can be measured.
type area struct {
	name, summary string
	// bind declares the flags and returns what measures once they are parsed.
	bind func(*flag.FlagSet) func(context.Context, plan, *report) error
}

func areas() []area {
	return []area{
		{"log", "leaves in-process, against plain COPY", bindLog},
		{"http", "signed events over HTTP, against bare verification of signatures and proofs", bindHTTP},
		{"prove", "each statement, against the bare prover; loading keys", bindProve},
		{"verify", "proofs at once, against one by one", bindVerify},
		{"monitor", "a monitor's first sync, against bare verification of signatures and proofs", bindMonitor},
		{"web", "the viewer's pages of a large log, against the API's answers", bindWeb},
		{"worker", "a proving worker with a queue, against the bare prover", bindWorker},
	}
}

// usageError is a command line that makes no sense.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

func execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(out)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	switch args[0] {
	case loadCommand: // the other process of http
		return exitCode(ctx, errs, loadCommand, generateLoad(ctx, in, out))
	case onceCommand: // that of prove
		return exitCode(ctx, errs, onceCommand, serveOnce(ctx, in, out))
	}
	for _, a := range areas() {
		if a.name == args[0] {
			return exitCode(ctx, errs, a.name, a.run(ctx, args[1:], out, errs))
		}
	}
	fmt.Fprintf(errs, "attestlog-bench: there is nothing called %q to measure: see attestlog-bench help\n", args[0])
	return 2
}

func (a area) run(ctx context.Context, args []string, out, errs io.Writer) error {
	fs := flag.NewFlagSet("attestlog-bench "+a.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are ours to print, in one line
	seconds := fs.Float64("seconds", 10, "how long to measure each case, about")
	rounds := fs.Int("rounds", 5, "at least so many rounds; medians are taken over them")
	asJSON := fs.Bool("json", true, "one JSON object a line; --json=false for people")
	profile := fs.String("cpuprofile", "", "a `file` for a CPU profile of this process, for go tool pprof")
	measure := a.bind(fs)
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(out, "attestlog-bench %s: %s\n\n", a.name, a.summary)
		fs.SetOutput(out)
		fs.PrintDefaults()
		return nil
	case err != nil:
		return &usageError{err.Error()}
	case fs.NArg() > 0:
		return &usageError{fmt.Sprintf("%q is one argument too many", fs.Arg(0))}
	case !(*seconds > 0 && *seconds <= 3600):
		return &usageError{"--seconds must be above 0 and at most 3600"}
	case *rounds < 1 || *rounds > 1000:
		return &usageError{"--rounds must be from 1 to 1000"}
	}
	stop, err := profileTo(*profile)
	if err != nil {
		return err
	}
	err = measure(ctx, plan{*seconds, *rounds}, &report{out: out, err: errs, pretty: !*asJSON})
	return errors.Join(err, stop())
}

// profileTo writes a CPU profile until stop is called; an empty path stands for none.
func profileTo(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't profile: %w", err), f.Close())
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, nil
}

func exitCode(ctx context.Context, errs io.Writer, name string, err error) int {
	var misuse *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &misuse):
		fmt.Fprintf(errs, "attestlog-bench %s: %s: see attestlog-bench %s --help\n", name, err, name)
		return 2
	case ctx.Err() != nil: // whatever else went wrong, went wrong because of that
		fmt.Fprintf(errs, "attestlog-bench %s: interrupted\n", name)
		return 1
	}
	oneLine := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	fmt.Fprintf(errs, "attestlog-bench %s: %s\n", name, oneLine)
	return 1
}

func usage(w io.Writer) {
	fmt.Fprintf(w, "attestlog-bench measures attestlog on this machine, each figure beside its limit in the same run.\n\n")
	for _, a := range areas() {
		fmt.Fprintf(w, "  attestlog-bench %-8s %s\n", a.name, a.summary)
	}
	fmt.Fprintf(w, "\nEach explains itself: attestlog-bench AREA --help\n")
}

// quietGnark keeps gnark's chatter from standard output; its warnings go to standard error.
func quietGnark(r *report) {
	keys.RouteGnarkLog(slog.New(slog.NewTextHandler(r.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
}
