//go:build heavy

package browser

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/attestlog/attestlog/web"
	"github.com/attestlog/attestlog/web/webtest"
)

// TestViewer has one browser, and one log that has everything, for all that is to be seen of them.
func TestViewer(t *testing.T) {
	b, log := startChromium(t), webtest.Full(t)
	for name, test := range map[string]func(*testing.T, *chromium, *webtest.Log){
		"pages": testPages, "empty": testEmpty, "alarm": testAlarm, "hostile": testHostile, "files": testVerifyFiles, "heads": testVerifyHeads, "entries": testVerifyEntries,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, b, log)
		})
	}
}

// viewer serves a log's viewer on loopback.
func viewer(t testing.TB, log *webtest.Log, change ...func(*web.Config)) string {
	t.Helper()
	cfg := web.Config{Log: log.Client, Policy: log.Policy}
	for _, f := range change {
		f(&cfg)
	}
	handler, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// seen is what went wrong while a page was open: watch.mjs.
type seen struct {
	Console, Errors, Dialogs, Elsewhere, Failed, Forbidden []string
}

// troubles are all of them. A status that isn't 200 is said on the console by Chromium itself.
func (s seen) troubles(status int) (all []string) {
	for what, list := range map[string][]string{"console": s.Console, "exception": s.Errors, "dialog": s.Dialogs, "request to another host": s.Elsewhere, "failed request": s.Failed, "forbidden by the policy": s.Forbidden} {
		for _, one := range list {
			if status >= 400 && strings.Contains(one, "the server responded with a status of") {
				continue
			}
			all = append(all, what+": "+one)
		}
	}
	slices.Sort(all)
	return all
}

// inspected is what inspect.mjs finds.
type inspected struct {
	Status     int
	Title, URL string
	Headings   []string
	Bytes      int
	Seen       seen
	Complaints []string
	Wide       []string
	Hacked     any
	Keyboard   *struct {
		First, Skipped string
		Missed, Unseen []string
		Controls       int
	}
	Print *struct {
		Bytes, Text, Navigation int
		Wide                    []string
	}
	Plain *struct {
		Seen   seen
		Status int
		Text   string
		Dead   []string
	}
}

const pageBudget = 100_000 // bytes of a page, compressed, with all that it loads but the verifier

// inspect looks at one page, and complains. Thorough means in the dark, by keyboard, on paper and without JavaScript, too.
func (b *chromium) inspect(t *testing.T, origin string, e example, status int, thorough bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var got inspected
	err := b.do(ctx, "inspect", map[string]any{"origin": origin, "path": e.path, "name": e.name, "thorough": thorough, "screenshots": screenshots(t)}, &got)
	if err != nil {
		t.Errorf("%s: %v", e.path, err)
		return
	}
	if got.Status != status {
		t.Errorf("%s: status %d, want %d", e.path, got.Status, status)
		return
	}
	if got.Title == "" || len(got.Headings) != 1 || strings.TrimSpace(got.Headings[0]) == "" {
		t.Errorf("%s: the title is %q, and its headings of the first rank are %q", e.path, got.Title, got.Headings)
	}
	if got.Bytes == 0 || got.Bytes > pageBudget {
		t.Errorf("%s: %d bytes, want at most %d", e.path, got.Bytes, pageBudget)
	}
	if got.URL != origin+e.path || got.Hacked != nil {
		t.Errorf("%s: a script of the log's ran (%v), or the page led to %s", e.path, got.Hacked, got.URL)
	}
	for what, list := range map[string][]string{"": got.Seen.troubles(status), "axe: ": got.Complaints, "layout: ": got.Wide} {
		for _, one := range list {
			t.Errorf("%s: %s%s", e.path, what, one)
		}
	}
	if k := got.Keyboard; k != nil {
		if !strings.HasPrefix(k.First, "a #content") || k.Skipped != "content" {
			t.Errorf("%s: the first stop of the Tab key is %q, want a link that skips to the content; it leads to %q", e.path, k.First, k.Skipped)
		}
		if k.Controls == 0 || len(k.Missed) > 0 || len(k.Unseen) > 0 {
			t.Errorf("%s: by keyboard, of %d controls: missed %q, focus not to be seen on %q", e.path, k.Controls, k.Missed, k.Unseen)
		}
	}
	if p := got.Print; p != nil && (p.Bytes == 0 || p.Text < 20 || p.Navigation > 0 || len(p.Wide) > 0) {
		t.Errorf("%s: printed it has %d bytes, %d characters of text, %d navigations; %q", e.path, p.Bytes, p.Text, p.Navigation, p.Wide)
	}
	if plain := got.Plain; plain != nil {
		if plain.Status != status || len(strings.TrimSpace(plain.Text)) < 20 || strings.Contains(strings.ToLower(plain.Text), "enable javascript") {
			t.Errorf("%s: without JavaScript, status %d: %q", e.path, plain.Status, plain.Text)
		}
		if len(plain.Dead) > 0 {
			t.Errorf("%s: without JavaScript there stand, and do nothing: %q", e.path, plain.Dead)
		}
		for _, one := range plain.Seen.troubles(status) {
			t.Errorf("%s: without JavaScript: %s", e.path, one)
		}
	}
}

// each runs something for each of a list, two at a time: the browser and the server have a core each.
func each[T any](list []T, do func(T)) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, 2)
	for _, one := range list {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			do(one)
		})
	}
	wait.Wait()
}

