package monitor

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/monitor/internal/audit"
	"github.com/attestlog/attestlog/ledger/monitor/internal/store"
	"github.com/attestlog/attestlog/ledger/monitor/status"
	"github.com/attestlog/attestlog/ledger/verify"
)

// LogConfig says which log is followed, and how.
type LogConfig struct {
	// Key is the log's public key; its name is the origin.
	Key note.Verifier
	// Sources are the places from which the log can be read: at least one. All are asked for heads. One that shows another history than
	// another is found out.
	Sources []Source
	// Law says that it is an attestlog log, whose entries are held against its law. The entries of others are only rebuilt into the tree.
	Law bool
	// Policy says whose cosignatures its heads must have; nil for nobody's.
	Policy *verify.Policy
}

// Log is one log that is followed. Safe for concurrent use.
type Log struct {
	LogConfig
	cfg     *Config
	origin  string
	key     note.Verifier
	dir     string
	log     *slog.Logger
	metrics *metrics
	wakeUp  chan struct{} // news for the follower
	tell    func()        // news for whoever delivers alarms

	syncing sync.Mutex // held during a round

	mu        sync.Mutex
	state     *state
	journal   *store.Journal
	compacted int64
	tree      *store.Tree
	law       *audit.Law    // nil if the log isn't held against it
	found     *store.Column // matches of watch lists, one JSON text a line
	forks     []*verify.Fork
	trouble   map[trouble]time.Time  // since when
	largest   map[string]verify.Head // that each source showed
	rejected  map[rejected]bool
	contact   time.Time // when a head was last seen
	fresh     time.Time // when it last grew, or was cosigned; before it was met, when it was opened
	met       bool      // it showed a head since it was opened
	target    int64     // of the sync under way

	failed atomic.Pointer[error] // after a write failed, or an entry couldn't be judged: what is in memory is not what is on disk
	shown  atomic.Pointer[Status]
}

// LogDir names a log's directory: the SHA-256 of its origin in hex.
func LogDir(origin string) string { return status.LogDir(origin) }

func openLog(cfg *Config, lc LogConfig, m *metrics, tell func()) (_ *Log, err error) {
	l := &Log{LogConfig: lc, cfg: cfg, origin: lc.Key.Name(), key: lc.Key, dir: filepath.Join(cfg.Dir, LogDir(lc.Key.Name())),
		log: cfg.Logger, metrics: m, wakeUp: make(chan struct{}, 1), tell: tell, state: newState(),
		trouble: map[trouble]time.Time{}, largest: map[string]verify.Head{}, rejected: map[rejected]bool{}}
	l.contact = cfg.Now()
	l.fresh = l.contact
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("couldn't open what is known of %s: %w", l.origin, err), l.close())
		}
	}()
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return nil, err
	}
	l.journal, err = store.OpenJournal(filepath.Join(l.dir, "journal"), func(line []byte) error { return l.state.read(line, l.open) })
	if err != nil {
		return nil, err
	}
	if l.tree, err = store.OpenTree(l.dir, l.state.size); err != nil {
		return nil, err
	}
	if l.state.size > 0 {
		if root, err := l.tree.Root(l.state.size); err != nil || root != l.state.root {
			return nil, errors.Join(errors.New("the tree on disk has another root than the journal says: it is damaged"), err)
		}
	}
	if l.found, err = store.OpenColumn(filepath.Join(l.dir, "matches"), l.state.matches); err != nil {
		return nil, err
	}
	for _, h := range l.state.heads {
		l.largest[h.From] = h.head
	}
	if lc.Law {
		if l.state.audit.Size != l.state.size {
			return nil, fmt.Errorf("%d of %d entries were held against the law: the log was followed as one that has none; begin anew with an empty directory", l.state.audit.Size, l.state.size)
		}
		l.law, err = audit.Open(audit.Config{Origin: l.origin, Dir: l.dir, Root: l.tree.Root, Unproven: cfg.Unproven}, l.state.audit)
		if err != nil {
			return nil, err
		}
	}
	if l.state.begun == 0 {
		begun := cfg.Now().UnixMilli()
		if len(l.state.heads) > 0 { // an older version didn't write it down
			begun = l.state.heads[0].Time
		}
		if err := l.commit(&change{Begun: &begun}); err != nil {
			return nil, err
		}
	}
	l.loadForks()
	l.show()
	return l, nil
}

