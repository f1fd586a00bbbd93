package client

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// SourceState is what the log says of a source. It is the log's word: verify.Registry derives the same from the log's entries.
type SourceState struct {
	Name       string
	Role       event.SourceRole
	Key        ed25519.PublicKey // current; nil when revoked
	Recovery   ed25519.PublicKey // may be nil
	Epoch      int
	Status     string // "active" or "revoked"
	Registered int64  // index of the registration
	Next       verify.Chain
}

type wireSource struct {
	Epoch      int              `json:"epoch"`
	Key        []byte           `json:"key"`
	Name       string           `json:"name"`
	Next       wireNext         `json:"next"`
	Recovery   []byte           `json:"recovery"`
	Registered int64            `json:"registered"`
	Role       event.SourceRole `json:"role"`
	Status     string           `json:"status"`
}

func (w *wireSource) state() SourceState {
	return SourceState{Name: w.Name, Role: w.Role, Key: w.Key, Recovery: w.Recovery, Epoch: w.Epoch, Status: w.Status,
		Registered: w.Registered, Next: verify.Chain{Seq: w.Next.Seq, Prev: w.Next.Prev}}
}

// Sources lists the log's sources by name.
func (c *Client) Sources(ctx context.Context) ([]SourceState, error) {
	var wire struct {
		Sources []wireSource `json:"sources"`
	}
	if err := c.get(ctx, "v1/sources", nil, maxList, &wire); err != nil {
		return nil, err
	}
	var states []SourceState
	for i := range wire.Sources {
		states = append(states, wire.Sources[i].state())
	}
	return states, nil
}

// SourceState asks for a source, by its name.
func (c *Client) SourceState(ctx context.Context, name string) (SourceState, error) {
	if err := event.CheckSource(name); err != nil {
		return SourceState{}, err
	}
	var wire wireSource
	if err := c.get(ctx, "v1/sources/"+name, nil, maxSmall, &wire); err != nil {
		return SourceState{}, err
	}
	if wire.Name != name {
		return SourceState{}, alarm(nil, "the log answered with source %q when asked for %q", wire.Name, name)
	}
	return wire.state(), nil
}

// Statement is a registered statement.
type Statement struct {
	Digest event.Digest // SHA-256 of the verifying key
	Claims *event.StatementClaims
	Status string // "active" or "revoked"; the log's word
	// Registration is the entry that registers it, verified.
	Registration *Receipt
}

type wireStatement struct {
	Digest     event.Digest `json:"digest"`
	Registered int64        `json:"registered"`
	Status     string       `json:"status"`
}

// Statements lists the log's statements in the order of their registration, each verified like Statement's.
func (c *Client) Statements(ctx context.Context) ([]*Statement, error) {
	var wire struct {
		Statements []wireStatement `json:"statements"`
	}
	if err := c.get(ctx, "v1/statements", nil, maxList, &wire); err != nil {
		return nil, err
	}
	var all []*Statement
	for _, w := range wire.Statements {
		s, err := c.statement(ctx, w)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Statement fetches a statement by the digest of its verifying key. What it claims is read from the entry that registers it, which is proven
// to be in the log; that the registration was the operator's is for verify.Registry to judge.
func (c *Client) Statement(ctx context.Context, vk event.Digest) (*Statement, error) {
	var wire wireStatement
	if err := c.get(ctx, "v1/statements/"+vk.String(), nil, maxSmall, &wire); err != nil {
		return nil, err
	}
	if wire.Digest != vk {
		return nil, alarm(nil, "the log answered with statement %s when asked for %s", wire.Digest, vk)
	}
	return c.statement(ctx, wire)
}

func (c *Client) statement(ctx context.Context, wire wireStatement) (*Statement, error) {
	receipt, err := c.Entry(ctx, wire.Registered)
	if err != nil {
		return nil, fmt.Errorf("couldn't fetch the registration of statement %s: %w", wire.Digest, err)
	}
	entry, err := verify.OpenEntry(receipt.Index, receipt.Leaf)
	if err != nil {
		return nil, err
	}
	claims, ok := entry.Event.Claims.(*event.StatementClaims)
	if !ok || claims.Action != event.StatementRegister || event.DigestOf(claims.VerifyingKey) != wire.Digest {
		return nil, alarm(nil, "entry %d does not register statement %s, as the log says", wire.Registered, wire.Digest)
	}
	return &Statement{Digest: wire.Digest, Claims: claims, Status: wire.Status, Registration: receipt}, nil
}
