package webtest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/migrations/pgtest"
	"github.com/attestlog/attestlog/web/webtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// The log of Full is what its names promise: each entry holds or fails as it should for whoever checks the evidence, and there is one of each kind.
func TestFull(t *testing.T) {
	began := time.Now()
	log := webtest.Full(t)
	t.Logf("there after %v", time.Since(began).Round(time.Millisecond))
	head, err := log.Client.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[event.Kind]int{}
	if err := log.Client.EachEntry(t.Context(), client.Query{}, func(e *verify.Entry) bool { seen[e.Event.Kind()]++; return true }); err != nil {
		t.Fatal(err)
	}
	for _, k := range event.Kinds() {
		if seen[k] == 0 {
			t.Errorf("no entry is of kind %s", k)
		}
	}
	t.Logf("%d entries: %v", head.Size, seen)
	var indices []int64
	for _, name := range log.Names() {
		indices = append(indices, log.At(name))
	}
	slices.Sort(indices)
	_, report, err := log.Client.Bundle(t.Context(), client.BundleQuery{Entries: slices.Compact(indices), Size: head.Size})
	if err != nil {
		t.Fatal(err)
	}
	verdicts, doubts := map[int64]verify.Verdict{}, map[int64]bool{}
	for _, c := range report.Claims {
		verdicts[c.Entry.Index], doubts[c.Entry.Index] = c.Verdict, len(c.Doubts) > 0
	}
	for name, want := range map[webtest.Name]verify.Verdict{
		webtest.AccessProven: verify.Proven, webtest.AccessClaimed: verify.Claimed, webtest.AccessDeferred: verify.Proven, webtest.AccessOverruled: verify.Proven,
		webtest.Anonymized: verify.Proven, webtest.FirstStep: verify.Proven, webtest.LastStep: verify.Proven, webtest.Served: verify.Proven,
		webtest.CustomProven: verify.Proven, webtest.CustomClaimed: verify.Claimed, webtest.Sealed: verify.Claimed,
	} {
		if got := verdicts[log.At(name)]; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for _, name := range []webtest.Name{webtest.AccessInDoubt, webtest.AccessDoomed, webtest.ServedByStolen} {
		if !doubts[log.At(name)] {
			t.Errorf("%s is not in doubt", name)
		}
	}
	_, traced, err := log.Client.Bundle(t.Context(), client.BundleQuery{Entries: []int64{log.At(webtest.Served)}, Provenance: true})
	if err != nil {
		t.Fatal(err)
	}
	walk, err := traced.Provenance(log.At(webtest.Served))
	if err != nil || walk.State() != verify.LinkProven {
		t.Errorf("where the served model comes from is %s, %v: %+v", walk.State(), err, walk.Links)
	}
	proving, err := log.Client.Proving(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("proving: %+v", proving)
}

func TestHostile(t *testing.T) {
	log := webtest.Hostile(t)
	for i, text := range webtest.HostileTexts() {
		e, err := verify.OpenEntry(0, log.Receipt(webtest.HostileSubject(i)).Leaf)
		if err != nil || !strings.HasPrefix(text, e.Event.Subject.Name) || e.Event.Subject.Name == "" {
			t.Errorf("text %d is logged as %q, %v", i, e.Event.Subject.Name, err)
		}
	}
	for _, name := range []webtest.Name{webtest.HugeDataset, webtest.HugeCustom} {
		if n := len(log.Receipt(name).Leaf); n < 60_000 {
			t.Errorf("%s has %d bytes", name, n)
		}
	}
}

func TestEmpty(t *testing.T) {
	log := webtest.Empty(t)
	page, err := log.Client.Entries(t.Context(), client.Query{})
	if err != nil || len(page.Entries) > 0 {
		t.Errorf("an empty log has %d entries, %v", len(page.Entries), err)
	}
}

func TestAltered(t *testing.T) {
	log := webtest.Empty(t)
	broken := log.Altered(func(path string, body []byte) []byte {
		if path != "/v1/sources" {
			return body
		}
		return []byte("{\"sources\":[{\"name\":\"\xff\xfe\"}]}")
	})
	list, err := broken.Sources(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "\ufffd\ufffd" {
		t.Errorf("bytes that aren't UTF-8 become %+v, %v", list, err)
	}
}
