package durable_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/attestlog/attestlog/durable"
)

// alone makes sure that a folder holds one file, with this content and mode.
func alone(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || string(b) != content {
		t.Errorf("the file says %q, %v; want %q", b, err, content)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != mode {
		t.Errorf("the file is %v, %v; want the mode %v", info, err, mode)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("beside the file there are others: %v, %v", all, err)
	}
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for content, mode := range map[string]fs.FileMode{"of everybody": 0o666, "of the owner": 0o600} { // no umask lets the first one pass
		if err := durable.Replace(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		alone(t, path, content, mode)
	}
}

func TestCreateNeverReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := durable.Create(path, []byte("first"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := durable.Create(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second file of that name: %v", err)
	}
	alone(t, path, "first", 0o666)

	leads := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("nowhere", leads); err != nil {
		t.Fatal(err)
	}
	if err := durable.Create(leads, nil, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("through a link to nowhere: %v", err)
	}
}

// What comes under the name while a file is written stays, as what was there before.
func TestCreateIsOvertaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	err := durable.CreateFrom(path, 0o600, func(w io.Writer) error {
		if _, err := w.Write([]byte("slow")); err != nil {
			return err
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a part can be read: %v", err)
		}
		return durable.Create(path, []byte("quick"), 0o644)
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("the slow one says %v", err)
	}
	alone(t, path, "quick", 0o644)
}

func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	full := errors.New("the disk is full")
	err := durable.CreateFrom(filepath.Join(dir, "file"), 0o600, func(w io.Writer) error {
		_, err := w.Write([]byte("half"))
		return errors.Join(err, full)
	})
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.Replace(filepath.Join(dir, "folder"), nil, 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 || all[0].Name() != "folder" {
		t.Errorf("there are left %v, %v", all, err)
	}
	if err := durable.Create(filepath.Join(dir, "nowhere", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that isn't there: %v", err)
	}
}

// Many write the same file. Whoever reads finds one of theirs, whole; of those that may not replace one has its way.
func TestAtOnce(t *testing.T) {
	const length = 1000
	of := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, length) }
	replaced, created := filepath.Join(t.TempDir(), "replaced"), filepath.Join(t.TempDir(), "created")
	var writers sync.WaitGroup
	var first atomic.Int32
	for i := range 8 {
		writers.Go(func() {
			for range 10 {
				if err := durable.Replace(replaced, of(i), 0o600); err != nil {
					t.Error(err)
				}
				if b, err := os.ReadFile(replaced); err != nil || len(b) != length || !bytes.Equal(b, of(int(b[0]-'a'))) {
					t.Errorf("%d bytes can be read, %v", len(b), err)
				}
			}
			switch err := durable.Create(created, of(i), 0o600); {
			case err == nil:
				first.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if n := first.Load(); n != 1 {
		t.Errorf("%d created the file", n)
	}
	for _, path := range []string{replaced, created} {
		b, err := os.ReadFile(path)
		if err != nil || len(b) != length {
			t.Fatalf("%d bytes are left, %v", len(b), err)
		}
		alone(t, path, string(of(int(b[0]-'a'))), 0o600)
	}
}
