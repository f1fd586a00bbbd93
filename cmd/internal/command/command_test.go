package command_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/cmd/internal/command"
)

var program = &command.Program{
	Name: "tool", Summary: "does things.",
	Commands: []command.Command{
		{Name: "say", Args: "WORD... [flags]", Summary: "say words", Manual: "It says them.\n", Bind: bindSay},
		{Name: "say not", Summary: "say nothing", Bind: bindSay},
		{Name: "key new", Summary: "make a key", Bind: bindSay},
		{Name: "key old", Summary: "find a key", Bind: bindSay},
	},
}

func bindSay(fs *flag.FlagSet) command.Run {
	times := fs.Int("times", 1, "how often")
	return func(_ context.Context, s command.Streams, operands []string) error {
		switch {
		case len(operands) == 0:
			return command.Misusef("no word is given")
		case operands[0] == "differ":
			return fmt.Errorf("so: %w", &command.Exit{Code: 7, Err: errors.New("it differs")})
		case operands[0] == "fail":
			return errors.New("it failed\nin two lines")
		}
		fmt.Fprintln(s.Out, *times, strings.Join(operands, " "))
		return nil
	}
}

func TestExecute(t *testing.T) {
	for _, tc := range []struct {
		args     string
		code     int
		out, err string // what the streams hold; an empty one must be empty
	}{
		{"", 2, "", "tool does things."},
		{"help", 0, "say words", ""},
		{"--help", 0, "say words", ""},
		{"help say", 0, "It says them.", ""},
		{"help key", 0, "find a key", ""},
		{"help nothing", 2, "", `tool: there is no help about "nothing": see tool help`},
		{"say --help", 0, "how often", ""},
		{"sing a song", 2, "", `tool: there is no command "sing a": see tool help`},
		{"say differ", 7, "", "tool say: so: it differs\n"},
		{"key", 2, "", `tool: there is no command "key": see tool help`},
		{"say a --times 3 b", 0, "3 a b\n", ""},
		{"say -- a --times 3", 0, "1 a --times 3\n", ""},
		{"key new x", 0, "1 x\n", ""},
		{"say", 2, "", "tool say: no word is given: see tool help say\n"},
		{"say --often", 2, "", "tool say: flag provided but not defined: -often: see tool help say\n"},
		{"say fail", 1, "", "tool say: it failed; in two lines\n"},
	} {
		var out, errs strings.Builder
		code := program.Execute(t.Context(), strings.Fields(tc.args), command.Streams{Out: &out, Err: &errs})
		if code != tc.code {
			t.Errorf("%q: exit code %d, want %d", tc.args, code, tc.code)
		}
		for name, s := range map[string][2]string{"standard output": {out.String(), tc.out}, "standard error": {errs.String(), tc.err}} {
			if !strings.Contains(s[0], s[1]) || s[1] == "" && s[0] != "" {
				t.Errorf("%q: %s is %q, want %q in it", tc.args, name, s[0], s[1])
			}
		}
	}
}

func TestLogging(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "level=INFO msg=said\n"},
		{[]string{"-json"}, `"level":"INFO","msg":"said"}` + "\n"},
		{[]string{"-verbose"}, "level=INFO msg=said\nlevel=DEBUG msg=whispered\n"},
	} {
		var logging command.Logging
		fs := flag.NewFlagSet("tool", flag.ContinueOnError)
		logging.Bind(fs)
		if err := fs.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		var lines strings.Builder
		logger := logging.Logger(command.Streams{Err: &lines})
		logger.Info("said")
		logger.Debug("whispered")
		got := regexp.MustCompile(`(?m)^(\{"time":"[^"]*",|time=\S* )`).ReplaceAllString(lines.String(), "") // whenever it was
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.args, got, c.want)
		}
	}
}
