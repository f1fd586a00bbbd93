package ledger_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"github.com/consensys/gnark/constraint"
	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/migrations/pgtest"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/witness"
)

// prover is register for a prover that witnesses are sealed to.
func prover(source string, key byte) *event.SourceClaims {
	const recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
	c := register(source, key, event.RoleProver)
	c.Recipient = recipient
	c.Consent = ed25519.Sign(keyOf(key), event.ConsentMessage(origin, source, public(key), nil, recipient))
	return c
}

// foundProving is found with a statement and two provers, of which only the first takes witnesses.
func (w *world) foundProving(k *keys.Keys) (data event.Digest) {
	w.t.Helper()
	data = w.found()
	w.must(w.say("op/1", 'o', accessStatement(k)), w.say("op/1", 'o', prover("prover/1", 'p')), w.say("op/1", 'o', register("prover/2", 'q', event.RoleProver)))
	return data
}

// sealed is a witness as the ledger sees it: bytes that it can't read.
func sealed(n byte) []byte { return bytes.Repeat([]byte{n}, 3000) }

// deferring makes a source's next event, whose proof is deferred, and what proves it.
func (w *world) deferring(source string, key byte, k *keys.Keys, data event.Digest, rows ...int) (sub *event.Submission, prove func() []byte) {
	w.t.Helper()
	e, proofOf := w.provable(source, k, data, rows...)
	with := sealed(byte(e.Seq))
	e.Proof, e.Witness = event.ProofDeferred, event.DigestOf(with)
	sub = w.sign(e, key)
	sub.Witness = with
	return sub, func() []byte { return proofOf(sub.Envelope.Digest()) }
}

func proven(of *event.Submission, proof []byte) *event.AttestationClaims {
	return &event.AttestationClaims{Event: of.Envelope.Digest(), Outcome: event.OutcomeProven, Proof: proof}
}

func unproven(of *event.Submission) *event.AttestationClaims {
	return &event.AttestationClaims{Event: of.Envelope.Digest(), Outcome: event.OutcomeRefused, Reason: "unsatisfied"}
}

// query reads one row of the ledger's database.
func query[T any](w *world, sql string, args ...any) (value T) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.cfg.DatabaseURL)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(w.t.Context(), sql, args...).Scan(&value); err != nil {
		w.t.Fatal(err)
	}
	return value
}

func (w *world) witnesses() int { return query[int](w, "SELECT count(*) FROM witnesses") }

// jobs counts the jobs that are to be done, for events whose witness is there.
func (w *world) jobs() int {
	return query[int](w, `SELECT count(*) FROM witnesses w JOIN river.river_job j ON j.id = w.job AND j.state = 'available'
		AND j.kind = 'prove' AND j.args->>'event' = encode(w.event, 'hex') AND (j.args->>'index')::bigint = w.idx AND j.args->>'statement' = encode(w.statement, 'hex')`)
}

func (w *world) state(of *event.Submission) ledger.Deferral {
	w.t.Helper()
	e, err := w.log.EntryByDigest(w.t.Context(), of.Envelope.Digest())
	if err != nil || e.Deferral == nil {
		w.t.Fatalf("the deferred event: %+v, %v", e, err)
	}
	return *e.Deferral
}

func TestWitnessesAreAsLargeAsSealed(t *testing.T) {
	if event.MaxWitness != witness.MaxSealed {
		t.Errorf("the log takes sealed witnesses of %d bytes, and there are some of %d", event.MaxWitness, witness.MaxSealed)
	}
}

