package ceremony

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/canon"
)

// The files of a ceremony.
const (
	manifestFile   = "ceremony.json"
	phase1Dir      = "phase1"
	phase2Dir      = "phase2"
	keysDir        = "keys"
	transcriptFile = "transcript.json"

	phase1ManifestFile = "manifest.json"
	sealedFile         = "sealed.json"
	srsFile            = "sealed.srs"

	contributionSuffix = ".mpc"
	lockFile           = ".lock"
)

// ErrExist says that a ceremony has gone further than a step assumes.
var ErrExist = fs.ErrExist

// writeFile writes a file that must not be there.
func writeFile(path string, b []byte) error { return durable.Create(path, b, 0o644) }

// lock keeps other processes from writing to the ceremony until unlock is called, and clears away what a killed one left behind.
func lock(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("couldn't lock the ceremony: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("another process is at work in it")
		}
		return nil, errors.Join(fmt.Errorf("couldn't lock the ceremony: %w", err), f.Close())
	}
	for _, in := range []string{"", phase1Dir, phase2Dir} {
		unfinished, err := filepath.Glob(filepath.Join(dir, in, durable.Unfinished+"*"))
		for _, path := range unfinished {
			err = errors.Join(err, os.Remove(path))
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("couldn't clear up the ceremony: %w", err), f.Close())
		}
	}
	return f.Close, nil
}

// readFile reads a file of at most limit bytes, which is a regular one.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path) // before opening: a pipe would wait for a writer
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ceremony: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("couldn't read %s: it is no regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("couldn't read %s: it has %d bytes, at most %d are allowed", path, info.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ceremony: %w", err)
	}
	defer f.Close()
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	return b, nil
}

// readRecord reads one of the JSON files, and returns its digest. The error wraps fs.ErrNotExist where there is none.
func readRecord(path string, members func(*canon.Object)) (event.Digest, error) {
	b, err := readFile(path, maxRecord)
	if err != nil {
		return event.Digest{}, err
	}
	if err := canon.Decode(b, members); err != nil {
		return event.Digest{}, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	return sha256.Sum256(b), nil
}

func writeRecord(path string, members func(*canon.Object)) (event.Digest, error) {
	b, err := canon.Encode(members)
	if err != nil {
		return event.Digest{}, fmt.Errorf("couldn't write %s: %w", path, err)
	}
	return sha256.Sum256(b), writeFile(path, b)
}

func exists(path string) (bool, error) {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, fmt.Errorf("couldn't read the ceremony: %w", err)
	}
}

// contributionFile is the name of a contribution's file.
func contributionFile(number int) string { return fmt.Sprintf("%04d%s", number, contributionSuffix) }

// highest is the highest number among the contributions in a folder, −1 if there is none.
func highest(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("couldn't read the ceremony: %w", err)
	}
	most := -1
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), contributionSuffix)
		if !ok {
			continue
		}
		number := 0
		if _, err := fmt.Sscanf(digits, "%04d", &number); err != nil || contributionFile(number) != e.Name() || number > MaxContributions {
			return 0, fmt.Errorf("couldn't read %s: %q is no contribution's name; they are 0001%s, 0002%s, … %04d%s", dir, e.Name(),
				contributionSuffix, contributionSuffix, MaxContributions, contributionSuffix)
		}
		most = max(most, number)
	}
	return most, nil
}
