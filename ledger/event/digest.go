package event

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event/canon"
)

// Digest is a SHA-256 digest: of a payload (the event digest), of a key (keyid), of a verifying key (a statement's identity).
type Digest [32]byte

// String is the digest as 64 lower-case hex digits, the only form that attestlog writes.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero tells whether d is 32 zero bytes, which stands for "none": for instance as prev of a source's first event.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText and UnmarshalText let a Digest stand in JSON as hex digits.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText is the inverse of MarshalText.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDigest(string(b))
	return err
}

// ParseDigest reads 64 lower-case hex digits.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if err := parseHex32(d[:], s); err != nil {
		return Digest{}, fmt.Errorf("not a digest: %w", err)
	}
	return d, nil
}

// Element is an element of the scalar field of BN254: 32 bytes, big-endian, below the order r.
type Element [32]byte

// order is r, the order of BN254's groups and so the modulus of the field that proofs compute in.
var order = [32]byte{
	0x30, 0x64, 0x4e, 0x72, 0xe1, 0x31, 0xa0, 0x29, 0xb8, 0x50, 0x45, 0xb6, 0x81, 0x81, 0x58, 0x5d,
	0x28, 0x33, 0xe8, 0x48, 0x79, 0xb9, 0x70, 0x91, 0x43, 0xe1, 0xf5, 0x93, 0xf0, 0x00, 0x00, 0x01,
}

// Valid tells whether e is below r. Decoding and ParseElement only give valid elements.
func (e Element) Valid() bool { return bytes.Compare(e[:], order[:]) < 0 }

// String is the element as 64 lower-case hex digits.
func (e Element) String() string { return hex.EncodeToString(e[:]) }

// MarshalText and UnmarshalText let an Element stand in JSON as hex digits.
func (e Element) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, e[:]), nil }

// UnmarshalText is the inverse of MarshalText.
func (e *Element) UnmarshalText(b []byte) (err error) {
	*e, err = ParseElement(string(b))
	return err
}

// ParseElement reads 64 lower-case hex digits that make a number below r.
func ParseElement(s string) (Element, error) {
	var e Element
	if err := parseHex32(e[:], s); err != nil {
		return Element{}, fmt.Errorf("not a field element: %w", err)
	}
	if !e.Valid() {
		return Element{}, fmt.Errorf("not a field element: the number is not below the order of the field")
	}
	return e, nil
}

func parseHex32(dst []byte, s string) error {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 || hex.EncodeToString(b) != s {
		return fmt.Errorf("want 64 lower-case hex digits, not %q", canon.Clip(s))
	}
	copy(dst, b)
	return nil
}

// element describes a member that is a field element.
func element(o *canon.Object, name string, e *Element) {
	o.Hex(name, e[:])
	if o.Err() == nil && !e.Valid() {
		o.Fail(name, "the number is not below the order of the field")
	}
}

// DigestOf is the event digest of a payload: its identity for prev, for finding it, and for ctx.
func DigestOf(payload []byte) Digest { return sha256.Sum256(payload) }

// KeyID names a public key: its SHA-256.
func KeyID(key ed25519.PublicKey) Digest { return sha256.Sum256(key) }

// Context is ctx, the first public input of every circuit: the first 31 bytes of
//
//	SHA-256("attestlog/ctx/v1" ‖ origin ‖ vk digest ‖ event digest)
//
// as a big-endian number. It ties a proof to one event of one source in one log, under one circuit.
func Context(origin string, vk, event Digest) Element {
	h := sha256.New()
	h.Write([]byte("attestlog/ctx/v1"))
	h.Write([]byte(origin))
	h.Write(vk[:])
	h.Write(event[:])
	var e Element
	copy(e[1:], h.Sum(nil)[:31])
	return e
}
