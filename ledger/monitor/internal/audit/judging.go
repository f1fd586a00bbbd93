package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// judging is one call of Judge.
type judging struct {
	*Law
	Judged
	ctx    context.Context
	first  int64
	all    []opened
	proofs []toProve
	// erasable are the digests that erasures among the entries name, of events that are in the log before them; nil before it was looked up.
	erasable map[event.Digest]bool
}

// toProve is an event whose public inputs are to be derived, and the proof that is to be checked against them; a deferred one has none yet.
type toProve struct {
	index int64 // of the entry that brings the proof
	event *verify.Entry
	proof []byte
	state verify.StatementState

	vk     *zkverify.VerifyingKey
	known  *statement.Statement
	public []event.Element
	err    error
}

func (j *judging) find(index int64, rule verify.Rule, detail string) {
	j.Findings = append(j.Findings, Finding{index, rule, detail})
}

// settle judges entry i after all before it, and records it. It fails only if the state can't be read.
func (j *judging) settle(i int) error {
	o := &j.all[i]
	if o.err != nil {
		j.find(j.first+int64(i), RuleMalformed, o.err.Error())
		j.digests.add(event.Digest{})
		return nil
	}
	j.Entries[i] = o.Entry
	if o.Leaf.Logged < j.logged {
		j.find(o.Index, RuleLogged, fmt.Sprintf("the log's time is %d ms, and that of the entry before it is %d ms", o.Leaf.Logged, j.logged))
	}
	j.logged = o.Leaf.Logged
	if o.sign != nil { // its source didn't say it
		rule, detail := violation(o.sign)
		j.find(o.Index, rule, detail)
		j.digests.add(event.Digest{})
		return nil
	}
	err := j.number(o.Entry)
	if o.law != nil {
		err = o.law
	}
	if err == nil {
		err = j.claims(o)
	}
	j.digests.add(o.Digest)
	var v *verify.Violation
	switch {
	case errors.As(err, &v):
		j.find(o.Index, v.Rule, v.Detail)
		return nil
	case err != nil:
		return err
	}
	j.apply(o.Entry)
	if kept(o.Event) {
		j.events.add(o.Entry, o.leaf)
	}
	return nil
}

// number holds an entry against its source's last one. Whatever comes of it, the source goes on from the larger number.
func (j *judging) number(e *verify.Entry) error {
	chain, ok := j.chains[e.Event.Source]
	if !ok {
		chain = verify.NewChain()
	}
	err := chain.Judge(e.Event)
	if e.Event.Seq >= chain.Seq {
		j.chains[e.Event.Source] = verify.After(e.Event, e.Digest)
		j.touched[e.Event.Source] = true
	}
	return err
}

// claims judges what an event claims against what is in the log. Its errors are *verify.Violation, or say that the state can't be read.
func (j *judging) claims(o *opened) error {
	e := o.Event
	if err := verify.JudgeProofMode(e.Proof, o.Leaf.Proof); err != nil {
		return err
	}
	switch c := e.Claims.(type) {
	case *event.StatementClaims:
		return verify.JudgeStatement(c)
	case *event.AttestationClaims:
		return j.attestation(o, c)
	case *event.ErasureClaims:
		return j.erasure(c)
	}
	for _, ref := range verify.References(e.Claims) {
		to, err := j.refer(ref)
		if err == nil {
			err = verify.JudgeReferred(e.Claims, ref, to.Event)
		}
		if err != nil {
			return err
		}
		if step, ok := e.Claims.(*event.TrainingStepClaims); ok {
			if err = verify.JudgeRun(e, step, to.Event); err == nil {
				err = j.runs[step.Run].Judge(step)
			}
			if err != nil {
				return err
			}
		}
	}
	if e.Proof != event.ProofNone {
		j.toProve(o.Index, o.Entry, o.Leaf.Proof)
	}
	return nil
}

// refer finds an event that claims refer to.
func (j *judging) refer(ref verify.Reference) (*verify.Entry, error) {
	to, err := j.events.find(ref.Event)
	if err == nil && to == nil {
		err = &verify.Violation{Rule: verify.RuleReference, Check: ref.Member,
			Detail: fmt.Sprintf("%s names event %s, and no valid event of such a kind has that digest before this entry", ref.Member, ref.Event)}
	}
	return to, err
}

