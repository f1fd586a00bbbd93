package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestWithoutLinks creates files where the filesystem has no hard links, such as on a memory stick.
func TestWithoutLinks(t *testing.T) {
	refuse := func(string, string) error { return errors.ErrUnsupported }
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	unlinked := func(from, to string) error { return once(from, to, refuse) }
	if err := write(path, 0o644, whole([]byte("first")), unlinked); err != nil {
		t.Fatal(err)
	}
	if err := write(path, 0o600, whole([]byte("second")), unlinked); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second file of that name: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "first" {
		t.Errorf("the file says %q, %v", b, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if all, err := os.ReadDir(folder); err != nil || len(all) != 1 {
		t.Errorf("beside the file there are others: %v, %v", all, err)
	}
}
