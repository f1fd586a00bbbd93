package ledger_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark/constraint"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
	"github.com/attestlog/attestlog/migrations/pgtest"
	"github.com/attestlog/attestlog/prover/circuit/dataaccess"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const origin = "log.example/test"

// keyOf is a key per letter.
func keyOf(letter byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{letter}, ed25519.SeedSize))
}

func public(letter byte) ed25519.PublicKey { return keyOf(letter).Public().(ed25519.PublicKey) }

// world is a log, its database and those who write to it.
type world struct {
	t      testing.TB
	cfg    ledger.Config
	key    note.Verifier
	vkey   string // the key as a string
	log    *ledger.Ledger
	chains map[string]verify.Chain
	stop   func()
}

// newWorld opens a ledger on a fresh database and has it lead.
func newWorld(t testing.TB) *world {
	w := newWorldOn(t, pgtest.URL(t))
	w.start()
	return w
}

// newWorldOn makes a log's keys, and leaves its ledger to be started.
func newWorldOn(t testing.TB, url string) *world {
	t.Helper()
	keys := logtest.New(t, origin)
	return &world{t: t, key: keys.Key, vkey: keys.VKey, chains: map[string]verify.Chain{}, cfg: ledger.Config{
		DatabaseURL: url, Origin: origin, Signer: keys.Signer,
		HeadsFile: filepath.Join(t.TempDir(), "heads"), PublishEvery: 20 * time.Millisecond,
	}}
}

// start opens the ledger and waits until it leads.
func (w *world) start() {
	w.t.Helper()
	w.open()
	until(w.t, "the ledger leads", w.log.Leads)
}

// open opens the ledger and runs it, until stop or the end of the test.
func (w *world) open() {
	w.t.Helper()
	w.log, w.stop = run(w.t, w.cfg)
}

// run opens a ledger and runs it.
func run(t testing.TB, cfg ledger.Config) (*ledger.Ledger, func()) {
	t.Helper()
	l, err := ledger.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		l.Close()
	})
	t.Cleanup(stop)
	return l, stop
}

// until waits for what no signal tells.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited that %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// draft is a source's next event. Drafts of one source follow each other, whether or not they are ever submitted.
func (w *world) draft(source string, claims event.Claims) *event.Event {
	chain, ok := w.chains[source]
	if !ok {
		chain = verify.NewChain()
	}
	return &event.Event{Subject: event.Subject{Name: "credit-scoring"}, Log: origin, Source: source, Seq: chain.Seq, Prev: chain.Prev,
		Time: 1700000000000, Proof: event.ProofNone, Claims: claims}
}

// sign makes a submission of an event, and moves the source's chain on.
func (w *world) sign(e *event.Event, key byte) *event.Submission {
	w.t.Helper()
	payload, err := e.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.chains[e.Source] = verify.After(e, event.DigestOf(payload))
	return &event.Submission{Envelope: event.Sign(payload, keyOf(key))}
}

// say signs a source's next event with the key of that letter.
func (w *world) say(source string, key byte, claims event.Claims) *event.Submission {
	w.t.Helper()
	return w.sign(w.draft(source, claims), key)
}

// forget takes the chain of a source back to where the log has it, after a refusal.
func (w *world) forget(source string) {
	w.t.Helper()
	s, err := w.log.Source(w.t.Context(), source)
	if err != nil {
		w.t.Fatal(err)
	}
	w.chains[source] = verify.Chain(s.Next)
}

// must submits events that all get in, and checks their receipts.
func (w *world) must(subs ...*event.Submission) []*ledger.Receipt {
	w.t.Helper()
	var receipts []*ledger.Receipt
	for i, o := range w.log.Submit(w.t.Context(), subs) {
		if o.Refusal != nil {
			w.t.Fatalf("submission %d: %v", i, o.Refusal)
		}
		w.check(subs[i], o.Receipt)
		receipts = append(receipts, o.Receipt)
	}
	return receipts
}

// check verifies a receipt by the log's key alone, with x/mod's note and tlog.
func (w *world) check(sub *event.Submission, r *ledger.Receipt) {
	w.t.Helper()
	n, err := note.Open(r.Checkpoint, note.VerifierList(w.key))
	if err != nil {
		w.t.Fatalf("receipt of entry %d: %v", r.Index, err)
	}
	tree, err := parseTree(n.Text)
	if err != nil {
		w.t.Fatalf("receipt of entry %d: %v", r.Index, err)
	}
	if tree.N != r.Size {
		w.t.Errorf("receipt of entry %d says size %d, its checkpoint %d", r.Index, r.Size, tree.N)
	}
	var proof tlog.RecordProof
	for _, h := range r.Hashes {
		proof = append(proof, h)
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, r.Index, tlog.RecordHash(r.Leaf)); err != nil {
		w.t.Errorf("receipt of entry %d: %v", r.Index, err)
	}
	leaf, err := event.DecodeLeaf(r.Leaf)
	if err != nil {
		w.t.Fatalf("receipt of entry %d: %v", r.Index, err)
	}
	if leaf.Envelope.Digest() != r.Digest || leaf.Logged != r.Logged {
		w.t.Errorf("receipt of entry %d does not say what its leaf says", r.Index)
	}
	if sub != nil && !bytes.Equal(leaf.Envelope.Payload, sub.Envelope.Payload) {
		w.t.Errorf("receipt of entry %d is of another event", r.Index)
	}
}

