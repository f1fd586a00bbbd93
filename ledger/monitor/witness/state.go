package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"

	"github.com/attestlog/attestlog/ledger/verify"
)

// OriginHash names a log in paths: the SHA-256 of its origin in hex.
func OriginHash(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}

func statePath(dir, origin string) string { return filepath.Join(dir, OriginHash(origin)+".note") }

// dirLock keeps a second process away: two that cosign from one memory would each go on without the other.
type dirLock struct{ file *os.File }

func lockDir(dir string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("couldn't make the witness's directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("couldn't lock the witness's directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		err = fmt.Errorf("couldn't lock %s: another process uses it: %w", dir, err)
		return nil, errors.Join(err, f.Close())
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() error { return l.file.Close() }

// loadHead reads the head that was cosigned last; none is a head of size 0 without a note.
func loadHead(path string, keys []note.Verifier) (verify.Head, error) {
	signed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return verify.Head{}, nil
	}
	if err != nil {
		return verify.Head{}, err
	}
	head, _, err := openUnderAny(signed, keys)
	return head, err
}

// saveHead makes a note durable in place of the one before, or leaves that one untouched.
func saveHead(path string, signed []byte) error {
	if err := replaceFile(path, signed); err != nil {
		return fmt.Errorf("couldn't remember the checkpoint, so it isn't cosigned: %w", err)
	}
	return nil
}

func replaceFile(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// originOf is the first line of a note.
func originOf(signed []byte) (string, error) {
	origin, _, found := strings.Cut(string(signed), "\n")
	if !found || origin == "" || len(origin) > 256 {
		return "", errors.New("the checkpoint doesn't begin with a line that names its log")
	}
	return origin, nil
}

// openUnderAny opens a note under the first key that signed it.
func openUnderAny(signed []byte, keys []note.Verifier) (head verify.Head, by note.Verifier, err error) {
	for _, key := range keys {
		if head, err = verify.OpenHead(signed, key); err == nil {
			return head, key, nil
		}
	}
	return head, nil, err
}
