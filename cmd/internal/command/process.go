package command

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Main runs the command that the process was started with, until it is done or told to stop, and returns the exit code.
func (p *Program) Main() int {
	ctx, stop := UntilSignal()
	defer stop()
	return p.Execute(ctx, os.Args[1:], Streams{Out: os.Stdout, Err: os.Stderr})
}

// UntilSignal is a context that ends with SIGINT or SIGTERM. Once we are on our way down, a second signal ends the process at once.
func UntilSignal() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Logging is how a program that runs for long says what it does.
type Logging struct {
	JSON    bool // for machines: one object a line
	Verbose bool // debug messages, too
}

// Bind declares the flags.
func (l *Logging) Bind(fs *flag.FlagSet) {
	fs.BoolVar(&l.JSON, "json", false, "log JSON, one object a line")
	fs.BoolVar(&l.Verbose, "verbose", false, "log debug messages, too")
}

// Logger writes to standard error.
func (l *Logging) Logger(s Streams) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if l.Verbose {
		options.Level = slog.LevelDebug
	}
	if l.JSON {
		return slog.New(slog.NewJSONHandler(s.Err, options))
	}
	return slog.New(slog.NewTextHandler(s.Err, options))
}
