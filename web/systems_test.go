package web

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/webtest"
)

var tags = regexp.MustCompile(`<[^>]*>`)

// plain is a page as it reads, without its marks.
func plain(body string) string {
	_, body, _ = strings.Cut(body, `<main`)
	return strings.Join(strings.Fields(tags.ReplaceAllString(body, " ")), " ")
}

// viewing is a viewer of a real log.
func viewing(t *testing.T, log *webtest.Log) http.Handler {
	t.Helper()
	v, err := newViewer(Config{Log: log.Client, Now: log.Now})
	if err != nil {
		t.Fatal(err)
	}
	return v.routes()
}

// TestSystems looks at the pages about systems and data sets of a log that has everything.
func TestSystems(t *testing.T) {
	log := webtest.Full(t)
	pages := viewing(t, log)
	t.Run("provenance", func(t *testing.T) { testProvenance(t, log, pages) })
	t.Run("data sets", func(t *testing.T) { testDatasets(t, log, pages) })
	t.Run("report", func(t *testing.T) { testReport(t, log, pages) })
	for _, chained := range []int{25, 1000} { // room for two entries about other systems, and for none
		t.Run(fmt.Sprintf("long report, one more for %d", chained), func(t *testing.T) { testLongReport(t, log, chained) })
	}
}

// sight is a page that is looked at, and what stands on it.
type sight struct {
	name, path string
	status     int
	want       []string
}

func look(t *testing.T, pages http.Handler, list []sight) {
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			res, body := get(t, pages, "GET", c.path)
			if res.StatusCode != c.status {
				t.Fatalf("status %d: %s", res.StatusCode, plain(body))
			}
			for _, want := range c.want {
				if !strings.Contains(plain(body), want) {
					t.Errorf("it lacks %q:\n%s", want, plain(body))
				}
			}
		})
	}
}

func testDatasets(t *testing.T, log *webtest.Log, pages http.Handler) {
	at := func(name webtest.Name) string { return fmt.Sprint(log.At(name)) }
	look(t, pages, []sight{
		{"all", "/datasets", 200, []string{"German Credit, anonymized 1,000", "11 : 1 direct, 6 quasi, 1 sensitive, 3 other", "Branch visits 12", "bank/credit-risk"}},
		{"raw data", "/datasets/" + at(webtest.RawData), 200, []string{"commits to the data set", "customer number direct identifier", "whole numbers from 0 to 20,000", "model-training", "Nothing in the log says that it was made of other data.",
			"proven Rows 0 to 999 of", "No training run in the log is on it.", "25 accesses", at(webtest.AccessWaiting) + " 57 credit-scoring age , job gateway/eu-1", "waiting", "Older ones looked at down to entry"}},
		{"released data", "/datasets/" + at(webtest.ReleasedData), 200, []string{"Nothing in the log says that it was anonymized.", "claimed A training run of 3 steps", "The log has no access to it."}},
		{"other data", "/datasets/" + at(webtest.OtherData), 200, []string{"none: nothing that is read of it", "No training run"}},
		{"an entry of another kind", "/datasets/" + at(webtest.Run), 404, []string{"is no data set, but of the kind training-run"}},
		{"an entry that isn't", "/datasets/99999", 404, []string{"Not found"}},
		{"a cursor of nothing", "/datasets?cursor=x", 400, []string{"cursor"}},
	})
	// Paging through the accesses meets each once, in the state that the evidence gives it.
	states, path := map[string]string{}, "/datasets/"+at(webtest.RawData)
	row := regexp.MustCompile(`(?s)<tr>\s*<th scope="row" data-label="Entry"><a class="num" href="/entries/(\d+)">.*?<span class="mark [a-z]+">.*?</svg>([a-z]+)</span>(.*?)</tr>`)
	next := regexp.MustCompile(`rel="next" href="([^"#]+)`)
	for n := 0; path != "" && n < 20; n++ {
		_, body := get(t, pages, "GET", path)
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			if states[m[1]] != "" {
				t.Errorf("entry %s stands twice", m[1])
			}
			if states[m[1]] = m[2]; strings.Contains(m[3], "revoked") {
				states[m[1]] += ", revoked"
			}
		}
		path = ""
		if m := next.FindStringSubmatch(body); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	accesses := 0
	if err := log.Client.EachEntry(t.Context(), client.Query{Kinds: []event.Kind{event.DataAccess}}, func(*verify.Entry) bool { accesses++; return true }); err != nil {
		t.Fatal(err)
	}
	if len(states) != accesses {
		t.Errorf("%d accesses are shown, and the log has %d", len(states), accesses)
	}
	for name, want := range map[webtest.Name]string{webtest.AccessProven: "proven", webtest.AccessClaimed: "claimed", webtest.AccessWaiting: "waiting", webtest.AccessDeferred: "proven", webtest.AccessRefused: "refused",
		webtest.AccessOverruled: "proven", webtest.AccessInDoubt: "proven, revoked", webtest.AccessDoomed: "proven, revoked"} {
		if states[at(name)] != want {
			t.Errorf("%s is shown as %q, want %q", name, states[at(name)], want)
		}
	}
}

