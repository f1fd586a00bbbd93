package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event/canon"
	"github.com/attestlog/attestlog/ledger/verify"
)

// maxSubject is how many bytes a subject's name has at most.
const maxSubject = 256

// walked is the answer of getProvenance.
type walked struct {
	*verify.Walk
	Versions []version `json:"versions"`
	More     bool      `json:"more"`
}

// version is an entry that a walk of the subject can begin with.
type version struct {
	Index  int64  `json:"index"`
	Kind   string `json:"kind"`
	Name   string `json:"name,omitempty"`
	Source string `json:"source"`
	Logged int64  `json:"logged"`
}

// getProvenance answers with the walk from a subject's model version, or data set, to where it comes from. It takes what a bundle takes, and so a
// place among those in the making.
func (s *server) getProvenance(w http.ResponseWriter, r *http.Request) {
	subject := pathText(r, "subject")
	q := readQuery(r, "entry", "size")
	asked := ledger.ProvenanceQuery{Subject: subject, Entry: q.number("entry", -1, 0, canon.MaxInt), Size: q.number("size", 0, 1, canon.MaxInt)}
	if len(subject) > maxSubject || !utf8.ValidString(subject) || strings.IndexByte(subject, 0) >= 0 {
		q.refuse("a subject's name is UTF-8 of at most %d bytes, without U+0000", maxSubject)
	}
	if q.err != nil {
		s.fail(w, r, q.err)
		return
	}
	b, err := s.makeWalk(r.Context(), asked)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.sendJSON(w, http.StatusOK, b)
}

// makeWalk makes the answer in memory, in the place of a bundle.
func (s *server) makeWalk(ctx context.Context, asked ledger.ProvenanceQuery) ([]byte, error) {
	if !s.bundles.TryAcquire(1) {
		return nil, &ledger.Refusal{Code: ledger.Busy, Detail: "The log is making other bundles: try again later.", RetryAfter: time.Second}
	}
	defer s.bundles.Release(1)
	found, err := s.ledger.Provenance(ctx, asked)
	if err != nil {
		return nil, err
	}
	answer := walked{Walk: found.Walk, Versions: []version{}, More: found.More}
	for _, v := range found.Versions {
		answer.Versions = append(answer.Versions, version{v.Index, v.Kind.String(), v.Name, v.Source, v.Logged})
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("couldn't write the walk: %w", err)
	}
	return b, nil
}
