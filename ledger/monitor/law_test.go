package monitor_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify/simulate"
)

// proving is a registered statement, with the secrets of its set-up.
type proving struct {
	*simulate.Setup
	known statement.Statement
	id    event.Digest
}

// prove registers the statement data-access-64 under keys that a test can prove with.
func (h *history) proving() *proving {
	h.t.Helper()
	known, err := statement.ByName("data-access-64")
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := simulate.New([]byte("monitor"), len(known.Inputs))
	if err != nil {
		h.t.Fatal(err)
	}
	vk := s.VerifyingKey().Bytes()
	h.say(operator, &event.StatementClaims{Action: event.StatementRegister, Name: known.Name, Proves: event.DataAccess, Setup: event.SetupOneParty,
		Constraints: 1, ConstraintSystem: event.Digest{1}, ProvingKey: event.Digest{2}, ProvingKeySize: 1, VerifyingKey: vk})
	return &proving{s, known, verify.StatementID(vk)}
}

// Event makes a history the resolver of what is in it.
func (h *history) Event(d event.Digest) (*event.Event, error) {
	for i, leaf := range h.leaves {
		if e, err := verify.OpenEntry(int64(i), leaf); err == nil && e.Digest == d {
			return e.Event, nil
		}
	}
	return nil, fmt.Errorf("no event %s", d)
}

// proof proves an event.
func (h *history) proof(p *proving, e *event.Event) []byte {
	h.t.Helper()
	payload, err := e.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	inputs, err := p.known.Public(e, event.DigestOf(payload), h)
	if err != nil {
		h.t.Fatal(err)
	}
	proof, err := p.Prove(inputs)
	if err != nil {
		h.t.Fatal(err)
	}
	return proof
}

// proven is an access of the gateway's with its proof.
func (h *history) proven(p *proving, data event.Digest) (*event.Event, []byte) {
	e := h.draft("gateway/1", access(data))
	e.Proof, e.Statement = event.ProofInline, p.id
	return e, h.proof(p, e)
}

// deferred appends an access whose proof is deferred.
func (h *history) deferred(p *proving, data event.Digest) (*event.Event, event.Digest) {
	e := h.draft("gateway/1", access(data))
	e.Proof, e.Statement, e.Witness = event.ProofDeferred, p.id, event.Digest{9}
	h.write(h.sign(e, "gateway/1"))
	return e, h.chains["gateway/1"].Prev
}

func proven(d event.Digest, proof []byte) *event.AttestationClaims {
	return &event.AttestationClaims{Event: d, Outcome: event.OutcomeProven, Proof: proof}
}

func refused(d event.Digest) *event.AttestationClaims {
	return &event.AttestationClaims{Event: d, Outcome: event.OutcomeRefused, Reason: "unsatisfied"}
}

