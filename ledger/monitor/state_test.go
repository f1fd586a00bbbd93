package monitor

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/monitor/internal/audit"
	"github.com/attestlog/attestlog/ledger/monitor/internal/store"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// TestCompaction compacts a journal, and reads the same state from it.
func TestCompaction(t *testing.T) {
	k := logtest.New(t, "log.example")
	h := k.History(200, 200, "")
	path := filepath.Join(t.TempDir(), "journal")
	log := &Log{origin: "log.example", key: k.Key, state: newState(), metrics: newMetrics(nil)}
	var err error
	if log.journal, err = store.OpenJournal(path, nil); err != nil {
		t.Fatal(err)
	}
	defer func() { log.journal.Close() }()
	head := func(size int64) *seen {
		note := h.Head(size)
		opened, err := log.open(note)
		if err != nil {
			t.Fatal(err)
		}
		return &seen{Note: string(note), From: "here", Time: size, head: opened}
	}
	for i := range int64(100) {
		size, told := i, i/2
		pending := []seen{*head(i + 50), *head(i + 60)}
		for _, c := range []*change{
			{Pending: &pending}, {Size: &size, Root: make([]byte, 32), Audit: &audit.State{Size: i, Logged: i, Events: 3 * i, Digests: uint32(i),
				Chains: map[string]verify.Chain{fmt.Sprintf("gateway/%d", i%7): {Seq: i, Prev: event.Digest{byte(i)}}}}},
			{Head: head(i)}, {Matches: &size, Told: &told}, {Delivered: []string{fmt.Sprint(i)}}, {Beyond: map[Kind]int64{Fork: 1}},
			{Alarms: []Alarm{{ID: fmt.Sprint(i), Kind: Rollback, Log: "log.example", Index: &size, Evidence: []string{"evidence/x"}}}},
		} {
			if err := log.commit(c); err != nil {
				t.Fatal(err)
			}
		}
	}
	none := []seen{}
	if err := log.commit(&change{Pending: &none}); err != nil {
		t.Fatal(err)
	}
	same := func(when string) {
		t.Helper()
		again := newState()
		if err := store.ReadJournal(path, func(line []byte) error { return again.read(line, log.open) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(log.state, again, cmp.AllowUnexported(state{}, seen{})); diff != "" {
			t.Errorf("%s another state is read (-kept +read):\n%s", when, diff)
		}
	}
	same("before it is compacted,")
	before := log.journal.Size()
	if err := log.compact(); err != nil {
		t.Fatal(err)
	}
	if log.journal.Size() >= before {
		t.Errorf("%d bytes became %d", before, log.journal.Size())
	}
	same("compacted,")
	if err := log.commit(&change{Head: head(150)}); err != nil {
		t.Fatal(err)
	}
	same("gone on with,")
	// Status is read without the log's key.
	status, err := readState(path)
	if err != nil || status.status("").HeadSize != 150 || len(status.alarms) != 100 {
		t.Errorf("the status is %+v, %v", status.status(""), err)
	}
}