// The way of a deferred event: witness and job while it waits; then the attestation, and neither.
func TestDeferredEvent(t *testing.T) {
	w := newWorld(t)
	k := accessKeys(t)
	data := w.foundProving(k)
	sub, prove := w.deferring("gateway/1", 'g', k, data, 3, 8)
	first := w.must(sub)[0]
	if bytes.Contains(first.Leaf, []byte("witness\":\"")) || bytes.Contains(first.Leaf, sub.Witness) {
		t.Error("the leaf has the witness")
	}
	if got := query[[]byte](w, "SELECT sealed FROM witnesses WHERE event = $1 AND idx = $2", first.Digest[:], first.Index); !bytes.Equal(got, sub.Witness) {
		t.Errorf("the witness beside the log has %d bytes", len(got))
	}
	until(t, "the job is there", func() bool { return w.jobs() == 1 })
	if s := w.state(sub); s.State() != ledger.StateWaiting || s.Attestation() != -1 {
		t.Errorf("the event is %s", s.State())
	}
	job := query[int64](w, "SELECT job FROM witnesses")

	// A resend, with the witness, without it and with another one, is the same event: nothing is stored twice.
	for _, with := range [][]byte{sub.Witness, nil, sealed(99)} {
		again := *sub
		again.Witness = with
		o := w.log.Submit(t.Context(), []*event.Submission{&again})[0]
		if o.Refusal != nil || !o.Duplicate || o.Receipt.Index != first.Index {
			t.Errorf("a resend with a witness of %d bytes: %+v", len(with), o)
		}
	}
	if n, same := w.witnesses(), query[int64](w, "SELECT job FROM witnesses"); n != 1 || same != job {
		t.Errorf("%d witnesses, job %d after resends; 1 and job %d before", n, same, job)
	}

	proof := prove()
	attestation := w.say("prover/1", 'p', proven(sub, proof))
	w.refuse(ledger.NotPermitted, w.say("bank/1", 'b', proven(sub, proof)))
	w.forget("bank/1")
	by := w.must(attestation)[0]
	if n := w.witnesses(); n != 0 {
		t.Errorf("%d witnesses are there after the attestation", n)
	}
	if s := w.state(sub); s.State() != ledger.StateProven || s.Attestation() != by.Index {
		t.Errorf("the event is %s by entry %d, want proven by %d", s.State(), s.Attestation(), by.Index)
	}
	_, list, err := w.log.Attestations(t.Context(), first.Digest)
	if err != nil || len(list) != 1 || list[0].Index != by.Index {
		t.Errorf("its attestations: %+v, %v", list, err)
	}
	if again := w.must(attestation)[0]; again.Index != by.Index {
		t.Errorf("the attestation, sent again, is entry %d, not %d", again.Index, by.Index)
	}
	for name, more := range map[string]*event.Submission{
		"a second proof":          w.say("prover/2", 'q', proven(sub, proof)),
		"a refusal after a proof": w.say("prover/2", 'q', unproven(sub)),
	} {
		w.forget("prover/2")
		if r := w.refuse(ledger.AlreadyAttested, w.sign(w.draft("prover/2", mustOpen(t, more).Claims), 'q')); r.Check != "proven" {
			t.Errorf("%s: check %q (%s)", name, r.Check, r.Detail)
		}
	}
	w.forget("prover/2")

	// And after a restart, from what the database has.
	w.stop()
	w.start()
	w.refuse(ledger.AlreadyAttested, w.say("prover/2", 'q', proven(sub, proof)))
	w.forget("prover/2")
	page, err := w.log.Entries(t.Context(), ledger.Query{Kinds: []event.Kind{event.DataAccess}})
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Deferral == nil || page.Entries[0].Deferral.Proven != by.Index {
		t.Errorf("the list of accesses: %+v, %v", page.Entries, err)
	}
}

