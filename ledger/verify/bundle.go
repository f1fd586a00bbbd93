package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
)

// Limits of an evidence bundle. With them, reading and verifying one takes at most some hundred MiB of memory, whatever is in it.
const (
	MaxBundle        = 32 << 20 // bytes of a file
	MaxBundleEntries = 4096     // those that are asked about and those that they rest on, together
	// maxBundleStatements is how many statements' keys the proofs in one bundle may be under: preparing a key costs more than a proof.
	maxBundleStatements = 64
	// maxBundleHashes is more than any multiproof has: an inclusion proof has up to 62 hashes.
	maxBundleHashes = MaxBundleEntries * 62
)

// ErrBundleTooLarge says that what was asked for doesn't fit into one bundle, or, of a single entry, into its evidence.
var ErrBundleTooLarge = errors.New("it is more evidence than there is room for")

// bundleHeader is the first line of the file.
const bundleHeader = "attestlog-bundle/v1"

// Bundle is the evidence about any number of entries, in one file (.attestlog): whoever has the log's public key verifies it without the log and
// without a network. It has
//
//   - one head of the log, with the cosignatures that it had;
//   - the entries that it is about;
//   - those that their verdicts rest on: of the events that they refer to, of all sources that signed any of them, of the statements of
//     their proofs with the verifying keys, of late proofs. Of these sources and statements, everything is there that the log's indices name up to
//     the head; so a revocation can only be missing where the log hides one.
//   - one proof that all of these are in the head's tree.
//
// For the same entries and head there is one bundle, byte for byte. SPEC.md has the format.
type Bundle struct {
	Note    []byte        // the signed head
	Entries []BundleEntry // by index
	Hashes  [][32]byte    // the proof that they are in the head's tree: of all subtrees without any of them the roots, from the left
}

// BundleEntry is an entry in a bundle.
type BundleEntry struct {
	Index int64
	Asked bool   // the bundle is about it; otherwise what it is about rests on it
	Leaf  []byte // canonical, at most event.MaxLeaf bytes
}

// Asked are the indices of the entries that the bundle is about.
func (b *Bundle) Asked() (indices []int64) {
	for i := range b.Entries {
		if b.Entries[i].Asked {
			indices = append(indices, b.Entries[i].Index)
		}
	}
	return indices
}

// GatherBundle collects the evidence about entries, against a head of the log. Nothing of it is believed: whoever made it verifies it
// before he relies on it or hands it on.
func GatherBundle(ctx context.Context, from Library, head Head, asked ...int64) (*Bundle, error) {
	c := newCollecting(from, head)
	for _, index := range asked {
		if _, err := c.ask(ctx, index); err != nil {
			return nil, err
		}
	}
	return c.bundle()
}

// collecting is a bundle in the making.
type collecting struct {
	*gathering
	from     Library
	head     Head
	receipts map[int64]*Receipt
	looked   map[int64]*Entry
	bytes    int // of their leaves
	asked    map[int64]bool
}

func newCollecting(from Library, head Head) *collecting {
	c := &collecting{from: from, head: head, receipts: map[int64]*Receipt{}, looked: map[int64]*Entry{}, asked: map[int64]bool{}}
	c.gathering = newGathering(from, head.Size, MaxBundleEntries-1, c.look)
	return c
}

// look fetches an entry, once. That alone doesn't make it part of the bundle.
func (c *collecting) look(ctx context.Context, index int64) (*Entry, error) {
	if e := c.looked[index]; e != nil {
		return e, nil
	}
	if index < 0 || index >= c.head.Size {
		return nil, fmt.Errorf("entry %d is not in the tree of %d entries", index, c.head.Size)
	}
	if len(c.looked) == 2*MaxBundleEntries {
		return nil, fmt.Errorf("%w: more than %d entries would have to be looked into", ErrBundleTooLarge, 2*MaxBundleEntries)
	}
	r, err := c.from.Receipt(ctx, index, c.head.Size)
	if err != nil {
		return nil, err
	}
	if r.Index != index {
		return nil, fmt.Errorf("entry %d was asked for, and %d came", index, r.Index)
	}
	e, err := OpenEntry(index, r.Leaf)
	if err != nil {
		return nil, err
	}
	if c.bytes += len(r.Leaf); c.bytes > MaxBundle {
		return nil, fmt.Errorf("%w: there are more than %d bytes", ErrBundleTooLarge, MaxBundle)
	}
	c.receipts[index], c.looked[index] = r, e
	return e, nil
}

