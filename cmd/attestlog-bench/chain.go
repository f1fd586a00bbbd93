package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
)

// chain is a source: its key, and where its numbering stands.
type chain struct {
	origin string // of the log
	source string
	key    ed25519.PrivateKey
	seq    int64
	prev   event.Digest
}

// newChain derives a source's name and key from a seed, so that both processes have them: one registers the source, the other signs as it.
func newChain(origin string, seed []byte, number int) *chain {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte(nil), seed...), uint64(number)))
	return &chain{origin: origin, source: fmt.Sprintf("bench-%x/%d", seed[:min(6, len(seed))], number), key: ed25519.NewKeyFromSeed(sum[:])}
}

func (c *chain) public() ed25519.PublicKey { return c.key.Public().(ed25519.PublicKey) }

// next numbers and signs an event of the source that nobody proves.
func (c *chain) next(e event.Event) (*event.Submission, error) {
	e.Proof = event.ProofNone
	return c.sign(&e)
}

// sign numbers and signs an event of the source.
func (c *chain) sign(e *event.Event) (*event.Submission, error) {
	e.Log, e.Source = c.origin, c.source
	e.Seq, e.Prev, e.Time = c.seq+1, c.prev, time.Now().UnixMilli()
	payload, err := e.Encode()
	if err != nil {
		return nil, err
	}
	c.seq, c.prev = e.Seq, event.DigestOf(payload)
	return &event.Submission{Envelope: event.Sign(payload, c.key)}, nil
}

// register makes the event by which an operator registers the source.
func (c *chain) register(role event.SourceRole) event.Event {
	request := keyfile.NewRequest(c.origin, c.source, c.key, nil)
	return event.Event{
		Subject: event.Subject{Name: c.source, Digest: event.KeyID(request.Key)},
		Claims:  &event.SourceClaims{Action: event.SourceRegister, Consent: request.Consent, Key: request.Key, Role: role, Source: c.source},
	}
}

// access is an event such as a scoring service sends for each of its decisions.
func access(dataset event.Digest) event.Event {
	return event.Event{
		Subject: event.Subject{Name: "credit-scoring", Digest: event.DigestOf([]byte("a release"))},
		Purpose: "scoring",
		Claims: &event.DataAccessClaims{
			Accesses: event.Context("bench", dataset, dataset), // any number of the field: nothing is proven of it
			Columns:  []string{"c00", "c02", "c03", "c11", "c19"}, Dataset: dataset, Purpose: "p1", Records: 60,
		},
	}
}
