package proving

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// paper is a log that holds what a test puts into it, and counts what it is asked.
type paper struct {
	statements []*client.Statement
	events     map[event.Digest]*event.Event
	key        []byte // the proving key that it serves
	bad        error  // of verifying an entry
	sealed     []byte

	mu                sync.Mutex
	verified, fetched int
}

func (p *paper) Statements(context.Context) ([]*client.Statement, error) { return p.statements, nil }

func (p *paper) Verify(context.Context, int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verified++
	return p.bad
}

func (p *paper) ProvingKey(context.Context, *client.Statement, int64) (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetched++
	return io.NopCloser(bytes.NewReader(p.key)), nil
}

func (p *paper) Resolver(context.Context) statement.TreeResolver { return resolver(p.events) }

func (p *paper) Seal(context.Context, statement.Witness) ([]byte, error) {
	if p.sealed == nil {
		return nil, client.ErrNoProver
	}
	return p.sealed, nil
}

func (p *paper) Origin() string { return "test.example/log" }

type resolver map[event.Digest]*event.Event

func (r resolver) Event(d event.Digest) (*event.Event, error) {
	if e, ok := r[d]; ok {
		return e, nil
	}
	return nil, fmt.Errorf("no event %s", d)
}

func (r resolver) RootThrough(event.Digest) ([32]byte, error) { return [32]byte{}, nil }

// silent watches nothing but warnings.
type silent struct{ warnings []string }

func (*silent) During(_ string, _ time.Duration, f func() error) error { return f() }
func (*silent) Fetching(string, int64) (func(int64), func())           { return func(int64) {}, func() {} }
func (s *silent) Warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}
func (s *silent) Untrusted(statement string, setup event.Setup) {
	s.Warn("%s: UNTRUSTED, from a %s", statement, setup)
}

// modelStory is a log with the statement about model versions, and a true claim with its witness.
func modelStory(t *testing.T) (*paper, *event.ModelVersionClaims, *statement.ModelVersionWitness) {
	t.Helper()
	c, err := circuit.ByName("model-version")
	if err != nil {
		t.Fatal(err)
	}
	k := keytest.Keys(t, c.Statement.Name, func() (constraint.ConstraintSystem, error) { return c.Compile() })
	f, m, err := keytest.Store(t).OpenProvingKey(k.VerifyingKey.Digest())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	key, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	registered := &event.StatementClaims{Action: event.StatementRegister, Name: c.Statement.Name, Proves: event.ModelVersion, Setup: event.SetupOneParty,
		Constraints: 9935, ConstraintSystem: m.ConstraintSystem.SHA256, ProvingKey: m.ProvingKey.SHA256, ProvingKeySize: m.ProvingKey.Size, VerifyingKey: k.VerifyingKey.Bytes()}
	p := &paper{key: key, events: map[event.Digest]*event.Event{}, statements: []*client.Statement{
		{Digest: k.VerifyingKey.Digest(), Claims: registered, Status: "active", Registration: &client.Receipt{Receipt: verify.Receipt{Index: 1}}}}}

	approval, err := statement.Approve([]statement.ModelRelease{{Weights: event.Element{31: 7}, Salt: table.Salt{1}}})
	if err != nil {
		t.Fatal(err)
	}
	w := new(statement.ModelVersionWitness)
	if w.Release, err = approval.Open(0); err != nil {
		t.Fatal(err)
	}
	if w.Configuration, err = statement.NewConfiguration(table.Salt{2}, statement.Setting{Key: "temperature", Value: 3}); err != nil {
		t.Fatal(err)
	}
	claims := &event.ModelVersionClaims{Approval: event.Digest{9}, Configuration: w.Configuration.Commit(), Version: "1",
		Predicates: []event.Predicate{{Key: "temperature", Comparison: "<=", Bounds: []int64{5}}}}
	p.events[claims.Approval] = &event.Event{Claims: approval.Claims()}
	if err := w.WithholdRun(claims, table.Salt{3}); err != nil {
		t.Fatal(err)
	}
	return p, claims, w
}

// at is an event with these claims, the one of that number, under a statement.
func at(seq int64, claims event.Claims, id event.Digest) *event.Event {
	e := &event.Event{Subject: event.Subject{Name: "scorer"}, Log: "test.example/log", Source: "gateway/1", Seq: seq, Time: 1,
		Proof: event.ProofInline, Statement: id, Claims: claims}
	if seq > 1 {
		e.Prev = event.Digest{byte(seq)}
	}
	return e
}

func newProver(t *testing.T, log Log) (*Prover, *silent) {
	t.Helper()
	store, err := keys.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	watcher := new(silent)
	return New(log, store, watcher), watcher
}

// Keys are fetched, checked and loaded once, for however many events; and the proof of one is no proof of another.
func TestProveManyEvents(t *testing.T) {
	p, claims, w := modelStory(t)
	prover, watcher := newProver(t, p)
	var proofs [2][]byte
	for i := range proofs {
		d := client.Draft{Claims: claims}
		if err := prover.Inline(t.Context(), &d, w, ""); err != nil {
			t.Fatal(err)
		}
		e := at(int64(i+1), claims, d.Statement)
		var err error
		if proofs[i], err = d.Prove(t.Context(), e, event.Digest{}); err != nil {
			t.Fatal(err)
		}
	}
	if p.verified != 1 || p.fetched != 1 || len(watcher.warnings) != 1 || !strings.Contains(watcher.warnings[0], "UNTRUSTED") {
		t.Errorf("the registration was verified %d times, the key fetched %d times, warnings: %v", p.verified, p.fetched, watcher.warnings)
	}
	vk, err := zkverify.ParseVerifyingKey(p.statements[0].Claims.VerifyingKey)
	if err != nil {
		t.Fatal(err)
	}
	for i, proof := range proofs {
		for seq := range int64(2) {
			e := at(seq+1, claims, vk.Digest())
			payload, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			public, err := statement.Public(e, event.DigestOf(payload), resolver(p.events))
			if err != nil {
				t.Fatal(err)
			}
			if err := zkverify.Verify(vk, proof, public); (err == nil) != (int64(i) == seq) {
				t.Errorf("proof %d of event %d: %v", i, seq, err)
			}
		}
	}
}

