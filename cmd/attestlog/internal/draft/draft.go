// Package draft reads and writes what a person, or a program, wants to say before it is an event: claims about a subject, as
// a JSON file. The rest of an event (which log, who, with what number, when, under which statement) is filled in when it is submitted.
//
//	{
//	  "kind": "data-access",
//	  "subject": {"name": "credit-scorer", "digest": {"sha256": "…"}},
//	  "claims": {…},
//	  "purpose": "…", "jurisdiction": "EU", "retention": "P10Y", "period": {…}, "correlation": {…}     (all optional)
//	}
//
// Members are spelt and checked as in an event (ledger/event/SPEC.md): no unknown ones, none twice.
package draft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gowebpki/jcs"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/canon"
)

// MaxFile bounds a draft, in bytes: a payload fits a leaf of 64 KiB, and a person may indent it.
const MaxFile = 256 << 10

// Draft is what is to be said.
type Draft struct {
	Subject      event.Subject
	Claims       event.Claims
	Purpose      string
	Jurisdiction string
	Retention    string
	Period       *event.Period
	Correlation  event.Correlation
}

// file is a draft as it stands in JSON. What an event has in its predicate keeps its name.
type file struct {
	Kind         string          `json:"kind"`
	Subject      json.RawMessage `json:"subject"`
	Claims       json.RawMessage `json:"claims"`
	Purpose      json.RawMessage `json:"purpose,omitempty"`
	Jurisdiction json.RawMessage `json:"jurisdiction,omitempty"`
	Retention    json.RawMessage `json:"retention,omitempty"`
	Period       json.RawMessage `json:"period,omitempty"`
	Correlation  json.RawMessage `json:"correlation,omitempty"`
}

// Event makes an event of the draft for a log and a source, as the number seq after prev. It carries no proof: the caller sets
// Proof and Statement where one will.
func (d *Draft) Event(log, source string, seq int64, prev event.Digest, now int64) *event.Event {
	return &event.Event{
		Subject: d.Subject, Log: log, Source: source, Seq: seq, Prev: prev, Time: now, Proof: event.ProofNone, Claims: d.Claims,
		Purpose: d.Purpose, Jurisdiction: d.Jurisdiction, Retention: d.Retention, Period: d.Period, Correlation: d.Correlation,
	}
}

// Of is the draft that an event was made of.
func Of(e *event.Event) *Draft {
	return &Draft{Subject: e.Subject, Claims: e.Claims, Purpose: e.Purpose, Jurisdiction: e.Jurisdiction, Retention: e.Retention,
		Period: e.Period, Correlation: e.Correlation}
}

// The parts of an event that a draft leaves open, filled with something valid so that the event package's own reader and
// writer do all the checking.
const (
	anyLog    = "draft"
	anySource = "draft/draft"
)

// Encode writes the draft as indented JSON. It fails where no event could say the same.
func (d *Draft) Encode() ([]byte, error) {
	payload, err := d.Event(anyLog, anySource, 1, event.Digest{}, 0).Encode()
	if err != nil {
		return nil, plain(err)
	}
	var statement struct {
		Subject   []json.RawMessage `json:"subject"`
		Predicate file              `json:"predicate"`
	}
	if err := json.Unmarshal(payload, &statement); err != nil {
		return nil, fmt.Errorf("couldn't read back the event: %w", err)
	}
	f := statement.Predicate
	f.Kind, f.Subject = d.Claims.Kind().String(), statement.Subject[0]
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(f); err != nil {
		return nil, fmt.Errorf("couldn't write the draft: %w", err)
	}
	return b.Bytes(), nil
}

// Decode reads a draft, strictly.
func Decode(b []byte) (*Draft, error) {
	if len(b) > MaxFile {
		return nil, fmt.Errorf("the file has %d bytes, and at most %d are allowed", len(b), MaxFile)
	}
	if err := checkJSON(b); err != nil {
		return nil, err
	}
	var f file
	if err := checkMembers(b); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("want an object with kind, subject and claims: %w", err)
	}
	kind, err := event.ParseKind(f.Kind)
	if err != nil {
		return nil, fmt.Errorf("kind: %w", err)
	}
	payload, err := f.payload(kind)
	if err != nil {
		return nil, err
	}
	e, err := event.Decode(payload)
	if err != nil {
		return nil, plain(err)
	}
	return Of(e), nil
}

// checkJSON says where the text stops being JSON, by line; and refuses members that stand twice.
func checkJSON(b []byte) error {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(b, new(json.RawMessage)); errors.As(err, &syntax) {
		at := min(int(syntax.Offset), len(b))
		return fmt.Errorf("line %d: this is not JSON: %w", bytes.Count(b[:at], []byte("\n"))+1, err)
	}
	if _, err := jcs.Transform(b); err != nil {
		return fmt.Errorf("this is not JSON as RFC 8785 wants it: %w", err)
	}
	return nil
}

// checkMembers refuses what encoding/json would let pass: unknown members, and known ones spelt with other capitals.
func checkMembers(b []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return fmt.Errorf("want an object with kind, subject and claims: %w", err)
	}
	for name := range members {
		switch name {
		case "kind", "subject", "claims", "purpose", "jurisdiction", "retention", "period", "correlation":
		default:
			return fmt.Errorf("the member %q is not known here: want kind, subject, claims, and perhaps purpose, jurisdiction, retention, period, correlation", canon.Clip(name))
		}
	}
	return nil
}

// payload completes the draft to an event.
func (f *file) payload(kind event.Kind) ([]byte, error) {
	predicate := map[string]any{
		"log": anyLog, "source": anySource, "seq": 1, "prev": event.Digest{}, "time": 0, "proof": event.ProofNone,
	}
	for name, value := range map[string]json.RawMessage{"claims": f.Claims, "purpose": f.Purpose, "jurisdiction": f.Jurisdiction,
		"retention": f.Retention, "period": f.Period, "correlation": f.Correlation} {
		if value != nil {
			predicate[name] = value
		}
	}
	subject := []json.RawMessage{}
	if f.Subject != nil {
		subject = append(subject, f.Subject)
	}
	b, err := json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"predicateType": "https://github.com/attestlog/attestlog/" + kind.String() + "/v1",
		"predicate":     predicate,
		"subject":       subject,
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't complete the draft: %w", err)
	}
	payload, err := jcs.Transform(b)
	if err != nil {
		return nil, fmt.Errorf("this is not JSON as RFC 8785 wants it: %w", err)
	}
	return payload, nil
}

// plain names members as the draft does, and leaves out byte offsets, which are those of an event that nobody has seen.
func plain(err error) error {
	var wrong *canon.Error
	if !errors.As(err, &wrong) {
		return err
	}
	path := wrong.Path
	for _, prefix := range []string{"predicate.", "subject[0]."} {
		if len(path) > len(prefix) && path[:len(prefix)] == prefix {
			path = path[len(prefix):]
			if prefix == "subject[0]." {
				path = "subject." + path
			}
		}
	}
	return fmt.Errorf("%s: %s", path, wrong.Reason)
}
