package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
)

// remoteFlags name a server that runs already.
type remoteFlags struct{ url, logKey, operatorKey string }

func (f *remoteFlags) bind(fs *flag.FlagSet) {
	fs.StringVar(&f.url, "url", "", "measure a running server at http://HOST:PORT instead of one in this process; it must be a log for trials, because what is sent stays in it; takes --log-key and --operator-key")
	fs.StringVar(&f.logKey, "log-key", "", "that log's public `key`, or the file that holds it, such as log.pub in its data directory")
	fs.StringVar(&f.operatorKey, "operator-key", "", "the `file` of its operator's key, which registers the sources of the load")
}

// open finds out where the operator's numbering stands.
func (f *remoteFlags) open(ctx context.Context, load loadConfig) (*target, error) {
	u, err := url.Parse(f.url)
	switch {
	case err != nil || u.Scheme != "http" || u.Port() == "" || strings.Trim(u.Path, "/") != "":
		return nil, &usageError{"--url must be http://HOST:PORT"}
	case f.logKey == "" || f.operatorKey == "":
		return nil, &usageError{"--url takes --log-key and --operator-key"}
	}
	verifier := f.logKey
	if b, err := os.ReadFile(f.logKey); err == nil {
		verifier = strings.TrimSpace(string(b))
	}
	key, err := keyfile.ReadPrivate(f.operatorKey)
	if err != nil {
		return nil, err
	}
	c, err := client.New(f.url, client.Options{LogKey: verifier, Unlinked: true})
	if err != nil {
		return nil, err
	}
	load.Origin, load.Address = c.Origin(), u.Host
	t := &target{
		load: load, about: "a server that ran already",
		bare: func(int) string { return "GET /healthz" }, bareAbout: "GETs of /healthz",
		submit: func(ctx context.Context, subs []*event.Submission) error { return submitRemotely(ctx, c, subs) },
	}
	sources, err := c.Sources(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't ask the log for its operator: %w", err)
	}
	for _, s := range sources {
		if s.Role == event.RoleOperator {
			t.operator = &chain{origin: c.Origin(), source: s.Name, key: key, seq: s.Next.Seq - 1, prev: s.Next.Prev}
			return t, nil
		}
	}
	return nil, errors.New("the log at --url has no operator: it is empty")
}

func submitRemotely(ctx context.Context, c *client.Client, subs []*event.Submission) error {
	outcomes, err := c.SubmitBatch(ctx, subs)
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		if o.Err != nil {
			return o.Err
		}
	}
	return nil
}
