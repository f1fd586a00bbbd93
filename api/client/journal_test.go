package client

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzJournal opens any bytes as a source's state: it must not panic, and if it opens, what is appended is what the next
// one reads.
func FuzzJournal(f *testing.F) {
	path := filepath.Join(f.TempDir(), "state")
	j, _, err := openJournal(path)
	if err != nil {
		f.Fatal(err)
	}
	for seq := range int64(3) {
		if err := j.append(&snapshot{Log: "log", Source: "gateway/1", Seq: seq + 1, Pending: []json.RawMessage{[]byte("{}")}}, seq == 2); err != nil {
			f.Fatal(err)
		}
	}
	if err := j.close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(append(bytes.Clone(whole), make([]byte, 64)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, _, err := openJournal(path)
		if err != nil {
			return
		}
		want := &snapshot{Log: "log", Source: "gateway/2", Seq: 9, Waiting: [][]byte{{1}}}
		if err := j.append(want, true); err != nil {
			t.Fatal(err)
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		j, got, err := openJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestJournalCompacts writes more than the file may hold, and finds the last snapshot in a small one.
func TestJournalCompacts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	j, _, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	large := [][]byte{bytes.Repeat([]byte{7}, compactAt/8)}
	for seq := range int64(12) {
		if err := j.append(&snapshot{Seq: seq, Waiting: large}, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	j, got, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Seq != 11 || info.Size() > compactAt {
		t.Errorf("snapshot %d in %d bytes", got.Seq, info.Size())
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}
