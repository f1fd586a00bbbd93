package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	c := &check{Report: &Report{}, ground: newGround(key.Name()), evidence: ev}
	c.key, c.policy = key, policy
	err := c.follow([]part{
		{"head", c.headOfEvent},
		{"witnesses", c.witnessed},
		{"inclusion", c.inclusion},
		{"relied entries", c.relied},
	})
	if err == nil {
		err = c.follow(c.about())
	}
	if err == nil {
		err = c.finish()
	}
	return c, err
}

// check is one verification of one entry. Each part relies on those before it.
type check struct {
	*Report
	*ground
	evidence *Evidence // nil in a bundle, whose ground is laid once for all
	signer   SourceState
	under    *StatementState
	claim    *zkverify.Item // the proof with what it is checked against; nil if there is none
	judged   func() error   // the verdict on the claim
}

// part is one part of a verification: it says what was found. Nothing found, and nothing wrong, is nothing to check for this event.
type part struct {
	name string
	run  func() (string, error)
}

// follow does parts in order, up to the first that fails.
func (c *check) follow(parts []part) error {
	for _, p := range parts {
		c.used = nil
		detail, err := p.run()
		if err == nil && detail == "" {
			continue
		}
		c.Steps = append(c.Steps, Step{Name: p.name, Detail: detail, Err: err, Inputs: c.used})
		c.tell(c.Entry, c.Steps[len(c.Steps)-1])
		if err != nil {
			c.Verdict, c.Sentence = Refuted, fmt.Sprintf("The entry doesn't verify: %s: %s.", p.name, strings.TrimSuffix(err.Error(), "."))
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// about are the parts up to the proof. They leave the claim that is to be judged.
func (c *check) about() []part {
	return []part{{"source", c.source}, {"references", c.references}, {"statement", c.statement}, {"attestation", c.attestation}, {"proof", c.derive}}
}

// finish does the rest, once the claim can be judged.
func (c *check) finish() error {
	if err := c.follow([]part{{"proof", c.proof}, {"standing", c.standing}}); err != nil {
		return err
	}
	c.conclude()
	return nil
}

func (c *check) headOfEvent() (string, error) {
	detail, err := c.openHead(c.evidence.Event.Note)
	c.Head = c.top
	return detail, err
}

func (c *check) witnessed() (string, error) {
	detail, err := c.witnesses()
	c.Cosigned = c.cosigned
	return detail, err
}

func (c *check) inclusion() (string, error) {
	entry, err := c.open(&c.evidence.Event)
	if err != nil {
		return "", err
	}
	c.Entry = entry
	return fmt.Sprintf("entry %d, event %s, is in that tree", entry.Index, entry.Digest), nil
}

func (c *check) relied() (string, error) {
	if len(c.evidence.Relied) > maxRelied {
		return "", fmt.Errorf("the evidence has %d further entries, and at most %d are allowed", len(c.evidence.Relied), maxRelied)
	}
	entries := []*Entry{c.Entry}
	for i := range c.evidence.Relied {
		r := &c.evidence.Relied[i]
		if slices.ContainsFunc(entries, func(e *Entry) bool { return e.Index == r.Index }) {
			return "", fmt.Errorf("entry %d stands twice in the evidence", r.Index)
		}
		entry, err := c.open(r)
		if err != nil {
			return "", err
		}
		entries = append(entries, entry)
	}
	c.shelf = newShelf(entries)
	return fmt.Sprintf("%d further entries are in that tree", len(c.evidence.Relied)), nil
}

// source judges every entry by the law of the log, in order, up to the event.
func (c *check) source() (string, error) {
	if err := c.foldTo(c.Entry.Index); err != nil {
		return "", err
	}
	c.signer, _ = c.registry.Source(c.Entry.Event.Source)
	envelope := &c.Entry.Leaf.Envelope
	c.use("source", c.signer.Name)
	c.use("key, SHA-256 of it", envelope.KeyID.String())
	c.use("payload type", event.PayloadType)
	c.use("payload, SHA-256 of it", c.Entry.Digest.String())
	c.use("Ed25519 signature", base64.StdEncoding.EncodeToString(envelope.Signature[:]))
	return fmt.Sprintf("%s (%s, registered by entry %d) signed it with key %s, its own at entry %d",
		c.signer.Name, c.signer.Role, c.signer.Registered, c.Entry.Leaf.Envelope.KeyID, c.Entry.Index), nil
}

func (c *check) references() (string, error) {
	refs := References(c.Entry.Event.Claims)
	for _, ref := range refs {
		c.use(ref.Member, ref.Event.String())
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
	s, ok := c.registry.statementAt(e.Statement, c.Entry.Index)
	if !ok {
		return "", fmt.Errorf("statement %s is not registered by any entry of the evidence", e.Statement)
	}
	c.under = &s
	c.use("verifying key, SHA-256 of it", s.ID.String())
	c.use("constraint system, SHA-256 of it", s.Claims.ConstraintSystem.String())
	c.use("registered by entry", fmt.Sprint(s.Registered))
	return fmt.Sprintf("%s, registered by entry %d; its keys: %s", s.Claims.Name, s.Registered, SetupWords(s.Claims.Setup)), nil
}

// derive puts the proof, if there is one, together with what it is to be checked against.
func (c *check) derive() (string, error) {
	e, proof := c.Entry.Event, c.sentProof()
	if e.Proof != event.ProofInline && proof == nil {
		return "", nil
	}
	vk, err := c.verifyingKey(c.under)
	if err != nil {
		return "", err
	}
	known, err := statement.Registered(c.under.Claims)
	if err != nil {
		return "", err
	}
	inputs, err := known.Public(e, c.Entry.Digest, c.resolver())
	if err != nil {
		return "", fmt.Errorf("couldn't derive the public inputs: %w", err)
	}
	c.claim = &zkverify.Item{VK: vk, Proof: proof, Public: inputs}
	c.judged = func() error { return zkverify.Verify(vk, proof, inputs) }
	return "", nil
}

func (c *check) proof() (string, error) {
	if c.claim == nil {
		return "", nil
	}
	known, err := statement.Registered(c.under.Claims)
	if err != nil {
		return "", err
	}
	for i, input := range c.claim.Public {
		name := "public input " + fmt.Sprint(i+1)
		if i < len(known.Inputs) {
			name = known.Inputs[i]
		}
		c.use(name, input.String())
	}
	c.use("verifying key, SHA-256 of it", c.under.ID.String())
	c.use("proof", hex.EncodeToString(c.claim.Proof))
	if err := c.judged(); err != nil {
		return "", err
	}
	c.Groth16 = &Groth16{Statement: *c.under, Proof: c.claim.Proof, Public: c.claim.Public}
	return fmt.Sprintf("the Groth16 proof verifies for the %d public inputs that the payload determines", len(c.claim.Public)), nil
}

// standing looks at what came after the event: revocations that put it in doubt.
func (c *check) standing() (string, error) {
	if err := c.foldTo(c.top.Size); err != nil {
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
func (c *check) resolver() statement.Resolver { return before{c.ground, c.Entry.Index} }

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
