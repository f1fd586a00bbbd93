package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/webtest"
)

// newLive is a viewer of a live log.
func newLive(t *testing.T, log *webtest.Log) *viewer {
	t.Helper()
	v, err := newViewer(Config{Log: log.Connect(), Policy: log.Policy})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var rowLink = regexp.MustCompile(`<a class="num" href="/entries/(\d+)">`)

// listed are the entries that a page lists.
func listedIn(body string) (all []int64) {
	for _, m := range rowLink.FindAllStringSubmatch(body, -1) {
		n, _ := strconv.ParseInt(m[1], 10, 64)
		all = append(all, n)
	}
	return all
}

var pagerLink = regexp.MustCompile(`<a class="button" href="([^"]+)" rel="(next|prev)">`)

func pager(body string) map[string]string {
	links := map[string]string{}
	for _, m := range pagerLink.FindAllStringSubmatch(body, -1) {
		links[m[2]] = strings.ReplaceAll(m[1], "&amp;", "&")
	}
	return links
}

func testEntryLists(t *testing.T, log *webtest.Log) {
	v := newLive(t, log)
	h := v.routes()
	head, err := v.newest.get(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("older and newer", func(t *testing.T) {
		var down, up []int64
		at, last := "/entries", ""
		for at != "" {
			_, body := get(t, h, "GET", at)
			down = append(down, listedIn(body)...)
			last, at = at, pager(body)["next"]
		}
		for i, index := range down {
			if index != head.Size-1-int64(i) {
				t.Fatalf("row %d is entry %d", i, index)
			}
		}
		if int64(len(down)) != head.Size {
			t.Errorf("%d rows of %d entries", len(down), head.Size)
		}
		for at = last; at != ""; {
			_, body := get(t, h, "GET", at)
			up = append(listedIn(body), up...)
			at = pager(body)["prev"]
		}
		if !slices.Equal(up, down) {
			t.Errorf("upwards %v, downwards %v", up, down)
		}
	})
	for name, c := range map[string]struct {
		query url.Values
		want  func(e *event.Event, status string) bool
	}{
		"kind":                {url.Values{"kind": {"source"}}, func(e *event.Event, _ string) bool { return e.Kind() == event.Source }},
		"two kinds":           {url.Values{"kind": {"source", "policy"}}, func(e *event.Event, _ string) bool { return e.Kind() == event.Source || e.Kind() == event.Policy }},
		"source":              {url.Values{"source": {"operator/1"}}, func(e *event.Event, _ string) bool { return e.Source == "operator/1" }},
		"subject":             {url.Values{"subject": {webtest.Raw}}, func(e *event.Event, _ string) bool { return e.Subject.Name == webtest.Raw }},
		"waiting":             {url.Values{"status": {"waiting"}}, func(_ *event.Event, status string) bool { return status == "waiting" }},
		"refused":             {url.Values{"status": {"refused"}}, func(_ *event.Event, status string) bool { return status == "refused" }},
		"text":                {url.Values{"text": {"german CREDIT"}}, func(e *event.Event, _ string) bool { return strings.Contains(e.Subject.Name, "German Credit") }},
		"an empty form":       {url.Values{"kind": {""}, "source": {""}, "text": {""}, "from": {""}}, func(*event.Event, string) bool { return true }},
		"nothing before then": {url.Values{"to": {"2001-01-01"}}, func(*event.Event, string) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			_, all := get(t, h, "GET", "/entries.json")
			var rows, got []exported
			if err := json.Unmarshal([]byte(all), &rows); err != nil || int64(len(rows)) != head.Size {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			var want []int64
			for _, row := range rows {
				receipt, err := v.log.Library().Receipt(t.Context(), row.Entry, head.Size)
				if err != nil {
					t.Fatal(err)
				}
				e, err := verify.OpenEntry(row.Entry, receipt.Leaf)
				if err != nil {
					t.Fatal(err)
				}
				if c.want(e.Event, row.Status) {
					want = append(want, row.Entry)
				}
			}
			_, some := get(t, h, "GET", "/entries.json?"+c.query.Encode())
			if err := json.Unmarshal([]byte(some), &got); err != nil {
				t.Fatalf("%v in %s", err, some)
			}
			indices := []int64{}
			for _, row := range got {
				indices = append(indices, row.Entry)
			}
			if !slices.Equal(indices, want) {
				t.Errorf("got %v, want %v", indices, want)
			}
			res, body := get(t, h, "GET", "/entries?"+c.query.Encode())
			if shown := listedIn(body); res.StatusCode != 200 || !slices.Equal(shown, want[:min(len(want), pageSize)]) {
				t.Errorf("status %d, shown %v, want %v", res.StatusCode, shown, want)
			}
		})
	}
	for _, wrong := range []string{"kind=nonsense", "source=x", "status=maybe", "statement=12", "from=yesterday", "to=2026-13-01", "before=-1", "after=x", "before=1&after=2", "order=desc",
		"source=a/1&source=b/1", "text=" + strings.Repeat("x", 101), "subject=%ff"} {
		if res, body := get(t, h, "GET", "/entries?"+wrong); res.StatusCode != 400 || !strings.Contains(body, "This can’t be asked") {
			t.Errorf("%s: status %d", wrong, res.StatusCode)
		}
	}
}

// TestCSV opens an export of a hostile log: every row is whole, and no cell begins as a formula does.
func TestCSV(t *testing.T) {
	log := webtest.Hostile(t)
	h := newLive(t, log).routes()
	res, body := get(t, h, "GET", "/entries.csv")
	if res.Header.Get("Content-Disposition") != `attachment; filename="entries.csv"` {
		t.Errorf("headers: %v", res.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 20 {
		t.Fatalf("%d rows", len(rows))
	}
	formulas := 0
	for _, row := range rows {
		for _, text := range row {
			if strings.ContainsAny(text, "\n\r\t") || strings.HasPrefix(strings.TrimLeft(text, " "), "=") || strings.HasPrefix(text, "+") {
				t.Errorf("a cell says %q", text)
			}
			if strings.HasPrefix(text, "'=HYPERLINK") || strings.HasPrefix(text, "'+1") {
				formulas++
			}
		}
	}
	if formulas < 2 {
		t.Error("the hostile formulas aren't there")
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{"": "", "plain": "plain", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "  =1": "'  =1", "\t=1": "' =1", "\n+1": "' +1", "＝1": "'＝1", "a=1": "a=1", "a\r\nb": "a  b"} {
		if got := cell(in); got != want {
			t.Errorf("cell(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestEveryKindIsShown fails until a new kind has a page that says what it claims.
func TestEntryPages(t *testing.T) {
	log := webtest.Full(t)
	t.Run("lists", func(t *testing.T) { testEntryLists(t, log) })
	h := newLive(t, log).routes()
	shown := map[event.Kind]bool{}
	for _, name := range log.Names() {
		index := log.At(name)
		res, body := get(t, h, "GET", fmt.Sprintf("/entries/%d", index))
		if res.StatusCode != 200 {
			t.Errorf("%s: status %d", name, res.StatusCode)
			continue
		}
		for _, want := range []string{"What it says", "How it hangs together", "Who signed it", "Where it stands in the log", "Stays trusted", "signed ", log.Digest(name).String()} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page lacks %q", name, want)
			}
		}
		_, e, err := log.Receipt(name).Open(log.Key)
		if err != nil {
			t.Fatal(err)
		}
		shown[e.Event.Kind()] = true
	}
	for _, kind := range event.Kinds() {
		if !shown[kind] {
			t.Errorf("no page shows an entry of kind %s", kind)
		}
	}
	for name, wants := range map[webtest.Name][]string{
		webtest.AccessProven:    {`class="verdict proven"`, "All 60 are rows of &#34;German Credit&#34; that consented", "come from a set-up by one party", "w0</bdi>, <bdi>w1</bdi> cosigned"},
		webtest.CustomProven:    {"were made elsewhere, and nobody here knows how"},
		webtest.AccessClaimed:   {`class="verdict claimed"`, "Nothing of that is proven"},
		webtest.AccessWaiting:   {`class="verdict waiting"`, "A proof is to come"},
		webtest.AccessRefused:   {`class="verdict refused"`, "A prover says that there is no proof"},
		webtest.AccessDeferred:  {`class="verdict proven"`, "A proof that came later"},
		webtest.AccessInDoubt:   {`class="verdict doubt"`, "in doubt", "revoked"},
		webtest.RawData:         {"A data set of 1,000 rows", "Search all entries that name it"},
		webtest.SourceReplaced:  {"That is a break"},
		webtest.SourceRecovered: {"by its recovery key", "signed by its recovery key"},
		webtest.Served:          {"the approval", "the training step"},
	} {
		_, body := get(t, h, "GET", fmt.Sprintf("/entries/%d", log.At(name)))
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page lacks %q", name, want)
			}
		}
	}
	t.Run("downloads", func(t *testing.T) {
		index := log.At(webtest.AccessProven)
		_, leaf := get(t, h, "GET", fmt.Sprintf("/entries/%d/leaf", index))
		_, proof := get(t, h, "GET", fmt.Sprintf("/entries/%d/proof", index))
		receipt, err := verify.ParseReceipt([]byte(leaf), []byte(proof))
		if err != nil {
			t.Fatal(err)
		}
		if _, e, err := receipt.Open(log.Key); err != nil || e.Index != index {
			t.Errorf("%v", err)
		}
		res, file := get(t, h, "GET", fmt.Sprintf("/entries/%d/bundle", index))
		bundle, err := verify.ParseBundle([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		if report, err := bundle.Verify(log.Key, nil); err != nil || !report.Holds() {
			t.Errorf("%v", err)
		}
		if got := res.Header.Get("Content-Disposition"); got != fmt.Sprintf(`attachment; filename="%d.attestlog"`, index) {
			t.Errorf("it is called %s", got)
		}
	})
	t.Run("addresses", func(t *testing.T) {
		res, _ := get(t, h, "GET", "/events/"+log.Digest(webtest.Served).String())
		if want := fmt.Sprintf("/entries/%d", log.At(webtest.Served)); res.StatusCode != 302 || res.Header.Get("Location") != want {
			t.Errorf("status %d to %s, want %s", res.StatusCode, res.Header.Get("Location"), want)
		}
		for target, status := range map[string]int{"/entries/123456": 404, "/entries/-1": 400, "/entries/007": 400, "/entries/x": 400, "/events/12": 400, "/events/" + strings.Repeat("0", 64): 404,
			"/entries/0/proof?size=x": 400, "/entries/0/bundle?size=77777": 404, "/entries/99999/leaf": 404} {
			if res, body := get(t, h, "GET", target); res.StatusCode != status {
				t.Errorf("%s: status %d, want %d:\n%s", target, res.StatusCode, status, body)
			}
		}
	})
}

// TestReferringKinds holds the table against what claims refer to.
func TestReferringKinds(t *testing.T) {
	d := event.Digest{1}
	for _, claims := range []event.Claims{&event.DataAccessClaims{}, &event.AnonymizationClaims{}, &event.TrainingRunClaims{}, &event.TrainingStepClaims{}, &event.ModelVersionClaims{Run: d, Step: d},
		&event.CustomClaims{Inputs: []event.Value{{Type: event.InputDataset}}}, &event.SealClaims{}, &event.AttestationClaims{}, &event.ErasureClaims{}} {
		for _, ref := range verify.References(claims) {
			if ref.Kind != 0 && !slices.Contains(referring[ref.Kind], claims.Kind()) {
				t.Errorf("%s refers to %s, and the table doesn't say so", claims.Kind(), ref.Kind)
			}
			if members[ref.Member] == "" {
				t.Errorf("there is no word for the member %s", ref.Member)
			}
		}
	}
}

// answering gives other evidence than the log's.
type answering struct {
	Log
	bundle func(*verify.Bundle) (*verify.Bundle, *verify.BundleReport, error)
}

func (a answering) Bundle(ctx context.Context, q client.BundleQuery) (*verify.Bundle, *verify.BundleReport, error) {
	b, _, err := a.Log.Bundle(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	return a.bundle(b)
}

// TestEvidence: evidence that doesn't hold is shown for what it is, and where there is none the entry is there all the same.
func TestEvidence(t *testing.T) {
	log := webtest.Full(t)
	for name, c := range map[string]struct {
		bundle func(*verify.Bundle) (*verify.Bundle, *verify.BundleReport, error)
		want   []string
	}{
		"a bent path": {func(b *verify.Bundle) (*verify.Bundle, *verify.BundleReport, error) {
			b.Hashes[0][0] ^= 1
			r, err := b.Verify(log.Key, nil)
			return b, r, err
		}, []string{"refuted", "does not hold", "lead to the root", `class="verdict refused"`}},
		"too much": {func(*verify.Bundle) (*verify.Bundle, *verify.BundleReport, error) {
			return nil, nil, &client.Problem{Status: 413, Code: "too-large", Detail: "It rests on too many entries."}
		}, []string{"This server couldn’t check it", "It rests on too many entries.", "The source declares 60 records read of a data set"}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := newViewer(Config{Log: answering{log.Connect(), c.bundle}})
			if err != nil {
				t.Fatal(err)
			}
			res, body := get(t, v.routes(), "GET", fmt.Sprintf("/entries/%d", log.At(webtest.AccessProven)))
			for _, want := range c.want {
				if res.StatusCode != 200 || !strings.Contains(body, want) {
					t.Errorf("status %d, the page lacks %q", res.StatusCode, want)
				}
			}
			if strings.Contains(body, `class="verdict proven"`) {
				t.Error("it is shown as proven")
			}
		})
	}
}

// Who looks for what is rare gets few rows of a long log, or none, and must not take them for all that there are.
func TestExportSaysWhatItLeavesOut(t *testing.T) {
	const size = 7_000_000
	least := int64(size)
	v := newPaper(t, func(_ *Config, p *paperLog) {
		p.entries = func(q client.Query) (client.Page, error) {
			if len(q.Kinds) > 0 && q.Text == "" { // the log's law
				return client.Page{Size: size}, nil
			}
			if q.End == 0 {
				q.End = size
			}
			least = max(q.End-5000, 0)
			if least == 0 {
				return client.Page{Size: size, Reached: -1}, nil
			}
			return client.Page{Size: size, Next: "on", Reached: least}, nil
		}
	})
	for path, want := range map[string]string{"/entries.csv?text=rare": "The rest: /entries.csv?", "/entries.json?text=rare": `"more":"/entries.json?`} {
		res, body := get(t, v.routes(), "GET", path)
		if at := fmt.Sprintf("before=%d", least); res.StatusCode != 200 || !strings.Contains(body, want) || !strings.Contains(body, at) || !strings.Contains(body, "text=rare") {
			t.Errorf("%s: status %d, want %q and %q:\n%s", path, res.StatusCode, want, at, body)
		}
		if _, body = get(t, v.routes(), "GET", path+"&before=4000"); strings.Contains(body, want) {
			t.Errorf("%s: says that there is more, at the end:\n%s", path, body)
		}
	}
	_, body := get(t, v.routes(), "GET", "/entries.json?text=rare")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(body), &rows); err != nil || len(rows) != 1 {
		t.Errorf("not JSON, or more than one row: %v\n%s", err, body)
	}
}
