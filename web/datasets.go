package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/words"
)

// datasetRow is a data set in a list.
type datasetRow struct {
	*verify.Entry
	Claims *event.DatasetClaims
	Roles  []roleCount
}

// roleCount is how many columns have a role.
type roleCount struct {
	Role  event.Role
	Count int
}

// datasets lists the data sets that somebody committed to, newest first.
func (v *viewer) datasets(w http.ResponseWriter, r *http.Request) error {
	cursor := r.URL.Query().Get("cursor")
	page, err := v.log.Entries(r.Context(), client.Query{Kinds: []event.Kind{event.Dataset}, Descending: true, Limit: pageSize, Cursor: cursor})
	if err != nil {
		return err
	}
	var data struct {
		Rows  []datasetRow
		Next  string
		First bool
	}
	data.First = cursor == ""
	data.Next = page.Next
	for _, e := range page.Entries {
		if claims, ok := e.Event.Claims.(*event.DatasetClaims); ok {
			data.Rows = append(data.Rows, datasetRow{e, claims, rolesOf(claims)})
		}
	}
	return v.render(w, r, "datasets.html", content{Title: "Data sets", Data: data})
}

func rolesOf(claims *event.DatasetClaims) (counts []roleCount) {
	for _, role := range []event.Role{event.RoleDirect, event.RoleQuasi, event.RoleSensitive, event.RoleOther} {
		n := 0
		for i := range claims.Columns {
			if claims.Columns[i].Role == role {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, roleCount{role, n})
		}
	}
	return counts
}

const (
	maxAccesses = 25 // on a page
	maxUses     = 50 // anonymizations, and runs, on a page
)

// datasetPage is one data set with what was done with it.
type datasetPage struct {
	*verify.Report
	Claims  *event.DatasetClaims
	Columns []columnRow
	From    []*verify.Report // anonymizations that it came out of
	To      []*verify.Report // anonymizations of it
	Runs    []*verify.Report
	More    bool // there may be more of these three

	Accesses []*verify.Report // newest first
	Records  int64            // of those
	First    bool             // these are the newest
	Next     string           // the cursor of older ones; empty at the end
	Reached  int64            // down to which entry the log was looked at for them; −1 for all
	Head     verify.Head
}

// columnRow is a column as people read it.
type columnRow struct {
	Name, Role string
	Labels     []string
	MoreLabels int
	Range      string
}

// dataset shows one data set: what is committed to, where it came from, and what was done with it.
func (v *viewer) dataset(w http.ResponseWriter, r *http.Request) error {
	receipt, err := v.receiptOf(r)
	if err != nil {
		return err
	}
	e, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
	if err != nil {
		return err
	}
	claims, ok := e.Event.Claims.(*event.DatasetClaims)
	if !ok {
		return notFound("Entry %d is no data set, but of the kind %s.", e.Index, e.Event.Kind())
	}
	page := &datasetPage{Claims: claims, Columns: columnsOf(claims), First: r.URL.Query().Get("cursor") == "", Reached: -1}
	if err := v.useOf(r.Context(), page, e, r.URL.Query().Get("cursor")); err != nil {
		return err
	}
	return v.render(w, r, "dataset.html", content{Title: "Data set " + boundText(e.Event.Subject.Name, 60).Shown, Data: page})
}

