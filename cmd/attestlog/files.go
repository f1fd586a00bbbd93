package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/attestlog/attestlog/web/words"
)

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read a file: %w", err)
	}
	defer f.Close()
	return readAll(f, limit)
}

func readAll(f *os.File, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", f.Name(), err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("couldn't read %s: it has more than %s bytes", f.Name(), words.Number(limit))
	}
	return b, nil
}

// openSecret opens a file that nobody but its owner may read.
func openSecret(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't open secrets: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("others than its owner can read or write it (mode %04o): chmod 600 it", info.Mode().Perm())
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't use %s: %w", path, err), f.Close())
	}
	return f, nil
}

// readSecret reads a file of at most limit bytes that nobody but its owner may read.
func readSecret(path string, limit int64) ([]byte, error) {
	f, err := openSecret(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, limit)
}

// decodeFile reads a file of at most limit bytes, with readBounded or readSecret, and decodes it; an error names the file.
func decodeFile[T any](path string, limit int64, read func(path string, limit int64) ([]byte, error), decode func([]byte) (T, error)) (T, error) {
	b, err := read(path, limit)
	if err != nil {
		return *new(T), err
	}
	decoded, err := decode(b)
	if err != nil {
		return *new(T), fmt.Errorf("%s: %w", path, err)
	}
	return decoded, nil
}
