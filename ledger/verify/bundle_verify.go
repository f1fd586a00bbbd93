package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// BundleReport is the outcome of verifying a bundle.
type BundleReport struct {
	Head     Head
	Cosigned []string // the witnesses of the reader's policy that cosigned the head
	Steps    []Step   // what holds for all entries together, up to what failed
	// Claims are the reports about the entries that the bundle is about, by index. They are there once all of the bundle's entries are known to be the
	// log's, and each to have been its author's to say.
	Claims []*Report
	// Trusted are the sentences that stay trusted under any of them, each once.
	Trusted []string

	ground *ground
	checks []*check // one for each of the claims
}

// Entries are all that are in the bundle, by index, if they are known to be the log's; otherwise there are none.
func (r *BundleReport) Entries() []*Entry {
	if r.ground.shelf == nil {
		return nil
	}
	return r.ground.entries
}

// Holds tells whether nothing in the bundle was refuted.
func (r *BundleReport) Holds() bool {
	return len(r.Claims) > 0 && !slices.ContainsFunc(r.Claims, func(c *Report) bool { return c.Verdict == Refuted })
}

// Doubts are the revocations that reach back to what the bundle is about, each once.
func (r *BundleReport) Doubts() []string {
	return r.distinct(func(c *Report) []string { return c.Doubts })
}

func (r *BundleReport) distinct(of func(*Report) []string) (all []string) {
	said := map[string]bool{}
	for _, c := range r.Claims {
		for _, sentence := range of(c) {
			if !said[sentence] {
				said[sentence] = true
				all = append(all, sentence)
			}
		}
	}
	return all
}

// Verify checks everything that can be checked with the log's key alone, and with the reader's policy where that is not nil. Signatures
// come before proofs, every entry is judged once, and all proofs are checked together.
//
// The report is never nil. The error is the first thing that doesn't hold: about the file as a whole, or about one of the entries that it is about. In the second case the
// reports about the others still stand.
func (b *Bundle) Verify(key note.Verifier, policy *Policy) (*BundleReport, error) {
	return b.VerifyWatched(key, policy, nil)
}

// VerifyWatched is Verify, which tells of each step as soon as it is done: with the entry that it is about, or nil for all of them together.
func (b *Bundle) VerifyWatched(key note.Verifier, policy *Policy, watch func(about *Entry, s Step)) (*BundleReport, error) {
	r := &BundleReport{ground: newGround(key.Name())}
	r.ground.key, r.ground.policy, r.ground.watch = key, policy, watch
	return r, r.verify(b, part{"head", func() (string, error) { return r.ground.openHead(b.Note) }}, part{"witnesses", r.ground.witnesses})
}

// VerifyAt is Verify for whoever knows the head of its own: the log itself, or a reader who opened it before. Signature and cosignatures of the
// bundle's note are not looked at.
func (b *Bundle) VerifyAt(head Head) (*BundleReport, error) {
	r := &BundleReport{ground: newGround(head.Origin)}
	r.ground.top = head
	return r, r.verify(b, part{"head", func() (string, error) {
		if !bytes.Equal(b.Note, head.Note) {
			return "", errors.New("the bundle has another head")
		}
		return fmt.Sprintf("the tree of %d entries is %s's, by the reader's own knowledge", head.Size, head.Origin), nil
	}})
}

