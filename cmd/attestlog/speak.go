package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/receipt"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// speaker says things as one source, each once: what the log has of it already is not said again. So a command that says many
// things may be interrupted anywhere, and run again.
type speaker struct {
	r      *remote
	name   string
	source *client.Source
	said   map[event.Kind][]*verify.Entry
}

// speak opens a source, and waits for what an earlier command left behind: from then on the log tells what it has.
func speak(ctx context.Context, t *terminal, r *remote, signing *signingFlags, state string) (*speaker, error) {
	if err := signing.check(); err != nil {
		return nil, err
	}
	key, err := keyfile.ReadPrivate(signing.key)
	if err != nil {
		return nil, err
	}
	if state == "" {
		state = signing.state()
	}
	source, err := r.OpenSource(client.SourceOptions{Name: signing.source, Key: key, State: state, Refused: t.refusedOrphan})
	if err != nil {
		return nil, err
	}
	if err := source.Recover(ctx); err != nil {
		return nil, errors.Join(err, source.Close())
	}
	return &speaker{r: r, name: signing.source, source: source, said: map[event.Kind][]*verify.Entry{}}, nil
}

func (s *speaker) Close() error { return s.source.Close() }

// find looks for an event of this source that says what the draft does, in the way of the given proof mode.
func (s *speaker) find(ctx context.Context, d *draft.Draft, mode event.ProofMode) (*client.Receipt, error) {
	want, err := d.Encode()
	if err != nil {
		return nil, err
	}
	said, err := s.list(ctx, d.Claims.Kind())
	if err != nil {
		return nil, err
	}
	for _, e := range said {
		if e.Event.Proof != mode {
			continue
		}
		if got, err := draft.Of(e.Event).Encode(); err == nil && bytes.Equal(got, want) {
			return s.r.Event(ctx, e.Digest)
		}
	}
	return nil, nil
}

// list lists what the source said of a kind before this command began.
func (s *speaker) list(ctx context.Context, kind event.Kind) ([]*verify.Entry, error) {
	if said, ok := s.said[kind]; ok {
		return said, nil
	}
	said := []*verify.Entry{}
	err := s.r.EachEntry(ctx, client.Query{Kinds: []event.Kind{kind}, Source: s.name, Limit: 1000}, func(e *verify.Entry) bool {
		said = append(said, e)
		return true
	})
	if err == nil {
		s.said[kind] = said
	}
	return said, err
}

// once logs a draft unless the log has it with a proof in that mode, and keeps the receipt in a file unless it is there. prove makes
// it an event with a proof, if the mode is one with a proof; it is only called if there is something to prove.
func (s *speaker) once(ctx context.Context, d *draft.Draft, path string, mode event.ProofMode, prove func(*client.Draft) error) (*client.Receipt, error) {
	logged, err := s.find(ctx, d, mode)
	if err != nil {
		return nil, err
	}
	if logged == nil {
		numbered := numberless(d)
		if mode != event.ProofNone {
			if err := prove(&numbered); err != nil {
				return nil, err
			}
		}
		if logged, err = s.source.Record(ctx, numbered); err != nil {
			return nil, err
		}
	}
	return logged, keepReceipt(path, logged)
}

// numberless is what a source records of a draft.
func numberless(d *draft.Draft) client.Draft {
	return client.Draft{Subject: d.Subject, Claims: d.Claims, Purpose: d.Purpose, Jurisdiction: d.Jurisdiction,
		Retention: d.Retention, Period: d.Period, Correlation: d.Correlation}
}

// keepReceipt writes a receipt, unless the file holds one of the same event.
func keepReceipt(path string, logged *client.Receipt) error {
	there, err := receiptDigest(path)
	switch {
	case err == nil && there == logged.Digest:
		return nil
	case err == nil:
		return fmt.Errorf("%s is the receipt of another event, %s: remove it first", path, there)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	b, err := receipt.Encode(&logged.Receipt)
	if err != nil {
		return err
	}
	return durable.Create(path, b, 0o644)
}

// receiptDigest is the digest of the event that a receipt in a file is of. Nothing of it is verified.
func receiptDigest(path string) (event.Digest, error) {
	if _, err := os.Lstat(path); err != nil {
		return event.Digest{}, fmt.Errorf("couldn't read a receipt: %w", err)
	}
	r, err := decodeFile(path, receipt.MaxFile, readBounded, receipt.Decode)
	if err != nil {
		return event.Digest{}, err
	}
	entry, err := verify.OpenEntry(r.Index, r.Leaf)
	if err != nil {
		return event.Digest{}, fmt.Errorf("%s: %w", path, err)
	}
	return entry.Digest, nil
}
