package client_test

import (
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
)

// What the log sifts comes through: what was asked for, and how far the log looked.
func TestSiftedEntries(t *testing.T) {
	w := startLive(t)
	c, err := client.New(w.url, client.Options{LogKey: w.public})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		query         client.Query
		found         int
		reached, next bool
	}{
		"text in other case":        {client.Query{Text: "GATEWAY/1"}, 1, false, false},
		"what URLs must escape":     {client.Query{Text: "&limit=0#%"}, 0, false, false},
		"claimed, one a page":       {client.Query{Status: client.StatusClaimed, Limit: 1}, 1, true, true},
		"proven":                    {client.Query{Status: client.StatusProven}, 0, false, false},
		"under no known statement":  {client.Query{Statement: event.Digest{1}}, 0, false, false},
		"up to an index":            {client.Query{End: 1, Descending: true}, 1, false, false},
		"from an index on":          {client.Query{Start: 1}, 1, false, false},
		"newest first, all of them": {client.Query{Status: client.StatusClaimed, Descending: true}, 2, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := c.Entries(t.Context(), want.query)
			if err != nil || len(page.Entries) != want.found || (page.Reached >= 0) != want.reached || (page.Next != "") != want.next || len(page.Status) != want.found {
				t.Errorf("%d entries, reached %d, next %q, %v", len(page.Entries), page.Reached, page.Next, err)
			}
		})
	}
	if _, err := c.Entries(t.Context(), client.Query{Status: "maybe"}); !client.HasCode(err, "invalid-parameter") {
		t.Errorf("a status that there is none of: %v", err)
	}
}
