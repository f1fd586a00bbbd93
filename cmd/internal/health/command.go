package health

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/attestlog/attestlog/cmd/internal/command"
)

// Question is what a program's health command asks.
type Question struct {
	URL    string // where to, unless a flag says otherwise
	Of     string // what has that address, for the flag's help: "the `URL` of …"
	Page   string // such as readyz
	Answer string // what the command prints if all is well
}

// Bind declares the flags of a health command, and returns what asks.
func (q Question) Bind(fs *flag.FlagSet) command.Run {
	url := fs.String("url", q.URL, q.Of)
	timeout := fs.Duration("timeout", 5*time.Second, "how long its answer may take")
	return command.Alone(func(ctx context.Context, s command.Streams) error {
		err := Ask(ctx, *url, q.Page, *timeout)
		if errors.Is(err, ErrNoURL) {
			return command.Misusef("--url: %w", err)
		}
		if err == nil {
			_, err = fmt.Fprintln(s.Out, q.Answer)
		}
		return err
	})
}