// example is a page to look at.
type example struct{ name, path string }

// examples has addresses for each form of address that the viewer has.
func examples(log *webtest.Log) map[string][]example {
	at := func(name webtest.Name) string { return fmt.Sprint(log.At(name)) }
	size := fmt.Sprint(log.Size())
	statement := log.Statement(webtest.OneParty).String()
	return map[string][]example{
		"/":             {{"overview", "/"}},
		"/entries":      {{"entries", "/entries"}, {"entries-filtered", "/entries?kind=data-access&source=gateway/eu-1&subject=credit-scoring"}, {"entries-nothing", "/entries?subject=nothing+of+this+name"}},
		"/entries.csv":  {{"entries-csv", "/entries.csv"}},
		"/entries.json": {{"entries-json", "/entries.json"}},
		"/entries/{index}": {
			{"entry-proven", "/entries/" + at(webtest.AccessProven)}, {"entry-claimed", "/entries/" + at(webtest.AccessClaimed)}, {"entry-waiting", "/entries/" + at(webtest.AccessWaiting)},
			{"entry-refused", "/entries/" + at(webtest.AccessRefused)}, {"entry-overruled", "/entries/" + at(webtest.AccessOverruled)}, {"entry-doubt", "/entries/" + at(webtest.AccessInDoubt)},
			{"entry-model", "/entries/" + at(webtest.Served)}, {"entry-step", "/entries/" + at(webtest.LastStep)}, {"entry-anonymization", "/entries/" + at(webtest.Anonymized)},
			{"entry-dataset", "/entries/" + at(webtest.RawData)}, {"entry-source", "/entries/" + at(webtest.SourceReplaced)}, {"entry-statement", "/entries/" + at(webtest.OneParty)},
			{"entry-imported", "/entries/" + at(webtest.Imported)}, {"entry-custom", "/entries/" + at(webtest.CustomProven)}, {"entry-run", "/entries/" + at(webtest.Run)},
			{"entry-attestation", "/entries/" + at(webtest.Attested)}, {"entry-seal", "/entries/" + at(webtest.Sealed)}, {"entry-policy", "/entries/" + at(webtest.Policy)},
			{"entry-erasure", "/entries/" + at(webtest.Erased)}, {"entry-approval", "/entries/" + at(webtest.Approved)},
		},
		"/events/{digest}":              {{"event", "/events/" + log.Digest(webtest.AccessProven).String()}},
		"/entries/{index}/leaf":         {{"leaf", "/entries/" + at(webtest.AccessProven) + "/leaf"}},
		"/entries/{index}/proof":        {{"proof", "/entries/" + at(webtest.AccessProven) + "/proof"}},
		"/entries/{index}/bundle":       {{"bundle", "/entries/" + at(webtest.AccessProven) + "/bundle"}},
		"/provenance":                   {{"provenance-search", "/provenance"}, {"provenance-subject", "/provenance?subject=" + url.QueryEscape(webtest.System)}},
		"/provenance/{index}":           {{"provenance-proven", "/provenance/" + at(webtest.Served)}, {"provenance-missing", "/provenance/" + at(webtest.ServedInDark)}, {"provenance-doubt", "/provenance/" + at(webtest.ServedByStolen)}, {"provenance-access", "/provenance/" + at(webtest.AccessProven)}},
		"/provenance/{index}/bundle":    {{"provenance-bundle", "/provenance/" + at(webtest.Served) + "/bundle"}},
		"/provenance/{index}/walk.json": {{"provenance-json", "/provenance/" + at(webtest.Served) + "/walk.json"}},
		"/datasets":                     {{"datasets", "/datasets"}},
		"/datasets/{index}":             {{"dataset-raw", "/datasets/" + at(webtest.RawData)}, {"dataset-released", "/datasets/" + at(webtest.ReleasedData)}, {"dataset-other", "/datasets/" + at(webtest.OtherData)}},
		"/sources":                      {{"sources", "/sources"}},
		"/sources/{name}/{instance}":    {{"source-rotated", "/sources/gateway/eu-1"}, {"source-revoked", "/sources/gateway/eu-2"}, {"source-broken", "/sources/board/approvals"}, {"source-prover", "/sources/prover/1"}, {"source-quiet", "/sources/auditor/visiting"}},
		"/statements":                   {{"statements", "/statements"}},
		"/statements/{vk}":              {{"statement-one-party", "/statements/" + statement}, {"statement-ceremony", "/statements/" + log.Statement(webtest.Ceremony).String()}, {"statement-imported", "/statements/" + log.Statement(webtest.Imported).String()}, {"statement-revoked", "/statements/" + log.Statement(webtest.Doomed).String()}},
		"/heads":                        {{"heads", "/heads"}},
		"/heads/{size}":                 {{"head", "/heads/" + size}},
		"/heads/{size}/note":            {{"note", "/heads/" + size + "/note"}},
		"/consistency":                  {{"consistency-search", "/consistency"}, {"consistency", "/consistency?from=" + fmt.Sprint(log.EarlierHead()) + "&to=" + size}},
		"/consistency.json":             {{"consistency-json", "/consistency.json?from=" + fmt.Sprint(log.EarlierHead()) + "&to=" + size}},
		"/monitors/evidence/{id}":       {{"no-evidence", "/monitors/evidence/0000"}}, // there is some in testAlarm
		"/monitors":                     {{"monitors", "/monitors"}},
		"/proving":                      {{"proving", "/proving"}},
		"/report":                       {{"report-search", "/report"}, {"report", "/report?subject=" + url.QueryEscape(webtest.System) + "&from=2020-01-01&to=2099-12-31"}},
		"/report/bundle":                {{"report-bundle", "/report/bundle?subject=" + url.QueryEscape(webtest.System)}},
		"/verify":                       {{"verify", "/verify"}},
		"/verify/log.pub":               {{"log-key", "/verify/log.pub"}},
		"/verify/offline.html":          {{"verify-offline", "/verify/offline.html"}},
	}
}