func (j *judging) attestation(o *opened, c *event.AttestationClaims) error {
	of, err := j.refer(verify.Reference{Member: "event", Event: c.Event})
	if err != nil {
		return err
	}
	if err := verify.JudgeAttested(c, of.Event); err != nil {
		return err
	}
	have, ok := j.attested[c.Event]
	if !ok {
		have = verify.Unattested()
	}
	if err := j.registry.JudgeAttestation(c, of.Event, have); err != nil {
		return err
	}
	if c.Outcome == event.OutcomeProven {
		j.toProve(o.Index, of, c.Proof)
	}
	return nil
}

// erasure checks that what was erased about an event is about one of the log's.
func (j *judging) erasure(c *event.ErasureClaims) error {
	if j.erasable == nil {
		wanted := map[event.Digest]bool{}
		for i := range j.all {
			if j.all[i].err != nil {
				continue
			}
			if c, ok := j.all[i].Event.Claims.(*event.ErasureClaims); ok {
				wanted[c.Event] = true
			}
		}
		var err error
		if j.erasable, err = j.digests.among(wanted); err != nil {
			return err
		}
	}
	if !j.erasable[c.Event] && !j.digests.recent(c.Event, j.first) {
		return &verify.Violation{Rule: verify.RuleReference, Check: "event", Detail: fmt.Sprintf("event names event %s, which is not in the log before this entry", c.Event)}
	}
	return nil
}

// toProve queues an event's proof, under its statement as it stands here.
func (j *judging) toProve(index int64, of *verify.Entry, proof []byte) {
	if j.cfg.Unproven {
		return
	}
	s, _ := j.registry.Statement(of.Event.Statement) // judged before
	j.proofs = append(j.proofs, toProve{index: index, event: of, proof: proof, state: s})
}

// prove derives the public inputs of what is queued, and checks all proofs at once.
func (j *judging) prove() error {
	for i := range j.proofs {
		p := &j.proofs[i]
		p.vk, p.known, p.err = j.key(&p.state)
	}
	each(len(j.proofs), func(i int) {
		if p := &j.proofs[i]; p.err == nil {
			p.public, p.err = p.known.Public(p.event.Event, p.event.Digest, resolver{j, p.event.Index})
		}
	})
	if err := j.ctx.Err(); err != nil {
		return err
	}
	var items []zkverify.Item
	var of []*toProve
	for i := range j.proofs {
		switch p := &j.proofs[i]; {
		case p.err != nil:
			var outside *statement.RangeError
			var missing *verify.Violation
			switch {
			case errors.As(p.err, &outside):
				j.find(p.index, verify.RuleClaims, p.err.Error())
			case errors.As(p.err, &missing):
				j.find(p.index, missing.Rule, missing.Detail)
			default:
				return fmt.Errorf("couldn't derive the public inputs of entry %d: %w", p.event.Index, p.err)
			}
		case p.proof != nil:
			items, of = append(items, zkverify.Item{VK: p.vk, Proof: p.proof, Public: p.public}), append(of, p)
		}
	}
	j.Proofs = len(items)
	for i, err := range zkverify.VerifyBatch(items) {
		if err != nil {
			j.find(of[i].index, RuleProof, err.Error())
		}
	}
	slices.SortStableFunc(j.Findings, func(a, b Finding) int { return cmp.Compare(a.Index, b.Index) })
	return nil
}

// resolver finds what an event refers to. It implements statement.Resolver and statement.TreeResolver.
type resolver struct {
	*judging
	before int64
}

func (r resolver) Event(d event.Digest) (*event.Event, error) {
	to, err := r.lookUp(d)
	if err != nil {
		return nil, err
	}
	return to.Event, nil
}

func (r resolver) lookUp(d event.Digest) (*verify.Entry, error) {
	to, err := r.events.find(d)
	if err == nil && (to == nil || to.Index >= r.before) {
		err = &verify.Violation{Rule: verify.RuleReference, Detail: fmt.Sprintf("event %s is not in the log before entry %d", d, r.before)}
	}
	return to, err
}

// Dataset makes it a statement.DatasetResolver.
func (r resolver) Dataset(d event.Digest) (event.Element, error) {
	to, err := r.lookUp(d)
	if err != nil {
		return event.Element{}, err
	}
	claims, ok := to.Event.Claims.(*event.DatasetClaims)
	if !ok {
		return event.Element{}, &verify.Violation{Rule: verify.RuleClaims, Detail: fmt.Sprintf("event %s is of kind %s, not a data set", d, to.Event.Kind())}
	}
	return r.events.dataset(d, claims)
}

// RootThrough is the root of the tree that ends with an event.
func (r resolver) RootThrough(d event.Digest) (root [32]byte, err error) {
	to, err := r.lookUp(d)
	if err != nil {
		return root, err
	}
	return r.cfg.Root(to.Index + 1)
}
