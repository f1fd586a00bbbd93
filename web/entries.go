package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/web/words"
)

// pageSize is how many rows a list has.
const pageSize = 50

// filter is what a reader asks for, as it stands in the address: an address never stands for other entries later.
type filter struct {
	Kinds                         []event.Kind
	Source, Subject, Status, Text string
	Statement                     string
	From, To                      string // days, or moments in RFC 3339, UTC
	Before                        int64  // only entries below; 0 for all
	After                         int64  // only entries above; −1 for all

	query client.Query
}

// readFilter reads an address. What can't be asked is said.
func readFilter(q url.Values) (*filter, error) {
	known := []string{"kind", "source", "subject", "statement", "status", "text", "from", "to", "before", "after"}
	for name, values := range q {
		if !slices.Contains(known, name) || name != "kind" && len(values) > 1 {
			return nil, badRequest("Entries can’t be asked for by “%s”, or not twice.", boundText(name, 40).Shown)
		}
	}
	f := &filter{Source: q.Get("source"), Subject: q.Get("subject"), Status: q.Get("status"), Text: q.Get("text"), Statement: q.Get("statement"),
		From: q.Get("from"), To: q.Get("to"), After: -1}
	for _, name := range q["kind"] {
		if name == "" {
			continue
		}
		kind, err := event.ParseKind(name)
		if err != nil {
			return nil, badRequest("There is no kind of events named “%s”.", boundText(name, 40).Shown)
		}
		f.Kinds = append(f.Kinds, kind)
	}
	if f.Source != "" && event.CheckSource(f.Source) != nil {
		return nil, badRequest("A source’s name is name/instance, such as gateway/1.")
	}
	if len(f.Subject) > 256 || !utf8.ValidString(f.Subject) {
		return nil, badRequest("A subject’s name has at most 256 bytes.")
	}
	if utf8.RuneCountInString(f.Text) > 100 || !utf8.ValidString(f.Text) {
		return nil, badRequest("A text to look for has at most 100 characters.")
	}
	if !slices.Contains([]string{"", client.StatusProven, client.StatusClaimed, client.StatusWaiting, client.StatusRefused}, f.Status) {
		return nil, badRequest("A status is proven, claimed, waiting or refused.")
	}
	f.query = client.Query{Kinds: f.Kinds, Source: f.Source, Subject: f.Subject, Status: f.Status, Text: f.Text}
	return f, f.read(q)
}

// read reads what has to be parsed.
func (f *filter) read(q url.Values) (err error) {
	if f.Statement != "" {
		if f.query.Statement, err = event.ParseDigest(f.Statement); err != nil {
			return badRequest("A statement is named by the digest of its verifying key: 64 lower-case hex digits.")
		}
	}
	if f.query.From, err = timeOf(f.From, false); err != nil {
		return err
	}
	if f.query.To, err = timeOf(f.To, true); err != nil {
		return err
	}
	for name, to := range map[string]*int64{"before": &f.Before, "after": &f.After} {
		if text := q.Get(name); text != "" {
			if *to, err = strconv.ParseInt(text, 10, 64); err != nil || *to < 0 {
				return badRequest("“%s” must be the number of an entry.", name)
			}
		}
	}
	if f.Before > 0 && f.After >= 0 {
		return badRequest("Either “before” or “after” can be asked for, not both.")
	}
	return nil
}

