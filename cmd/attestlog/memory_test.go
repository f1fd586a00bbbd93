package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// session is a command that begins: it recalls what those before it remembered of a log, whose head is that of so many entries.
func session(t *testing.T, memory string, h *logtest.History, size int64) *remote {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /checkpoint", func(w http.ResponseWriter, _ *http.Request) { w.Write(h.Head(size)) })
	mux.HandleFunc("GET /v1/consistency", func(w http.ResponseWriter, r *http.Request) {
		from, err := strconv.ParseInt(r.FormValue("from"), 10, 64)
		to, err2 := strconv.ParseInt(r.FormValue("to"), 10, 64)
		if err != nil || err2 != nil {
			http.NotFound(w, r)
			return
		}
		hashes := []event.Digest{}
		for _, x := range h.Proof(from, to) {
			hashes = append(hashes, x)
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"from": from, "to": to, "hashes": hashes})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	l := logFlags{key: h.VKey, server: server.URL, memory: memory}
	r, err := l.connectAs(&terminal{out: io.Discard, err: io.Discard}, func(o *client.Options) { o.Retries = -1 })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// look has a command look at its log's head, and end.
func (r *remote) look(t *testing.T) error {
	t.Helper()
	_, err := r.Checkpoint(t.Context())
	return r.judge(t.Context(), err)
}

// TestMemoryOfTwo has commands run side by side: what the first one to end was shown isn't forgotten by the other's end.
func TestMemoryOfTwo(t *testing.T) {
	log := logtest.New(t, "test.example/log")
	history := log.History(9, 9, "")
	for _, sizes := range [][]int64{{7, 3}, {3, 7}, {7, 7}} {
		memory := t.TempDir()
		first, second := session(t, memory, history, sizes[0]), session(t, memory, history, sizes[1])
		for _, r := range []*remote{first, second} {
			if err := r.look(t); err != nil {
				t.Fatal(err)
			}
		}
		after := session(t, memory, history, 9)
		if newest, err := verify.OpenHead(after.known, log.Key); err != nil || newest.Size != 7 {
			t.Errorf("%v: the newest head that is remembered is of %d entries (%v)", sizes, newest.Size, err)
		}
		if n := len(after.Seen().Checkpoints); n != len(slices.Compact(sizes)) {
			t.Errorf("%v: %d heads are remembered", sizes, n)
		}
	}
}

// TestMemoryOfTwoHistories has a log show two commands, side by side, two histories: the second one to end says so.
func TestMemoryOfTwoHistories(t *testing.T) {
	log := logtest.New(t, "test.example/log")
	memory := t.TempDir()
	first := session(t, memory, log.History(6, 2, "one"), 6)
	second := session(t, memory, log.History(6, 2, "another"), 6)
	if err := first.look(t); err != nil {
		t.Fatal(err)
	}
	err := second.look(t)
	var ended *failure
	if !errors.As(err, &ended) || ended.code != exitUnverified {
		t.Fatalf("got %v, want the exit code %d", err, exitUnverified)
	}
	if kept, _ := filepath.Glob(filepath.Join(memory, "fork-*")); len(kept) != 1 {
		t.Errorf("there are %d files with evidence", len(kept))
	}
}