func TestProveRefuses(t *testing.T) {
	p, claims, w := modelStory(t)
	prover, _ := newProver(t, p)
	if _, err := prover.Prove(t.Context(), at(1, claims, p.statements[0].Digest), w); err == nil || !strings.Contains(err.Error(), "was not prepared") {
		t.Errorf("an event under a statement that wasn't prepared: %v", err)
	}
	id, err := prover.Prepare(t.Context(), claims, "model-version")
	if err != nil {
		t.Fatal(err)
	}
	lie := *claims
	lie.Predicates = []event.Predicate{{Key: "temperature", Comparison: "<=", Bounds: []int64{2}}}
	var v *statement.Violation
	if _, err := prover.Prove(t.Context(), at(1, &lie, id), w); !errors.Is(err, circuit.ErrFalse) || !errors.As(err, &v) {
		t.Errorf("untrue claims: %v", err)
	}
	access := &event.DataAccessClaims{Records: 1, Columns: []string{"age"}, Purpose: "spam", Dataset: event.Digest{8}}
	if _, err := prover.Prove(t.Context(), at(1, access, id), w); err == nil {
		t.Error("claims of another kind are proven")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := prover.Prove(ended, at(1, claims, id), w); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller left: %v", err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	forged := errors.New("the operator never said so")
	for _, tc := range []struct {
		name   string
		change func(p *paper, s *event.StatementClaims)
		as     string
		want   string
	}{
		{"a statement of another kind", nil, "data-access-16", "is about events of kind data-access, and the claims are of kind model-version"},
		{"a statement that nobody knows", nil, "magic", `no statement named "magic"`},
		{"a revoked one", func(p *paper, _ *event.StatementClaims) { p.statements[0].Status = "revoked" }, "", "the log has no statement model-version that stands"},
		{"one of that name about something else", func(_ *paper, s *event.StatementClaims) { s.Proves = event.Custom }, "", "the log has no statement model-version that stands"},
		{"a registration that doesn't hold", func(p *paper, _ *event.StatementClaims) { p.bad = forged }, "", "couldn't rely on the registration of model-version: the operator never said so"},
		{"another circuit", func(_ *paper, s *event.StatementClaims) { s.ConstraintSystem[0]++ }, "", "this program's circuit is not the statement's"},
		{"another proving key", func(p *paper, _ *event.StatementClaims) { p.key[100]++ }, "", "couldn't add proving key"},
		{"a proving key cut short", func(p *paper, _ *event.StatementClaims) { p.key = p.key[:1000] }, "", "couldn't add proving key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, claims, _ := modelStory(t)
			if tc.change != nil {
				tc.change(p, p.statements[0].Claims)
			}
			prover, _ := newProver(t, p)
			if _, err := prover.Prepare(t.Context(), claims, tc.as); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if len(prover.loaded) > 0 {
				t.Error("it is loaded all the same")
			}
		})
	}
}

// Keys that were damaged on disk are fetched once more.
func TestDamagedKeys(t *testing.T) {
	p, claims, _ := modelStory(t)
	store, err := keys.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(p, store, new(silent)).Prepare(t.Context(), claims, ""); err != nil {
		t.Fatal(err)
	}
	path := store.Dir() + "/" + p.statements[0].Digest.String() + "/proving.key"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[1000]++
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	watcher := new(silent)
	if _, err := New(p, store, watcher).Prepare(t.Context(), claims, ""); err != nil || p.fetched != 2 {
		t.Errorf("the key was fetched %d times, %v", p.fetched, err)
	}
	if len(watcher.warnings) != 2 || !strings.Contains(watcher.warnings[1], "are damaged, and are fetched again") {
		t.Errorf("the warnings are %v", watcher.warnings)
	}
}

// A deferred proof takes no keys; but the witness must bear the claims out, and there must be a prover.
func TestDefer(t *testing.T) {
	p, claims, w := modelStory(t)
	prover, _ := newProver(t, p)
	d := client.Draft{Subject: event.Subject{Name: "scorer"}, Claims: claims}
	if err := prover.Defer(t.Context(), &d, "gateway/1", w, ""); !errors.Is(err, client.ErrNoProver) {
		t.Errorf("without provers: %v", err)
	}
	p.sealed = []byte("sealed")
	if err := prover.Defer(t.Context(), &d, "gateway/1", w, ""); err != nil || string(d.Sealed) != "sealed" || d.Statement != p.statements[0].Digest || d.Prove != nil {
		t.Errorf("got %+v, %v", d, err)
	}
	if p.fetched != 0 || p.verified != 1 {
		t.Errorf("the key was fetched %d times, the registration verified %d times", p.fetched, p.verified)
	}
	lie := *claims
	lie.Configuration = event.Element{31: 1}
	untrue := client.Draft{Subject: d.Subject, Claims: &lie}
	if err := prover.Defer(t.Context(), &untrue, "gateway/1", w, ""); !errors.Is(err, circuit.ErrFalse) || untrue.Sealed != nil {
		t.Errorf("untrue claims: %v", err)
	}
}
