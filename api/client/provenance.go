package client

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/attestlog/attestlog/ledger/verify"
)

// ProvenanceQuery asks where a subject comes from.
type ProvenanceQuery struct {
	Subject string
	Entry   int64 // one of its entries; 0 for its newest model version, or, if it has none, its newest data set
	Size    int64 // of a published head; 0 for the newest
}

// Provenance is the log's own walk from a subject to where it comes from.
type Provenance struct {
	verify.Walk
	Versions []Version `json:"versions"` // that a walk can begin with, newest first
	More     bool      `json:"more"`     // there are older ones
}

// Version is a model version of a subject, or a data set of that name.
type Version struct {
	Index  int64  `json:"index"`
	Kind   string `json:"kind"`
	Name   string `json:"name"` // what its source calls the version; empty of a data set
	Source string `json:"source"`
	Logged int64  `json:"logged"` // the log's time, milliseconds since 1970
}

// Provenance asks the log to walk. Of the answer only the head is checked: all the rest is the log's word. Whoever wants to know gets the evidence with
// Bundle, or with verify.Trace by way of Library, and walks through it by BundleReport.Provenance.
func (c *Client) Provenance(ctx context.Context, q ProvenanceQuery) (*Provenance, error) {
	query := url.Values{}
	if q.Entry > 0 {
		query.Set("entry", strconv.FormatInt(q.Entry, 10))
	}
	if q.Size > 0 {
		query.Set("size", strconv.FormatInt(q.Size, 10))
	}
	var found Provenance
	if err := c.get(ctx, "v1/provenance/"+segment(q.Subject), query, verify.MaxBundle, &found); err != nil {
		return nil, err
	}
	head, err := c.heads.open(ctx, []byte(found.Checkpoint), !c.heads.unlinked)
	if err != nil {
		return nil, err
	}
	switch {
	case head.Size != found.Size || q.Size > 0 && head.Size != q.Size:
		return nil, alarm(nil, "the log's walk is through another tree than its head's")
	case found.Subject != q.Subject || q.Entry > 0 && found.Of != q.Entry:
		return nil, alarm(nil, "the log walked from entry %d, about %q, when asked about %q", found.Of, found.Subject, q.Subject)
	}
	return &found, nil
}

// segment makes any text one segment of a path, even one that would lead up or nowhere.
func segment(text string) string {
	if text == "." || text == ".." {
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return url.PathEscape(text)
}
