package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
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
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.URL, "/")+"/readyz", nil)
	if err != nil {
		return &usageError{fmt.Sprintf("%q is no URL", c.URL)}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("couldn't reach the server: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("couldn't read the server's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: %s: %s", resp.Status, strings.TrimSpace(string(body)))
	}
	fmt.Fprintln(s.out, "ready")
	return nil
}