func testProvenance(t *testing.T, log *webtest.Log, pages http.Handler) {
	at := func(name webtest.Name) string { return fmt.Sprint(log.At(name)) }
	look(t, pages, []sight{

		{"the choice", "/provenance", 200, []string{"credit-scoring", "2026.12-rc1 entry " + at(webtest.ServedInDark), "German Credit, anonymized", "Branch visits"}},
		{"a system by its name", "/provenance?subject=credit-scoring", 200, []string{"Where credit-scoring comes from", "The chain breaks off", "the source withholds the run"}},
		{"a data set by its name", "/provenance?subject=" + url.QueryEscape(webtest.Released), 200, []string{"Every link of this chain is proven", "37 are suppressed"}},
		{"a proven version", "/provenance/" + at(webtest.Served), 200, []string{"Every link of this chain is proven", "back to German Credit ( entry " + at(webtest.RawData), "7 links proven", "3 training steps",
			"3 steps, entry by entry", "UNTRUSTED one-party set-up", "claimed keys of a ceremony, says the operator", "What stays trusted", "The weights are the same on both sides", "Versions"}},
		{"a stolen key's version", "/provenance/" + at(webtest.ServedByStolen), 200, []string{"And some of it is in doubt", "claimed revoked", "revoked the key that signed entry " + at(webtest.ServedByStolen)}},
		{"an access", "/provenance/" + at(webtest.AccessProven), 200, []string{"60 records of it were read", "back to German Credit"}},
		{"an entry that nothing comes before", "/provenance/0", 200, []string{"Nothing in the log says what this comes from"}},
		{"a name that nobody has", "/provenance?subject=nobody", 404, []string{"The log has no model version and no data set of “nobody”"}},
		{"too long a name", "/provenance?subject=" + strings.Repeat("x", 257), 400, []string{"at most 256 bytes"}},
		{"no UTF-8", "/provenance?subject=%ff", 400, []string{"UTF-8"}},
		{"no number", "/provenance/x", 400, []string{"Entries have numbers"}},
		{"an entry that isn't", "/provenance/99999", 404, []string{"Not found"}},
	})
	res, file := get(t, pages, "GET", "/provenance/"+at(webtest.Served)+"/bundle")
	b, err := verify.ParseBundle([]byte(file))
	if err != nil || res.Header.Get("Content-Disposition") != `attachment; filename="provenance-`+at(webtest.Served)+`.attestlog"` {
		t.Fatalf("the evidence: %v, %v", err, res.Header)
	}
	report, err := b.Verify(log.Client.Key(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if walk, err := report.Provenance(log.At(webtest.Served)); err != nil || walk.State() != verify.LinkProven {
		t.Errorf("the evidence of the page doesn't back it: %v", err)
	}
	if _, body := get(t, pages, "GET", "/provenance/"+at(webtest.Served)+"/walk.json"); !strings.Contains(body, `"state": "proven"`) {
		t.Errorf("the walk is %.200s", body)
	}
}

// A chain that doesn't hold is shown with what is wrong with it, and where.
func TestChainThatBreaks(t *testing.T) {
	element := func(n byte) event.Element { return event.Element{31: n} }
	step := func(index, n int64, before, after byte, verdict verify.Verdict) *verify.Report {
		return &verify.Report{Verdict: verdict, Sentence: fmt.Sprintf("Step %d.", n), Entry: &verify.Entry{Index: index, Leaf: &event.Leaf{Logged: 1},
			Event: &event.Event{Subject: event.Subject{Name: "m"}, Source: "lab/1", Claims: &event.TrainingStepClaims{Step: n, Before: element(before), After: element(after)}}}}
	}
	walk := &verify.Provenance{Of: 22, Nodes: nil}
	for n := int64(20); n >= 1; n-- {
		walk.Nodes = append(walk.Nodes, step(2+n, n, byte(n), byte(n+1), verify.Proven))
		if n > 1 {
			walk.Links = append(walk.Links, verify.Link{Name: "weights", From: 2 + n, To: 1 + n, State: verify.LinkProven})
		}
	}
	walk.Links[7].State, walk.Links[7].Sides = verify.LinkBroken, []verify.Sides{{Name: "weights", From: element(1), To: element(2)}}
	walk.Nodes[12].Verdict = verify.Refuted
	walk.Links = append(walk.Links, verify.Link{Name: "first weights", From: 3, To: -1, State: verify.LinkMissing, Detail: "gone"}, verify.Link{Name: "origins", From: 1, To: -1, State: verify.LinkMissing})
	p := newChain(walk, verify.Head{})
	if len(p.Nodes) != 1 || p.Nodes[0].Title != "20 training steps" || len(p.Nodes[0].Inner) != 19 || len(p.Nodes[0].Links) != 2 || p.Nodes[0].Verdict != verify.Refuted {
		t.Fatalf("%d nodes, of which the first is %+v", len(p.Nodes), p.Nodes[0])
	}
	if p.Shape() != "refused" || !strings.Contains(p.Verdict, "does not hold") || !strings.Contains(string(p.Wide), "refuted") || !p.Whole {
		t.Errorf("it is %s: %s", p.Shape(), p.Verdict)
	}
}
