package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/worker"
)

const runManual = `Takes jobs from the log's database, proves them, and adds the proofs to the log, until it is told to stop (SIGINT, SIGTERM): then
it finishes the proof that it is making, and no other.

The database is the log's: its URL as attestlogd serve has it, or of a private PostgreSQL on this machine, what attestlogd database-url
prints. It is not believed: whatever is proven was fetched from the log itself, and is held against --log-key. A worker reads
the table witnesses and writes the tables of River's schema, nothing else.

At the start it says which statements it takes on, and which it doesn't and why: those that --statements leaves out, those that
take more memory than there is, those that this program has no circuit for. Statements that are registered later are taken on as
they come. Proving keys are fetched from the log where --keys doesn't have them yet.

One worker at a time may run under a source's name, with its --state. Kill it whenever you like: nothing is lost, and nothing
is proven twice. It ends by itself, with exit code 1, when the log takes nothing from it any more: its key was revoked, its own record can't be
written, or the log claims another history of it. /healthz and /metrics (Prometheus) are served on --metrics-listen.
`

// runConfig is the configuration of attestlog-prover run.
type runConfig struct {
	server, logKey, databaseURL  string
	key, source, state, identity string
	keys, statements             string
	memory                       memory
	concurrency                  int
	metricsListen                string
	patience, grace              time.Duration
	logging                      command.Logging
}

func bindRun(fs *flag.FlagSet) command.Run {
	c := new(runConfig)
	fs.StringVar(&c.server, "server", "", "the log's `address` (default $ATTESTLOG_SERVER, or http://localhost:8080)")
	fs.StringVar(&c.logKey, "log-key", "", "the log's public `key`, or the file that holds it; have it from elsewhere than the log (default $ATTESTLOG_LOG_KEY)")
	fs.StringVar(&c.databaseURL, "database-url", "", "the log's PostgreSQL, such as postgres://attestlog@db/attestlog (PGPASSWORD has the password)")
	fs.StringVar(&c.key, "key", "", "the `file` of the worker's key, from attestlog-prover keygen")
	fs.StringVar(&c.source, "source", "", "the `name` under which the worker is registered, such as prover/1")
	fs.StringVar(&c.state, "state", "", "the `file` where the worker's place in its chain of events is kept (default beside the key, named by the source)")
	fs.StringVar(&c.identity, "identity", "", "the `file` of the age identity that opens witnesses")
	fs.StringVar(&c.keys, "keys", "", "the `directory` where proving keys are kept once they are fetched (default in the user's cache directory)")
	fs.StringVar(&c.statements, "statements", "", "take on these statements alone: `names` with commas between (default all that there are and will be)")
	fs.Var(&c.memory, "memory", "how much memory to take, in `bytes` or with KiB, MiB, GiB (default three quarters of the machine's)")
	fs.IntVar(&c.concurrency, "concurrency", 1, "how many proofs to make at a time, where that fits the memory; one uses all cores")
	fs.StringVar(&c.metricsListen, "metrics-listen", "127.0.0.1:9464", "the `address` where health and metrics are served; empty for none")
	fs.DurationVar(&c.patience, "patience", time.Hour, "how long a job may be in one worker's hands until another one may take it over")
	fs.DurationVar(&c.grace, "grace", 7*24*time.Hour, "how long an event is left to live provers with other identities whose witness this one can't open, until it is refused for ever")
	c.logging.Bind(fs)
	return command.Alone(c.run)
}

func (c *runConfig) check() error {
	if c.server == "" {
		c.server = os.Getenv("ATTESTLOG_SERVER")
	}
	if c.server == "" {
		c.server = "http://localhost:8080"
	}
	if c.logKey == "" {
		c.logKey = os.Getenv("ATTESTLOG_LOG_KEY")
	}
	for _, f := range []struct{ name, value string }{
		{"log-key", c.logKey}, {"database-url", c.databaseURL}, {"key", c.key}, {"source", c.source}, {"identity", c.identity}} {
		if f.value == "" {
			return command.Misusef("--%s is missing", f.name)
		}
	}
	if err := event.CheckSource(c.source); err != nil {
		return command.Misusef("--source: %s", err)
	}
	for _, name := range c.names() {
		if _, err := statement.ByName(name); err != nil {
			return command.Misusef("--statements: %s", err)
		}
	}
	if c.concurrency < 1 || c.concurrency > 100 {
		return command.Misusef("--concurrency must be from 1 to 100")
	}
	if c.patience < time.Minute {
		return command.Misusef("--patience must be a minute at least: proofs take time")
	}
	if c.grace < time.Minute {
		return command.Misusef("--grace must be a minute at least: another prover may still be about to open what this one can't")
	}
	if c.state == "" { // as attestlog submit has it: no source has an @ in its name, so no two share a file
		c.state = filepath.Join(filepath.Dir(c.key), strings.ReplaceAll(c.source, "/", "@")+".state")
	}
	return nil
}

