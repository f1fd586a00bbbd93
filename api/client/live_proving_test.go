package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/circuit/modelversion"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
)

func seeded(b byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32)) }

// operator opens the operator's chain, which startLive began past the API.
func (w *live) operator(c *client.Client) *client.Source {
	w.t.Helper()
	s, err := c.OpenSource(client.SourceOptions{Name: "operator/1", Key: seeded(1), State: filepath.Join(w.t.TempDir(), "operator")})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Close() })
	return s
}

func record(t testing.TB, s *client.Source, claims event.Claims) *client.Receipt {
	t.Helper()
	r, err := s.Record(t.Context(), client.Draft{Subject: event.Subject{Name: "the log"}, Claims: claims})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func registerProver(name string, key ed25519.PrivateKey, recipient string) *event.SourceClaims {
	public := key.Public().(ed25519.PublicKey)
	return &event.SourceClaims{Action: event.SourceRegister, Key: public, Role: event.RoleProver, Source: name, Recipient: recipient,
		Consent: ed25519.Sign(key, event.ConsentMessage(origin, name, public, nil, recipient))}
}

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// The whole way of a deferred proof through the client: provers from the log, a sealed witness, an event; then, by hand, what a worker does;
// and the evidence, which says that the event is proven.
func TestDeferredProofThroughTheClient(t *testing.T) {
	w := startLive(t)
	c, _ := connect(t, w.url, w.public)
	operator := w.operator(c)
	k := keytest.Keys(t, "model-version", modelversion.Compile)
	d := func(s string) event.Digest { return event.DigestOf([]byte(s)) }
	record(t, operator, &event.StatementClaims{Action: event.StatementRegister, ConstraintSystem: d("ccs"), Constraints: 9935, Proves: event.ModelVersion,
		Name: "model-version", ProvingKey: d("pk"), ProvingKeySize: 1, Setup: event.SetupOneParty, VerifyingKey: k.VerifyingKey.Bytes()})

	approved, err := statement.Approve([]statement.ModelRelease{{Weights: event.Element{31: 6}, Salt: table.Salt{1}}, {Weights: event.Element{31: 7}, Salt: table.Salt{2}}})
	if err != nil {
		t.Fatal(err)
	}
	release, err := approved.Open(1)
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := statement.NewConfiguration(table.Salt{3}, statement.Setting{Key: "temperature", Value: 700})
	if err != nil {
		t.Fatal(err)
	}
	secret := &statement.ModelVersionWitness{Release: release, Configuration: configuration}
	if _, err := c.Seal(t.Context(), secret); !errors.Is(err, client.ErrNoProver) {
		t.Fatalf("sealed with no prover: %v", err)
	}
	one, two, gone := identity(t), identity(t), identity(t)
	record(t, operator, registerProver("prover/1", seeded(21), one.Recipient().String()))
	record(t, operator, registerProver("prover/2", seeded(22), two.Recipient().String()))
	record(t, operator, registerProver("prover/3", seeded(23), gone.Recipient().String()))
	record(t, operator, registerProver("prover/4", seeded(24), one.Recipient().String())) // shares an identity
	record(t, operator, &event.SourceClaims{Action: event.SourceRevoke, Key: seeded(23).Public().(ed25519.PublicKey), Source: "prover/3"})
	var provers []client.Prover
	eventually(t, "a head covers the provers", func() bool {
		provers, err = c.Provers(t.Context())
		return err == nil
	})
	if got := fmt.Sprint(provers); len(provers) != 3 || provers[0].Name != "prover/1" || provers[0].Recipient != one.Recipient().String() || strings.Contains(got, "prover/3") {
		t.Errorf("the provers are %s", got)
	}
	sealed, err := c.Seal(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := witness.Open(sealed, gone); err == nil {
		t.Error("a revoked prover can open the witness")
	}
	// Who trusts one prover alone seals to that one, whoever else the operator registers.
	choosy, _ := connect(t, w.url, w.public, func(o *client.Options) { o.Provers = []string{"prover/2"} })
	if sealed, err = choosy.Seal(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	if _, err := witness.Open(sealed, one); err == nil {
		t.Error("a prover that wasn't chosen can open the witness")
	}
	if _, err := witness.Open(sealed, two); err != nil {
		t.Errorf("the prover that was chosen can't open the witness: %v", err)
	}
	gullible, _ := connect(t, w.url, w.public, func(o *client.Options) { o.Provers = []string{"prover/2", "prover/3"} })
	if _, err := gullible.Seal(t.Context(), secret); !errors.Is(err, client.ErrNoProver) || !strings.Contains(err.Error(), "prover/3") {
		t.Errorf("a revoked prover was chosen: %v", err)
	}

	source, err := c.OpenSource(client.SourceOptions{Name: "gateway/1", Key: sourceKey, State: filepath.Join(t.TempDir(), "gateway")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	approval := record(t, source, approved.Claims())
	claims := &event.ModelVersionClaims{Approval: approval.Digest, Version: "1.4.0", Predicates: []event.Predicate{{Key: "temperature", Comparison: "<=", Bounds: []int64{1000}}}}
	if err := secret.WithholdRun(claims, table.Salt{4}); err != nil {
		t.Fatal(err)
	}
	if sealed, err = c.Seal(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	r, err := source.Record(t.Context(), client.Draft{Subject: event.Subject{Name: "credit-scoring"}, Claims: claims, Statement: k.VerifyingKey.Digest(), Sealed: sealed})
	if err != nil {
		t.Fatal(err)
	}
	verdict := func(want verify.Verdict) {
		t.Helper()
		var entry *client.Receipt
		eventually(t, "a head covers the event", func() bool { // heads are published when they can be
			entry, err = c.Event(t.Context(), r.Digest)
			return err == nil
		})
		head, err := verify.OpenHead(entry.Note, c.Key())
		if err != nil {
			t.Fatal(err)
		}
		evidence, err := verify.Gather(t.Context(), c.Library(), r.Index, head.Size)
		if err != nil {
			t.Fatal(err)
		}
		if report, err := evidence.Verify(c.Key()); err != nil || report.Verdict != want {
			t.Errorf("the verdict is %s (%v), want %s", report.Verdict, err, want)
		}
	}
	awaited := func(d event.Digest) (list []*client.Receipt) {
		t.Helper()
		eventually(t, "a head covers the attestations", func() bool {
			list, err = c.Attestations(t.Context(), d)
			return err == nil
		})
		return list
	}
	verdict(verify.Waiting)
	for what, d := range map[string]event.Digest{"a waiting event": r.Digest, "an event that deferred nothing": approval.Digest} {
		if list := awaited(d); len(list) != 0 {
			t.Errorf("attestations of %s: %v", what, list)
		}
	}
	eventually(t, "the queue shows the event", func() bool {
		p, err := c.Proving(t.Context())
		return err == nil && p.Witnesses == 1 && len(p.Queues) == 1 && p.Queues[0].Name == "model-version" && !p.Queues[0].Oldest.IsZero() && p.Queues[0].Served.IsZero()
	})

	// What a worker does, by hand.
	conn, err := pgx.Connect(t.Context(), w.cfg.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var stored []byte
	if err := conn.QueryRow(t.Context(), "SELECT sealed FROM witnesses WHERE event = $1", r.Digest[:]).Scan(&stored); err != nil || !bytes.Equal(stored, sealed) {
		t.Fatalf("the witness beside the log has %d bytes, %v", len(stored), err)
	}
	opened, err := witness.Open(stored, two)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := verify.OpenEntry(r.Index, r.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	model, err := circuit.ByName("model-version")
	if err != nil {
		t.Fatal(err)
	}
	assignment, err := model.Assign(opened, entry.Event, r.Digest, resolved{approval.Digest: approved.Claims()})
	if err != nil {
		t.Fatal(err)
	}
	proof, _, err := k.Prove(t.Context(), assignment)
	if err != nil {
		t.Fatal(err)
	}
	prover, err := c.OpenSource(client.SourceOptions{Name: "prover/2", Key: seeded(22), State: filepath.Join(t.TempDir(), "prover")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = prover.Close() })
	attested := record(t, prover, &event.AttestationClaims{Event: r.Digest, Outcome: event.OutcomeProven, Proof: proof})
	_, err = prover.Record(t.Context(), client.Draft{Subject: event.Subject{Name: "the log"}, Claims: &event.AttestationClaims{Event: r.Digest, Outcome: event.OutcomeProven, Proof: proof}})
	if !client.HasCode(err, client.CodeAttested) {
		t.Errorf("a second proof: %v", err)
	}
	if list := awaited(r.Digest); len(list) != 1 || list[0].Index != attested.Index {
		t.Errorf("the attestations are %+v, want entry %d", list, attested.Index)
	}
	verdict(verify.Proven)
}

// resolved are claims by the digest of their event.
type resolved map[event.Digest]event.Claims

func (r resolved) Event(d event.Digest) (*event.Event, error) {
	claims, ok := r[d]
	if !ok {
		return nil, fmt.Errorf("no event %s", d)
	}
	return &event.Event{Claims: claims}, nil
}
