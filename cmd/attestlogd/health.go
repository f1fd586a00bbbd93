package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/attestlog/attestlog/cmd/internal/health"
)

// healthConfig is the configuration of attestlogd health, which container engines run.
type healthConfig struct {
	// URL is where the server is.
	URL string
	// Timeout is how long its answer may take.
	Timeout time.Duration
}

func bindHealth(fs *flag.FlagSet) func(context.Context, streams) error {
	c := new(healthConfig)
	fs.StringVar(&c.URL, "url", "http://127.0.0.1:8080", "the `URL` of the server")
	fs.DurationVar(&c.Timeout, "timeout", 5*time.Second, "how long its answer may take")
	return c.run
}

func (c *healthConfig) run(ctx context.Context, s streams) error {
	err := health.Ask(ctx, c.URL, "readyz", c.Timeout)
	if errors.Is(err, health.ErrNoURL) {
		return &usageError{err.Error()}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "ready")
	return nil
}
