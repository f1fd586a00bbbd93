package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Gossiped is what came of an exchange with a monitor in which nothing contradicted.
type Gossiped struct {
	Given int // heads that the monitor was given, or evidence of forks
	// Heard are the heads of this log that the monitor told of, by size: each is signed by the log's key, and of the history that this client
	// was shown. None means that the monitor doesn't follow the log, or hasn't reached a head of it yet.
	Heard []verify.Head
	// Unconfirmed are further heads that the monitor told of and that the log's key signed, for which the log didn't prove that they are of the same
	// history: it may lag, or be down, or hide them from this client. If that lasts, there is something wrong.
	Unconfirmed []verify.Head
	Reason      error // why the first of them is unconfirmed; nil without any
}

// gossipTime bounds the exchange with a monitor, without what is asked of the log.
const gossipTime = 30 * time.Second

// maxEvidence bounds how many forks a client remembers: one convinces.
const maxEvidence = 4

// Gossip tells a monitor, by its address, what this client was shown (Seen), takes what the monitor knows of the log, and holds the one
// against the other. So a log that shows the monitor another history is found out on both sides: the monitor has evidence at once,
// and here the error is an *Alarm, whose Fork convinces whoever knows the log's key. The monitor need not be trusted: all that it can do is
// to bring notes that the log signed. Other errors mean that the monitor couldn't be asked.
//
// A receipt's head is seen by few. Who has one from a monitor's gossip can tell that somebody logged something at that size, and no more.
func (c *Client) Gossip(ctx context.Context, monitor string) (*Gossiped, error) {
	seen := c.Seen()
	told, err := c.exchange(ctx, monitor, seen)
	if err != nil {
		return nil, fmt.Errorf("couldn't gossip with %s: %w", monitor, err)
	}
	for _, f := range told.Forks {
		if report, err := f.Check(c.key); err == nil {
			c.heads.keepFork(f)
			return nil, &Alarm{What: "the log shows two histories", Notes: [][]byte{f.First, f.Second}, Fork: f, Err: errors.New(report.String())}
		}
	}
	out := &Gossiped{Given: len(seen.Checkpoints) + len(seen.Forks)}
	var found *Alarm
	for _, head := range c.ofThisLog(told.Checkpoints) {
		err := c.heads.hold(ctx, head, out.Reason == nil || HasCode(out.Reason, CodeNotFound))
		var alarm *Alarm
		switch {
		case err == nil:
			out.Heard = append(out.Heard, head)
		case errors.As(err, &alarm):
			if found == nil || found.Fork == nil {
				found = alarm
			}
		default:
			out.Unconfirmed = append(out.Unconfirmed, head)
			if out.Reason == nil {
				out.Reason = err
			}
		}
	}
	if found != nil {
		return nil, found
	}
	return out, ctx.Err()
}

// ofThisLog are the heads among notes that this log's key signed, by size. What somebody else signed is nobody's word about this log.
func (c *Client) ofThisLog(notes [][]byte) (heads []verify.Head) {
	for _, note := range notes {
		if head, err := verify.OpenHead(note, c.key); err == nil {
			heads = append(heads, head)
		}
	}
	slices.SortStableFunc(heads, func(a, b verify.Head) int { return int(a.Size - b.Size) })
	return slices.CompactFunc(heads, func(a, b verify.Head) bool { return a.Size == b.Size && a.Root == b.Root })
}

// hold holds a head that somebody else was shown against this client's history. Without ask, no proof is asked for.
func (h *heads) hold(ctx context.Context, head verify.Head, ask bool) error {
	if ask {
		_, err := h.open(ctx, head.Note, true)
		return err
	}
	linked, err := h.compare(head)
	if err == nil && !linked {
		err = errors.New("the log wasn't asked")
	}
	return err
}

