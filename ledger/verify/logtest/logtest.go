// Package logtest makes logs for tests: in memory, with as many histories under one key as a test needs, and witnesses' keys.
package logtest

import (
	"context"
	"crypto/rand"
	"testing"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Log is a log's key, under which there may be several histories.
type Log struct {
	t      testing.TB
	Signer note.Signer
	Key    note.Verifier
	VKey   string // the key as a string
}

// New makes a log of that origin.
func New(t testing.TB, origin string) *Log {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return &Log{t, signer, key, public}
}

// History is one history of a log. Entry i is the byte i, and in a fork a word behind it.
type History struct {
	*Log
	hashes []tlog.Hash
}

// History makes a history of so many entries, of which those from forkAt on differ from those of histories with another word.
func (l *Log) History(size, forkAt int64, fork string) *History {
	l.t.Helper()
	h := &History{Log: l}
	for i := range size {
		data := []byte{byte(i)}
		if i >= forkAt {
			data = append(data, fork...)
		}
		more, err := tlog.StoredHashes(i, data, h)
		if err != nil {
			l.t.Fatal(err)
		}
		h.hashes = append(h.hashes, more...)
	}
	return h
}

// ReadHashes implements tlog.HashReader.
func (h *History) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		out[i] = h.hashes[at]
	}
	return out, nil
}

// Nodes gives roots of complete subtrees, as verify.ProveFork wants them.
func (h *History) Nodes(_ context.Context, ids []compact.NodeID) ([][32]byte, error) {
	at := make([]int64, len(ids))
	for i, id := range ids {
		at[i] = tlog.StoredHashIndex(int(id.Level), int64(id.Index))
	}
	stored, err := h.ReadHashes(at)
	out := make([][32]byte, len(stored))
	for i := range stored {
		out[i] = stored[i]
	}
	return out, err
}

// Head signs the head of a size.
func (h *History) Head(size int64) []byte {
	h.t.Helper()
	root := [32]byte(rfc6962.DefaultHasher.EmptyRoot())
	if size > 0 {
		r, err := tlog.TreeHash(size, h)
		if err != nil {
			h.t.Fatal(err)
		}
		root = r
	}
	signed, err := verify.SignHead(h.Signer, size, root)
	if err != nil {
		h.t.Fatal(err)
	}
	return signed
}

// Proof proves that one size continues another.
func (h *History) Proof(from, to int64) (hashes [][32]byte) {
	h.t.Helper()
	if from == 0 || from == to {
		return nil
	}
	p, err := tlog.ProveTree(to, from, h)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, x := range p {
		hashes = append(hashes, x)
	}
	return hashes
}

// Request asks a witness to cosign the head of size to, from size from on.
func (h *History) Request(from, to int64) *verify.AddCheckpoint {
	return &verify.AddCheckpoint{Old: from, Hashes: h.Proof(from, to), Note: h.Head(to)}
}

// Cosigner is a witness's key.
type Cosigner struct {
	note.Signer
	Key  note.Verifier
	VKey string
}

// NewCosigner makes a witness's key, of type Ed25519 cosignature/v1.
func NewCosigner(t testing.TB, name string) Cosigner {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := fnote.NewSignerForCosignatureV1(private)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := fnote.VKeyToCosignatureV1(public)
	if err != nil {
		t.Fatal(err)
	}
	key, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return Cosigner{signer, key, vkey}
}
