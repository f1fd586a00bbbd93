package keyfile_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
)

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.key")
	if err := keyfile.WriteSecret(path, keyfile.FormatPrivate(key)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v (%v), want 0600", info.Mode(), err)
	}
	got, err := keyfile.ReadPrivate(path)
	if err != nil || !got.Equal(key) {
		t.Errorf("read another key back (%v)", err)
	}
	public := key.Public().(ed25519.PublicKey)
	if err := keyfile.WritePublic(path+".pub", keyfile.FormatPublic(public)); err != nil {
		t.Fatal(err)
	}
	if got, err := keyfile.ReadPublic(path + ".pub"); err != nil || !got.Equal(public) {
		t.Errorf("read another public key back (%v)", err)
	}
	if err := keyfile.WriteSecret(path, "x"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("writing over a key: %v, want fs.ErrExist", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.ReadPrivate(path); !errors.Is(err, keyfile.ErrExposed) {
		t.Errorf("reading a key that the group can read: %v, want ErrExposed", err)
	}
}

func TestRefusals(t *testing.T) {
	private, public := keyfile.FormatPrivate(key), keyfile.FormatPublic(key.Public().(ed25519.PublicKey))
	for name, text := range map[string]string{
		"empty":          "",
		"a public key":   public,
		"cut short":      private[:len(private)-4],
		"without base64": strings.Fields(private)[0],
		"followed":       private + " x",
		"sloppy base64":  strings.TrimRight(private, "="),
	} {
		if _, err := keyfile.ParsePrivate(text); err == nil {
			t.Errorf("%s: accepted as a private key", name)
		} else if len(text) > 40 && strings.Contains(err.Error(), text[40:]) {
			t.Errorf("%s: the error quotes it: %v", name, err)
		}
	}
	if _, err := keyfile.ParsePublic(private); err == nil {
		t.Error("a private key: accepted as a public one")
	}
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.ReadPrivate(path); err == nil {
		t.Error("a file of 1 MiB: accepted as a key")
	}
}
