package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/garbage"
	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/monitor/status"
	"github.com/attestlog/attestlog/ledger/monitor/witness"
)

const serveManual = `Follows logs until it is told to stop (SIGINT, SIGTERM). Kill it whenever you like: it goes on where it was, and
says so. The first reading of a log of a million entries takes less than a minute; it is logged every few seconds how far it is.

` + logsManual + `
It listens on --listen: GET and POST /gossip/checkpoints, for other monitors and for clients; GET /v1/status, with all alarms (?log=ORIGIN for one log); GET
/v1/evidence/LOG/FILE, what they rest on; /healthz; /metrics (Prometheus: attestlog_monitor_alarms is what to watch). With
--witness-key it is a witness of the same logs (c2sp.org/tlog-witness), too: POST /add-checkpoint, and GET /<SHA-256 of the origin>/checkpoint. What
it cosigns it has found to continue all that it cosigned before; whether the entries are lawful is for its alarms to say.

` + viewerManual + `
--peers are other monitors: all tell each other the heads that they see. Choose peers that a log can't tell from its other
readers, at other places of the network. A split view becomes an alarm with evidence that attestlog verify-fork FILE checks offline.

Of entries that fit a line of --watch, the log and --webhook are told. "source" fits what a source says, and what is said about its keys; "statement"
what rests on a statement, and the entries that register or revoke it: watch your own, to hear when somebody else speaks for them.

Alarms are latched: they stay in --state, and are told to --webhook, each until it was taken. Exit code 3 says that there are any.
`

// serveConfig is the configuration of attestlog-monitor serve.
type serveConfig struct {
	follow
	listen, viewer, peers, witnessKey, webhook string
	poll, gossipEvery                          time.Duration
}

func bindServe(fs *flag.FlagSet) command.Run {
	c := new(serveConfig)
	c.bind(fs)
	fs.StringVar(&c.listen, "listen", "127.0.0.1:8090", "the `address` to listen on; put a proxy that speaks TLS before it to serve others")
	fs.StringVar(&c.viewer, "viewer", "", "the `address` to serve pages about the logs on, such as 127.0.0.1:8091; none by default")
	fs.StringVar(&c.peers, "peers", "", "the `addresses` of other monitors, with commas between")
	fs.StringVar(&c.witnessKey, "witness-key", "", "the `file` of a witness's key, from attestlog-monitor keygen")
	fs.StringVar(&c.webhook, "webhook", "", "the `address` to which alarms and matches are posted, as JSON")
	fs.DurationVar(&c.poll, "poll", 5*time.Second, "how often each log is asked for its head")
	fs.DurationVar(&c.gossipEvery, "gossip-every", time.Minute, "how often each peer is spoken to")
	return command.Alone(c.run)
}

func (c *serveConfig) run(ctx context.Context, s command.Streams) (err error) {
	if c.poll <= 0 || c.gossipEvery <= 0 {
		return command.Misusef("--poll and --gossip-every must be more than nothing")
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	defer garbage.CollectLess()()
	cfg.Logger, cfg.Poll, cfg.GossipEvery, cfg.Version = c.logging.Logger(s), c.poll, c.gossipEvery, version()
	cfg.Progress = inLog(cfg.Logger, time.Now).report
	if c.peers != "" {
		for peer := range strings.SplitSeq(c.peers, ",") {
			if err := checkURL("peers", peer); err != nil {
				return err
			}
			cfg.Peers = append(cfg.Peers, peer)
		}
	}
	if c.webhook != "" {
		if err := checkURL("webhook", c.webhook); err != nil {
			return err
		}
		cfg.Webhook = &monitor.Webhook{URL: c.webhook, Client: &http.Client{Timeout: 30 * time.Second}}
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cfg.Metrics = metrics
	// The port first: when it is taken, nothing else need be started.
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return fmt.Errorf("couldn't listen: %w", err)
	}
	defer listener.Close()
	var pages viewers
	defer pages.close()
	if c.viewer != "" {
		if err := pages.listen(c.viewer, cfg.Logs); err != nil {
			return err
		}
	}
	m, err := monitor.Open(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	mux := http.NewServeMux()
	mux.Handle("/", m.Handler())
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	if c.witnessKey != "" {
		w, err := c.witness(cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		mux.Handle("POST /add-checkpoint", m.WitnessHandler(w))
		mux.Handle("GET /{origin}/checkpoint", m.WitnessHandler(w))
	}
	if err := pages.make(c, cfg, m); err != nil {
		return err
	}
	cfg.Logger.Info("monitoring", "logs", len(cfg.Logs), "url", "http://"+listener.Addr().String())
	if c.viewer != "" {
		cfg.Logger.Info("showing", "url", "http://"+pages.listeners[0].Addr().String())
	}
	if err := serve(ctx, m, listener, mux, &pages, cfg.Logger); err != nil {
		return err
	}
	return alarmed(m.Report(""), elsewhere)
}

// version is what the program was built from, as far as the build says so.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}

// witness opens the witness of the logs that are followed.
func (c *serveConfig) witness(cfg monitor.Config) (*witness.Witness, error) {
	signer, err := readWitnessKey(c.witnessKey)
	if err != nil {
		return nil, err
	}
	var keys []note.Verifier
	for _, lc := range cfg.Logs {
		keys = append(keys, lc.Key)
	}
	return witness.Open(witness.Config{Signer: signer, Logs: keys, Dir: filepath.Join(c.state, "witness"), Logger: cfg.Logger})
}

// serve runs the monitor and answers, until ctx ends or one of both fails.
func serve(ctx context.Context, m *monitor.Monitor, listener net.Listener, handler http.Handler, pages *viewers, logger *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug), MaxHeaderBytes: 16 << 10}
	var running sync.WaitGroup
	var served, shown, ran error
	running.Go(func() {
		defer cancel()
		if served = server.Serve(listener); errors.Is(served, http.ErrServerClosed) {
			served = nil
		}
	})
	running.Go(func() {
		defer cancel()
		ran = m.Run(ctx)
	})
	if len(pages.handlers) > 0 {
		running.Go(func() {
			defer cancel()
			shown = pages.serve(ctx, logger)
		})
	}
	<-ctx.Done()
	drain, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if err := server.Shutdown(drain); err != nil {
		logger.Warn("couldn't let all requests end", "err", err)
		_ = server.Close() // whoever is left has waited long enough
	}
	running.Wait()
	return errors.Join(served, shown, ran)
}

// alarmed is an error with exit code 3 where there are alarms. The hint, which may be empty, says where more is told.
func alarmed(r *status.Report, hint string) error {
	var n int64
	for i := range r.Logs {
		n += r.Logs[i].Raised()
	}
	switch n {
	case 0:
		return nil
	case 1:
		return &command.Exit{Code: 3, Err: errors.New("there is an alarm" + hint)}
	}
	return &command.Exit{Code: 3, Err: fmt.Errorf("there are %d alarms%s", n, hint)}
}

// elsewhere is the hint of those who didn't print the alarms.
const elsewhere = ": attestlog-monitor status says which"
