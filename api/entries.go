package api

import (
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event/canon"
)

const (
	octetStream = "application/octet-stream"
	// immutable is for what can never change under its address.
	immutable = "public, max-age=31536000, immutable"
)

// getEntry answers with an entry by its index.
func (s *server) getEntry(w http.ResponseWriter, r *http.Request) {
	index, err := pathIndex(r, "index")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	entry, err := s.ledger.Entry(r.Context(), index)
	s.sendEntry(w, r, entry, err)
}

// getEvent answers with an entry by its event digest.
func (s *server) getEvent(w http.ResponseWriter, r *http.Request) {
	digest, err := pathDigest(r, "digest")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	entry, err := s.ledger.EntryByDigest(r.Context(), digest)
	s.sendEntry(w, r, entry, err)
}

// sendEntry sends an entry as JSON, or only the bytes of its leaf.
func (s *server) sendEntry(w http.ResponseWriter, r *http.Request, entry *ledger.Entry, err error) {
	q := readQuery(r, "raw")
	raw := q.values.Has("raw") && q.word("raw", "", "true", "1", "false") != "false"
	if q.err != nil {
		err = q.err
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Add("Vary", "Accept")
	if raw || prefers(r, octetStream, "application/json") {
		sendBytes(w, octetStream, immutable, entry.Leaf)
		return
	}
	s.sendJSON(w, http.StatusOK, appendEntry(nil, entry))
}

// maxText is how many characters a text may have that entries are searched for.
const maxText = 100

// listEntries answers with a page of entries.
func (s *server) listEntries(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r, "kind", "source", "subject", "from", "to", "start", "end", "status", "statement", "text", "cursor", "limit", "order")
	asked := ledger.Query{
		Kinds:      q.kinds("kind"),
		Source:     q.text("source", 129),
		Subject:    q.text("subject", 256),
		From:       q.number("from", 0, 0, canon.MaxInt),
		To:         q.number("to", 0, 0, canon.MaxInt),
		Start:      q.number("start", 0, 0, canon.MaxInt),
		End:        q.number("end", 0, 0, canon.MaxInt),
		Cursor:     q.text("cursor", 256),
		Limit:      int(q.number("limit", 100, 1, 1000)),
		Descending: q.word("order", "asc", "desc") == "desc",
		Status:     q.word("status", "", ledger.StatusClaimed, ledger.StatusProven, ledger.StatusRefused, ledger.StatusWaiting),
		Statement:  q.digest("statement"),
		Text:       q.text("text", 4*maxText),
	}
	if utf8.RuneCountInString(asked.Text) > maxText {
		q.refuse("the parameter \"text\" may have at most %d characters", maxText)
	}
	if q.err != nil {
		s.fail(w, r, q.err)
		return
	}
	page, err := s.ledger.Entries(r.Context(), asked)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	b := appendList(nil, "entries", page.Entries, appendEntry)
	if page.Next != "" {
		b = append(b, `,"next":`...)
		b = appendString(b, page.Next)
		b = append(b, `,"reached":`...)
		b = strconv.AppendInt(b, page.Reached, 10)
	}
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, page.Size, 10)
	s.sendJSON(w, http.StatusOK, append(b, '}'))
}

// getProof proves that an entry is in the tree of a published head: as a C2SP tlog-proof, or as JSON.
func (s *server) getProof(w http.ResponseWriter, r *http.Request) {
	index, err := pathIndex(r, "index")
	q := readQuery(r, "size")
	size := q.number("size", 0, 1, canon.MaxInt)
	if err == nil {
		err = q.err
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	hashes, head, err := s.ledger.Inclusion(r.Context(), index, size)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Add("Vary", "Accept")
	if prefers(r, "application/json", "text/plain") {
		b := append([]byte(`{"checkpoint":`), appendString(nil, string(head.Note))...)
		b = append(b, `,"hashes":`...)
		b = appendHashes(b, hashes)
		b = append(b, `,"index":`...)
		b = strconv.AppendInt(b, index, 10)
		b = append(b, `,"size":`...)
		b = strconv.AppendInt(b, head.Size, 10)
		s.sendJSON(w, http.StatusOK, append(b, '}'))
		return
	}
	sendBytes(w, "text/plain; charset=utf-8", "no-cache", appendTlogProof(nil, index, hashes, head.Note))
}

func sendBytes(w http.ResponseWriter, contentType, cache string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cache)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client is gone if this fails
}

// listedHead is a published head with the consistency proof to the one before it in a list.
type listedHead struct {
	ledger.PublishedHead
	link [][32]byte
}

// maxLinked is how many checkpoints are listed with the proofs between them: each takes a few reads.
const maxLinked = 100

// listCheckpoints answers with published heads, newest first, and where that is asked for with what proves that each continues the next.
func (s *server) listCheckpoints(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r, "before", "limit", "linked")
	before := q.number("before", 0, 1, canon.MaxInt)
	limit := int(q.number("limit", 100, 1, 1000))
	linked := q.word("linked", "false", "true") == "true"
	if linked && limit > maxLinked {
		q.refuse("at most %d checkpoints are listed with the proofs that link them", maxLinked)
	}
	if q.err != nil {
		s.fail(w, r, q.err)
		return
	}
	heads, err := s.ledger.Checkpoints(r.Context(), before, limit)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list := make([]listedHead, len(heads))
	for i, head := range heads {
		list[i].PublishedHead = head
		if !linked || i == 0 {
			continue
		}
		if list[i].link, err = s.ledger.Consistency(r.Context(), head.Size, heads[i-1].Size); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	b := appendList(nil, "checkpoints", list, func(b []byte, h *listedHead) []byte { return appendHead(b, h.PublishedHead, h.link) })
	if len(heads) == limit {
		b = append(b, `,"next":`...)
		b = strconv.AppendInt(b, heads[len(heads)-1].Size, 10)
	}
	s.sendJSON(w, http.StatusOK, append(b, '}'))
}

// getConsistency proves that one tree extends another (RFC 6962, section 2.1.2).
func (s *server) getConsistency(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r, "from", "to")
	q.need("from")
	q.need("to")
	from := q.number("from", 0, 1, canon.MaxInt)
	to := q.number("to", 0, 1, canon.MaxInt)
	if q.err == nil && from > to {
		q.refuse("the parameter \"from\" must not be greater than \"to\"")
	}
	if q.err != nil {
		s.fail(w, r, q.err)
		return
	}
	hashes, err := s.ledger.Consistency(r.Context(), from, to)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	b := append([]byte(`{"from":`), strconv.FormatInt(from, 10)...)
	b = append(b, `,"hashes":`...)
	b = appendHashes(b, hashes)
	b = append(b, `,"to":`...)
	b = strconv.AppendInt(b, to, 10)
	w.Header().Set("Cache-Control", immutable)
	s.sendJSON(w, http.StatusOK, append(b, '}'))
}
