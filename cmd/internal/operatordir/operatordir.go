// Package operatordir says where in a log's data directory the operator's own identity lies: for attestlogd, which makes it, and for attestlog, which
// speaks in its name where an operator imports a statement. Both keep the operator's place in its chain in the one state file there, whose
// lock lets one of them at a time speak.
package operatordir

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
)

// Source is the name under which the operator signs. A log has one operator, and it has one instance: the holder of the data directory.
const Source = "operator/1"

// Dir is a log's data directory.
type Dir string

// LogKey is the file of the log's public key, as auditors pin it.
func (d Dir) LogKey() string { return filepath.Join(string(d), "log.pub") }

// Key is the file of the operator's key.
func (d Dir) Key() string { return filepath.Join(string(d), "operator.key") }

// NextKey is the file of the key that comes next, while the operator's key is rotated.
func (d Dir) NextKey() string { return filepath.Join(string(d), "operator.key.new") }

// State is the file that keeps the operator's place in its chain.
func (d Dir) State() string { return filepath.Join(string(d), "operator.state") }

// ReadKey reads the operator's key, unless a rotation was interrupted: then nobody knows yet which of the two keys the log takes.
func (d Dir) ReadKey() (ed25519.PrivateKey, error) {
	if _, err := os.Lstat(d.NextKey()); err == nil {
		return nil, errors.New("a rotation of the operator's key was interrupted: finish it with attestlogd operator rotate")
	}
	return keyfile.ReadPrivate(d.Key())
}
