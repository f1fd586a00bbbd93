package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/garbage"
	"github.com/attestlog/attestlog/cmd/internal/serving"
	"github.com/attestlog/attestlog/cmd/internal/viewing"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/keys"
)

// serveConfig is the configuration of attestlogd serve.
type serveConfig struct {
	logConfig
	storage
	// Listen is the one address that is listened on. The default is reachable from this machine alone: put a proxy that speaks TLS
	// before it to serve others.
	Listen string
	// WitnessPolicy is a file in C2SP's tlog-policy format. The witnesses in it that have a URL are asked to cosign each head before it
	// is published. Without one, heads carry the log's signature alone.
	WitnessPolicy string
	// WitnessDeadline is how long a head waits for cosignatures.
	WitnessDeadline time.Duration
	// NoViewer serves the API alone.
	NoViewer bool
	// Monitors are asked what they say of the log, for its pages.
	Monitors command.Repeated
	// Drain is how long requests under way may take to end at a shutdown.
	Drain time.Duration
}

func bindServe(flags *flag.FlagSet) command.Run {
	c := new(serveConfig)
	c.logConfig.bind(flags)
	c.storage.bind(flags)
	flags.BoolVar(&c.AdoptDatabase, "adopt-database", false, "take a database that has entries although the file of signed heads is missing or empty; only if you are sure that it is not an old copy")
	flags.StringVar(&c.Listen, "listen", "127.0.0.1:8080", "the `address` to listen on")
	flags.StringVar(&c.WitnessPolicy, "witness-policy", "", "a `file` that says who cosigns heads (c2sp.org/tlog-policy); the witnesses in it that have a URL are asked")
	flags.DurationVar(&c.WitnessDeadline, "witness-deadline", 5*time.Second, "how long a head waits for the cosignatures that the policy asks for before it is published without them; once it has those, it waits for the others only a moment")
	flags.BoolVar(&c.NoViewer, "no-viewer", false, "serve the API alone, without the pages for people")
	flags.Var(&c.Monitors, "monitor", "the `address` of a monitor that watches the log, whose word stands on the pages; may be given more than once")
	flags.DurationVar(&c.Drain, "drain", 15*time.Second, "how long requests under way may take to end at a shutdown")
	return command.Alone(c.run)
}

func (c *serveConfig) run(ctx context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	defer garbage.CollectLess()()
	logger := c.Logger(s)
	keys.RouteGnarkLog(logger)
	dir := dataDir(c.Data)
	signer, err := dir.signer()
	if err != nil {
		return err
	}
	// The port first: when it is taken, nothing else need be started.
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("couldn't listen on %s: %w", c.Listen, bareListenError(err))
	}
	defer listener.Close()
	store, err := keys.OpenStore(dir.keys())
	if err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	witnesses, err := c.witnessing(dir)
	if err != nil {
		return err
	}
	log, err := open(ctx, dir, c.storage, signer, witnesses, metrics, logger)
	if err != nil {
		return err
	}
	defer log.close()
	founded, err := log.founded(ctx)
	if err != nil {
		return fmt.Errorf("couldn't read the log's first entry: %w", err)
	}
	if !founded {
		return fmt.Errorf("couldn't serve an empty log: its making was interrupted; finish it with attestlogd init --resume --data %s", c.Data)
	}
	if err := log.awaitReady(ctx); err != nil {
		return err
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	handler, wait, err := c.handler(asking, dir, witnesses, api.Config{Ledger: log.Ledger, Keys: provingKeys{store}, Logger: logger, Metrics: metrics})
	if err != nil {
		return err
	}
	defer func() { stop(); wait() }()
	return c.serve(ctx, log, listener, handler, logger)
}

// handler makes the API and its pages, and asks the monitors until ctx ends; wait then waits for them.
func (c *serveConfig) handler(ctx context.Context, dir dataDir, witnesses *ledger.Witnessing, cfg api.Config) (handler http.Handler, wait func(), err error) {
	public, err := dir.verifierKey()
	if err != nil {
		return nil, nil, err
	}
	key, err := note.NewVerifier(public)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't read the log's own key: %w", err)
	}
	all := serving.Config{API: cfg, LogKey: public, NoViewer: c.NoViewer}
	if witnesses != nil {
		all.Policy = witnesses.Policy
	}
	if all.Monitors, wait, err = viewing.Monitors(ctx, c.Monitors, key, cfg.Logger); err != nil {
		return nil, nil, command.Misusef("%w", err)
	}
	handler, err = serving.New(all)
	return handler, wait, err
}

// witnessing reads the policy; nil without one.
func (c *serveConfig) witnessing(dir dataDir) (*ledger.Witnessing, error) {
	if c.WitnessPolicy == "" {
		return nil, nil
	}
	if c.WitnessDeadline <= 0 {
		return nil, command.Misusef("--witness-deadline must be more than nothing")
	}
	text, err := os.ReadFile(c.WitnessPolicy)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the witness policy: %w", err)
	}
	policy, err := verify.ParsePolicy(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.WitnessPolicy, err)
	}
	public, err := dir.verifierKey()
	if err != nil {
		return nil, err
	}
	key, err := note.NewVerifier(public)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the log's own key: %w", err)
	}
	if !policy.Knows(key) {
		return nil, fmt.Errorf("%s: the policy has log lines, and none for this log's key %s", c.WitnessPolicy, public)
	}
	if len(policy.Witnesses) == 0 {
		return nil, fmt.Errorf("%s: the policy names no witness to ask", c.WitnessPolicy)
	}
	return &ledger.Witnessing{Policy: policy, Key: key, Deadline: c.WitnessDeadline, Suspicions: dir.suspicions()}, nil
}

// serve answers until ctx ends, or until something below fails.
func (c *serveConfig) serve(ctx context.Context, log *openLog, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	serving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-log.ran:
			stop(log.ended())
		case <-log.db.ended():
			stop(errPostgresEnded)
		case <-serving.Done():
		}
	}()
	logger.Info("serving", "log", log.Origin(), "url", "http://"+listener.Addr().String())
	err := api.Serve(serving, listener, handler, logger, c.Drain)
	stop(nil)
	<-watched
	if cause := context.Cause(serving); ctx.Err() == nil && !errors.Is(cause, context.Canceled) {
		return errors.Join(cause, err)
	}
	return err
}

// bareListenError leaves out the address, which the caller has said.
func bareListenError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// provingKeys opens the proving keys of a store for download.
type provingKeys struct{ store *keys.Store }

// ProvingKey implements api.Keys. keys.ErrNotFound becomes what the interface promises.
func (p provingKeys) ProvingKey(_ context.Context, vk event.Digest) (io.ReadSeekCloser, error) {
	file, _, err := p.store.OpenProvingKey(vk)
	if errors.Is(err, keys.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}
