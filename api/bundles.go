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
)

// maxAsked is how many entries one request for a bundle may name.
const maxAsked = 256

// maxMaking is how many bundles are made at once: each may take verify.MaxBundle bytes, and many look-ups.
const maxMaking = 2

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
	file, first, err := s.makeBundle(r.Context(), names, ledger.EvidenceQuery{Provenance: one != "", Size: size})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="entry-%d.attestlog"`, first))
	sendBytes(w, octetStream, "no-cache", file)
}

// makeBundle makes a bundle in memory, with the index of the entry that is named first. Anybody may ask for bundles, so that they take no room of what
// submissions have, and nobody waits for one: who comes while as many are being made as may be is told to come again. Those who read theirs
// slowly don't count.
func (s *server) makeBundle(ctx context.Context, names []string, asked ledger.EvidenceQuery) (file []byte, first int64, err error) {
	if !s.bundles.TryAcquire(1) {
		return nil, 0, &ledger.Refusal{Code: ledger.Busy, Detail: "The log is making other bundles: try again later.", RetryAfter: time.Second}
	}
	defer s.bundles.Release(1)
	for _, name := range names {
		index, err := s.indexOf(ctx, name)
		if err != nil {
			return nil, 0, err
		}
		asked.Entries = append(asked.Entries, index)
	}
	b, err := s.ledger.Evidence(ctx, asked)
	if err != nil {
		return nil, 0, err
	}
	return b.Encode(), asked.Entries[0], nil
}

// indexOf is the index of an entry that is named by it or by its event's digest.
func (s *server) indexOf(ctx context.Context, name string) (int64, error) {
	if len(name) != 2*len(event.Digest{}) {
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil || n < 0 || n > canon.MaxInt || strconv.FormatInt(n, 10) != name {
			return 0, refusef(invalidParameter, fmt.Sprintf("%s names no entry: want its index, or the event's digest of 64 lower-case hex digits.", strconv.Quote(canon.Clip(name))))
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
