package ledger_test

import (
	"strings"
	"testing"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
)

// foreignKeys are those of somebody else's circuit, with ctx, a square and a data set.
func foreignKeys(t testing.TB) *keys.Keys {
	return keytest.Keys(t, "foreign", func() (constraint.ConstraintSystem, error) { return circuittest.CompileForeign(3) })
}

func importOf(k *keys.Keys) *event.StatementClaims {
	return &event.StatementClaims{Action: event.StatementRegister, Proves: event.Custom, Name: "square", Setup: event.SetupImported,
		Inputs: []event.Input{{Name: "square", Type: event.InputInteger, Max: 100}, {Name: "register", Type: event.InputDataset}},
		Shows:  "square is a square number.", NotShown: []string{"Which root was meant."}, VerifyingKey: k.VerifyingKey.Bytes()}
}

func squared(square int64, data event.Digest) *event.CustomClaims {
	return &event.CustomClaims{Inputs: []event.Value{{Name: "square", Type: event.InputInteger, Integer: square}, {Name: "register", Type: event.InputDataset, Dataset: data}}}
}

// proveSquare makes a source's next event under the imported statement, and the proof of what proven claims.
func (w *world) proveSquare(k *keys.Keys, claims, proven *event.CustomClaims, root int64) *event.Submission {
	w.t.Helper()
	e := w.draft("gateway/1", claims)
	e.Proof, e.Statement = event.ProofInline, k.VerifyingKey.Digest()
	sub := w.sign(e, 'g')
	s, err := statement.Registered(importOf(k))
	if err != nil {
		w.t.Fatal(err)
	}
	shadow := *e
	shadow.Claims = proven
	public, err := s.Public(&shadow, sub.Envelope.Digest(), one{smallDataset().claims})
	if err != nil {
		w.t.Fatal(err)
	}
	if sub.Proof, _, err = k.Prove(w.t.Context(), circuittest.AssignForeign(root, public)); err != nil {
		w.t.Fatal(err)
	}
	return sub
}

// TestImportedStatements imports the key of a circuit that attestlog doesn't have, and treats events under it like any other.
func TestImportedStatements(t *testing.T) {
	w, k := newWorld(t), foreignKeys(t)
	data := w.found()
	for name, c := range map[string]struct {
		change func(*event.StatementClaims)
		check  string
		want   string
	}{
		"a name of attestlog's own": {func(c *event.StatementClaims) { c.Name = "model-version" }, "name", "attestlog's own"},
		"an input too many": {func(c *event.StatementClaims) {
			c.Inputs = append(c.Inputs, event.Input{Name: "x", Type: event.InputBoolean})
		}, "verifyingKey", "takes 3 public inputs, and square has 4"},
		"an input too few": {func(c *event.StatementClaims) { c.Inputs = c.Inputs[:1] }, "verifyingKey", "takes 3 public inputs, and square has 2"},
		"no verifying key": {func(c *event.StatementClaims) { c.VerifyingKey = []byte{1} }, "verifyingKey", ""},
	} {
		claims := importOf(k)
		c.change(claims)
		r := w.refuse(ledger.ClaimsOutOfRange, w.say("op/1", 'o', claims))
		if r.Check != c.check || !strings.Contains(r.Detail, c.want) {
			t.Errorf("%s: refused with %+v", name, r)
		}
		w.forget("op/1")
	}
	w.refuse(ledger.NotPermitted, w.say("gateway/1", 'g', importOf(k)))
	w.forget("gateway/1")
	w.refuse(ledger.UnknownStatement, w.proveSquare(k, squared(49, data), squared(49, data), 7))
	w.forget("gateway/1")
	w.must(w.say("op/1", 'o', importOf(k)))
	w.refuse(ledger.ClaimsOutOfRange, w.say("op/1", 'o', importOf(k)))
	w.forget("op/1")

	good := w.proveSquare(k, squared(49, data), squared(49, data), 7)
	w.must(good)
	w.must(w.say("gateway/1", 'g', squared(50, data))) // a claim that nobody proves
	for name, c := range map[string]struct {
		sub  func() *event.Submission
		code ledger.Code
	}{
		"another value": {func() *event.Submission { return w.proveSquare(k, squared(36, data), squared(49, data), 7) }, ledger.ProofInvalid},
		"another event": {func() *event.Submission {
			s := w.proveSquare(k, squared(49, data), squared(49, data), 7)
			s.Proof = good.Proof
			return s
		}, ledger.ProofInvalid},
		"no proof": {func() *event.Submission {
			s := w.proveSquare(k, squared(49, data), squared(49, data), 7)
			s.Proof = nil
			return s
		}, ledger.ProofMissing},
		"above its bounds": {func() *event.Submission { return w.proveSquare(k, squared(121, data), squared(49, data), 7) }, ledger.ClaimsOutOfRange},
		"no such data set": {func() *event.Submission { return w.proveSquare(k, squared(49, event.Digest{9}), squared(49, data), 7) }, ledger.UnknownReference},
		"no data set": {func() *event.Submission {
			return w.proveSquare(k, squared(49, good.Envelope.Digest()), squared(49, data), 7)
		}, ledger.ClaimsOutOfRange},
	} {
		t.Run(name, func(t *testing.T) {
			w.refuse(c.code, c.sub())
			w.forget("gateway/1")
		})
	}

	// Between others, in one batch with one that is bad.
	bad := w.proveSquare(k, squared(36, data), squared(49, data), 7)
	if o := w.log.Submit(t.Context(), []*event.Submission{w.say("bank/1", 'b', squared(2, data)), bad}); o[0].Refusal != nil || o[1].Refusal == nil || o[1].Refusal.Code != ledger.ProofInvalid {
		t.Errorf("got %+v", o)
	}
	w.forget("gateway/1")
	w.must(w.say("op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke, Statement: k.VerifyingKey.Digest()}))
	w.refuse(ledger.RevokedStatement, w.proveSquare(k, squared(49, data), squared(49, data), 7))
}
