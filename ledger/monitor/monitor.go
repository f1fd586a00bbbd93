package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/attestlog/attestlog/ledger/monitor/internal/store"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Config is the configuration of a monitor.
type Config struct {
	// Dir holds the state, for one process at a time.
	Dir  string
	Logs []LogConfig
	// Peers are the base URLs of other monitors. Each is told the heads that this one knows, and asked for those that it knows, every GossipEvery.
	Peers       []string
	GossipEvery time.Duration // a minute if zero
	// HTTP speaks to peers; nil for a client with a timeout of 10 s.
	HTTP *http.Client
	// Poll is how often each log is asked for its head; 5 s if zero.
	Poll time.Duration
	// HeadTime is how long one of its addresses may take to show it; 10 s if zero.
	HeadTime time.Duration
	// EvidenceTime is how long a log may take to give what evidence against it is made of; 30 s if zero. Nothing else about it happens meanwhile.
	EvidenceTime time.Duration
	// Patience is how long trouble has to last that may pass by itself before it is an alarm. A tile that is missing, a head that is smaller than
	// the one before, may be due to a server that lags or a cache.
	Patience time.Duration
	// Unreachable is how long a log may show no head at all.
	Unreachable time.Duration
	// Stale is how long a log may show nothing new, neither entries nor cosignatures; 0 for ever.
	Stale time.Duration
	// Watches are entries that somebody wants to hear of, in attestlog logs.
	Watches []Watch
	// Webhook is told of alarms and matches; nil for none.
	Webhook *Webhook
	Logger  *slog.Logger          // nil for none
	Now     func() time.Time      // nil for time.Now
	Metrics prometheus.Registerer // nil for none
	// Progress, if not nil, is told how many entries of a log were judged, of how many that its head has: once before any is read, which says how
	// many were judged before, and then of each chunk. It is called for several logs at once.
	Progress func(log string, done, total int64)
	// Version is what the monitor says of its program, in its report.
	Version string
	// Unproven leaves the proofs of entries out, to measure the rest. Nobody else wants that.
	Unproven bool
}

// Monitor follows logs. Safe for concurrent use.
type Monitor struct {
	cfg     Config
	logs    []*Log
	lock    *os.File
	metrics *metrics
	started time.Time
	peers   *peers
	news    chan struct{} // for the messenger
	// witnessed are notes that a witness was shown.
	witnessed chan []byte
}

// maxWitnessed bounds how many of them wait.
const maxWitnessed = 64