// TestLaw has the operator write what the law of the log forbids. Each is caught, with evidence that it is in the log.
func TestLaw(t *testing.T) {
	type scene struct {
		*history
		*proving
		data event.Digest
	}
	for _, tc := range []struct {
		name string
		kind monitor.Kind
		do   func(s scene) // the last entry is the unlawful one
	}{
		{"an event after its key's revocation", "revoked-key", func(s scene) {
			s.say(operator, revoke("gateway/1"))
			s.accesses(s.data, 1)
		}},
		{"an event of a key that was rotated out", "revoked-key", func(s scene) {
			s.say("gateway/1", rotate("gateway/1", "new"))
			s.accesses(s.data, 1) // with the old one
		}},
		{"the log's time steps back", "logged-back", func(s scene) {
			s.logged -= 10
			s.accesses(s.data, 1)
		}},
		{"a foreign key attests", "wrong-key", func(s scene) {
			e, d := s.deferred(s.proving, s.data)
			s.write(s.sign(s.draft("prover/1", proven(d, s.proof(s.proving, e))), "somebody"))
		}},
		{"a source attests that is no prover", "not-permitted", func(s scene) {
			e, d := s.deferred(s.proving, s.data)
			s.say("controller/1", proven(d, s.proof(s.proving, e)))
		}},
		{"an attestation with another event's proof", "proof-invalid", func(s scene) {
			e, _ := s.deferred(s.proving, s.data)
			_, d := s.deferred(s.proving, s.data)
			s.say("prover/1", proven(d, s.proof(s.proving, e)))
		}},
		{"a second proof", "already-attested", func(s scene) {
			e, d := s.deferred(s.proving, s.data)
			s.say("prover/1", refused(d))
			s.say("prover/1", proven(d, s.proof(s.proving, e)))
			s.say("prover/1", proven(d, s.proof(s.proving, e)))
		}},
		{"an attestation of what isn't deferred", "claims-out-of-range", func(s scene) {
			s.say("prover/1", refused(s.data))
		}},
		{"an attestation of nothing", "unknown-reference", func(s scene) {
			s.say("prover/1", refused(event.Digest{5}))
		}},
		{"a source's number is skipped", "sequence-gap", func(s scene) {
			s.sign(s.draft("gateway/1", access(s.data)), "gateway/1")
			s.accesses(s.data, 1)
		}},
		{"a source's number comes twice", "sequence-fork", func(s scene) {
			before := s.chains["gateway/1"]
			s.accesses(s.data, 1)
			after := s.chains["gateway/1"]
			s.chains["gateway/1"] = before
			other := access(s.data)
			other.Records = 7
			s.say("gateway/1", other)
			s.chains["gateway/1"] = after
		}},
		{"an entry that names another one before it", "sequence-fork", func(s scene) {
			e := s.draft("gateway/1", access(s.data))
			e.Prev = event.Digest{7}
			s.write(s.sign(e, "gateway/1"))
		}},
		{"an entry comes twice", "sequence-fork", func(s scene) {
			s.write(s.leaves[len(s.leaves)-1])
		}},
		{"a signature that doesn't verify", "bad-signature", func(s scene) {
			leaf := s.sign(s.draft("gateway/1", access(s.data)), "gateway/1")
			s.chains["gateway/1"] = verify.Chain{Seq: s.chains["gateway/1"].Seq - 1, Prev: last(s.history, "gateway/1")}
			l, err := event.DecodeLeaf(leaf)
			if err != nil {
				s.t.Fatal(err)
			}
			l.Envelope.Signature[3] ^= 1
			if leaf, err = l.Encode(); err != nil {
				s.t.Fatal(err)
			}
			s.write(leaf)
		}},
		{"a source that isn't registered", "unknown-source", func(s scene) { s.say("gateway/2", access(s.data)) }},
		{"an event that is meant for another log", "wrong-log", func(s scene) {
			e := s.draft("gateway/1", access(s.data))
			e.Log = "other.example"
			s.write(s.sign(e, "gateway/1"))
		}},
		{"a registration by a service", "not-permitted", func(s scene) {
			s.say("gateway/1", &event.SourceClaims{Action: event.SourceRegister, Source: "x/1", Role: event.RoleService, Key: public("x/1"), Consent: make([]byte, 64)})
		}},
		{"a registration without consent", "bad-signature", func(s scene) {
			s.say(operator, &event.SourceClaims{Action: event.SourceRegister, Source: "x/1", Role: event.RoleService, Key: public("x/1"), Consent: make([]byte, 64)})
		}},
		{"an access to what isn't there", "unknown-reference", func(s scene) { s.say("gateway/1", access(event.Digest{1})) }},
		{"an access for what the data set isn't for", "claims-out-of-range", func(s scene) {
			c := access(s.data)
			c.Purpose = "marketing"
			s.say("gateway/1", c)
		}},
		{"an erasure of what isn't there", "unknown-reference", func(s scene) {
			s.say(operator, &event.ErasureClaims{Event: event.Digest{5}, Reason: "asked for", Scope: "all"})
		}},
		{"an invalid proof", "proof-invalid", func(s scene) {
			e, _ := s.proven(s.proving, s.data)
			other, _ := s.proven(s.proving, s.data)
			other.Time++
			s.write(s.sign(e, "gateway/1", s.proof(s.proving, other)...))
		}},
		{"garbage for a proof", "proof-invalid", func(s scene) {
			e, proof := s.proven(s.proving, s.data)
			s.write(s.sign(e, "gateway/1", proof[:40]...))
		}},
		{"a proof that was stripped", "proof-missing", func(s scene) {
			e, _ := s.proven(s.proving, s.data)
			s.write(s.sign(e, "gateway/1"))
		}},
		{"a proof that nobody announced", "proof-unexpected", func(s scene) {
			_, proof := s.proven(s.proving, s.data)
			s.write(s.sign(s.draft("gateway/1", access(s.data)), "gateway/1", proof...))
		}},
		{"a proof under an unknown statement", "unknown-statement", func(s scene) {
			e, proof := s.proven(s.proving, s.data)
			e.Statement = event.Digest{4}
			s.write(s.sign(e, "gateway/1", proof...))
		}},
		{"a proof under a statement that was revoked", "revoked-statement", func(s scene) {
			s.say(operator, &event.StatementClaims{Action: event.StatementRevoke, Statement: s.id})
			e, proof := s.proven(s.proving, s.data)
			s.write(s.sign(e, "gateway/1", proof...))
		}},
		{"a step of a run of somebody else's", "claims-out-of-range", func(s scene) {
			run := s.say("controller/1", trainingRun(s.data))
			s.say("gateway/1", &event.TrainingStepClaims{Run: run, Step: 1})
		}},
		{"a step that comes too early", "claims-out-of-range", func(s scene) {
			run := s.say("gateway/1", trainingRun(s.data))
			s.say("gateway/1", &event.TrainingStepClaims{Run: run, Step: 1, After: event.Element{31: 1}})
			s.say("gateway/1", &event.TrainingStepClaims{Run: run, Step: 3, Before: event.Element{31: 1}})
		}},
		{"what is no entry", "malformed", func(s scene) { s.write([]byte(`{"logged":1}`)) }},
		{"an entry with white space", "malformed", func(s scene) {
			leaf := s.sign(s.draft("gateway/1", access(s.data)), "gateway/1")
			s.chains["gateway/1"] = verify.Chain{Seq: s.chains["gateway/1"].Seq - 1, Prev: last(s.history, "gateway/1")}
			s.write(append(leaf, ' '))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := newLogKey(t)
			h, data := founded(t, k)
			s := scene{h, h.proving(), data}
			e, proof := h.proven(s.proving, data)
			h.write(h.sign(e, "gateway/1", proof...))
			deferred, d := h.deferred(s.proving, data)
			h.say("prover/1", refused(d))
			h.say("prover/1", proven(d, h.proof(s.proving, deferred)))
			h.say(operator, &event.ErasureClaims{Event: h.chains["gateway/1"].Prev, Reason: "asked for", Scope: "all"})
			before := h.size()
			tc.do(s)
			at := h.size() - 1
			h.register("later/1", event.RoleService)
			for range 3 {
				h.say("later/1", access(data))
			}
			h.say(operator, &event.ErasureClaims{Event: data, Reason: "asked for", Scope: "salts"}) // of an entry that was read long before
			// In one go, and with the rest read by a monitor that was restarted just before, and after, the entry.
			for _, stops := range [][]int64{{h.size()}, {before, at, at + 1, h.size()}} {
				log := serveLog(t, h.shows(0))
				w := watch(t, k, log.URL)
				for _, size := range stops {
					log.show(h.shows(size))
					w.round()
					w.again()
				}
				w.wantSize(h.size())
				w.wantAlarms(tc.kind)
				a := w.alarms()[0]
				if a.Index == nil || *a.Index != at {
					t.Fatalf("the alarm is not about entry %d: %+v", at, a)
				}
				r, err := verify.ParseReceipt(w.evidence(a, ".leaf"), w.evidence(a, ".tlog-proof"))
				if err != nil {
					t.Fatal(err)
				}
				head, err := verify.OpenHead(r.Note, k.key)
				if err != nil {
					t.Fatal(err)
				}
				if err := head.CheckInclusion(at, r.Leaf, r.Hashes); err != nil || !bytes.Equal(r.Leaf, h.leaves[at]) {
					t.Errorf("the evidence doesn't show entry %d: %v", at, err)
				}
			}
		})
	}
}

