package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"filippo.io/mldsa"
	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
)

// The signature types of keys that cosign (C2SP tlog-cosignature): Ed25519 and ML-DSA-44 with a time.
const (
	typeCosignatureV1 = 0x04
	typeMLDSA44       = 0x06
)

// What stands before a signature in the base64 of a note's line: the hash of the key, and a cosignature's time.
const (
	keyHashBytes = 4
	timeBytes    = 8
)

// cosigner verifies a witness's cosignatures, as c2sp.org/tlog-cosignature describes them: it is the note.Verifier of a witness's key. The signature
// that it is given begins with the time.
//
// It is written here, and held against two other implementations in the tests, because theirs bring along X.509 and all that it
// stands on, which nobody needs who vendors this package or loads it into a browser.
type cosigner struct {
	name   string
	hash   uint32
	signed func(time uint64, text []byte) ([]byte, bool) // the message that a cosignature of a note's text signs
	verify func(message, signature []byte) bool
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) < timeBytes {
		return false
	}
	at := binary.BigEndian.Uint64(signature)
	if at > math.MaxInt64 {
		return false
	}
	message, ok := c.signed(at, text)
	return ok && c.verify(message, signature[timeBytes:])
}

// newCosigner reads a witness's key: a vkey of C2SP signed-note, whose hash must be that of the key.
func newCosigner(vkey string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash16, key64, _ := strings.Cut(rest, "+")
	hash, err := strconv.ParseUint(hash16, 16, 32)
	if err != nil || len(hash16) != 2*keyHashBytes || !isKeyName(name) {
		return nil, errors.New("it is not a name, a hash of 8 hex digits and a key, joined by +")
	}
	key, err := base64.StdEncoding.DecodeString(key64)
	if err != nil || len(key) == 0 {
		return nil, errors.New("its key is not base64")
	}
	if t := key[0]; t != typeCosignatureV1 && t != typeMLDSA44 {
		return nil, fmt.Errorf("it has the signature type %d, and those of cosignatures are %d and %d", t, typeCosignatureV1, typeMLDSA44)
	}
	if keyHash(name, key) != uint32(hash) {
		return nil, fmt.Errorf("its hash is %08x, and should be %08x for this name and key", hash, keyHash(name, key))
	}
	c := &cosigner{name: name, hash: uint32(hash)}
	if key[0] == typeCosignatureV1 {
		return c, c.ed25519(key[1:])
	}
	return c, c.mldsa44(key[1:])
}

// isKeyName tells whether a name can be that of a key (C2SP signed-note).
func isKeyName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsSpace) && !strings.Contains(name, "+")
}

// keyHash is a key's id in a note: of SHA-256(name, newline, signature type, key) the first four bytes.
func keyHash(name string, typed []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), typed...))
	return binary.BigEndian.Uint32(sum[:])
}

// ed25519 signs lines that say what it is and when, and the note's text behind them.
func (c *cosigner) ed25519(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("its key has %d bytes, and one of Ed25519 has %d", len(key), ed25519.PublicKeySize)
	}
	c.signed = func(at uint64, text []byte) ([]byte, bool) {
		return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text), strings.Count(string(text), "\n") >= 3
	}
	c.verify = func(message, signature []byte) bool {
		return len(signature) == ed25519.SignatureSize && ed25519.Verify(key, message, signature)
	}
	return nil
}

// mldsa44 signs a structure with the tree's origin, size and root: a cosignature of the subtree from 0 on.
func (c *cosigner) mldsa44(b []byte) error {
	if len(b) != mldsa.MLDSA44PublicKeySize {
		return fmt.Errorf("its key has %d bytes, and one of ML-DSA-44 has %d", len(b), mldsa.MLDSA44PublicKeySize)
	}
	if len(c.name) > math.MaxUint8 {
		return fmt.Errorf("its name has %d bytes, and at most %d can be signed", len(c.name), math.MaxUint8)
	}
	key, err := mldsa.NewPublicKey(mldsa.MLDSA44(), b)
	if err != nil {
		return fmt.Errorf("its key is not one of ML-DSA-44: %w", err)
	}
	c.signed = func(at uint64, text []byte) ([]byte, bool) {
		var head log.Checkpoint
		if _, err := head.Unmarshal(text); err != nil || len(head.Hash) != sha256.Size || len(head.Origin) > math.MaxUint8 {
			return nil, false
		}
		m := []byte("subtree/v1\n\x00")
		m = append(append(m, byte(len(c.name))), c.name...)
		m = binary.BigEndian.AppendUint64(m, at)
		m = append(append(m, byte(len(head.Origin))), head.Origin...)
		m = binary.BigEndian.AppendUint64(m, 0) // the subtree's first entry
		m = binary.BigEndian.AppendUint64(m, head.Size)
		return append(m, head.Hash...), true
	}
	c.verify = func(message, signature []byte) bool { return mldsa.Verify(key, message, signature, nil) == nil }
	return nil
}

// cosignedAt is the time that a cosignature states, which must have been verified.
func cosignedAt(sig note.Signature) (time.Time, error) {
	b, err := base64.StdEncoding.DecodeString(sig.Base64)
	if err != nil || len(b) < keyHashBytes+timeBytes {
		return time.Time{}, errors.New("it is too short to have one")
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b[keyHashBytes:])), 0), nil
}
