package web

import (
	"net/http"
	"strings"
)

// page is one address, or one form of addresses, and what answers there. A handler that returns an error has written nothing.
type page struct {
	path  string
	serve func(http.ResponseWriter, *http.Request) error
}

// pages lists all pages. Their templates are found by name.
func (v *viewer) pages() []page {
	return []page{
		{"/", v.overview},
		{"/entries", v.entries},
		{"/entries.csv", v.entriesCSV},
		{"/entries.json", v.entriesJSON},
		{"/entries/{index}", v.entry},
		{"/entries/{index}/leaf", v.entryLeaf},
		{"/entries/{index}/proof", v.entryProof},
		{"/entries/{index}/bundle", v.entryBundle},
		{"/events/{digest}", v.eventByDigest},
		{"/datasets", v.datasets},
		{"/datasets/{index}", v.dataset},
		{"/provenance", v.provenance},
		{"/provenance/{index}", v.provenanceOf},
		{"/provenance/{index}/bundle", v.provenanceBundle},
		{"/provenance/{index}/walk.json", v.provenanceJSON},
		{"/report", v.report},
		{"/report/bundle", v.reportBundle},
		{"/sources", v.sources},
		{"/sources/{name}/{instance}", v.source},
		{"/statements", v.statements},
		{"/statements/{vk}", v.statement},
		{"/heads", v.heads},
		{"/heads/{size}", v.head},
		{"/heads/{size}/note", v.headNote},
		{"/consistency", v.consistency},
		{"/consistency.json", v.consistencyJSON},
		{"/monitors", v.monitors},
		{"/monitors/evidence/{id}", v.forkEvidence},
		{"/proving", v.proving},
		{"/verify", v.verifyPage},
		{"/verify/log.pub", v.logKey},
		{"/verify/offline.html", v.offlinePage},
	}
}

// Paths are the addresses and forms of addresses that there are pages at, such as /entries/{index}: tests go through all of them.
func Paths() (all []string) {
	for _, p := range new(viewer).pages() {
		all = append(all, p.path)
	}
	return all
}

// navItem leads to a page from everywhere.
type navItem struct {
	Href, Name string
	Current    bool // it leads to the page that is shown, or to the list that this is of
}

// navGroup is a heading with what stands below it.
type navGroup struct {
	Name  string
	Items []navItem
}

// navigation is the way from everywhere to everywhere. Policies over ranges of the log will stand beside the statements.
func navigation(path string) []navGroup {
	groups := []navGroup{
		{"The log", []navItem{{Href: "/", Name: "Overview"}, {Href: "/entries", Name: "Entries"}, {Href: "/heads", Name: "Heads"}, {Href: "/monitors", Name: "Monitors"}}},
		{"AI systems", []navItem{{Href: "/provenance", Name: "Provenance"}, {Href: "/datasets", Name: "Data sets"}, {Href: "/report", Name: "Report"}}},
		{"Who and how", []navItem{{Href: "/sources", Name: "Sources"}, {Href: "/statements", Name: "Statements"}, {Href: "/proving", Name: "Proving"}}},
		{"Check", []navItem{{Href: "/verify", Name: "Verify evidence"}}},
	}
	for _, group := range groups {
		for i := range group.Items {
			item := &group.Items[i]
			item.Current = path == item.Href || item.Href != "/" && strings.HasPrefix(path, item.Href+"/") || item.Href == "/heads" && path == "/consistency"
		}
	}
	return groups
}
