// Package event says what an entry of the log is: the table of kinds, what each claims, and the one byte form of it all.
//
// An entry has three layers, and each has its own author:
//
//	Leaf      what the Merkle tree hashes: a submission, and the time at which the log took it (the log's word)
//	Envelope  a DSSE envelope with one Ed25519 signature (the source's word)
//	Event     the payload in the envelope, an in-toto Statement v1: who, about what, and the claims
//
// The payload's SHA-256 is the event digest, the identity of the event wherever one is needed. A proof stands beside the
// envelope, not in it, and never identifies anything: whoever has a Groth16 proof can make another one that is as valid.
//
// Leaf and payload are canonical JSON (package canon; SPEC.md has the bytes): what doesn't encode to the same bytes again doesn't decode.
// This package depends on nothing but the standard library, Unicode tables, a JCS library and DSSE's pre-authentication
// encoding, so that anyone can vendor it.
package event

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/attestlog/attestlog/ledger/event/canon"
)

// ProofMode says how an event of a provable kind is proven. It stands in the signed payload, so nobody can strip a proof and
// pass the event off as one that never had any.
type ProofMode string

const (
	ProofInline   ProofMode = "inline"   // the proof comes with the event, and the log refuses the event without it
	ProofDeferred ProofMode = "deferred" // the proving worker adds an attestation later
	ProofNone     ProofMode = "none"     // the claims are the source's word alone
)

// Event is the payload of an entry.
type Event struct {
	// Subject is the AI system or data set that the event is about.
	Subject Subject
	// Log is the origin of the one log that this event is meant for.
	Log string
	// Source is who says it: "name/instance", one instance per replica of a service.
	Source string
	// Seq numbers the source's events from 1, without gaps, across rotations of its key.
	Seq int64
	// Prev is the digest of the source's event before this one; zero for the first.
	Prev Digest
	// Time is the source's clock in milliseconds since 1970. Nobody vouches for it.
	Time int64
	// Proof says whether the claims are proven; only kinds that are Provable may say anything but ProofNone.
	Proof ProofMode
	// Statement identifies the statement that is proven, by its verifying key's digest; zero iff Proof is ProofNone.
	Statement Digest
	// Witness is the SHA-256 of the encrypted witness; zero unless Proof is ProofDeferred.
	Witness Digest
	// Claims is what is said; its type determines the kind.
	Claims Claims

	// What follows is optional, and nothing is derived from it.

	Purpose      string      // why, in the source's words
	Jurisdiction string      // whose law, such as "EU" or "DE"
	Retention    string      // how long the source keeps the private data: an ISO 8601 duration such as "P10Y"
	Period       *Period     // the time that the event speaks of, where that is not Time
	Correlation  Correlation // the same thing's name in other systems
}

// Subject names what an event is about, with a digest that pins it: of a model's weights, of a system's release, of a data set's file.
type Subject struct {
	Name   string // 1 to 256 bytes
	Digest Digest // SHA-256
}

// Period is a time span in milliseconds since 1970, From ≤ To.
type Period struct{ From, To int64 }

// Correlation names runs in other systems; empty strings are absent.
type Correlation struct {
	MLflow      string // an MLflow run id
	OpenLineage string // an OpenLineage run id
}

// maxTime is the last millisecond of the year 9999.
const maxTime = 253402300799999

// isRetention tells whether s is a duration of years, months and days as ISO 8601 writes it: P([0-9]{1,4}Y)?([0-9]{1,4}M)?([0-9]{1,5}D)?, not
// all of them missing.
func isRetention(s string) bool {
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" {
		return false
	}
	for _, unit := range []struct {
		letter byte
		digits int
	}{{'Y', 4}, {'M', 4}, {'D', 5}} {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		if n > 0 && n <= unit.digits && n < len(rest) && rest[n] == unit.letter {
			rest = rest[n+1:]
		}
	}
	return rest == ""
}

