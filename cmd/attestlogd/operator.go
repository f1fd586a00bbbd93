package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// operatorConfig is the configuration of the commands by which the operator says something in the log. They go to the server that
// runs, since a log has one writer, and hold its answer against the log's key in the data directory.
type operatorConfig struct {
	logConfig
	// Server is the URL of the log's server.
	Server string
	// Timeout is how long to try for: a server that is busy or starting is asked again.
	Timeout time.Duration
}

func (c *operatorConfig) bind(flags *flag.FlagSet) {
	c.logConfig.bind(flags)
	flags.StringVar(&c.Server, "server", "http://127.0.0.1:8080", "the `URL` of the log's server")
	flags.DurationVar(&c.Timeout, "timeout", 30*time.Second, "how long to try for")
}

// connect makes a client of the log. logger may be nil.
func (c *operatorConfig) connect(logger *slog.Logger) (*client.Client, error) {
	public, err := dataDir(c.Data).verifierKey()
	if err != nil {
		return nil, err
	}
	cl, err := client.New(c.Server, client.Options{LogKey: public, Logger: logger})
	if err != nil {
		return nil, command.Misusef("--server: %w", err)
	}
	return cl, nil
}

// operator is the operator, ready to speak.
type operator struct {
	*client.Client
	source *client.Source
	logger *slog.Logger
}

// with lets the operator speak under its key.
func (c *operatorConfig) with(ctx context.Context, s command.Streams, do func(context.Context, *operator) error) error {
	key, err := dataDir(c.Data).operator()
	if err != nil {
		return err
	}
	return c.withKey(ctx, s, key, do)
}

// withKey opens the operator's own chain of events, for as long as do runs.
func (c *operatorConfig) withKey(ctx context.Context, s command.Streams, key ed25519.PrivateKey, do func(context.Context, *operator) error) error {
	dir := dataDir(c.Data)
	var logger *slog.Logger
	if _, err := os.Stat(dir.operatorState()); err == nil {
		logger = c.Logger(s) // at first use there is no state yet, which is nothing to warn of
	}
	cl, err := c.connect(logger)
	if err != nil {
		return err
	}
	source, err := cl.OpenSource(client.SourceOptions{Name: operatorSource, Key: key, State: dir.operatorState()})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return errors.Join(do(ctx, &operator{Client: cl, source: source, logger: c.Logger(s)}), source.Close())
}

// record logs what the operator says, and returns the entry's index.
func (o *operator) record(ctx context.Context, d client.Draft) (int64, error) {
	receipt, err := o.source.Record(ctx, d)
	if err != nil {
		return 0, err
	}
	return receipt.Index, nil
}

// recordKey logs what the operator says of a source's key.
func (o *operator) recordKey(ctx context.Context, claims *event.SourceClaims) (int64, error) {
	index, err := o.record(ctx, client.KeyChange(claims))
	if err != nil {
		return 0, fmt.Errorf("couldn't %s %s: %w", claims.Action, claims.Source, err)
	}
	return index, nil
}

// operatorRotate is attestlogd operator rotate. The new key lies beside the old one until its entry is proven to be in the log, and takes
// its place then; so an interruption at any point loses neither, and the same command goes on.
type operatorRotate struct {
	operatorConfig
	// Recovery is the file of the recovery key that init was told of: it signs where the operator's key is lost, stolen or revoked.
	Recovery string
}

func bindOperatorRotate(flags *flag.FlagSet) command.Run {
	c := new(operatorRotate)
	c.bind(flags)
	flags.StringVar(&c.Recovery, "recovery-key", "", "the `file` of the recovery key that init was told of: it signs in place of the operator's key")
	return command.Alone(c.run)
}

func (c *operatorRotate) run(ctx context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	dir := dataDir(c.Data)
	path := dir.operatorKey()
	if c.Recovery != "" {
		path = c.Recovery
	}
	key, err := keyfile.ReadPrivate(path)
	if err != nil {
		return err
	}
	return c.withKey(ctx, s, key, func(ctx context.Context, o *operator) error {
		next, err := dir.nextOperator() // here, since nobody else has the operator's state open now
		if err != nil {
			return err
		}
		public := next.Public().(ed25519.PublicKey)
		index, err := o.rotate(ctx, next)
		if err != nil {
			return fmt.Errorf("couldn't rotate the operator's key: %w", err)
		}
		if err := dir.promoteOperator(); err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "the operator's key is now %s: entry %d\n", event.KeyID(public), index)
		return nil
	})
}

// rotate sees to it that the log has the entry which brings the operator's next key, and returns its index.
func (o *operator) rotate(ctx context.Context, next ed25519.PrivateKey) (int64, error) {
	public := next.Public().(ed25519.PublicKey)
	if index, err := o.broughtBy(ctx, public); err != nil || index > 0 {
		return index, err
	}
	request := keyfile.NewRequest(o.Origin(), operatorSource, next, nil)
	index, err := o.record(ctx, client.KeyChange(
		&event.SourceClaims{Action: event.SourceRotate, Source: operatorSource, Key: public, Consent: request.Consent}))
	if err == nil {
		return index, nil
	}
	// An earlier try may have been on its way still.
	if index, found := o.broughtBy(ctx, public); found == nil && index > 0 {
		return index, nil
	}
	return 0, err
}

// broughtBy finds the entry that gave the operator a key, proven to be in the log; 0 if there is none, which entry 0 never is.
func (o *operator) broughtBy(ctx context.Context, key ed25519.PublicKey) (int64, error) {
	indices, err := o.Library().SourceEntries(ctx, operatorSource)
	if err != nil {
		return 0, err
	}
	for _, index := range indices {
		receipt, err := o.Entry(ctx, index)
		if err != nil {
			return 0, err
		}
		entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
		if err != nil {
			return 0, err
		}
		c, ok := entry.Event.Claims.(*event.SourceClaims)
		if ok && c.Source == operatorSource && c.Action == event.SourceRotate && bytes.Equal(c.Key, key) {
			return index, nil
		}
	}
	return 0, nil
}
