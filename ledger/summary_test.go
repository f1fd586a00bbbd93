package ledger_test

import (
	"cmp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

// tallied counts the log's entries one by one, as the summary is meant to count them.
func (w *world) tallied() (days []ledger.Tally) {
	w.t.Helper()
	page, err := w.log.Entries(w.t.Context(), ledger.Query{Limit: 1000})
	if err != nil || page.Next != "" {
		w.t.Fatal(page.Next, err)
	}
	for _, e := range page.Entries {
		day := e.Decoded.Logged / (24 * time.Hour).Milliseconds()
		at := slices.IndexFunc(days, func(t ledger.Tally) bool { return t.Day == day && t.Kind == e.Event.Kind() })
		if at < 0 {
			days = append(days, ledger.Tally{Day: day, Kind: e.Event.Kind()})
			at = len(days) - 1
		}
		switch t := &days[at]; {
		case e.Event.Proof == event.ProofInline:
			t.Proven++
		case e.Event.Proof == event.ProofNone:
			t.Claimed++
		case e.Deferral.State() == ledger.StateProven:
			t.Proven++
		case e.Deferral.State() == ledger.StateRefused:
			t.Refused++
		default:
			t.Waiting++
		}
	}
	slices.SortFunc(days, func(a, b ledger.Tally) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Kind, b.Kind)) })
	return days
}

// sum is the tallies of all days.
func sum(days []ledger.Tally) (kinds []ledger.Tally) {
	for _, t := range days {
		at := slices.IndexFunc(kinds, func(k ledger.Tally) bool { return k.Kind == t.Kind })
		if at < 0 {
			kinds = append(kinds, ledger.Tally{Kind: t.Kind})
			at = len(kinds) - 1
		}
		k := &kinds[at]
		k.Proven, k.Claimed, k.Waiting, k.Refused = k.Proven+t.Proven, k.Claimed+t.Claimed, k.Waiting+t.Waiting, k.Refused+t.Refused
	}
	slices.SortFunc(kinds, func(a, b ledger.Tally) int { return cmp.Compare(a.Kind, b.Kind) })
	return kinds
}

// The summary is what counting the entries one by one gives, after every change, on the day of the event and not of its attestation, and
// again after a restart; whatever events say that looks like something else.
func TestSummary(t *testing.T) {
	w := newWorldOn(t, pgtest.URL(t))
	var now atomic.Int64
	now.Store(time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC).UnixMilli())
	w.cfg.Now = func() time.Time { return time.UnixMilli(now.Load()) }
	w.start()
	check := func(what string) {
		t.Helper()
		want := w.tallied()
		var got *ledger.Summary
		var err error
		until(t, "all is counted", func() bool { // the background may be at it
			got, err = w.log.Summary(t.Context(), 3660)
			return err != nil || got.Counted == got.Size
		})
		if err != nil || !slices.Equal(got.Days, want) || !slices.Equal(got.Kinds, sum(want)) {
			t.Errorf("%s:\n%+v, %v\nwant days %+v\nkinds %+v", what, got, err, want, sum(want))
		}
	}
	k, foreign := accessKeys(t), foreignKeys(t)
	check("an empty log")
	data := w.foundProving(k)
	w.must(w.say("op/1", 'o', importOf(foreign)))
	check("a founded log")

	w.must(w.prove("gateway/1", 'g', k, data, 3))
	lies := w.draft("gateway/1", claim(data, 2))
	lies.Subject.Name = `","witness":"` + event.Digest{1}.String() + `"},"predicateType":"x`
	lies.Purpose = `"witness":"` + event.Digest{1}.String() + `"},"predicateType":"x","proof":"deferred"`
	w.must(w.sign(lies, 'g'))
	square := squared(49, data)
	w.must(w.say("gateway/1", 'g', square), w.proveSquare(foreign, square, square, 7))
	one, proofOne := w.deferring("gateway/1", 'g', k, data, 3, 8)
	two, _ := w.deferring("gateway/1", 'g', k, data, 4)
	three, proofThree := w.deferring("gateway/1", 'g', k, data, 5)
	four, _ := w.deferring("gateway/1", 'g', k, data, 6)
	w.must(one, two, three, four)
	check("four wait")

	now.Add((2 * time.Hour).Milliseconds()) // the next day
	w.must(w.say("prover/1", 'p', proven(one, proofOne())), w.say("prover/1", 'p', unproven(two)))
	check("one proven, one refused")
	w.must(w.say("prover/1", 'p', unproven(three)))
	check("another refused")
	w.must(w.say("prover/1", 'p', proven(three, proofThree())))
	check("and proven after all")

	latest, err := w.log.Summary(t.Context(), 1)
	if err != nil || len(latest.Days) != 1 || latest.Days[0].Kind != event.Attestation || latest.Days[0].Claimed != 4 || len(latest.Kinds) < 5 {
		t.Errorf("today alone: %+v, %v", latest, err)
	}
	if first := ledger.DayOf(latest.Days[0].Day); !first.Equal(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("today began at %v", first)
	}
	w.stop()
	w.start()
	check("after a restart")

	w.stop()
	w.cfg.Signer = nil
	w.open()
	check("by a process that only reads")
}

// A log that is far ahead of the count answers at once with what it has, and counts on in the background.
func TestSummaryOfALargeLog(t *testing.T) {
	w := newWorld(t)
	data := w.found()
	var batch []*event.Submission
	for range 5000 {
		batch = append(batch, w.say("gateway/1", 'g', claim(data, 1)))
	}
	for part := range slices.Chunk(batch, 1000) {
		w.must(part...)
	}
	first, err := w.log.Summary(t.Context(), 1)
	if err != nil || first.Counted > first.Size || first.Counted < 4096 {
		t.Fatalf("%d counted of %d, %v", first.Counted, first.Size, err)
	}
	until(t, "all is counted", func() bool {
		s, err := w.log.Summary(t.Context(), 1)
		return err == nil && s.Counted == s.Size
	})
	check, err := w.log.Summary(t.Context(), 1)
	if err != nil || check.Kinds[0] != (ledger.Tally{Kind: event.DataAccess, Claimed: 5000}) {
		t.Errorf("%+v, %v", check.Kinds, err)
	}
}
