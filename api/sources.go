package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

func (s *server) listSources(w http.ResponseWriter, r *http.Request) {
	sendList(s, w, r, "sources", s.ledger.Sources, appendSource)
}

// sendList answers with everything of a sort. It takes no parameters, and reads nothing for a query that has some.
func sendList[T any](s *server, w http.ResponseWriter, r *http.Request, name string, read func(context.Context) ([]T, error), appendOne func([]byte, *T) []byte) {
	if err := readQuery(r).err; err != nil {
		s.fail(w, r, err)
		return
	}
	list, err := read(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.sendJSON(w, http.StatusOK, append(appendList(nil, name, list, appendOne), '}'))
}

// getSource answers with a source and with what its next event must say.
func (s *server) getSource(w http.ResponseWriter, r *http.Request) {
	name := pathText(r, "source")
	if name == "" {
		name = pathText(r, "name") + "/" + pathText(r, "instance")
	}
	if err := event.CheckSource(name); err != nil {
		s.fail(w, r, refusef(invalidParameter, sentence(err)))
		return
	}
	if err := readQuery(r).err; err != nil {
		s.fail(w, r, err)
		return
	}
	source, err := s.ledger.Source(r.Context(), name)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store") // a stale number would make its source's next event a fork
	s.sendJSON(w, http.StatusOK, appendSource(nil, &source))
}

func (s *server) listStatements(w http.ResponseWriter, r *http.Request) {
	sendList(s, w, r, "statements", s.ledger.Statements, appendStatement)
}

// statementOf looks the statement up whose verifying key's digest stands in the path.
func (s *server) statementOf(r *http.Request) (vk event.Digest, _ ledger.StatementState, err error) {
	if vk, err = pathDigest(r, "statement"); err != nil {
		return vk, ledger.StatementState{}, err
	}
	statement, err := s.ledger.Statement(r.Context(), vk)
	return vk, statement, err
}

func (s *server) getStatement(w http.ResponseWriter, r *http.Request) {
	_, statement, err := s.statementOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.sendJSON(w, http.StatusOK, appendStatement(nil, &statement))
}

// getProvingKey serves a proving key: whole, or the ranges that a download that broke off still needs (RFC 9110, section 14).
// Its ETag is its digest, so that If-Range never mixes two keys.
func (s *server) getProvingKey(w http.ResponseWriter, r *http.Request) {
	vk, statement, err := s.statementOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if statement.Claims.Proves == event.Custom {
		s.fail(w, r, notFoundf("The statement was imported, with its verifying key alone: ask whoever made its circuit for the proving key."))
		return
	}
	absent := notFoundf("This server doesn't hold the statement's proving key: ask another one that serves this log.")
	if s.keys == nil {
		s.fail(w, r, absent)
		return
	}
	key, err := s.keys.ProvingKey(r.Context(), vk)
	if errors.Is(err, fs.ErrNotExist) {
		err = absent
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer key.Close()
	h := w.Header()
	h.Set("Content-Type", octetStream)
	h.Set("ETag", `"`+statement.Claims.ProvingKey.String()+`"`)
	h.Set("Cache-Control", immutable)
	out := &patientWriter{ResponseWriter: w, control: http.NewResponseController(w), patience: s.limits.Timeout}
	http.ServeContent(out, r, "", time.Time{}, key)
	if out.noSuchRange {
		h.Del("Content-Range")
		s.refuse(w, r, refusef(rangeNotSatisfiable, fmt.Sprintf("The key has %d bytes: ask for a range within them.", statement.Claims.ProvingKeySize)))
	}
}

// patientWriter gives a client time for each part of a long answer, and not for the whole: slow clients finish, dead ones go.
// It holds back the plain text with which ServeContent answers a range that doesn't exist.
type patientWriter struct {
	http.ResponseWriter
	control     *http.ResponseController
	patience    time.Duration
	noSuchRange bool
}

func (p *patientWriter) WriteHeader(status int) {
	if p.noSuchRange = status == http.StatusRequestedRangeNotSatisfiable; !p.noSuchRange {
		p.ResponseWriter.WriteHeader(status)
	}
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if p.noSuchRange {
		return len(b), nil
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(p.patience))
	return p.ResponseWriter.Write(b)
}

// ReadFrom copies in parts for which the deadline is moved, still by the kernel's sendfile where that is possible.
func (p *patientWriter) ReadFrom(from io.Reader) (n int64, err error) {
	const part = 4 << 20
	for {
		_ = p.control.SetWriteDeadline(time.Now().Add(p.patience))
		m, err := io.CopyN(p.ResponseWriter, from, part)
		n += m
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
