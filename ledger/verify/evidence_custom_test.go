package verify_test

import (
	"context"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/consensys/gnark/constraint"
)

// foreignKeys are those of a circuit with ctx, a square, a text, a digest's two halves and a data set.
func foreignKeys(t *testing.T) *keys.Keys {
	return keytest.Keys(t, "foreign", func() (constraint.ConstraintSystem, error) { return circuittest.CompileForeign(6) })
}

func importOf(k *keys.Keys) *event.StatementClaims {
	return &event.StatementClaims{Action: event.StatementRegister, Proves: event.Custom, Name: "square", Setup: event.SetupImported,
		Inputs: []event.Input{{Name: "square", Type: event.InputInteger, Max: 10000}, {Name: "city", Type: event.InputText},
			{Name: "model", Type: event.InputDigest}, {Name: "register", Type: event.InputDataset}},
		Shows: "square is a square number.", NotShown: []string{"Which root was meant."}, VerifyingKey: k.VerifyingKey.Bytes()}
}

func squared(square int64, data event.Digest) *event.CustomClaims {
	return &event.CustomClaims{Inputs: []event.Value{
		{Name: "square", Type: event.InputInteger, Integer: square}, {Name: "city", Type: event.InputText, Text: "Köln\x1b[2J"},
		{Name: "model", Type: event.InputDigest, Digest: event.DigestOf([]byte("model"))}, {Name: "register", Type: event.InputDataset, Dataset: data}}}
}

// proveForeign proves an event as its maker does, who derives what to prove as everybody does.
func (l *paperLog) proveForeign(k *keys.Keys, registered *event.StatementClaims, e *event.Event, root int64) func(event.Digest) []byte {
	return func(digest event.Digest) []byte {
		s, err := statement.Registered(registered)
		if err != nil {
			l.t.Fatal(err)
		}
		public, err := s.Public(e, digest, one{smallDataset().claims})
		if err != nil {
			l.t.Fatal(err)
		}
		proof, _, err := k.Prove(context.Background(), circuittest.AssignForeign(root, public))
		if err != nil {
			l.t.Fatal(err)
		}
		return proof
	}
}

// importedStory writes a log with one event under an imported statement, entry 5.
func importedStory(t *testing.T, change func(*event.StatementClaims)) (*paperLog, event.Digest, *keys.Keys, *event.StatementClaims) {
	l, k, h := newPaperLog(t), foreignKeys(t), &history{t: t}
	none := event.Digest{}
	l.write(l.draft("op/1", h.register("op/1", 'o', event.RoleOperator), none), 'o', nil)
	registered := importOf(k)
	change(registered)
	l.write(l.draft("op/1", registered, none), 'o', nil)
	l.write(l.draft("op/1", h.register("bank/1", 'b', event.RoleController), none), 'o', nil)
	l.write(l.draft("op/1", h.register("gateway/1", 'g', event.RoleService), none), 'o', nil)
	data := l.write(l.draft("bank/1", smallDataset().claims, none), 'b', nil)
	e := l.draft("gateway/1", squared(49, data), k.VerifyingKey.Digest())
	l.write(e, 'g', l.proveForeign(k, registered, e, 7))
	return l, data, k, registered
}

func TestEvidenceUnderAnImportedStatement(t *testing.T) {
	transcript := event.DigestOf([]byte("ceremony"))
	for name, c := range map[string]struct {
		change func(*event.StatementClaims)
		trust  string
	}{
		"no transcript": {func(*event.StatementClaims) {}, "no transcript of a ceremony"},
		"a transcript":  {func(c *event.StatementClaims) { c.Transcript = transcript }, transcript.String()},
	} {
		t.Run(name, func(t *testing.T) {
			l, data, _, _ := importedStory(t, c.change)
			report, err := l.gather(5).Verify(l.key)
			if err != nil || report.Verdict != verify.Proven || len(report.Doubts) > 0 {
				t.Fatalf("%s, %v, %v", report.Verdict, err, report.Doubts)
			}
			if g := report.Groth16; g == nil || len(g.Public) != 6 || g.Statement.Claims.Name != "square" || len(g.Proof) != 128 {
				t.Errorf("the verified proof is %+v", g)
			}
			proven, trusted := strings.Join(report.Proven, "\n"), strings.Join(report.Trusted, "\n")
			for _, want := range []string{"square = 49", `city = "Köln\x1b[2J"`, "model = " + event.DigestOf([]byte("model")).String(), `register = the data set "German Credit" of event ` + data.String()} {
				if !strings.Contains(proven, want) {
					t.Errorf("what is proven does not mention %q:\n%s", want, proven)
				}
			}
			// What a proof means is nobody's but the importer's word, and never stands among what is proven.
			for _, word := range []string{"square is a square number.", "Which root was meant."} {
				if strings.Contains(proven, word) || !strings.Contains(trusted, word) {
					t.Errorf("the importer's words %q stand in the wrong place:\n%s\n\n%s", word, proven, trusted)
				}
			}
			for _, want := range []string{"UNTRUSTED", "op/1, who imported square", "binds the context", c.trust} {
				if !strings.Contains(trusted, want) {
					t.Errorf("what stays trusted does not mention %q:\n%s", want, trusted)
				}
			}
		})
	}
}