// Open reads what is known. What can't be read is an error: a monitor that forgot is worse than none.
func Open(cfg Config) (_ *Monitor, err error) {
	cfg.complete()
	m := &Monitor{cfg: cfg, metrics: newMetrics(cfg.Metrics), started: cfg.Now(), peers: newPeers(cfg.Peers), news: make(chan struct{}, 1), witnessed: make(chan []byte, maxWitnessed)}
	if m.lock, err = store.Lock(cfg.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	for _, lc := range cfg.Logs {
		if len(lc.Sources) == 0 {
			return nil, fmt.Errorf("couldn't follow %s: it has no address", lc.Key.Name())
		}
		if m.find(lc.Key.Name()) != nil {
			return nil, fmt.Errorf("couldn't follow %s twice", lc.Key.Name())
		}
		l, err := openLog(&m.cfg, lc, m.metrics, m.tell)
		if err != nil {
			return nil, err
		}
		m.logs = append(m.logs, l)
	}
	return m, nil
}

func (c *Config) complete() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Poll <= 0 {
		c.Poll = 5 * time.Second
	}
	if c.HeadTime <= 0 {
		c.HeadTime = 10 * time.Second
	}
	if c.EvidenceTime <= 0 {
		c.EvidenceTime = 30 * time.Second
	}
	if c.GossipEvery <= 0 {
		c.GossipEvery = time.Minute
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
}

// tell says that there is something to tell the webhook.
func (m *Monitor) tell() {
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// find finds a log that is followed, or nil.
func (m *Monitor) find(origin string) *Log {
	for _, l := range m.logs {
		if l.origin == origin {
			return l
		}
	}
	return nil
}

// Logs are the logs that are followed, as they were configured.
func (m *Monitor) Logs() []*Log { return m.logs }

// Round asks every log once, and reads and judges everything up to their heads. An error means that ctx ended, or that the state can't be
// kept; what is wrong with a log is an alarm.
func (m *Monitor) Round(ctx context.Context) error {
	for _, l := range m.logs {
		if err := l.Round(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Run follows all logs, gossips with the peers and tells the webhook, until ctx ends. An error means that the state can't be kept: start again.
func (m *Monitor) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	var once sync.Once
	var failure error
	start := func(f func(context.Context) error) {
		running.Go(func() {
			if err := f(ctx); err != nil {
				once.Do(func() { failure = err })
				cancel()
			}
		})
	}
	for _, l := range m.logs {
		start(l.follow)
	}
	start(m.attend)
	for _, peer := range m.cfg.Peers {
		start(func(ctx context.Context) error { return m.gossip(ctx, peer) })
	}
	if m.cfg.Webhook != nil {
		start(m.deliver)
	}
	running.Wait()
	return failure
}

// broken is why the state can't be kept any more; nil if it can.
func (m *Monitor) broken() error {
	for _, l := range m.logs {
		if err := l.broken(); err != nil {
			return err
		}
	}
	return nil
}

// Status is how it stands with all logs.
func (m *Monitor) Status() []*Status {
	all := make([]*Status, len(m.logs))
	for i, l := range m.logs {
		all[i] = l.Status()
	}
	return all
}

// Close lets go of the state. Nothing may be under way.
func (m *Monitor) Close() (err error) {
	for _, l := range m.logs {
		err = errors.Join(err, l.close())
	}
	return errors.Join(err, m.lock.Close())
}

// ReadStatus reads the state in a directory, whether a monitor uses it or not: of all logs in it, by their origins as their heads say.
func ReadStatus(dir string) ([]*Status, error) {
	journals, err := filepath.Glob(filepath.Join(dir, "*", "journal"))
	if err != nil {
		return nil, err
	}
	if len(journals) == 0 {
		return nil, fmt.Errorf("%s holds no monitor's state", dir)
	}
	var all []*Status
	for _, path := range journals {
		s, err := readState(path)
		if err != nil {
			return nil, fmt.Errorf("couldn't read %s: %w", path, err)
		}
		all = append(all, s.status(s.origin()))
	}
	return all, nil
}

// origin is whose state it is, as far as it says so.
func (s *state) origin() string {
	for _, a := range s.alarms {
		return a.Log
	}
	for _, list := range [][]seen{s.heads, s.pending} {
		for _, h := range list {
			return h.head.Origin
		}
	}
	return "(a log that showed no head yet)"
}

// Receive takes gossip: it holds the notes in it against what is known of their logs, and checks evidence. What is about logs that aren't
// followed, or isn't signed by their keys, is left out. An error means that the state can't be kept.
func (m *Monitor) Receive(ctx context.Context, g *verify.Gossip, from string) error {
	for _, f := range g.Forks {
		if err := m.receive(f.First, func(l *Log) error { return l.ReceiveFork(f, from) }); err != nil {
			return err
		}
	}
	for _, note := range g.Checkpoints {
		if err := m.receive(note, func(l *Log) error { return l.Receive(ctx, note, from) }); err != nil {
			return err
		}
	}
	return nil
}

func (m *Monitor) receive(note []byte, take func(*Log) error) error {
	origin, err := verify.NoteOrigin(note)
	var l *Log
	if err == nil {
		l = m.find(origin)
	}
	if l == nil {
		m.metrics.gossip.WithLabelValues("unknown").Inc()
		return nil
	}
	if err := take(l); err != nil {
		if broken := m.broken(); broken != nil {
			return broken
		}
		m.metrics.gossip.WithLabelValues("invalid").Inc()
		return nil
	}
	m.metrics.gossip.WithLabelValues("taken").Inc()
	return nil
}

// Gossip is what this monitor tells others: of each log the largest head that it reached, the largest that it heard of, and what shows
// that the log forked.
func (m *Monitor) Gossip() *verify.Gossip {
	g := &verify.Gossip{}
	for _, l := range m.logs {
		s := l.Status()
		g.Checkpoints = append(g.Checkpoints, s.tell...)
		g.Forks = append(g.Forks, s.forks...)
	}
	return g
}
