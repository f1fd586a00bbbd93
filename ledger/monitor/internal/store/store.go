// Package store keeps what a monitor knows in plain files that are only ever appended to, so that it survives being killed at any point.
//
// A [Journal] holds the state as a sequence of changes, one line each, with a checksum. Beside it stand columns ([Column]): long lists
// whose length the journal says. Whoever commits makes the columns durable first, and then appends the line that counts on
// them; so what a column has beyond the journal's word was never committed, and is cut off when it is opened. A line that was torn by a
// crash is the last one, and counts as not written. Anything else that doesn't read is damage, and an error: a monitor that forgot is worse than none.
//
// After a write failed nobody knows what is on disk, so nothing more is written: the program stops, and finds out when it starts again.
package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// errBroken answers everything after a write failed.
var errBroken = errors.New("an earlier write failed, so what is on disk is unknown: start again")

// Lock keeps other processes away from a directory, which is made if it isn't there, until the file is closed.
func Lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("couldn't make the directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("couldn't lock the directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't lock %s: another process uses it: %w", dir, err), f.Close())
	}
	return f, nil
}
