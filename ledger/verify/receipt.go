package verify

import (
	"bytes"
	"fmt"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
)

// maxProof bounds a tlog-proof, in bytes: 63 hashes and a note.
const maxProof = 64*64 + MaxNote

// Receipt is an entry with the proof that it is in the log: all that a source needs to keep.
type Receipt struct {
	Index  int64
	Leaf   []byte     // canonical, at most event.MaxLeaf bytes
	Hashes [][32]byte // inclusion proof, from the leaf up
	Note   []byte     // the signed head that the proof leads to
}

// TlogProof is the receipt without its leaf, as a C2SP tlog-proof.
func (r *Receipt) TlogProof() []byte {
	return proof.TLogProof{Index: uint64(r.Index), Hashes: r.Hashes, Checkpoint: r.Note}.Marshal()
}

// ParseReceipt puts a leaf and its C2SP tlog-proof together. Nothing is verified yet.
func ParseReceipt(leaf, tlogProof []byte) (*Receipt, error) {
	if len(leaf) > event.MaxLeaf {
		return nil, fmt.Errorf("the leaf has %d bytes, and at most %d are allowed", len(leaf), event.MaxLeaf)
	}
	if len(tlogProof) > maxProof {
		return nil, fmt.Errorf("the tlog-proof has %d bytes, and at most %d are allowed", len(tlogProof), maxProof)
	}
	var p proof.TLogProof
	if err := p.Unmarshal(tlogProof); err != nil {
		return nil, fmt.Errorf("couldn't read the tlog-proof: %w", err)
	}
	if !bytes.Equal(p.Marshal(), tlogProof) || p.ExtraData != nil || p.Index > 1<<62 || len(p.Hashes) > 63 {
		return nil, fmt.Errorf("couldn't read the tlog-proof: it is not in the form that C2SP tlog-proof gives it")
	}
	return &Receipt{Index: int64(p.Index), Leaf: leaf, Hashes: p.Hashes, Note: p.Checkpoint}, nil
}

// Open checks the head's signature and the inclusion of the leaf, and opens it. It says nothing about the leaf's author yet.
func (r *Receipt) Open(key note.Verifier) (Head, *Entry, error) {
	head, err := OpenHead(r.Note, key)
	if err != nil {
		return Head{}, nil, err
	}
	if err := head.CheckInclusion(r.Index, r.Leaf, r.Hashes); err != nil {
		return Head{}, nil, err
	}
	entry, err := OpenEntry(r.Index, r.Leaf)
	if err != nil {
		return Head{}, nil, err
	}
	return head, entry, nil
}

// RootThrough opens the receipt and returns the root of the log's tree that ends with its entry, which any inclusion
// proof of the entry holds. Training takes its rows by it.
func (r *Receipt) RootThrough(key note.Verifier) ([32]byte, error) {
	head, _, err := r.Open(key)
	if err != nil {
		return [32]byte{}, err
	}
	return rootThrough(r.Index, head.Size, r.Leaf, r.Hashes), nil
}

// Entry is a decoded entry.
type Entry struct {
	Index  int64
	Digest event.Digest // the event digest
	Leaf   *event.Leaf
	Event  *event.Event
}

// OpenEntry decodes a leaf and the payload in it, strictly. It does not verify the source's signature.
func OpenEntry(index int64, leaf []byte) (*Entry, error) {
	l, err := event.DecodeLeaf(leaf)
	if err != nil {
		return nil, fmt.Errorf("couldn't open entry %d: %w", index, err)
	}
	e, err := l.Envelope.Open()
	if err != nil {
		return nil, fmt.Errorf("couldn't open entry %d: %w", index, err)
	}
	return &Entry{Index: index, Digest: l.Envelope.Digest(), Leaf: l, Event: e}, nil
}
