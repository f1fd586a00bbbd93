package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

const origin = "log.example/test"

// keyOf is a key per letter.
func keyOf(letter byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{letter}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// history plays a log: each entry is judged as the ledger does it, and applied if it passes.
type history struct {
	t      *testing.T
	r      *verify.Registry
	chains map[string]verify.Chain
	next   int64
}

func newHistory(t *testing.T) *history {
	h := &history{t: t, r: verify.NewRegistry(origin), chains: map[string]verify.Chain{}}
	h.must("op/1", 'o', h.register("op/1", 'o', event.RoleOperator))
	return h
}

// register makes the claims that register a source with the key of that letter.
func (h *history) register(source string, key byte, role event.SourceRole) *event.SourceClaims {
	k := keyOf(key)
	return &event.SourceClaims{Action: event.SourceRegister, Source: source, Role: role, Key: public(k),
		Consent: ed25519.Sign(k, event.ConsentMessage(origin, source, public(k), nil, ""))}
}

// recoverable is register with a recovery key.
func (h *history) recoverable(source string, key byte, role event.SourceRole, recovery byte) *event.SourceClaims {
	c := h.register(source, key, role)
	c.Recovery = public(keyOf(recovery))
	c.Consent = ed25519.Sign(keyOf(key), event.ConsentMessage(origin, source, c.Key, c.Recovery, ""))
	return c
}

func (h *history) rotate(source string, key byte) *event.SourceClaims {
	c := h.register(source, key, "")
	c.Action = event.SourceRotate
	return c
}

func (h *history) revoke(source string, key byte, from int64) *event.SourceClaims {
	return &event.SourceClaims{Action: event.SourceRevoke, Source: source, Key: public(keyOf(key)), From: from}
}

// try lets source say claims, signed with the key of that letter.
func (h *history) try(source string, key byte, claims event.Claims) error {
	h.t.Helper()
	chain, ok := h.chains[source]
	if !ok {
		chain = verify.NewChain()
	}
	e := &event.Event{Subject: event.Subject{Name: "x"}, Log: origin, Source: source, Seq: chain.Seq, Prev: chain.Prev, Proof: event.ProofNone, Claims: claims}
	if _, ok := claims.(*event.DataAccessClaims); ok {
		e.Proof, e.Statement = event.ProofInline, statementID
	}
	payload, err := e.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	envelope := event.Sign(payload, keyOf(key))
	signer, err := h.r.Signer(e, envelope.KeyID)
	if err != nil {
		return err
	}
	if err := envelope.Verify(signer); err != nil {
		return err
	}
	if err := h.r.Judge(h.next, e, envelope.KeyID); err != nil {
		return err
	}
	h.r.Apply(h.next, e, envelope.KeyID)
	h.chains[source] = verify.After(e, envelope.Digest())
	h.next++
	return nil
}

func (h *history) must(source string, key byte, claims event.Claims) {
	h.t.Helper()
	if err := h.try(source, key, claims); err != nil {
		h.t.Fatalf("entry %d: %v", h.next, err)
	}
}

func (h *history) refused(want verify.Rule, source string, key byte, claims event.Claims) {
	h.t.Helper()
	var v *verify.Violation
	if err := h.try(source, key, claims); !errors.As(err, &v) || v.Rule != want {
		h.t.Errorf("entry %d by %s with key %c: got %v, want a violation of %s", h.next, source, key, err, want)
	}
}

var (
	verifyingKey = []byte("a verifying key")
	statementID  = verify.StatementID(verifyingKey)
	plain        = &event.ApprovalClaims{} // claims that any source may make
)

func theStatement() *event.StatementClaims {
	return &event.StatementClaims{Action: event.StatementRegister, Constraints: 1, Proves: event.DataAccess, Name: "data-access-16",
		ProvingKeySize: 1, Setup: event.SetupOneParty, VerifyingKey: verifyingKey}
}

func access() *event.DataAccessClaims {
	return &event.DataAccessClaims{Columns: []string{"a"}, Purpose: "p", Records: 1}
}

func TestFirstEntryRegistersTheOperator(t *testing.T) {
	h := &history{t: t, r: verify.NewRegistry(origin), chains: map[string]verify.Chain{}}
	h.refused(verify.RuleUnknownSource, "op/1", 'o', plain)
	h.refused(verify.RuleUnknownSource, "op/1", 'o', h.register("op/1", 'o', event.RoleService))
	h.refused(verify.RuleUnknownSource, "op/1", 'o', h.register("op/2", 'o', event.RoleOperator))
	h.refused(verify.RuleWrongKey, "op/1", 'x', h.register("op/1", 'o', event.RoleOperator))
	unconsented := h.register("op/1", 'o', event.RoleOperator)
	unconsented.Consent[0] ^= 1
	h.refused(verify.RuleSignature, "op/1", 'o', unconsented)
	h.must("op/1", 'o', h.register("op/1", 'o', event.RoleOperator))
	if got := h.r.Operator(); got != "op/1" {
		t.Errorf("the operator is %q", got)
	}
}

func TestRegister(t *testing.T) {
	h := newHistory(t)
	h.must("op/1", 'o', h.register("a/1", 'a', event.RoleService))
	h.must("a/1", 'a', plain)

	h.refused(verify.RuleNotPermitted, "a/1", 'a', h.register("b/1", 'b', event.RoleService))
	h.refused(verify.RuleClaims, "op/1", 'o', h.register("a/1", 'b', event.RoleService))
	h.refused(verify.RuleClaims, "op/1", 'o', h.register("b/1", 'a', event.RoleService)) // a's key
	h.refused(verify.RuleNotPermitted, "op/1", 'o', h.register("op/2", 'p', event.RoleOperator))

	foreign := h.register("b/1", 'b', event.RoleService)
	foreign.Consent = ed25519.Sign(keyOf('b'), event.ConsentMessage("another.example/log", "b/1", foreign.Key, nil, ""))
	h.refused(verify.RuleSignature, "op/1", 'o', foreign)
	elsewhere := h.register("c/1", 'b', event.RoleService)
	elsewhere.Source = "b/1" // consented to be c/1
	h.refused(verify.RuleSignature, "op/1", 'o', elsewhere)

	own := h.register("b/1", 'b', event.RoleService)
	own.Recovery = own.Key
	h.refused(verify.RuleClaims, "op/1", 'o', own)
	taken := h.register("b/1", 'b', event.RoleService)
	taken.Recovery = public(keyOf('a'))
	h.refused(verify.RuleClaims, "op/1", 'o', taken)

	// With a recovery key of its own the operator could replace the source's key without a new epoch.
	planted := h.register("b/1", 'b', event.RoleService)
	planted.Recovery = public(keyOf('z'))
	h.refused(verify.RuleSignature, "op/1", 'o', planted)
	withheld := h.recoverable("b/1", 'b', event.RoleService, 'r')
	withheld.Recovery = nil
	h.refused(verify.RuleSignature, "op/1", 'o', withheld)
}

func TestWhoMaySign(t *testing.T) {
	h := newHistory(t)
	h.must("op/1", 'o', h.register("a/1", 'a', event.RoleService))
	h.refused(verify.RuleUnknownSource, "b/1", 'a', plain)
	h.refused(verify.RuleWrongKey, "a/1", 'b', plain)
	h.refused(verify.RuleWrongKey, "a/1", 'o', plain) // the operator doesn't speak for a source
	h.must("a/1", 'a', h.rotate("a/1", 'b'))
	h.refused(verify.RuleRevokedKey, "a/1", 'a', plain)
	h.must("a/1", 'b', plain)
}

func TestRotationKeepsTheEpochUnlessTheOperatorDoesIt(t *testing.T) {
	h := newHistory(t)
	c := h.recoverable("a/1", 'a', event.RoleService, 'r')
	h.must("op/1", 'o', c)
	epoch := func(want int) {
		t.Helper()
		if s, _ := h.r.Source("a/1"); s.Epoch != want {
			t.Errorf("after entry %d the epoch is %d, want %d", h.next-1, s.Epoch, want)
		}
	}
	epoch(1)
	h.must("a/1", 'a', h.rotate("a/1", 'b'))
	epoch(1)
	h.refused(verify.RuleWrongKey, "a/1", 'r', plain) // the recovery key only rotates and revokes
	h.must("a/1", 'r', h.rotate("a/1", 'c'))
	epoch(1)
	h.must("op/1", 'o', h.rotate("a/1", 'd'))
	epoch(2)
	h.refused(verify.RuleClaims, "a/1", 'd', h.rotate("a/1", 'a')) // a key serves once
	h.refused(verify.RuleClaims, "a/1", 'd', h.rotate("a/1", 'r'))
	h.must("op/1", 'o', h.register("b/1", 'e', event.RoleService))
	h.refused(verify.RuleNotPermitted, "b/1", 'e', h.rotate("a/1", 'f'))
	h.refused(verify.RuleUnknownSource, "op/1", 'o', h.rotate("zz/1", 'f'))
	h.must("a/1", 'd', plain)
}

func TestRevocation(t *testing.T) {
	h := newHistory(t)
	h.must("op/1", 'o', h.recoverable("a/1", 'a', event.RoleService, 'r')) // entry 1
	h.must("a/1", 'a', plain)                                              // 2
	h.must("a/1", 'a', plain)                                              // 3
	h.refused(verify.RuleClaims, "op/1", 'o', h.revoke("a/1", 'b', 0))     // not its key
	h.refused(verify.RuleClaims, "op/1", 'o', h.revoke("a/1", 'a', 4))     // not earlier
	h.refused(verify.RuleNotPermitted, "op/1", 'o', h.revoke("op/1", 'o', 0))
	h.must("op/1", 'o', h.revoke("a/1", 'a', 3)) // 4
	h.refused(verify.RuleRevokedKey, "a/1", 'a', plain)
	h.refused(verify.RuleRevokedKey, "a/1", 'a', h.rotate("a/1", 'b'))
	h.must("a/1", 'r', h.rotate("a/1", 'b')) // 5
	h.must("a/1", 'b', plain)                // 6
	for index, want := range map[int64]int{2: 0, 3: 1} {
		e := &event.Event{Source: "a/1", Claims: plain}
		if got := verify.Doubts(h.r, index, e, event.KeyID(public(keyOf('a')))); len(got) != want {
			t.Errorf("entry %d: doubts %v, want %d", index, got, want)
		}
	}
	if got := verify.Doubts(h.r, 6, &event.Event{Source: "a/1", Claims: plain}, event.KeyID(public(keyOf('b')))); len(got) != 0 {
		t.Errorf("the new key's event is in doubt: %v", got)
	}
}

// A theft may be found out after the key was rotated out.
func TestRevocationOfAKeyThatWasRotatedOut(t *testing.T) {
	h := newHistory(t)
	h.must("op/1", 'o', h.register("a/1", 'a', event.RoleService)) // 1
	h.must("a/1", 'a', plain)                                      // 2
	h.must("a/1", 'a', h.rotate("a/1", 'b'))                       // 3
	h.must("a/1", 'b', plain)                                      // 4
	h.must("a/1", 'b', h.revoke("a/1", 'a', 2))                    // 5
	h.refused(verify.RuleClaims, "a/1", 'b', h.revoke("a/1", 'a', 2))
	h.must("a/1", 'b', plain) // the live key goes on
	old, live := event.KeyID(public(keyOf('a'))), event.KeyID(public(keyOf('b')))
	if got := verify.Doubts(h.r, 2, &event.Event{Source: "a/1", Claims: plain}, old); len(got) != 1 {
		t.Errorf("the event of the stolen key: doubts %v", got)
	}
	if got := verify.Doubts(h.r, 4, &event.Event{Source: "a/1", Claims: plain}, live); len(got) != 0 {
		t.Errorf("the event of the next key: doubts %v", got)
	}
}

func TestStatements(t *testing.T) {
	h := newHistory(t)
	h.must("op/1", 'o', h.register("a/1", 'a', event.RoleService))
	h.refused(verify.RuleUnknownStatement, "a/1", 'a', access())
	h.refused(verify.RuleNotPermitted, "a/1", 'a', theStatement())
	h.must("op/1", 'o', theStatement())
	h.refused(verify.RuleClaims, "op/1", 'o', theStatement())
	h.must("a/1", 'a', access())
	h.refused(verify.RuleUnknownStatement, "op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke})
	h.must("op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke, Statement: statementID, From: 3})
	h.refused(verify.RuleRevokedStatement, "a/1", 'a', access())
	h.refused(verify.RuleClaims, "op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke, Statement: statementID})
	if got := verify.Doubts(h.r, 3, &event.Event{Source: "a/1", Statement: statementID, Claims: access()}, event.Digest{}); len(got) != 1 {
		t.Errorf("doubts of the event under the revoked statement: %v", got)
	}
}

func TestStatementOfAnotherKind(t *testing.T) {
	h := newHistory(t)
	h.must("op/1", 'o', h.register("a/1", 'a', event.RoleService))
	other := theStatement()
	other.Proves = event.TrainingStep
	h.must("op/1", 'o', other)
	h.refused(verify.RuleUnknownStatement, "a/1", 'a', access())
}

func TestRoles(t *testing.T) {
	h := newHistory(t)
	h.must("op/1", 'o', h.register("a/1", 'a', event.RoleService))
	h.must("op/1", 'o', h.register("p/1", 'p', event.RoleProver))
	attestation := &event.AttestationClaims{Outcome: event.OutcomeRefused, Reason: "unsatisfied"}
	policy := &event.PolicyClaims{Description: "d", Name: "n", Rules: []event.Predicate{{Bounds: []int64{1}, Comparison: "=", Key: "k"}}}
	h.refused(verify.RuleNotPermitted, "a/1", 'a', attestation)
	h.must("p/1", 'p', attestation)
	h.refused(verify.RuleNotPermitted, "a/1", 'a', policy)
	h.must("op/1", 'o', policy)
}

func TestAnotherLog(t *testing.T) {
	h := newHistory(t)
	e := &event.Event{Log: "another.example/log", Source: "op/1", Claims: plain, Proof: event.ProofNone}
	var v *verify.Violation
	if err := h.r.Judge(1, e, event.KeyID(public(keyOf('o')))); !errors.As(err, &v) || v.Rule != verify.RuleWrongLog {
		t.Errorf("got %v", err)
	}
}

// TestAdmitAll holds what is admitted together against what is admitted one by one: the same verdict, about the same entry, whatever is wrong where.
func TestAdmitAll(t *testing.T) {
	l := newPaperLog(t)
	h := newHistory(t)
	registered := func(source string, key byte) *event.SourceClaims { return h.register(source, key, event.RoleService) }
	operator := h.register("operator/1", 'o', event.RoleOperator)
	l.write(l.draft("operator/1", operator, event.Digest{}), 'o', nil)
	for _, name := range []string{"a", "b", "c"} {
		l.write(l.draft("operator/1", registered("gateway/"+name, name[0]), event.Digest{}), 'o', nil)
	}
	for i := range 12 {
		name := string("abc"[i%3])
		l.write(l.draft("gateway/"+name, plain, event.Digest{}), name[0], nil)
	}
	open := func(t *testing.T) []*verify.Entry {
		entries := make([]*verify.Entry, len(l.leaves))
		for i, leaf := range l.leaves {
			var err error
			if entries[i], err = verify.OpenEntry(int64(i), leaf); err != nil {
				t.Fatal(err)
			}
		}
		return entries
	}
	forge := func(e *verify.Entry) { e.Leaf.Envelope.Signature[5] ^= 1 }
	stranger := func(e *verify.Entry) { e.Leaf.Envelope.KeyID[3] ^= 1 }
	elsewhere := func(e *verify.Entry) { e.Event.Log = "test.example/other" }
	for name, spoil := range map[string]func([]*verify.Entry){
		"nothing":                              func([]*verify.Entry) {},
		"forged":                               func(e []*verify.Entry) { forge(e[7]) },
		"forged, the first":                    func(e []*verify.Entry) { forge(e[0]) },
		"forged, the last":                     func(e []*verify.Entry) { forge(e[15]) },
		"unlawful":                             func(e []*verify.Entry) { elsewhere(e[9]) },
		"forged, and unlawful later":           func(e []*verify.Entry) { forge(e[6]); elsewhere(e[9]) },
		"unlawful, and forged later":           func(e []*verify.Entry) { elsewhere(e[6]); forge(e[9]) },
		"both in one":                          func(e []*verify.Entry) { elsewhere(e[6]); forge(e[6]) },
		"a forged registration, and what uses": func(e []*verify.Entry) { forge(e[2]) },
		"a stranger's, and forged before":      func(e []*verify.Entry) { stranger(e[8]); forge(e[5]) },
		"a stranger's, and forged later":       func(e []*verify.Entry) { stranger(e[5]); forge(e[8]) },
	} {
		t.Run(name, func(t *testing.T) {
			entries := open(t)
			spoil(entries)
			one := verify.NewRegistry(origin)
			var want error
			for _, e := range entries {
				if want = one.Admit(e); want != nil {
					break
				}
			}
			if (want == nil) != (name == "nothing") {
				t.Fatalf("one by one: %v", want)
			}
			if got := verify.NewRegistry(origin).AdmitAll(entries); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("together: %v\none by one: %v", got, want)
			}
		})
	}
}

func TestCloneIsIndependent(t *testing.T) {
	h := newHistory(t)
	h.must("op/1", 'o', h.register("a/1", 'a', event.RoleService))
	before := h.r.Clone()
	h.must("op/1", 'o', h.revoke("a/1", 'a', 1))
	h.must("op/1", 'o', theStatement())
	if s, _ := before.Source("a/1"); s.Live() == nil {
		t.Error("a revocation shows in the clone")
	}
	if len(before.Statements()) != 0 {
		t.Error("a statement shows in the clone")
	}
}

func TestChain(t *testing.T) {
	d := event.DigestOf([]byte("x"))
	chain := verify.Chain{Seq: 3, Prev: d}
	for name, c := range map[string]struct {
		seq  int64
		prev event.Digest
		want verify.Rule
	}{
		"next":         {3, d, ""},
		"gap":          {4, d, verify.RuleSequenceGap},
		"taken":        {2, d, verify.RuleSequenceFork},
		"another prev": {3, event.Digest{}, verify.RuleSequenceFork},
	} {
		err := chain.Judge(&event.Event{Source: "a/1", Seq: c.seq, Prev: c.prev})
		var v *verify.Violation
		if errors.As(err, &v); (c.want == "") != (err == nil) || v != nil && (v.Rule != c.want || *v.Expected != chain) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
