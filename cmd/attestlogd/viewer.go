package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/viewing"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/web"
)

// viewer makes the pages of the log, and asks its monitors until ctx ends; wait then waits for them. The pages see the log through a client of
// its API in the same process, as anybody does. That API has no pages, so that nothing goes round in circles; nor quotas, which are the
// visitors', nor an access log, which has the pages already.
func (c *serveConfig) viewer(ctx context.Context, log *ledger.Ledger, dir dataDir, witnesses *ledger.Witnessing, logger *slog.Logger) (pages http.Handler, wait func(), err error) {
	public, err := dir.verifierKey()
	if err != nil {
		return nil, nil, err
	}
	inner, err := api.New(api.Config{Ledger: log, Limits: api.Limits{Refused: -1}})
	if err != nil {
		return nil, nil, err
	}
	o := client.Options{LogKey: public, HTTP: &http.Client{Transport: client.InProcess(inner)}}
	viewing.ForPages(&o)
	o.Retries = -1 // what a handler in the same process refuses, it refuses again
	through, err := client.New("http://localhost/", o)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't make the viewer: %w", err)
	}
	cfg := web.Config{Log: through, Logger: logger}
	if witnesses != nil {
		cfg.Policy = witnesses.Policy
	}
	if cfg.Monitors, wait, err = viewing.Monitors(ctx, c.Monitors, through.Key(), logger); err != nil {
		return nil, nil, err
	}
	pages, err = web.New(cfg)
	return pages, wait, err
}
