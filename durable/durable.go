// Package durable writes files that no crash tears.
//
// A file is written beside its place, under a name of its own, made durable there, and gets its name in one step. So under that
// name there is the file as it was before or all of the new one, and never a part, for whoever reads while it is written and after
// whatever dies in between. Then the folder is made durable, too: once a function here returned without an error, the file outlives a loss of power.
//
// [Replace] takes the place of a file that is there, [Create] never does. The file's mode is what the caller says, whatever the
// umask, before the first byte is in it. A write that fails leaves nothing behind; a process that is killed may leave a file whose
// name begins with [Unfinished].
//
// This is for what is written once, as a whole. Files that grow, such as journals, have other promises and keep them by themselves.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Unfinished is what the names of files begin with that aren't whole yet. Whoever has a folder to himself may remove them.
const Unfinished = ".new-"

// Replace writes a file in place of the one that is there, if there is one. Of several at a time the last one stays.
func Replace(path string, b []byte, mode fs.FileMode) error {
	return write(path, mode, whole(b), os.Rename)
}

// Create writes a file that must not be there: otherwise nothing changes, and the error wraps fs.ErrExist. Of several at a time
// the first one stays.
func Create(path string, b []byte, mode fs.FileMode) error { return CreateFrom(path, mode, whole(b)) }

// CreateFrom is Create for what is written in parts.
func CreateFrom(path string, mode fs.FileMode, content func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil { // before much is written in vain
		return taken(path)
	}
	err := write(path, mode, content, linkOnce)
	if errors.Is(err, fs.ErrExist) {
		return taken(path)
	}
	return err
}

func taken(path string) error {
	return fmt.Errorf("couldn't write %s: it is there already, and is not replaced: name another place, or move it away: %w", path, fs.ErrExist)
}

// SyncFolder makes the names in a folder durable: those that files got, and those that they lost.
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err == nil {
		err = errors.Join(folder.Sync(), folder.Close())
	}
	if err != nil {
		return fmt.Errorf("couldn't make %s durable: %w", path, err)
	}
	return nil
}

// write makes a whole and durable file, has it named, and makes the name durable.
func write(path string, mode fs.FileMode, content func(io.Writer) error, name func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), Unfinished)
	if err != nil {
		return fmt.Errorf("couldn't write %s: %w", path, err)
	}
	if err = f.Chmod(mode); err == nil {
		err = content(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = name(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("couldn't write %s: %w", path, err), os.Remove(f.Name()))
	}
	return SyncFolder(filepath.Dir(path))
}

// linkOnce renames a file, but not over another one: that takes two steps, and the first one decides.
func linkOnce(from, to string) error { return once(from, to, os.Link) }

// once is linkOnce with any link. Filesystems without hard links (FAT, some of the network) have a place taken first, and then the file moved
// there: a crash between the two leaves an empty file, which nothing replaces.
func once(from, to string, link func(from, to string) error) error {
	err := link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	place, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(place.Close(), os.Rename(from, to)); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

func whole(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}
