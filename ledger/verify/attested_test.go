package verify_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// late is a story whose entry 8 is an access of which the proof is deferred.
type late struct {
	*paperLog
	h      *history
	digest event.Digest // of entry 8
	proof  []byte
	inline []byte // the proof of entry 5
	under  event.Digest
}

const deferredAt = 8

// toldOnce is the story as it was written once: proofs take their time.
var toldOnce struct {
	sync.Mutex
	*late
}

// deferredStory is a copy of the story that a test may go on with.
func deferredStory(t *testing.T) *late {
	toldOnce.Lock()
	defer toldOnce.Unlock()
	if toldOnce.late == nil {
		toldOnce.late = writeDeferredStory(t)
	}
	s := *toldOnce.late
	log := newPaperLog(t)
	for _, leaf := range s.leaves {
		log.append(leaf)
	}
	log.chains = maps.Clone(s.chains)
	s.paperLog, s.h = log, &history{t: t}
	return &s
}

func writeDeferredStory(t *testing.T) *late {
	l, data, k := story(t)
	s := &late{paperLog: l, h: &history{t: t}, under: k.VerifyingKey.Digest()}
	leaf, err := event.DecodeLeaf(l.leaves[5])
	if err != nil {
		t.Fatal(err)
	}
	s.inline = leaf.Proof
	s.say("op/1", 'o', s.h.prover("p/1", 'p', recipientA))
	s.say("op/1", 'o', s.h.prover("p/2", 'q', recipientB))
	claims, prove := l.access(k, data, 3, 8)
	e := l.draft("gateway/1", claims, s.under)
	e.Proof, e.Witness = event.ProofDeferred, event.Digest{7}
	s.digest = l.write(e, 'g', nil)
	s.proof = prove(e)(s.digest)
	return s
}

func (s *late) say(source string, key byte, claims event.Claims) int64 {
	s.write(s.draft(source, claims, event.Digest{}), key, nil)
	return int64(len(s.leaves)) - 1
}

func (s *late) proven() *event.AttestationClaims {
	return &event.AttestationClaims{Event: s.digest, Outcome: event.OutcomeProven, Proof: s.proof}
}

func (s *late) refusedAs(reason string) *event.AttestationClaims {
	return &event.AttestationClaims{Event: s.digest, Outcome: event.OutcomeRefused, Reason: reason}
}

func TestEvidenceOfADeferredEvent(t *testing.T) {
	s := deferredStory(t)
	want := func(verdict verify.Verdict, at int64, claimed, trusted string) {
		t.Helper()
		report, err := s.gather(deferredAt).Verify(s.key)
		if err != nil || report.Verdict != verdict || len(report.Doubts) > 0 {
			t.Fatalf("the verdict is %s with doubts %q (%v), want %s", report.Verdict, report.Doubts, err, verdict)
		}
		if (report.Attestation == nil) != (at == 0) || at > 0 && report.Attestation.Index != at {
			t.Errorf("%s: the attestation is %+v, want entry %d", verdict, report.Attestation, at)
		}
		if g := report.Groth16; (g != nil) != (verdict == verify.Proven) || g != nil && !bytes.Equal(g.Proof, s.proof) {
			t.Errorf("%s: the verified proof is %+v", verdict, g)
		}
		if text := strings.Join(report.Claimed, "\n"); !strings.Contains(text, claimed) {
			t.Errorf("%s: what is claimed does not mention %q:\n%s", verdict, claimed, text)
		}
		if text := strings.Join(report.Trusted, "\n"); !strings.Contains(text, trusted) {
			t.Errorf("%s: what stays trusted does not mention %q:\n%s", verdict, trusted, text)
		}
		if text := strings.Join(report.Proven, "\n"); strings.Contains(text, "2 records") != (verdict == verify.Proven) {
			t.Errorf("%s: what is proven:\n%s", verdict, text)
		}
	}
	want(verify.Waiting, 0, "the evidence holds none", "registered as")
	no := s.say("p/1", 'p', s.refusedAs("unsatisfied"))
	want(verify.Refused, no, "not true of it", "prover p/1 says truly")
	yes := s.say("p/2", 'q', s.proven())
	want(verify.Proven, yes, "the source's clock", "UNTRUSTED")

	// What the prover signs is told apart from what its attestation is worth.
	report, err := s.gather(yes).Verify(s.key)
	if err != nil || report.Verdict != verify.Claimed || !strings.Contains(strings.Join(report.Claimed, "\n"), s.digest.String()) {
		t.Errorf("the attestation itself: %s, %v: %q", report.Verdict, err, report.Claimed)
	}
	// A head from before the attestation vouches for none.
	old := s.paperLog
	short := *old
	short.leaves = slices.Clone(old.leaves[:deferredAt+1])
	report, err = short.gather(deferredAt).Verify(s.key)
	if err != nil || report.Verdict != verify.Waiting {
		t.Errorf("under an older head: %s, %v", report.Verdict, err)
	}
}

