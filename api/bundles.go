package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/canon"
	"github.com/attestlog/attestlog/ledger/verify"
)

// maxAsked is how many entries one request for a bundle may name.
const maxAsked = 256

// getEvidence answers with an evidence bundle: a file about the entries that are named, or about one and all that it comes from.
func (s *server) getEvidence(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r, "entries", "provenance", "size")
	list, one := q.text("entries", maxAsked*65), q.text("provenance", 64)
	size := q.number("size", 0, 1, canon.MaxInt)
	if (list == "") == (one == "") {
		q.refuse("name entries by their indices or event digests, with commas between, in the parameter \"entries\"; or one of them in \"provenance\"")
	}
	names := strings.Split(list+one, ",")
	if len(names) > maxAsked || one != "" && len(names) > 1 {
		q.refuse("the parameter \"entries\" may name at most %d, and \"provenance\" one", maxAsked)
	}
	if q.err != nil {
		s.fail(w, r, q.err)
		return
	}
	asked := ledger.EvidenceQuery{Provenance: one != "", Size: size}
	for _, name := range names {
		index, err := s.indexOf(r.Context(), name)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		asked.Entries = append(asked.Entries, index)
	}
	// A bundle is made in memory, and takes its room of what bodies have.
	waiting, cancel := context.WithTimeout(r.Context(), s.limits.Timeout)
	defer cancel()
	room := min(verify.MaxBundle, max(s.limits.InFlight, s.limits.Batch)) // all there is, where that is less
	if err := s.bodies.Acquire(waiting, room); err != nil {
		s.fail(w, r, &ledger.Refusal{Code: ledger.Busy, Detail: "The log has no room for another bundle: try again later.", RetryAfter: time.Second})
		return
	}
	defer s.bodies.Release(room)
	b, err := s.ledger.Evidence(r.Context(), asked)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="entry-%d.attestlog"`, asked.Entries[0]))
	sendBytes(w, octetStream, "no-cache", b.Encode())
}

// indexOf is the index of an entry that is named by it or by its event's digest.
func (s *server) indexOf(ctx context.Context, name string) (int64, error) {
	if len(name) != 2*len(event.Digest{}) {
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil || n < 0 || n > canon.MaxInt || strconv.FormatInt(n, 10) != name {
			return 0, refusef(invalidParameter, fmt.Sprintf("%s names no entry: want its index, or the event's digest of 64 lower-case hex digits.", strconv.Quote(clip(name))))
		}
		return n, nil
	}
	d, err := event.ParseDigest(name)
	if err != nil {
		return 0, refusef(invalidParameter, sentence(err))
	}
	entry, err := s.ledger.EntryByDigest(ctx, d)
	if err != nil {
		return 0, err
	}
	return entry.Index, nil
}
