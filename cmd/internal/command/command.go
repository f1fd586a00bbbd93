// Package command is what attestlog's programs have in common on the command line: a table of commands, each with flags and
// operands, that explain themselves; errors in one line on standard error; and exit codes.
//
//	0  it did what it was asked to
//	1  it couldn't, and says why
//	2  the command line makes no sense
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Streams are where a command writes: what was asked for, and everything else.
type Streams struct{ Out, Err io.Writer }

// Run does what a command is for, once its flags are parsed. Operands are what stands on the command line beside them.
type Run func(ctx context.Context, s Streams, operands []string) error

// Command is a row of a program's table.
type Command struct {
	Name    string // one word or two
	Args    string // for the usage line
	Summary string // one line
	Manual  string // what help says beyond the flags; whole lines, or nothing
	// Bind declares the flags and returns what runs once they are parsed.
	Bind func(*flag.FlagSet) Run
}

// Program is a table of commands under a name.
type Program struct {
	Name     string
	Summary  string // one line
	Commands []Command
}

// Misuse is a command line that makes no sense: exit code 2.
type Misuse struct{ Problem string }

func (m *Misuse) Error() string { return m.Problem }

// Exit is an error with an exit code of its own, which the command's manual explains.
type Exit struct {
	Code int
	Err  error
}

func (e *Exit) Error() string { return e.Err.Error() }
func (e *Exit) Unwrap() error { return e.Err }

// Misusef makes a *Misuse.
func Misusef(format string, args ...any) error {
	return &Misuse{Problem: fmt.Errorf(format, args...).Error()}
}

// Execute runs the command that the arguments name and returns the exit code. args[0] is the first one behind the program's name.
func (p *Program) Execute(ctx context.Context, args []string, s Streams) int {
	if len(args) == 0 {
		p.usage(s.Err)
		return 2
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return p.help(args[1:], s)
	}
	c, rest, found := Find(p.Commands, func(c Command) string { return c.Name }, args)
	if !found {
		fmt.Fprintf(s.Err, "%s: there is no command %q: see %s help\n", p.Name, strings.Join(args[:min(2, len(args))], " "), p.Name)
		return 2
	}
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are ours to print, in one line
	run := c.Bind(fs)
	operands, err := Parse(fs, rest)
	switch {
	case errors.Is(err, flag.ErrHelp):
		p.manual(s.Out, c)
		return 0
	case err != nil:
		err = &Misuse{Problem: err.Error()}
	default:
		err = run(ctx, s, operands)
	}
	if err == nil {
		return 0
	}
	var misuse *Misuse
	if errors.As(err, &misuse) {
		fmt.Fprintf(s.Err, "%s %s: %s: see %s help %s\n", p.Name, c.Name, OneLine(err.Error()), p.Name, c.Name)
		return 2
	}
	fmt.Fprintf(s.Err, "%s %s: %s\n", p.Name, c.Name, OneLine(err.Error()))
	var exit *Exit
	if errors.As(err, &exit) {
		return exit.Code
	}
	return 1
}

// Find looks a row of a table up by its one or two words, which the arguments begin with. rest is what follows them.
func Find[C any](table []C, name func(C) string, args []string) (c C, rest []string, found bool) {
	for _, c := range table {
		words := strings.Fields(name(c))
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == name(c) {
			return c, args[len(words):], true
		}
	}
	return c, nil, false
}

// Parse parses flags wherever they stand, before, between and behind the operands. Everything after "--" is an operand.
func Parse(fs *flag.FlagSet, args []string) (operands []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		rest := fs.Args()
		if len(rest) == 0 {
			return operands, nil
		}
		if consumed := len(args) - len(rest); consumed > 0 && args[consumed-1] == "--" {
			return append(operands, rest...), nil
		}
		operands, args = append(operands, rest[0]), rest[1:]
	}
}

func (p *Program) usage(w io.Writer) {
	fmt.Fprintf(w, "%s %s\n\n", p.Name, p.Summary)
	width := 0
	for _, c := range p.Commands {
		width = max(width, len(c.Name))
	}
	for _, c := range p.Commands {
		fmt.Fprintf(w, "  %s %-*s  %s\n", p.Name, width, c.Name, c.Summary)
	}
	fmt.Fprintf(w, "\nMore about each: %s help COMMAND\n", p.Name)
}

func (p *Program) help(args []string, s Streams) int {
	if len(args) == 0 {
		p.usage(s.Out)
		return 0
	}
	name, found := strings.Join(args, " "), false
	for _, c := range p.Commands {
		if c.Name == name || strings.HasPrefix(c.Name, name+" ") { // the first of two words has the pages of all that begin with it
			if found {
				fmt.Fprintln(s.Out)
			}
			p.manual(s.Out, c)
			found = true
		}
	}
	if !found {
		fmt.Fprintf(s.Err, "%s: there is no help about %q: see %s help\n", p.Name, name, p.Name)
		return 2
	}
	return 0
}

// manual prints a command's page.
func (p *Program) manual(w io.Writer, c Command) {
	fmt.Fprintf(w, "%s %s: %s\n\n  %s %s %s\n\n", p.Name, c.Name, c.Summary, p.Name, c.Name, c.Args)
	if c.Manual != "" {
		fmt.Fprintf(w, "%s\n", c.Manual)
	}
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	c.Bind(fs)
	fs.SetOutput(w)
	fs.PrintDefaults()
	fmt.Fprint(w, "\nExit codes: 0 done, 1 couldn't (one line on standard error says why), 2 the command line makes no sense.\n")
}

// OneLine is a text, such as an error's, as the one line that people read.
func OneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// Alone is the run of a command that takes no operands.
func Alone(run func(context.Context, Streams) error) Run {
	return func(ctx context.Context, s Streams, operands []string) error {
		if len(operands) > 0 {
			return Misusef("%q is one argument too many", operands[0])
		}
		return run(ctx, s)
	}
}

// Repeated is a flag that may be given several times.
type Repeated []string

// String implements flag.Value.
func (r *Repeated) String() string { return strings.Join(*r, " ") }

// Set implements flag.Value.
func (r *Repeated) Set(s string) error {
	*r = append(*r, s)
	return nil
}
