package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// heads is the history that this client was told. All heads in it continue each other: that the log can't take back.
type heads struct {
	client   *Client
	unlinked bool

	linking *semaphore.Weighted // held while a consistency proof is fetched, so that one at a time is; whoever waits for it can give up

	mu     sync.Mutex
	newest verify.Head
	opened verify.Head     // the last one whose signature was checked: all receipts of a batch share one
	known  map[int64]known // what was seen for each size
	forks  []*verify.Fork  // evidence against the log; there should never be any
}

// known is a head that was seen, and whether it was proven that newest continues it.
type known struct {
	verify.Head
	linked bool
}

// maxKnown bounds how many sizes are remembered; those that are forgotten are proven again.
const maxKnown = 4096

func (h *heads) trust(signed []byte) error {
	head, err := verify.OpenHead(signed, h.client.key)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remember(head, true)
	return nil
}

// Head is the newest head that this client has seen, as a signed note: keep it, and hand it to the next session as Options.Trusted.
// It is nil if there is none yet.
func (c *Client) Head() []byte {
	c.heads.mu.Lock()
	defer c.heads.mu.Unlock()
	return c.heads.newest.Note
}

// Heads are the signed notes that this client has seen, verbatim, by size. At most 4,096 are kept. Gossip gives them to a monitor.
func (c *Client) Heads() [][]byte {
	c.heads.mu.Lock()
	defer c.heads.mu.Unlock()
	notes := make([][]byte, 0, len(c.heads.known))
	for _, size := range slices.Sorted(maps.Keys(c.heads.known)) {
		notes = append(notes, c.heads.known[size].Note)
	}
	return notes
}

// rewritten is the alarm about two heads whose consistency proof fails. A proof that fails convinces nobody else, so the larger tree's
// own nodes are asked for, from which the fork can be shown; a log that doesn't give them can be accused by word only.
func (c *Client) rewritten(ctx context.Context, older, newer verify.Head, cause error) *Alarm {
	a := &Alarm{What: "the log's history was rewritten", Notes: [][]byte{older.Note, newer.Note}, Err: cause}
	fork, err := verify.ProveFork(ctx, older, newer, c.key, verify.TileNodes(newer, c.tile))
	switch {
	case err == nil:
		a.Fork = fork
		c.heads.keepFork(fork)
	case errors.Is(err, verify.ErrNoFork):
		a.What = "the log gave a consistency proof that doesn't hold, of two heads that are of one history"
		a.Err = fmt.Errorf("%w: %w", cause, err)
	default:
		c.logger.Warn("couldn't make evidence that convinces others", "error", err)
	}
	return a
}

// tile fetches a C2SP tlog-tiles tile of hashes.
func (c *Client) tile(ctx context.Context, path string) ([]byte, error) {
	a, err := c.do(ctx, &request{method: http.MethodGet, path: path, accept: "application/octet-stream", most: maxSmall})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// open checks the signature of a note, and that its head fits every other that was seen.
func (h *heads) open(ctx context.Context, signed []byte, link bool) (verify.Head, error) {
	head, err := h.authenticate(signed)
	if err != nil {
		return head, err
	}
	return head, h.fit(ctx, head, link)
}

// fit checks that a head fits every other that was seen.
func (h *heads) fit(ctx context.Context, head verify.Head, link bool) error {
	done, err := h.compare(head)
	if done || err != nil || !link {
		return err
	}
	if err := h.linking.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("couldn't link a head to those seen before: %w", err)
	}
	defer h.linking.Release(1)
	if done, err := h.compare(head); done || err != nil { // somebody else linked it meanwhile
		return err
	}
	return h.link(ctx, head)
}

// authenticate checks the signature of a note, once for many receipts in a row with the same.
func (h *heads) authenticate(signed []byte) (verify.Head, error) {
	h.mu.Lock()
	last := h.opened
	h.mu.Unlock()
	if len(signed) > 0 && bytes.Equal(last.Note, signed) {
		return last, nil
	}
	head, err := verify.OpenHead(signed, h.client.key)
	if err != nil {
		return head, &Alarm{What: "a head is not signed by the log's key", Notes: [][]byte{signed}, Err: err}
	}
	h.mu.Lock()
	h.opened = head
	h.mu.Unlock()
	return head, nil
}

