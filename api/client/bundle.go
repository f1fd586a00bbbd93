package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/attestlog/attestlog/ledger/verify"
)

// BundleQuery asks for the evidence about some entries, or about one and all that it comes from.
type BundleQuery struct {
	Entries    []int64 // at most 256
	Provenance bool    // Entries has one, and what it comes from is asked for, too
	Size       int64   // of a published head that the evidence is to lead to; 0 for the newest
}

// Bundle fetches an evidence bundle that the log puts together, and verifies it, with Options.Policy if there is one. Its head must continue
// those that were seen. Where what is in the bundle doesn't hold, the error says so, and bundle and report are given out beside it: it is evidence against somebody.
//
// The log says which of its entries belong to it. Library and verify.GatherBundle go through the log's lists instead, which is slower and shows no more.
func (c *Client) Bundle(ctx context.Context, q BundleQuery) (*verify.Bundle, *verify.BundleReport, error) {
	names := make([]string, len(q.Entries))
	for i, index := range q.Entries {
		names[i] = strconv.FormatInt(index, 10)
	}
	member := "entries"
	if q.Provenance {
		member = "provenance"
	}
	query := url.Values{member: {strings.Join(names, ",")}}
	if q.Size > 0 {
		query.Set("size", strconv.FormatInt(q.Size, 10))
	}
	a, err := c.do(ctx, &request{method: http.MethodGet, path: "v1/bundles", query: query, accept: "application/octet-stream", most: verify.MaxBundle})
	if err != nil {
		return nil, nil, err
	}
	b, err := verify.ParseBundle(a.body)
	if err != nil {
		return nil, nil, alarm(err, "the log's answer is no bundle")
	}
	head, err := c.heads.open(ctx, b.Note, !c.heads.unlinked)
	if err != nil {
		return nil, nil, err
	}
	if q.Size > 0 && head.Size != q.Size {
		return nil, nil, alarm(nil, "the log answered with a tree of %d entries when asked for one of %d", head.Size, q.Size)
	}
	about := map[int64]bool{}
	for _, index := range b.Asked() {
		about[index] = true
	}
	for _, index := range q.Entries {
		if !about[index] {
			return nil, nil, alarm(nil, "the log answered with a bundle that isn't about entry %d", index)
		}
		delete(about, index)
	}
	if len(about) > 0 && !q.Provenance {
		return nil, nil, alarm(nil, "the log answered with a bundle about %d more entries than were asked about", len(about))
	}
	report, err := b.Verify(c.key, c.policy)
	if err != nil {
		return b, report, fmt.Errorf("the evidence does not hold: %w", err)
	}
	return b, report, nil
}
