package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/attestlog/attestlog/ledger"
)

// problemBase is what a problem's type URI starts with; the rest is its code, a heading in PROBLEMS.md.
const problemBase = "https://github.com/attestlog/attestlog/blob/main/api/PROBLEMS.md#"

// Codes of what can go wrong at the edge itself.
const (
	invalidParameter     ledger.Code = "invalid-parameter"
	unsupportedMediaType ledger.Code = "unsupported-media-type"
	methodNotAllowed     ledger.Code = "method-not-allowed"
	rangeNotSatisfiable  ledger.Code = "range-not-satisfiable"
	requestTimeout       ledger.Code = "request-timeout"
	rateLimited          ledger.Code = "rate-limited"
	internalError        ledger.Code = "internal"
)

// problemType is a row of the table of problems.
type problemType struct {
	code   ledger.Code
	status int
	title  string
	// garbage marks what an honest client has no reason to send again and again, and what costs the log work: it counts
	// against the client's quota.
	garbage bool
}

// problemTypes is the one place that maps codes to HTTP. PROBLEMS.md and openapi.yaml have the same rows; a test holds them together.
var problemTypes = [...]problemType{
	{ledger.Malformed, http.StatusBadRequest, "The request is malformed", true},
	{invalidParameter, http.StatusBadRequest, "A parameter is not valid", false},
	{ledger.UnknownSource, http.StatusUnauthorized, "The source or its key is unknown", true},
	{ledger.RevokedKey, http.StatusUnauthorized, "The key was revoked", true},
	{ledger.WrongKey, http.StatusUnauthorized, "The key is not the source's current key", true},
	{ledger.BadSignature, http.StatusUnauthorized, "The signature does not verify", true},
	{ledger.NotPermitted, http.StatusForbidden, "The source may not say this", true},
	{ledger.NotFound, http.StatusNotFound, "There is no such thing here", false},
	{methodNotAllowed, http.StatusMethodNotAllowed, "The method is not allowed here", false},
	{requestTimeout, http.StatusRequestTimeout, "The request took too long to arrive", false},
	{ledger.SequenceGap, http.StatusConflict, "The event's number is ahead of its source's", false},
	{ledger.SequenceFork, http.StatusConflict, "The event does not follow its source's last one", false},
	{ledger.DependsOn, http.StatusConflict, "An earlier event of the source failed", false},
	{ledger.AlreadyAttested, http.StatusConflict, "The event is attested already", false},
	{ledger.TooLarge, http.StatusRequestEntityTooLarge, "The request is too large", true},
	{unsupportedMediaType, http.StatusUnsupportedMediaType, "The content type is not supported", true},
	{rangeNotSatisfiable, http.StatusRequestedRangeNotSatisfiable, "There is no such range", false},
	{ledger.WrongLog, http.StatusUnprocessableEntity, "The event is meant for another log", true},
	{ledger.ClaimsOutOfRange, http.StatusUnprocessableEntity, "The claims are out of range", true},
	{ledger.UnknownReference, http.StatusUnprocessableEntity, "The event refers to one that is not in the log", true},
	{ledger.UnknownStatement, http.StatusUnprocessableEntity, "The statement is unknown", true},
	{ledger.RevokedStatement, http.StatusUnprocessableEntity, "The statement was revoked", true},
	{ledger.ProofMissing, http.StatusUnprocessableEntity, "The proof is missing", true},
	{ledger.ProofUnexpected, http.StatusUnprocessableEntity, "The proof is not expected", true},
	{ledger.ProofInvalid, http.StatusUnprocessableEntity, "The proof is not valid", true},
	{ledger.WitnessMissing, http.StatusUnprocessableEntity, "The witness is missing", true},
	{ledger.WitnessUnwanted, http.StatusUnprocessableEntity, "The witness is not expected", true},
	{ledger.WitnessMismatch, http.StatusUnprocessableEntity, "The witness is another one", true},
	{ledger.Deferred, http.StatusUnprocessableEntity, "Deferred proofs are not served", false},
	{rateLimited, http.StatusTooManyRequests, "Too many refused requests", false},
	{ledger.Busy, http.StatusTooManyRequests, "The log is busy", false},
	{internalError, http.StatusInternalServerError, "The log failed", false},
	{ledger.Unavailable, http.StatusServiceUnavailable, "The log is not available", false},
	{ledger.OutcomeUnknown, http.StatusServiceUnavailable, "The outcome is not known", false},
}

