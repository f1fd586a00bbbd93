package web

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// paperLog answers what a test says, and knows nothing else.
type paperLog struct {
	Log
	key     note.Verifier
	heads   func() ([]client.PublishedHead, error)
	entries func(client.Query) (client.Page, error)
}

func (p *paperLog) Origin() string     { return p.key.Name() }
func (p *paperLog) Key() note.Verifier { return p.key }
func (p *paperLog) VKey() string       { return p.key.Name() + "+00000000+AA==" }
func (p *paperLog) Checkpoints(context.Context, int64, int) ([]client.PublishedHead, error) {
	return p.heads()
}
func (p *paperLog) Entries(_ context.Context, q client.Query) (client.Page, error) {
	return p.entries(q)
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// newPaper is a viewer of a log with one head of seven entries, published three seconds before noon, which it is.
func newPaper(t *testing.T, change func(*Config, *paperLog)) *viewer {
	t.Helper()
	log := logtest.New(t, "log.example/paper")
	p := &paperLog{key: log.Key,
		heads: func() ([]client.PublishedHead, error) {
			head := client.PublishedHead{Published: noon.Add(-3 * time.Second).UnixMilli()}
			head.Size, head.Note = 7, log.History(7, 7, "").Head(7)
			return []client.PublishedHead{head}, nil
		},
		entries: func(client.Query) (client.Page, error) { return client.Page{Size: 7}, nil },
	}
	cfg := Config{Log: p, Now: func() time.Time { return noon }}
	if change != nil {
		change(&cfg, p)
	}
	v, err := newViewer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func get(t *testing.T, h http.Handler, method, target string) (*http.Response, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, target, nil))
	res := rec.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestLayout(t *testing.T) {
	res, body := get(t, newPaper(t, func(c *Config, _ *paperLog) { c.Notice = "A <notice>." }).routes(), "GET", "/entries")
	if res.StatusCode != 200 {
		t.Fatalf("status %d: %s", res.StatusCode, body)
	}
	for _, want := range []string{
		`<title>Entries · log.example/paper</title>`, `7 entries</a>`, `3 seconds ago`, `A &lt;notice&gt;.`,
		`<a class="skip" href="#content">`, `<a href="/entries" aria-current="page">`, `<main id="content"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// TestHeaders holds every sort of answer against what a browser is to be told.
func TestHeaders(t *testing.T) {
	v := newPaper(t, nil)
	style, err := v.assets.url("style.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, target, cache string }{
		{"GET", "/entries", "no-cache"}, {"HEAD", "/entries", "no-cache"}, {"GET", "/nowhere", "no-cache"}, {"POST", "/entries", "no-cache"},
		{"GET", style, "public, max-age=31536000, immutable"}, {"GET", "/static/0000000000000000/style.css", "no-store"}, {"GET", "/static/" + v.assets.version + "/none.css", "no-store"},
	} {
		res, _ := get(t, v.routes(), c.method, c.target)
		for name, want := range map[string]string{"Content-Security-Policy": contentPolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": c.cache} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", c.method, c.target, name, got, want)
			}
		}
	}
}

func TestErrorPages(t *testing.T) {
	broken := errors.New("dial tcp 10.1.2.3:80: connection refused")
	for _, c := range []struct {
		name, method, target string
		err                  error
		status               int
		want                 string
	}{
		{"no such page", "GET", "/nowhere", nil, 404, "There is no page at this address."},
		{"no such entry", "GET", "/entries", &client.Problem{Status: 404, Code: "not-found", Detail: "The log has no entry 12."}, 404, "The log has no entry 12."},
		{"what can't be asked", "GET", "/entries", &client.Problem{Status: 400, Detail: "The cursor is of another query."}, 400, "The cursor is of another query."},
		{"nothing to send", "POST", "/entries", nil, 405, "Only for reading"},
		{"no log", "GET", "/entries", broken, 503, "The log can’t be reached"},
		{"a slow log", "GET", "/entries", fmt.Errorf("asking: %w", context.DeadlineExceeded), 503, "didn’t answer in time"},
		{"a log that lies", "GET", "/entries", &client.Alarm{What: "the log signed two roots for size 7"}, 502, "the log signed two roots for size 7"},
		{"no head yet", "GET", "/entries", client.ErrUnpublished, 503, "Not published yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newPaper(t, func(_ *Config, p *paperLog) {
				p.entries = func(client.Query) (client.Page, error) { return client.Page{}, c.err }
			})
			res, body := get(t, v.routes(), c.method, c.target)
			if res.StatusCode != c.status || !strings.Contains(body, c.want) || !strings.Contains(body, "</html>") {
				t.Errorf("status %d, want %d with %q:\n%s", res.StatusCode, c.status, c.want, body)
			}
			if strings.Contains(body, "10.1.2.3") {
				t.Error("the page tells readers of the operator's network")
			}
			if c.status == 503 && res.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
}

func TestPanic(t *testing.T) {
	v := newPaper(t, func(_ *Config, p *paperLog) { p.entries = func(client.Query) (client.Page, error) { panic("oh") } })
	if res, body := get(t, v.routes(), "GET", "/entries"); res.StatusCode != 500 || !strings.Contains(body, "The viewer failed") || strings.Contains(body, "oh<") {
		t.Errorf("status %d:\n%s", res.StatusCode, body)
	}
}

// TestUnreachable: where the log doesn't answer, a page that doesn't need it is there all the same.
func TestUnreachable(t *testing.T) {
	v := newPaper(t, func(_ *Config, p *paperLog) {
		p.heads = func() ([]client.PublishedHead, error) { return nil, errors.New("no network") }
	})
	if _, body := get(t, v.routes(), "GET", "/nowhere"); !strings.Contains(body, "no signed head at hand") {
		t.Errorf("the head line:\n%s", body)
	}
}

// TestOwnAlarm: what the viewer's own client found stands on every page like a monitor's alarm.
func TestOwnAlarm(t *testing.T) {
	v := newPaper(t, func(_ *Config, p *paperLog) {
		p.heads = func() ([]client.PublishedHead, error) {
			return nil, &client.Alarm{What: "the log's history was rewritten"}
		}
	})
	if _, body := get(t, v.routes(), "GET", "/entries"); !strings.Contains(body, "This viewer") || !strings.Contains(body, "rewritten") {
		t.Errorf("what the viewer's own client found is no alarm:\n%s", body)
	}
}

func TestCompressed(t *testing.T) {
	v := newPaper(t, nil)
	style, err := v.assets.url("style.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/entries", style} {
		plain, want := get(t, v.routes(), "GET", target)
		rec, req := httptest.NewRecorder(), httptest.NewRequest("GET", target, nil)
		req.Header.Set("Accept-Encoding", "gzip")
		v.routes().ServeHTTP(rec, req)
		if plain.Header.Get("Content-Encoding") != "" || rec.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: encodings %q and %q", target, plain.Header.Get("Content-Encoding"), rec.Header().Get("Content-Encoding"))
			continue
		}
		z, err := gzip.NewReader(rec.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || string(got) != want {
			t.Errorf("%s: another page when compressed (%v)", target, err)
		}
	}
}

// TestTemplatesKeepThePolicy: nothing in a template that the Content-Security-Policy forbids, nor that comes from another host.
func TestTemplatesKeepThePolicy(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)<style|\sstyle=|<script[^>]*>[^<]|\son[a-z]+=|javascript:|(src|href|action)="?(https?:)?//`)
	err := fs.WalkDir(templateFiles, "templates", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(file) == "offline.html" { // that one is saved, and has a policy of its own
			return err
		}
		text, err := fs.ReadFile(templateFiles, file)
		for _, found := range forbidden.FindAllString(string(text), -1) {
			t.Errorf("%s has %q", path.Base(file), found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