// those are the examples of the forms of addresses that the viewer has.
func those(known map[string][]example) (list []example) {
	for _, form := range web.Paths() {
		list = append(list, known[form]...)
	}
	return list
}

// testPages looks at every page of a log that has everything.
func testPages(t *testing.T, b *chromium, log *webtest.Log) {
	origin := viewer(t, log, func(c *web.Config) { c.Notice, c.Monitors = "A viewer for tests.", watchers(t, log) })
	list := those(examples(log))
	for _, form := range web.Paths() {
		if len(examples(log)[form]) == 0 {
			t.Errorf("the viewer has pages at %s, and the test knows none: add one to examples", form)
		}
	}
	for form := range examples(log) {
		if !slices.Contains(web.Paths(), form) {
			t.Errorf("the viewer has no pages at %s any more", form)
		}
	}
	first := map[string]bool{} // of a form of addresses the first one is looked at thoroughly
	for _, form := range examples(log) {
		first[form[0].path] = true
	}
	list = append(list, example{"not-found", "/no/such/page"}, example{"no-such-entry", "/entries/99999"}, example{"not-an-entry", "/entries/abc"})
	if len(list) < 4 {
		t.Fatalf("the viewer has only these pages: %v", list)
	}
	each(list, func(e example) {
		status, isPage := fetch(t, origin+e.path)
		wanted := http.StatusOK
		switch e.name {
		case "not-found", "no-such-entry", "not-an-entry", "no-evidence":
			wanted = status
			if status < 400 || status >= 500 {
				t.Errorf("%s: status %d", e.path, status)
			}
		}
		if status != wanted {
			t.Errorf("%s: status %d", e.path, status)
		}
		if isPage && status == wanted {
			b.inspect(t, origin, e, wanted, first[e.path] || wanted != http.StatusOK)
		}
	})
}

// fetch gets what is at an address, after redirections, as somebody does who takes it home.
func fetch(t *testing.T, address string) (status int, isPage bool) {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Error(err)
		return 0, false
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || len(body) == 0 {
		t.Errorf("%s: %d bytes, %v", address, len(body), err)
	}
	if r.Header.Get("Content-Security-Policy") == "" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s comes without the headers that all answers have", address)
	}
	isPage = strings.HasPrefix(r.Header.Get("Content-Type"), "text/html")
	return r.StatusCode, isPage && r.Request.URL.String() == address && r.Header.Get("Content-Disposition") == ""
}

// testEmpty looks at the pages of a log that nobody wrote to.
func testEmpty(t *testing.T, b *chromium, _ *webtest.Log) {
	origin := viewer(t, webtest.Empty(t))
	var list []example
	for _, form := range web.Paths() {
		if strings.ContainsAny(form, "{.") || strings.HasSuffix(form, "/bundle") {
			continue
		}
		list = append(list, example{"empty-" + strings.Trim(strings.ReplaceAll(form, "/", "-"), "-"), form})
	}
	each(list, func(e example) {
		if _, isPage := fetch(t, origin+e.path); isPage {
			b.inspect(t, origin, e, http.StatusOK, false)
		}
	})
}
