package webtest

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// tree is the log's tree, or another one that somebody would like to pass off as it.
type tree struct {
	leaves [][]byte
	hashes []tlog.Hash
}

// tree reads the log's first entries.
func (l *Log) tree(size int64) *tree {
	l.t.Helper()
	made := new(tree)
	err := l.Client.EachEntry(l.t.Context(), client.Query{Limit: 1000}, func(e *verify.Entry) bool {
		leaf, err := e.Leaf.Encode()
		if err != nil {
			l.t.Fatal(err)
		}
		made.leaves = append(made.leaves, leaf)
		return int64(len(made.leaves)) < size
	})
	if err != nil || int64(len(made.leaves)) != size {
		l.t.Fatalf("%d of the log's first %d entries, %v", len(made.leaves), size, err)
	}
	return made
}

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		out[i] = t.hashes[at]
	}
	return out, nil
}

// root hashes the leaves as they are now.
func (t *tree) root() ([32]byte, error) {
	t.hashes = nil
	for i, leaf := range t.leaves {
		more, err := tlog.StoredHashes(int64(i), leaf, t)
		if err != nil {
			return [32]byte{}, err
		}
		t.hashes = append(t.hashes, more...)
	}
	return tlog.TreeHash(int64(len(t.leaves)), t)
}

// Forge has the log sign a tree in which the entries of a bundle are as the bundle has them, whatever they are in truth: what the
// holder of the log's key can do, and no witness cosigns. The bundle's proof holds then.
func (l *Log) Forge(b *verify.Bundle) *verify.Bundle {
	l.t.Helper()
	head, err := verify.OpenHead(b.Note, l.Key)
	if err != nil {
		l.t.Fatal(err)
	}
	made := l.tree(head.Size)
	for _, e := range b.Entries {
		made.leaves[e.Index] = e.Leaf
	}
	root, err := made.root()
	if err != nil {
		l.t.Fatal(err)
	}
	forged := *b
	forged.Note = l.Sign(head.Size, root)
	return &forged
}

// Sign has the log sign any head.
func (l *Log) Sign(size int64, root [32]byte) []byte {
	l.t.Helper()
	signed, err := verify.SignHead(l.Signer, size, root)
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

// Bundle is the log's evidence about entries, against its newest head.
func (l *Log) Bundle(indices ...int64) *verify.Bundle {
	l.t.Helper()
	b, _, err := l.Client.Bundle(l.t.Context(), client.BundleQuery{Entries: indices, Size: l.Size()})
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// Rewrite makes a bundle with one leaf changed. The rest is shared with the one that it is made of.
func (l *Log) Rewrite(b *verify.Bundle, index int64, change func(*event.Leaf)) *verify.Bundle {
	l.t.Helper()
	changed := *b
	changed.Entries = append([]verify.BundleEntry(nil), b.Entries...)
	for i := range changed.Entries {
		if changed.Entries[i].Index != index {
			continue
		}
		leaf, err := event.DecodeLeaf(changed.Entries[i].Leaf)
		if err != nil {
			l.t.Fatal(err)
		}
		change(leaf)
		if changed.Entries[i].Leaf, err = leaf.Encode(); err != nil {
			l.t.Fatal(err)
		}
		return &changed
	}
	l.t.Fatalf("the bundle has no entry %d", index)
	return nil
}

// SignAgain changes what an entry says, and has its source sign that, under the first key that it had: a source can lie, too.
func (l *Log) SignAgain(leaf *event.Leaf, change func(*event.Event)) {
	l.t.Helper()
	e, err := leaf.Envelope.Open()
	if err != nil {
		l.t.Fatal(err)
	}
	change(e)
	payload, err := e.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	leaf.Envelope = event.Sign(payload, keyOf(e.Source))
}
