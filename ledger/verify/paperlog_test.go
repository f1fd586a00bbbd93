package verify_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// paperLog is a log that judges nothing: its operator can write whatever it wants. Trees and proofs come from x/mod's tlog.
type paperLog struct {
	t      *testing.T
	signer note.Signer
	key    note.Verifier
	leaves [][]byte
	hashes []tlog.Hash
	chains map[string]verify.Chain
}

func newPaperLog(t *testing.T) *paperLog {
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	return paperLogOf(t, skey, vkey)
}

func paperLogOf(t *testing.T, skey, vkey string) *paperLog {
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return &paperLog{t: t, signer: signer, key: key, chains: map[string]verify.Chain{}}
}

func (l *paperLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

// draft makes the payload of a source's next event.
func (l *paperLog) draft(source string, claims event.Claims, under event.Digest) *event.Event {
	chain, ok := l.chains[source]
	if !ok {
		chain = verify.NewChain()
	}
	e := &event.Event{Subject: event.Subject{Name: "German Credit"}, Log: origin, Source: source, Seq: chain.Seq, Prev: chain.Prev,
		Time: 1700000000000, Proof: event.ProofNone, Claims: claims}
	if !under.IsZero() {
		e.Proof, e.Statement = event.ProofInline, under
	}
	return e
}

// write signs an event with the key of that letter and appends it; prove may be nil.
func (l *paperLog) write(e *event.Event, key byte, prove func(event.Digest) []byte) event.Digest {
	l.t.Helper()
	payload, err := e.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	leaf := event.Leaf{Submission: event.Submission{Envelope: event.Sign(payload, keyOf(key))}, Logged: 1700000000000 + int64(len(l.leaves))}
	if prove != nil {
		leaf.Proof = prove(event.DigestOf(payload))
	}
	b, err := leaf.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	l.append(b)
	l.chains[e.Source] = verify.After(e, event.DigestOf(payload))
	return event.DigestOf(payload)
}

func (l *paperLog) append(leaf []byte) {
	l.t.Helper()
	hashes, err := tlog.StoredHashes(int64(len(l.leaves)), leaf, l)
	if err != nil {
		l.t.Fatal(err)
	}
	l.hashes = append(l.hashes, hashes...)
	l.leaves = append(l.leaves, leaf)
}

// rewriteLast changes the last entry.
func (l *paperLog) rewriteLast(change func(*event.Leaf)) {
	l.t.Helper()
	leaves := l.leaves
	leaf, err := event.DecodeLeaf(leaves[len(leaves)-1])
	if err != nil {
		l.t.Fatal(err)
	}
	change(leaf)
	last, err := leaf.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	l.leaves, l.hashes = nil, nil
	for _, b := range append(leaves[:len(leaves)-1:len(leaves)-1], last) {
		l.append(b)
	}
}

func (l *paperLog) note() []byte {
	l.t.Helper()
	root, err := tlog.TreeHash(int64(len(l.leaves)), l)
	if err != nil {
		l.t.Fatal(err)
	}
	signed, err := verify.SignHead(l.signer, int64(len(l.leaves)), root)
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

// The log is the library that evidence is gathered from.

func (l *paperLog) Receipt(_ context.Context, index, size int64) (*verify.Receipt, error) {
	proof, err := tlog.ProveRecord(size, index, l)
	if err != nil {
		return nil, err
	}
	r := &verify.Receipt{Index: index, Leaf: l.leaves[index], Note: l.note()}
	for _, h := range proof {
		r.Hashes = append(r.Hashes, h)
	}
	return verify.ParseReceipt(r.Leaf, r.TlogProof())
}

func (l *paperLog) Find(_ context.Context, d event.Digest) (int64, error) {
	for i := range l.leaves {
		if e, err := verify.OpenEntry(int64(i), l.leaves[i]); err == nil && e.Digest == d {
			return int64(i), nil
		}
	}
	return 0, fmt.Errorf("no event %s", d)
}

func (l *paperLog) indices(pick func(event.Claims) bool) (found []int64) {
	for i := range l.leaves {
		if e, err := verify.OpenEntry(int64(i), l.leaves[i]); err == nil && pick(e.Event.Claims) {
			found = append(found, int64(i))
		}
	}
	return found
}

func (l *paperLog) SourceEntries(_ context.Context, name string) ([]int64, error) {
	return l.indices(func(c event.Claims) bool { s, ok := c.(*event.SourceClaims); return ok && s.Source == name }), nil
}

func (l *paperLog) StatementEntries(_ context.Context, id event.Digest) ([]int64, error) {
	return l.indices(func(c event.Claims) bool {
		s, ok := c.(*event.StatementClaims)
		return ok && (s.Statement == id || verify.StatementID(s.VerifyingKey) == id)
	}), nil
}

func (l *paperLog) Attestations(_ context.Context, d event.Digest) ([]int64, error) {
	return l.indices(func(c event.Claims) bool { a, ok := c.(*event.AttestationClaims); return ok && a.Event == d }), nil
}