// TestReordered has two entries of one source in each other's place, signed so from the beginning.
func TestReordered(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 4)
	leaves := slices.Clone(h.leaves)
	at := int64(len(leaves) - 3)
	leaves[at], leaves[at+1] = leaves[at+1], leaves[at]
	w := watch(t, k, serveLog(t, h.rebuild(leaves).shows(h.size())).URL)
	w.round()
	w.wantSize(h.size())
	if a := w.alarms(); len(a) < 2 || !slices.ContainsFunc(a, func(a monitor.Alarm) bool { return a.Kind == "sequence-gap" && *a.Index == at }) ||
		!slices.ContainsFunc(a, func(a monitor.Alarm) bool { return a.Kind == "logged-back" && *a.Index == at+1 }) {
		t.Errorf("the alarms are %+v", a)
	}
}

func trainingRun(data event.Digest) *event.TrainingRunClaims {
	return &event.TrainingRunClaims{Dataset: data, Steps: 4, Batch: 2, LearningRate: 1, Features: []event.Feature{{Column: "age", Scale: 1}}, Label: event.Label{Column: "defaulted"}}
}

// last is the digest of a source's last entry in the log.
func last(h *history, source string) event.Digest {
	for i := len(h.leaves) - 1; i >= 0; i-- {
		if e, err := verify.OpenEntry(int64(i), h.leaves[i]); err == nil && e.Event.Source == source {
			return e.Digest
		}
	}
	return event.Digest{}
}

// TestManyUnlawfulEntries has more of one kind than are kept.
func TestManyUnlawfulEntries(t *testing.T) {
	k := newLogKey(t)
	h, data := founded(t, k)
	for range 100 {
		h.say("nobody/1", access(data))
	}
	h.accesses(data, 1)
	w := watch(t, k, serveLog(t, h.shows(h.size())).URL)
	w.round()
	w.wantSize(h.size())
	if s := w.status(); len(s.Alarms) != 16 || s.Beyond["unknown-source"] != 84 {
		t.Errorf("%d alarms are kept, and beyond them %v are counted", len(s.Alarms), s.Beyond)
	}
}
