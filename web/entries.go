package web

import (
	"net/http"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// pageSize is how many rows a list has.
const pageSize = 50

// entryRow is an entry in a list.
type entryRow struct {
	*verify.Entry
	Status verify.Verdict
}

// entries lists entries, newest first.
func (v *viewer) entries(w http.ResponseWriter, r *http.Request) error {
	page, err := v.log.Entries(r.Context(), client.Query{Limit: pageSize, Descending: true})
	if err != nil {
		return err
	}
	rows := make([]entryRow, len(page.Entries))
	for i, e := range page.Entries {
		rows[i] = entryRow{e, statusOf(e)}
	}
	return v.render(w, r, "entries.html", content{Title: "Entries", Data: struct {
		Rows []entryRow
		Size int64
	}{rows, page.Size}})
}

// statusOf is what an entry says of itself: the log took no inline proof without verifying it.
func statusOf(e *verify.Entry) verify.Verdict {
	switch e.Event.Proof {
	case event.ProofInline:
		return verify.Proven
	case event.ProofDeferred:
		return verify.Waiting
	}
	return verify.Claimed
}