// useOf finds what refers to a data set, and verifies all of it together.
func (v *viewer) useOf(ctx context.Context, page *datasetPage, data *verify.Entry, cursor string) error {
	about := client.Query{Text: data.Digest.String(), Descending: true}
	find := func(kind event.Kind, limit int, cursor string) (client.Page, error) {
		q := about
		q.Kinds, q.Limit, q.Cursor = []event.Kind{kind}, limit, cursor
		return v.log.Entries(ctx, q)
	}
	var accesses, anonymizations, runs client.Page
	var finding errgroup.Group
	finding.Go(func() (err error) { accesses, err = find(event.DataAccess, maxAccesses, cursor); return err })
	finding.Go(func() (err error) { anonymizations, err = find(event.Anonymization, maxUses, ""); return err })
	finding.Go(func() (err error) { runs, err = find(event.TrainingRun, maxUses, ""); return err })
	if err := finding.Wait(); err != nil {
		return err
	}
	if accesses.Next != "" {
		page.Next, page.Reached = accesses.Next, accesses.Reached
	}
	page.More = anonymizations.Next != "" || runs.Next != ""
	found := slices.Concat(accesses.Entries, anonymizations.Entries, runs.Entries)
	reports, head, err := v.judgeAll(ctx, append(found, data))
	if err != nil {
		return err
	}
	page.Report, page.Head = reports[data.Index], head
	if page.Report == nil {
		return client.ErrUnpublished
	}
	for _, e := range found {
		report := reports[e.Index]
		if report == nil {
			continue // no head that was published has it yet
		}
		switch claims := e.Event.Claims.(type) {
		case *event.DataAccessClaims:
			if claims.Dataset == data.Digest {
				page.Accesses = append(page.Accesses, report)
				page.Records += claims.Records
			}
		case *event.AnonymizationClaims:
			if claims.Released == data.Digest {
				page.From = append(page.From, report)
			}
			if claims.Dataset == data.Digest {
				page.To = append(page.To, report)
			}
		case *event.TrainingRunClaims:
			if claims.Dataset == data.Digest {
				page.Runs = append(page.Runs, report)
			}
		}
	}
	return nil
}

// judgeAll fetches the evidence about entries, at most 256 of them, and verifies all of it. Entries that no published head has yet are left out.
func (v *viewer) judgeAll(ctx context.Context, entries []*verify.Entry) (map[int64]*verify.Report, verify.Head, error) {
	newest, err := v.newest.get(ctx, v)
	if err != nil {
		return nil, verify.Head{}, err
	}
	var indices []int64
	for _, e := range entries {
		if e.Index < newest.Size {
			indices = append(indices, e.Index)
		}
	}
	slices.Sort(indices)
	if indices = slices.Compact(indices); len(indices) == 0 {
		return nil, newest.Head, nil
	}
	_, report, err := v.bundle(ctx, client.BundleQuery{Entries: indices})
	if err != nil && (report == nil || len(report.Claims) == 0) {
		return nil, verify.Head{}, busyOr(err)
	}
	reports := map[int64]*verify.Report{}
	for _, c := range report.Claims {
		reports[c.Entry.Index] = c
	}
	return reports, report.Head, nil
}

// busyOr explains a log that is making other bundles.
func busyOr(err error) error {
	if client.HasCode(err, "busy") {
		return &failure{status: http.StatusServiceUnavailable, title: "The log is busy", err: err, detail: "It puts together other evidence at the moment. Try again in a few seconds."}
	}
	return err
}

// maxLabels is how many labels of a column a page shows.
const maxLabels = 16

func columnsOf(claims *event.DatasetClaims) (rows []columnRow) {
	roles := map[event.Role]string{event.RoleDirect: "direct identifier", event.RoleQuasi: "quasi-identifier", event.RoleSensitive: "sensitive", event.RoleOther: "other"}
	for i := range claims.Columns {
		c := &claims.Columns[i]
		row := columnRow{Name: c.Name, Role: roles[c.Role]}
		if span := c.Coding.Integer; span != nil {
			row.Range = fmt.Sprintf("whole numbers from %s to %s", words.Number(span.Min), words.Number(span.Max))
		}
		if c.Coding.Category != nil {
			row.Labels = c.Coding.Category.Labels
			row.MoreLabels = max(0, len(row.Labels)-maxLabels)
			row.Labels = row.Labels[:min(len(row.Labels), maxLabels)]
		}
		rows = append(rows, row)
	}
	return rows
}
