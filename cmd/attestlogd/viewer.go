package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web"
)

// headPatience is how long a page waits for a head that has what it shows: a log that waits for no witness publishes one a second.
const headPatience = time.Second

// viewer makes the pages of the log. They see it through a client of its API in the same process, as anybody does. That API has no pages,
// so that nothing goes round in circles; nor quotas, which are the visitors', nor an access log, which has the pages already.
func (c *serveConfig) viewer(log *ledger.Ledger, dir dataDir, witnesses *ledger.Witnessing, logger *slog.Logger) (http.Handler, error) {
	public, err := dir.verifierKey()
	if err != nil {
		return nil, err
	}
	var policy *verify.Policy
	if witnesses != nil {
		policy = witnesses.Policy
	}
	inner, err := api.New(api.Config{Ledger: log, Limits: api.Limits{Refused: -1}})
	if err != nil {
		return nil, err
	}
	through, err := client.New("http://localhost/", client.Options{
		LogKey: public, HTTP: &http.Client{Transport: client.InProcess(inner)}, Retries: -1, Patience: headPatience,
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't make the viewer: %w", err)
	}
	return web.New(web.Config{Log: through, Policy: policy, Logger: logger})
}
