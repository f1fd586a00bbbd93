package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/monitor/status"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Monitor is somebody who watches the log independently of its operator: a [RemoteMonitor] elsewhere, or a [LocalMonitor] in this process.
type Monitor interface {
	// Name is how pages call it.
	Name() string
	// Status is what is known of it by now. It answers at once: no page waits for a monitor.
	Status(ctx context.Context) MonitorStatus
}

// MonitorStatus is what is known of a monitor. The log itself signed two things in it: the head that it reached, if it opens under the log's key, and
// the evidence in Forks. All else is the monitor's word.
type MonitorStatus struct {
	Standing status.Standing // how it stands with the log that is viewed; without a name if it doesn't follow it, or was never heard of
	Version  string          // of its program
	Since    int64           // when it was started, milliseconds since 1970
	Peers    []status.Peer
	// Asked is when it was last asked, and Answered when it last answered. Zero: never.
	Asked, Answered time.Time
	// Trouble says in a word why it didn't answer when it was last asked; empty if it did. TroubleSince is since when it doesn't.
	Trouble      string
	TroubleSince time.Time
	// Forks are the evidence of two histories that was fetched and checked under the log's key here, by the alarms' ids.
	Forks map[string]CheckedFork
}

// CheckedFork is evidence that the log's key signed two histories, which holds by itself.
type CheckedFork struct {
	File   []byte
	Report *verify.ForkReport
}

// heard tells whether the monitor ever answered.
func (s *MonitorStatus) heard() bool { return !s.Answered.IsZero() }

// evidence are the forks that were checked, and those that weren't worth anything.
type evidence struct {
	key     note.Verifier
	checked map[string]CheckedFork
	tried   map[string]bool
}

// maxForksChecked bounds how much evidence of one monitor is fetched: one file convinces.
const maxForksChecked = 4

// take checks the evidence of alarms that wasn't looked at yet. read reads a file of an alarm's; what can't be read is tried again the next time.
func (e *evidence) take(alarms []status.Alarm, read func(a *status.Alarm, name string) ([]byte, error)) error {
	var failed error
	for i := range alarms {
		a := &alarms[i]
		if !a.Kind.TwoHistories() || e.tried[a.ID] || len(e.tried) >= maxForksChecked || len(a.Evidence) == 0 || !strings.HasSuffix(a.Evidence[0], ".fork") {
			continue
		}
		file, err := read(a, a.Evidence[0])
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		if e.tried == nil {
			e.checked, e.tried = map[string]CheckedFork{}, map[string]bool{}
		}
		e.tried[a.ID] = true
		fork, err := verify.ParseFork(file)
		if err != nil {
			continue
		}
		if report, err := fork.Check(e.key); err == nil {
			next := make(map[string]CheckedFork, len(e.checked)+1) // the old map may be in a page's hands
			for id, before := range e.checked {
				next[id] = before
			}
			next[a.ID] = CheckedFork{file, report}
			e.checked = next
		}
	}
	return failed
}

// RemoteMonitor is a monitor that is asked over HTTP. Its Run asks it from time to time; Status says what came of it. Safe for concurrent use.
type RemoteMonitor struct {
	cfg    RemoteConfig
	client *status.Client

	asking   sync.Mutex // held while it is asked
	evidence evidence   // guarded by asking

	mu    sync.Mutex
	known MonitorStatus
}

// RemoteConfig says which monitor is asked, and how.
type RemoteConfig struct {
	URL    string        // its base, http or https
	Key    note.Verifier // of the log that is viewed
	Name   string        // how pages call it; its host if empty
	Every  time.Duration // how often it is asked; 10 s if zero
	Within time.Duration // how long an answer may take; 3 s if zero
	HTTP   *http.Client  // nil for one of its own
	Logger *slog.Logger  // nil for none
	Now    func() time.Time
}

// NewRemoteMonitor makes a monitor of its address. Nothing is sent before Run or Ask.
func NewRemoteMonitor(cfg RemoteConfig) (*RemoteMonitor, error) {
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{}
	}
	c, err := status.NewClient(cfg.URL, cfg.HTTP)
	if err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		cfg.Name = c.Host()
	}
	if cfg.Every <= 0 {
		cfg.Every = 10 * time.Second
	}
	if cfg.Within <= 0 {
		cfg.Within = 3 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &RemoteMonitor{cfg: cfg, client: c, evidence: evidence{key: cfg.Key}}, nil
}

// Name implements Monitor.
func (m *RemoteMonitor) Name() string { return m.cfg.Name }

// Status implements Monitor.
func (m *RemoteMonitor) Status(context.Context) MonitorStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known
}

// Run asks the monitor again and again, until ctx ends.
func (m *RemoteMonitor) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		m.Ask(ctx)
		timer.Reset(m.cfg.Every)
	}
}

