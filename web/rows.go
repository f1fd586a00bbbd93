package web

import (
	"context"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// listRow is an entry in a list, with what became of it since.
type listRow struct {
	*verify.Entry
	Status string // the log's word of what became of its claims
	Doubt  bool   // a key or a statement that it rests on was revoked, from before it on
}

// listRows says what became of entries that a query picked. Of those whose proof was deferred the log is asked, in two questions at most; what it can't say at
// once waits.
func (v *viewer) listRows(ctx context.Context, law *lawState, picked client.Query, entries []*verify.Entry) ([]listRow, error) {
	rows := make([]listRow, len(entries))
	deferred := map[int64]*listRow{}
	picked.From, picked.To = 0, 0
	for i, e := range entries {
		rows[i] = listRow{e, string(statusOf(e)), law.doubts(e)}
		if e.Event.Proof != event.ProofDeferred {
			continue
		}
		deferred[e.Index] = &rows[i]
		if picked.From == 0 || e.Leaf.Logged < picked.From {
			picked.From = e.Leaf.Logged
		}
		picked.To = max(picked.To, e.Leaf.Logged)
	}
	if len(deferred) == 0 {
		return rows, nil
	}
	picked.Cursor, picked.Limit, picked.Descending = "", 1000, true
	for _, status := range []string{client.StatusProven, client.StatusRefused} {
		picked.Status = status
		page, err := v.log.Entries(ctx, picked)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			if row := deferred[e.Index]; row != nil {
				row.Status = status
			}
		}
	}
	return rows, nil
}