// typeOf finds a code's row. A code without one is a mistake of ours, and answered as such.
func typeOf(code ledger.Code) problemType {
	for _, t := range problemTypes {
		if t.code == code {
			return t
		}
	}
	return typeOf(internalError)
}

// retryAfter is how many seconds a client should wait, 0 where waiting doesn't help.
func retryAfter(t problemType, r *ledger.Refusal) int64 {
	if t.status != http.StatusTooManyRequests && t.status != http.StatusServiceUnavailable {
		return 0
	}
	return max(1, int64(math.Ceil(r.RetryAfter.Seconds())))
}

// appendProblem appends the problem document of a refusal (RFC 9457).
func appendProblem(b []byte, refusal *ledger.Refusal) []byte {
	t := typeOf(refusal.Code)
	b = append(b, `{"type":"`+problemBase...)
	b = append(b, t.code...)
	b = append(b, `","title":`...)
	b = appendString(b, t.title)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(t.status), 10)
	b = append(b, `,"detail":`...)
	b = appendString(b, refusal.Detail)
	b = append(b, `,"code":`...)
	b = appendString(b, string(t.code))
	if refusal.Check != "" {
		b = append(b, `,"check":`...)
		b = appendString(b, refusal.Check)
	}
	if refusal.Expected != nil {
		b = append(b, `,"expected":`...)
		b = appendNext(b, *refusal.Expected)
	}
	if wait := retryAfter(t, refusal); wait > 0 {
		b = append(b, `,"retryAfter":`...)
		b = strconv.AppendInt(b, wait, 10)
	}
	return append(b, '}')
}

// refuse answers with the problem document of a refusal.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, refusal *ledger.Refusal) {
	t := typeOf(refusal.Code)
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	for _, name := range []string{"Content-Encoding", "Content-Length", "ETag", "Last-Modified"} {
		h.Del(name)
	}
	if t.status == http.StatusUnauthorized { // RFC 9110, section 11.6.1
		h.Set("WWW-Authenticate", `DSSE realm="`+s.ledger.Origin()+`"`)
	}
	if wait := retryAfter(t, refusal); wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(wait, 10))
	}
	w.WriteHeader(t.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(appendProblem(nil, refusal), '\n')) // the client is gone if this fails, and nobody else cares
	}
}

// fail answers with the problem that an error stands for.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.refuse(w, r, s.refusal(r.Context(), err))
}

// refusal finds the refusal in an error. What is none is logged here, because the client won't be told.
func (s *server) refusal(ctx context.Context, err error) *ledger.Refusal {
	var refusal *ledger.Refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &tooLarge):
		return &ledger.Refusal{Code: ledger.TooLarge, Detail: "The body may have at most " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes: send less at once."}
	case errors.Is(err, context.DeadlineExceeded):
		return &ledger.Refusal{Code: ledger.Unavailable, Detail: "The log did not answer in time: try again later.", RetryAfter: time.Second}
	case errors.Is(err, context.Canceled): // the client left, or the server stops
		return &ledger.Refusal{Code: ledger.Unavailable, Detail: "The request was broken off: try again.", RetryAfter: time.Second}
	}
	s.logger.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request", requestID(ctx)), slog.Any("err", err))
	return &ledger.Refusal{Code: internalError, Detail: "The log failed to answer. Its operator finds the cause in the server's log, under the request id in the X-Request-Id header."}
}

func refusef(code ledger.Code, detail string) *ledger.Refusal {
	return &ledger.Refusal{Code: code, Detail: detail}
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string can't fail
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