// Ask asks the monitor once.
func (m *RemoteMonitor) Ask(ctx context.Context) {
	m.asking.Lock()
	defer m.asking.Unlock()
	within, cancel := context.WithTimeout(ctx, m.cfg.Within)
	defer cancel()
	origin := m.cfg.Key.Name()
	report, err := m.client.Report(within, origin)
	if ctx.Err() != nil {
		return // we are on our way down: that is no news of the monitor
	}
	var standing status.Standing
	if err == nil {
		standing, _ = report.Of(origin)
		if failed := m.evidence.take(standing.Alarms, func(a *status.Alarm, name string) ([]byte, error) { return m.client.Evidence(within, a, name) }); failed != nil {
			m.cfg.Logger.Warn("couldn't fetch a monitor's evidence", "monitor", m.cfg.Name, "err", failed)
		}
	}
	now := m.cfg.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known.Asked = now
	if err != nil {
		if m.known.Trouble == "" {
			m.known.TroubleSince = now
			m.cfg.Logger.Warn("a monitor doesn't answer", "monitor", m.cfg.Name, "err", err)
		}
		m.known.Trouble = troubleOf(err)
		return
	}
	m.known = MonitorStatus{Standing: standing, Version: report.Version, Since: report.Since, Peers: report.Peers, Asked: now, Answered: now, Forks: m.evidence.checked}
}

// troubleOf is why a monitor didn't answer, in words that tell nothing of this machine's network.
func troubleOf(err error) string {
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return "it doesn’t answer in time"
	case errors.As(err, &network):
		return "it can’t be reached"
	}
	return "its answer can’t be used"
}

// LocalMonitor is a monitor in this process.
type LocalMonitor struct {
	name    string
	origin  string
	watcher Watcher
	now     func() time.Time

	mu       sync.Mutex
	evidence evidence
}

// Watcher is what of a monitor the viewer needs; *monitor.Monitor satisfies it.
type Watcher interface {
	// Report is what it says of itself and a log, by its origin.
	Report(origin string) *status.Report
	// Evidence reads a file that an alarm about a log names.
	Evidence(origin, name string) ([]byte, error)
}

// NewLocalMonitor shows a monitor in this process as others are shown. key is that of the log that is viewed; now is time.Now if nil.
func NewLocalMonitor(name string, key note.Verifier, w Watcher, now func() time.Time) *LocalMonitor {
	if now == nil {
		now = time.Now
	}
	return &LocalMonitor{name: name, origin: key.Name(), watcher: w, now: now, evidence: evidence{key: key}}
}

// Name implements Monitor.
func (m *LocalMonitor) Name() string { return m.name }

// Status implements Monitor.
func (m *LocalMonitor) Status(context.Context) MonitorStatus {
	report := m.watcher.Report(m.origin)
	standing, _ := report.Of(m.origin)
	m.mu.Lock()
	defer m.mu.Unlock()
	// What can't be read from the disk is tried again with the next page; the alarm is shown all the same.
	_ = m.evidence.take(standing.Alarms, func(a *status.Alarm, name string) ([]byte, error) { return m.watcher.Evidence(a.Log, name) })
	now := m.now()
	return MonitorStatus{Standing: standing, Version: report.Version, Since: report.Since, Peers: report.Peers, Asked: now, Answered: now, Forks: m.evidence.checked}
}

// kindWords says what an alarm of a kind is about. Kinds that aren't here are rules of the log's law.
func kindWords(k status.Kind) string {
	switch k {
	case status.Fork:
		return "The log’s key signed two different logs of one size."
	case status.Rewrite:
		return "The log’s key signed a head that doesn’t continue an earlier one: history was rewritten."
	case status.Rollback:
		return "The log showed a smaller head than it had shown before."
	case status.Withheld:
		return "The log doesn’t serve data that its signed head promises."
	case status.Hidden:
		return "Others were shown entries that this monitor isn’t shown."
	case status.Tiles:
		return "The hashes that the log serves don’t lead to the root that it signed."
	case status.Altered:
		return "The log serves an entry that isn’t the one it signed for."
	case status.BadHead:
		return "What the log serves as its head isn’t signed by its key."
	case status.Unwitnessed:
		return "The log’s heads lack cosignatures that the monitor asks for."
	case status.Unreachable:
		return "The log showed no head for a long time."
	case status.Stale:
		return "The log showed nothing new for a long time."
	}
	return fmt.Sprintf("An entry breaks the log’s law: %s.", strings.ReplaceAll(string(k), "-", " "))
}

// damning tells whether an honest log can't be the cause of an alarm of a kind: outages and servers that lag may be, of some.
func damning(k status.Kind) bool {
	switch k {
	case status.Rollback, status.Withheld, status.Hidden, status.BadHead, status.Unwitnessed, status.Unreachable, status.Stale:
		return false
	}
	return true
}

// forkFile is the file of evidence about an alarm, of any monitor.
func (w *watch) forkFile(ctx context.Context, id string) (CheckedFork, bool) {
	for _, m := range w.monitors {
		if fork, ok := m.Status(ctx).Forks[id]; ok {
			return fork, true
		}
	}
	return CheckedFork{}, false
}
