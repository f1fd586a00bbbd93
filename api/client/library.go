package client

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// Library is the log as a place from which verify.Gather, GatherBundle and Trace collect evidence.
func (c *Client) Library() verify.Tracer { return library{c} }

type library struct{ c *Client }

// Receipt fetches an entry and its proof against the published head of a size.
func (l library) Receipt(ctx context.Context, index, size int64) (*verify.Receipt, error) {
	path := "v1/entries/" + strconv.FormatInt(index, 10)
	a, err := l.c.do(ctx, &request{method: http.MethodGet, path: path, query: url.Values{"raw": {"true"}}, accept: "application/octet-stream", most: event.MaxLeaf})
	if err != nil {
		return nil, err
	}
	entry, err := verify.OpenEntry(index, a.body)
	if err != nil {
		return nil, alarm(err, "the log holds what is no entry")
	}
	r, err := l.c.prove(ctx, &wireEntry{Digest: entry.Digest, Index: index, Leaf: a.body, Logged: entry.Leaf.Logged}, size)
	if err != nil {
		return nil, err
	}
	return &r.Receipt, nil
}

// Find asks for the index of an event.
func (l library) Find(ctx context.Context, digest event.Digest) (int64, error) {
	var wire wireEntry
	if err := l.c.get(ctx, "v1/events/"+digest.String(), nil, maxSmall, &wire); err != nil {
		return 0, err
	}
	if wire.Digest != digest {
		return 0, alarm(nil, "the log answered with event %s when asked for %s", wire.Digest, digest)
	}
	return wire.Index, nil
}

// SourceEntries lists the entries about a source's keys.
func (l library) SourceEntries(ctx context.Context, source string) ([]int64, error) {
	return l.list(ctx, event.Source, func(claims event.Claims) bool {
		c, ok := claims.(*event.SourceClaims)
		return ok && c.Source == source
	})
}

// StatementEntries lists the entries about a statement.
func (l library) StatementEntries(ctx context.Context, id event.Digest) ([]int64, error) {
	return l.list(ctx, event.Statement, func(claims event.Claims) bool {
		c, ok := claims.(*event.StatementClaims)
		return ok && (c.Statement == id || c.Action == event.StatementRegister && event.DigestOf(c.VerifyingKey) == id)
	})
}

// Referring lists the entries of a kind whose claims refer to an event. A run's steps are its own source's, and so only that one's are
// walked; otherwise all entries of the kind are.
func (l library) Referring(ctx context.Context, to *verify.Entry, kind event.Kind) ([]int64, error) {
	q := Query{Kinds: []event.Kind{kind}}
	if kind == event.TrainingStep {
		q.Source = to.Event.Source
	}
	return l.walk(ctx, q, func(claims event.Claims) bool {
		return slices.ContainsFunc(verify.References(claims), func(ref verify.Reference) bool { return ref.Event == to.Digest })
	})
}

// list walks all entries of a kind: those of sources and statements are few.
func (l library) list(ctx context.Context, kind event.Kind, wanted func(event.Claims) bool) ([]int64, error) {
	return l.walk(ctx, Query{Kinds: []event.Kind{kind}}, wanted)
}

// walk walks all entries that a query picks.
func (l library) walk(ctx context.Context, q Query, wanted func(event.Claims) bool) ([]int64, error) {
	var indices []int64
	q.Limit = 1000
	err := l.c.EachEntry(ctx, q, func(entry *verify.Entry) (more bool) {
		if wanted(entry.Event.Claims) {
			indices = append(indices, entry.Index)
		}
		return true
	})
	return indices, err
}