// CheckSource tells whether name can name a source.
func CheckSource(name string) error {
	service, instance, ok := strings.Cut(name, "/")
	if !ok || !isPlain(service, 64, isSourceByte) || !isPlain(instance, 64, isSourceByte) {
		return fmt.Errorf("%q can't name a source: want name/instance, each of 1 to 64 of a-z 0-9 . _ -", canon.Clip(name))
	}
	return nil
}

// CheckOrigin tells whether origin can name a log. It becomes the key name of signed notes, which must not hold spaces or '+'.
func CheckOrigin(origin string) error {
	if !isPlain(origin, 128, isOriginByte) {
		return fmt.Errorf("%q can't name a log: want 1 to 128 of a-z A-Z 0-9 . _ ~ / : -", canon.Clip(origin))
	}
	return nil
}

// isPlain tells whether s has 1 to max bytes that are all allowed, the first of them a letter or a digit. It stands in for a
// regular expression because every event passes here.
func isPlain(s string, max int, allowed func(byte) bool) bool {
	if len(s) == 0 || len(s) > max || strings.IndexByte("._~/:-", s[0]) >= 0 {
		return false
	}
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

func isSourceByte(b byte) bool {
	return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '.' || b == '_' || b == '-'
}

func isOriginByte(b byte) bool {
	return isSourceByte(b) || 'A' <= b && b <= 'Z' || b == '~' || b == '/' || b == ':'
}

// Kind is the kind of the claims.
func (e *Event) Kind() Kind { return e.Claims.Kind() }

// Encode is the canonical payload. Its errors name the member that has no canonical form.
func (e *Event) Encode() ([]byte, error) {
	if e.Claims == nil {
		return nil, fmt.Errorf("couldn't encode the event: it claims nothing")
	}
	b, err := canon.Encode(e.members)
	if err == nil && len(b) > MaxPayload {
		err = fmt.Errorf("the payload has %d bytes, and at most %d are allowed", len(b), MaxPayload)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the event: %w", err)
	}
	return b, nil
}

// Decode reads a payload, strictly: Encode gives the same bytes again.
func Decode(payload []byte) (*Event, error) {
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("not an event: the payload has %d bytes, and at most %d are allowed", len(payload), MaxPayload)
	}
	kind, err := findKind(payload)
	if err != nil {
		return nil, fmt.Errorf("not an event: %w", err)
	}
	e := &Event{Claims: kind.NewClaims()}
	if err := canon.Decode(payload, e.members); err != nil {
		return nil, fmt.Errorf("not an event: %w", err)
	}
	return e, nil
}

// findKind looks ahead for the predicate type, which in canonical order follows the claims that it describes. It is a guess
// that decoding confirms: there the type stands as a literal, in its place.
func findKind(payload []byte) (Kind, error) {
	const member = `,"predicateType":"`
	at := bytes.LastIndex(payload, []byte(member))
	if at < 0 {
		return 0, &canon.Error{Path: "predicateType", Offset: len(payload), Reason: "this member is missing"}
	}
	rest := payload[at+len(member):]
	if end := bytes.IndexByte(rest, '"'); end >= 0 {
		for k, name := range predicateTypes {
			if name != "" && name == string(rest[:end]) {
				return Kind(k), nil
			}
		}
	}
	return 0, &canon.Error{Path: "predicateType", Offset: at + len(member), Reason: "this is no kind of event that is known: want " +
		typeBase + "<kind>/v1, with one of the kinds " + strings.Join(kindNames(), ", ")}
}

func (e *Event) members(o *canon.Object) {
	o.Literal("_type", "https://in-toto.io/Statement/v1")
	o.Object("predicate", e.predicate)
	o.Literal("predicateType", e.Kind().predicateType())
	one := 1
	o.List("subject", &one, 1, 1, func(_ int, el *canon.Element) { el.Object(e.Subject.members) })
}

func (s *Subject) members(o *canon.Object) {
	o.Object("digest", func(o *canon.Object) { o.Hex("sha256", s.Digest[:]) })
	o.Text("name", &s.Name, 1, 256)
}