// loadForks reads the evidence of forks back, to hand it on. What doesn't read any more is not handed on: the alarm stands all the same.
func (l *Log) loadForks() {
	for _, a := range l.state.alarms {
		if a.Kind != Fork && a.Kind != Rewrite || len(a.Evidence) == 0 || !strings.HasSuffix(a.Evidence[0], ".fork") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(l.dir, filepath.FromSlash(a.Evidence[0])))
		if err == nil {
			var f *verify.Fork
			if f, err = verify.ParseFork(b); err == nil {
				l.forks = appendFork(l.forks, f)
			}
		}
		if err != nil {
			l.log.Warn("couldn't read evidence back", "file", a.Evidence[0], "err", err)
		}
	}
}

// close lets go of the files. It leaves an unfinished change out.
func (l *Log) close() (err error) {
	if l.journal != nil {
		err = errors.Join(err, l.journal.Close())
	}
	if l.tree != nil {
		err = errors.Join(err, l.tree.Close())
	}
	if l.found != nil {
		err = errors.Join(err, l.found.Close())
	}
	if l.law != nil {
		err = errors.Join(err, l.law.Close())
	}
	return err
}

// Origin is the log's name.
func (l *Log) Origin() string { return l.origin }

// open opens a note of this log. Heads of logs without our law may have extension lines.
func (l *Log) open(signed []byte) (verify.Head, error) {
	if l.Law {
		return verify.OpenHead(signed, l.key)
	}
	return verify.OpenCheckpoint(signed, l.key)
}

// cosignatures are those of the policy's witnesses on a note of this log.
func (l *Log) cosignatures(signed []byte) ([]verify.Cosignature, error) {
	open := l.Policy.OpenCheckpoint
	if l.Law {
		open = l.Policy.Open
	}
	_, found, err := open(signed, l.key)
	return found, err
}

// peek reads a note whose signature nobody checks: of this monitor's own state, for status.
func peek(signed []byte) (head verify.Head, err error) {
	lines := bytes.SplitN(signed, []byte("\n"), 4)
	if len(lines) < 4 {
		return head, errors.New("not a head")
	}
	size, err := verify.ParseSize(lines[1])
	return verify.Head{Origin: string(lines[0]), Size: size, Note: signed}, err
}

// wake tells the follower and the messenger that there is news.
func (l *Log) wake() {
	select {
	case l.wakeUp <- struct{}{}:
	default:
	}
	l.tell()
}

// Status is how it stands with a log.
type Status struct {
	status.Standing
	tell  [][]byte // notes for others
	forks []*verify.Fork
}

// Status is how it stands, as of the last change.
func (l *Log) Status() *Status { return l.shown.Load() }

// show makes the state visible to those who don't hold l.mu.
func (l *Log) show() {
	s := l.state.status(l.origin)
	s.Target, s.forks, s.Law = l.target, l.forks, l.law != nil
	if l.met {
		s.Contact = l.contact.UnixMilli()
	}
	for t := range l.trouble {
		s.Trouble = append(s.Trouble, strings.TrimSuffix(string(t.kind)+": "+t.about, ": "))
	}
	slices.Sort(s.Trouble)
	l.shown.Store(s)
	l.metrics.size.WithLabelValues(l.origin).Set(float64(s.Size))
	l.metrics.head.WithLabelValues(l.origin).Set(float64(s.HeadSize))
	counts := map[Kind]int64{}
	for i := range s.Alarms {
		counts[s.Alarms[i].Kind]++
	}
	for kind, n := range counts {
		l.metrics.alarms.WithLabelValues(l.origin, string(kind)).Set(float64(n + s.Beyond[kind]))
	}
}

func (s *state) status(origin string) *Status {
	out := &Status{Standing: status.Standing{Log: origin, Since: s.begun, Size: s.size, Pending: len(s.pending), Alarms: s.alarms[:len(s.alarms):len(s.alarms)], Beyond: map[Kind]int64{}}}
	out.Law = s.audit.Size > 0
	for kind, n := range s.beyond {
		out.Beyond[kind] = n
	}
	if out.Alarms == nil {
		out.Alarms = []Alarm{}
	}
	if newest, ok := s.newest(); ok {
		out.Head, out.HeadSize, out.HeadSeen = newest.Note, newest.head.Size, newest.Time
		out.tell = append(out.tell, []byte(newest.Note))
	}
	if n := len(s.pending); n > 0 {
		out.tell = append(out.tell, []byte(s.pending[n-1].Note))
	}
	return out
}
