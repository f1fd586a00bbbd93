package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/attestlog/attestlog/api/client"
)

// queueRow is a statement's queue of deferred proofs.
type queueRow struct {
	client.ProvingQueue
	Mark, Words string
	Half, Most  string // how long a proof takes: half of them, and nearly all
}

// unserved is how long nobody may have served a queue in which events wait before it is said.
const unserved = 5 * time.Minute

// queueOf says in plain words how it stands with a queue.
func queueOf(q client.ProvingQueue, at time.Time) queueRow {
	row := queueRow{ProvingQueue: q, Mark: "running", Words: "Workers are at it.", Half: seconds(q.P50), Most: seconds(q.P95)}
	idle := q.Served.IsZero() || at.Sub(q.Served) > unserved
	switch {
	case q.Waiting+q.Running == 0:
		row.Mark, row.Words = "idle", "Nothing waits."
	case q.Running == 0 && idle:
		row.Mark, row.Words = "trouble", "Events wait, and no worker serves this statement."
	case q.Failing > 0:
		row.Mark, row.Words = "trouble", "Some were tried in vain, and will be tried again."
	case q.Running == 0:
		row.Mark, row.Words = "waiting", "Events wait for a worker to be free."
	}
	return row
}

// seconds writes how long a proof takes.
func seconds(d time.Duration) string {
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

// proving shows how deferred proving goes.
func (v *viewer) proving(w http.ResponseWriter, r *http.Request) error {
	p, err := v.log.Proving(r.Context())
	if err != nil {
		return err
	}
	var waiting int64
	var oldest time.Time
	rows := make([]queueRow, len(p.Queues))
	for i, q := range p.Queues {
		rows[i] = queueOf(q, p.At)
		waiting += q.Waiting + q.Running
		if !q.Oldest.IsZero() && (oldest.IsZero() || q.Oldest.Before(oldest)) {
			oldest = q.Oldest
		}
	}
	longest := ""
	if !oldest.IsZero() {
		if longest, err = span(max(0, v.now().Sub(oldest))); err != nil {
			return err
		}
	}
	return v.render(w, r, "proving.html", content{Title: "Proving", Data: struct {
		*client.Proving
		Rows    []queueRow
		Waiting int64
		Longest string // how long the oldest has waited; empty if nothing waits
	}{p, rows, waiting, longest}})
}
