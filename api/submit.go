package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/typed"
)

// postEvent logs one event: 201 when it is new, 200 with the same receipt when the log has it already.
func (s *server) postEvent(w http.ResponseWriter, r *http.Request) {
	body, release, err := s.takeBody(w, r, s.limits.Event+s.limits.Witness, s.limits.Event)
	if err != nil {
		s.failSubmission(w, r, err)
		return
	}
	defer release()
	if refusal := s.judgeSize(body, nil); refusal != nil {
		s.failSubmission(w, r, refusal)
		return
	}
	sub, err := s.decodeInTurn(body)
	if err != nil {
		s.failSubmission(w, r, refusef(ledger.Malformed, sentence(err)))
		return
	}
	if refusal := s.judgeSize(body, sub); refusal != nil {
		s.failSubmission(w, r, refusal)
		return
	}
	outcomes := s.ledger.Submit(r.Context(), []*event.Submission{sub})
	s.metrics.count(outcomes)
	s.quota.chargeOutcomes(r, outcomes)
	o := &outcomes[0]
	if o.Refusal != nil {
		s.refuse(w, r, o.Refusal)
		return
	}
	w.Header().Set("Location", "/v1/events/"+o.Receipt.Digest.String())
	status := http.StatusCreated
	if o.Duplicate {
		status = http.StatusOK
	}
	as := preferred(w, r)
	s.sendJSON(w, status, appendReceipt(make([]byte, 0, receiptRoom(o.Receipt, as)), o.Receipt, as))
}

// postBatch logs up to 1,000 events, each with an outcome of its own. The answer is 200 whatever the outcomes are, save
// where none was judged because the log can't take any now.
func (s *server) postBatch(w http.ResponseWriter, r *http.Request) {
	body, release, err := s.takeBody(w, r, s.limits.Batch, s.limits.Batch)
	if err != nil {
		s.failSubmission(w, r, err)
		return
	}
	defer release()
	events, err := cutBatch(body, s.limits.BatchEvents)
	switch {
	case errors.Is(err, errTooManyEvents):
		s.failSubmission(w, r, refusef(ledger.TooLarge, fmt.Sprintf("A batch has at most %d events: send the rest in another one.", s.limits.BatchEvents)))
		return
	case err != nil:
		s.failSubmission(w, r, refusef(ledger.Malformed, sentence(err)))
		return
	}
	outcomes := s.submitAll(r.Context(), events)
	s.metrics.count(outcomes)
	s.quota.chargeOutcomes(r, outcomes)
	if refusal := postponed(outcomes); refusal != nil {
		s.refuse(w, r, refusal)
		return
	}
	room, _ := s.answers.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
	}
	*room = appendBatch((*room)[:0], outcomes, preferred(w, r))
	s.sendJSON(w, http.StatusOK, *room)
	if cap(*room) <= maxKeptAnswer {
		s.answers.Put(room)
	}
}

// submitAll hands what decodes to the log, in order. What doesn't is refused on its own: nobody knows whose it is, so that
// later events of its source meet a gap, not a depends-on.
func (s *server) submitAll(ctx context.Context, events [][]byte) []ledger.Outcome {
	outcomes := make([]ledger.Outcome, len(events))
	subs := make([]*event.Submission, 0, len(events))
	place := make([]int, 0, len(events))
	for i, raw := range events {
		if outcomes[i].Refusal = s.judgeSize(raw, nil); outcomes[i].Refusal != nil {
			continue
		}
		sub, err := typed.Submission(raw)
		if err != nil {
			outcomes[i].Refusal = refusef(ledger.Malformed, sentence(err))
			continue
		}
		if outcomes[i].Refusal = s.judgeSize(raw, sub); outcomes[i].Refusal != nil {
			continue
		}
		subs = append(subs, sub)
		place = append(place, i)
	}
	if len(subs) == 0 {
		return outcomes
	}
	for i, o := range s.ledger.Submit(ctx, subs) {
		outcomes[place[i]] = o
	}
	return outcomes
}

// judgeSize bounds a submission: only a witness makes a large one right, and what it has beside the witness is no larger than without.
// Before it is decoded, sub is nil; then the member's name must at least be there.
func (s *server) judgeSize(raw []byte, sub *event.Submission) *ledger.Refusal {
	limit, size, what := s.limits.Event, int64(len(raw)), "without a witness"
	if sub != nil {
		size -= int64(base64.StdEncoding.EncodedLen(len(sub.Witness)))
	} else if bytes.Contains(raw, []byte(`"witness"`)) {
		limit, what = s.limits.Event+s.limits.Witness, "with its witness"
	}
	if size <= limit {
		return nil
	}
	return refusef(ledger.TooLarge, fmt.Sprintf("A submission has at most %d bytes %s.", limit, what))
}

// postponed is the refusal of a batch of which every event may succeed later, so that the whole of it is to be sent again.
func postponed(outcomes []ledger.Outcome) *ledger.Refusal {
	first := outcomes[0].Refusal
	for i := range outcomes {
		refusal := outcomes[i].Refusal
		if refusal == nil || retryAfter(typeOf(refusal.Code), refusal) == 0 && refusal.Code != ledger.DependsOn {
			return nil
		}
	}
	if first.Code == ledger.DependsOn {
		return nil
	}
	return first
}

// maxKeptAnswer is how large the memory of an answer may be, in bytes, to be kept for the next one: 1,000 usual receipts have 3 MB.
const maxKeptAnswer = 8 << 20

