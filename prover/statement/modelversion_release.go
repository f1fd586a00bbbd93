package statement

import (
	"errors"
	"fmt"
	"io"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// Shape of the tree of releases.
const (
	ReleaseDepth = 5                       // levels of four-to-one hashing
	MaxReleases  = 1 << (2 * ReleaseDepth) // 1,024
)

// ModelRelease is a model that is approved to be served. Approver and source keep it, salt and all: whoever knows the salt can
// find out that the release is among those approved.
type ModelRelease struct {
	Weights event.Element // the commitment to its weights, as the last training step states it
	Salt    table.Salt    // 128 bits from a cryptographic source, never used before
}

// leaf is the release's leaf: it hides the weights' commitment, which may stand in the log.
func (r ModelRelease) leaf() (fr.Element, error) {
	w, err := toField("weights", r.Weights)
	if err != nil {
		return w, err
	}
	return poseidon.Sum(poseidon.Release, w, r.Salt.Element()), nil
}

// ErrNotHidden tells that a salt is all zeros, so that it would hide nothing.
var ErrNotHidden = errors.New("the salt is zero, and hides nothing")

// NewModelReleases gives each model a fresh salt, read from a cryptographic source such as crypto/rand.Reader. Keep what it
// returns: without the salts nobody can ever show that a model was approved.
func NewModelReleases(random io.Reader, weights ...event.Element) ([]ModelRelease, error) {
	releases := make([]ModelRelease, len(weights))
	for i, w := range weights {
		releases[i].Weights = w
		if _, err := io.ReadFull(random, releases[i].Salt[:]); err != nil {
			return nil, fmt.Errorf("couldn't draw a release's salt: %w", err)
		}
	}
	return releases, nil
}

// Approval is the tree of approved releases: a leaf for each, in order, and the tagged empty leaf beyond. Its
// depth is fixed, so the commitment doesn't tell how many there are.
type Approval struct {
	releases []ModelRelease
	levels   [ReleaseDepth + 1][]fr.Element // from the leaves to the root
}

// Approve builds the tree of 1 to [MaxReleases] releases.
func Approve(releases []ModelRelease) (*Approval, error) {
	if len(releases) < 1 || len(releases) > MaxReleases {
		return nil, fmt.Errorf("%d releases can't be approved at once: there is room for 1 to %d", len(releases), MaxReleases)
	}
	a := &Approval{releases: append([]ModelRelease(nil), releases...)}
	salts := make(map[table.Salt]bool, len(releases))
	leaves := make([]fr.Element, MaxReleases)
	for i := range leaves {
		if i >= len(releases) {
			leaves[i] = poseidon.Empty(poseidon.EmptyRelease)
			continue
		}
		if releases[i].Salt == (table.Salt{}) {
			return nil, fmt.Errorf("release %d can't be approved: %w", i, ErrNotHidden)
		}
		if salts[releases[i].Salt] {
			return nil, fmt.Errorf("release %d can't be approved: its salt is another release's", i)
		}
		salts[releases[i].Salt] = true
		leaf, err := releases[i].leaf()
		if err != nil {
			return nil, fmt.Errorf("release %d can't be approved: %w", i, err)
		}
		leaves[i] = leaf
	}
	a.levels[0] = leaves
	for level := range ReleaseDepth {
		below := a.levels[level]
		above := make([]fr.Element, len(below)/poseidon.Arity)
		for i := range above {
			above[i] = poseidon.Node([poseidon.Arity]fr.Element(below[poseidon.Arity*i:]))
		}
		a.levels[level+1] = above
	}
	return a, nil
}

// Claims are the claims of the approval's event.
func (a *Approval) Claims() *event.ApprovalClaims {
	return &event.ApprovalClaims{Releases: commitReleases(a.levels[ReleaseDepth][0])}
}

// Open opens release number i.
func (a *Approval) Open(i int) (ReleaseOpening, error) {
	if i < 0 || i >= len(a.releases) {
		return ReleaseOpening{}, fmt.Errorf("release %d can't be opened: there are %d", i, len(a.releases))
	}
	o := ReleaseOpening{ModelRelease: a.releases[i], Place: i}
	for level, at := 0, i; level < ReleaseDepth; level, at = level+1, at/poseidon.Arity {
		four := a.levels[level][at&^3:]
		o.Siblings[level] = table.Siblings{four[at%4^1], four[at%4&2^2], four[at%4&2^2+1]}
	}
	return o, nil
}

// ErrNotApproved tells that a model is not among the releases.
var ErrNotApproved = errors.New("the model is not among the approved releases")

// Find opens the first release of a model, or returns [ErrNotApproved].
func (a *Approval) Find(weights event.Element) (ReleaseOpening, error) {
	for i := range a.releases {
		if a.releases[i].Weights == weights {
			return a.Open(i)
		}
	}
	return ReleaseOpening{}, ErrNotApproved
}

// ReleaseOpening is what shows that a release is approved.
type ReleaseOpening struct {
	ModelRelease
	Place    int                          // in the tree, from 0
	Siblings [ReleaseDepth]table.Siblings // from the leaf upwards
}

// Releases computes the commitment that the opening leads to.
func (o ReleaseOpening) Releases() (event.Element, error) {
	if o.Place < 0 || o.Place >= MaxReleases {
		return event.Element{}, fmt.Errorf("there is no place %d in a tree of releases", o.Place)
	}
	node, err := o.leaf()
	if err != nil {
		return event.Element{}, err
	}
	for level, at := 0, o.Place; level < ReleaseDepth; level, at = level+1, at/poseidon.Arity {
		s := o.Siblings[level]
		children := [poseidon.Arity]fr.Element{node, s[0], s[1], s[2]}
		if at&1 != 0 { // the node trades places with its partner
			children[0], children[1] = children[1], children[0]
		}
		if at&2 != 0 { // and the pair with the other one
			children = [poseidon.Arity]fr.Element{children[2], children[3], children[0], children[1]}
		}
		node = poseidon.Node(children)
	}
	return commitReleases(node), nil
}

// commitReleases tags the root, so that it can't be taken for another node.
func commitReleases(root fr.Element) event.Element {
	return fromField(poseidon.Sum(poseidon.Approval, root))
}
