package client

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// MaxBatch is how many submissions the log takes at once.
const MaxBatch = 1000

// maxReceipt bounds a receipt in bytes: a leaf in base64, 63 hashes, a note.
const maxReceipt = event.MaxLeaf*4/3 + 64*70 + 32<<10

// Receipt is the proof that an event is in the log. It was verified when the client gave it out; Open verifies it again, with
// nothing but the log's key.
type Receipt struct {
	verify.Receipt
	Digest event.Digest // of the event
	Logged int64        // the log's time, milliseconds since 1970
	// Duplicate tells that the event was in the log before it was sent: the leaf then has the proof that came first.
	Duplicate bool
}

// Outcome is what became of one submission of a batch: a receipt or an error, which is a *Problem.
type Outcome struct {
	Receipt *Receipt
	Err     error
}

type wireReceipt struct {
	Digest event.Digest `json:"digest"`
	Index  int64        `json:"index"`
	Leaf   []byte       `json:"leaf"`
	Logged int64        `json:"logged"`
	Proof  wireProof    `json:"proof"`
}

type wireProof struct {
	Checkpoint string         `json:"checkpoint"`
	Hashes     []event.Digest `json:"hashes"`
	Index      int64          `json:"index"`
	Size       int64          `json:"size"`
}

// Submit sends one event and returns once it is in the log, with the verified receipt.
func (c *Client) Submit(ctx context.Context, sub *event.Submission) (*Receipt, error) {
	body, err := sub.Encode()
	if err != nil {
		return nil, err
	}
	a, err := c.do(ctx, &request{method: http.MethodPost, path: "v1/events", body: body, most: maxReceipt})
	if err != nil {
		return nil, err
	}
	var wire wireReceipt
	if err := decode(a.body, "v1/events", &wire); err != nil {
		return nil, err
	}
	return c.receipt(ctx, sub, &wire, a.status)
}

// SubmitBatch sends up to MaxBatch events at once. Each has its own outcome, in order; the error is for the batch as a whole.
func (c *Client) SubmitBatch(ctx context.Context, subs []*event.Submission) ([]Outcome, error) {
	body, err := encodeBatch(subs)
	if err != nil {
		return nil, err
	}
	a, err := c.do(ctx, &request{method: http.MethodPost, path: "v1/events:batch", body: body, most: int64(len(subs)) * maxReceipt})
	if err != nil {
		return nil, err
	}
	var wire struct {
		Checkpoint string `json:"checkpoint"`
		Outcomes   []struct {
			Status  int          `json:"status"`
			Receipt *wireReceipt `json:"receipt"`
			Problem *wireProblem `json:"problem"`
		} `json:"outcomes"`
	}
	if err := decode(a.body, "v1/events:batch", &wire); err != nil {
		return nil, err
	}
	if len(wire.Outcomes) != len(subs) {
		return nil, alarm(nil, "the log answered %d events with %d outcomes", len(subs), len(wire.Outcomes))
	}
	outcomes := make([]Outcome, len(subs))
	for i, w := range wire.Outcomes {
		switch {
		case w.Receipt != nil:
			if w.Receipt.Proof.Checkpoint == "" {
				w.Receipt.Proof.Checkpoint = wire.Checkpoint
			}
			if outcomes[i].Receipt, err = c.receipt(ctx, subs[i], w.Receipt, w.Status); err != nil {
				return nil, err
			}
		case w.Problem != nil:
			outcomes[i].Err = w.Problem.problem()
		default:
			return nil, alarm(nil, "the log answered an event with neither a receipt nor a problem")
		}
	}
	return outcomes, nil
}

func encodeBatch(subs []*event.Submission) ([]byte, error) {
	if len(subs) == 0 || len(subs) > MaxBatch {
		return nil, fmt.Errorf("couldn't send a batch of %d events: a batch has 1 to %d", len(subs), MaxBatch)
	}
	body := make([]byte, 0, len(subs)*2048)
	body = append(body, `{"events":[`...)
	for i, sub := range subs {
		one, err := sub.Encode()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, one...)
	}
	return append(body, "]}"...), nil
}

// receipt verifies a receipt: the head is the log's and continues those seen, the leaf stands in it where the receipt says, and the leaf is
// the event that was sent.
func (c *Client) receipt(ctx context.Context, sub *event.Submission, wire *wireReceipt, status int) (*Receipt, error) {
	r := &Receipt{
		Receipt: verify.Receipt{Index: wire.Index, Leaf: wire.Leaf, Hashes: hashesOf(wire.Proof.Hashes), Note: []byte(wire.Proof.Checkpoint)},
		Digest:  wire.Digest, Logged: wire.Logged, Duplicate: status == http.StatusOK,
	}
	if err := c.check(ctx, r); err != nil {
		return nil, err
	}
	if r.Digest != sub.Envelope.Digest() {
		return nil, alarm(nil, "the log answered event %s with a receipt for %s", sub.Envelope.Digest(), r.Digest)
	}
	if r.Duplicate { // it was the digest that was found: signature and proof may be other valid ones
		return r, nil
	}
	leaf, err := (&event.Leaf{Submission: *sub, Logged: r.Logged}).Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(leaf, r.Leaf) {
		return nil, alarm(nil, "the log logged something else than the event %s that it was sent", r.Digest)
	}
	return r, nil
}

// check verifies a receipt as far as the log's key goes, and that it doesn't contradict itself.
func (c *Client) check(ctx context.Context, r *Receipt) error {
	head, err := c.heads.open(ctx, r.Note, !c.heads.unlinked)
	if err != nil {
		return err
	}
	if err := head.CheckInclusion(r.Index, r.Leaf, r.Hashes); err != nil {
		return &Alarm{What: "the log's proof does not hold", Notes: [][]byte{r.Note}, Err: err}
	}
	leaf, err := event.DecodeLeaf(r.Leaf)
	if err != nil {
		return &Alarm{What: "the log holds what is no leaf", Notes: [][]byte{r.Note}, Err: err}
	}
	if leaf.Logged != r.Logged || leaf.Envelope.Digest() != r.Digest {
		return &Alarm{What: fmt.Sprintf("the log's answer about entry %d contradicts the leaf", r.Index), Notes: [][]byte{r.Note}}
	}
	return nil
}
