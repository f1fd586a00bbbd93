package verify_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit/dataaccess"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/consensys/gnark/constraint"
	"golang.org/x/mod/sumdb/note"
)

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

func accessKeys(t *testing.T) *keys.Keys {
	return keytest.Keys(t, "data-access-16", func() (constraint.ConstraintSystem, error) { return dataaccess.Compile(16) })
}

// access makes the claims of reading some rows, and the function that proves them for an event.
func (l *paperLog) access(k *keys.Keys, data event.Digest, rows ...int) (*event.DataAccessClaims, func(*event.Event) func(event.Digest) []byte) {
	set := smallDataset()
	w, err := statement.NewDataAccessWitness(set.table, statement.SchemaDigest(set.claims), table.Salt{5}, rows...)
	if err != nil {
		l.t.Fatal(err)
	}
	accesses, err := w.Accesses(16, 1)
	if err != nil {
		l.t.Fatal(err)
	}
	claims := &event.DataAccessClaims{Accesses: accesses, Columns: []string{"age"}, Dataset: data, Purpose: "credit-scoring", Records: int64(len(rows))}
	prove := func(e *event.Event) func(event.Digest) []byte {
		return func(digest event.Digest) []byte {
			s, err := statement.ByName("data-access-16")
			if err != nil {
				l.t.Fatal(err)
			}
			p, err := statement.DeriveDataAccess(s, claims, event.Context(e.Log, e.Statement, digest), one{set.claims})
			if err != nil {
				l.t.Fatal(err)
			}
			assignment, err := dataaccess.Assign(16, w, p)
			if err != nil {
				l.t.Fatal(err)
			}
			proof, _, err := k.Prove(context.Background(), assignment)
			if err != nil {
				l.t.Fatal(err)
			}
			return proof
		}
	}
	return claims, prove
}

// one resolves every reference to one data set.
type one struct{ claims *event.DatasetClaims }

func (o one) Event(event.Digest) (*event.Event, error) { return &event.Event{Claims: o.claims}, nil }

// story writes a log with one proven data access, entry 5.
func story(t *testing.T) (l *paperLog, data event.Digest, k *keys.Keys) {
	l, k = newPaperLog(t), accessKeys(t)
	h := &history{t: t}
	l.write(l.draft("op/1", h.recoverable("op/1", 'o', event.RoleOperator, 'R'), event.Digest{}), 'o', nil)
	registered := theStatement()
	registered.VerifyingKey = k.VerifyingKey.Bytes()
	l.write(l.draft("op/1", registered, event.Digest{}), 'o', nil)
	l.write(l.draft("op/1", h.register("bank/1", 'b', event.RoleController), event.Digest{}), 'o', nil)
	l.write(l.draft("op/1", h.register("gateway/1", 'g', event.RoleService), event.Digest{}), 'o', nil)
	data = l.write(l.draft("bank/1", smallDataset().claims, event.Digest{}), 'b', nil)
	claims, prove := l.access(k, data, 3, 8, 21)
	e := l.draft("gateway/1", claims, k.VerifyingKey.Digest())
	l.write(e, 'g', prove(e))
	return l, data, k
}

func (l *paperLog) gather(index int64) *verify.Evidence {
	l.t.Helper()
	ev, err := verify.Gather(context.Background(), l, index, int64(len(l.leaves)))
	if err != nil {
		l.t.Fatal(err)
	}
	return ev
}

func TestEvidenceOfAProvenEvent(t *testing.T) {
	l, _, _ := story(t)
	report, err := l.gather(5).Verify(l.key)
	if err != nil {
		t.Fatalf("%v\n%+v", err, report.Steps)
	}
	if report.Verdict != verify.Proven || len(report.Doubts) > 0 {
		t.Errorf("the verdict is %s with doubts %v", report.Verdict, report.Doubts)
	}
	for _, want := range []string{"3 records", "credit-scoring", "age"} {
		if !strings.Contains(strings.Join(report.Proven, " "), want) {
			t.Errorf("what is proven does not mention %q: %v", want, report.Proven)
		}
	}
	if !strings.Contains(strings.Join(report.Trusted, " "), "UNTRUSTED") {
		t.Errorf("what stays trusted does not mention the one-party set-up: %v", report.Trusted)
	}
}