// That a statement was revoked before an event was proven is nobody's word: the log shows it.
func TestRefusedSinceTheStatementWasRevoked(t *testing.T) {
	s := deferredStory(t)
	s.say("op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke, Statement: s.under})
	s.say("p/1", 'p', s.refusedAs(event.ReasonStatementRevoked))
	report, err := s.gather(deferredAt).Verify(s.key)
	if err != nil || report.Verdict != verify.Refused {
		t.Fatalf("%s, %v", report.Verdict, err)
	}
	if words := verify.RefusalWords(event.ReasonStatementRevoked); !strings.Contains(strings.Join(report.Proven, "\n"), words) || strings.Contains(strings.Join(report.Claimed, "\n"), words) {
		t.Errorf("proven: %q, claimed: %q", report.Proven, report.Claimed)
	}
}

// What no log that keeps its law can hold.
func TestForbiddenAttestations(t *testing.T) {
	for name, c := range map[string]struct {
		write func(s *late)
		step  string
	}{
		"by a service":              {func(s *late) { s.say("gateway/1", 'g', s.proven()) }, "attestation"},
		"by the operator":           {func(s *late) { s.say("op/1", 'o', s.proven()) }, "attestation"},
		"with another prover's key": {func(s *late) { s.say("p/1", 'q', s.proven()) }, "attestation"},
		"by a revoked prover":       {func(s *late) { s.say("op/1", 'o', s.h.revoke("p/1", 'p', 0)); s.say("p/1", 'p', s.proven()) }, "attestation"},
		"with an old key":           {func(s *late) { s.say("p/1", 'p', s.h.rotate("p/1", 'z')); s.say("p/1", 'p', s.proven()) }, "attestation"},
		"twice":                     {func(s *late) { s.say("p/1", 'p', s.proven()); s.say("p/2", 'q', s.proven()) }, "attestation"},
		"a refusal after a proof":   {func(s *late) { s.say("p/1", 'p', s.proven()); s.say("p/2", 'q', s.refusedAs("unsatisfied")) }, "attestation"},
		"a second refusal": {func(s *late) {
			s.say("p/1", 'p', s.refusedAs("unsatisfied"))
			s.say("p/2", 'q', s.refusedAs("undecryptable"))
		}, "attestation"},
		"with another event's proof": {func(s *late) { a := s.proven(); a.Proof = s.inline; s.say("p/1", 'p', a) }, "proof"},
		"with no proof's bytes":      {func(s *late) { a := s.proven(); a.Proof = []byte{1}; s.say("p/1", 'p', a) }, "proof"},
		"under a revoked statement": {func(s *late) {
			s.say("op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke, Statement: s.under})
			s.say("p/1", 'p', s.proven())
		}, "attestation"},
		"a refusal for a revoked statement that stands": {func(s *late) { s.say("p/1", 'p', s.refusedAs(event.ReasonStatementRevoked)) }, "attestation"},
		"with the proof beside it": {func(s *late) {
			s.write(s.draft("p/1", s.proven(), event.Digest{}), 'p', func(event.Digest) []byte { return s.proof })
		}, "attestation"},
	} {
		t.Run(name, func(t *testing.T) {
			s := deferredStory(t)
			c.write(s)
			refuted(t, s.paperLog, s.gather(deferredAt), c.step)
		})
	}
	t.Run("before its event", func(t *testing.T) {
		s := deferredStory(t)
		event8 := s.leaves[deferredAt]
		s.leaves = s.leaves[:deferredAt]
		s.rehash()
		s.say("p/1", 'p', s.proven())
		s.append(event8)
		refuted(t, s.paperLog, s.gather(deferredAt+1), "attestation")
	})
	t.Run("a deferred event with a proof", func(t *testing.T) {
		s := deferredStory(t)
		leaf, err := event.DecodeLeaf(s.leaves[deferredAt])
		if err != nil {
			t.Fatal(err)
		}
		leaf.Proof = s.proof
		s.leaves = s.leaves[:deferredAt]
		s.rehash()
		b, err := leaf.Encode()
		if err != nil {
			t.Fatal(err)
		}
		s.append(b)
		refuted(t, s.paperLog, s.gather(deferredAt), "statement")
	})
}

// rehash computes the tree's stored hashes anew, after leaves were cut off.
func (s *late) rehash() {
	leaves := s.leaves
	s.leaves, s.hashes = nil, nil
	for _, leaf := range leaves {
		s.append(leaf)
	}
}

// A proof that came later falls into doubt with its prover's key, and with the statement, by its own place.
func TestDeferredEventInDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		revoke func(s *late, attested int64) event.Claims
		want   []string
	}{
		"the prover's key, from the attestation on": {func(s *late, at int64) event.Claims { return s.h.revoke("p/1", 'p', at) }, []string{"signed entry 10,"}},
		"the prover's key, from later on":           {func(s *late, at int64) event.Claims { return s.h.revoke("p/1", 'p', at+1) }, nil},
		"another prover's key":                      {func(s *late, at int64) event.Claims { return s.h.revoke("p/2", 'q', 1) }, nil},
		"the statement, from between on": {func(s *late, at int64) event.Claims {
			return &event.StatementClaims{Action: event.StatementRevoke, Statement: s.under, From: at}
		}, []string{"entry 10 attests the event"}},
		"the statement, from the event on": {func(s *late, at int64) event.Claims {
			return &event.StatementClaims{Action: event.StatementRevoke, Statement: s.under, From: deferredAt}
		}, []string{"entry 8 is proven"}},
		"the statement, from later on": {func(s *late, at int64) event.Claims {
			return &event.StatementClaims{Action: event.StatementRevoke, Statement: s.under, From: at + 1}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := deferredStory(t)
			s.say("gateway/1", 'g', &event.ApprovalClaims{}) // the log goes on
			at := s.say("p/1", 'p', s.proven())
			s.say("gateway/1", 'g', &event.ApprovalClaims{})
			s.say("op/1", 'o', c.revoke(s, at))
			report, err := s.gather(deferredAt).Verify(s.key)
			if err != nil || report.Verdict != verify.Proven || len(report.Doubts) != len(c.want) {
				t.Fatalf("%s with doubts %q, %v; want %q", report.Verdict, report.Doubts, err, c.want)
			}
			for i := range c.want {
				if !strings.Contains(report.Doubts[i], c.want[i]) {
					t.Errorf("doubt %d is %q, want %q", i, report.Doubts[i], c.want[i])
				}
			}
		})
	}
}

// Every reason that a refusal may give has words.
func TestRefusalWords(t *testing.T) {
	for _, reason := range event.RefusalReasons() {
		if words := verify.RefusalWords(reason); words == reason {
			t.Errorf("the reason %q has no words", reason)
		}
	}
}
