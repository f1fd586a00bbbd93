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

func bindHealth(fs *flag.FlagSet) command.Run {
	url := fs.String("url", "http://127.0.0.1:9464", "the `URL` of the worker's --metrics-listen")
	timeout := fs.Duration("timeout", 5*time.Second, "how long its answer may take")
	return func(ctx context.Context, s command.Streams, operands []string) error {
		if len(operands) > 0 {
			return command.Misusef("%q is one argument too many", operands[0])
		}
		err := health.Ask(ctx, *url, "healthz", *timeout)
		if errors.Is(err, health.ErrNoURL) {
			return command.Misusef("--url: %s", err)
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(s.Out, "ok")
		return nil
	}
}