// TestWhatStaysTrusted has a service prove accesses to what it committed to itself, under keys from a ceremony.
func TestWhatStaysTrusted(t *testing.T) {
	l, k, h := newPaperLog(t), accessKeys(t), &history{t: t}
	none := event.Digest{}
	l.write(l.draft("op/1", h.register("op/1", 'o', event.RoleOperator), none), 'o', nil)
	registered := theStatement()
	registered.VerifyingKey, registered.Setup, registered.Transcript = k.VerifyingKey.Bytes(), event.SetupCeremony, event.DigestOf([]byte("transcript"))
	l.write(l.draft("op/1", registered, none), 'o', nil)
	l.write(l.draft("op/1", h.register("gateway/1", 'g', event.RoleService), none), 'o', nil)
	l.write(l.draft("op/1", h.register("gateway/2", 'h', event.RoleService), none), 'o', nil)
	for source, want := range map[string]string{"gateway/1": "the source gateway/1 itself", "gateway/2": "another instance"} {
		data := l.write(l.draft(source, smallDataset().claims, none), map[string]byte{"gateway/1": 'g', "gateway/2": 'h'}[source], nil)
		claims, prove := l.access(k, data, 3, 8)
		e := l.draft("gateway/1", claims, k.VerifyingKey.Digest())
		l.write(e, 'g', prove(e))
		report, err := l.gather(int64(len(l.leaves)) - 1).Verify(l.key)
		if err != nil || report.Verdict != verify.Proven {
			t.Fatalf("%s, %v", report.Verdict, err)
		}
		trusted := strings.Join(report.Trusted, "\n")
		for _, want := range []string{want, "leaves out", "ceremony was honest", registered.Transcript.String()} {
			if !strings.Contains(trusted, want) {
				t.Errorf("with data of %s, what stays trusted does not mention %q:\n%s", source, want, trusted)
			}
		}
	}
}

func TestEvidenceOfAClaim(t *testing.T) {
	l, _, _ := story(t)
	report, err := l.gather(4).Verify(l.key)
	if err != nil || report.Verdict != verify.Claimed {
		t.Errorf("got %s, %v", report.Verdict, err)
	}
}

func TestEvidenceInDoubt(t *testing.T) {
	l, _, _ := story(t)
	h := &history{t: t}
	l.write(l.draft("op/1", h.revoke("gateway/1", 'g', 5), event.Digest{}), 'o', nil)
	report, err := l.gather(5).Verify(l.key)
	if err != nil || len(report.Doubts) != 1 {
		t.Errorf("got doubts %v, %v", report.Doubts, err)
	}
	l.write(l.draft("op/1", h.revoke("bank/1", 'b', 4), event.Digest{}), 'o', nil)
	if report, err = l.gather(5).Verify(l.key); err != nil || len(report.Doubts) != 2 {
		t.Errorf("with the data set in doubt too: doubts %v, %v", report.Doubts, err)
	}
}

// TestEvidenceOnDoubtfulGround has the operator's key stolen: whoever holds it registers sources and statements as he likes.
func TestEvidenceOnDoubtfulGround(t *testing.T) {
	for from, want := range map[int64][]string{
		4: nil,
		3: {"entry 3,"},                         // the event's source
		2: {"entry 2,", "entry 3,"},             // and the data set's
		1: {"entry 1,", "entry 2,", "entry 3,"}, // and the statement
	} {
		l, _, _ := story(t)
		h := &history{t: t}
		l.write(l.draft("op/1", h.register("idle/1", 'i', event.RoleService), event.Digest{}), 'o', nil)
		l.write(l.draft("op/1", h.revoke("op/1", 'o', from), event.Digest{}), 'R', nil)
		report, err := l.gather(5).Verify(l.key)
		if err != nil || len(report.Doubts) != len(want) {
			t.Errorf("from entry %d: got doubts %q, %v", from, report.Doubts, err)
			continue
		}
		for i := range want {
			if !strings.Contains(report.Doubts[i], "signed "+want[i]) {
				t.Errorf("from entry %d: doubt %d is %q, want one of %s", from, i, report.Doubts[i], want[i])
			}
		}
	}
}

