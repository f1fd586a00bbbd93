package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// stub is a log that says what a test tells it to, for what a real one can't be made to say. Methods that a test doesn't
// set panic.
type stub struct {
	Ledger
	submit     func(ctx context.Context, subs []*event.Submission) []ledger.Outcome
	entry      func(index int64) (*ledger.Entry, error)
	evidence   func(ctx context.Context, q ledger.EvidenceQuery) (*verify.Bundle, error)
	provenance func(ctx context.Context, q ledger.ProvenanceQuery) (*ledger.Walked, error)
	statements map[event.Digest]ledger.StatementState
	ready      error
}

func (s *stub) Origin() string                  { return "log.example/2026" }
func (s *stub) Ready(ctx context.Context) error { return s.ready }

func (s *stub) Submit(ctx context.Context, subs []*event.Submission) []ledger.Outcome {
	return s.submit(ctx, subs)
}

func (s *stub) Evidence(ctx context.Context, q ledger.EvidenceQuery) (*verify.Bundle, error) {
	return s.evidence(ctx, q)
}

func (s *stub) Provenance(ctx context.Context, q ledger.ProvenanceQuery) (*ledger.Walked, error) {
	return s.provenance(ctx, q)
}

func (s *stub) Entry(_ context.Context, index int64) (*ledger.Entry, error) { return s.entry(index) }

func (s *stub) Statement(_ context.Context, vk event.Digest) (ledger.StatementState, error) {
	state, ok := s.statements[vk]
	if !ok {
		return state, &ledger.Refusal{Code: ledger.NotFound, Detail: "No such statement."}
	}
	return state, nil
}

// logAll answers every submission with a receipt of the shape that a log of a million entries would give.
func logAll(_ context.Context, subs []*event.Submission) []ledger.Outcome {
	outcomes := make([]ledger.Outcome, len(subs))
	checkpoint := []byte("log.example/2026\n1000000\n" + "nND/nri/U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=\n\n— log.example/2026 AAAA\n")
	hashes := make([][32]byte, 20)
	for i, sub := range subs {
		leaf, err := (&event.Leaf{Submission: *sub, Logged: 1700000000000}).Encode()
		if err != nil {
			outcomes[i].Refusal = &ledger.Refusal{Code: ledger.Malformed, Detail: err.Error()}
			continue
		}
		outcomes[i].Receipt = &ledger.Receipt{Index: int64(i), Digest: sub.Envelope.Digest(), Logged: 1700000000000, Leaf: leaf,
			Size: 1000000, Hashes: hashes, Checkpoint: checkpoint}
	}
	return outcomes
}

// submissions makes a chain of signed data-access events with a proof each, as large as real ones.
func submissions(t testing.TB, n int) []*event.Submission {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	prev := event.Digest{}
	subs := make([]*event.Submission, n)
	for i := range subs {
		e := &event.Event{
			Subject: event.Subject{Name: "credit-scoring", Digest: event.DigestOf([]byte("system"))},
			Log:     "log.example/2026", Source: "gateway/1", Seq: int64(i + 1), Prev: prev, Time: 1700000000000,
			Proof: event.ProofInline, Statement: event.DigestOf([]byte("verifying key")),
			Claims: &event.DataAccessClaims{Columns: []string{"age", "credit_amount"}, Dataset: event.DigestOf([]byte("data")), Purpose: "credit-scoring", Records: 60},
		}
		payload, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		subs[i] = &event.Submission{Envelope: event.Sign(payload, key), Proof: bytes.Repeat([]byte{5}, 128)}
		prev = event.DigestOf(payload)
	}
	return subs
}

// batchOf is the body of a batch.
func batchOf(t testing.TB, subs []*event.Submission) []byte {
	t.Helper()
	body := []byte(`{"events":[`)
	for i, sub := range subs {
		if i > 0 {
			body = append(body, ',')
		}
		b, err := sub.Encode()
		if err != nil {
			t.Fatal(err)
		}
		body = append(body, b...)
	}
	return append(body, "]}"...)
}

func jsonInto(b []byte, into any) error {
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("not JSON: %w\n%s", err, b)
	}
	return nil
}
