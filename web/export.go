package web

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// An export has more rows than a page: a person who wants more asks again, with before, or takes the log itself.
const (
	maxExported = 5000
	exportStep  = 500
)

// exported is a row of an export. What it says is the log's word and the sources': evidence is in bundles.
type exported struct {
	Entry      int64  `json:"entry"`
	Event      string `json:"event"`
	Kind       string `json:"kind"`
	Title      string `json:"title"`
	Subject    string `json:"subject"`
	Source     string `json:"source"`
	Seq        int64  `json:"seq"`
	Logged     string `json:"logged"`
	Happened   string `json:"happened"`
	Status     string `json:"status"`
	InDoubt    bool   `json:"inDoubt,omitempty"`
	Statement  string `json:"statement,omitempty"`
	Purpose    string `json:"purpose,omitempty"`
	KeyID      string `json:"keyid"`
	SubjectSHA string `json:"subjectSha256"`
}

func exportOf(e *listRow) *exported {
	x := &exported{Entry: e.Index, Event: e.Digest.String(), Kind: e.Event.Kind().String(), Title: e.Title(), Subject: e.Event.Subject.Name,
		Source: e.Event.Source, Seq: e.Event.Seq, Logged: moment(e.Leaf.Logged), Happened: moment(e.Event.Time), Status: e.Status, InDoubt: e.Doubt, Purpose: e.Event.Purpose,
		KeyID: e.Leaf.Envelope.KeyID.String(), SubjectSHA: e.Event.Subject.Digest.String()}
	if !e.Event.Statement.IsZero() {
		x.Statement = e.Event.Statement.String()
	}
	return x
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// export walks what a filter asks for from its newest entry on, and hands it over page by page. Nothing has been written when it fails at
// the first page; later, the connection breaks, so that nobody takes a part for the whole. For the same reason rest is the query for what it left
// out; empty if there is nothing more.
func (v *viewer) export(r *http.Request, f *filter, begin func(), row func(*exported) error) (rest string, err error) {
	begun := false
	for rows := 0; ; {
		l, err := v.list(r.Context(), f, exportStep)
		if err != nil {
			if begun {
				panic(http.ErrAbortHandler)
			}
			return "", err
		}
		if !begun {
			begun = true
			begin()
		}
		for i := range l.Rows {
			if err := row(exportOf(&l.Rows[i])); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
		rows += exportStep
		switch {
		case f.After >= 0 && l.Newer && l.High >= 0:
			return f.address("", 0, l.High), nil
		case f.After >= 0 || !l.Older || l.Low <= 0:
			return "", nil
		case rows >= maxExported:
			return f.address("", l.Low, -1), nil
		}
		f.Before = l.Low
	}
}

func exportHeader(w http.ResponseWriter, contentType, name string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-cache")
}

// entriesJSON is what a page of entries shows, and what follows, as JSON. Where there is still more, the last element is no entry, and says where.
func (v *viewer) entriesJSON(w http.ResponseWriter, r *http.Request) error {
	f, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	first := true
	rest, err := v.export(r, f, func() {
		exportHeader(w, "application/json", "entries.json")
		_, _ = w.Write([]byte("[\n"))
	}, func(x *exported) error {
		if !first {
			if _, err := w.Write([]byte(",\n")); err != nil {
				return err
			}
		}
		first = false
		b, err := json.Marshal(x)
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	})
	if err != nil {
		return err
	}
	if rest != "" {
		b, err := json.Marshal(map[string]string{"more": "/entries.json" + rest})
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if !first {
			b = append([]byte(",\n"), b...)
		}
		_, _ = w.Write(b)
	}
	_, _ = w.Write([]byte("\n]\n"))
	return nil
}

// entriesCSV is the same as CSV (RFC 4180), safe to open in a spreadsheet. Where there is still more, a last row without an entry's number says where.
func (v *viewer) entriesCSV(w http.ResponseWriter, r *http.Request) error {
	f, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	rows := csv.NewWriter(w)
	rows.UseCRLF = true
	rest, err := v.export(r, f, func() {
		exportHeader(w, "text/csv; charset=utf-8", "entries.csv")
		_ = rows.Write([]string{"entry", "kind", "title", "subject", "source", "seq", "logged", "happened", "status", "statement", "purpose", "event", "keyid", "subject sha-256"})
	}, func(x *exported) error {
		return rows.Write([]string{strconv.FormatInt(x.Entry, 10), x.Kind, cell(x.Title), cell(x.Subject), cell(x.Source), strconv.FormatInt(x.Seq, 10), x.Logged, x.Happened,
			statusOfRow(x), x.Statement, cell(x.Purpose), x.Event, x.KeyID, x.SubjectSHA})
	})
	if err != nil {
		return err
	}
	if rest != "" {
		row := make([]string, 14)
		row[2] = "This is not all. The rest: /entries.csv" + rest
		_ = rows.Write(row)
	}
	rows.Flush()
	return nil
}

// statusOfRow is the status, and that it is in doubt.
func statusOfRow(x *exported) string {
	if x.InDoubt {
		return x.Status + ", in doubt"
	}
	return x.Status
}

// cell keeps a spreadsheet from taking a text for a formula: it then begins with an apostrophe. Line breaks and other controls become
// blanks, since some programs begin a cell anew after them.
func cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " ")); strings.ContainsRune("=+-@＝＋－＠", first) && s != "" {
		return "'" + s
	}
	return s
}