// compare holds a head against those known, and tells whether it is linked already. Two roots for one size are equivocation.
func (h *heads) compare(head verify.Head) (linked bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.newest.Note) == 0 {
		h.remember(head, true)
		return true, nil
	}
	before, ok := h.known[head.Size]
	switch {
	case !ok:
		h.remember(head, head.Size == 0) // the empty tree comes before every other
		return head.Size == 0, nil
	case before.Root == head.Root:
		return before.linked, nil
	}
	// Two heads of one size are evidence by themselves: no nodes are asked for.
	fork, err := verify.ProveFork(context.Background(), before.Head, head, h.client.key, nil)
	h.keep(fork)
	return false, &Alarm{What: "the log signed two roots for size " + strconv.FormatInt(head.Size, 10), Notes: [][]byte{before.Note, head.Note}, Fork: fork, Err: err}
}

// link proves that a head and the newest one continue each other.
func (h *heads) link(ctx context.Context, head verify.Head) error {
	h.mu.Lock()
	older, newer := h.newest, head
	h.mu.Unlock()
	if older.Size > newer.Size {
		older, newer = newer, older
	}
	hashes, err := h.client.consistency(ctx, older.Size, newer.Size)
	if HasCode(err, CodeNotFound) { // no alarm yet: a server that only reads may lag
		return fmt.Errorf("the log's key signed a tree of %d entries before, and this server doesn't have so many: it lags behind, or the log lost entries: %w", newer.Size, err)
	}
	if err != nil {
		return err
	}
	return h.prove(ctx, older, newer, head, hashes)
}

