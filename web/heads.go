package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// maxSize is the largest size that a tree can have.
const maxSize = 1<<53 - 1

// headRow is a published head in a list.
type headRow struct {
	client.PublishedHead
	Cosigned  []cosigned
	Witnesses int  // that the policy knows
	Policy    bool // there is one
	Quorum    bool // its cosignatures are enough for it
}

// LastIndex is the index of the tree's last entry.
func (h headRow) LastIndex() int64 { return h.Size - 1 }

// cosigned is a witness's cosignature, verified.
type cosigned struct {
	Name string // in the policy
	Key  string // the witness's name in its key
	Time time.Time
}

// headRow holds a head against the policy. A note whose cosignatures don't verify has none.
func (v *viewer) headRow(h client.PublishedHead) headRow {
	row := headRow{PublishedHead: h, Policy: v.policy != nil}
	if v.policy == nil {
		return row
	}
	opened := v.opened.open(v, h.Note)
	row.Quorum, row.Witnesses = opened.quorum, len(v.policy.Witnesses)
	for _, c := range opened.cosignatures {
		w := v.policy.Witnesses[c.Witness]
		row.Cosigned = append(row.Cosigned, cosigned{w.Name, w.Key.Name(), c.Time})
	}
	return row
}

// opened remembers what the policy found in notes: a note never changes, and each takes some signatures' verification.
type opened struct {
	mu    sync.Mutex
	notes map[[sha256.Size]byte]openedNote
}

type openedNote struct {
	cosignatures []verify.Cosignature // that verify; too few are better than none
	quorum       bool
}

const maxOpened = 4096

// open opens a note under the policy, which there must be.
func (o *opened) open(v *viewer, note []byte) openedNote {
	id := sha256.Sum256(note)
	o.mu.Lock()
	known, ok := o.notes[id]
	o.mu.Unlock()
	if ok {
		return known
	}
	_, cosignatures, err := v.policy.Open(note, v.log.Key())
	known = openedNote{cosignatures, err == nil}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.notes == nil || len(o.notes) >= maxOpened {
		o.notes = map[[sha256.Size]byte]openedNote{}
	}
	o.notes[id] = known
	return known
}

// heads lists the log's published heads, newest first, and who saw which.
func (v *viewer) heads(w http.ResponseWriter, r *http.Request) error {
	before, err := indexParameter(r, "before", 0, maxSize)
	if err != nil {
		return err
	}
	list, err := v.log.Checkpoints(r.Context(), before, pageSize+1)
	if err != nil {
		return err
	}
	next := int64(0)
	if len(list) > pageSize {
		list = list[:pageSize]
		next = list[pageSize-1].Size
	}
	rows := make([]headRow, len(list))
	for i, h := range list {
		rows[i] = v.headRow(h)
	}
	seen, err := v.sightings(r.Context())
	if err != nil {
		return err
	}
	quorum := ""
	if v.policy != nil {
		quorum = v.policy.Quorum()
	}
	return v.render(w, r, "heads.html", content{Title: "Heads", Data: struct {
		Rows         []headRow
		Before, Next int64
		Seen         []sighting
		Quorum       string
		Oldest       int64 // of the page's, for the form
	}{rows, before, next, seen, quorum, oldest(rows)}})
}

func oldest(rows []headRow) int64 {
	if len(rows) == 0 {
		return 0
	}
	return rows[len(rows)-1].Size
}

// sighting is the newest head of the log that somebody is known to have seen.
type sighting struct {
	Who, What string
	Key       string // a witness's name in its key
	Size      int64
	Time      time.Time
	Agrees    string // for a mark; empty where there is nothing to compare
	Why       string
	Monitor   bool
}

// sightings says who saw which head: witnesses, by their cosignatures of published heads, and monitors.
func (v *viewer) sightings(ctx context.Context) ([]sighting, error) {
	newest, err := v.newest.get(ctx, v)
	if err != nil {
		return nil, err
	}
	var all []sighting
	if v.policy != nil && len(newest.Note) > 0 {
		cosigned, err := v.newestCosigned(ctx)
		if err != nil {
			return nil, err
		}
		for i, w := range v.policy.Witnesses {
			s := sighting{Who: w.Name, What: "witness", Key: w.Key.Name()}
			if c, ok := cosigned[i]; ok {
				s.Size, s.Time, s.Agrees = c.size, c.at, "verified"
			}
			all = append(all, s)
		}
	}
	for _, m := range v.watch.monitors {
		status := m.Status(ctx)
		s := sighting{Who: m.Name(), What: "monitor", Monitor: true}
		if status.Standing.Head != "" {
			c := v.compare(ctx, newest.Head, m.Name(), []byte(status.Standing.Head))
			s.Size, s.Agrees, s.Why = c.Size, c.Mark, c.Why
			s.Time = time.UnixMilli(status.Standing.HeadSeen)
		}
		all = append(all, s)
	}
	return all, nil
}

