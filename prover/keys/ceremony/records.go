package ceremony

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"unicode"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/canon"
)

// The formats of a ceremony's JSON files. All are in the canonical form of package canon (RFC 8785, no line feed at the end), so that a
// file's SHA-256 is a digest of what it says.
const (
	manifestFormat   = "attestlog-ceremony/v1"
	phase1Format     = "attestlog-ceremony-phase-1/v1"
	sealedFormat     = "attestlog-ceremony-sealed-phase-1/v1"
	transcriptFormat = "attestlog-ceremony-transcript/v1"
)

// Bounds of what a ceremony may be.
const (
	MaxContributions = 1000 // of one phase
	MaxName          = 64   // bytes of a contributor's name
	MaxSource        = 512  // bytes of the sentence on a beacon
	MinBeacon        = 16   // bytes
	MaxBeacon        = 1024 // bytes
	minDomain        = 4
	maxDomain        = 1 << 28 // the most that BN254's scalar field has roots of unity for
	maxRecord        = 1 << 20 // bytes of a JSON file
)

// Manifest is ceremony.json: what keys are made for.
type Manifest struct {
	ConstraintSystem event.Digest // of the circuit, see [keys.ConstraintSystemDigest]
	Constraints      int64
	N                int64        // size of the domain: the power of two that is not less than Constraints
	Phase1           event.Digest // SHA-256 of phase1/manifest.json
	Statement        string       // its name
}

func (m *Manifest) members(o *canon.Object) {
	o.Hex("constraintSystem", m.ConstraintSystem[:])
	o.Int("constraints", &m.Constraints, 1, maxDomain)
	o.Literal("format", manifestFormat)
	domain(o, &m.N)
	o.Hex("phase1", m.Phase1[:])
	o.Text("statement", &m.Statement, 1, 64)
}

// phase1Manifest is phase1/manifest.json. The nonce tells one first phase from every other.
type phase1Manifest struct {
	N     int64
	Nonce event.Digest
}

func (m *phase1Manifest) members(o *canon.Object) {
	o.Literal("format", phase1Format)
	domain(o, &m.N)
	o.Hex("nonce", m.Nonce[:])
}

// Contribution is what a transcript says of one.
type Contribution struct {
	Digest event.Digest // SHA-256 of its file
	Name   string       // by which the contributor wants to be known; nobody checks it
}

// Beacon is public randomness that nobody knew before the last contribution of the phase that it seals.
type Beacon struct {
	Value  []byte
	Source string // a sentence that lets others look it up
}

// Check says whether a beacon may be used.
func (b *Beacon) Check() error {
	if len(b.Value) < MinBeacon || len(b.Value) > MaxBeacon {
		return fmt.Errorf("a beacon has %d to %d bytes, not %d", MinBeacon, MaxBeacon, len(b.Value))
	}
	return checkLine("the sentence on where the beacon comes from", b.Source, MaxSource)
}

// checkLine says whether others can be shown a text as it is.
func checkLine(what, s string, most int) error {
	if s == "" {
		return fmt.Errorf("%s is missing", what)
	}
	for _, r := range s {
		if r == unicode.ReplacementChar || !unicode.IsGraphic(r) {
			return fmt.Errorf("%s has characters that can't be shown", what)
		}
	}
	if _, err := canon.Encode(func(o *canon.Object) { o.Text("text", &s, 1, most) }); err != nil {
		return fmt.Errorf("%s can't be used: %w", what, err)
	}
	return nil
}

// PhaseRecord is what a transcript says of a phase.
type PhaseRecord struct {
	Beacon        Beacon
	Contributions []Contribution // in order
}

func (p *PhaseRecord) beacon(o *canon.Object) {
	text := hex.EncodeToString(p.Beacon.Value)
	o.Text("beacon", &text, 2*MinBeacon, 2*MaxBeacon)
	if o.Err() != nil {
		return
	}
	value, err := hex.DecodeString(text)
	if err == nil && hex.EncodeToString(value) != text {
		err = errors.New("hex digits are lower-case")
	}
	if err != nil {
		o.Fail("beacon", "%s", err)
		return
	}
	p.Beacon.Value = value
}