func mustOpen(t testing.TB, sub *event.Submission) *event.Event {
	t.Helper()
	e, err := sub.Envelope.Open()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What comes along with a deferred event is held against it, and the event against what it refers to, as if it were proven now.
func TestDeferredRefusals(t *testing.T) {
	w := newWorld(t)
	k := accessKeys(t)
	data := w.found()
	w.must(w.say("op/1", 'o', accessStatement(k)))
	deferred := func(change func(e *event.Event)) *event.Submission {
		e, _ := w.provable("gateway/1", k, data, 1)
		e.Proof, e.Witness = event.ProofDeferred, event.DigestOf(sealed(1))
		if change != nil {
			change(e)
		}
		sub := w.sign(e, 'g')
		sub.Witness = sealed(1)
		return sub
	}
	refuse := func(name string, code ledger.Code, check string, sub *event.Submission) {
		t.Helper()
		if r := w.refuse(code, sub); r.Check != check {
			t.Errorf("%s: check %q (%s), want %q", name, r.Check, r.Detail, check)
		}
		w.forget("gateway/1")
	}
	refuse("nobody proves", ledger.Deferred, "", deferred(nil))
	w.must(w.say("op/1", 'o', register("prover/2", 'q', event.RoleProver)))
	refuse("nobody has a recipient", ledger.Deferred, "", deferred(nil))
	w.must(w.say("op/1", 'o', prover("prover/1", 'p')))

	without := deferred(nil)
	without.Witness = nil
	refuse("no witness", ledger.WitnessMissing, "", without)
	empty := deferred(func(e *event.Event) { e.Witness = event.DigestOf(nil) })
	empty.Witness = []byte{}
	refuse("a witness of no bytes", ledger.WitnessMissing, "", empty)
	other := deferred(nil)
	other.Witness = sealed(2)
	refuse("another witness", ledger.WitnessMismatch, "", other)
	large := deferred(nil)
	large.Witness = make([]byte, event.MaxWitness+1)
	refuse("a large witness", ledger.TooLarge, "", large)
	claimed := w.say("gateway/1", 'g', claim(data, 1))
	claimed.Witness = sealed(1)
	refuse("a claim with a witness", ledger.WitnessUnwanted, "", claimed)
	inline := w.prove("gateway/1", 'g', k, data, 1)
	inline.Witness = sealed(1)
	refuse("a proof with a witness", ledger.WitnessUnwanted, "", inline)
	proof := inline.Proof
	both := deferred(nil)
	both.Proof = proof
	refuse("a deferral with a proof", ledger.ProofUnexpected, "", both)

	refuse("more records than slots", ledger.ClaimsOutOfRange, "records", deferred(func(e *event.Event) { e.Claims = claim(data, 17) }))
	refuse("an unknown purpose", ledger.ClaimsOutOfRange, "purpose", deferred(func(e *event.Event) { e.Claims.(*event.DataAccessClaims).Purpose = "fun" }))
	refuse("an unknown data set", ledger.UnknownReference, "dataset", deferred(func(e *event.Event) { e.Claims = claim(event.Digest{7}, 1) }))
	refuse("an unknown statement", ledger.UnknownStatement, "", deferred(func(e *event.Event) { e.Statement = event.Digest{7} }))
	refuse("a statement about another kind", ledger.UnknownStatement, "", deferred(func(e *event.Event) {
		e.Claims = &event.ModelVersionClaims{Approval: data, Version: "1"}
	}))

	w.must(deferred(nil))
	w.must(w.say("op/1", 'o', revoke("prover/1", 'p')))
	refuse("the prover was revoked", ledger.Deferred, "", deferred(nil))
	w.must(w.say("op/1", 'o', rotate("prover/1", 'r')))
	refuse("another key doesn't bring it back", ledger.Deferred, "", deferred(nil))
	w.must(w.say("op/1", 'o', prover("prover/9", 's')))
	w.must(deferred(nil))
	w.must(w.say("op/1", 'o', &event.StatementClaims{Action: event.StatementRevoke, Statement: k.VerifyingKey.Digest()}))
	refuse("the statement was revoked", ledger.RevokedStatement, "", deferred(nil))
	if n := w.witnesses(); n != 2 {
		t.Errorf("%d witnesses are there, of 2 events", n)
	}
}

// A training step that is proven later rests on its run's place in the log as one that is proven now does, and is one link of the run's chain
// while it waits.
func TestDeferredTrainingStep(t *testing.T) {
	w := newWorld(t)
	data := w.foundProving(accessKeys(t))
	c, err := circuit.ByName("training-step-32x32")
	if err != nil {
		t.Fatal(err)
	}
	k := keytest.Keys(t, c.Statement.Name, func() (constraint.ConstraintSystem, error) { return c.Compile() })
	registered := accessStatement(k)
	registered.Name, registered.Proves = c.Statement.Name, event.TrainingStep
	w.must(w.say("op/1", 'o', registered))
	step := func(run event.Digest, number byte, mode event.ProofMode) *event.Submission {
		e := w.draft("gateway/1", trainingStep(run, number))
		e.Proof, e.Statement = mode, k.VerifyingKey.Digest()
		if mode == event.ProofDeferred {
			e.Witness = event.DigestOf(sealed(1))
		}
		sub := w.sign(e, 'g')
		if mode == event.ProofDeferred {
			sub.Witness = sealed(1)
		} else {
			sub.Proof = make([]byte, 192)
		}
		return sub
	}
	// What no proof can be about is refused alike, whether the proof comes now or later.
	wide := trainingRun(data)
	wide.Batch = 64 // the statement has room for 32
	wideRun := w.must(w.say("gateway/1", 'g', wide))[0].Digest
	for _, mode := range []event.ProofMode{event.ProofInline, event.ProofDeferred} {
		run := w.say("gateway/1", 'g', trainingRun(data))
		out := w.log.Submit(t.Context(), []*event.Submission{run, step(run.Envelope.Digest(), 1, mode)})
		if out[0].Refusal != nil || out[1].Refusal == nil || out[1].Refusal.Code != ledger.ClaimsOutOfRange {
			t.Errorf("%s: a step beside its run: %v, %v", mode, out[0].Refusal, out[1].Refusal)
		}
		w.forget("gateway/1")
		if r := w.refuse(ledger.ClaimsOutOfRange, step(wideRun, 1, mode)); r.Check == "" {
			t.Errorf("%s: a step of a run with too large batches: %+v", mode, r)
		}
		w.forget("gateway/1")
	}
	run := w.must(w.say("gateway/1", 'g', trainingRun(data)))[0].Digest
	w.must(step(run, 1, event.ProofDeferred))
	if r := w.refuse(ledger.ClaimsOutOfRange, step(run, 1, event.ProofDeferred)); r.Check != "step" {
		t.Errorf("a second successor, deferred: %v", r)
	}
	w.forget("gateway/1")
	w.must(step(run, 2, event.ProofDeferred), w.say("gateway/1", 'g', trainingStep(run, 3)))
}

// A crash may come after the commit and before the job. Here River's table can't be written to while the event is logged, and the process
// stops; the next one finds the witness and makes the job.
func TestJobIsMadeAfterACrash(t *testing.T) {
	w := newWorld(t)
	k := accessKeys(t)
	data := w.foundProving(k)
	tx := w.hold("LOCK TABLE river.river_job IN ACCESS EXCLUSIVE MODE")
	sub, _ := w.deferring("gateway/1", 'g', k, data, 3)
	w.must(sub) // the queue keeps nobody waiting
	w.stop()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := query[int](w, "SELECT count(*) FROM witnesses WHERE job IS NULL"); n != 1 {
		t.Fatalf("%d witnesses are without a job, want 1", n)
	}
	w.start()
	until(t, "the job is there", func() bool { return w.jobs() == 1 })
}

// newSweptWorld has three deferred events with their jobs, and sweeps often.
func newSweptWorld(t *testing.T) *world {
	t.Helper()
	w := newWorldOn(t, pgtest.URL(t))
	w.cfg.SweepEvery = 20 * time.Millisecond
	w.start()
	k := accessKeys(t)
	data := w.foundProving(k)
	var subs []*event.Submission
	for range 3 {
		sub, _ := w.deferring("gateway/1", 'g', k, data, 3)
		subs = append(subs, sub)
	}
	w.must(subs...)
	until(t, "the jobs are there", func() bool { return w.jobs() == 3 })
	return w
}

// Jobs that got lost, or were given up and forgotten, are made again by a sweep; those of another event by the same number don't count.
func TestSweep(t *testing.T) {
	w := newSweptWorld(t)
	w.exec("DELETE FROM river.river_job")
	until(t, "the lost jobs are there again", func() bool { return w.jobs() == 3 })
	w.exec(`UPDATE river.river_job SET args = jsonb_set(args, '{event}', to_jsonb(repeat('0', 64))), unique_key = NULL
		WHERE id = (SELECT min(id) FROM river.river_job)`)
	until(t, "another event's job was replaced", func() bool { return w.jobs() == 3 })
	if n := query[int](w, "SELECT count(*) FROM river.river_job"); n != 4 {
		t.Errorf("there are %d jobs, want 4", n)
	}
}

// A job that a worker dropped, or that was tried too often, is none for a witness that is still there; but not at once.
func TestSweepPassesOverJobsThatWereGivenUp(t *testing.T) {
	w := newSweptWorld(t)
	// The first one was dropped lately.
	w.exec(`UPDATE river.river_job SET state = 'cancelled', finalized_at = now() WHERE id = (SELECT job FROM witnesses ORDER BY idx LIMIT 1)`)
	for i, state := range []string{"cancelled", "discarded"} {
		w.exec(`UPDATE river.river_job SET state = '` + state + `', finalized_at = now() - interval '1 hour' WHERE id = (SELECT max(job) FROM witnesses)`)
		until(t, "a job comes in place of one that was "+state, func() bool { return w.jobs() == 2 })
		if n := query[int](w, "SELECT count(*) FROM river.river_job"); n != 4+i {
			t.Errorf("there are %d jobs, want %d", n, 4+i)
		}
	}
}

// Whatever becomes of connections, each deferred event that is in the log has its witness and one job.
func TestDeferredThroughBrokenConnections(t *testing.T) {
	w := newWorldOn(t, pgtest.URL(t))
	w.cfg.SweepEvery = 50 * time.Millisecond
	w.start()
	k := accessKeys(t)
	data := w.foundProving(k)
	const events = 24
	for i := range events {
		sub, _ := w.deferring("gateway/1", 'g', k, data, 3)
		done := make(chan error, 1)
		go func() { _, err := insist(w.log, sub); done <- err }()
		if i%2 == 0 {
			w.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	until(t, "every event has its job", func() bool { return w.jobs() == events })
	if n, jobs := w.witnesses(), query[int](w, "SELECT count(*) FROM river.river_job"); n != events || jobs != events {
		t.Errorf("%d witnesses and %d jobs of %d events", n, jobs, events)
	}
}

// What follows from the log is rebuilt, and what doesn't stays.
func TestReindexKeepsWitnesses(t *testing.T) {
	w := newWorld(t)
	k := accessKeys(t)
	data := w.foundProving(k)
	first, prove := w.deferring("gateway/1", 'g', k, data, 3)
	second, _ := w.deferring("gateway/1", 'g', k, data, 4)
	third, _ := w.deferring("gateway/1", 'g', k, data, 5)
	w.must(first, second, third)
	w.must(w.say("prover/1", 'p', unproven(first)), w.say("prover/1", 'p', proven(first, prove())), w.say("prover/1", 'p', unproven(second)))
	before := query[string](w, "SELECT string_agg(a::text, '|' ORDER BY idx) FROM attestations a")
	waiting := query[string](w, "SELECT string_agg(md5(sealed) || idx, '|' ORDER BY idx) FROM witnesses")
	w.stop()
	w.exec("UPDATE attestations SET idx = 0; INSERT INTO attestations VALUES (1, 1, decode(repeat('07', 32), 'hex'))")
	if err := ledger.Reindex(t.Context(), w.cfg.DatabaseURL, nil); err != nil {
		t.Fatal(err)
	}
	if after := query[string](w, "SELECT string_agg(a::text, '|' ORDER BY idx) FROM attestations a"); after != before {
		t.Errorf("the index of attestations is\n%s\nand was\n%s", after, before)
	}
	if after := query[string](w, "SELECT string_agg(md5(sealed) || idx, '|' ORDER BY idx) FROM witnesses"); after != waiting {
		t.Errorf("the witnesses are %s, and were %s", after, waiting)
	}
	w.start()
	if s := w.state(first); s.State() != ledger.StateProven || s.Refused < 0 || s.Refused > s.Proven {
		t.Errorf("the first event: %+v", s)
	}
	if s := w.state(second); s.State() != ledger.StateRefused {
		t.Errorf("the second event: %+v", s)
	}
	if s := w.state(third); s.State() != ledger.StateWaiting {
		t.Errorf("the third event: %+v", s)
	}
	_, list, err := w.log.Attestations(t.Context(), first.Envelope.Digest())
	if err != nil || len(list) != 2 || list[0].Index > list[1].Index {
		t.Errorf("attestations of the first event: %s", fmt.Sprint(list, err))
	}
}
