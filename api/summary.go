package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/attestlog/attestlog/ledger"
)

// maxDays is how many days a summary lists at most: ten years.
const maxDays = 3660

// getSummary answers with how many events there are, of which kind, and how many of them are proven.
func (s *server) getSummary(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r, "days")
	days := int(q.number("days", 366, 1, maxDays))
	if q.err != nil {
		s.fail(w, r, q.err)
		return
	}
	summary, err := s.ledger.Summary(r.Context(), days)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.sendJSON(w, http.StatusOK, appendSummary(nil, summary))
}

func appendSummary(b []byte, s *ledger.Summary) []byte {
	b = append(b, `{"counted":`...)
	b = strconv.AppendInt(b, s.Counted, 10)
	b = append(b, ',')
	b = append(b, appendList(nil, "days", s.Days, func(b []byte, t *ledger.Tally) []byte {
		b = append(b, `{"day":"`...)
		b = ledger.DayOf(t.Day).AppendFormat(b, time.DateOnly)
		return append(b, appendTally([]byte(`",`), t)...)
	})[1:]...)
	if s.Head != nil {
		b = append(b, `,"head":`...)
		b = appendHead(b, *s.Head, nil)
	}
	b = append(b, ',')
	b = append(b, appendList(nil, "kinds", s.Kinds, func(b []byte, t *ledger.Tally) []byte { return appendTally(append(b, '{'), t) })[1:]...)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, s.Size, 10)
	return append(b, '}')
}

// appendTally appends a tally's members from its kind on, and closes the object.
func appendTally(b []byte, t *ledger.Tally) []byte {
	b = append(b, `"claimed":`...)
	b = strconv.AppendInt(b, t.Claimed, 10)
	b = append(b, `,"kind":`...)
	b = appendString(b, t.Kind.String())
	b = append(b, `,"proven":`...)
	b = strconv.AppendInt(b, t.Proven, 10)
	b = append(b, `,"refused":`...)
	b = strconv.AppendInt(b, t.Refused, 10)
	b = append(b, `,"waiting":`...)
	b = strconv.AppendInt(b, t.Waiting, 10)
	return append(b, '}')
}
