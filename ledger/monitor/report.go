package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/attestlog/attestlog/ledger/monitor/status"
)

// Report is what this monitor says of itself, of one log or, where origin is empty, of all.
func (m *Monitor) Report(origin string) *status.Report {
	r := &status.Report{Version: m.cfg.Version, Time: m.cfg.Now().UnixMilli(), Since: m.started.UnixMilli(), Logs: []status.Standing{}, Peers: m.peers.list()}
	for _, s := range m.Status() {
		if origin == "" || origin == s.Log {
			r.Logs = append(r.Logs, s.Standing)
		}
	}
	return r
}

// Evidence reads a file that an alarm about a log names. What no alarm names gives an error that wraps fs.ErrNotExist.
func (m *Monitor) Evidence(origin, name string) ([]byte, error) {
	l := m.find(origin)
	if l == nil || !slices.ContainsFunc(l.Status().Alarms, func(a Alarm) bool { return slices.Contains(a.Evidence, name) }) {
		return nil, fmt.Errorf("couldn't read evidence: no alarm has it: %w", fs.ErrNotExist)
	}
	b, err := os.ReadFile(filepath.Join(l.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("couldn't read evidence: %w", err)
	}
	return b, nil
}

func (m *Monitor) getStatus(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(m.Report(r.URL.Query().Get("log"))) // the client may be gone
}

// getEvidence serves a file that an alarm names.
func (m *Monitor) getEvidence(w http.ResponseWriter, r *http.Request) {
	var origin string
	for _, l := range m.logs {
		if LogDir(l.origin) == r.PathValue("log") {
			origin = l.origin
		}
	}
	file := r.PathValue("file")
	b, err := m.Evidence(origin, "evidence/"+file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, "no alarm has such evidence", http.StatusNotFound)
	case err != nil:
		m.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "couldn't serve evidence", slog.Any("err", err))
		http.Error(w, "the evidence can't be read", http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", `attachment; filename="`+file+`"`) // alarms' names have neither quotes nor spaces
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(b) // the client may be gone
	}
}

// peers remembers when which peer was spoken to.
type peers struct {
	mu  sync.Mutex
	all []status.Peer
	at  map[string]int // by their address as it was configured
}

func newPeers(urls []string) *peers {
	p := &peers{at: map[string]int{}}
	for _, address := range urls {
		p.at[address] = len(p.all)
		p.all = append(p.all, status.Peer{URL: public(address)})
	}
	return p
}

// public is an address without what is nobody else's business.
func public(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(a peer)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return strings.TrimSuffix(u.String(), "/")
}

// spoken notes that a peer was spoken to; one that isn't configured is nobody's to report.
func (p *peers) spoken(address string, at time.Time, answered bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.at[address]
	if !ok {
		return
	}
	p.all[i].Asked, p.all[i].Trouble = at.UnixMilli(), !answered
	if answered {
		p.all[i].Spoke = at.UnixMilli()
	}
}

func (p *peers) list() []status.Peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}
