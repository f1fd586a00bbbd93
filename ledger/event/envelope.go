package event

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/attestlog/attestlog/ledger/event/canon"
)

// PayloadType is the DSSE payload type of every event: an in-toto Statement in JSON.
const PayloadType = "application/vnd.in-toto+json"

const (
	// MaxLeaf is the size of the largest leaf in bytes: what the 16-bit length of a C2SP tlog-tiles entry bundle can express.
	MaxLeaf = 65535
	// MaxProof bounds a proof's bytes: Groth16 with a handful of commitments stays far below.
	MaxProof = 1024
	// MaxWitness bounds a sealed witness, in bytes: what prover/witness seals at most.
	MaxWitness = 1<<20 + 64<<10
	// MaxPayload bounds a payload so that its leaf, in base64 with everything around it, stays within MaxLeaf.
	MaxPayload = (MaxLeaf - 2048) / 4 * 3
)

// ErrSignature says that an envelope's signature does not verify under the key that it names.
var ErrSignature = errors.New("the signature does not verify")

// Envelope is a payload signed by its source: a DSSE envelope (github.com/secure-systems-lab/dsse, v1.0) with exactly one Ed25519 signature.
type Envelope struct {
	Payload   []byte // canonical, see Event.Encode
	KeyID     Digest // SHA-256 of the public key
	Signature [ed25519.SignatureSize]byte
}

// Sign signs a payload.
func Sign(payload []byte, key ed25519.PrivateKey) Envelope {
	e := Envelope{Payload: payload, KeyID: KeyID(key.Public().(ed25519.PublicKey))}
	copy(e.Signature[:], ed25519.Sign(key, preAuthentication(payload)))
	return e
}

// Verify checks the signature under key, which must be the one that the envelope names. Its errors wrap ErrSignature.
func (e *Envelope) Verify(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize || KeyID(key) != e.KeyID {
		return fmt.Errorf("%w: the envelope names key %s, not this one", ErrSignature, e.KeyID)
	}
	if !ed25519.Verify(key, preAuthentication(e.Payload), e.Signature[:]) {
		return fmt.Errorf("%w under key %s", ErrSignature, e.KeyID)
	}
	return nil
}

// preAuthentication is what the signature signs: DSSE's pre-authentication encoding of the payload and its type (protocol.md of DSSE v1.0: PAE). The
// library has it, too, and the tests hold this against it; but with it come SSH and X.509, which no verifier needs.
func preAuthentication(payload []byte) []byte {
	const front = "DSSEv1 "
	b := make([]byte, 0, len(front)+len(PayloadType)+len(payload)+16)
	b = append(strconv.AppendInt(append(b, front...), int64(len(PayloadType)), 10), ' ')
	b = append(append(b, PayloadType...), ' ')
	return append(append(strconv.AppendInt(b, int64(len(payload)), 10), ' '), payload...)
}

// Digest is the event digest.
func (e *Envelope) Digest() Digest { return DigestOf(e.Payload) }

func (e *Envelope) members(o *canon.Object) {
	o.Bytes("payload", &e.Payload, 2, MaxPayload)
	o.Literal("payloadType", PayloadType)
	one := 1
	o.List("signatures", &one, 1, 1, func(_ int, el *canon.Element) {
		el.Object(func(o *canon.Object) {
			o.Hex("keyid", e.KeyID[:])
			signature := e.Signature[:]
			o.Bytes("sig", &signature, ed25519.SignatureSize, ed25519.SignatureSize)
			if o.Reading() { // encoding leaves the envelope alone: several goroutines may encode the same one
				copy(e.Signature[:], signature)
			}
		})
	})
}

// Submission is what a source sends: its envelope, and what the payload says comes with it: the proof, or the sealed witness from
// which a proving worker makes the proof later.
type Submission struct {
	Envelope Envelope
	Proof    []byte // where the payload says proof: inline, else empty; prover/zkverify says what it looks like
	// Witness is there where the payload says proof: deferred, else empty: an age ciphertext whose SHA-256 stands in the payload. It is
	// for the proving worker alone, and never part of the leaf.
	Witness []byte
}

func (s *Submission) members(o *canon.Object) {
	s.leafMembers(o)
	if o.Has("witness", len(s.Witness) > 0) {
		o.Bytes("witness", &s.Witness, 1, MaxWitness)
	}
}

// leafMembers are what a leaf has of a submission.
func (s *Submission) leafMembers(o *canon.Object) {
	s.attestation(o)
	o.Object("envelope", s.Envelope.members)
}

// WithoutWitness is what the log keeps of a submission: its canonical form is that of the leaf, less the log's time.
func (s *Submission) WithoutWitness() *Submission {
	return &Submission{Envelope: s.Envelope, Proof: s.Proof}
}

// attestation is where the proof stands: beside the envelope, because the payload can't contain a proof about itself.
func (s *Submission) attestation(o *canon.Object) {
	if o.Has("attestation", len(s.Proof) > 0) {
		o.Object("attestation", func(o *canon.Object) { o.Bytes("proof", &s.Proof, 1, MaxProof) })
	}
}

// room is enough of it for the canonical form of the submission, or of a leaf that has it.
func (s *Submission) room() []byte {
	const around = 320 // what stands around payload, proof and witness: member names, the key's id, the signature, a leaf's time
	length := base64.StdEncoding.EncodedLen
	return make([]byte, 0, length(len(s.Envelope.Payload))+length(len(s.Proof))+length(len(s.Witness))+around)
}

// Encode is the canonical form of the submission.
func (s *Submission) Encode() ([]byte, error) {
	b, err := canon.AppendEncode(s.room(), s.members)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the submission: %w", err)
	}
	return b, nil
}

// DecodeSubmission reads a submission, strictly: Encode gives b again. The package typed reads what people write. The payload inside is not looked into.
func DecodeSubmission(b []byte) (*Submission, error) {
	s := new(Submission)
	if err := canon.Decode(b, s.members); err != nil {
		return nil, fmt.Errorf("not a submission: %w", err)
	}
	return s, nil
}

// Leaf is an entry of the log: a submission, without a witness, and the time at which the log took it.
type Leaf struct {
	Submission
	Logged int64 // milliseconds since 1970, the log's word, never decreasing from leaf to leaf
}

func (l *Leaf) members(o *canon.Object) {
	l.leafMembers(o)
	o.Int("logged", &l.Logged, 0, maxTime)
}

// Encode is the canonical form of the leaf, the bytes that the Merkle tree hashes: at most MaxLeaf of them.
func (l *Leaf) Encode() ([]byte, error) {
	b, err := canon.AppendEncode(l.WithoutWitness().room(), l.members)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the leaf: %w", err)
	}
	if len(b) > MaxLeaf {
		return nil, fmt.Errorf("couldn't encode the leaf: it has %d bytes, and at most %d are allowed", len(b), MaxLeaf)
	}
	return b, nil
}

// DecodeLeaf reads a leaf, strictly: Encode gives b again. The payload inside is not looked into; see Open.
func DecodeLeaf(b []byte) (*Leaf, error) {
	if len(b) > MaxLeaf {
		return nil, fmt.Errorf("not a leaf: it has %d bytes, and at most %d are allowed", len(b), MaxLeaf)
	}
	l := new(Leaf)
	if err := canon.Decode(b, l.members); err != nil {
		return nil, fmt.Errorf("not a leaf: %w", err)
	}
	return l, nil
}

// Open decodes the payload. It does not verify the signature: that takes the source's key.
func (e *Envelope) Open() (*Event, error) { return Decode(e.Payload) }
