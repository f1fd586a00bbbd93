// Package serving makes what answers on an operator's port: the API of a log, and the pages that show it to people.
package serving

import (
	"fmt"
	"net/http"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/viewing"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web"
)

// Config says what is served.
type Config struct {
	API      api.Config // without a Fallback
	LogKey   string     // the log's public key, as Options.LogKey of api/client
	NoViewer bool       // the API alone
	Policy   *verify.Policy
	Monitors []web.Monitor
}

// New makes the handler. The pages see the log through a client of its API in the same process, as anybody does. That API has no pages, so
// that nothing goes round in circles; nor quotas, which are the visitors', nor an access log, which has the pages already.
func New(cfg Config) (http.Handler, error) {
	if cfg.NoViewer {
		return api.New(cfg.API)
	}
	inner, err := api.New(api.Config{Ledger: cfg.API.Ledger, Limits: api.Limits{Refused: -1}})
	if err != nil {
		return nil, err
	}
	o := client.Options{LogKey: cfg.LogKey, HTTP: &http.Client{Transport: client.InProcess(inner)}}
	viewing.ForPages(&o)
	o.Retries = -1 // what a handler in the same process refuses, it refuses again
	through, err := client.New("http://localhost/", o)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the viewer: %w", err)
	}
	cfg.API.Fallback, err = web.New(web.Config{Log: through, Policy: cfg.Policy, Monitors: cfg.Monitors, Logger: cfg.API.Logger})
	if err != nil {
		return nil, err
	}
	return api.New(cfg.API)
}