// timeOf reads a day or a moment as milliseconds since 1970; of a day its end if last.
func timeOf(text string, last bool) (int64, error) {
	if text == "" {
		return 0, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	switch {
	case err == nil && last:
		t = t.AddDate(0, 0, 1).Add(-time.Millisecond)
	case err != nil:
		t, err = time.Parse(time.RFC3339Nano, text)
	}
	if err != nil || t.UnixMilli() < 0 || t.Year() > 9999 {
		return 0, badRequest("A time is a day, such as 2026-11-22, or a moment, such as 2026-11-22T12:00:00Z. This is neither: %s", boundText(text, 40).Shown)
	}
	return t.UnixMilli(), nil
}

// address is the filter's own address below a path, with other bounds.
func (f *filter) address(path string, before, after int64) string {
	q := url.Values{}
	for _, kind := range f.Kinds {
		q.Add("kind", kind.String())
	}
	for name, value := range map[string]string{"source": f.Source, "subject": f.Subject, "statement": f.Statement, "status": f.Status, "text": f.Text, "from": f.From, "to": f.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	if after >= 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// Set tells whether anything is asked for but a place.
func (f *filter) Set() bool {
	return len(f.Kinds) > 0 || f.Source+f.Subject+f.Status+f.Text+f.Statement+f.From+f.To != ""
}

// listing is a page of entries, newest first.
type listing struct {
	Rows         []listRow
	Older, Newer bool  // there may be more in that direction
	Low, High    int64 // what was looked at: entries [Low, High]; −1 where nobody knows how far
}

// list reads the page that a filter asks for.
func (v *viewer) list(ctx context.Context, f *filter, limit int) (*listing, error) {
	q := f.query
	q.Limit, q.Descending, q.End = limit, true, f.Before
	if f.After >= 0 {
		q.Descending, q.Start, q.End = false, f.After+1, 0
	}
	page, err := v.log.Entries(ctx, q)
	if err != nil {
		return nil, err
	}
	law, err := v.law.state(ctx, v)
	if err != nil {
		return nil, err
	}
	l := &listing{Low: -1, High: -1, Rows: listRows(law, page)}
	if f.After >= 0 {
		slices.Reverse(l.Rows)
		l.Low, l.Older, l.Newer, l.High = f.After+1, true, page.Next != "", page.Reached
	} else {
		l.Older, l.Low, l.Newer, l.High = page.Next != "", page.Reached, f.Before > 0 && f.Before < page.Size || f.Before > 0, f.Before-1
	}
	if len(l.Rows) > 0 {
		if l.High < 0 {
			l.High = l.Rows[0].Index
		}
		if l.Low < 0 {
			l.Low = l.Rows[len(l.Rows)-1].Index
		}
	}
	return l, nil
}

// entriesPage is what the page of entries shows.
type entriesPage struct {
	*filter
	*listing
	KindChoices                              []event.Kind
	Chosen                                   string // the one kind that is chosen; "several" where there are more
	StatusChoices                            []string
	OlderURL, NewerURL, NewestURL, CSV, JSON string
	Headed                                   bool
	Sifted, Nothing                          bool // entries were looked at one by one; nothing was found
}

// entries lists entries, newest first, by whatever a reader asks for.
func (v *viewer) entries(w http.ResponseWriter, r *http.Request) error {
	f, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	l, err := v.list(r.Context(), f, pageSize)
	if err != nil {
		return err
	}
	p := &entriesPage{filter: f, listing: l, KindChoices: event.Kinds(), StatusChoices: []string{client.StatusProven, client.StatusClaimed, client.StatusWaiting, client.StatusRefused},
		NewestURL: f.address("/entries", 0, -1),
		Sifted:    f.Status+f.Text+f.Statement != "", Nothing: len(l.Rows) == 0}
	if len(f.Kinds) == 1 {
		p.Chosen = f.Kinds[0].String()
	} else if len(f.Kinds) > 1 {
		p.Chosen = "several"
	}
	from := f.Before // an export begins with the page's newest entry
	if f.After >= 0 && l.High >= 0 {
		from = l.High + 1
	}
	p.CSV, p.JSON = f.address("/entries.csv", from, -1), f.address("/entries.json", from, -1)
	if l.Older && l.Low > 0 {
		p.OlderURL = f.address("/entries", l.Low, -1)
	}
	if l.Newer && l.High >= 0 {
		p.NewerURL = f.address("/entries", 0, l.High)
	}
	title := "Entries"
	if p.Chosen != "" && p.Chosen != "several" {
		title += ": " + strings.ToLower(words.Kind(f.Kinds[0]))
	}
	return v.render(w, r, "entries.html", content{Title: title, Data: p})
}
