package ledger_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

// What an attestation is refused for. Nothing of it changes the event's state, and the witness stays.
func TestAttestationRefusals(t *testing.T) {
	w := newWorld(t)
	k := accessKeys(t)
	data := w.foundProving(k)
	inline := w.prove("gateway/1", 'g', k, data, 1)
	plain := w.say("gateway/1", 'g', claim(data, 1))
	one, proveOne := w.deferring("gateway/1", 'g', k, data, 3)
	two, proveTwo := w.deferring("gateway/1", 'g', k, data, 3) // the same claims: only number and prev differ
	w.must(inline, plain, one, two)
	proofOne, proofTwo := proveOne(), proveTwo()
	future := w.say("gateway/1", 'g', claim(data, 2))

	refuse := func(name string, code ledger.Code, check, source string, key byte, claims *event.AttestationClaims) {
		t.Helper()
		if r := w.refuse(code, w.say(source, key, claims)); r.Check != check {
			t.Errorf("%s: check %q (%s), want %q", name, r.Check, r.Detail, check)
		}
		if source != "nobody/1" {
			w.forget(source)
		}
	}
	refuse("by a service", ledger.NotPermitted, "", "gateway/1", 'g', proven(one, proofOne))
	refuse("by the operator", ledger.NotPermitted, "", "op/1", 'o', proven(one, proofOne))
	refuse("by nobody", ledger.UnknownSource, "", "nobody/1", 'n', proven(one, proofOne))
	refuse("of an event that isn't there", ledger.UnknownReference, "event", "prover/1", 'p', proven(future, proofOne))
	refuse("of an event with its proof", ledger.ClaimsOutOfRange, "deferred", "prover/1", 'p', proven(inline, inline.Proof))
	refuse("of a mere claim", ledger.ClaimsOutOfRange, "deferred", "prover/1", 'p', unproven(plain))
	refuse("with another event's proof", ledger.ProofInvalid, "groth16", "prover/1", 'p', proven(one, proofTwo))
	refuse("with an inline event's proof", ledger.ProofInvalid, "groth16", "prover/1", 'p', proven(one, inline.Proof))
	refuse("with no proof's bytes", ledger.ProofInvalid, "encoding", "prover/1", 'p', proven(one, []byte{1}))
	bent := slices.Clone(proofOne)
	bent[0] ^= 0x40 // −A instead of A
	refuse("with a bent proof", ledger.ProofInvalid, "groth16", "prover/1", 'p', proven(one, bent))

	// An attestation that comes before its event, at whatever index both would get: in one request, of two sources.
	three, proveThree := w.deferring("gateway/1", 'g', k, data, 5)
	early := w.say("prover/1", 'p', proven(three, proveThree()))
	for _, order := range [][]*event.Submission{{early, three}, {early}} {
		o := w.log.Submit(t.Context(), order)[0]
		if len(order) == 1 { // now the event is there
			if o.Refusal != nil {
				t.Errorf("the attestation after its event: %v", o.Refusal)
			}
			break
		}
		if o.Refusal == nil || o.Refusal.Code != ledger.UnknownReference {
			t.Errorf("an attestation before its event: %+v", o)
		}
	}
	if n := w.witnesses(); n != 2 {
		t.Errorf("%d witnesses are there, want those of 2 events", n)
	}

	// Both of a batch with one bad proof among good ones: each has its own fate.
	out := w.log.Submit(t.Context(), []*event.Submission{w.say("prover/1", 'p', proven(one, proofOne)), w.say("prover/2", 'q', proven(two, proofOne))})
	if out[0].Refusal != nil || out[1].Refusal == nil || out[1].Refusal.Code != ledger.ProofInvalid {
		t.Errorf("a good and a bad attestation: %v, %v", out[0].Refusal, out[1].Refusal)
	}
	w.forget("prover/2")

	t.Run("revoked prover", func(t *testing.T) {
		w.must(w.say("op/1", 'o', revoke("prover/2", 'q')))
		refuse("by a revoked prover", ledger.RevokedKey, "", "prover/2", 'q', proven(two, proofTwo))
	})
	t.Run("revoked statement", func(t *testing.T) {
		w.must(w.say("op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke, Statement: k.VerifyingKey.Digest()}))
		refuse("under a revoked statement", ledger.RevokedStatement, "", "prover/1", 'p', proven(two, proofTwo))
		w.must(w.say("prover/1", 'p', unproven(two))) // that there is no proof can still be said
	})
}

// A proof overrides a refusal, and nothing else follows anything.
func TestOrderOfAttestations(t *testing.T) {
	w := newWorld(t)
	k := accessKeys(t)
	data := w.foundProving(k)
	sub, prove := w.deferring("gateway/1", 'g', k, data, 3)
	w.must(sub)
	proof := prove()
	no := w.must(w.say("prover/1", 'p', unproven(sub)))[0]
	if n := w.witnesses(); n != 0 {
		t.Errorf("%d witnesses are there after a refusal", n)
	}
	if s := w.state(sub); s.State() != ledger.StateRefused || s.Attestation() != no.Index {
		t.Errorf("the event is %s by %d", s.State(), s.Attestation())
	}
	if r := w.refuse(ledger.AlreadyAttested, w.say("prover/2", 'q', unproven(sub))); r.Check != "refused" {
		t.Errorf("a second refusal: %v", r)
	}
	w.forget("prover/2")
	// In one batch: the proof, a second proof, a refusal.
	out := w.log.Submit(t.Context(), []*event.Submission{w.say("prover/2", 'q', proven(sub, proof)), w.say("prover/1", 'p', proven(sub, proof))})
	if out[0].Refusal != nil || out[1].Refusal == nil || out[1].Refusal.Code != ledger.AlreadyAttested || out[1].Refusal.Check != "proven" {
		t.Errorf("two proofs in one batch: %v, %v", out[0].Refusal, out[1].Refusal)
	}
	w.forget("prover/1")
	if s := w.state(sub); s.State() != ledger.StateProven || s.Attestation() != out[0].Receipt.Index || s.Refused != no.Index {
		t.Errorf("the event: %+v", s)
	}

	other, _ := w.deferring("gateway/1", 'g', k, data, 4)
	w.must(other)
	out = w.log.Submit(t.Context(), []*event.Submission{w.say("prover/2", 'q', unproven(other)), w.say("prover/1", 'p', unproven(other))})
	if out[0].Refusal != nil || out[1].Refusal == nil || out[1].Refusal.Check != "refused" {
		t.Errorf("two refusals in one batch: %v, %v", out[0].Refusal, out[1].Refusal)
	}
}

// Many workers with the same proof at once, through restarts of the leader: exactly one gets it in.
func TestOneProofGetsIn(t *testing.T) {
	w := newWorld(t)
	k := accessKeys(t)
	data := w.foundProving(k)
	const workers = 6
	for i := range workers {
		w.must(w.say("op/1", 'o', register(fmt.Sprintf("worker/%d", i), byte('A'+i), event.RoleProver)))
	}
	sub, prove := w.deferring("gateway/1", 'g', k, data, 3)
	w.must(sub)
	proof := prove()
	var receipts [workers]*ledger.Receipt
	var errs [workers]error
	var wg sync.WaitGroup
	for i := range workers {
		attestation := w.sign(w.draft(fmt.Sprintf("worker/%d", i), proven(sub, proof)), byte('A'+i))
		wg.Go(func() { receipts[i], errs[i] = insist(w.log, attestation) })
	}
	w.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	wg.Wait()
	in := 0
	for i := range workers {
		var refusal *ledger.Refusal
		switch {
		case errs[i] == nil:
			in++
			w.check(nil, receipts[i])
		case !asRefusal(errs[i], &refusal) || refusal.Code != ledger.AlreadyAttested:
			t.Errorf("worker %d: %v", i, errs[i])
		}
	}
	if n := query[int](w, "SELECT count(*) FROM attestations"); in != 1 || n != 1 || w.witnesses() != 0 {
		t.Errorf("%d workers got in, %d attestations and %d witnesses are there; want 1, 1, 0", in, n, w.witnesses())
	}
}

func asRefusal(err error, into **ledger.Refusal) bool {
	r, ok := err.(*ledger.Refusal)
	*into = r
	return ok
}

// A leaf of an attestation holds the proof inside its payload, and is found by it.
func TestAttestationsProofIsSigned(t *testing.T) {
	w := newWorld(t)
	k := accessKeys(t)
	data := w.foundProving(k)
	sub, prove := w.deferring("gateway/1", 'g', k, data, 3)
	w.must(sub)
	proof := prove()
	attestation := w.say("prover/1", 'p', proven(sub, proof))
	attestation.Proof = proof
	w.refuse(ledger.ProofUnexpected, attestation)
	attestation.Proof = nil
	r := w.must(attestation)[0]
	entry, err := w.log.Entry(t.Context(), r.Index)
	if err != nil || !bytes.Equal(entry.Event.Claims.(*event.AttestationClaims).Proof, proof) || entry.Deferral != nil {
		t.Errorf("the attestation's entry: %+v, %v", entry, err)
	}
}
