// Package keyfile reads and writes the Ed25519 keys of sources as small text files.
//
// A private key is one line, in a file that only its owner can read (0600):
//
//	attestlog-ed25519-private-key/v1 <standard base64 of the 32-byte seed, RFC 8032>
//
// and its public half, for the operator who registers it:
//
//	attestlog-ed25519-public-key/v1 <standard base64 of the 32-byte public key>
package keyfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/attestlog/attestlog/durable"
)

const (
	privateLabel = "attestlog-ed25519-private-key/v1"
	publicLabel  = "attestlog-ed25519-public-key/v1"
	// maxSize is far above what a key file holds: it bounds what is read.
	maxSize = 1 << 10
)

// ErrExposed says that others than its owner can read or write a file that holds a secret.
var ErrExposed = errors.New("others than its owner can read or write it: chmod 600 it, and think about replacing the key")

// FormatPublic is the text of a public key, without a newline.
func FormatPublic(key ed25519.PublicKey) string {
	return publicLabel + " " + base64.StdEncoding.EncodeToString(key)
}

// ParsePublic reads the text of a public key; white space around it doesn't matter.
func ParsePublic(text string) (ed25519.PublicKey, error) {
	b, err := parse(text, publicLabel, ed25519.PublicKeySize)
	if err != nil {
		return nil, fmt.Errorf("not a public key: %w", err)
	}
	return b, nil
}

// FormatPrivate is the text of a private key, without a newline.
func FormatPrivate(key ed25519.PrivateKey) string {
	return privateLabel + " " + base64.StdEncoding.EncodeToString(key.Seed())
}

// ParsePrivate reads the text of a private key; white space around it doesn't matter. Errors never quote it.
func ParsePrivate(text string) (ed25519.PrivateKey, error) {
	seed, err := parse(text, privateLabel, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("not a private key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func parse(text, label string, size int) ([]byte, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), label+" ")
	if !ok {
		return nil, fmt.Errorf("it doesn't begin with %q", label)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(b) != size {
		return nil, fmt.Errorf("%q isn't followed by %d bytes in base64", label, size)
	}
	return b, nil
}

// Generate makes a new key and writes it to path, and its public half to path with ".pub" behind it. It never replaces a file:
// the error then wraps fs.ErrExist.
func Generate(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("couldn't make a key: %w", err)
	}
	// The public half first: whoever sees the private one has both.
	if err := WritePublic(path+".pub", FormatPublic(key.Public().(ed25519.PublicKey))); err != nil {
		return nil, err
	}
	if err := WriteSecret(path, FormatPrivate(key)); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		return nil, errors.Join(err, os.Remove(path+".pub"))
	}
	return key, nil
}

// ReadPrivate reads a private key's file. One that others can read gives ErrExposed.
func ReadPrivate(path string) (ed25519.PrivateKey, error) {
	text, err := ReadSecret(path)
	if err != nil {
		return nil, err
	}
	key, err := ParsePrivate(text)
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	return key, nil
}

// ReadPublic reads a public key's file.
func ReadPublic(path string) (ed25519.PublicKey, error) {
	text, err := read(path, false)
	if err != nil {
		return nil, err
	}
	key, err := ParsePublic(text)
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	return key, nil
}

// ReadSecret reads a small text file that nobody but its owner may read; otherwise the error wraps ErrExposed.
func ReadSecret(path string) (string, error) { return read(path, true) }

func read(path string, secret bool) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("couldn't read a key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("couldn't read a key: %w", err)
	}
	if secret && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("couldn't use %s (mode %04o): %w", path, info.Mode().Perm(), ErrExposed)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", fmt.Errorf("couldn't read %s: %w", path, err)
	}
	if len(b) > maxSize {
		return "", fmt.Errorf("couldn't read %s: it has more than %d bytes, so it is no key", path, maxSize)
	}
	return string(b), nil
}

// WriteSecret writes a line into a new file that only its owner can read, durably. It never replaces a file: the error then wraps
// fs.ErrExist.
func WriteSecret(path, text string) error { return write(path, text, 0o600) }

// WritePublic writes a line into a new file that everybody can read, durably. It never replaces a file: the error then wraps
// fs.ErrExist.
func WritePublic(path, text string) error { return write(path, text, 0o644) }

func write(path, text string, mode fs.FileMode) error {
	return durable.Create(path, []byte(text+"\n"), mode)
}
