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

	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/verify"
)

// OriginHash names a log in paths: the SHA-256 of its origin in hex.
func OriginHash(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}

func statePath(dir, origin string) string { return filepath.Join(dir, OriginHash(origin)+".note") }

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
	if err := durable.Replace(path, signed, 0o644); err != nil {
		return fmt.Errorf("couldn't remember the checkpoint, so it isn't cosigned: %w", err)
	}
	return nil
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
		if head, err = verify.OpenCheckpoint(signed, key); err == nil {
			return head, key, nil
		}
	}
	return head, nil, err
}
