package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

type wireEntry struct {
	Digest event.Digest `json:"digest"`
	Index  int64        `json:"index"`
	Leaf   []byte       `json:"leaf"`
	Logged int64        `json:"logged"`

	Deferral *struct {
		State string `json:"state"`
	} `json:"deferral"`
}

// open decodes an entry and holds what the answer says beside the leaf against the leaf.
func (w *wireEntry) open() (*verify.Entry, error) {
	entry, err := verify.OpenEntry(w.Index, w.Leaf)
	if err != nil {
		return nil, alarm(err, "the log holds what is no entry")
	}
	if entry.Digest != w.Digest || entry.Leaf.Logged != w.Logged {
		return nil, alarm(nil, "the log's answer about entry %d contradicts the leaf", w.Index)
	}
	return entry, nil
}

// status is what became of the entry's claims. What became of a deferred proof is the log's word, the rest stands in the entry.
func (w *wireEntry) status(entry *verify.Entry) (string, error) {
	switch {
	case entry.Event.Proof == event.ProofDeferred != (w.Deferral != nil):
		return "", alarm(nil, "the log's answer about entry %d contradicts the leaf: its payload says that its proof is %s", w.Index, entry.Event.Proof)
	case entry.Event.Proof == event.ProofInline:
		return StatusProven, nil
	case entry.Event.Proof == event.ProofNone:
		return StatusClaimed, nil
	case w.Deferral.State != StatusProven && w.Deferral.State != StatusWaiting && w.Deferral.State != StatusRefused:
		return "", alarm(nil, "the log's answer about entry %d says of its proof what it can't", w.Index)
	}
	return w.Deferral.State, nil
}

// Entry fetches an entry by its index, with its proof against a head that the log's key signed. An entry that is younger
// than the newest published head is waited for, as long as Options.Patience says.
func (c *Client) Entry(ctx context.Context, index int64) (*Receipt, error) {
	return c.proven(ctx, "v1/entries/"+strconv.FormatInt(index, 10), func(w *wireEntry) error {
		if w.Index != index {
			return alarm(nil, "the log answered with entry %d when asked for %d", w.Index, index)
		}
		return nil
	})
}

// Event fetches an entry by its event digest, with its proof.
func (c *Client) Event(ctx context.Context, digest event.Digest) (*Receipt, error) {
	return c.proven(ctx, "v1/events/"+digest.String(), func(w *wireEntry) error {
		if w.Digest != digest {
			return alarm(nil, "the log answered with event %s when asked for %s", w.Digest, digest)
		}
		return nil
	})
}

func (c *Client) proven(ctx context.Context, path string, asked func(*wireEntry) error) (*Receipt, error) {
	var wire wireEntry
	if err := c.get(ctx, path, nil, maxSmall, &wire); err != nil {
		return nil, err
	}
	if _, err := wire.open(); err != nil {
		return nil, err
	}
	if err := asked(&wire); err != nil {
		return nil, err
	}
	return c.prove(ctx, &wire, 0)
}

// prove fetches the proof of an entry against the published head of a size (0: the newest) and verifies it.
func (c *Client) prove(ctx context.Context, wire *wireEntry, size int64) (*Receipt, error) {
	proof, err := c.fetchProof(ctx, wire.Index, size)
	if err != nil {
		return nil, err
	}
	r := &Receipt{
		Receipt: verify.Receipt{Index: wire.Index, Leaf: wire.Leaf, Hashes: hashesOf(proof.Hashes), Note: []byte(proof.Checkpoint)},
		Digest:  wire.Digest, Logged: wire.Logged,
	}
	if err := c.check(ctx, r); err != nil {
		return nil, err
	}
	return r, nil
}

// publishPatience is how long a head is awaited by default that has an entry: a log publishes one a second, and waits some seconds for the
// cosignatures of its witnesses.
const publishPatience = 20 * time.Second

// ErrUnpublished says that the log has an entry, but has published no head yet that has it, however long it was waited for. Ask again later.
var ErrUnpublished = errors.New("the log has not published a head yet that has the entry")

// fetchProof waits for the log to publish a head that has the entry: the entry exists, so it will. That is no retry of what failed. If it
// takes too long the error wraps ErrUnpublished.
func (c *Client) fetchProof(ctx context.Context, index, size int64) (*wireProof, error) {
	query := url.Values{}
	if size > 0 {
		query.Set("size", strconv.FormatInt(size, 10))
	}
	begin := time.Now()
	for try := 0; ; try++ {
		var wire wireProof
		err := c.get(ctx, "v1/entries/"+strconv.FormatInt(index, 10)+"/proof", query, maxSmall, &wire)
		if !HasCode(err, CodeNotFound) || size > 0 {
			return &wire, err
		}
		if time.Since(begin) > c.patience {
			return nil, fmt.Errorf("couldn't prove entry %d: %w: %w", index, ErrUnpublished, err)
		}
		if err := sleep(ctx, min(c.most, time.Second, c.pause<<min(try, 10))); err != nil {
			return nil, err
		}
	}
}

