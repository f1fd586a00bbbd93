package verify

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
	"golang.org/x/mod/sumdb/note"
)

// maxRelied bounds how many entries one verdict may rest on.
const maxRelied = 1024

// Evidence is an event's entry with the entries that its verdict rests on: those of the sources that signed any of them, of its
// statement, of the events that its claims refer to, and, where its proof was deferred, its attestations. Gather collects it; nothing in it is
// believed.
type Evidence struct {
	Event  Receipt
	Relied []Receipt // in any order; all receipts lead to one head
}

// Verify checks everything that can be checked with the log's key alone. The report is never nil; it holds the steps up to the one
// that failed, whose error is returned too.
func (ev *Evidence) Verify(key note.Verifier) (*Report, error) { return ev.VerifyUnder(key, nil) }

// VerifyUnder is Verify for a reader who asks for cosignatures: the head must satisfy the policy, unless that is nil.
func (ev *Evidence) VerifyUnder(key note.Verifier, policy *Policy) (*Report, error) {
	c, err := ev.run(key, policy)
	return c.Report, err
}

// run is Verify, which also shows what it found on the way.
func (ev *Evidence) run(key note.Verifier, policy *Policy) (*check, error) {
	c := &check{Report: &Report{}, key: key, policy: policy, evidence: ev, roots: map[event.Digest][32]byte{}}
	for _, step := range []struct {
		name string
		run  func() (string, error)
	}{
		{"head", c.head},
		{"witnesses", c.witnesses},
		{"inclusion", c.inclusion},
		{"relied entries", c.relied},
		{"source", c.source},
		{"references", c.references},
		{"statement", c.statement},
		{"attestation", c.attestation},
		{"proof", c.proof},
		{"standing", c.standing},
	} {
		detail, err := step.run()
		if err == nil && detail == "" {
			continue // nothing to check here for this event
		}
		c.Steps = append(c.Steps, Step{Name: step.name, Detail: detail, Err: err})
		if err != nil {
			c.Verdict = Refuted
			return c, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	c.conclude()
	return c, nil
}

// check is one run of Verify. Each step relies on those before it.
type check struct {
	*Report
	key      note.Verifier
	policy   *Policy // may be nil
	evidence *Evidence
	entries  []*Entry  // the event's and the relied ones, by index
	registry *Registry // folded over the first of the entries: up to the event, then up to its attestations, later over all
	folded   int       // how many of them
	signer   SourceState
	under    *StatementState
	inputs   []event.Element
	roots    map[event.Digest][32]byte // of the trees that end with training runs
}

func (c *check) head() (string, error) {
	head, err := OpenHead(c.evidence.Event.Note, c.key)
	if err != nil {
		return "", err
	}
	c.Head = head
	return fmt.Sprintf("%s signed a tree of %d entries", head.Origin, head.Size), nil
}

// witnesses holds the head against the reader's policy.
func (c *check) witnesses() (string, error) {
	if c.policy == nil {
		return "", nil
	}
	_, cosignatures, err := c.policy.Open(c.Head.Note, c.key)
	if err != nil {
		return "", err
	}
	for _, s := range cosignatures {
		c.Cosigned = append(c.Cosigned, fmt.Sprintf("%s at %s", c.policy.Witnesses[s.Witness].Name, s.Time.UTC().Format(time.RFC3339)))
	}
	if len(cosignatures) == 0 {
		return "the policy asks for no cosignature", nil
	}
	return fmt.Sprintf("cosigned by %s; the policy asks for %s", strings.Join(c.Cosigned, ", "), c.policy.Quorum()), nil
}

func (c *check) inclusion() (string, error) {
	entry, err := c.open(&c.evidence.Event)
	if err != nil {
		return "", err
	}
	c.Entry, c.entries = entry, []*Entry{entry}
	return fmt.Sprintf("entry %d, event %s, is in that tree", entry.Index, entry.Digest), nil
}

// open checks a receipt against the one head that all of the evidence leads to.
func (c *check) open(r *Receipt) (*Entry, error) {
	if err := c.sameHead(r); err != nil {
		return nil, err
	}
	if err := c.Head.CheckInclusion(r.Index, r.Leaf, r.Hashes); err != nil {
		return nil, err
	}
	entry, err := OpenEntry(r.Index, r.Leaf)
	if err != nil {
		return nil, err
	}
	if entry.Event.Kind() == event.TrainingRun {
		c.roots[entry.Digest] = rootThrough(r.Index, c.Head.Size, r.Leaf, r.Hashes)
	}
	return entry, nil
}

// sameHead accepts a receipt whose note is of the same tree as the event's. It may be another note: cosignatures come late, and are renewed.
func (c *check) sameHead(r *Receipt) error {
	if bytes.Equal(r.Note, c.Head.Note) {
		return nil
	}
	head, err := OpenHead(r.Note, c.key)
	if err != nil {
		return fmt.Errorf("the proof of entry %d: %w", r.Index, err)
	}
	if head.Size != c.Head.Size || head.Root != c.Head.Root {
		return fmt.Errorf("the proof of entry %d leads to another head than that of the event", r.Index)
	}
	return nil
}

func (c *check) relied() (string, error) {
	if len(c.evidence.Relied) > maxRelied {
		return "", fmt.Errorf("the evidence has %d further entries, and at most %d are allowed", len(c.evidence.Relied), maxRelied)
	}
	for i := range c.evidence.Relied {
		r := &c.evidence.Relied[i]
		if slices.ContainsFunc(c.entries, func(e *Entry) bool { return e.Index == r.Index }) {
			return "", fmt.Errorf("entry %d stands twice in the evidence", r.Index)
		}
		entry, err := c.open(r)
		if err != nil {
			return "", err
		}
		c.entries = append(c.entries, entry)
	}
	slices.SortFunc(c.entries, func(a, b *Entry) int { return int(a.Index - b.Index) })
	return fmt.Sprintf("%d further entries are in that tree", len(c.evidence.Relied)), nil
}

// source judges every entry by the law of the log, in order, up to the event.
func (c *check) source() (string, error) {
	c.registry = NewRegistry(c.Head.Origin)
	if err := c.foldTo(c.Entry.Index); err != nil {
		return "", err
	}
	c.signer, _ = c.registry.Source(c.Entry.Event.Source)
	return fmt.Sprintf("%s (%s, registered by entry %d) signed it with key %s, its own at entry %d",
		c.signer.Name, c.signer.Role, c.signer.Registered, c.Entry.Leaf.Envelope.KeyID, c.Entry.Index), nil
}

// foldTo judges the entries up to an index by the law of the log, those that weren't yet.
func (c *check) foldTo(index int64) error {
	for ; c.folded < len(c.entries) && c.entries[c.folded].Index <= index; c.folded++ {
		if err := c.admit(c.entries[c.folded]); err != nil {
			return err
		}
	}
	return nil
}

// admit lets the registry judge an entry, its signature included, and applies it.
func (c *check) admit(e *Entry) error {
	if len(c.registry.sources) == 0 && e.Index != 0 {
		return errors.New("entry 0, which registers the log's operator, is missing from the evidence")
	}
	return c.registry.Admit(e)
}

func (c *check) references() (string, error) {
	refs := References(c.Entry.Event.Claims)
	for _, ref := range refs {
		to, err := c.resolver().Event(ref.Event)
		if err != nil {
			return "", err
		}
		if err := ref.Judge(to.Kind()); err != nil {
			return "", err
		}
	}
	if len(refs) == 0 {
		return "", nil
	}
	return fmt.Sprintf("what the claims refer to comes before it in the log (%d)", len(refs)), nil
}

func (c *check) statement() (string, error) {
	e := c.Entry.Event
	if e.Proof != event.ProofInline && len(c.Entry.Leaf.Proof) > 0 {
		return "", errors.New("the entry carries a proof although its payload says that it has none")
	}
	if e.Proof == event.ProofNone {
		return "", nil
	}
	s, ok := c.registry.Statement(e.Statement)
	if !ok {
		return "", fmt.Errorf("statement %s is not registered by any entry of the evidence", e.Statement)
	}
	c.under = &s
	return fmt.Sprintf("%s, registered by entry %d; its keys: %s", s.Claims.Name, s.Registered, SetupWords(s.Claims.Setup)), nil
}

func (c *check) proof() (string, error) {
	e, proof := c.Entry.Event, c.sentProof()
	if e.Proof != event.ProofInline && proof == nil {
		return "", nil
	}
	vk, err := zkverify.ParseVerifyingKey(c.under.Claims.VerifyingKey)
	if err != nil {
		return "", err
	}
	known, err := statement.Registered(c.under.Claims)
	if err != nil {
		return "", err
	}
	if c.inputs, err = known.Public(e, c.Entry.Digest, c.resolver()); err != nil {
		return "", fmt.Errorf("couldn't derive the public inputs: %w", err)
	}
	if err := zkverify.Verify(vk, proof, c.inputs); err != nil {
		return "", err
	}
	c.Groth16 = &Groth16{Statement: *c.under, Proof: proof, Public: c.inputs}
	return fmt.Sprintf("the Groth16 proof verifies for the %d public inputs that the payload determines", len(c.inputs)), nil
}

// standing looks at what came after the event: revocations that put it in doubt.
func (c *check) standing() (string, error) {
	if err := c.foldTo(c.Head.Size); err != nil {
		return "", err
	}
	for _, e := range c.foundations() {
		c.Doubts = append(c.Doubts, Doubts(c.registry, e.Index, e.Event, e.Leaf.Envelope.KeyID)...)
	}
	// What was proven later is in doubt by the time of the proof, too.
	if s, ok := c.registry.statements[c.Entry.Event.Statement]; ok && c.Attestation != nil && s.Doubt > c.Entry.Index && s.Doubt <= c.Attestation.Index {
		c.Doubts = append(c.Doubts, fmt.Sprintf("entry %d revoked statement %s, under which entry %d attests the event, from entry %d on", s.Revoked, s.Claims.Name, c.Attestation.Index, s.Doubt))
	}
	if len(c.Doubts) > 0 {
		return "in doubt: " + c.Doubts[0], nil
	}
	return "no revocation in the evidence reaches back to it", nil
}

// foundations are the entries without which the verdict would be another: the event, what it refers to, its attestation, and what brought their
// sources' keys and the event's statement into the log.
func (c *check) foundations() []*Entry {
	rests := []*Entry{c.Entry}
	sources := map[string]int64{c.Entry.Event.Source: c.Entry.Index} // up to where their keys matter
	if c.Attestation != nil {
		rests = append(rests, c.Attestation)
		sources[c.Attestation.Event.Source] = c.Attestation.Index
	}
	referred := map[event.Digest]bool{}
	for _, ref := range References(c.Entry.Event.Claims) {
		referred[ref.Event] = true
	}
	for _, e := range c.entries {
		if referred[e.Digest] {
			sources[e.Event.Source] = max(sources[e.Event.Source], c.Entry.Index)
		}
	}
	for _, e := range c.entries {
		rested := referred[e.Digest] && e.Index < c.Entry.Index
		switch claims := e.Event.Claims.(type) {
		case *event.SourceClaims:
			rested = rested || e.Index < sources[claims.Source]
		case *event.StatementClaims:
			rested = rested || c.under != nil && c.under.Registered == e.Index
		}
		if rested {
			rests = append(rests, e)
		}
	}
	return rests
}

// Doubts are the revocations that reach back to an entry, as sentences. The registry must have been folded over the whole log, or over all that is at hand.
func Doubts(r *Registry, index int64, e *event.Event, keyID event.Digest) []string {
	var doubts []string
	if s, ok := r.sources[e.Source]; ok {
		for _, k := range s.Keys {
			if k.ID == keyID && k.Doubt >= 0 && k.Doubt <= index && index < k.Until {
				doubts = append(doubts, fmt.Sprintf("entry %d revoked the key that signed entry %d, from entry %d on", k.RevokedBy, index, k.Doubt))
			}
		}
	}
	if s, ok := r.statements[e.Statement]; ok && s.Doubt >= 0 && s.Doubt <= index && index < s.Revoked {
		doubts = append(doubts, fmt.Sprintf("entry %d revoked statement %s, under which entry %d is proven, from entry %d on", s.Revoked, s.Claims.Name, index, s.Doubt))
	}
	return doubts
}

// resolver finds referred events among the entries before the event.
func (c *check) resolver() statement.Resolver { return before{c.entries, c.Entry.Index, c.roots} }

type before struct {
	entries []*Entry
	index   int64
	roots   map[event.Digest][32]byte
}

func (b before) Event(d event.Digest) (*event.Event, error) {
	for _, e := range b.entries {
		if e.Digest == d && e.Index < b.index {
			return e.Event, nil
		}
	}
	return nil, fmt.Errorf("event %s is not among the entries before entry %d in the evidence", d, b.index)
}

// RootThrough makes it a statement.TreeResolver.
func (b before) RootThrough(d event.Digest) ([32]byte, error) {
	if _, err := b.Event(d); err != nil {
		return [32]byte{}, err
	}
	root, ok := b.roots[d]
	if !ok {
		return root, fmt.Errorf("event %s is no training run", d)
	}
	return root, nil
}

// StatementID is the identity of a statement: the digest of its verifying key.
func StatementID(verifyingKey []byte) event.Digest { return sha256.Sum256(verifyingKey) }

// SetupWords says how far keys can be trusted.
func SetupWords(s event.Setup) string {
	switch s {
	case event.SetupOneParty:
		return "one-party set-up: UNTRUSTED"
	case event.SetupImported:
		return "imported from elsewhere: UNTRUSTED"
	}
	return "ceremony"
}