// What a log could write under an imported statement that breaks its own law.
func TestTamperedImports(t *testing.T) {
	l, data, k, registered := importedStory(t, func(*event.StatementClaims) {})
	id := k.VerifyingKey.Digest()
	for name, c := range map[string]struct {
		write func(l *paperLog)
		step  string
	}{
		"proof of another event": {func(l *paperLog) {
			old, err := event.DecodeLeaf(l.leaves[5])
			if err != nil {
				t.Fatal(err)
			}
			l.write(l.draft("gateway/1", squared(49, data), id), 'g', func(event.Digest) []byte { return old.Proof })
		}, "proof"},
		"another value than the proven one": {func(l *paperLog) {
			e := l.draft("gateway/1", squared(49, data), id)
			other := squared(49, data)
			other.Inputs[1].Text = "Bonn"
			shadow := *e
			shadow.Claims = other
			l.write(e, 'g', l.proveForeign(k, registered, &shadow, 7))
		}, "proof"},
		"value out of bounds": {func(l *paperLog) {
			l.write(l.draft("gateway/1", squared(10001, data), id), 'g', func(event.Digest) []byte { return make([]byte, 128) })
		}, "proof"},
		"value missing": {func(l *paperLog) {
			claims := squared(49, data)
			claims.Inputs = claims.Inputs[1:]
			l.write(l.draft("gateway/1", claims, id), 'g', func(event.Digest) []byte { return make([]byte, 128) })
		}, "proof"},
		"what is no data set": {func(l *paperLog) {
			l.write(l.draft("gateway/1", squared(49, event.DigestOf(payloadOf(t, l.leaves[3]))), id), 'g', func(event.Digest) []byte { return make([]byte, 128) })
		}, "references"},
	} {
		t.Run(name, func(t *testing.T) {
			forged := &paperLog{t: t, signer: l.signer, key: l.key, chains: map[string]verify.Chain{}}
			for source, chain := range l.chains {
				forged.chains[source] = chain
			}
			for _, leaf := range l.leaves {
				forged.append(leaf)
			}
			c.write(forged)
			refuted(t, forged, forged.gather(6), c.step)
		})
	}
	t.Run("a name of attestlog's own", func(t *testing.T) {
		l, _, _, _ := importedStory(t, func(*event.StatementClaims) {})
		forged := &paperLog{t: t, signer: l.signer, key: l.key, chains: map[string]verify.Chain{}}
		h := &history{t: t}
		none := event.Digest{}
		forged.write(forged.draft("op/1", h.register("op/1", 'o', event.RoleOperator), none), 'o', nil)
		named := importOf(k)
		named.Name = "data-access-64"
		forged.write(forged.draft("op/1", named, none), 'o', nil)
		forged.write(forged.draft("op/1", h.register("gateway/1", 'g', event.RoleService), none), 'o', nil)
		data := forged.write(forged.draft("gateway/1", smallDataset().claims, none), 'g', nil)
		e := forged.draft("gateway/1", squared(49, data), id)
		forged.write(e, 'g', forged.proveForeign(k, registered, e, 7))
		refuted(t, forged, forged.gather(4), "proof")
	})
}

func payloadOf(t *testing.T, leaf []byte) []byte {
	l, err := event.DecodeLeaf(leaf)
	if err != nil {
		t.Fatal(err)
	}
	return l.Envelope.Payload
}

func TestNamesOfImportsAreTheirOwn(t *testing.T) {
	imported := func(name string, key byte) *event.StatementClaims {
		return &event.StatementClaims{Action: event.StatementRegister, Proves: event.Custom, Name: name, Setup: event.SetupImported,
			Shows: "x", NotShown: []string{"y"}, VerifyingKey: []byte{key}}
	}
	h := newHistory(t)
	h.must("op/1", 'o', imported("mine", 1))
	h.refused(verify.RuleClaims, "op/1", 'o', imported("mine", 2))
	h.must("op/1", 'o', imported("theirs", 2))
	h.must("op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke, Statement: verify.StatementID([]byte{1})})
	h.must("op/1", 'o', imported("mine", 3))
	// Two keys of one circuit of attestlog's own may stand side by side, but no other statement beside an imported one of its name.
	own := theStatement()
	h.must("op/1", 'o', own)
	again := theStatement()
	again.VerifyingKey = []byte{7}
	h.must("op/1", 'o', again)
	h.refused(verify.RuleClaims, "op/1", 'o', imported("data-access-16", 8))
	clash := theStatement()
	clash.Name, clash.VerifyingKey = "mine", []byte{9}
	h.refused(verify.RuleClaims, "op/1", 'o', clash)
}
