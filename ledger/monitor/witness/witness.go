// Package witness is a C2SP tlog-witness: it cosigns the heads of logs, each only with a proof that it continues the largest one
// that it cosigned before (c2sp.org/tlog-witness, c2sp.org/tlog-cosignature).
//
// A cosignature says: as of this time, this is the largest head of the log that I saw, and it continues all the others. What makes that
// true is one rule: the new head is on disk, synced, before the cosignature exists. So a witness that is killed at any point may
// have forgotten to answer, but never what it answered.
//
// A witness knows its logs by their keys, and asks nobody else who they are. Whoever holds a signed checkpoint may show it to a witness:
// a monitor that does so for the heads that it sees makes a witness catch what a log hides from it.
package witness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/monitor/internal/store"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Config says who the witness is, and whose heads it cosigns.
type Config struct {
	// Signer makes cosignatures: its signatures hold a time.
	Signer note.Signer
	// Logs are the keys of the logs, whose names are the origins; several keys may have one origin.
	Logs []note.Verifier
	// Dir holds a file per origin, with the last head that was cosigned. One process at a time may use it.
	Dir    string
	Logger *slog.Logger
}

// Witness cosigns. Safe for concurrent use.
type Witness struct {
	signer note.Signer
	log    *slog.Logger
	logs   map[string]*state // by origin
	lock   *os.File          // keeps a second process away: two that cosign from one memory would each go on without the other
}

// state is what the witness knows of one log.
type state struct {
	keys []note.Verifier
	path string

	mu   sync.Mutex
	head verify.Head // the last one cosigned; size 0 and no note before the first
}

// Open reads what was cosigned before. A file that can't be read is an error: a witness that forgot is none.
func Open(cfg Config) (_ *Witness, err error) {
	lock, err := store.Lock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	w := &Witness{signer: cfg.Signer, log: cfg.Logger, logs: map[string]*state{}, lock: lock}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	for _, key := range cfg.Logs {
		s := w.logs[key.Name()]
		if s == nil {
			s = &state{path: statePath(cfg.Dir, key.Name())}
			w.logs[key.Name()] = s
		}
		s.keys = append(s.keys, key)
	}
	for origin, s := range w.logs {
		if s.head, err = loadHead(s.path, s.keys); err != nil {
			return nil, fmt.Errorf("couldn't read what was cosigned of %s: %w", origin, err)
		}
	}
	return w, nil
}

// Close lets another process use the directory. No request may be under way.
func (w *Witness) Close() error { return w.lock.Close() }

// Latest is the last head of a log that was cosigned, with the log's signature and the cosignature; false if there is none.
func (w *Witness) Latest(origin string) (verify.Head, bool) {
	s := w.logs[origin]
	if s == nil {
		return verify.Head{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head, len(s.head.Note) > 0
}

// RefusedError says why a checkpoint isn't cosigned: by the status that tlog-witness gives the reason.
type RefusedError struct {
	Status int // of HTTP
	Size   int64
	Stale  bool // with status 409: the asker is to ask again from Size; else the roots of one size differ
	Reason string
}

func (e *RefusedError) Error() string { return e.Reason }

func refuse(status int, format string, args ...any) error {
	return &RefusedError{Status: status, Reason: fmt.Sprintf(format, args...)}
}

// AddCheckpoint cosigns a checkpoint, and returns the signature line with its newline. What it refuses is a *[RefusedError]; another
// error means that the witness itself is in trouble, and then it cosigned nothing.
func (w *Witness) AddCheckpoint(_ context.Context, r *verify.AddCheckpoint) ([]byte, error) {
	origin, err := originOf(r.Note)
	if err != nil {
		return nil, refuse(400, "%s", err)
	}
	s := w.logs[origin]
	if s == nil {
		return nil, refuse(404, "this witness doesn't know a log %q", origin)
	}
	head, key, err := openUnderAny(r.Note, s.keys)
	if err != nil {
		return nil, refuse(403, "no key of %s that this witness knows signed the checkpoint: %s", origin, err)
	}
	if r.Old > head.Size {
		return nil, refuse(400, "the old size %d is above the checkpoint's %d", r.Old, head.Size)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admit(r, head); err != nil {
		var refused *RefusedError
		if errors.As(err, &refused) && !refused.Stale {
			w.log.Error("a log showed a head that contradicts the one cosigned before", "log", origin, "size", head.Size, "cosigned", s.head.Size, "reason", err)
		}
		return nil, err
	}
	signed, line, err := w.cosign(head, key)
	if err != nil {
		return nil, err
	}
	if err := saveHead(s.path, signed); err != nil {
		return nil, err
	}
	head.Note = signed
	s.head = head
	return line, nil
}

// admit checks that a head continues the one cosigned last. s.mu is held.
func (s *state) admit(r *verify.AddCheckpoint, head verify.Head) error {
	switch {
	case r.Old != s.head.Size:
		return &RefusedError{Status: 409, Stale: true, Size: s.head.Size, Reason: fmt.Sprintf("the last checkpoint cosigned has %d entries, not %d", s.head.Size, r.Old)}
	case r.Old == 0 && len(r.Hashes) > 0:
		return refuse(422, "from the empty tree there is nothing to prove, and the proof has %d hashes", len(r.Hashes))
	case r.Old == head.Size && head.Root != s.head.Root && len(s.head.Note) > 0:
		return refuse(409, "another root was cosigned for %d entries", head.Size)
	case r.Old == 0:
		return nil
	}
	if err := s.head.CheckConsistency(head, r.Hashes); err != nil {
		return refuse(422, "%s", err)
	}
	return nil
}

// cosign makes the note with the witness's cosignature behind the log's signature, and the line alone. Whatever other lines came along
// are left out: a note has room for so many only, and nobody but the log and the witness shall fill it.
func (w *Witness) cosign(head verify.Head, key note.Verifier) (signed, line []byte, err error) {
	bare, err := verify.BareNote(head.Note, key)
	if err != nil {
		return nil, nil, err
	}
	text, _, _ := strings.Cut(string(bare), "\n\n")
	text += "\n"
	alone, err := note.Sign(&note.Note{Text: text}, w.signer)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't cosign the checkpoint: %w", err)
	}
	line = alone[len(text)+1:]
	return append(bare, line...), line, nil
}
