package keys

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
)

// directory is a statement's directory in the making: nobody sees it under its
// name before everything in it is on disk. It keeps the first error.
type directory struct {
	store *Store
	path  string // "" once it's in its place
	err   error
}

func (s *Store) newDirectory() (*directory, error) {
	path, err := os.MkdirTemp(s.dir, ".new-")
	if err != nil {
		return nil, fmt.Errorf("couldn't store keys: %w", err)
	}
	return &directory{store: s, path: path}, os.Chmod(path, 0o755)
}

// write writes a file, makes it durable, and describes it.
func (d *directory) write(name string, content func(io.Writer) error) File {
	if d.err != nil {
		return File{}
	}
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		d.err = err
		return File{}
	}
	c := &counter{hash: sha256.New()}
	w := bufio.NewWriterSize(io.MultiWriter(f, c), 1<<20)
	err = content(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	d.err = errors.Join(err, f.Close())
	return File{event.Digest(c.hash.Sum(nil)), c.size}
}

func (d *directory) writeBytes(name string, b []byte) File {
	return d.write(name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// finish writes what is left, the manifest last, and moves the directory to its
// place. What was there under that name is replaced.
func (d *directory) finish(m *Manifest, k *Keys) error {
	m.ConstraintSystem = d.write(constraintsFile, func(w io.Writer) error {
		_, err := k.ConstraintSystem.WriteTo(w)
		return err
	})
	m.VerifyingKey = d.writeBytes(verifyingKeyFile, k.VerifyingKey.Bytes())
	err := d.err
	if err == nil {
		err = m.check()
	}
	var manifest []byte
	if err == nil {
		manifest, err = m.encode()
	}
	if err == nil {
		d.writeBytes(manifestFile, manifest)
		err = d.err
	}
	if err == nil {
		err = durable.SyncFolder(d.path)
	}
	if err == nil {
		err = d.place(d.store.path(m.Digest()))
	}
	if err != nil {
		return fmt.Errorf("couldn't store keys: %w", err)
	}
	return nil
}

// place renames the directory to its final name.
func (d *directory) place(path string) error {
	// A directory can't be renamed over a full one: set an old one aside first.
	aside := d.path + ".old"
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer os.RemoveAll(aside)
	if err := os.Rename(d.path, path); err != nil {
		return err
	}
	d.path = ""
	return durable.SyncFolder(d.store.dir)
}

// discard removes a directory that did not get to its place.
func (d *directory) discard() {
	if d.path != "" {
		os.RemoveAll(d.path)
	}
}

// counter hashes and counts what is written.
type counter struct {
	hash hash.Hash
	size int64
}

func (c *counter) Write(b []byte) (int, error) {
	c.size += int64(len(b))
	return c.hash.Write(b)
}