// verify checks the head in one way or another, and then all the rest.
func (r *BundleReport) verify(b *Bundle, head ...part) error {
	for _, p := range append(head, []part{
		{"inclusion", func() (string, error) { return r.ground.include(b) }},
		{"whole", func() (string, error) { return r.ground.whole(b.Asked()) }},
		{"law", r.ground.law},
	}...) {
		r.ground.used = nil
		detail, err := p.run()
		r.Head, r.Cosigned = r.ground.top, r.ground.cosigned
		if err == nil && detail == "" {
			continue
		}
		r.Steps = append(r.Steps, Step{Name: p.name, Detail: detail, Err: err, Inputs: r.ground.used})
		r.ground.tell(nil, r.Steps[len(r.Steps)-1])
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return r.claims(b.Asked())
}

// include takes the proof apart, and opens the entries once it is known that they are the log's.
func (g *ground) include(b *Bundle) (string, error) {
	indices, leaves := make([]int64, len(b.Entries)), make([][32]byte, len(b.Entries))
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Index < 0 || e.Index >= g.top.Size {
			return "", fmt.Errorf("entry %d is not in a tree of %d entries", e.Index, g.top.Size)
		}
		if i > 0 && e.Index <= indices[i-1] {
			return "", fmt.Errorf("entry %d stands behind entry %d", e.Index, indices[i-1])
		}
		indices[i], leaves[i] = e.Index, LeafHash(e.Leaf)
	}
	if len(indices) == 0 {
		return "", errors.New("there are no entries")
	}
	g.use("tree size", fmt.Sprint(g.top.Size))
	g.useLeaves(b, leaves)
	g.use("hashes of subtrees", hashLines(b.Hashes))
	root, proofs, err := spread(g.top.Size, indices, leaves, b.Hashes)
	if err != nil {
		return "", err
	}
	g.use("root that they lead to", base64Of(root))
	if root != g.top.Root {
		return "", fmt.Errorf("the entries and hashes lead to the root %s, and the head has %s", base64Of(root), base64Of(g.top.Root))
	}
	entries, wrong := make([]*Entry, len(b.Entries)), make([]error, len(b.Entries))
	inParallel(len(b.Entries), func(i int) { entries[i], wrong[i] = OpenEntry(indices[i], b.Entries[i].Leaf) })
	for i, err := range wrong {
		if err != nil {
			return "", err
		}
		g.keepRoot(entries[i], &Receipt{Index: indices[i], Leaf: b.Entries[i].Leaf, Hashes: proofs[i]})
	}
	g.shelf = newShelf(entries)
	return fmt.Sprintf("%s are in that tree", several(int64(len(entries)), "entry")), nil
}

// whole checks that the bundle has what the entries that are asked about rest on, and nothing else.
func (g *ground) whole(asked []int64) (string, error) {
	under := map[event.Digest]bool{}
	for _, index := range asked {
		if id := g.byIndex[index].Event.Statement; !id.IsZero() {
			under[id] = true
		}
	}
	if len(under) > maxBundleStatements {
		return "", fmt.Errorf("there are proofs under %d statements, and at most %d are allowed: make several bundles", len(under), maxBundleStatements)
	}
	ctx := context.Background() // nothing waits: all is at hand
	w := newGathering(g.shelf, g.top.Size, len(g.entries), g.at)
	for _, index := range asked {
		if err := w.about(ctx, index); err != nil {
			return "", err
		}
	}
	for _, e := range g.entries {
		if w.have[e.Index] == nil {
			return "", fmt.Errorf("nothing that the bundle is about rests on entry %d", e.Index)
		}
	}
	return fmt.Sprintf("%s asked about, and all that they rest on", several(int64(len(asked)), "entry")), nil
}

// law judges all entries by the law of the log, in order, signatures included.
func (g *ground) law() (string, error) {
	for i, e := range g.entries {
		if i == maxShown {
			break
		}
		g.use(fmt.Sprintf("entry %d, %s", e.Index, e.Event.Kind()), fmt.Sprintf("%s\nkey %s", e.Event.Source, e.Leaf.Envelope.KeyID))
	}
	if err := g.foldTo(g.top.Size); err != nil {
		return "", err
	}
	return fmt.Sprintf("each was its author's to say: %s of %s", several(int64(len(g.entries)), "signature"), several(int64(len(g.registry.sources)), "source")), nil
}

// claims verifies the entries that the bundle is about, all proofs together.
func (r *BundleReport) claims(asked []int64) error {
	wrong := make([]error, len(asked))
	for i, index := range asked {
		c := &check{Report: &Report{Head: r.Head, Cosigned: r.Cosigned, Entry: r.ground.byIndex[index]}, ground: r.ground}
		r.checks, r.Claims = append(r.checks, c), append(r.Claims, c.Report)
		wrong[i] = c.follow(c.about())
	}
	judgeTogether(r.checks)
	for i, c := range r.checks {
		if wrong[i] == nil {
			wrong[i] = c.finish()
		}
	}
	r.Trusted = r.distinct(func(c *Report) []string { return c.Trusted })
	for i, err := range wrong {
		if err != nil {
			return fmt.Errorf("entry %d: %w", asked[i], err)
		}
	}
	return nil
}

// judgeTogether checks all claims at once, and has each check know the verdict on its own.
func judgeTogether(checks []*check) {
	var items []zkverify.Item
	var of []*check
	for _, c := range checks {
		if c.claim != nil {
			items, of = append(items, *c.claim), append(of, c)
		}
	}
	for i, err := range zkverify.VerifyBatch(items) {
		of[i].judged = func() error { return err }
	}
}
