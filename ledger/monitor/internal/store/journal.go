package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/attestlog/attestlog/durable"
)

// castagnoli is the polynomial of the checksums, CRC-32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Journal is a file of changes, one a line: the CRC-32C of the rest in eight hex digits, a space, a JSON text without newlines. One line is
// one change: it counts as a whole or not at all. Not safe for concurrent use.
type Journal struct {
	file   *os.File
	path   string
	size   int64
	broken bool
}

// OpenJournal reads a journal, or begins one. Every line is given to apply, in order.
func OpenJournal(path string, apply func([]byte) error) (_ *Journal, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the journal: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("couldn't read the journal %s: %w", path, err), f.Close())
		}
	}()
	whole, err := readLines(path, apply)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(whole); err != nil { // a line that was being written when the process died
		return nil, err
	}
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return &Journal{file: f, path: path, size: whole}, nil
}

// ReadJournal reads a journal that another process may be writing. It fails with fs.ErrNotExist where there is none.
func ReadJournal(path string, apply func([]byte) error) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	_, err := readLines(path, apply)
	return err
}

// readLines gives every whole line to apply, and tells how long they are together.
func readLines(path string, apply func([]byte) error) (whole int64, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for n := 1; len(b) > 0; n++ {
		line, rest, complete := bytes.Cut(b, []byte("\n"))
		if !complete {
			return whole, nil
		}
		change, err := checkLine(line)
		if err != nil && len(rest) == 0 {
			return whole, nil // torn within a page: the length was there sooner than all of the content
		}
		if err == nil {
			err = apply(change)
		}
		if err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		whole += int64(len(line)) + 1
		b = rest
	}
	return whole, nil
}

func checkLine(line []byte) ([]byte, error) {
	sum, change, found := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || err != nil || len(sum) != 8 || crc32.Checksum(change, castagnoli) != uint32(want) {
		return nil, errors.New("its checksum is wrong: the file is damaged")
	}
	return change, nil
}

func appendLine(b, change []byte) []byte {
	b = fmt.Appendf(b, "%08x ", crc32.Checksum(change, castagnoli))
	return append(append(b, change...), '\n')
}

// Size is the file's length in bytes.
func (j *Journal) Size() int64 { return j.size }

// Append makes a change durable.
func (j *Journal) Append(change []byte) error {
	if j.broken {
		return errBroken
	}
	line := appendLine(nil, change)
	_, err := j.file.WriteAt(line, j.size)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.broken = true
		return fmt.Errorf("couldn't write the journal: %w", err)
	}
	j.size += int64(len(line))
	return nil
}

// Rewrite replaces all changes by those that come to the same, at once.
func (j *Journal) Rewrite(changes ...[]byte) error {
	if j.broken {
		return errBroken
	}
	var b []byte
	for _, c := range changes {
		b = appendLine(b, c)
	}
	err := durable.Replace(j.path, b, 0o644)
	var f *os.File
	if err == nil {
		f, err = os.OpenFile(j.path, os.O_RDWR, 0)
	}
	if err != nil {
		j.broken = true
		return fmt.Errorf("couldn't rewrite the journal: %w", err)
	}
	old := j.file
	j.file, j.size = f, int64(len(b))
	return old.Close()
}

// Close lets go of the file.
func (j *Journal) Close() error { return j.file.Close() }
