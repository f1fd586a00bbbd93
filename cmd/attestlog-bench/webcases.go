package main

import (
	"slices"
	"strings"

	"github.com/attestlog/attestlog/web"
)

// pageCase is a page that is measured: a form of addresses with places that are filled anew for each request, and the one request to the API
// that gets the same, as far as there is one.
type pageCase struct{ name, page, raw string }

// file tells whether it is something to be saved or to be read by a script, or a way to somewhere else: not what the bounds of pages are about.
func (c pageCase) file() bool {
	form, _, _ := strings.Cut(c.page, "?")
	last := form[strings.LastIndexByte(form, '/')+1:]
	return strings.Contains(last, ".") || strings.HasPrefix(form, "/events/") || slices.Contains([]string{"leaf", "proof", "bundle", "note", "key"}, last)
}

// queries are those that pages have, by their form; each has none, too, unless it must have one, which has no name then.
var queries = map[string][]struct{ name, query string }{
	"/entries": {
		{"by-kind", "kind={kind}"}, {"by-source", "source={name}/{instance}"}, {"by-subject", "subject={system}"}, {"refused", "status=refused"}, {"proven", "status=proven"},
		{"by-statement", "statement={vk}"}, {"by-text", "text=application+{number}"}, {"by-time", "from={day}&to={today}"},
	},
	"/consistency":      {{"two-heads", "from={from}&to={to}"}},
	"/consistency.json": {{"", "from={from}&to={to}"}},
	"/provenance":       {{"of-a-system", "subject={system}"}},
	"/report":           {{"of-a-system", "subject={system}&from={day}&to={today}"}},
	"/report/bundle":    {{"", "subject={system}&from={day}&to={today}"}},
}

// raws are the API's requests beside pages, by the beginnings of the pages' forms: the longest one that fits counts.
var raws = map[string]string{
	"/":                          "/v1/summary?days=90",
	"/entries":                   "/v1/entries?order=desc&limit=100",
	"/entries/":                  "/v1/bundles?entries={index}",
	"/entries/{index}/leaf":      "/v1/entries/{index}?raw",
	"/entries/{index}/proof":     "/v1/entries/{index}/proof",
	"/events/":                   "/v1/events/{digest}",
	"/provenance":                "/v1/entries?kind=model-version&order=desc",
	"/provenance/":               "/v1/bundles?provenance={index}",
	"/datasets":                  "/v1/entries?kind=dataset&order=desc",
	"/datasets/":                 "/v1/bundles?entries={index}",
	"/sources":                   "/v1/sources",
	"/sources/":                  "/v1/sources/{name}/{instance}",
	"/statements":                "/v1/statements",
	"/statements/":               "/v1/statements/{vk}",
	"/heads":                     "/v1/checkpoints?limit=100",
	"/heads/":                    "/v1/checkpoints?limit=1",
	"/consistency":               "/v1/consistency?from={from}&to={to}",
	"/monitors":                  "/v1/witnesses",
	"/proving":                   "/v1/proving",
	"/report":                    "/v1/entries?subject={system}&limit=1000",
	"/verify":                    "/checkpoint",
	"/provenance/{index}/bundle": "/v1/bundles?provenance={index}",
	"/entries/{index}/bundle":    "/v1/bundles?entries={index}",
}

// pageCases are all pages that the viewer has of such a log, but for evidence that only monitors bring, and the page to be saved that is mostly
// the verifier.
func pageCases() (cases []pageCase) {
	for _, form := range web.Paths() {
		if strings.Contains(form, "{id}") || strings.Contains(form, "*") || form == "/verify/offline.html" {
			continue
		}
		raw, longest := "/checkpoint", 0
		for begins, request := range raws {
			if strings.HasPrefix(form, begins) && len(begins) > longest {
				raw, longest = request, len(begins)
			}
		}
		if strings.HasPrefix(form, "/provenance/") || strings.HasPrefix(form, "/datasets/") {
			raw = strings.ReplaceAll(raw, "{index}", map[bool]string{true: "{model}", false: "{dataset}"}[strings.HasPrefix(form, "/provenance/")])
		}
		name := strings.NewReplacer("/", "-", "{", "", "}", "", ".", "-").Replace(strings.Trim(form, "/"))
		if name == "" {
			name = "overview"
		}
		if needed := slices.ContainsFunc(queries[form], func(q struct{ name, query string }) bool { return q.name == "" }); !needed {
			cases = append(cases, pageCase{name, form, raw})
		}
		for _, q := range queries[form] {
			cases = append(cases, pageCase{strings.Trim(name+"-"+q.name, "-"), form + "?" + q.query, withQuery(raw, form, q.query)})
		}
	}
	return cases
}

// withQuery is the API's request for a list with the same conditions.
func withQuery(raw, form, query string) string {
	if form != "/entries" || strings.HasPrefix(query, "from=") {
		return raw
	}
	return raw + "&" + query
}