func TestTamperedEvidence(t *testing.T) {
	l, data, k := story(t)
	without := func(index int64) func(*verify.Evidence) {
		return func(ev *verify.Evidence) {
			ev.Relied = slices.DeleteFunc(ev.Relied, func(r verify.Receipt) bool { return r.Index == index })
		}
	}
	for name, c := range map[string]struct {
		tamper func(*verify.Evidence)
		step   string
	}{
		"leaf altered": {func(ev *verify.Evidence) {
			ev.Event.Leaf = bytes.Replace(ev.Event.Leaf, []byte(`"logged":17`), []byte(`"logged":18`), 1)
		}, "inclusion"},
		"proof of another place": {func(ev *verify.Evidence) { ev.Event.Index-- }, "inclusion"},
		"inclusion proof cut":    {func(ev *verify.Evidence) { ev.Event.Hashes = ev.Event.Hashes[1:] }, "inclusion"},
		"head altered": {func(ev *verify.Evidence) {
			ev.Event.Note = bytes.Replace(ev.Event.Note, []byte("\n6\n"), []byte("\n7\n"), 1)
		}, "head"},
		"relied entry under a new head": {func(ev *verify.Evidence) { ev.Relied[0].Note = append(slices.Clone(ev.Relied[0].Note), ' ') }, "relied entries"},
		"relied entry altered":          {func(ev *verify.Evidence) { ev.Relied[0].Leaf = ev.Event.Leaf }, "relied entries"},
		"relied entry twice":            {func(ev *verify.Evidence) { ev.Relied = append(ev.Relied, ev.Relied[0]) }, "relied entries"},
		"operator missing":              {without(0), "source"},
		"statement missing":             {without(1), "source"},
		"data set's controller missing": {without(2), "source"},
		"source missing":                {without(3), "source"},
		"data set missing":              {without(4), "references"},
	} {
		t.Run(name, func(t *testing.T) {
			ev := l.gather(5)
			c.tamper(ev)
			refuted(t, l, ev, c.step)
		})
	}
	t.Run("another log's key", func(t *testing.T) {
		other := newPaperLog(t)
		if report, err := l.gather(5).Verify(other.key); err == nil || report.Verdict != verify.Refuted {
			t.Errorf("got %s, %v", report.Verdict, err)
		}
	})

	// What a log could write that breaks its own law.
	claims, prove := l.access(k, data, 3, 8, 21)
	for name, c := range map[string]struct {
		write func(l *paperLog)
		step  string
	}{
		"signed by a key that is not the source's": {func(l *paperLog) {
			e := l.draft("gateway/1", claims, k.VerifyingKey.Digest())
			l.write(e, 'x', prove(e))
		}, "source"},
		"proof replayed from another event": {func(l *paperLog) {
			old, err := event.DecodeLeaf(l.leaves[5])
			if err != nil {
				t.Fatal(err)
			}
			l.write(l.draft("gateway/1", claims, k.VerifyingKey.Digest()), 'g', func(event.Digest) []byte { return old.Proof })
		}, "proof"},
		"proof stripped": {func(l *paperLog) { l.write(l.draft("gateway/1", claims, k.VerifyingKey.Digest()), 'g', nil) }, "proof"},
		"proof beside an event that has none": {func(l *paperLog) {
			l.write(l.draft("gateway/1", claims, event.Digest{}), 'g', func(event.Digest) []byte { return make([]byte, 128) })
		}, "statement"},
		"claims other than those proven": {func(l *paperLog) {
			more := *claims
			more.Records++
			e := l.draft("gateway/1", &more, k.VerifyingKey.Digest())
			l.write(e, 'g', prove(e))
		}, "proof"},
		"purpose that the data set does not have": {func(l *paperLog) {
			other := *claims
			other.Purpose = "resale"
			e := l.draft("gateway/1", &other, k.VerifyingKey.Digest())
			l.write(e, 'g', prove(e))
		}, "proof"},
		"meant for another log": {func(l *paperLog) {
			e := l.draft("gateway/1", claims, event.Digest{})
			e.Log = "another.example/log"
			l.write(e, 'g', nil)
		}, "source"},
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
}

// refuted expects that verification fails at a step.
func refuted(t *testing.T, l *paperLog, ev *verify.Evidence, step string) {
	t.Helper()
	report, err := ev.Verify(l.key)
	if err == nil || report.Verdict != verify.Refuted {
		t.Fatalf("the verdict is %s", report.Verdict)
	}
	if last := report.Steps[len(report.Steps)-1]; last.Name != step || last.Err == nil {
		t.Errorf("it failed at %q (%v), want %q", last.Name, err, step)
	}
}

// A key that the log's own entries never gave to the source proves nothing, whoever signs.
func TestReceiptIsStrict(t *testing.T) {
	l, _, _ := story(t)
	r, err := l.Receipt(context.Background(), 5, 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Open(l.key); err != nil {
		t.Fatal(err)
	}
	text := r.TlogProof()
	for name, bad := range map[string][]byte{
		"empty":           nil,
		"extra line":      bytes.Replace(text, []byte("index 5\n"), []byte("extra AAAA\nindex 5\n"), 1),
		"leading zero":    bytes.Replace(text, []byte("index 5\n"), []byte("index 05\n"), 1),
		"negative index":  bytes.Replace(text, []byte("index 5\n"), []byte("index -5\n"), 1),
		"carriage return": bytes.Replace(text, []byte("index 5\n"), []byte("index 5\r\n"), 1),
		"too large":       append(slices.Clone(text), bytes.Repeat([]byte("x\n"), verify.MaxNote)...),
	} {
		if _, err := verify.ParseReceipt(r.Leaf, bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := verify.ParseReceipt(make([]byte, event.MaxLeaf+1), text); err == nil {
		t.Error("a leaf that is too large is accepted")
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add([]byte("{}"), []byte("c2sp.org/tlog-proof@v1\nindex 5\n\nlog.example/test\n6\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— log.example/test AAAA\n"))
	_, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		f.Fatal(err)
	}
	key, err := note.NewVerifier(vkey)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, leaf, proof []byte) {
		r, err := verify.ParseReceipt(leaf, proof)
		if err != nil {
			return
		}
		if !bytes.Equal(r.TlogProof(), proof) {
			t.Fatal("it does not encode to what was read")
		}
		if _, _, err := r.Open(key); err == nil {
			t.Fatal("a receipt opens under a key that nobody has")
		}
	})
}
