package web

import (
	"context"
	"net/http"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/verify"
)

// maxTurns is how many bundles are fetched and verified at once. Anybody may ask for pages; of a log in the same process, they share the processors
// with what is submitted. It is also how many a log makes at once: more would be told to come again.
const maxTurns = 2

// bundle fetches a bundle and verifies it, when its turn comes. The turn ends before anything of it is sent: slow readers keep nobody waiting.
func (v *viewer) bundle(ctx context.Context, q client.BundleQuery) (*verify.Bundle, *verify.BundleReport, error) {
	select {
	case v.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, &failure{status: http.StatusServiceUnavailable, title: "Many ask at once", err: ctx.Err(), detail: "Evidence is put together and checked for others at the moment. Try again in a few seconds."}
	}
	defer func() { <-v.turns }()
	return v.log.Bundle(ctx, q)
}
