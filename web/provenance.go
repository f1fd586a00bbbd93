package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// maxSystems is how many entries are read to list the systems and data sets that a walk can begin with.
const maxSystems = 200

// system is a subject that a walk can begin with.
type system struct {
	Subject string
	Newest  *verify.Entry
	Count   int
}

// provenance shows where a subject comes from; without one, the subjects to choose from.
func (v *viewer) provenance(w http.ResponseWriter, r *http.Request) error {
	subject := r.URL.Query().Get("subject")
	if subject == "" {
		return v.chooseSystem(w, r)
	}
	if err := checkSubject(subject); err != nil {
		return err
	}
	for _, kind := range []event.Kind{event.ModelVersion, event.Dataset} {
		page, err := v.log.Entries(r.Context(), client.Query{Kinds: []event.Kind{kind}, Subject: subject, Descending: true, Limit: 1})
		if err != nil {
			return err
		}
		if len(page.Entries) > 0 {
			return v.showProvenance(w, r, page.Entries[0].Index)
		}
	}
	return notFound("The log has no model version and no data set of %s.", quoted(subject))
}

// checkSubject refuses what can't name a subject.
func checkSubject(subject string) error {
	if len(subject) > 256 || strings.ToValidUTF8(subject, "") != subject || strings.IndexByte(subject, 0) >= 0 {
		return badRequest("A subject’s name has at most 256 bytes of UTF-8.")
	}
	return nil
}

// quoted is a name of others in a sentence.
func quoted(name string) string { return "“" + boundText(name, 120).Shown + "”" }

// chooseSystem lists the subjects with model versions, and the data sets.
func (v *viewer) chooseSystem(w http.ResponseWriter, r *http.Request) error {
	var data struct {
		Systems, Datasets []*system
		Most              int
		MoreSystems       bool
		MoreDatasets      bool
	}
	var err error
	data.Most = maxSystems
	if data.Systems, data.MoreSystems, err = v.systems(r, event.ModelVersion); err != nil {
		return err
	}
	if data.Datasets, data.MoreDatasets, err = v.systems(r, event.Dataset); err != nil {
		return err
	}
	return v.render(w, r, "systems.html", content{Title: "Provenance", Data: data})
}

// systems are the subjects of the newest entries of a kind, those that spoke last first. More says that there are older entries.
func (v *viewer) systems(r *http.Request, kind event.Kind) (all []*system, more bool, err error) {
	bySubject := map[string]*system{}
	read := 0
	err = v.log.EachEntry(r.Context(), client.Query{Kinds: []event.Kind{kind}, Descending: true, Limit: 250}, func(e *verify.Entry) bool {
		if read++; read > maxSystems {
			more = true
			return false
		}
		name := e.Event.Subject.Name
		if bySubject[name] == nil {
			bySubject[name] = &system{Subject: name, Newest: e}
			all = append(all, bySubject[name])
		}
		bySubject[name].Count++
		return true
	})
	return all, more, err
}

// provenanceOf shows where an entry comes from.
func (v *viewer) provenanceOf(w http.ResponseWriter, r *http.Request) error {
	index, err := v.indexOf(r)
	if err != nil {
		return err
	}
	return v.showProvenance(w, r, index)
}

// trace fetches the evidence about where an entry comes from, verifies it and walks through it here: the log's own walk is not asked for. What
// is wrong with single entries is said by the links.
func (v *viewer) trace(r *http.Request, index int64) (*verify.Bundle, *verify.BundleReport, *verify.Provenance, error) {
	b, report, err := v.bundle(r.Context(), client.BundleQuery{Entries: []int64{index}, Provenance: true})
	switch {
	case client.HasCode(err, "too-large"):
		return nil, nil, nil, &failure{status: http.StatusServiceUnavailable, title: "Too long a chain for a page", err: err,
			detail: fmt.Sprintf("What entry %d comes from is more than one page can show. The program can: attestlog provenance %d", index, index)}
	case err != nil && (report == nil || len(report.Claims) == 0):
		return nil, nil, nil, busyOr(err)
	}
	walk, err := report.Provenance(index)
	return b, report, walk, err
}

func (v *viewer) showProvenance(w http.ResponseWriter, r *http.Request, index int64) error {
	_, report, walk, err := v.trace(r, index)
	if err != nil {
		return err
	}
	subject := walk.Nodes[0].Entry.Event.Subject.Name
	versions, err := v.log.Entries(r.Context(), client.Query{Kinds: []event.Kind{event.ModelVersion}, Subject: subject, Descending: true, Limit: 20})
	if err != nil {
		return err
	}
	page := newChain(walk, report.Head)
	page.MoreVersions = versions.Next != ""
	for _, e := range versions.Entries {
		name := ""
		if claims, ok := e.Event.Claims.(*event.ModelVersionClaims); ok {
			name = claims.Version
		}
		page.Versions = append(page.Versions, versionLink{e.Index, name, e.Event.Source, e.Leaf.Logged, e.Index == index})
	}
	return v.render(w, r, "provenance.html", content{Title: "Provenance of " + boundText(subject, 60).Shown, Data: page})
}

// versionLink leads to another version of the same system.
type versionLink struct {
	Index   int64
	Name    string
	Source  string
	Logged  int64
	Current bool
}

// provenanceBundle is the evidence that the page is made of, as a file.
func (v *viewer) provenanceBundle(w http.ResponseWriter, r *http.Request) error {
	index, err := v.indexOf(r)
	if err != nil {
		return err
	}
	b, _, _, err := v.trace(r, index)
	if err != nil {
		return err
	}
	return download(w, "application/octet-stream", fmt.Sprintf("provenance-%d.attestlog", index), b.Encode())
}

// provenanceJSON is the walk for programs, as attestlog provenance --json prints it.
func (v *viewer) provenanceJSON(w http.ResponseWriter, r *http.Request) error {
	index, err := v.indexOf(r)
	if err != nil {
		return err
	}
	_, report, walk, err := v.trace(r, index)
	if err != nil {
		return err
	}
	return sendJSON(w, walk.Walk(report.Head))
}

// worst finds the worst verdict of reports.
func worst(reports []*verify.Report) verify.Verdict {
	order := []verify.Verdict{verify.Proven, verify.Claimed, verify.Waiting, verify.Refused, verify.Refuted}
	at := 0
	for _, r := range reports {
		at = max(at, slices.Index(order, r.Verdict))
	}
	return order[at]
}
