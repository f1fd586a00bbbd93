package web

import (
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/webtest"
	"github.com/attestlog/attestlog/web/words"
)

var (
	linksForm   = regexp.MustCompile(`href="/(?:entries|provenance|datasets)/(\d+)"`)
	rangesForm  = regexp.MustCompile(`<a href="/entries/(\d+)">[^<]*</a>–<a href="/entries/(\d+)">`)
	bundleLinks = regexp.MustCompile(`href="(/report/bundle[^"]+)"`)
	nextPart    = regexp.MustCompile(`href="([^"]+)">The next part`)
)

// citedBy are all entries that a page cites, those between the ends of ranges included.
func citedBy(t *testing.T, body string) map[int64]bool {
	t.Helper()
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	_, body, _ = strings.Cut(body, "<main")
	cited := map[int64]bool{}
	for _, m := range linksForm.FindAllStringSubmatch(body, -1) {
		cited[number(m[1])] = true
	}
	for _, m := range rangesForm.FindAllStringSubmatch(body, -1) {
		for i := number(m[1]); i <= number(m[2]); i++ {
			cited[i] = true
		}
	}
	return cited
}

// evidenceOf fetches all files of a report, and verifies them with the log's key alone.
func evidenceOf(t *testing.T, log *webtest.Log, pages http.Handler, body string) (held map[int64]bool, reports map[int64]*verify.Report) {
	t.Helper()
	held, reports = map[int64]bool{}, map[int64]*verify.Report{}
	links := bundleLinks.FindAllStringSubmatch(body, -1)
	if len(links) == 0 {
		t.Fatal("the report has no evidence")
	}
	for _, m := range links {
		res, file := get(t, pages, "GET", html.UnescapeString(m[1]))
		b, err := verify.ParseBundle([]byte(file))
		if err != nil {
			t.Fatalf("%s: %d, %v", m[1], res.StatusCode, err)
		}
		r, err := b.Verify(log.Client.Key(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Claims {
			reports[c.Entry.Index] = c
		}
		for i := range b.Entries {
			held[b.Entries[i].Index] = true
		}
	}
	return held, reports
}

// count counts the log's entries about the system, by kind and verdict, as somebody does who goes through all of them.
func count(t *testing.T, log *webtest.Log, reports map[int64]*verify.Report, from, to int64) (kinds map[string]int, verdicts map[string]int, records, shown int64, doubts int) {
	t.Helper()
	kinds, verdicts = map[string]int{}, map[string]int{}
	err := log.Client.EachEntry(t.Context(), client.Query{Subject: webtest.System}, func(e *verify.Entry) bool {
		if e.Leaf.Logged < from || to > 0 && e.Leaf.Logged > to {
			return true
		}
		r := reports[e.Index]
		if r == nil {
			t.Errorf("the evidence isn't about entry %d", e.Index)
			return true
		}
		kinds[e.Event.Kind().String()]++
		verdicts[string(r.Verdict)]++
		if len(r.Doubts) > 0 {
			doubts++
		}
		if claims, ok := e.Event.Claims.(*event.DataAccessClaims); ok {
			records += claims.Records
			if r.Verdict == verify.Proven {
				shown += claims.Records
			}
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds, verdicts, records, shown, doubts
}

// Every entry that a report cites is in its evidence, and its figures are those that come out of counting what is there.
func testReport(t *testing.T, log *webtest.Log, pages http.Handler) {
	address := "/report?subject=" + url.QueryEscape(webtest.System) + "&parts=long"
	_, body := get(t, pages, "GET", address)
	held, reports := evidenceOf(t, log, pages, body)
	for index := range citedBy(t, body) {
		if !held[index] {
			t.Errorf("entry %d is cited, and is not in the evidence", index)
		}
	}
	kinds, verdicts, records, shown, doubts := count(t, log, reports, 0, 0)
	text := plain(body)
	for _, want := range []string{
		"Events " + strconv.Itoa(len(reportedAbout(reports))), "Proven " + strconv.Itoa(verdicts["proven"]), "Claimed only " + strconv.Itoa(verdicts["claimed"]),
		"Waiting or refused " + strconv.Itoa(verdicts["waiting"]) + " / " + strconv.Itoa(verdicts["refused"]), "In doubt " + strconv.Itoa(doubts),
		"Data access " + strconv.Itoa(kinds["data-access"]), "Model version 3", "Training step 3", "Custom values 2", "Attestation 4",
		words.Number(records) + " " + words.Number(shown),
		"A training run on German Credit, anonymized", "In the period it took 3 steps : 3 proven", "Rows 0 to 999 of", "its run is withheld",
		"gateway/eu-1 service, registered by", "Numbers 1 to 86, without a gap: 86 events, of which 84 are about this system",
		"The operator alone replaced its key:", "revoked the key that signed entry", "UNTRUSTED one-party set-up", "An erasure was recorded: The customer asked for it",
		"It does not say that any duty is met", "in this file",
	} {
		if !strings.Contains(text, strings.ReplaceAll(want, " :", ":")) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "part of a longer report") {
		t.Error("a whole report says that it is a part")
	}
	// A period has what was logged in it, and nothing else.
	for _, period := range [][2]int{{-14, -9}, {-8, -8}, {-4, 0}} {
		day := func(n int) time.Time { return log.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, n) }
		from, to := day(period[0]), day(period[1])
		_, body := get(t, pages, "GET", address+"&from="+from.Format(time.DateOnly)+"&to="+to.Format(time.DateOnly))
		_, reports := evidenceOf(t, log, pages, body)
		kinds, verdicts, _, _, _ := count(t, log, reports, from.UnixMilli(), to.AddDate(0, 0, 1).UnixMilli()-1)
		for _, want := range []string{"Data access " + strconv.Itoa(kinds["data-access"]), "Proven " + strconv.Itoa(verdicts["proven"]), "from " + from.Format(time.DateOnly) + " to " + to.Format(time.DateOnly)} {
			if kinds["data-access"] > 0 && !strings.Contains(plain(body), want) {
				t.Errorf("days %v: the report lacks %q:\n%s", period, want, plain(body))
			}
		}
	}
	look(t, pages, []sight{
		{"the form", "/report", 200, []string{"First day (UTC)", "credit-scoring from", "by the log’s clock"}},
		{"nobody", "/report?subject=nobody", 200, []string{"The log has no entry about nobody from the log’s first entry to its newest"}},
		{"a period without entries", address + "&to=1999-12-31", 200, []string{"The log has no entry about credit-scoring from the log’s first entry to 1999-12-31"}},
		{"no day", address + "&from=yesterday", 400, []string{"“from” must be a day since 1970, such as 2026-11-01. It is “yesterday”."}},
		{"a day that isn't", address + "&to=2026-02-30", 400, []string{"“to” must be a day since 1970"}},
		{"a day long ago", address + "&to=1969-12-31", 400, []string{"“to” must be a day since 1970"}},
		{"backwards", address + "&from=2026-02-02&to=2026-02-01", 400, []string{"The period ends (2026-02-01) before it begins (2026-02-02)."}},
		{"too long a name", "/report?subject=" + strings.Repeat("x", 257), 400, []string{"at most 256 bytes"}},
		{"parts of no length", strings.Replace(address, "long", "x", 1), 400, []string{"“parts” can be “long”"}},
		{"after nothing", address + "&after=x", 400, []string{"“after” must be a number"}},
		{"after what isn't there", address + "&after=99999", 404, []string{"Not found"}},
		{"evidence of nothing", "/report/bundle", 400, []string{"Name its subject"}},
		{"evidence that isn't there", strings.Replace(address, "/report", "/report/bundle", 1) + "&part=7", 404, []string{"evidence has 1 files"}},
		{"evidence about nobody", "/report/bundle?subject=nobody", 404, []string{"has 0 files"}},
	})
}

// reportedAbout are the reports about the system's entries.
func reportedAbout(reports map[int64]*verify.Report) (indices []int64) {
	for _, index := range slices.Sorted(maps.Keys(reports)) {
		if reports[index].Entry.Event.Subject.Name == webtest.System {
			indices = append(indices, index)
		}
	}
	return indices
}

// A report that is too long for one is several, which together have everything once; each is backed by its own evidence.
func testLongReport(t *testing.T, log *webtest.Log, chained int) {
	v, err := newViewer(Config{Log: log.Client, Now: log.Now})
	if err != nil {
		t.Fatal(err)
	}
	v.reports = reportLimits{Entries: 50, Long: 500, Chained: chained, File: 20, Origins: 1, Chunks: 1}
	pages := v.routes()
	address, parts, total, cut := "/report?subject="+url.QueryEscape(webtest.System), 0, map[int64]bool{}, false
	for ; address != "" && parts < 10; parts++ {
		_, body := get(t, pages, "GET", address)
		held, reports := evidenceOf(t, log, pages, body)
		for index := range citedBy(t, body) {
			if !held[index] {
				t.Errorf("part %d: entry %d is cited, and is not in the evidence", parts, index)
			}
		}
		if !strings.Contains(plain(body), "This is a part of a longer report.") || !strings.Contains(plain(body), "one is about 20 entries at most") {
			t.Errorf("part %d doesn't say that it is one:\n%s", parts, plain(body))
		}
		cut = cut || strings.Contains(plain(body), "more than this report has room for")
		m := regexp.MustCompile(`Events (\d+) Proven`).FindStringSubmatch(plain(body))
		if m == nil {
			t.Fatalf("part %d has no figures", parts)
		}
		n := 0
		for _, index := range reportedAbout(reports) {
			if !total[index] {
				n++
			}
			total[index] = true
		}
		if m[1] != strconv.Itoa(n) {
			t.Errorf("part %d has %s events, and its evidence is about %d more", parts, m[1], n)
		}
		address = ""
		if m := nextPart.FindStringSubmatch(body); m != nil {
			address = html.UnescapeString(m[1])
		}
	}
	if _, body := get(t, pages, "GET", "/report?parts=long&subject="+url.QueryEscape(webtest.System)); strings.Contains(plain(body), "part of a longer report") {
		t.Error("in longer parts, it is still cut")
	}
	want := 0
	if err := log.Client.EachEntry(t.Context(), client.Query{Subject: webtest.System}, func(*verify.Entry) bool { want++; return true }); err != nil {
		t.Fatal(err)
	}
	if len(total) != want || parts != (want+49)/50 || !cut {
		t.Errorf("%d parts have %d of %d entries; a chain was cut: %v", parts, len(total), want, cut)
	}
}

func TestGapIn(t *testing.T) {
	at := func(index, seq int64, digest, prev byte) *verify.Entry {
		return &verify.Entry{Index: index, Digest: event.Digest{digest}, Event: &event.Event{Seq: seq, Prev: event.Digest{prev}}}
	}
	for _, c := range []struct {
		entries []*verify.Entry
		want    string
	}{
		{nil, ""},
		{[]*verify.Entry{at(3, 1, 1, 0), at(5, 2, 2, 1), at(9, 3, 3, 2)}, ""},
		{[]*verify.Entry{at(3, 1, 1, 0), at(9, 3, 3, 2)}, "entry 3 has number 1, and entry 9 after it number 3"},
		{[]*verify.Entry{at(3, 1, 1, 0), at(5, 2, 2, 7)}, "entry 5 names another event before it than entry 3"},
	} {
		if got := gapIn(c.entries); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestCitations(t *testing.T) {
	got := citations([]int64{9, 3, 4, 5, 4, 11, 10})
	if !slices.Equal(got, []rangeOf{{3, 5}, {9, 11}}) || citations(nil) != nil {
		t.Errorf("got %v", got)
	}
}