func (c *runConfig) names() []string {
	if c.statements == "" {
		return nil
	}
	return strings.Split(c.statements, ",")
}

func (c *runConfig) run(ctx context.Context, s command.Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	logger := c.logging.Logger(s)
	keys.RouteGnarkLog(logger)
	memory, err := c.limitMemory()
	if err != nil {
		return err
	}
	store, err := c.store()
	if err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var working atomic.Pointer[worker.Worker]
	stop, err := c.serveMetrics(ctx, metrics, &working, logger) // the port first: when it is taken, nothing else need be started
	if err != nil {
		return err
	}
	defer stop()
	err = c.work(ctx, logger, &working, worker.Config{
		Store: store, Statements: c.names(), Memory: memory, Concurrency: c.concurrency, Patience: c.patience, Grace: c.grace, Logger: logger, Metrics: metrics,
	})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // it was told to stop before it had begun
	}
	return err
}

// work opens everything that the worker stands on, and lets it work. working is set as long as it does.
func (c *runConfig) work(ctx context.Context, logger *slog.Logger, working *atomic.Pointer[worker.Worker], cfg worker.Config) (err error) {
	key, err := keyfile.ReadPrivate(c.key)
	if err != nil {
		return err
	}
	if cfg.Identity, err = readIdentity(c.identity); err != nil {
		return err
	}
	logKey, err := keyfile.LogKey(c.logKey)
	if err != nil {
		return err
	}
	pool, err := worker.Connect(ctx, c.databaseURL)
	if errors.Is(err, worker.ErrDatabaseURL) {
		return command.Misusef("--database-url: %s", err)
	}
	if err != nil {
		return err
	}
	defer pool.Close()
	cl, err := client.New(c.server, client.Options{LogKey: logKey, Logger: logger})
	if err != nil {
		return command.Misusef("--server: %s", err)
	}
	log := worker.Client{Client: cl}
	if cfg.Self, err = log.Check(ctx, c.source, key, cfg.Identity); err != nil {
		return err
	}
	source, err := cl.OpenSource(client.SourceOptions{Name: c.source, Key: key, State: c.state, Refused: func(e *event.Event, err error) {
		logger.Info("an attestation of an earlier run was refused, and is dropped", "err", err)
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if err := source.Recover(ctx); err != nil { // what an earlier run had on its way, the log must have answered
		return err
	}
	cfg.Log, cfg.Recorder, cfg.Database = log, source, worker.Database{Pool: pool}
	w, err := worker.New(cfg)
	if err != nil {
		return err
	}
	logger.Info("working", "log", cl.Origin(), "source", c.source, "memory", cfg.Memory, "concurrency", cfg.Concurrency)
	working.Store(w)
	defer working.Store(nil)
	return w.Run(ctx)
}

func (c *runConfig) store() (*keys.Store, error) {
	dir := c.keys
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, command.Misusef("--keys is missing, and there is no cache directory to use instead: %s", err)
		}
		dir = filepath.Join(cache, "attestlog", "keys")
	}
	return keys.OpenStore(dir)
}

// limitMemory tells how much memory to take, and makes the garbage collector work harder before it is exceeded.
func (c *runConfig) limitMemory() (int64, error) {
	limit := int64(c.memory)
	if limit == 0 {
		var err error
		if limit, err = worker.MachineMemory(); err != nil {
			return 0, fmt.Errorf("%w: say it with --memory", err)
		}
	}
	if _, said := os.LookupEnv("GOMEMLIMIT"); !said {
		debug.SetMemoryLimit(limit)
	}
	return limit, nil
}

// serveMetrics serves health and metrics until stop is called. Healthy is who works.
func (c *runConfig) serveMetrics(ctx context.Context, metrics *prometheus.Registry, working *atomic.Pointer[worker.Worker], logger *slog.Logger) (stop func(), err error) {
	if c.metricsListen == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", c.metricsListen)
	if err != nil {
		return nil, fmt.Errorf("couldn't serve metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) {
		if err := ill(working.Load()); err != nil {
			http.Error(rw, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(rw, "ok")
	})
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- api.Serve(serving, listener, mux, logger, time.Second) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			logger.Warn("couldn't serve metrics to the end", "err", err)
		}
	}, nil
}

// ill says why a worker doesn't work; nil is one that isn't there.
func ill(w *worker.Worker) error {
	if w == nil {
		return errors.New("starting, or stopping")
	}
	return w.Err()
}
