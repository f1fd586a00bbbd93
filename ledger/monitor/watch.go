package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Watch is a line of a watch list: entries that somebody wants to hear of. All members that are there must fit; at least one is there.
type Watch struct {
	Name string `json:"name"` // for people
	Log  string `json:"log,omitempty"`
	// Source fits what a source says, and what is said about its keys: who holds a source wants to hear of a key that it didn't ask for.
	Source  string `json:"source,omitempty"`
	Subject string `json:"subject,omitempty"` // its name
	Kind    string `json:"kind,omitempty"`
	// Statement fits what is proven under a statement, or is to be, and the statement's own entries: its revocation, above all.
	Statement *event.Digest `json:"statement,omitempty"`
}

// Match is an entry that a watch is about.
type Match struct {
	Watch   string       `json:"watch"`
	Log     string       `json:"log"`
	Index   int64        `json:"index"`
	Digest  event.Digest `json:"digest"`
	Kind    string       `json:"kind"`
	Source  string       `json:"source"`
	Subject string       `json:"subject"`
	Logged  int64        `json:"logged"`
}

const (
	maxWatches   = 1000
	maxWatchList = 1 << 20
	maxWatchName = 1 << 10 // bytes: a match names it, and the webhook reads so much of matches at once that one always fits
)

// ParseWatches reads a watch list: a JSON object {"watches": […]}, strictly.
func ParseWatches(text []byte) ([]Watch, error) {
	if len(text) > maxWatchList {
		return nil, fmt.Errorf("couldn't read the watch list: it has %d bytes, and at most %d are allowed", len(text), maxWatchList)
	}
	var list struct {
		Watches []Watch `json:"watches"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&list)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows it")
		}
	}
	if err == nil && len(list.Watches) > maxWatches {
		err = fmt.Errorf("it has %d watches, and at most %d are allowed", len(list.Watches), maxWatches)
	}
	for i, w := range list.Watches {
		if err == nil {
			if err = w.check(); err != nil {
				err = fmt.Errorf("watch %d (%q): %w", i+1, w.Name, err)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the watch list: %w", err)
	}
	return list.Watches, nil
}

func (w *Watch) check() error {
	if w.Name == "" {
		return errors.New("it has no name")
	}
	if len(w.Name) > maxWatchName {
		return fmt.Errorf("its name has %d bytes, and at most %d are allowed", len(w.Name), maxWatchName)
	}
	if w.Source == "" && w.Subject == "" && w.Kind == "" && w.Statement == nil {
		return errors.New("it fits every entry: name a source, a subject, a kind or a statement")
	}
	if w.Kind != "" {
		if _, err := event.ParseKind(w.Kind); err != nil {
			return err
		}
	}
	if w.Source != "" {
		return event.CheckSource(w.Source)
	}
	return nil
}

// fits tells whether an entry is one that the watch is about.
func (w *Watch) fits(log string, e *event.Event) bool {
	switch {
	case w.Log != "" && w.Log != log, w.Subject != "" && w.Subject != e.Subject.Name, w.Kind != "" && w.Kind != e.Kind().String(),
		w.Source != "" && w.Source != e.Source && w.Source != keysOf(e),
		w.Statement != nil && *w.Statement != e.Statement && *w.Statement != statementOf(e):
		return false
	}
	return true
}

// keysOf is the source whose keys an entry is about; empty for most entries.
func keysOf(e *event.Event) string {
	if c, ok := e.Claims.(*event.SourceClaims); ok {
		return c.Source
	}
	return ""
}

// statementOf is the statement that an entry registers or revokes; zero for most entries.
func statementOf(e *event.Event) event.Digest {
	c, ok := e.Claims.(*event.StatementClaims)
	switch {
	case !ok:
		return event.Digest{}
	case c.Action == event.StatementRegister:
		return verify.StatementID(c.VerifyingKey)
	}
	return c.Statement
}

// watch writes down which of some entries somebody wants to hear of. What is written counts with the next commit.
func (l *Log) watch(entries []*verify.Entry) error {
	for _, e := range entries {
		for i := range l.cfg.Watches {
			w := &l.cfg.Watches[i]
			if e == nil || !w.fits(l.origin, e.Event) {
				continue
			}
			m := Match{Watch: w.Name, Log: l.origin, Index: e.Index, Digest: e.Digest, Kind: e.Event.Kind().String(), Source: e.Event.Source,
				Subject: e.Event.Subject.Name, Logged: e.Leaf.Logged}
			line, err := json.Marshal(m)
			if err != nil {
				return fmt.Errorf("couldn't write down a match: %w", err)
			}
			l.found.Append(append(line, '\n'))
			l.log.Info("match", "watch", m.Watch, "log", m.Log, "index", m.Index, "kind", m.Kind, "source", m.Source)
			l.metrics.matches.WithLabelValues(l.origin, w.Name).Inc()
		}
	}
	return l.found.Sync()
}
