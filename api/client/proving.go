package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
)

// Prover is a proving worker, or several that share a name's recipient, to whom witnesses are sealed.
type Prover struct {
	Name      string
	Recipient string // age X25519, "age1…"
	// Registered is the index of the entry that registers it with this recipient, under its own key's consent.
	Registered int64
}

// Provers are the provers that take witnesses now: registered with a recipient, and with a key that lives. They come from entries that are
// proven to be in the log and that its law allows, never from what the log says beside them. What can't be known this way is that the log
// shows every revocation: monitors see to that.
func (c *Client) Provers(ctx context.Context) ([]Prover, error) {
	indices, err := c.proverEntries(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't find the log's provers: %w", err)
	}
	registry := verify.NewRegistry(c.Origin())
	for _, index := range indices {
		receipt, err := c.Entry(ctx, index)
		if err != nil {
			return nil, fmt.Errorf("couldn't find the log's provers: %w", err)
		}
		entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
		if err != nil {
			return nil, err
		}
		if err := registry.Admit(entry); err != nil {
			return nil, &Alarm{What: "the log holds an entry about a prover that its law forbids", Notes: [][]byte{receipt.Note}, Err: err}
		}
	}
	var provers []Prover
	for _, s := range registry.Provers() {
		provers = append(provers, Prover{Name: s.Name, Recipient: s.Recipient, Registered: s.Registered})
	}
	return provers, nil
}

// proverEntries lists the entries that decide who is a prover: those about the keys of the operator, who registers them, and their own. It
// is the log's list: what is in it is verified, what isn't can't be.
func (c *Client) proverEntries(ctx context.Context) ([]int64, error) {
	var operator string
	about := map[string][]int64{}
	provers := map[string]bool{}
	q := Query{Kinds: []event.Kind{event.Source}, Limit: 1000}
	var strange error
	err := c.EachEntry(ctx, q, func(e *verify.Entry) (more bool) {
		claims, ok := e.Event.Claims.(*event.SourceClaims)
		if !ok {
			strange = alarm(nil, "the log answered with an entry of kind %s when asked for %s", e.Event.Kind(), event.Source)
			return false
		}
		if e.Index == 0 {
			operator = claims.Source
		}
		about[claims.Source] = append(about[claims.Source], e.Index)
		if claims.Recipient != "" {
			provers[claims.Source] = true
		}
		return true
	})
	if err := errors.Join(err, strange); err != nil {
		return nil, err
	}
	indices := slices.Clone(about[operator])
	for name := range provers {
		if name != operator {
			indices = append(indices, about[name]...)
		}
	}
	slices.Sort(indices)
	return slices.Compact(indices), nil
}

// ErrNoProver says that no prover takes witnesses, so that no event can defer its proof.
var ErrNoProver = errors.New("no prover is registered with this log that has a live key and a recipient to seal witnesses to")

// Seal seals a witness to the log's provers, for a Draft whose proof is deferred: to all that are live, or to those that Options.Provers
// names. Nobody else can open it. But it is the log's operator who says who is a prover, and he could be one himself: whoever doesn't trust
// him with the witness names the provers whom he does trust. If there is no prover the error wraps ErrNoProver.
func (c *Client) Seal(ctx context.Context, w statement.Witness) ([]byte, error) {
	provers, err := c.Provers(ctx)
	if err != nil {
		return nil, err
	}
	if len(provers) == 0 {
		return nil, fmt.Errorf("couldn't seal the witness: %w", ErrNoProver)
	}
	if provers, err = c.chosen(provers); err != nil {
		return nil, err
	}
	var recipients []string
	for _, p := range provers {
		if !slices.Contains(recipients, p.Recipient) { // workers that drain one queue share an identity
			recipients = append(recipients, p.Recipient)
		}
	}
	return witness.SealTo(w, recipients...)
}

