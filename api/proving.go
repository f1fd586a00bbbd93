package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/attestlog/attestlog/ledger"
)

// listAttestations answers with what became of a deferred proof.
func (s *server) listAttestations(w http.ResponseWriter, r *http.Request) {
	digest, err := pathDigest(r, "digest")
	if err == nil {
		err = readQuery(r).err
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	deferred, list, err := s.ledger.Attestations(r.Context(), digest)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	b := appendList(nil, "attestations", list, appendEntry)
	b = append(b, `,"event":`...)
	b = appendHex(b, digest[:])
	b = append(b, `,"index":`...)
	b = strconv.AppendInt(b, deferred.Index, 10)
	b = append(b, `,"state":"`...)
	b = append(b, deferred.Deferral.State()...)
	s.sendJSON(w, http.StatusOK, append(b, `"}`...))
}

// getProving answers with how deferred proving goes.
func (s *server) getProving(w http.ResponseWriter, r *http.Request) {
	if err := readQuery(r).err; err != nil {
		s.fail(w, r, err)
		return
	}
	p, err := s.ledger.Proving(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.sendJSON(w, http.StatusOK, appendProving(nil, p))
}

func appendProving(b []byte, p *ledger.Proving) []byte {
	b = append(b, `{"at":`...)
	b = strconv.AppendInt(b, p.At, 10)
	b = append(b, `,"proven":`...)
	b = strconv.AppendInt(b, p.Proven, 10)
	b = append(b, ',')
	b = append(b, appendList(nil, "queues", p.Queues, appendQueue)[1:]...)
	b = append(b, `,"refused":`...)
	b = strconv.AppendInt(b, p.Refused, 10)
	b = append(b, `,"witnesses":`...)
	b = strconv.AppendInt(b, p.Witnesses, 10)
	b = append(b, ',')
	b = append(b, appendList(nil, "workers", p.Workers, appendWorker)[1:]...)
	return append(b, '}')
}

func appendQueue(b []byte, q *ledger.ProvingQueue) []byte {
	b = append(b, `{"failing":`...)
	b = strconv.AppendInt(b, q.Failing, 10)
	b = append(b, `,"name":`...)
	b = appendString(b, q.Name)
	b = append(b, `,"oldest":`...)
	b = strconv.AppendInt(b, q.Oldest, 10)
	b = append(b, `,"running":`...)
	b = strconv.AppendInt(b, q.Running, 10)
	b = append(b, `,"served":`...)
	b = strconv.AppendInt(b, q.Served, 10)
	b = append(b, `,"statement":`...)
	b = appendHex(b, q.Statement[:])
	if q.Done > 0 {
		b = append(b, `,"times":{"jobs":`...)
		b = strconv.AppendInt(b, q.Done, 10)
		b = append(b, `,"p50":`...)
		b = appendMilliseconds(b, q.Median)
		b = append(b, `,"p95":`...)
		b = appendMilliseconds(b, q.Slowest)
		b = append(b, '}')
	}
	b = append(b, `,"waiting":`...)
	b = strconv.AppendInt(b, q.Waiting, 10)
	return append(b, '}')
}

// appendMilliseconds appends a time that came from two clocks, which may disagree: never less than nothing.
func appendMilliseconds(b []byte, d time.Duration) []byte {
	return strconv.AppendInt(b, max(0, d.Round(time.Millisecond).Milliseconds()), 10)
}

func appendWorker(b []byte, w *ledger.ProvingWorker) []byte {
	b = append(b, `{"done":`...)
	b = strconv.AppendInt(b, w.Done, 10)
	b = append(b, `,"name":`...)
	b = appendString(b, w.Name)
	b = append(b, `,"running":`...)
	b = strconv.AppendInt(b, w.Running, 10)
	b = append(b, `,"seen":`...)
	b = strconv.AppendInt(b, max(0, w.Seen), 10)
	return append(b, '}')
}
