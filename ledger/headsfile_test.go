package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

const headsOrigin = "log.example/test"

// headMaker signs heads of a log that needs no entries.
func headMaker(t testing.TB) func(size int64) signedHead {
	signer := logtest.New(t, headsOrigin).Signer
	return func(size int64) signedHead {
		root := sha256.Sum256(fmt.Append(nil, size))
		signed, err := verify.SignHead(signer, size, root)
		if err != nil {
			t.Fatal(err)
		}
		return signedHead{size: size, root: root, note: signed}
	}
}

func openHeads(t testing.TB, path string) *headsFile {
	t.Helper()
	h, err := openHeadsFile(path, headsOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func closeHeads(t testing.TB, h *headsFile) {
	t.Helper()
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

func TestHeadsFileRemembers(t *testing.T) {
	path, head := filepath.Join(t.TempDir(), "heads"), headMaker(t)
	h := openHeads(t, path)
	if _, ok := h.newest(); ok {
		t.Fatal("a new file has a head")
	}
	// Enough for several compactions.
	for size := int64(1); size <= 1500; size++ {
		if err := h.append(head(size)); err != nil {
			t.Fatal(err)
		}
		if size%250 == 0 {
			closeHeads(t, h)
			h = openHeads(t, path)
			if last, ok := h.newest(); !ok || last.size != size || !bytes.Equal(last.note, head(size).note) {
				t.Fatalf("after size %d the file's newest is %d", size, last.size)
			}
		}
	}
	if err := h.append(head(1500)); err == nil {
		t.Error("a second head of one size was added")
	}
	closeHeads(t, h)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > compactAt+maxRecord {
		t.Errorf("the file has %d bytes", info.Size())
	}
}

func TestHeadsFileIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heads")
	h := openHeads(t, path)
	if _, err := openHeadsFile(path, headsOrigin); !errors.Is(err, errHeadsLocked) {
		t.Errorf("opened twice: %v", err)
	}
	closeHeads(t, h)
	closeHeads(t, openHeads(t, path))
}

// A crash can cut the last note anywhere. All before it stays, and the next note goes where the cut one began.
func TestTornHeadsFile(t *testing.T) {
	dir, head := t.TempDir(), headMaker(t)
	whole := openHeads(t, filepath.Join(dir, "whole"))
	for size := int64(1); size <= 3; size++ {
		if err := whole.append(head(size)); err != nil {
			t.Fatal(err)
		}
	}
	closeHeads(t, whole)
	b, err := os.ReadFile(filepath.Join(dir, "whole"))
	if err != nil {
		t.Fatal(err)
	}
	last := len(head(3).note) + 1
	for cut := 1; cut <= last; cut++ {
		path := filepath.Join(dir, fmt.Sprintf("cut%d", cut))
		if err := os.WriteFile(path, b[:len(b)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		h := openHeads(t, path)
		if newest, _ := h.newest(); newest.size != 2 {
			t.Fatalf("with %d bytes cut off the newest is %d", cut, newest.size)
		}
		if err := h.append(head(4)); err != nil {
			t.Fatal(err)
		}
		closeHeads(t, h)
		h = openHeads(t, path)
		if newest, _ := h.newest(); newest.size != 4 || len(h.notes) != 3 {
			t.Fatalf("with %d bytes cut off, then one note more: newest %d of %d", cut, newest.size, len(h.notes))
		}
		closeHeads(t, h)
	}
}

func TestDamagedHeadsFile(t *testing.T) {
	head := headMaker(t)
	good := string(head(1).note) + "\n" + string(head(2).note) + "\n" + string(head(30).note) + "\n"
	if heads, torn, err := parseHeads([]byte(good), headsOrigin); err != nil || torn != 0 || len(heads) != 3 {
		t.Fatalf("the good file: %d heads, %d torn, %v", len(heads), torn, err)
	}
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("nothing to replace: %q", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, bad := range map[string]string{
		"another log":         replace(headsOrigin, "log.example/other"),
		"negative size":       replace("\n30\n", "\n-30\n"),
		"leading zero":        replace("\n30\n", "\n030\n"),
		"not in order":        string(head(2).note) + "\n" + string(head(1).note) + "\n",
		"one size twice":      string(head(2).note) + "\n" + string(head(2).note) + "\n",
		"root cut":            replace("=\n\n", "\n\n"),
		"root not canonical":  replace("=\n\n", "=\r\n\n"),
		"signature missing":   replace("\n\n— ", "\n\n"),
		"signed by another":   replace("— "+headsOrigin, "— log.example/other"),
		"torn in the middle":  good[:len(head(1).note)-7] + good[len(head(1).note):],
		"endless last note":   good + headsOrigin + "\n" + strings.Repeat("x", maxRecord+1),
		"garbage":             "nobody wrote this",
		"garbage at the end":  good + "nobody wrote this",
		"empty lines between": replace("\n\n"+headsOrigin, "\n\n\n\n"+headsOrigin),
	} {
		if heads, torn, err := parseHeads([]byte(bad), headsOrigin); err == nil {
			t.Errorf("%s: read as %d heads, %d torn", name, len(heads), torn)
		}
	}
}

func FuzzHeadsFile(f *testing.F) {
	head := headMaker(f)
	f.Add([]byte(string(head(1).note) + "\n" + string(head(2).note) + "\n"))
	f.Add([]byte(string(head(1).note) + "\n" + string(head(2).note[:40])))
	f.Add([]byte("\n\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		heads, torn, err := parseHeads(b, headsOrigin)
		if err != nil {
			return
		}
		var again []byte
		for _, h := range heads {
			again = append(append(again, h.note...), '\n')
		}
		if !bytes.Equal(again, b[:len(b)-torn]) {
			t.Errorf("what was read does not make up the file again")
		}
	})
}