// exchange posts gossip to a monitor and reads its answer.
func (c *Client) exchange(ctx context.Context, monitor string, say *verify.Gossip) (*verify.Gossip, error) {
	base, err := url.Parse(monitor)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("that can't be the address of a monitor: want http://HOST/ or https://HOST/")
	}
	ctx, cancel := context.WithTimeout(ctx, gossipTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(base.String(), "/")+"/gossip/checkpoints", bytes.NewReader(say.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, verify.MaxGossip+1))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", response.Status)
	}
	return verify.ParseGossip(body)
}

// Seen is what this client was shown, for monitors, and for the client's next session (Options.Seen): signed heads, verbatim, the newest one that
// all others are held against first, and evidence of forks if it found or was given any. Of more heads than one exchange takes
// (verify.MaxGossipNotes) the older ones are left out the more, the older they are: a newer head stands for all before it, but one
// that is small enough for a monitor to have read the entries below it is found out at once.
func (c *Client) Seen() *verify.Gossip {
	h := &c.heads
	h.mu.Lock()
	defer h.mu.Unlock()
	g := &verify.Gossip{Forks: slices.Clone(h.forks)}
	if len(h.newest.Note) == 0 {
		return g
	}
	sizes := slices.Sorted(maps.Keys(h.known))
	slices.Reverse(sizes)
	sizes = slices.DeleteFunc(sizes, func(size int64) bool { return size == h.newest.Size })
	g.Checkpoints = append(g.Checkpoints, h.newest.Note)
	for _, size := range thin(sizes, verify.MaxGossipNotes-1) {
		g.Checkpoints = append(g.Checkpoints, h.known[size].Note)
	}
	return g
}

// thin leaves at most so many of a list: the first half whole, and of the rest every second one, again and again.
func thin(sizes []int64, most int) []int64 {
	for len(sizes) > most {
		kept := slices.Clone(sizes[:most/2])
		for i := most / 2; i < len(sizes); i += 2 {
			kept = append(kept, sizes[i])
		}
		sizes = kept
	}
	return sizes
}

// Recall takes what another session of the same user was shown meanwhile (its Seen), and has the log prove that both are of one history: the error
// is an *Alarm if they aren't. Other errors mean that this couldn't be asked; the heads are then kept all the same.
func (c *Client) Recall(ctx context.Context, seen *verify.Gossip) error {
	if err := c.heads.recallForks(seen.Forks); err != nil {
		return err
	}
	for _, note := range seen.Checkpoints { // two roots for one size are found without asking
		if _, err := c.heads.open(ctx, note, false); err != nil {
			return err
		}
	}
	if len(seen.Checkpoints) == 0 {
		return nil
	}
	_, err := c.heads.open(ctx, seen.Checkpoints[0], true)
	return err
}

// recall takes what an earlier session saw. The log is asked again for proofs where it shows one of these heads anew.
func (h *heads) recall(g *verify.Gossip) error {
	for _, note := range g.Checkpoints {
		head, err := verify.OpenHead(note, h.client.key)
		if err != nil {
			return err
		}
		h.mu.Lock()
		if _, ok := h.known[head.Size]; !ok {
			h.remember(head, len(h.newest.Note) == 0)
		}
		h.mu.Unlock()
	}
	return h.recallForks(g.Forks)
}

func (h *heads) recallForks(forks []*verify.Fork) error {
	for _, f := range forks {
		if _, err := f.Check(h.client.key); err != nil {
			return fmt.Errorf("evidence of a fork: %w", err)
		}
		h.keepFork(f)
	}
	return nil
}

// keep remembers evidence of a fork. h.mu is held.
func (h *heads) keep(f *verify.Fork) {
	same := func(g *verify.Fork) bool { return bytes.Equal(g.First, f.First) && bytes.Equal(g.Second, f.Second) }
	if f != nil && len(h.forks) < maxEvidence && !slices.ContainsFunc(h.forks, same) {
		h.forks = append(h.forks, f)
	}
}

func (h *heads) keepFork(f *verify.Fork) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep(f)
}
