//go:build heavy

package browser

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/attestlog/attestlog/web/webtest"
)

// invisible are characters that steer what stands around them, or hide: none may reach a page as it is.
var invisible = &unicode.RangeTable{R16: []unicode.Range16{{0x01, 0x08, 1}, {0x0b, 0x1f, 1}, {0x7f, 0x9f, 1}, {0xad, 0xad, 1}, {0x61c, 0x61c, 1}, {0x180e, 0x180e, 1}, {0x200b, 0x200f, 1}, {0x2028, 0x202e, 1}, {0x2060, 0x2069, 1}, {0xfeff, 0xfeff, 1}},
	R32: []unicode.Range32{{0xe0000, 0xe007f, 1}}}

// testHostile looks at pages full of what sources wrote to do harm.
func testHostile(t *testing.T, b *chromium, _ *webtest.Log) {
	log := webtest.Hostile(t)
	origin := viewer(t, log)
	at := func(name webtest.Name) string { return fmt.Sprint(log.At(name)) }
	system := url.QueryEscape(webtest.HostileSystem())
	each(those(map[string][]example{
		"/":                          {{"hostile-overview", "/"}},
		"/entries":                   {{"hostile-entries", "/entries"}, {"hostile-filtered", "/entries?subject=" + url.QueryEscape(webtest.HostileTexts()[1])}},
		"/entries/{index}":           {{"hostile-dataset", "/entries/" + at(webtest.HugeDataset)}, {"hostile-values", "/entries/" + at(webtest.HugeCustom)}, {"hostile-statement", "/entries/" + at(webtest.HugeStatement)}, {"hostile-model", "/entries/" + at(webtest.HostileModel)}, {"hostile-erasure", "/entries/" + at(webtest.HostileErasure)}},
		"/datasets":                  {{"hostile-datasets", "/datasets"}},
		"/datasets/{index}":          {{"hostile-columns", "/datasets/" + at(webtest.HugeDataset)}},
		"/sources":                   {{"hostile-sources", "/sources"}},
		"/sources/{name}/{instance}": {{"hostile-source", "/sources/" + webtest.LongSource()}},
		"/statements":                {{"hostile-statements", "/statements"}},
		"/statements/{vk}":           {{"hostile-imported", "/statements/" + log.Statement(webtest.HugeStatement).String()}},
		"/provenance":                {{"hostile-subject", "/provenance?subject=" + system}},
		"/provenance/{index}":        {{"hostile-provenance", "/provenance/" + at(webtest.HostileModel)}},
		"/report":                    {{"hostile-report", "/report?subject=" + system + "&from=2020-01-01&to=2099-12-31"}},
	}), func(e example) {
		b.inspect(t, origin, e, http.StatusOK, false)
	})
	testTexts(t, b, log, origin)
	testHostileFiles(t, b, log, origin)
	testBrokenText(t, b, origin)
}

// testHostileFiles gives evidence about hostile entries to the page that verifies files.
func testHostileFiles(t *testing.T, b *chromium, log *webtest.Log, origin string) {
	file := log.Bundle(log.At(webtest.HugeCustom), log.At(webtest.HostileModel), log.At(webtest.HostileErasure), log.At(webtest.HugeStatement), log.At(webtest.HostileSubject(8))).Encode()
	for _, r := range b.play(t, origin, 390, do{"goto": origin + "/verify"}, do{"files": []upload{{"\u202eQ\u0301\u0301\u0301\u0301\u0301<img src=x onerror=hacked=1>.attestlog", file}}}, do{"read": "hostile"}, do{"picture": "verify-hostile"}) {
		if r.State != "holds" || len(r.Verdicts) != 5 {
			t.Errorf("evidence about hostile entries: %s, %q: %s", r.State, r.Verdicts, r.Says)
		}
		if want := "⟨U+202E⟩Q\u0301\u0301\u0301\u0301⟨U+0301⟩<img"; !strings.Contains(r.Text, want) {
			t.Errorf("the file's name isn't written as the pages write such names, %s: %s", want, r.Text)
		}
		if at := strings.IndexFunc(r.Text, func(r rune) bool { return unicode.Is(invisible, r) }); at >= 0 {
			t.Errorf("a character that can't be seen reaches the page: %q", r.Text[max(0, at-40):min(len(r.Text), at+40)])
		}
	}
}

