package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/attestlog/attestlog/durable"
)

// The heads file is the log's memory outside its database: every note that was signed stands in it before anybody sees it.
// A database that was restored from a backup can't know of the heads that were signed since; this file does.
//
// It is a sequence of signed notes, each followed by an empty line, in order of their sizes:
//
//	log.example/2026
//	1042
//	4NOqsqFcpHrVdXYXvmBgDOwFEeGH1gHEkd5d7Z4xLyY=
//
//	— log.example/2026 Az3grlgt…
//
// Notes are appended and fsynced; nothing is ever written over. From time to time the file is replaced, by rename, with one
// that holds the newest notes: each commits to all that was before it.
const (
	// keepNotes is how many notes a compaction leaves.
	keepNotes = 16
	// compactAt is the size in bytes from which the file is compacted; a note has some 200.
	compactAt = 64 << 10
	// maxHeadsFile bounds the file before it is read.
	maxHeadsFile = 4 << 20
	// maxRecord bounds what a crash can leave of one note at the end of the file.
	maxRecord = 1 << 10
)

// signedHead is a tree head that was signed.
type signedHead struct {
	size int64
	root [32]byte
	note []byte
}

// headsFile is the file while this process leads: locked, so that two processes never append to one file.
type headsFile struct {
	path   string
	origin string
	lock   *os.File
	file   *os.File
	length int64
	notes  []signedHead // the newest last, at least keepNotes of those in the file if it has as many
}

// errHeadsLocked says that another process has the file.
var errHeadsLocked = errors.New("another process holds the heads file")

// openHeadsFile locks and reads the file, or makes it. It cuts off a note that a crash left incomplete: that one never left the process.
func openHeadsFile(path, origin string) (_ *headsFile, err error) {
	h := &headsFile{path: path, origin: origin}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("couldn't open the heads file %s: %w", path, err), h.close())
		}
	}()
	if h.lock, err = os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if err := unix.Flock(int(h.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errHeadsLocked
		}
		return nil, err
	}
	_, statErr := os.Stat(path)
	if h.file, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	if errors.Is(statErr, os.ErrNotExist) {
		if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	b, err := io.ReadAll(io.LimitReader(h.file, maxHeadsFile+1))
	if err != nil {
		return nil, err
	}
	var torn int
	if h.notes, torn, err = parseHeads(b, origin); err != nil {
		return nil, err
	}
	h.length = int64(len(b) - torn)
	if torn > 0 {
		if err := h.file.Truncate(h.length); err != nil {
			return nil, err
		}
	}
	// The last note may have been written by a process that was killed before it was durable: it will be shown.
	if err := h.file.Sync(); err != nil {
		return nil, err
	}
	return h, nil
}

// close lets go of the file.
func (h *headsFile) close() error {
	var errs []error
	for _, f := range []*os.File{h.file, h.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// newest is the head of the largest size in the file.
func (h *headsFile) newest() (signedHead, bool) {
	if len(h.notes) == 0 {
		return signedHead{}, false
	}
	return h.notes[len(h.notes)-1], true
}

// append writes a note and returns when it is on disk. After an error the file's end is unknown: close it.
func (h *headsFile) append(head signedHead) error {
	if last, ok := h.newest(); ok && head.size <= last.size {
		return fmt.Errorf("couldn't add the head of size %d to %s: it already has one of size %d", head.size, h.path, last.size)
	}
	if h.length >= compactAt {
		if err := h.compact(); err != nil {
			return fmt.Errorf("couldn't compact %s: %w", h.path, err)
		}
	}
	record := append(bytes.Clone(head.note), '\n')
	if _, err := h.file.Write(record); err != nil {
		return fmt.Errorf("couldn't write to %s: %w", h.path, err)
	}
	if err := unix.Fdatasync(int(h.file.Fd())); err != nil {
		return fmt.Errorf("couldn't make %s durable: %w", h.path, err)
	}
	h.length += int64(len(record))
	h.notes = append(h.notes, head)
	return nil
}

// compact replaces the file by one with the newest notes. At every moment there is one whole file at the path.
func (h *headsFile) compact() error {
	kept := h.notes[max(0, len(h.notes)-keepNotes):]
	var b bytes.Buffer
	for _, head := range kept {
		b.Write(head.note)
		b.WriteByte('\n')
	}
	if err := durable.Replace(h.path, b.Bytes(), 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(h.path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	old := h.file
	h.file, h.length = f, int64(b.Len())
	h.notes = append([]signedHead(nil), kept...)
	return old.Close()
}

// parseHeads reads the file strictly. What follows the last whole note is torn if it is what a crash leaves of a note of this log: at
// most maxRecord bytes of its beginning, zeros where the disk hadn't got the rest. Anything else is damage, and nobody's to throw away.
func parseHeads(b []byte, origin string) (heads []signedHead, torn int, err error) {
	if len(b) > maxHeadsFile {
		return nil, 0, fmt.Errorf("it has more than %d bytes", maxHeadsFile)
	}
	for len(b) > 0 {
		record, rest, whole := cutRecord(b)
		if !whole {
			if !isTorn(b, origin) {
				return nil, 0, fmt.Errorf("note %d does not end, and is not what a crash leaves of one", len(heads)+1)
			}
			return heads, len(b), nil
		}
		head, err := parseNote(record, origin)
		if err != nil {
			return nil, 0, fmt.Errorf("note %d: %w", len(heads)+1, err)
		}
		if n := len(heads); n > 0 && heads[n-1].size >= head.size {
			return nil, 0, fmt.Errorf("note %d: size %d does not follow size %d", n+1, head.size, heads[n-1].size)
		}
		heads, b = append(heads, head), rest
	}
	return heads, 0, nil
}

// isTorn tells whether b can be the beginning of a note of this log whose writing was interrupted.
func isTorn(b []byte, origin string) bool {
	if len(b) > maxRecord {
		return false
	}
	begun, first := string(bytes.TrimRight(b, "\x00")), origin+"\n"
	return strings.HasPrefix(begun, first) || strings.HasPrefix(first, begun)
}

// cutRecord cuts off a note and the empty line behind it: text, empty line, signatures, empty line.
func cutRecord(b []byte) (record, rest []byte, whole bool) {
	text := bytes.Index(b, []byte("\n\n"))
	if text < 0 {
		return nil, nil, false
	}
	signatures := bytes.Index(b[text+2:], []byte("\n\n"))
	if signatures < 0 {
		return nil, nil, false
	}
	end := text + 2 + signatures + 1
	return b[:end:end], b[end+1:], true
}

// parseNote reads a signed note of ours: what it says of the tree, in the one form in which we write it. The signature is not
// checked: the file is as trusted as the key that lies beside it.
func parseNote(signed []byte, origin string) (signedHead, error) {
	lines := strings.Split(string(signed), "\n")
	if len(lines) != 6 || lines[3] != "" || lines[5] != "" {
		return signedHead{}, fmt.Errorf("want origin, size, root, an empty line and one signature, not %d lines", len(lines)-1)
	}
	if lines[0] != origin {
		return signedHead{}, fmt.Errorf("it is of the log %q, not of %q", lines[0], origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return signedHead{}, fmt.Errorf("%q is no size of a tree", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != 32 || base64.StdEncoding.EncodeToString(root) != lines[2] {
		return signedHead{}, fmt.Errorf("%q is no root of a tree", lines[2])
	}
	if !strings.HasPrefix(lines[4], "— "+origin+" ") {
		return signedHead{}, fmt.Errorf("its signature is not by %s", origin)
	}
	return signedHead{size: size, root: [32]byte(root), note: signed}, nil
}
