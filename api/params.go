package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/canon"
)

// query reads a request's query strictly: a parameter that is unknown, repeated or out of range is refused, because a
// filter that is silently left out answers another question. After the first error the methods give zero values.
type query struct {
	values url.Values
	err    error
}

func readQuery(r *http.Request, known ...string) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.refuse("the query can't be read")
	}
	for name, given := range values {
		switch {
		case !slices.Contains(known, name):
			q.refuse("there is no parameter %s here", strconv.Quote(canon.Clip(name)))
		case len(given) > 1 && name != "kind":
			q.refuse("the parameter %q stands twice", name)
		}
	}
	return q
}

func (q *query) refuse(format string, args ...any) {
	if q.err == nil {
		q.err = refusef(invalidParameter, sentence(fmt.Errorf(format, args...)))
	}
}

// number reads an integer from min to max; byDefault where it is absent.
func (q *query) number(name string, byDefault, min, max int64) int64 {
	text := q.values.Get(name)
	if !q.values.Has(name) || q.err != nil {
		return byDefault
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < min || n > max || strconv.FormatInt(n, 10) != text {
		q.refuse("the parameter %q must be an integer from %d to %d", name, min, max)
		return byDefault
	}
	return n
}

// need refuses a query without a parameter.
func (q *query) need(name string) {
	if !q.values.Has(name) {
		q.refuse("the parameter %q is missing", name)
	}
}

// word reads one of a few words, the first where it is absent.
func (q *query) word(name string, words ...string) string {
	text := q.values.Get(name)
	if !q.values.Has(name) || q.err != nil {
		return words[0]
	}
	if !slices.Contains(words, text) {
		q.refuse("the parameter %q must be one of %s", name, strings.TrimPrefix(strings.Join(words, ", "), ", "))
	}
	return text
}

// text reads a string of at most max bytes.
func (q *query) text(name string, max int) string {
	text := q.values.Get(name)
	switch {
	case len(text) > max:
		q.refuse("the parameter %q may have at most %d bytes", name, max)
	case !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0:
		q.refuse("the parameter %q must be UTF-8 without U+0000", name)
	}
	return text
}

// digest reads a digest; zero where it is absent.
func (q *query) digest(name string) (d event.Digest) {
	if !q.values.Has(name) || q.err != nil {
		return d
	}
	d, err := event.ParseDigest(q.values.Get(name))
	switch {
	case err != nil:
		q.refuse("the parameter %q: %w", name, err)
	case d.IsZero():
		q.refuse("the parameter %q names no %s", name, name)
	}
	return d
}

// kinds reads the kinds of a query, which may be given more than once.
func (q *query) kinds(name string) []event.Kind {
	var kinds []event.Kind
	for _, text := range q.values[name] {
		kind, err := event.ParseKind(text)
		if err != nil {
			q.refuse("%w", err)
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

// pathText is a part of the path, unescaped: chi cuts the escaped path where there is one.
func pathText(r *http.Request, name string) string {
	text := chi.URLParam(r, name)
	if plain, err := url.PathUnescape(text); err == nil && r.URL.RawPath != "" {
		return plain
	}
	return text
}

func pathIndex(r *http.Request, name string) (int64, error) {
	text := pathText(r, name)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > canon.MaxInt || strconv.FormatInt(n, 10) != text {
		return 0, refusef(invalidParameter, "The index in the path must be an integer from 0, without leading zeros.")
	}
	return n, nil
}

func pathDigest(r *http.Request, name string) (event.Digest, error) {
	d, err := event.ParseDigest(pathText(r, name))
	if err != nil {
		return d, refusef(invalidParameter, "The path must name the "+name+" by a digest: "+err.Error()+".")
	}
	return d, nil
}

// prefers tells whether a client that sent this Accept header (RFC 9110, section 12.5.1) wants wanted rather than other, which it gets when in doubt.
func prefers(r *http.Request, wanted, other string) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	return quality(accept, wanted) > quality(accept, other)
}

// quality is the weight that an Accept header gives a media type, by its most specific range; 1 without a header.
func quality(accept, media string) float64 {
	if strings.TrimSpace(accept) == "" {
		return 1
	}
	major, _, _ := strings.Cut(media, "/")
	best, weight := -1, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		specific := slices.Index([]string{"*/*", major + "/*", media}, strings.ToLower(strings.TrimSpace(name)))
		if specific < 0 || specific <= best {
			continue
		}
		best, weight = specific, 1
		for param := range strings.SplitSeq(params, ";") {
			if q, ok := strings.CutPrefix(strings.TrimSpace(param), "q="); ok {
				weight, _ = strconv.ParseFloat(q, 64) // what can't be read weighs nothing
			}
		}
	}
	return weight
}

// notFoundf is the refusal for what is not here.
func notFoundf(detail string) *ledger.Refusal { return refusef(ledger.NotFound, detail) }
