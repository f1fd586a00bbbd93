package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Column is a long list of bytes in a file. What was appended can be read at once, and is durable after Sync. Reading is safe for
// concurrent use.
type Column struct {
	file *os.File

	mu     sync.RWMutex
	synced int64 // length in the file
	fresh  []byte
	broken bool
}

// OpenColumn opens a column, or begins one, and cuts it to the length that was committed. A shorter one is damage.
func OpenColumn(path string, length int64) (*Column, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("couldn't open a column: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() < length {
		err = fmt.Errorf("it has %d bytes, and %d were committed: it is damaged", info.Size(), length)
	}
	if err == nil {
		err = f.Truncate(length)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't open %s: %w", path, err), f.Close())
	}
	return &Column{file: f, synced: length}, nil
}

// Len is the length, what isn't durable yet included.
func (c *Column) Len() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.synced + int64(len(c.fresh))
}

// Append adds bytes.
func (c *Column) Append(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh = append(c.fresh, b...)
}

// ReadAt implements io.ReaderAt.
func (c *Column) ReadAt(b []byte, off int64) (n int, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if off < c.synced {
		n, err = c.file.ReadAt(b[:min(int64(len(b)), c.synced-off)], off)
		if err != nil {
			return n, err
		}
	}
	if at := off + int64(n) - c.synced; n < len(b) && at >= 0 && at < int64(len(c.fresh)) {
		n += copy(b[n:], c.fresh[at:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Sync makes all that was appended durable.
func (c *Column) Sync() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.broken:
		return errBroken
	case len(c.fresh) == 0:
		return nil
	}
	_, err := c.file.WriteAt(c.fresh, c.synced)
	if err == nil {
		err = c.file.Sync()
	}
	if err != nil {
		c.broken = true
		return fmt.Errorf("couldn't write a column: %w", err)
	}
	c.synced += int64(len(c.fresh))
	c.fresh = c.fresh[:0]
	return nil
}

// Cut takes back what was appended beyond a length and isn't synced.
func (c *Column) Cut(length int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh = c.fresh[:max(0, min(int64(len(c.fresh)), length-c.synced))]
}

// Close lets go of the file.
func (c *Column) Close() error { return c.file.Close() }
