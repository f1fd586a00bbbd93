package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// unpublishing is a log whose heads never have an entry.
type unpublishing struct{ *memLog }

func (unpublishing) Inclusion(context.Context, int64, int64) ([][32]byte, ledger.PublishedHead, error) {
	return nil, ledger.PublishedHead{}, &ledger.Refusal{Code: ledger.NotFound, Detail: "No published head has it."}
}

// An entry that no head has yet is told apart from one that isn't there.
func TestUnpublished(t *testing.T) {
	m := newMemLog(t)
	sub, _ := submission(t, "gateway/1", verify.NewChain())
	if o := m.Submit(t.Context(), []*event.Submission{sub})[0]; o.Refusal != nil {
		t.Fatal(o.Refusal)
	}
	c, _ := connect(t, serveLog(t, unpublishing{m}, m), m.public, func(o *client.Options) { o.Patience = 10 * time.Millisecond })
	if _, err := c.Event(t.Context(), event.DigestOf(sub.Envelope.Payload)); !errors.Is(err, client.ErrUnpublished) {
		t.Errorf("an entry that no head has: %v", err)
	}
	if _, err := c.Event(t.Context(), event.Digest{1}); errors.Is(err, client.ErrUnpublished) || !client.HasCode(err, client.CodeNotFound) {
		t.Errorf("an event that the log doesn't have: %v", err)
	}
}
