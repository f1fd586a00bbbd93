package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

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
}

func testProvenance(t *testing.T, log *webtest.Log, pages http.Handler) {
	at := func(name webtest.Name) string { return fmt.Sprint(log.At(name)) }
	for _, c := range []struct {
		name, path string
		status     int
		want       []string
	}{
		{"the choice", "/provenance", 200, []string{"credit-scoring", "2026.12-rc1 entry " + at(webtest.ServedInDark), "German Credit, anonymized", "Branch visits"}},
		{"a system by its name", "/provenance?subject=credit-scoring", 200, []string{"Where credit-scoring comes from", "The chain breaks off", "the source withholds the run"}},
		{"a data set by its name", "/provenance?subject=" + url.QueryEscape(webtest.Released), 200, []string{"Every link of this chain is proven", "37 are suppressed"}},
		{"a proven version", "/provenance/" + at(webtest.Served), 200, []string{"Every link of this chain is proven", "back to German Credit ( entry " + at(webtest.RawData), "7 links proven", "3 training steps",
			"3 steps, entry by entry", "UNTRUSTED one-party set-up", "verified its keys come from a ceremony", "What stays trusted", "The weights are the same on both sides", "Versions"}},
		{"a stolen key's version", "/provenance/" + at(webtest.ServedByStolen), 200, []string{"And some of it is in doubt", "claimed revoked", "revoked the key that signed entry " + at(webtest.ServedByStolen)}},
		{"an access", "/provenance/" + at(webtest.AccessProven), 200, []string{"60 records of it were read", "back to German Credit"}},
		{"an entry that nothing comes before", "/provenance/0", 200, []string{"Nothing in the log says what this comes from"}},
		{"a name that nobody has", "/provenance?subject=nobody", 404, []string{"The log has no model version and no data set of “nobody”"}},
		{"too long a name", "/provenance?subject=" + strings.Repeat("x", 257), 400, []string{"at most 256 bytes"}},
		{"no UTF-8", "/provenance?subject=%ff", 400, []string{"UTF-8"}},
		{"no number", "/provenance/x", 404, []string{"named by its number"}},
		{"an entry that isn't", "/provenance/99999", 404, []string{"Not found"}},
	} {
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
