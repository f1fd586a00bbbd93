package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// intent is that claims are about to be logged. It lies beside them from before they are sent until their receipt is kept: a program
// that died in between has left it, and the next one asks the log what became of them. Claims alone don't tell: the same ones may be
// meant to be logged twice.
type intent struct {
	Source string `json:"source"`
	Seq    int64  `json:"seq"` // the number that the source's next event was to have
}

// maxIntent bounds an intent's file in bytes.
const maxIntent = 4 << 10

// intentOf is where the intent lies that a file's claims be logged.
func intentOf(claims string) string { return claims + ".sending" }

// sayOnce logs the claims of a file, which prove makes ready, unless an earlier try got as far as the log: then it finds that one's receipt,
// marked as a duplicate's. Once the receipt is kept, forget the intent.
func (s *speaker) sayOnce(ctx context.Context, claims string, what *draft.Draft, prove func(*client.Draft) error) (*client.Receipt, error) {
	logged, err := s.intended(ctx, claims, what)
	if err != nil || logged != nil {
		return logged, err
	}
	d := numberless(what)
	if err := prove(&d); err != nil {
		return nil, err
	}
	if err := s.intend(ctx, claims); err != nil {
		return nil, err
	}
	if logged, err = s.source.Record(ctx, d); unlogged(err) {
		err = errors.Join(err, forgetIntent(claims))
	}
	return logged, err
}

// unlogged tells whether an error says that nothing was logged. After any other one the next try has to ask the log.
func unlogged(err error) bool {
	var refusal *client.Problem
	var final *failure
	return errors.As(err, &refusal) && refusal.Status < 500 || errors.As(err, &final)
}

// forgetIntent is for when the receipt is kept.
func forgetIntent(claims string) error {
	if err := os.Remove(intentOf(claims)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't clean up: %w", err)
	}
	return nil
}

// intend writes down that claims are about to be logged.
func (s *speaker) intend(ctx context.Context, claims string) error {
	state, err := s.r.SourceState(ctx, s.name)
	if err != nil {
		return err
	}
	b, err := json.Marshal(intent{Source: s.name, Seq: state.Next.Seq})
	if err != nil {
		return fmt.Errorf("couldn't note that the claims are about to be sent: %w", err)
	}
	return durable.Replace(intentOf(claims), append(b, '\n'), 0o644)
}

// intended finds what an earlier try logged; nil if there was none, or it didn't get that far.
func (s *speaker) intended(ctx context.Context, claims string, what *draft.Draft) (*client.Receipt, error) {
	path := intentOf(claims)
	b, err := readBounded(path, maxIntent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var before intent
	if err := json.Unmarshal(b, &before); err != nil || before.Seq < 1 || before.Source != s.name {
		return nil, fmt.Errorf("%s says that the claims were about to be sent by source %q, and not by %s: find out whether they were logged (attestlog source), and remove it", path, before.Source, s.name)
	}
	want, err := what.Encode()
	if err != nil {
		return nil, err
	}
	var there event.Digest
	err = s.r.EachEntry(ctx, client.Query{Kinds: []event.Kind{what.Claims.Kind()}, Source: s.name, Limit: 1000, Descending: true}, func(e *verify.Entry) bool {
		if e.Event.Seq < before.Seq {
			return false
		}
		if got, err := draft.Of(e.Event).Encode(); err == nil && bytes.Equal(got, want) {
			there = e.Digest // the first one, if there are several
		}
		return true
	})
	if err != nil || there == (event.Digest{}) {
		return nil, err
	}
	logged, err := s.r.Event(ctx, there)
	if err == nil {
		logged.Duplicate = true
	}
	return logged, err
}
