package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/health"
)

// healthConfig is the configuration of attestlogd health, which container engines run.
type healthConfig struct {
	// URL is where the server is.
	URL string
	// Timeout is how long its answer may take.
	Timeout time.Duration
}

func bindHealth(fs *flag.FlagSet) command.Run {
	c := new(healthConfig)
	fs.StringVar(&c.URL, "url", "http://127.0.0.1:8080", "the `URL` of the server")
	fs.DurationVar(&c.Timeout, "timeout", 5*time.Second, "how long its answer may take")
	return command.Alone(c.run)
}

func (c *healthConfig) run(ctx context.Context, s command.Streams) error {
	err := health.Ask(ctx, c.URL, "readyz", c.Timeout)
	if errors.Is(err, health.ErrNoURL) {
		return command.Misusef("%w", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "ready")
	return nil
}