func (p *PhaseRecord) contributions(o *canon.Object) {
	n := len(p.Contributions)
	o.List("contributions", &n, 1, MaxContributions, func(i int, e *canon.Element) {
		if o.Reading() {
			p.Contributions = append(p.Contributions, Contribution{})
		}
		c := &p.Contributions[i]
		e.Object(func(o *canon.Object) {
			o.Hex("digest", c.Digest[:])
			o.Text("name", &c.Name, 1, MaxName)
			line(o, "name", c.Name, MaxName)
		})
	})
}

func (p *PhaseRecord) source(o *canon.Object) {
	o.Text("source", &p.Beacon.Source, 1, MaxSource)
	line(o, "source", p.Beacon.Source, MaxSource)
}

func line(o *canon.Object, name, s string, most int) {
	if o.Err() == nil {
		if err := checkLine(name, s, most); err != nil {
			o.Fail(name, "%s", err)
		}
	}
}

func domain(o *canon.Object, n *int64) {
	o.Int("n", n, minDomain, maxDomain)
	if o.Err() == nil && bits.OnesCount64(uint64(*n)) != 1 {
		o.Fail("n", "a domain's size is a power of two")
	}
}

// sealedPhase1 is phase1/sealed.json.
type sealedPhase1 struct {
	PhaseRecord
	Manifest event.Digest // of phase1/manifest.json
	SRS      event.Digest // of phase1/sealed.srs
}

func (s *sealedPhase1) members(o *canon.Object) {
	s.beacon(o)
	s.contributions(o)
	o.Literal("format", sealedFormat)
	o.Hex("manifest", s.Manifest[:])
	s.source(o)
	o.Hex("srs", s.SRS[:])
}

// Transcript is transcript.json: the whole ceremony in digests. The SHA-256 of the file is what the statement's entry in a log names.
type Transcript struct {
	ConstraintSystem event.Digest
	Manifest         event.Digest // SHA-256 of ceremony.json
	N                int64
	Phase1           PhaseRecord
	Phase1Manifest   event.Digest // SHA-256 of phase1/manifest.json
	SRS              event.Digest // SHA-256 of phase1/sealed.srs
	Phase2           PhaseRecord
	Start            event.Digest // SHA-256 of phase2/0000.mpc
	ProvingKey       event.Digest
	ProvingKeySize   int64
	Statement        string
	VerifyingKey     event.Digest // the statement's identity
}

func (t *Transcript) members(o *canon.Object) {
	o.Hex("constraintSystem", t.ConstraintSystem[:])
	o.Literal("format", transcriptFormat)
	o.Hex("manifest", t.Manifest[:])
	domain(o, &t.N)
	o.Object("phase1", func(o *canon.Object) {
		t.Phase1.beacon(o)
		t.Phase1.contributions(o)
		o.Hex("manifest", t.Phase1Manifest[:])
		t.Phase1.source(o)
		o.Hex("srs", t.SRS[:])
	})
	o.Object("phase2", func(o *canon.Object) {
		t.Phase2.beacon(o)
		t.Phase2.contributions(o)
		t.Phase2.source(o)
		o.Hex("start", t.Start[:])
	})
	o.Hex("provingKey", t.ProvingKey[:])
	o.Int("provingKeySize", &t.ProvingKeySize, 1, canon.MaxInt)
	o.Text("statement", &t.Statement, 1, 64)
	o.Hex("verifyingKey", t.VerifyingKey[:])
}

// Digest is the transcript's SHA-256.
func (t *Transcript) Digest() (event.Digest, error) {
	b, err := canon.Encode(t.members)
	if err != nil {
		return event.Digest{}, fmt.Errorf("couldn't encode transcript: %w", err)
	}
	return sha256.Sum256(b), nil
}

// ParseTranscript reads a transcript.json, strictly.
func ParseTranscript(b []byte) (*Transcript, error) {
	if len(b) > maxRecord {
		return nil, fmt.Errorf("couldn't parse transcript: %d bytes, at most %d are allowed", len(b), maxRecord)
	}
	t := new(Transcript)
	if err := canon.Decode(b, t.members); err != nil {
		return nil, fmt.Errorf("couldn't parse transcript: %w", err)
	}
	return t, nil
}
