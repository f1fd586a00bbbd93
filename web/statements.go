package web

import (
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
)

// statementRow is a statement, as the viewer's own fold of the log's law has it.
type statementRow struct {
	verify.StatementState
	Known    statement.Statement // what its proofs show; without a name if this program knows no statement of that name
	Mark     string
	Trusted  bool   // its keys come from a ceremony
	Setup    string // in a few words
	Imported bool
}

func rowOf(s verify.StatementState) statementRow {
	row := statementRow{StatementState: s, Mark: "active", Trusted: s.Claims.Setup == event.SetupCeremony, Setup: verify.SetupWords(s.Claims.Setup)}
	if s.Revoked >= 0 {
		row.Mark = "revoked"
	}
	// A statement that a newer version registered is unknown here; the page says so.
	row.Known, _ = statement.Registered(s.Claims)
	row.Imported = s.Claims.Proves == event.Custom
	return row
}

// Untrusted is why the keys are not to be trusted, without the word itself.
func (s statementRow) Untrusted() string { return strings.TrimSuffix(s.Setup, ": UNTRUSTED") }

// statements lists what can be proven in the log.
func (v *viewer) statements(w http.ResponseWriter, r *http.Request) error {
	law, err := v.law.state(r.Context(), v)
	if err != nil {
		return err
	}
	rows := make([]statementRow, 0)
	for _, s := range law.statements() {
		rows = append(rows, rowOf(s))
	}
	total := len(rows)
	from, err := indexParameter(r, "from", 0, int64(total))
	if err != nil {
		return err
	}
	rows = rows[from:]
	next := int64(0)
	if len(rows) > pageSize {
		rows, next = rows[:pageSize], from+pageSize
	}
	return v.render(w, r, "statements.html", content{Title: "Statements", Data: struct {
		Rows       []statementRow
		Total      int
		From, Next int64
	}{rows, total, from, next}})
}

// statementEvents is how many of its events a statement's page has.
const statementEvents = 10

// statement shows what proofs under a verifying key show and don't show, where the key comes from, and whether it stands.
func (v *viewer) statement(w http.ResponseWriter, r *http.Request) error {
	id, err := pathDigest(r, "vk")
	if err != nil {
		return err
	}
	law, err := v.law.state(r.Context(), v)
	if err != nil {
		return err
	}
	state, revocation, ok := law.statement(id)
	if !ok {
		return notFound("No statement with this verifying key is registered with the log.")
	}
	q := client.Query{Kinds: []event.Kind{state.Claims.Proves}, Statement: id, Descending: true, Limit: statementEvents}
	page, err := v.log.Entries(r.Context(), q)
	if err != nil {
		return err
	}
	newest := listRows(law, page)
	row := rowOf(state)
	return v.render(w, r, "statement.html", content{Title: state.Claims.Name, Data: struct {
		statementRow
		Revocation *verify.Entry
		Newest     []listRow
		Partly     bool // there are more entries of the kind than the log looked at
	}{row, revocation, newest, page.Next != "" && len(newest) == 0}})
}

// pathDigest reads a digest from the address.
func pathDigest(r *http.Request, name string) (d event.Digest, err error) {
	text := chi.URLParam(r, name)
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(d) || strings.ToLower(text) != text {
		return d, notFound("There is nothing at this address: a digest has 64 hex digits, in lower case.")
	}
	return event.Digest(b), nil
}
