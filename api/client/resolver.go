package client

import (
	"context"
	"fmt"
	"sync"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
)

// resolver is what Client.Resolver gives out.
type resolver struct {
	ctx    context.Context
	client *Client

	mu   sync.Mutex
	have map[event.Digest]resolved
}

type resolved struct {
	event *event.Event
	root  [32]byte
}

// Resolver finds the events that claims refer to, for whoever proves, as long as ctx lasts: each is fetched once, and believed
// because the log's key signed a tree that holds it. Whether its author had the right to say it was judged by the log, and is
// verified by auditors; a proof about an entry that should not be there serves nobody. Safe for concurrent use.
func (c *Client) Resolver(ctx context.Context) statement.TreeResolver {
	return &resolver{ctx: ctx, client: c, have: map[event.Digest]resolved{}}
}

// Event fetches the event with a digest.
func (r *resolver) Event(d event.Digest) (*event.Event, error) {
	found, err := r.find(d)
	return found.event, err
}

// RootThrough is the root of the log's tree that ends with the event: its inclusion proof in any larger tree holds it.
func (r *resolver) RootThrough(d event.Digest) ([32]byte, error) {
	found, err := r.find(d)
	return found.root, err
}

func (r *resolver) find(d event.Digest) (resolved, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found, ok := r.have[d]; ok {
		return found, nil
	}
	receipt, err := r.client.Event(r.ctx, d)
	if err != nil {
		return resolved{}, fmt.Errorf("couldn't find event %s in the log: %w", d, err)
	}
	root, err := receipt.RootThrough(r.client.Key())
	if err != nil {
		return resolved{}, err
	}
	entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
	if err != nil {
		return resolved{}, err
	}
	found := resolved{event: entry.Event, root: root}
	r.have[d] = found
	return found, nil
}