// refuse submits one event that must be refused with a code.
func (w *world) refuse(code ledger.Code, sub *event.Submission) *ledger.Refusal {
	w.t.Helper()
	o := w.log.Submit(w.t.Context(), []*event.Submission{sub})[0]
	if o.Refusal == nil {
		w.t.Fatalf("the event got in as entry %d, want %s", o.Receipt.Index, code)
	}
	if o.Refusal.Code != code || o.Refusal.Detail == "" {
		w.t.Fatalf("refused with %q, want %s", o.Refusal, code)
	}
	return o.Refusal
}

func register(source string, key byte, role event.SourceRole) *event.SourceClaims {
	return &event.SourceClaims{Action: event.SourceRegister, Source: source, Role: role, Key: public(key),
		Consent: ed25519.Sign(keyOf(key), event.ConsentMessage(origin, source, public(key), nil, ""))}
}

func rotate(source string, key byte) *event.SourceClaims {
	c := register(source, key, "")
	c.Action = event.SourceRotate
	return c
}

func revoke(source string, key byte) *event.SourceClaims {
	return &event.SourceClaims{Action: event.SourceRevoke, Source: source, Key: public(key)}
}

// found writes the first entries: an operator, a controller with a data set, a service.
func (w *world) found() (data event.Digest) {
	w.t.Helper()
	receipts := w.must(
		w.say("op/1", 'o', register("op/1", 'o', event.RoleOperator)),
		w.say("op/1", 'o', register("bank/1", 'b', event.RoleController)),
		w.say("op/1", 'o', register("gateway/1", 'g', event.RoleService)),
		w.say("bank/1", 'b', smallDataset().claims))
	return receipts[3].Digest
}

// claim is an access that nobody proves.
func claim(data event.Digest, records int64) *event.DataAccessClaims {
	return &event.DataAccessClaims{Accesses: event.Element{31: 5}, Columns: []string{"age"}, Dataset: data, Purpose: "credit-scoring", Records: records}
}

// dataset is a small table with everything that its owner knows of it.
type dataset struct {
	table  *table.Table
	claims *event.DatasetClaims
}

var smallDataset = sync.OnceValue(func() dataset {
	claims := &event.DatasetClaims{
		Columns: []event.Column{
			{Name: "age", Role: event.RoleQuasi, Coding: event.Coding{Integer: &event.IntegerCoding{Min: 0, Max: 120}}},
			{Name: "class", Role: event.RoleSensitive, Coding: event.Coding{Category: &event.CategoryCoding{Labels: []string{"good", "bad"}}}},
		},
		Purposes: []string{"credit-scoring", "marketing"}, Rows: 40,
	}
	rows := make([]table.Row, claims.Rows)
	for i := range rows {
		rows[i] = table.Row{Cells: []uint16{uint16(20 + i), uint16(i % 2)}, Consent: 1, Salt: table.Salt{0: byte(i), 1: 7}}
	}
	built, err := table.Build(context.Background(), len(claims.Columns), rows, nil)
	if err != nil {
		panic(err)
	}
	root := built.Root()
	claims.Root = root.Bytes()
	return dataset{built, claims}
})

func accessKeys(t testing.TB) *keys.Keys {
	return keytest.Keys(t, "data-access-16", func() (constraint.ConstraintSystem, error) { return dataaccess.Compile(16) })
}

// accessStatement registers the keys of data-access-16.
func accessStatement(k *keys.Keys) *event.StatementClaims {
	d := func(s string) event.Digest { return event.DigestOf([]byte(s)) }
	return &event.StatementClaims{Action: event.StatementRegister, ConstraintSystem: d("ccs"), Constraints: 1000, Proves: event.DataAccess,
		Name: "data-access-16", ProvingKey: d("pk"), ProvingKeySize: 1000, Setup: event.SetupOneParty, VerifyingKey: k.VerifyingKey.Bytes()}
}

// prove makes a source's next event, which says that it read rows of the small data set, and its proof.
func (w *world) prove(source string, key byte, k *keys.Keys, data event.Digest, rows ...int) *event.Submission {
	w.t.Helper()
	e, prove := w.provable(source, k, data, rows...)
	e.Proof = event.ProofInline
	sub := w.sign(e, key)
	sub.Proof = prove(sub.Envelope.Digest())
	return sub
}

// provable is a source's next event, which says that it read rows of the small data set, and what proves it once it has a digest.
func (w *world) provable(source string, k *keys.Keys, data event.Digest, rows ...int) (e *event.Event, prove func(event.Digest) []byte) {
	w.t.Helper()
	set := smallDataset()
	witness, err := statement.NewDataAccessWitness(set.table, statement.SchemaDigest(set.claims), table.Salt{5}, rows...)
	if err != nil {
		w.t.Fatal(err)
	}
	claims := claim(data, int64(len(rows)))
	if claims.Accesses, err = witness.Accesses(16, 1); err != nil {
		w.t.Fatal(err)
	}
	e = w.draft(source, claims)
	e.Statement = k.VerifyingKey.Digest()
	return e, func(digest event.Digest) []byte {
		w.t.Helper()
		s, err := statement.ByName("data-access-16")
		if err != nil {
			w.t.Fatal(err)
		}
		p, err := statement.DeriveDataAccess(s, claims, event.Context(origin, e.Statement, digest), one{set.claims})
		if err != nil {
			w.t.Fatal(err)
		}
		assignment, err := dataaccess.Assign(16, witness, p)
		if err != nil {
			w.t.Fatal(err)
		}
		proof, _, err := k.Prove(w.t.Context(), assignment)
		if err != nil {
			w.t.Fatal(err)
		}
		return proof
	}
}

// one resolves every reference to one data set.
type one struct{ claims *event.DatasetClaims }

func (o one) Event(event.Digest) (*event.Event, error) { return &event.Event{Claims: o.claims}, nil }
