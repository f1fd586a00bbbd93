package web

import (
	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/words"
)

// listRow is an entry in a list, with what became of it since.
type listRow struct {
	*verify.Entry
	Status string // the log's word of what became of its claims
	Doubt  bool   // a key or a statement that it rests on was revoked, from before it on
	// Untrusted tells of what is proven that whoever made the statement's keys could forge such proofs.
	Untrusted bool
}

// Title says what the entry says, in a few words.
func (e listRow) Title() string { return words.Of(e.Event, nil).Title }

// listRows says what became of the entries of a page.
func listRows(law *lawState, page client.Page) []listRow {
	rows := make([]listRow, len(page.Entries))
	for i, e := range page.Entries {
		rows[i] = listRow{e, page.Status[i], law.doubts(e), page.Status[i] == client.StatusProven && law.untrusted(e.Event.Statement)}
	}
	return rows
}