func (e *Event) predicate(o *canon.Object) {
	o.Object("claims", e.Claims.members)
	if o.Has("correlation", e.Correlation != Correlation{}) {
		o.Object("correlation", e.Correlation.members)
	}
	if o.Has("jurisdiction", e.Jurisdiction != "") {
		o.Text("jurisdiction", &e.Jurisdiction, 1, 64)
	}
	o.Text("log", &e.Log, 1, 128)
	check(o, "log", CheckOrigin, e.Log)
	if o.Has("period", e.Period != nil) {
		if o.Reading() {
			e.Period = new(Period)
		}
		o.Object("period", e.Period.members)
	}
	o.Hex("prev", e.Prev[:])
	o.Word("proof", (*string)(&e.Proof), string(ProofDeferred), string(ProofInline), string(ProofNone))
	if o.Has("purpose", e.Purpose != "") {
		o.Text("purpose", &e.Purpose, 1, 256)
	}
	if o.Has("retention", e.Retention != "") {
		o.Text("retention", &e.Retention, 1, 32)
		if o.Err() == nil && !isRetention(e.Retention) {
			o.Fail("retention", "want an ISO 8601 duration of years, months and days, such as P10Y")
		}
	}
	o.Int("seq", &e.Seq, 1, canon.MaxInt)
	o.Text("source", &e.Source, 3, 129)
	check(o, "source", CheckSource, e.Source)
	optional(o, "statement", &e.Statement)
	o.Int("time", &e.Time, 0, maxTime)
	optional(o, "witness", &e.Witness)
	e.checkProof(o)
}

// checkProof holds the members together that say how the event is proven.
func (e *Event) checkProof(o *canon.Object) {
	switch {
	case o.Err() != nil:
	case e.Proof != ProofNone && !e.Kind().Provable():
		o.Fail("proof", "there is no statement about events of kind %s: want \"none\"", e.Kind())
	case e.Proof == ProofDeferred && e.Kind() == Custom:
		o.Fail("proof", "no proving worker has somebody else's circuit: want \"inline\" or \"none\"")
	case e.Proof == ProofNone && !e.Statement.IsZero():
		o.Fail("statement", "an event without a proof names no statement")
	case e.Proof != ProofNone && e.Statement.IsZero():
		o.Fail("statement", "an event with a proof names its statement by the digest of its verifying key")
	case e.Proof == ProofDeferred && e.Witness.IsZero():
		o.Fail("witness", "an event whose proof is deferred carries the SHA-256 of its encrypted witness")
	case e.Proof != ProofDeferred && !e.Witness.IsZero():
		o.Fail("witness", "only an event whose proof is deferred has a witness")
	case e.Seq == 1 && !e.Prev.IsZero():
		o.Fail("prev", "a source's first event has 64 zeros here")
	case e.Seq > 1 && e.Prev.IsZero():
		o.Fail("prev", "only a source's first event has zeros here")
	}
}

func (p *Period) members(o *canon.Object) {
	o.Int("from", &p.From, 0, maxTime)
	o.Int("to", &p.To, 0, maxTime)
	if o.Err() == nil && p.From > p.To {
		o.Fail("to", "the period ends before it begins")
	}
}

func (c *Correlation) members(o *canon.Object) {
	if o.Has("mlflow", c.MLflow != "") {
		o.Text("mlflow", &c.MLflow, 1, 128)
	}
	if o.Has("openlineage", c.OpenLineage != "") {
		o.Text("openlineage", &c.OpenLineage, 1, 128)
	}
	if o.Err() == nil && *c == (Correlation{}) {
		o.Fail("mlflow", "name at least one run, or leave the correlation out")
	}
}

// optional describes a digest that may be absent, which is not the same as zeros.
func optional(o *canon.Object, name string, d *Digest) {
	if o.Has(name, !d.IsZero()) {
		o.Hex(name, d[:])
		if o.Err() == nil && d.IsZero() {
			o.Fail(name, "zeros stand for nothing here: leave the member out")
		}
	}
}

// check runs a test of form over a member that was just described.
func check(o *canon.Object, name string, test func(string) error, value string) {
	if o.Err() != nil {
		return
	}
	if err := test(value); err != nil {
		o.Fail(name, "%s", err)
	}
}