func appendBatch(b []byte, outcomes []ledger.Outcome, as shape) []byte {
	size := 256
	for i := range outcomes {
		if receipt := outcomes[i].Receipt; receipt != nil {
			// All that one commit took has one checkpoint. Where the batch fell into several, the last is the newest.
			if string(receipt.Checkpoint) != as.shared {
				as.shared = string(receipt.Checkpoint)
			}
			size += receiptRoom(receipt, as)
		}
	}
	b = append(slices.Grow(b, size+2*len(as.shared)), '{')
	if as.shared != "" {
		b = append(b, `"checkpoint":`...)
		b = appendString(b, as.shared)
		b = append(b, ',')
	}
	b = append(b, `"outcomes":[`...)
	for i := range outcomes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOutcome(b, &outcomes[i], as)
	}
	return append(b, "]}"...)
}

// takeBody reads a JSON body of at most limit bytes, for which it finds room as they arrive; where it has more than usual bytes, room among the
// large ones, too. The caller calls release when it no longer needs the bytes.
func (s *server) takeBody(w http.ResponseWriter, r *http.Request, limit, usual int64) (body []byte, release func(), err error) {
	if err := s.quota.admit(r); err != nil {
		return nil, nil, err
	}
	if err := checkContentType(r); err != nil {
		return nil, nil, err
	}
	if r.ContentLength > limit {
		return nil, nil, &http.MaxBytesError{Limit: limit}
	}
	waiting, cancel := context.WithTimeout(r.Context(), s.limits.Timeout)
	defer cancel()
	held, heldLarge := int64(0), int64(0)
	release = func() { s.bodies.Release(held); s.large.Release(heldLarge) }
	full := &ledger.Refusal{Code: ledger.Busy, Detail: "The log has no room for another request of this size: try again later, or send less at once.", RetryAfter: time.Second}
	body, err = readBody(http.MaxBytesReader(w, r.Body, limit), r.ContentLength, func(size int64) error {
		size = min(size, limit)
		if size > usual {
			if err := s.large.Acquire(waiting, size-heldLarge); err != nil {
				return full
			}
			heldLarge = size
		}
		if err := s.bodies.Acquire(waiting, size-held); err != nil {
			return full
		}
		held = size
		return nil
	})
	if err != nil {
		release()
		return nil, nil, err
	}
	return body, release, nil
}

// firstRoom is how many bytes of a body find room before any of it has arrived. It gets more as it fills what it has: a length
// that is only announced takes nothing from others.
const firstRoom = 64 << 10

// readBody reads a body of a length, or until it ends where that is negative. hold finds room for as many bytes in all.
func readBody(from io.Reader, length int64, hold func(size int64) error) ([]byte, error) {
	body := []byte{}
	var err error
	for err == nil && int64(len(body)) != length {
		if len(body) == cap(body) {
			size := max(firstRoom, 2*int64(cap(body)))
			if length >= 0 {
				size = min(size, length)
			}
			if err := hold(size); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, size), body...)
		}
		var n int
		n, err = from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
	}
	if errors.Is(err, io.EOF) && (length < 0 || int64(len(body)) == length) {
		err = nil
	}
	var tooLarge *http.MaxBytesError
	var network net.Error
	switch {
	case err == nil || errors.As(err, &tooLarge):
		return body, err
	case errors.As(err, &network) && network.Timeout():
		return nil, refusef(requestTimeout, "The body did not arrive in time: send less at once.")
	}
	return nil, refusef(ledger.Malformed, "The body ended before the length that its header says: send it again.")
}

func checkContentType(r *http.Request) error {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refusef(unsupportedMediaType, "Send the body as application/json, in UTF-8.")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return refusef(unsupportedMediaType, "Send the body as it is, without a content encoding.")
	}
	return nil
}

// decodeInTurn is decodeOne. To put a large submission into canonical form, which its sender should have done, takes a dozen times its
// bytes of memory: only as many at a time do as there are cores.
func (s *server) decodeInTurn(body []byte) (*event.Submission, error) {
	if int64(len(body)) > s.limits.Event {
		s.decoders <- struct{}{}
		defer func() { <-s.decoders }()
	}
	return decodeOne(body)
}

// decodeOne decodes the body of a single submission, after a look at how deep it goes.
func decodeOne(body []byte) (*event.Submission, error) {
	value, rest, err := cutValue(body)
	if err != nil {
		return nil, fmt.Errorf("not a submission: %w", err)
	}
	if len(skipSpace(rest)) > 0 {
		return nil, fmt.Errorf("not a submission: something follows its end")
	}
	return typed.Submission(value)
}

// failSubmission answers a submission that the log never saw.
func (s *server) failSubmission(w http.ResponseWriter, r *http.Request, err error) {
	refusal := s.refusal(r.Context(), err)
	outcome := []ledger.Outcome{{Refusal: refusal}}
	s.metrics.count(outcome)
	s.quota.chargeOutcomes(r, outcome)
	s.refuse(w, r, refusal)
}

// preferred reads what the client would like (RFC 7240), and says whether it gets it.
func preferred(w http.ResponseWriter, r *http.Request) shape {
	w.Header().Add("Vary", "Prefer")
	for _, header := range r.Header.Values("Prefer") {
		for preference := range strings.SplitSeq(header, ",") {
			if preference, _, _ = strings.Cut(preference, ";"); strings.TrimSpace(preference) == "return=minimal" {
				w.Header().Set("Preference-Applied", "return=minimal")
				return shape{minimal: true}
			}
		}
	}
	return shape{}
}

func (s *server) sendJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client is gone if this fails
}

// sentence makes an error a sentence for the detail of a problem.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