// prove holds a consistency proof against two heads, of which one is new and the other linked, and links the new one.
func (h *heads) prove(ctx context.Context, older, newer, head verify.Head, hashes [][32]byte) error {
	if err := older.CheckConsistency(newer, hashes); err != nil {
		a := h.client.rewritten(ctx, older, newer, err)
		if a.Fork != nil {
			h.forget(head)
		}
		return a
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remember(head, true)
	return nil
}

// remember keeps a head that was seen. h.mu is held.
func (h *heads) remember(head verify.Head, linked bool) {
	if len(h.known) >= maxKnown { // of the old ones fewer will do
		for i, size := range slices.Sorted(maps.Keys(h.known)) {
			if i%2 == 1 && size != h.newest.Size {
				delete(h.known, size)
			}
		}
	}
	h.known[head.Size] = known{head, linked}
	if linked && head.Size >= h.newest.Size {
		h.newest = head
	}
}

// forget leaves a head out of the history that is proven not to be of it. What shows that is kept elsewhere.
func (h *heads) forget(head verify.Head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known[head.Size].Root == head.Root {
		delete(h.known, head.Size)
	}
}

func (c *Client) consistency(ctx context.Context, from, to int64) ([][32]byte, error) {
	if from == 0 || from == to {
		return nil, nil
	}
	var wire struct {
		Hashes []event.Digest `json:"hashes"`
	}
	query := url.Values{"from": {strconv.FormatInt(from, 10)}, "to": {strconv.FormatInt(to, 10)}}
	if err := c.get(ctx, "v1/consistency", query, maxSmall, &wire); err != nil {
		return nil, err
	}
	return hashesOf(wire.Hashes), nil
}

// ConsistencyHashes are the hashes between trees of two sizes, for whoever has both heads and checks them (verify.Head.CheckConsistency). Here
// nothing is checked.
func (c *Client) ConsistencyHashes(ctx context.Context, from, to int64) ([][32]byte, error) {
	if from > to {
		return nil, errors.New("couldn't ask for consistency: the first tree must not be the larger one")
	}
	return c.consistency(ctx, from, to)
}

// Consistency proves that the tree of the later head extends that of the earlier one, which the log's key must both have signed.
func (c *Client) Consistency(ctx context.Context, from, to verify.Head) ([][32]byte, error) {
	if from.Size > to.Size {
		return nil, errors.New("couldn't ask for consistency: the first head must not be of a larger tree")
	}
	hashes, err := c.consistency(ctx, from.Size, to.Size)
	if err != nil {
		return nil, err
	}
	if err := from.CheckConsistency(to, hashes); err != nil {
		return nil, c.rewritten(ctx, from, to, err)
	}
	return hashes, nil
}

// Checkpoint fetches the newest published head. It is signed by the log's key, continues every head that this client has seen, and
// has the cosignatures that Options.Policy asks for.
func (c *Client) Checkpoint(ctx context.Context) (verify.Head, error) {
	a, err := c.do(ctx, &request{method: http.MethodGet, path: "checkpoint", accept: "text/plain", most: maxSmall})
	if err != nil {
		return verify.Head{}, err
	}
	head, err := c.heads.open(ctx, a.body, true)
	if err == nil && c.policy != nil {
		_, _, err = c.policy.Open(head.Note, c.key)
	}
	return head, err
}

// WaitWitnessed waits for a published head that covers an entry and has the cosignatures that Options.Policy asks for: from then on
// the log can't deny the entry to anybody who asks for the same. It ends with ctx, whose error then tells what was missing.
func (c *Client) WaitWitnessed(ctx context.Context, index int64) (verify.Head, error) {
	for {
		head, err := c.Checkpoint(ctx)
		var few *verify.QuorumError
		switch {
		case err == nil && head.Size > index:
			return head, nil
		case err != nil && !errors.As(err, &few):
			return verify.Head{}, err
		}
		if ended := sleep(ctx, witnessedEvery); ended != nil {
			return verify.Head{}, errors.Join(fmt.Errorf("couldn't get a cosigned head that covers entry %d: %w", index, ended), err)
		}
	}
}

// witnessedEvery is how often a head is asked for that is to be cosigned: logs publish one a second.
const witnessedEvery = 500 * time.Millisecond

// PublishedHead is a head with the time at which the log says it published it.
type PublishedHead struct {
	verify.Head
	Published int64 // milliseconds since 1970; the log's word
}

// Checkpoints lists published heads of trees smaller than before (0: all), newest first, at most limit (1 to 1,000). They are
// signed by the log's key and continue each other. What links them comes in one answer, as far as it isn't known, for a limit of up to 100.
func (c *Client) Checkpoints(ctx context.Context, before int64, limit int) ([]PublishedHead, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if before > 0 {
		query.Set("before", strconv.FormatInt(before, 10))
	}
	heads, proofs, unlinked, err := c.listed(ctx, query)
	if err == nil && unlinked > 1 && limit <= maxLinked {
		query.Set("linked", "true")
		heads, proofs, _, err = c.listed(ctx, query)
	}
	if err != nil {
		return nil, err
	}
	for i := range heads { // from the newest, which is linked to those seen before, and each further one to its neighbour
		if err := c.heads.neighbour(ctx, heads[:i+1], proofs[i]); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// maxLinked is how many checkpoints a log lists with the proofs between them.
const maxLinked = 100

// listed asks for a list of published heads. Their signatures are checked, and no two roots of one size pass; unlinked are not linked yet. Of each head there
// are the hashes that link it to the one before it, if they were asked for.
func (c *Client) listed(ctx context.Context, query url.Values) (heads []PublishedHead, proofs [][][32]byte, unlinked int, err error) {
	var wire struct {
		Checkpoints []wirePublished `json:"checkpoints"`
	}
	if err := c.get(ctx, "v1/checkpoints", query, maxList, &wire); err != nil {
		return nil, nil, 0, err
	}
	for i := range wire.Checkpoints {
		w := &wire.Checkpoints[i]
		head, err := c.heads.authenticate([]byte(w.Checkpoint))
		if err != nil {
			return nil, nil, 0, err
		}
		linked, err := c.heads.compare(head)
		if err != nil {
			return nil, nil, 0, err
		}
		if !linked {
			unlinked++
		}
		heads, proofs = append(heads, PublishedHead{head, w.Published}), append(proofs, hashesOf(w.Consistency))
	}
	return heads, proofs, unlinked, nil
}

// neighbour links the last of some heads to the one before it, which is linked, by the proof that came with it. Without one it is linked like any other.
func (h *heads) neighbour(ctx context.Context, list []PublishedHead, proof [][32]byte) error {
	head := list[len(list)-1].Head
	if len(proof) == 0 || len(list) == 1 || list[len(list)-2].Size <= head.Size {
		return h.fit(ctx, head, true)
	}
	if linked, err := h.compare(head); linked || err != nil {
		return err
	}
	return h.prove(ctx, head, list[len(list)-2].Head, head, proof)
}

type wirePublished struct {
	Checkpoint  string         `json:"checkpoint"`
	Published   int64          `json:"published"`
	Consistency []event.Digest `json:"consistency"`
}

// published checks a head that the log published.
func (h *heads) published(ctx context.Context, w *wirePublished) (PublishedHead, error) {
	head, err := h.open(ctx, []byte(w.Checkpoint), true)
	return PublishedHead{Head: head, Published: w.Published}, err
}

func hashesOf(digests []event.Digest) [][32]byte {
	hashes := make([][32]byte, len(digests))
	for i := range digests {
		hashes[i] = digests[i]
	}
	return hashes
}
