package verify

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// MaxFork bounds a file of evidence that a log forked, in bytes.
const MaxFork = 2*MaxNote + 2*maxForkNodes*64

// maxForkNodes is how many subtrees a range of entries falls into at most, on each side.
const maxForkNodes = 64

// forkHeader is the first line of the file.
const forkHeader = "attestlog-fork/v1"

// Fork is evidence that the holder of a log's key signed two histories. It convinces whoever knows that key, and nobody need be asked
// or believed.
//
// Two heads of one size with different roots are evidence by themselves. For sizes n < m a consistency proof that fails shows nothing:
// anybody can make one. But the roots of the subtrees that a tree of m entries falls into, cut at n, lead to the root that was signed
// for m; so the signer committed to them, and with those of the first n entries to a root for n. Where another root was signed
// for n, there are two histories.
type Fork struct {
	First, Second []byte     // the signed notes, as they were seen; the first is not of a larger tree
	Left          [][32]byte // of the second's tree: the roots of the subtrees of its first n entries, from the left; empty for one size
	Right         [][32]byte // those of the rest
}

// ForkReport says what evidence of a fork comes to.
type ForkReport struct {
	First, Second Head
	// Implied is the root for the first head's size to which the second head commits its signer.
	Implied [32]byte
}

func (r *ForkReport) String() string {
	if r.First.Size == r.Second.Size {
		return fmt.Sprintf("the holder of %s's key signed two roots for %d entries: %s and %s", r.First.Origin, r.First.Size, base64Of(r.First.Root), base64Of(r.Second.Root))
	}
	return fmt.Sprintf("the holder of %s's key signed the root %s for %d entries, and a tree of %d entries whose first %d have the root %s",
		r.First.Origin, base64Of(r.First.Root), r.First.Size, r.Second.Size, r.First.Size, base64Of(r.Implied))
}

func base64Of(root [32]byte) string { return base64.StdEncoding.EncodeToString(root[:]) }

// ErrNoFork says that two heads may well be of one history.
var ErrNoFork = errors.New("the heads don't contradict each other")

// Check checks the evidence against the log's key alone. An error means that it shows nothing.
func (f *Fork) Check(key note.Verifier) (*ForkReport, error) {
	first, err := OpenCheckpoint(f.First, key)
	if err != nil {
		return nil, fmt.Errorf("the first note: %w", err)
	}
	second, err := OpenCheckpoint(f.Second, key)
	if err != nil {
		return nil, fmt.Errorf("the second note: %w", err)
	}
	report := &ForkReport{First: first, Second: second, Implied: second.Root}
	switch {
	case first.Size > second.Size:
		return nil, errors.New("the first head is of a larger tree than the second")
	case first.Size < second.Size:
		if report.Implied, err = rootWithin(second, first.Size, f.Left, f.Right); err != nil {
			return nil, err
		}
	case len(f.Left) > 0 || len(f.Right) > 0:
		return nil, errors.New("two heads of one size need no subtrees, and there are some")
	}
	if report.Implied == first.Root {
		return nil, ErrNoFork
	}
	return report, nil
}

// rootWithin is the root of the first n entries of a head's tree, as the subtrees that lead to the head's root have it.
func rootWithin(head Head, n int64, left, right [][32]byte) (root [32]byte, err error) {
	factory := &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	if n < 1 {
		return root, errors.New("every history begins with the empty tree")
	}
	if want := len(compact.RangeNodes(0, uint64(n), nil)); len(left) != want {
		return root, fmt.Errorf("the first %d entries fall into %d subtrees, and there are %d", n, want, len(left))
	}
	if want := len(compact.RangeNodes(uint64(n), uint64(head.Size), nil)); len(right) != want {
		return root, fmt.Errorf("the entries from %d to %d fall into %d subtrees, and there are %d", n, head.Size, want, len(right))
	}
	begin, err := factory.NewRange(0, uint64(n), views(left))
	if err != nil {
		return root, err
	}
	implied, err := begin.GetRootHash(nil)
	if err != nil {
		return root, err
	}
	rest, err := factory.NewRange(uint64(n), uint64(head.Size), views(right))
	if err != nil {
		return root, err
	}
	if err := begin.AppendRange(rest, nil); err != nil {
		return root, err
	}
	whole, err := begin.GetRootHash(nil)
	if err != nil {
		return root, err
	}
	if !bytes.Equal(whole, head.Root[:]) {
		return root, fmt.Errorf("the subtrees lead to another root than the one signed for %d entries", head.Size)
	}
	return [32]byte(implied), nil
}

// Nodes gives the roots of complete subtrees of a log's tree: RFC 6962 hashes, by level and index.
type Nodes func(ctx context.Context, ids []compact.NodeID) ([][32]byte, error)

// ProveFork makes evidence of two heads, with nodes of the larger one's tree, which must lead to its root. Heads that don't
// contradict each other give [ErrNoFork].
func ProveFork(ctx context.Context, a, b Head, key note.Verifier, nodes Nodes) (*Fork, error) {
	if a.Size > b.Size || a.Size == b.Size && bytes.Compare(a.Note, b.Note) > 0 {
		a, b = b, a
	}
	f := &Fork{First: a.Note, Second: b.Note}
	if a.Size < b.Size {
		if a.Size == 0 {
			return nil, ErrNoFork
		}
		left, right := compact.RangeNodes(0, uint64(a.Size), nil), compact.RangeNodes(uint64(a.Size), uint64(b.Size), nil)
		all, err := nodes(ctx, append(append([]compact.NodeID(nil), left...), right...))
		if err != nil {
			return nil, fmt.Errorf("couldn't get the subtrees of the tree of %d entries: %w", b.Size, err)
		}
		if len(all) != len(left)+len(right) {
			return nil, fmt.Errorf("couldn't get the subtrees of the tree of %d entries: %d of %d came", b.Size, len(all), len(left)+len(right))
		}
		f.Left, f.Right = all[:len(left):len(left)], all[len(left):]
	}
	if _, err := f.Check(key); err != nil {
		return nil, err
	}
	return f, nil
}

// Encode makes the file; SPEC.md has the format.
func (f *Fork) Encode() []byte {
	b := fmt.Appendf(nil, "%s\nleft %d\n", forkHeader, len(f.Left))
	b = appendHashLines(b, f.Left)
	b = appendHashLines(fmt.Appendf(b, "right %d\n", len(f.Right)), f.Right)
	b = append(fmt.Appendf(b, "first %d\n", len(f.First)), f.First...)
	return append(fmt.Appendf(b, "second %d\n", len(f.Second)), f.Second...)
}

// ParseFork reads such a file strictly. What is in it has to be checked.
func ParseFork(file []byte) (*Fork, error) {
	if len(file) > MaxFork {
		return nil, fmt.Errorf("not evidence of a fork: it has %d bytes, and at most %d are allowed", len(file), MaxFork)
	}
	r := &textReader{rest: file}
	f := &Fork{}
	r.header(forkHeader)
	f.Left = r.hashes("left", maxForkNodes)
	f.Right = r.hashes("right", maxForkNodes)
	f.First = r.note("first")
	f.Second = r.note("second")
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes follow the second note", len(r.rest))
	}
	if r.err != nil {
		return nil, fmt.Errorf("not evidence of a fork: %w", r.err)
	}
	return f, nil
}