// chosen are those of the live provers that Options.Provers names. One that isn't live is an error: the choice is not to be widened.
func (c *Client) chosen(live []Prover) ([]Prover, error) {
	if len(c.provers) == 0 {
		return live, nil
	}
	var chosen []Prover
	for _, name := range c.provers {
		at := slices.IndexFunc(live, func(p Prover) bool { return p.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("couldn't seal the witness to %s, which is no live prover of the log: %w", name, ErrNoProver)
		}
		chosen = append(chosen, live[at])
	}
	return chosen, nil
}

// Attestations fetches the attestations of a deferred event, each proven to be in the log, in the log's order: none while it waits, one that
// refuses, one that proves, or both. What the proof is worth is for verify.Evidence to check.
func (c *Client) Attestations(ctx context.Context, digest event.Digest) ([]*Receipt, error) {
	indices, err := library{c}.Attestations(ctx, digest)
	if err != nil {
		return nil, err
	}
	var receipts []*Receipt
	for _, index := range indices {
		receipt, err := c.Entry(ctx, index)
		if err != nil {
			return nil, err
		}
		entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
		if err != nil {
			return nil, err
		}
		if claims, ok := entry.Event.Claims.(*event.AttestationClaims); !ok || claims.Event != digest {
			return nil, alarm(nil, "entry %d does not attest event %s, as the log says", index, digest)
		}
		receipts = append(receipts, receipt)
	}
	return receipts, nil
}

// Attestations asks for the indices of an event's attestations. An event that didn't defer its proof has none.
func (l library) Attestations(ctx context.Context, digest event.Digest) ([]int64, error) {
	var wire struct {
		Attestations []wireEntry  `json:"attestations"`
		Event        event.Digest `json:"event"`
	}
	err := l.c.get(ctx, "v1/events/"+digest.String()+"/attestations", nil, maxSmall, &wire)
	if HasCode(err, CodeNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if wire.Event != digest {
		return nil, alarm(nil, "the log answered with event %s when asked for %s", wire.Event, digest)
	}
	var indices []int64
	for i := range wire.Attestations {
		if _, err := wire.Attestations[i].open(); err != nil {
			return nil, err
		}
		indices = append(indices, wire.Attestations[i].Index)
	}
	return indices, nil
}

// Proving is how deferred proving goes, in the log's words: for watching, and nothing else.
type Proving struct {
	At        time.Time
	Witnesses int64 // deferred events that nobody has attested
	Proven    int64 // attestations that bring a proof
	Refused   int64 // attestations that refuse one
	Queues    []ProvingQueue
	Workers   []ProvingWorker
}

// ProvingQueue is the queue of one statement. Times are zero where there is none.
type ProvingQueue struct {
	Statement event.Digest
	Name      string // of the statement
	Waiting   int64  // events whose proof no worker is at
	Running   int64  // jobs that a worker has
	Failing   int64  // jobs that were tried in vain, and will be again
	Oldest    time.Time
	Served    time.Time // when a worker last said that it serves the queue
	Done      int64     // jobs that the times are of
	P50, P95  time.Duration
}

// ProvingWorker is a worker by the name that it gave itself.
type ProvingWorker struct {
	Name          string
	Running, Done int64
	Seen          time.Time
}

// Proving asks how deferred proving goes.
func (c *Client) Proving(ctx context.Context) (*Proving, error) {
	var wire struct {
		At        int64 `json:"at"`
		Proven    int64 `json:"proven"`
		Refused   int64 `json:"refused"`
		Witnesses int64 `json:"witnesses"`
		Queues    []struct {
			Failing   int64        `json:"failing"`
			Name      string       `json:"name"`
			Oldest    int64        `json:"oldest"`
			Running   int64        `json:"running"`
			Served    int64        `json:"served"`
			Statement event.Digest `json:"statement"`
			Times     struct {
				Jobs int64 `json:"jobs"`
				P50  int64 `json:"p50"`
				P95  int64 `json:"p95"`
			} `json:"times"`
			Waiting int64 `json:"waiting"`
		} `json:"queues"`
		Workers []struct {
			Done    int64  `json:"done"`
			Name    string `json:"name"`
			Running int64  `json:"running"`
			Seen    int64  `json:"seen"`
		} `json:"workers"`
	}
	if err := c.get(ctx, "v1/proving", nil, maxSmall, &wire); err != nil {
		return nil, err
	}
	p := &Proving{At: time.UnixMilli(wire.At), Witnesses: wire.Witnesses, Proven: wire.Proven, Refused: wire.Refused}
	for _, q := range wire.Queues {
		p.Queues = append(p.Queues, ProvingQueue{Statement: q.Statement, Name: q.Name, Waiting: q.Waiting, Running: q.Running, Failing: q.Failing,
			Oldest: moment(q.Oldest), Served: moment(q.Served), Done: q.Times.Jobs,
			P50: time.Duration(q.Times.P50) * time.Millisecond, P95: time.Duration(q.Times.P95) * time.Millisecond})
	}
	for _, w := range wire.Workers {
		p.Workers = append(p.Workers, ProvingWorker{Name: w.Name, Running: w.Running, Done: w.Done, Seen: moment(w.Seen)})
	}
	return p, nil
}

// moment is a time in milliseconds since 1970, where 0 stands for none.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
