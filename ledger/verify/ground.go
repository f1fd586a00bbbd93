package verify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// ground is what verdicts about entries of one tree have in common: the head, the entries that are in its tree, and the law of the log
// folded over them, each judged once.
//
// The registry may have been folded further than to the entry that is being looked at. So whoever asks it asks for a place: keys and
// statements have the indices at which they came and went.
type ground struct {
	*shelf
	key      note.Verifier // nil where the head is known already
	policy   *Policy       // may be nil
	top      Head
	cosigned []string
	registry *Registry
	folded   int                                     // how many of the entries
	unlawful error                                   // what was found wrong in folding; it stays
	roots    map[int64][32]byte                      // of the trees that end with training runs, by their indices
	keys     map[event.Digest]*zkverify.VerifyingKey // that were parsed

	used  []Input            // what the step that is being done was made of
	watch func(*Entry, Step) // is told of each step; may be nil
}

func newGround(origin string) *ground {
	return &ground{registry: NewRegistry(origin), roots: map[int64][32]byte{}, keys: map[event.Digest]*zkverify.VerifyingKey{}}
}

// openHead checks the log's signature.
func (g *ground) openHead(signed []byte) (string, error) {
	g.use("log's key", fmt.Sprintf("%s+%08x", g.key.Name(), g.key.KeyHash()))
	g.use("note", clipNote(signed))
	head, err := OpenHead(signed, g.key)
	if err != nil {
		return "", err
	}
	g.top = head
	g.use("size", fmt.Sprint(head.Size))
	g.use("root", base64Of(head.Root))
	return fmt.Sprintf("%s signed a tree of %d entries", head.Origin, head.Size), nil
}

// witnesses holds the head against the reader's policy.
func (g *ground) witnesses() (string, error) {
	if g.policy == nil {
		return "", nil
	}
	g.use("quorum", g.policy.Quorum())
	for _, w := range g.policy.Witnesses {
		g.use("witness "+w.Name, w.VKey)
	}
	_, cosignatures, err := g.policy.Open(g.top.Note, g.key)
	if err != nil {
		return "", err
	}
	for _, s := range cosignatures {
		g.cosigned = append(g.cosigned, fmt.Sprintf("%s at %s", g.policy.Witnesses[s.Witness].Name, s.Time.UTC().Format(time.RFC3339)))
	}
	if len(cosignatures) == 0 {
		return "the policy asks for no cosignature", nil
	}
	return fmt.Sprintf("cosigned by %s; the policy asks for %s", strings.Join(g.cosigned, ", "), g.policy.Quorum()), nil
}

// open checks a receipt against the one head that all of the evidence leads to.
func (g *ground) open(r *Receipt) (*Entry, error) {
	if err := g.sameHead(r); err != nil {
		return nil, err
	}
	if err := g.top.CheckInclusion(r.Index, r.Leaf, r.Hashes); err != nil {
		return nil, err
	}
	entry, err := OpenEntry(r.Index, r.Leaf)
	if err != nil {
		return nil, err
	}
	g.keepRoot(entry, r)
	return entry, nil
}

// keepRoot keeps what a training run draws its rows from.
func (g *ground) keepRoot(e *Entry, r *Receipt) {
	if e.Event.Kind() == event.TrainingRun {
		g.roots[e.Index] = rootThrough(r.Index, g.top.Size, r.Leaf, r.Hashes)
	}
}

// sameHead accepts a receipt whose note is of the same tree as the event's. It may be another note: cosignatures come late, and are renewed.
func (g *ground) sameHead(r *Receipt) error {
	if bytes.Equal(r.Note, g.top.Note) {
		return nil
	}
	head, err := OpenHead(r.Note, g.key)
	if err != nil {
		return fmt.Errorf("the proof of entry %d: %w", r.Index, err)
	}
	if head.Size != g.top.Size || head.Root != g.top.Root {
		return fmt.Errorf("the proof of entry %d leads to another head than that of the event", r.Index)
	}
	return nil
}

// foldTo judges the entries up to an index by the law of the log, those that weren't yet.
func (g *ground) foldTo(index int64) error {
	if g.unlawful != nil {
		return g.unlawful
	}
	to := g.folded
	for to < len(g.entries) && g.entries[to].Index <= index {
		to++
	}
	if g.folded == 0 && to > 0 && g.entries[0].Index != 0 {
		return errors.New("entry 0, which registers the log's operator, is missing from the evidence")
	}
	g.unlawful = g.registry.AdmitAll(g.entries[g.folded:to])
	g.folded = to
	return g.unlawful
}

// verifyingKey parses the key of a statement, once.
func (g *ground) verifyingKey(s *StatementState) (*zkverify.VerifyingKey, error) {
	if vk := g.keys[s.ID]; vk != nil {
		return vk, nil
	}
	vk, err := zkverify.ParseVerifyingKey(s.Claims.VerifyingKey)
	if err == nil {
		g.keys[s.ID] = vk
	}
	return vk, err
}

// before resolves references to events among the entries before an index.
type before struct {
	*ground
	index int64
}

func (b before) Event(d event.Digest) (*event.Event, error) {
	if e := b.byDigest[d]; e != nil && e.Index < b.index {
		return e.Event, nil
	}
	return nil, fmt.Errorf("event %s is not among the entries before entry %d in the evidence", d, b.index)
}

// RootThrough makes it a statement.TreeResolver.
func (b before) RootThrough(d event.Digest) ([32]byte, error) {
	if _, err := b.Event(d); err != nil {
		return [32]byte{}, err
	}
	root, ok := b.roots[b.byDigest[d].Index]
	if !ok {
		return root, fmt.Errorf("event %s is no training run", d)
	}
	return root, nil
}

// HeadReport is the outcome of checking a signed head.
type HeadReport struct {
	Head     Head // zero where the log's signature doesn't hold
	Cosigned []string
	Steps    []Step
	Err      error // of the step that failed
}

// CheckHead checks a signed note under the log's key, and against the reader's policy where that is not nil, step by step as with entries.
func CheckHead(signed []byte, key note.Verifier, policy *Policy) *HeadReport {
	g, r := newGround(key.Name()), &HeadReport{}
	g.key, g.policy = key, policy
	for _, p := range []part{{"head", func() (string, error) { return g.openHead(signed) }}, {"witnesses", g.witnesses}} {
		g.used = nil
		detail, err := p.run()
		r.Head, r.Cosigned = g.top, g.cosigned
		if err == nil && detail == "" {
			continue
		}
		r.Steps = append(r.Steps, Step{Name: p.name, Detail: detail, Err: err, Inputs: g.used})
		if err != nil {
			r.Err = fmt.Errorf("%s: %w", p.name, err)
			break
		}
	}
	return r
}
