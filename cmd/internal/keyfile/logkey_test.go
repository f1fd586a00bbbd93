package keyfile_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
)

func TestLogKey(t *testing.T) {
	_, public, err := note.GenerateKey(rand.Reader, "log.example/2026")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, other := filepath.Join(dir, "log.pub"), filepath.Join(dir, "other")
	if err := keyfile.WritePublic(file, public); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{public, file} {
		if got, err := keyfile.LogKey(from); err != nil || got != public {
			t.Errorf("%s: got %q, %v", from, got, err)
		}
	}
	for _, from := range []string{"", "nonsense", other, dir} {
		if got, err := keyfile.LogKey(from); err == nil {
			t.Errorf("%q is taken for the log's key %q", from, got)
		}
	}
}