type cosignedHead struct {
	size int64
	at   time.Time
}

// cosignedWithin is how many of the newest heads are looked through for what a witness cosigned last.
const cosignedWithin = 20

// newestCosigned finds the newest head that each witness of the policy cosigned, by the witness's place there.
func (v *viewer) newestCosigned(ctx context.Context) (map[int]cosignedHead, error) {
	heads, err := v.log.Checkpoints(ctx, 0, cosignedWithin)
	if err != nil {
		return nil, err
	}
	found := map[int]cosignedHead{}
	for _, h := range heads {
		for _, c := range v.opened.open(v, h.Note).cosignatures {
			if _, ok := found[c.Witness]; !ok {
				found[c.Witness] = cosignedHead{h.Size, c.Time}
			}
		}
	}
	return found, nil
}

// comparison is what came of holding a head that somebody else saw against those that are seen here.
type comparison struct {
	Size      int64
	Mark, Why string
}

// compare holds a head that somebody else saw against the newest one here. Two histories stand on every page from then on.
func (v *viewer) compare(ctx context.Context, newest verify.Head, who string, note []byte) comparison {
	theirs, err := verify.OpenHead(note, v.log.Key())
	switch {
	case err != nil:
		return comparison{Mark: "trouble", Why: "It isn’t signed by this log’s key."}
	case theirs.Size > newest.Size:
		return comparison{Size: theirs.Size, Mark: "waiting", Why: "It is larger than the newest one that is shown here."}
	case theirs.Size == newest.Size && theirs.Root == newest.Root, theirs.Size == 0:
		return comparison{Size: theirs.Size, Mark: "verified", Why: "It is the same history as here."}
	}
	if v.compared.holds(signedTree{theirs.Size, theirs.Root}) {
		return comparison{Size: theirs.Size, Mark: "verified", Why: "It is the same history as here."}
	}
	_, err = v.log.Consistency(ctx, theirs, newest)
	var alarm *client.Alarm
	switch {
	case err == nil:
		v.compared.note(signedTree{theirs.Size, theirs.Root})
		return comparison{Size: theirs.Size, Mark: "verified", Why: "It is the same history as here."}
	case errors.As(err, &alarm) && !errors.Is(err, verify.ErrNoFork): // a bad proof of one history is no second one
		v.watch.raise(signedTree{theirs.Size, theirs.Root}, Alarm{Monitor: thisViewer, Time: v.now().UnixMilli(), Href: "/heads",
			What: fmt.Sprintf("%s was shown a head of %d entries that is of another history than the one that is shown here: %s.", who, theirs.Size, alarm.What)})
		return comparison{Size: theirs.Size, Mark: "fork", Why: "It is another history than the one that is shown here."}
	}
	return comparison{Size: theirs.Size, Mark: "trouble", Why: "It couldn’t be compared with what is shown here."}
}

// headOf finds the published head whose size stands in the path.
func (v *viewer) headOf(r *http.Request) (client.PublishedHead, error) {
	size, err := strconv.ParseInt(chi.URLParam(r, "size"), 10, 64)
	if err != nil {
		return client.PublishedHead{}, notFound("There is no head at this address.")
	}
	return v.headAt(r.Context(), size)
}

// headAt finds the published head of a size. The empty tree has none.
func (v *viewer) headAt(ctx context.Context, size int64) (client.PublishedHead, error) {
	if size < 1 || size > maxSize {
		return client.PublishedHead{}, notFound("A head is of a tree of at least one entry.")
	}
	list, err := v.log.Checkpoints(ctx, size+1, 1)
	if err != nil {
		return client.PublishedHead{}, err
	}
	if len(list) == 0 || list[0].Size != size {
		near := ""
		if len(list) > 0 {
			near = fmt.Sprintf(" The next smaller one is of %d entries.", list[0].Size)
		}
		return client.PublishedHead{}, notFound("The log published no head of exactly %d entries.%s Heads are published at most once a second.", size, near)
	}
	return list[0], nil
}