// testTexts holds what an entry's page says against what the source sent: the same, but for what can't be seen.
func testTexts(t *testing.T, b *chromium, log *webtest.Log, origin string) {
	paths := make([]string, len(webtest.HostileTexts()))
	for i := range paths {
		paths[i] = fmt.Sprintf("/entries/%d", log.At(webtest.HostileSubject(i)))
	}
	texts := b.texts(t, origin, paths)
	for i, sent := range webtest.HostileTexts() {
		if !strings.Contains(said(texts[i].Text), sent) {
			t.Errorf("%s doesn't show %q", paths[i], sent)
		}
	}
}

var shown = regexp.MustCompile(`⟨U\+([0-9A-F]{4,6})⟩`)

// said turns what a page shows of characters that can't be seen back into them.
func said(text string) string {
	return shown.ReplaceAllStringFunc(text, func(s string) string {
		n, err := strconv.ParseInt(shown.FindStringSubmatch(s)[1], 16, 32)
		if err != nil {
			return s
		}
		return string(rune(n))
	})
}

// testBrokenText asks for what isn't UTF-8, or is code, in every place of an address.
func testBrokenText(t *testing.T, b *chromium, origin string) {
	const script, image = "<script>window.hacked=1</script>", `"><img src=x onerror=window.hacked=1>`
	for _, broken := range []string{"\xff\xfe\x80", "\xc0\xaf", "\xed\xa0\x80", "\x00", script, image, "\u202etxt", "\r\nX-Evil: 1", strings.Repeat("💩", 200)} {
		q, p := url.QueryEscape(broken), url.PathEscape(broken)
		paths := []string{"/entries?subject=" + q, "/entries?source=" + q + "&kind=" + q, "/entries?cursor=" + q, "/entries.csv?subject=" + q, "/entries/" + p, "/events/" + p, "/sources/" + p + "/" + p, "/statements/" + p, "/datasets/" + p,
			"/provenance?subject=" + q, "/report?subject=" + q + "&from=" + q + "&to=" + q, "/consistency?from=" + q + "&to=" + q, "/heads/" + p, "/" + p}
		for _, path := range paths {
			r, err := http.Get(origin + path)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			body, err := io.ReadAll(r.Body)
			if err != nil || r.Body.Close() != nil || r.StatusCode >= 500 || r.Header.Get("X-Evil") != "" {
				t.Errorf("%s: status %d, %v, header %q", path, r.StatusCode, err, r.Header)
			}
			markup := strings.HasPrefix(r.Header.Get("Content-Type"), "text/html")
			if !utf8.Valid(body) || markup && (strings.Contains(string(body), script) || strings.Contains(string(body), image)) {
				t.Errorf("%s: the answer isn't UTF-8, or has code that came with the address", path)
			}
		}
		if broken == script || broken == image || broken[0] == 0xff || broken == "\u202etxt" {
			b.texts(t, origin, paths)
		}
	}
}

// text is what a page says.
type text struct {
	Status int
	Text   string
	Hacked any
	Seen   seen
}

// texts reads pages, of which none may do anything.
func (b *chromium) texts(t *testing.T, origin string, paths []string) []text {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var got []text
	if err := b.do(ctx, "texts", map[string]any{"origin": origin, "paths": paths}, &got); err != nil {
		t.Fatal(err)
	}
	for i, page := range got {
		if page.Status >= 500 || page.Status == 0 {
			t.Errorf("%s: status %d", paths[i], page.Status)
		}
		for _, one := range page.Seen.troubles(page.Status) {
			t.Errorf("%s: %s", paths[i], one)
		}
		if page.Hacked != nil {
			t.Errorf("%s: a script of the log's ran: %v", paths[i], page.Hacked)
		}
		if at := strings.IndexFunc(page.Text, func(r rune) bool { return unicode.Is(invisible, r) }); at >= 0 {
			t.Errorf("%s: a character that can't be seen reaches the page: %q", paths[i], page.Text[max(0, at-40):min(len(page.Text), at+40)])
		}
	}
	return got
}
