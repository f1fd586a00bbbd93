package keyfile

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/attestlog/attestlog/ledger/event"
)

// Request is what the holder of a new key hands to the operator of a log, who registers it: the key, and its own signature over
// event.ConsentMessage, so that nobody registers a key that is not his to use. It holds nothing secret.
type Request struct {
	Log      string `json:"log"`    // the origin of the log
	Source   string `json:"source"` // "name/instance"
	Key      []byte `json:"key"`    // Ed25519 public key
	Consent  []byte `json:"consent"`
	Recovery []byte `json:"recovery,omitempty"` // Ed25519 public key kept offline, which may rotate or revoke the key too
	// Recipient is a prover's: the age recipient to which witnesses are sealed for it.
	Recipient string `json:"recipient,omitempty"`
}

// NewRequest makes the request for a key whose private half is at hand. recovery may be nil.
func NewRequest(origin, source string, key ed25519.PrivateKey, recovery ed25519.PublicKey) *Request {
	return NewProverRequest(origin, source, key, recovery, "")
}

// NewProverRequest is NewRequest for a prover that names its recipient.
func NewProverRequest(origin, source string, key ed25519.PrivateKey, recovery ed25519.PublicKey, recipient string) *Request {
	public := key.Public().(ed25519.PublicKey)
	return &Request{
		Log: origin, Source: source, Key: public, Recovery: recovery, Recipient: recipient,
		Consent: ed25519.Sign(key, event.ConsentMessage(origin, source, public, recovery, recipient)),
	}
}

// Check tells whether the request can serve for a log: its form and its consent.
func (r *Request) Check(origin string) error {
	if err := event.CheckSource(r.Source); err != nil {
		return err
	}
	if r.Recipient != "" {
		if err := event.CheckRecipient(r.Recipient); err != nil {
			return err
		}
	}
	switch {
	case r.Log != origin:
		return fmt.Errorf("the request is for the log %q; this one is %q", r.Log, origin)
	case len(r.Key) != ed25519.PublicKeySize:
		return fmt.Errorf("the request's key has %d bytes; an Ed25519 key has %d", len(r.Key), ed25519.PublicKeySize)
	case len(r.Recovery) != 0 && len(r.Recovery) != ed25519.PublicKeySize:
		return fmt.Errorf("the request's recovery key has %d bytes; an Ed25519 key has %d", len(r.Recovery), ed25519.PublicKeySize)
	case !ed25519.Verify(r.Key, event.ConsentMessage(r.Log, r.Source, r.Key, r.Recovery, r.Recipient), r.Consent):
		return errors.New("the request's consent is not signed by its key")
	}
	return nil
}

// Encode is the request as a JSON text.
func (r *Request) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the request: %w", err)
	}
	return append(b, '\n'), nil
}

// ParseRequest reads a request, strictly. Check it before using it.
func ParseRequest(b []byte) (*Request, error) {
	if len(b) > maxSize {
		return nil, fmt.Errorf("not a request: it has more than %d bytes", maxSize)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	r := new(Request)
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("not a request: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("not a request: something follows it")
	}
	return r, nil
}

// ReadRequest reads a request's file.
func ReadRequest(path string) (*Request, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the request: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the request: %w", err)
	}
	r, err := ParseRequest(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	return r, nil
}