// Proof fetches the C2SP tlog-proof of an entry against the published head of a size (0: the newest), as text. Receipt.Open
// of verify.ParseReceipt verifies it together with the leaf.
func (c *Client) Proof(ctx context.Context, index, size int64) ([]byte, error) {
	query := url.Values{}
	if size > 0 {
		query.Set("size", strconv.FormatInt(size, 10))
	}
	a, err := c.do(ctx, &request{method: http.MethodGet, path: "v1/entries/" + strconv.FormatInt(index, 10) + "/proof", query: query,
		accept: "text/plain", most: maxSmall})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// Query picks entries; zero values pick all.
type Query struct {
	Kinds      []event.Kind
	Source     string // exact
	Subject    string // exact: the subject's name
	From, To   int64  // of the log's time, milliseconds since 1970, both inclusive; To 0 is open
	Start      int64  // ascending: the index to begin at
	End        int64  // only entries with lower indices; 0 for all
	Cursor     string // Page.Next of the page before
	Limit      int    // 100 if zero, at most 1,000
	Descending bool   // newest first

	// For these the log looks at entries one by one, at 5,000 for a page at most, which may hold few of them or none and not be the last.

	Status    string       // StatusProven, StatusClaimed, StatusWaiting or StatusRefused
	Statement event.Digest // events under this statement alone
	Text      string       // stands in one of the payload's strings, whatever its case; at most 100 characters
}

// What became of an event's claims, as the log says.
const (
	StatusProven  = "proven"  // the log has verified a proof, that came with the event or later
	StatusClaimed = "claimed" // the source's word
	StatusWaiting = "waiting" // the proof is deferred, and nobody has attested it
	StatusRefused = "refused" // a proving worker says that it can't be proven
)

// Page is a part of what a query picks.
type Page struct {
	Entries []*verify.Entry
	Status  []string // of each: StatusProven, StatusClaimed, StatusWaiting or StatusRefused, in the log's words
	Next    string   // cursor of the next page; empty at the end
	Size    int64    // of the log when it was asked
	Reached int64    // the last entry that was looked at, where there is a next page; otherwise −1
}

// EachEntry walks the entries that match a query, page by page, as long as visit wants more. What holds of Entries holds of it.
func (c *Client) EachEntry(ctx context.Context, q Query, visit func(*verify.Entry) (more bool)) error {
	for {
		page, err := c.Entries(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if !visit(e) {
				return nil
			}
		}
		if page.Next == "" || page.Next == q.Cursor {
			return nil
		}
		q.Cursor = page.Next
	}
}

// Entries lists entries that match a query. Each is a well-formed entry, but nothing proves that it stands in the log, nor that
// none is left out: ask Entry for those that matter, and read all of the log's entries to be sure of the rest.
func (c *Client) Entries(ctx context.Context, q Query) (Page, error) {
	query := url.Values{}
	set := func(name, value string, given bool) {
		if given {
			query.Set(name, value)
		}
	}
	for _, kind := range q.Kinds {
		query.Add("kind", kind.String())
	}
	set("source", q.Source, q.Source != "")
	set("subject", q.Subject, q.Subject != "")
	set("from", strconv.FormatInt(q.From, 10), q.From > 0)
	set("to", strconv.FormatInt(q.To, 10), q.To > 0)
	set("start", strconv.FormatInt(q.Start, 10), q.Start > 0)
	set("end", strconv.FormatInt(q.End, 10), q.End > 0)
	set("cursor", q.Cursor, q.Cursor != "")
	set("limit", strconv.Itoa(q.Limit), q.Limit > 0)
	set("order", "desc", q.Descending)
	set("status", q.Status, q.Status != "")
	set("statement", q.Statement.String(), !q.Statement.IsZero())
	set("text", q.Text, q.Text != "")
	var wire struct {
		Entries []wireEntry `json:"entries"`
		Next    string      `json:"next"`
		Reached int64       `json:"reached"`
		Size    int64       `json:"size"`
	}
	if err := c.get(ctx, "v1/entries", query, maxList, &wire); err != nil {
		return Page{}, err
	}
	page := Page{Next: wire.Next, Size: wire.Size, Reached: -1}
	if wire.Next != "" {
		page.Reached = wire.Reached
	}
	for i := range wire.Entries {
		entry, err := wire.Entries[i].open()
		if err != nil {
			return Page{}, err
		}
		status, err := wire.Entries[i].status(entry)
		if err != nil {
			return Page{}, err
		}
		page.Entries, page.Status = append(page.Entries, entry), append(page.Status, status)
	}
	return page, nil
}
