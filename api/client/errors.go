package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Codes that a program branches on; api/PROBLEMS.md has them all.
const (
	CodeNotFound       = "not-found"
	CodeSequenceGap    = "sequence-gap"
	CodeSequenceFork   = "sequence-fork"
	CodeDependsOn      = "depends-on"
	CodeProofInvalid   = "proof-invalid"
	CodeAttested       = "already-attested"
	CodeDeferred       = "deferred-unavailable"
	CodeRevokedKey     = "revoked-key"
	CodeWrongKey       = "wrong-key"
	CodeUnknownSource  = "unknown-source"
	CodeOutcomeUnknown = "outcome-unknown"
)

// Problem is the log's refusal (RFC 9457).
type Problem struct {
	Type   string
	Title  string
	Status int
	Detail string // what is wrong and what to do
	Code   string // stable; empty if the answer was no problem document of the log
	Check  string // which check failed, where a code has several
	// Expected is what the source's next event must say, with CodeSequenceGap and CodeSequenceFork. It is the log's word:
	// hold it against what you know of your own source before you follow it.
	Expected *verify.Chain
	// RetryAfter is how long the log asks to wait; 0 if trying again doesn't help.
	RetryAfter time.Duration
}

func (p *Problem) Error() string {
	if p.Code == "" {
		return fmt.Sprintf("the log answered %d %s", p.Status, http.StatusText(p.Status))
	}
	return fmt.Sprintf("the log refused (%d %s): %s", p.Status, p.Code, p.Detail)
}

// Alarm says that the log, or whoever answered in its place, said what an honest log can't: keep the evidence, and tell
// others. Trying again can't make it good.
type Alarm struct {
	What string
	// Notes are the signed heads that the alarm is about, as received; those that the log's key signed are evidence.
	Notes [][]byte
	// Fork, if not nil, shows to anybody who knows the log's key that it signed two histories: keep its Encode, and give it to others.
	Fork *verify.Fork
	Err  error // may be nil
}

func (a *Alarm) Error() string {
	if a.Err == nil {
		return "ALARM: " + a.What
	}
	return "ALARM: " + a.What + ": " + a.Err.Error()
}

func (a *Alarm) Unwrap() error { return a.Err }

func alarm(err error, what string, args ...any) *Alarm {
	return &Alarm{What: fmt.Sprintf(what, args...), Err: err}
}

// wireProblem is a problem document as it comes.
type wireProblem struct {
	Type       string    `json:"type"`
	Title      string    `json:"title"`
	Status     int       `json:"status"`
	Detail     string    `json:"detail"`
	Code       string    `json:"code"`
	Check      string    `json:"check"`
	Expected   *wireNext `json:"expected"`
	RetryAfter int64     `json:"retryAfter"`
}

type wireNext struct {
	Prev event.Digest `json:"prev"`
	Seq  int64        `json:"seq"`
}

func (w *wireProblem) problem() *Problem {
	p := &Problem{Type: w.Type, Title: w.Title, Status: w.Status, Detail: w.Detail, Code: w.Code, Check: w.Check,
		RetryAfter: time.Duration(w.RetryAfter) * time.Second}
	if w.Expected != nil {
		p.Expected = &verify.Chain{Seq: w.Expected.Seq, Prev: w.Expected.Prev}
	}
	return p
}

// readProblem makes a Problem of an answer that is no success.
func readProblem(status int, header http.Header, body []byte) *Problem {
	p := &Problem{Status: status}
	if kind, _, err := mime.ParseMediaType(header.Get("Content-Type")); err == nil && kind == "application/problem+json" {
		var wire wireProblem
		if json.Unmarshal(body, &wire) == nil {
			p = wire.problem()
			p.Status = status
		}
	}
	if seconds, err := strconv.ParseInt(header.Get("Retry-After"), 10, 32); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}

// temporary tells whether the same request may succeed later.
func (p *Problem) temporary() bool {
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return true
	}
	return false
}

// HasCode tells whether err is a Problem of that code.
func HasCode(err error, code string) bool {
	var p *Problem
	return errors.As(err, &p) && p.Code == code
}