// ask makes the bundle one about an entry, too.
func (c *collecting) ask(ctx context.Context, index int64) (*Entry, error) {
	if err := c.about(ctx, index); err != nil {
		return nil, err
	}
	c.asked[index] = true
	return c.have[index], nil
}

func (c *collecting) bundle() (*Bundle, error) {
	if len(c.asked) == 0 {
		return nil, errors.New("couldn't make a bundle: it is about no entry")
	}
	b := &Bundle{Note: c.head.Note}
	var sorted []Receipt
	for _, i := range slices.Sorted(maps.Keys(c.have)) {
		sorted = append(sorted, *c.receipts[i])
		b.Entries = append(b.Entries, BundleEntry{Index: i, Asked: c.asked[i], Leaf: c.receipts[i].Leaf})
	}
	var err error
	if b.Hashes, err = join(c.head.Size, sorted); err != nil {
		return nil, fmt.Errorf("couldn't make a bundle: %w", err)
	}
	return b, nil
}

// The words before an entry: what it is there for.
const (
	wordAsked  = "asked"
	wordRelied = "relied"
)

// Encode makes the file.
func (b *Bundle) Encode() []byte {
	size := len(b.Note) + 128 + 45*len(b.Hashes)
	for i := range b.Entries {
		size += len(b.Entries[i].Leaf) + 40
	}
	out := fmt.Appendf(make([]byte, 0, size), "%s\nhead %d\n", bundleHeader, len(b.Note))
	out = fmt.Appendf(append(out, b.Note...), "entries %d\n", len(b.Entries))
	for i := range b.Entries {
		e := &b.Entries[i]
		word := wordRelied
		if e.Asked {
			word = wordAsked
		}
		out = append(fmt.Appendf(out, "%s %d %d\n", word, e.Index, len(e.Leaf)), e.Leaf...)
		out = append(out, '\n')
	}
	return appendHashLines(fmt.Appendf(out, "hashes %d\n", len(b.Hashes)), b.Hashes)
}

// ParseBundle reads a file strictly: what is read encodes to the same bytes again. What is in it has to be verified. The bundle keeps parts of the file.
func ParseBundle(file []byte) (*Bundle, error) {
	if len(file) > MaxBundle {
		return nil, fmt.Errorf("not a bundle: it has %d bytes, and at most %d are allowed", len(file), MaxBundle)
	}
	r := &textReader{rest: file}
	b := &Bundle{}
	r.header(bundleHeader)
	b.Note = r.note("head")
	last := int64(-1)
	for range r.count("entries", MaxBundleEntries) {
		e := r.entry()
		if r.err == nil && e.Index <= last {
			r.fail("entry %d stands behind entry %d: they are listed once, in order", e.Index, last)
		}
		if r.err != nil {
			break
		}
		last = e.Index
		b.Entries = append(b.Entries, e)
	}
	b.Hashes = r.hashes("hashes", maxBundleHashes)
	switch {
	case r.err != nil:
	case len(r.rest) > 0:
		r.fail("%d bytes follow the last hash", len(r.rest))
	case b.Asked() == nil:
		r.fail("it is about no entry")
	}
	if r.err != nil {
		return nil, fmt.Errorf("not a bundle: %w", r.err)
	}
	return b, nil
}

// entry reads a line of a word, an index and a number, as many bytes, and the end of the line.
func (r *textReader) entry() (e BundleEntry) {
	line := r.line()
	if r.err != nil {
		return e
	}
	fields := bytes.SplitN(line, []byte(" "), 4)
	ok := len(fields) == 3
	var size int64
	if ok {
		e.Asked = string(fields[0]) == wordAsked
		e.Index, ok = decimal(fields[1], 1<<62)
	}
	if ok {
		size, ok = decimal(fields[2], event.MaxLeaf)
	}
	if !ok || !e.Asked && string(fields[0]) != wordRelied {
		r.fail("%q is not %q or %q, an index, and a number of bytes up to %d", clipText(string(line)), wordAsked, wordRelied, event.MaxLeaf)
		return e
	}
	e.Leaf = r.bytes(int(size), fmt.Sprintf("entry %d", e.Index))
	if r.err == nil && (len(r.rest) == 0 || r.rest[0] != '\n') {
		r.fail("entry %d doesn't end with its line", e.Index)
	}
	if r.err == nil {
		r.rest = r.rest[1:]
	}
	return e
}
