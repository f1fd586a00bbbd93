package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/attestlog/attestlog/ledger/verify"
)

// What a report has at most. A longer period is split into several reports, and the evidence for one into several files: nothing is left out
// without saying so.
type reportLimits struct {
	Entries int // about the system
	Long    int // the same, for readers who would rather wait for fewer parts
	Chained int // further entries of the same sources, which show that nothing is missing between: for each so many about the system, one
	File    int // entries that a file of evidence is about; the log makes files about 256 at most
	Origins int // data sets whose anonymization is looked for
	Chunks  int // of each
}

func usualReportLimits() reportLimits {
	return reportLimits{Entries: 100, Long: 600, Chained: 3, File: 240, Origins: 16, Chunks: 50}
}

// reportQuery is what a report is asked for.
type reportQuery struct {
	Subject  string
	From, To string // days in UTC, both inclusive, as asked for; empty: open
	After    int64  // only entries after this one: the report is a part of a longer one; −1 for all
	Size     int64  // in the tree of this size; 0 for the newest
	Long     bool   // rather longer parts, and fewer

	begin, end int64 // ms since 1970, both inclusive; 0: open
}

// readReportQuery reads it from an address.
func readReportQuery(r *http.Request) (q *reportQuery, err error) {
	values := r.URL.Query()
	q = &reportQuery{Subject: values.Get("subject"), From: values.Get("from"), To: values.Get("to"), After: -1}
	if err = checkSubject(q.Subject); err != nil {
		return nil, err
	}
	day := func(name, text string) (ms int64) {
		if text == "" || err != nil {
			return 0
		}
		t, wrong := time.Parse(time.DateOnly, text)
		if wrong != nil || t.Year() < 1970 {
			err = badRequest("“%s” must be a day since 1970, such as 2026-11-01. It is %s.", name, quoted(text))
		}
		return t.UnixMilli()
	}
	if q.begin = day("from", q.From); q.To != "" {
		q.end = day("to", q.To) + msPerDay - 1
	}
	if err == nil && q.end > 0 && q.end < q.begin {
		err = badRequest("The period ends (%s) before it begins (%s).", q.To, q.From)
	}
	if err != nil {
		return nil, err
	}
	if q.After, err = indexParameter(r, "after", -1, 1<<53); err != nil {
		return nil, err
	}
	if q.Size, err = indexParameter(r, "size", 0, 1<<53); err != nil {
		return nil, err
	}
	switch parts := values.Get("parts"); parts {
	case "", "long":
		q.Long = parts == "long"
	default:
		return nil, badRequest("“parts” can be “long”, or be left out. It is %s.", quoted(parts))
	}
	return q, nil
}

// address asks for the report, or for another part of it, or for its evidence.
func (q *reportQuery) address(path string, after, size int64, long bool, more ...string) string {
	values := url.Values{"subject": {q.Subject}}
	set := func(name, value string, given bool) {
		if given {
			values.Set(name, value)
		}
	}
	set("from", q.From, q.From != "")
	set("to", q.To, q.To != "")
	set("after", strconv.FormatInt(after, 10), after >= 0)
	set("size", strconv.FormatInt(size, 10), size > 0)
	set("parts", "long", long)
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return path + "?" + values.Encode()
}

// report is the report on a system and a period; without a system, a form.
func (v *viewer) report(w http.ResponseWriter, r *http.Request) error {
	q, err := readReportQuery(r)
	if err != nil {
		return err
	}
	if q.Subject == "" {
		return v.reportForm(w, r, q)
	}
	c, err := v.collect(r.Context(), q)
	if err != nil {
		return err
	}
	if err := v.judgeCited(r.Context(), c); err != nil {
		return err
	}
	page, err := v.newReport(r.Context(), c)
	if err != nil {
		return err
	}
	return v.render(w, r, "report.html", content{Title: "Report on " + boundText(q.Subject, 60).Shown, Data: page})
}

// reportForm asks which system, and which period.
func (v *viewer) reportForm(w http.ResponseWriter, r *http.Request, q *reportQuery) error {
	var err error
	now := v.now().UTC()
	data := struct {
		*reportQuery
		Systems   []*system
		More      bool
		Most      int
		Suggested [2]string
	}{reportQuery: q, Most: maxSystems, Suggested: [2]string{now.AddDate(0, -1, 0).Format(time.DateOnly), now.Format(time.DateOnly)}}
	if q.From != "" {
		data.Suggested[0] = q.From
	}
	if q.To != "" {
		data.Suggested[1] = q.To
	}
	if data.Systems, data.More, err = v.systemsOfReports(r); err != nil {
		return err
	}
	return v.render(w, r, "reportform.html", content{Title: "Report", Data: data})
}

// reportBundle is a part of a report's evidence, as a file.
func (v *viewer) reportBundle(w http.ResponseWriter, r *http.Request) error {
	q, err := readReportQuery(r)
	if err != nil {
		return err
	}
	part, err := indexParameter(r, "part", 1, 1<<20)
	if err != nil {
		return err
	}
	if q.Subject == "" {
		return badRequest("Which report? Name its subject.")
	}
	c, err := v.collect(r.Context(), q)
	if err != nil {
		return err
	}
	files := c.files()
	if part < 1 || part > int64(len(files)) {
		return notFound("This report’s evidence has %d files.", len(files))
	}
	b, _, err := v.evidence(r.Context(), files[part-1], c.size)
	if err != nil {
		return err
	}
	return download(w, "application/octet-stream", fmt.Sprintf("report-%d-of-%d.attestlog", part, len(files)), b.Encode())
}

// evidence fetches a bundle about entries and verifies it. What is wrong with single entries is said by their reports.
func (v *viewer) evidence(ctx context.Context, entries []int64, size int64) (*verify.Bundle, *verify.BundleReport, error) {
	b, report, err := v.bundle(ctx, bundleOf(entries, size))
	if err != nil && (report == nil || len(report.Claims) == 0) {
		return nil, nil, busyOr(err)
	}
	return b, report, nil
}
