package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/cmd/internal/operatordir"
	"github.com/attestlog/attestlog/durable"
)

// dataDir is a log's directory; the package comment says what lies in it.
type dataDir string

func (d dataDir) path(name string) string { return filepath.Join(string(d), name) }

func (d dataDir) logKey() string        { return d.path("log.key") }
func (d dataDir) logPublic() string     { return operatordir.Dir(d).LogKey() }
func (d dataDir) operatorKey() string   { return operatordir.Dir(d).Key() }
func (d dataDir) operatorNext() string  { return operatordir.Dir(d).NextKey() }
func (d dataDir) operatorState() string { return operatordir.Dir(d).State() }
func (d dataDir) heads() string         { return d.path("heads") }
func (d dataDir) suspicions() string    { return d.path("suspicions") }
func (d dataDir) keys() string          { return d.path("keys") }
func (d dataDir) postgres() string      { return d.path("postgres") }

// operatorSource is the name under which the operator signs.
const operatorSource = operatordir.Source

// create makes the directory and the keys in it. It never replaces a key; with resume it goes on with what an earlier call, which was
// interrupted, has left.
func (d dataDir) create(origin string, resume bool) error {
	// The user that a private PostgreSQL runs as passes through; what is secret in here is closed by itself.
	if err := os.MkdirAll(string(d), 0o711); err != nil {
		return fmt.Errorf("couldn't make the data directory: %w", err)
	}
	for _, path := range []string{d.logKey(), d.logPublic(), d.operatorKey()} {
		if _, err := os.Lstat(path); err == nil && !resume {
			return fmt.Errorf("couldn't write %s: %w", path, fs.ErrExist)
		}
	}
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return fmt.Errorf("couldn't make the log's key: %w", err)
	}
	_, operator, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("couldn't make the operator's key: %w", err)
	}
	if err := keyfile.WriteSecret(d.operatorKey(), keyfile.FormatPrivate(operator)); err != nil && !(resume && errors.Is(err, fs.ErrExist)) {
		return err
	}
	// log.key comes last: where it is, all are. Where it isn't, log.pub is the half of a pair that never was.
	if err := os.Remove(d.logPublic()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't make the log's key: %w", err)
	}
	if err := keyfile.WritePublic(d.logPublic(), public); err != nil {
		return err
	}
	return keyfile.WriteSecret(d.logKey(), private)
}

// exists tells whether init has been here.
func (d dataDir) exists() bool {
	_, err := os.Lstat(d.logKey())
	return err == nil
}

// signer reads the log's key. Its name is the log's origin.
func (d dataDir) signer() (note.Signer, error) {
	text, err := keyfile.ReadSecret(d.logKey())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("couldn't find a log in %s: make one with attestlogd init", string(d))
	}
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: it holds no key as signed notes use them", d.logKey()) // never quote it
	}
	return signer, nil
}

// verifierKey reads the log's public key, as auditors pin it.
func (d dataDir) verifierKey() (string, error) {
	b, err := os.ReadFile(d.logPublic())
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("couldn't find a log in %s: make one with attestlogd init", string(d))
	}
	if err != nil {
		return "", fmt.Errorf("couldn't read the log's public key: %w", err)
	}
	key := strings.TrimSpace(string(b))
	if _, err := note.NewVerifier(key); err != nil {
		return "", fmt.Errorf("couldn't read %s: %w", d.logPublic(), err)
	}
	return key, nil
}

// operator reads the operator's key, unless a rotation was interrupted: then nobody knows yet which of the two keys the log takes.
func (d dataDir) operator() (ed25519.PrivateKey, error) {
	return operatordir.Dir(d).ReadKey()
}

// nextOperator is the key that a rotation brings: the one that an interrupted rotation made, or a new one, on disk for good.
func (d dataDir) nextOperator() (ed25519.PrivateKey, error) {
	if _, err := os.Lstat(d.operatorNext()); err == nil {
		return keyfile.ReadPrivate(d.operatorNext())
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the operator's key: %w", err)
	}
	return key, keyfile.WriteSecret(d.operatorNext(), keyfile.FormatPrivate(key))
}

// promoteOperator puts the next key in the place of the operator's, which the log takes no more.
func (d dataDir) promoteOperator() error {
	err := os.Rename(d.operatorNext(), d.operatorKey())
	if err == nil {
		err = durable.SyncFolder(string(d))
	}
	if err != nil {
		return fmt.Errorf("couldn't put the operator's key in its place: %w", err)
	}
	return nil
}

// forgetOperatorState makes the operator find its place in the log again, by the log's own key: for events that it logs past its state.
func (d dataDir) forgetOperatorState() error {
	if err := os.Remove(d.operatorState()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't forget the operator's place in the log: %w", err)
	}
	return nil
}
