package web

import (
	"html/template"
	"net/http"
	"sync"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/web/drawing"
)

// hashRow is a hash of a consistency proof.
type hashRow struct {
	Number int
	drawing.Range
	Hash event.Digest
}

// consistency shows that a tree is the beginning of another. Without sizes it asks for them.
func (v *viewer) consistency(w http.ResponseWriter, r *http.Request) error {
	newest, err := v.newest.get(r.Context(), v)
	if err != nil {
		return err
	}
	type data struct {
		From, To headRow
		Asked    bool
		Hashes   []hashRow
		Whole    bool // the older tree is a subtree of the newer one: its root is no hash of the proof
		Drawing  template.HTML
		Newest   int64
	}
	if q := r.URL.Query(); q.Get("from") == "" && q.Get("to") == "" {
		return v.render(w, r, "consistency.html", content{Title: "Consistency", Data: data{Newest: newest.Size}})
	}
	sizes, err := sizesOf(r)
	if err != nil {
		return err
	}
	from, to, err := v.pair(r.Context(), sizes)
	if err != nil {
		return err
	}
	// The client checks the proof; what doesn't hold is an alarm.
	hashes, err := v.log.Consistency(r.Context(), from.Head, to.Head)
	if err != nil {
		return err
	}
	d := data{From: v.headRow(from), To: v.headRow(to), Asked: true, Drawing: drawing.Consistency(from.Size, to.Size), Newest: newest.Size}
	d.Whole = true
	for i, in := range drawing.Ranges(from.Size, to.Size) {
		if i < len(hashes) {
			d.Hashes = append(d.Hashes, hashRow{i + 1, in, hashes[i]})
			d.Whole = d.Whole && !in.Both
		}
	}
	return v.render(w, r, "consistency.html", content{Title: "Consistency", Data: d})
}

// compared remembers heads that were found to be of the history that is shown here: nothing takes that back.
type compared struct {
	mu    sync.Mutex
	heads map[signedTree]bool
}

type signedTree struct {
	size int64
	root [32]byte
}

const maxCompared = 4096

func (c *compared) holds(tree signedTree) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heads[tree]
}

func (c *compared) note(tree signedTree) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.heads == nil || len(c.heads) >= maxCompared {
		c.heads = map[signedTree]bool{}
	}
	c.heads[tree] = true
}
