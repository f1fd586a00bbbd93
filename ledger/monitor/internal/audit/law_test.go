package audit

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

const origin = "log.example"

// found is the leaf that founds a log.
func found(t testing.TB) []byte {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public := key.Public().(ed25519.PublicKey)
	return leaf(t, key, &event.Event{Subject: event.Subject{Name: "operator"}, Log: origin, Source: "operator/1", Seq: 1, Proof: event.ProofNone,
		Claims: &event.SourceClaims{Action: event.SourceRegister, Source: "operator/1", Role: event.RoleOperator, Key: public,
			Consent: ed25519.Sign(key, event.ConsentMessage(origin, "operator/1", public, nil, ""))}})
}

func leaf(t testing.TB, key ed25519.PrivateKey, e *event.Event) []byte {
	t.Helper()
	payload, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := (&event.Leaf{Submission: event.Submission{Envelope: event.Sign(payload, key)}, Logged: 1}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, dir string, s State) *Law {
	t.Helper()
	l, err := Open(Config{Origin: origin, Dir: dir, Root: func(int64) ([32]byte, error) { return [32]byte{}, nil }}, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// FuzzJudge has a log hold anything at all: it is judged, and the audit goes on.
func FuzzJudge(f *testing.F) {
	first := found(f)
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	for _, claims := range []event.Claims{
		&event.ErasureClaims{Event: event.Digest{1}, Reason: "x", Scope: "all"},
		&event.StatementClaims{Action: event.StatementRevoke, Statement: event.Digest{1}},
		&event.TrainingStepClaims{Run: event.Digest{1}, Step: 1},
		&event.AttestationClaims{Event: event.Digest{1}, Outcome: event.OutcomeRefused, Reason: "unsatisfied"},
	} {
		f.Add(leaf(f, key, &event.Event{Subject: event.Subject{Name: "x"}, Log: origin, Source: "operator/1", Seq: 2, Prev: event.Digest{2}, Proof: event.ProofNone, Claims: claims}))
	}
	f.Add(first)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		judged, err := open(t, t.TempDir(), State{}).Judge(t.Context(), [][]byte{first, b, first, b})
		if err != nil {
			t.Fatal(err)
		}
		if len(judged.Entries) != 4 || len(judged.Findings) < 1 || judged.Entries[0] == nil || judged.Findings[0].Index == 0 {
			t.Errorf("it came to %+v", judged)
		}
	})
}

func TestDamage(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, State{})
	if judged, err := l.Judge(t.Context(), [][]byte{found(t)}); err != nil || len(judged.Findings) != 0 {
		t.Fatal(judged, err)
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	s := l.State()
	path := filepath.Join(dir, "events")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"a length":   func(b []byte) []byte { b[9] = 0xff; return b },
		"a leaf":     func(b []byte) []byte { b[20] ^= 1; return b },
		"its end":    func(b []byte) []byte { return b[:len(b)-1] },
		"everything": func([]byte) []byte { return nil },
	} {
		if err := os.WriteFile(path, damage(append([]byte(nil), whole...)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Config{Origin: origin, Dir: dir}, s); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Digests ^= 1
	l = open(t, dir, s)
	if _, err := l.digests.among(map[event.Digest]bool{{1}: true}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("the digests: %v", err)
	}
	if _, ok := l.Registry().Source("operator/1"); !ok || l.chains["operator/1"] != (verify.Chain{Seq: 2, Prev: l.chains["operator/1"].Prev}) {
		t.Error("the law was forgotten")
	}
}
