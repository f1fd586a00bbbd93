package monitor_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/verify"
)

// TestWatches has one log and many watches: each finds its entries, and no others.
func TestWatches(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k) // 0 operator, 1 controller, 2 gateway, 3 prover, 4 the data set
	p := h.proving()         // 5
	e, proof := h.proven(p, data)
	h.write(h.sign(e, "gateway/1", proof...)) // 6
	h.deferred(p, data)                       // 7
	h.accesses(data, 1)                       // 8
	other := h.draft("gateway/1", access(data))
	other.Subject.Name = "marketing"
	h.write(h.sign(other, "gateway/1"))                                                                 // 9
	h.say(operator, &event.StatementClaims{Action: event.StatementRevoke, Statement: p.id})             // 10
	h.say(operator, revoke("gateway/1"))                                                                // 11
	h.say(operator, &event.ErasureClaims{Event: h.chains["gateway/1"].Prev, Reason: "r", Scope: "all"}) // 12
	unknown := event.Digest{1, 2, 3}
	watches := []monitor.Watch{
		{Name: "source", Source: "gateway/1"},
		{Name: "source and kind", Source: "gateway/1", Kind: "data-access"},
		{Name: "its keys", Source: "gateway/1", Kind: "source"},
		{Name: "subject", Subject: "marketing"},
		{Name: "kind", Kind: "erasure"},
		{Name: "statement", Statement: &p.id},
		{Name: "another statement", Statement: &unknown},
		{Name: "statement and subject", Statement: &p.id, Subject: "marketing"},
		{Name: "another log", Log: "other.example", Kind: "data-access"},
		{Name: "this log", Log: origin, Kind: "dataset"},
		{Name: "another source", Source: "gateway/2"},
	}
	want := map[string][]int64{
		"source": {2, 6, 7, 8, 9, 11}, "source and kind": {6, 7, 8, 9}, "its keys": {2, 11}, "subject": {9}, "kind": {12}, "statement": {5, 6, 7, 10}, "this log": {4},
	}
	w := watch(t, k, serveLog(t, h.shows(h.size())).URL)
	w.cfg.Watches = watches
	w.again()
	w.round()
	w.wantSize(h.size())
	w.wantAlarms()
	text, err := os.ReadFile(filepath.Join(w.dir, monitor.LogDir(origin), "matches"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]int64{}
	for line := range strings.Lines(string(text)) {
		var m monitor.Match
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		got[m.Watch] = append(got[m.Watch], m.Index)
		if e, err := verify.OpenEntry(m.Index, h.leaves[m.Index]); err != nil || e.Digest != m.Digest || e.Event.Source != m.Source || e.Event.Subject.Name != m.Subject || m.Log != origin {
			t.Errorf("the match %+v is not about that entry: %v", m, err)
		}
	}
	for _, x := range watches {
		if !slices.Equal(got[x.Name], want[x.Name]) {
			t.Errorf("%s: found %v, want %v", x.Name, got[x.Name], want[x.Name])
		}
	}
}
