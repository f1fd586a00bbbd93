package ledger_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

// fill writes n claims of a service and of the bank in turn, and waits until all is published. It gives the log's size.
func (w *world) fill(n int) int64 {
	w.t.Helper()
	data := w.found()
	var batch []*event.Submission
	for i := range n {
		if i%2 == 0 {
			batch = append(batch, w.say("gateway/1", 'g', claim(data, 1)))
		} else {
			e := w.draft("bank/1", claim(data, 2))
			e.Subject.Name = "audit"
			batch = append(batch, w.sign(e, 'b'))
		}
	}
	size := w.must(batch...)[0].Size
	until(w.t, "all is published", func() bool { head, ok := w.log.Published(); return ok && head.Size == size })
	return size
}

// refused expects an error of a read to be a refusal with a code.
func refused(t *testing.T, what string, err error, code ledger.Code) {
	t.Helper()
	var r *ledger.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestEntries(t *testing.T) {
	w := newWorld(t)
	size := w.fill(25)
	all, err := w.log.Entries(t.Context(), ledger.Query{})
	if err != nil || int64(len(all.Entries)) != size || all.Next != "" || all.Size != size {
		t.Fatalf("%d entries of %d, next %q, %v", len(all.Entries), size, all.Next, err)
	}
	for i, e := range all.Entries {
		one, err := w.log.Entry(t.Context(), int64(i))
		if err != nil || one.Digest != e.Digest || e.Index != int64(i) {
			t.Fatalf("entry %d: %v", i, err)
		}
		if found, err := w.log.EntryByDigest(t.Context(), e.Digest); err != nil || found.Index != int64(i) || found.Event.Kind() != e.Event.Kind() {
			t.Fatalf("event %s: %v", e.Digest, err)
		}
	}
	middle := all.Entries[10].Decoded.Logged
	for name, c := range map[string]struct {
		query ledger.Query
		picks func(e *ledger.Entry) bool
	}{
		"all":       {ledger.Query{}, func(*ledger.Entry) bool { return true }},
		"kind":      {ledger.Query{Kinds: []event.Kind{event.Source, event.Dataset}}, func(e *ledger.Entry) bool { return e.Index < 4 }},
		"source":    {ledger.Query{Source: "bank/1"}, func(e *ledger.Entry) bool { return e.Event.Source == "bank/1" }},
		"subject":   {ledger.Query{Subject: "audit"}, func(e *ledger.Entry) bool { return e.Event.Subject.Name == "audit" }},
		"nobody":    {ledger.Query{Source: "nobody/1"}, func(*ledger.Entry) bool { return false }},
		"from":      {ledger.Query{From: middle}, func(e *ledger.Entry) bool { return e.Decoded.Logged >= middle }},
		"to":        {ledger.Query{To: middle}, func(e *ledger.Entry) bool { return e.Decoded.Logged <= middle }},
		"one time":  {ledger.Query{From: middle, To: middle}, func(e *ledger.Entry) bool { return e.Decoded.Logged == middle }},
		"no time":   {ledger.Query{From: middle + 1<<40}, func(*ledger.Entry) bool { return false }},
		"up to 10":  {ledger.Query{End: 10}, func(e *ledger.Entry) bool { return e.Index < 10 }},
		"beyond":    {ledger.Query{End: 1 << 40, Source: "bank/1"}, func(e *ledger.Entry) bool { return e.Event.Source == "bank/1" }},
		"from 7":    {ledger.Query{Start: 7}, func(e *ledger.Entry) bool { return e.Index >= 7 }},
		"7 to 9":    {ledger.Query{Start: 7, End: 10}, func(e *ledger.Entry) bool { return e.Index >= 7 && e.Index < 10 }},
		"behind":    {ledger.Query{Start: 1 << 40}, func(*ledger.Entry) bool { return false }},
		"all three": {ledger.Query{Kinds: []event.Kind{event.DataAccess}, Source: "gateway/1", Subject: "audit"}, func(*ledger.Entry) bool { return false }},
	} {
		for _, descending := range []bool{false, true} {
			if c.query.Start > 0 && descending {
				_, err := w.log.Entries(t.Context(), ledger.Query{Start: c.query.Start, Descending: true})
				refused(t, name, err, ledger.Malformed)
				continue
			}
			t.Run(fmt.Sprintf("%s/%v", name, descending), func(t *testing.T) {
				var want, got []int64
				for i := range all.Entries {
					if c.picks(&all.Entries[i]) {
						want = append(want, int64(i))
					}
				}
				if descending {
					slices.Reverse(want)
				}
				q := c.query
				q.Limit, q.Descending = 3, descending
				for pages := 0; ; pages++ {
					page, err := w.log.Entries(t.Context(), q)
					if err != nil || len(page.Entries) > 3 || pages > 20 {
						t.Fatalf("page %d has %d entries, %v", pages, len(page.Entries), err)
					}
					for _, e := range page.Entries {
						got = append(got, e.Index)
					}
					if page.Next == "" {
						break
					}
					q.Cursor = page.Next
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		}
	}
}

// What is added while somebody leafs through does not move the pages.
func TestPagesStand(t *testing.T) {
	w := newWorld(t)
	size := w.fill(6)
	page, err := w.log.Entries(t.Context(), ledger.Query{Limit: 4, Descending: true})
	if err != nil {
		t.Fatal(err)
	}
	w.must(w.say("op/1", 'o', register("late/1", 'l', event.RoleService)))
	next, err := w.log.Entries(t.Context(), ledger.Query{Limit: 100, Descending: true, Cursor: page.Next})
	if err != nil || int64(len(page.Entries)+len(next.Entries)) != size || next.Size != size {
		t.Errorf("pages of %d and %d entries of a log of %d, %v", len(page.Entries), len(next.Entries), next.Size, err)
	}
	for _, bad := range []string{"x", page.Next + "A", page.Next[1:], "djEgMSAxIHRydWUg"} {
		_, err := w.log.Entries(t.Context(), ledger.Query{Descending: true, Cursor: bad})
		refused(t, fmt.Sprintf("cursor %q", bad), err, ledger.Malformed)
	}
	_, err = w.log.Entries(t.Context(), ledger.Query{Cursor: page.Next})
	refused(t, "cursor of the other direction", err, ledger.Malformed)
}

func TestProofs(t *testing.T) {
	w := newWorld(t)
	size := w.fill(40)
	head, _ := w.log.Published()
	for index := range size {
		entry, err := w.log.Entry(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		hashes, of, err := w.log.Inclusion(t.Context(), index, 0)
		if err != nil || of.Size != head.Size || string(of.Note) != string(head.Note) {
			t.Fatalf("entry %d under the newest head: %v", index, err)
		}
		checkRecord(t, hashes, of, entry)
		for older := index + 1; older < size; older += 7 {
			if hashes, of, err = w.log.Inclusion(t.Context(), index, older); err != nil || of.Size != older {
				t.Fatalf("entry %d in the tree of %d: %v", index, older, err)
			}
			checkRecord(t, hashes, of, entry)
		}
	}
	for from := range size {
		older := ledger.PublishedHead{Size: from + 1}
		_, of, err := w.log.Inclusion(t.Context(), 0, from+1)
		if err != nil {
			t.Fatal(err)
		}
		older.Root = of.Root
		proof, err := w.log.Consistency(t.Context(), from+1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkTree(proof, head, older); err != nil {
			t.Errorf("from %d: %v", from+1, err)
		}
	}
	_, _, err := w.log.Inclusion(t.Context(), size, 0)
	refused(t, "an entry that is not there", err, ledger.NotFound)
	_, _, err = w.log.Inclusion(t.Context(), -1, 0)
	refused(t, "a negative index", err, ledger.NotFound)
	_, _, err = w.log.Inclusion(t.Context(), 0, size+1)
	refused(t, "a size of the future", err, ledger.NotFound)
	_, err = w.log.Consistency(t.Context(), 2, size+1)
	refused(t, "consistency with the future", err, ledger.NotFound)
	_, err = w.log.Consistency(t.Context(), 3, 2)
	refused(t, "consistency backwards", err, ledger.NotFound)
	_, err = w.log.CheckpointAt(t.Context(), size+1)
	refused(t, "a head of the future", err, ledger.NotFound)
	_, err = w.log.Entry(t.Context(), size)
	refused(t, "an entry of the future", err, ledger.NotFound)
	_, err = w.log.EntryByDigest(t.Context(), event.Digest{1})
	refused(t, "an event that is not there", err, ledger.NotFound)
}

func checkRecord(t *testing.T, hashes [][32]byte, of ledger.PublishedHead, entry *ledger.Entry) {
	t.Helper()
	var proof tlog.RecordProof
	for _, h := range hashes {
		proof = append(proof, h)
	}
	if err := tlog.CheckRecord(proof, of.Size, of.Root, entry.Index, tlog.RecordHash(entry.Leaf)); err != nil {
		t.Errorf("entry %d in the tree of %d: %v", entry.Index, of.Size, err)
	}
}

// tiles reads the log's tiles as x/mod's tlog wants them.
type tiles struct {
	t *testing.T
	l *ledger.Ledger
}

func (r tiles) Height() int { return 8 }

func (r tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range list {
		b, err := r.l.Tile(r.t.Context(), tile.L, tile.N, tile.W)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func (r tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func TestTiles(t *testing.T) {
	w := newWorld(t)
	size := w.fill(600)
	head, _ := w.log.Published()
	reader := tlog.TileHashReader(tlog.Tree{N: head.Size, Hash: head.Root}, tiles{t, w.log})
	for index := int64(0); index < size; index += 97 {
		proof, err := tlog.ProveRecord(size, index, reader)
		if err != nil {
			t.Fatal(err)
		}
		entry, err := w.log.Entry(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(proof, size, head.Root, index, tlog.RecordHash(entry.Leaf)); err != nil {
			t.Errorf("entry %d: %v", index, err)
		}
	}
	for n := int64(0); n*256 < size; n++ {
		width := min(256, size-n*256)
		bundle, err := w.log.Bundle(t.Context(), n, int(width))
		if err != nil {
			t.Fatal(err)
		}
		for i := range width {
			length := binary.BigEndian.Uint16(bundle)
			entry, err := w.log.Entry(t.Context(), n*256+i)
			if err != nil || string(entry.Leaf) != string(bundle[2:2+length]) {
				t.Fatalf("entry %d is not what its bundle has: %v", n*256+i, err)
			}
			bundle = bundle[2+length:]
		}
		if len(bundle) > 0 {
			t.Errorf("bundle %d has %d bytes more", n, len(bundle))
		}
	}
	_, err := w.log.Tile(t.Context(), 0, size/256, int(size%256)+1)
	refused(t, "a tile of the future", err, ledger.NotFound)
	_, err = w.log.Tile(t.Context(), -1, 0, 1)
	refused(t, "a tile below the leaves", err, ledger.NotFound)
	_, err = w.log.Bundle(t.Context(), size/256+1, 1)
	refused(t, "a bundle of the future", err, ledger.NotFound)
}

func TestSources(t *testing.T) {
	w := newWorld(t)
	w.found()
	w.must(w.say("gateway/1", 'g', rotate("gateway/1", 'h')))
	w.must(w.say("op/1", 'o', rotate("gateway/1", 'i')))
	w.must(w.say("op/1", 'o', revoke("bank/1", 'b')))
	all, err := w.log.Sources(t.Context())
	if err != nil || len(all) != 3 {
		t.Fatalf("%d sources, %v", len(all), err)
	}
	gateway, err := w.log.Source(t.Context(), "gateway/1")
	if err != nil || gateway.Status != "active" || gateway.Epoch != 2 || !gateway.Key.Equal(public('i')) || len(gateway.Keys) != 3 ||
		gateway.Role != event.RoleService || gateway.Registered != 2 || gateway.Next != ledger.Next(w.chains["gateway/1"]) {
		t.Errorf("gateway/1 is %+v, %v", gateway, err)
	}
	bank, err := w.log.Source(t.Context(), "bank/1")
	if err != nil || bank.Status != "revoked" || bank.Key != nil || bank.Next != ledger.Next(w.chains["bank/1"]) {
		t.Errorf("bank/1 is %+v, %v", bank, err)
	}
	_, err = w.log.Source(t.Context(), "nobody/1")
	refused(t, "a source that is not there", err, ledger.NotFound)
	w.stop()
	w.start()
	again, err := w.log.Sources(t.Context())
	if err != nil || fmt.Sprint(again) != fmt.Sprint(all) {
		t.Errorf("after a restart the sources are %v, %v", again, err)
	}
}

func TestStatements(t *testing.T) {
	w := newWorld(t)
	w.found()
	k := accessKeys(t)
	w.must(w.say("op/1", 'o', accessStatement(k)))
	s, err := w.log.Statement(t.Context(), k.VerifyingKey.Digest())
	if err != nil || s.Status != "active" || s.Claims.Name != "data-access-16" || s.Registered != 4 || s.Digest != k.VerifyingKey.Digest() {
		t.Errorf("the statement is %+v, %v", s, err)
	}
	w.must(w.say("op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke, Statement: s.Digest, From: 3}))
	all, err := w.log.Statements(t.Context())
	if err != nil || len(all) != 1 || all[0].Status != "revoked" || all[0].Revoked != 5 || all[0].Doubt != 3 {
		t.Errorf("the statements are %+v, %v", all, err)
	}
	_, err = w.log.Statement(t.Context(), event.Digest{1})
	refused(t, "a statement that is not there", err, ledger.NotFound)
}

func TestOnlyReading(t *testing.T) {
	w := newWorld(t)
	size := w.fill(3)
	cfg := w.cfg
	cfg.Signer = nil
	reader, _ := run(t, cfg)
	if page, err := reader.Entries(t.Context(), ledger.Query{}); err != nil || page.Size != size {
		t.Errorf("%d entries, %v", page.Size, err)
	}
	until(t, "the reader is ready", func() bool { return reader.Ready(t.Context()) == nil })
	if head, ok := reader.Published(); !ok || head.Size != size {
		t.Errorf("the newest head has size %d", head.Size)
	}
}

// What follows from the leaves can be lost and found again.
func TestReindex(t *testing.T) {
	w := newWorld(t)
	size := w.fill(300)
	before, err := w.log.Entries(t.Context(), ledger.Query{Source: "bank/1", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.exec("UPDATE entries SET source = subject, digest = '00000000-0000-0000-0000-000000000000', kind = 1")
	w.exec("DELETE FROM tiles")
	done := int64(0)
	if err := ledger.Reindex(t.Context(), w.cfg.DatabaseURL, func(n, of int64) { done = n }); err != nil {
		t.Fatal(err)
	}
	if done != size {
		t.Errorf("progress ended at %d of %d", done, size)
	}
	w.start()
	after, err := w.log.Entries(t.Context(), ledger.Query{Source: "bank/1", Limit: 1000})
	if err != nil || len(after.Entries) != len(before.Entries) {
		t.Fatalf("%d entries of the source, %d before, %v", len(after.Entries), len(before.Entries), err)
	}
	if _, err := w.log.EntryByDigest(t.Context(), before.Entries[7].Digest); err != nil {
		t.Error(err)
	}
	w.must(w.say("op/1", 'o', register("late/1", 'l', event.RoleService)))
}

// TestPagesOfLargeEntries asks for more at once than a page holds.
func TestPagesOfLargeEntries(t *testing.T) {
	w := newWorld(t)
	w.found()
	labels := make([]string, 340)
	for i := range labels {
		labels[i] = fmt.Sprintf("%04d%s", i, strings.Repeat("x", 120))
	}
	subs := make([]*event.Submission, 80)
	for i := range subs {
		subs[i] = w.say("bank/1", 'b', &event.DatasetClaims{Rows: 1,
			Columns: []event.Column{{Name: "a", Role: event.RoleOther, Coding: event.Coding{Category: &event.CategoryCoding{Labels: labels}}}}})
	}
	w.must(subs...)
	for _, descending := range []bool{false, true} {
		q := ledger.Query{Limit: 1000, Descending: descending}
		var seen []int64
		for pages := 1; ; pages++ {
			page, err := w.log.Entries(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			size := 0
			for _, e := range page.Entries {
				seen = append(seen, e.Index)
				size += len(e.Leaf)
			}
			if size > 4<<20+event.MaxLeaf {
				t.Errorf("a page has %d bytes of leaves", size)
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				if pages < 2 {
					t.Error("all came on one page")
				}
				break
			}
		}
		if descending {
			slices.Reverse(seen)
		}
		for i, index := range seen {
			if index != int64(i) {
				t.Fatalf("descending %t: entry %d stands in place %d", descending, index, i)
			}
		}
		if len(seen) != 84 {
			t.Errorf("descending %t: %d entries, want 84", descending, len(seen))
		}
	}
}