// noteLine is a signature line of a note.
type noteLine struct {
	Name    string
	Log     bool   // the log's own
	Witness string // in the policy; empty if this viewer doesn't know whose it is
}

// head shows a published head: what was signed, and by whom.
func (v *viewer) head(w http.ResponseWriter, r *http.Request) error {
	head, err := v.headOf(r)
	if err != nil {
		return err
	}
	around, err := v.log.Checkpoints(r.Context(), head.Size, 1)
	if err != nil {
		return err
	}
	newest, err := v.newest.get(r.Context(), v)
	if err != nil {
		return err
	}
	seen, err := v.sightings(r.Context())
	if err != nil {
		return err
	}
	seen = slices.DeleteFunc(seen, func(s sighting) bool { return !s.Monitor || s.Size < head.Size })
	row := v.headRow(head)
	quorum := ""
	if v.policy != nil {
		quorum = v.policy.Quorum()
	}
	var before int64
	if len(around) > 0 {
		before = around[0].Size
	}
	return v.render(w, r, "head.html", content{Title: "Head of " + strconv.FormatInt(head.Size, 10) + " entries", Data: struct {
		headRow
		NeedsWords string
		Lines      []noteLine
		Before     int64
		Newest     int64
		Seen       []sighting
	}{row, quorum, v.noteLines(head.Note), before, newest.Size, seen}})
}

// noteLines reads who signed a note, as far as this viewer can tell: a line that it has no key for is anybody's.
func (v *viewer) noteLines(note []byte) []noteLine {
	var lines []noteLine
	_, signatures, _ := strings.Cut(string(note), "\n\n")
	for line := range strings.Lines(signatures) {
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "— "), " ")
		if !ok {
			continue
		}
		l := noteLine{Name: name, Log: name == v.log.Origin()}
		if v.policy != nil {
			for _, w := range v.policy.Witnesses {
				if w.Key.Name() == name {
					l.Witness = w.Name
				}
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// headNote answers with the signed note, verbatim.
func (v *viewer) headNote(w http.ResponseWriter, r *http.Request) error {
	head, err := v.headOf(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache") // cosignatures are added and renewed
	_, _ = w.Write(head.Note)
	return nil
}

// sizesOf reads the two sizes of a consistency proof, the smaller one first.
func sizesOf(r *http.Request) (sizes [2]int64, err error) {
	for i, name := range []string{"from", "to"} {
		if r.URL.Query().Get(name) == "" {
			return sizes, badRequest("A comparison needs two sizes, “from” and “to”.")
		}
		if sizes[i], err = indexParameter(r, name, 0, maxSize); err != nil {
			return sizes, err
		}
	}
	slices.Sort(sizes[:])
	return sizes, nil
}

// pair finds the heads of two sizes.
func (v *viewer) pair(ctx context.Context, sizes [2]int64) (from, to client.PublishedHead, err error) {
	if from, err = v.headAt(ctx, sizes[0]); err == nil {
		to, err = v.headAt(ctx, sizes[1])
	}
	return from, to, err
}

// consistencyJSON answers with a consistency proof as the API does (GET /v1/consistency): {"from":…,"hashes":[hex…],"to":…}. Between heads
// that the log published it is checked here, too. Others were seen by whoever has a receipt, who alone can check it.
func (v *viewer) consistencyJSON(w http.ResponseWriter, r *http.Request) error {
	sizes, err := sizesOf(r)
	if err != nil {
		return err
	}
	from, to, err := v.pair(r.Context(), sizes)
	var hashes [][32]byte
	if f := (*failure)(nil); errors.As(err, &f) && f.status == http.StatusNotFound && sizes[0] > 0 {
		hashes, err = v.log.ConsistencyHashes(r.Context(), sizes[0], sizes[1])
	} else if err == nil {
		hashes, err = v.log.Consistency(r.Context(), from.Head, to.Head)
	}
	if err != nil {
		return err
	}
	answer := struct {
		From   int64          `json:"from"`
		Hashes []event.Digest `json:"hashes"`
		To     int64          `json:"to"`
	}{sizes[0], make([]event.Digest, len(hashes)), sizes[1]}
	for i := range hashes {
		answer.Hashes[i] = hashes[i]
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=86400") // a proof between two trees never changes
	_, _ = w.Write(b)
	return nil
}
