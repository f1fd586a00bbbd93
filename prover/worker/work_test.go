package worker_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
	"github.com/attestlog/attestlog/prover/worker"
	"github.com/attestlog/attestlog/prover/worker/job"
)

// dataset writes a data set to the log, and opens rows of it.
func (w *live) dataset() (event.Digest, *table.Table, *event.DatasetClaims) {
	w.t.Helper()
	claims := &event.DatasetClaims{Purposes: []string{"credit-scoring"}, Rows: 100,
		Columns: []event.Column{{Name: "age", Role: event.RoleQuasi, Coding: event.Coding{Integer: &event.IntegerCoding{Max: 200}}}}}
	rows := make([]table.Row, claims.Rows)
	for i := range rows {
		rows[i] = table.Row{Cells: []uint16{uint16(i)}, Consent: 1, Salt: table.Salt{byte(i)}}
	}
	built, err := table.Build(w.t.Context(), 1, rows, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	root := built.Root()
	claims.Root = root.Bytes()
	return w.say("service/1", claims, nil), built, claims
}

// access is a data access with its witness, committed to in a list of so many slots.
func (w *live) access(data event.Digest, built *table.Table, schema *event.DatasetClaims, slots, rows int) (*event.DataAccessClaims, *statement.DataAccessWitness) {
	w.t.Helper()
	var read []int
	for i := range rows {
		read = append(read, i)
	}
	known, err := statement.NewDataAccessWitness(built, statement.SchemaDigest(schema), table.Salt{3}, read...)
	if err != nil {
		w.t.Fatal(err)
	}
	list, err := known.Accesses(slots, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	return &event.DataAccessClaims{Accesses: list, Columns: []string{"age"}, Dataset: data, Purpose: "credit-scoring", Records: int64(rows)}, known
}

// Jobs of several statements are proven, those that were there before the worker and those that come later; what comes out holds
// against the log's key alone.
func TestProves(t *testing.T) {
	w := startLive(t)
	access := w.statement("data-access-16")
	data, built, schema := w.dataset()
	claims, known := w.access(data, built, schema, 16, 7)
	events := []event.Digest{w.someVersion(), w.someVersion(), w.deferred(claims, access, w.seal(known))}
	r := w.work("prover/1")
	w.proven(events...)
	events = append(events, w.someVersion(), w.deferred(claims, access, w.seal(known)))
	w.proven(events...)
	r.stop()
	until(t, "all jobs are done", func() bool { return w.jobs("completed") == len(events) })
	for line, want := range map[string]float64{"model-version": 3, "data-access-16": 2} {
		if got := gathered(t, r, "attestlog_prover_jobs_total", line, "proven"); got != want {
			t.Errorf("%v jobs of %s were counted as proven, want %v", got, line, want)
		}
	}
	for _, secret := range []string{"temperature", w.identity.String(), "salt"} {
		if strings.Contains(r.said.String(), secret) {
			t.Errorf("the worker said %q", secret)
		}
	}
	for _, d := range events {
		entry, err := w.ledger.EntryByDigest(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.client().Verify(t.Context(), entry.Index); err != nil {
			t.Errorf("the evidence of entry %d: %v", entry.Index, err)
		}
	}
}

// gathered is the value of a counter with such labels.
func gathered(t *testing.T, r *working, name, of, ended string) float64 {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["statement"] == of && labels["ended"] == ended {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// encrypt seals anything.
func encrypt(t *testing.T, plain []byte, to age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	out, err := age.Encrypt(&b, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Each reason for a refusal ends up in the log, once, and the witness goes.
func TestRefuses(t *testing.T) {
	w := startLive(t)
	access := w.statement("data-access-16")
	data, built, schema := w.dataset()
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	want := map[event.Digest]string{}
	say := func(reason string, digest event.Digest) { want[digest] = reason }

	claims, known := w.version()
	toOthers, err := witness.Seal(known, other.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	say("undecryptable", w.deferred(claims, w.model, toOthers))
	claims, known = w.version()
	plain, err := witness.Encode(known)
	if err != nil {
		t.Fatal(err)
	}
	say("undecryptable", w.deferred(claims, w.model, plain))
	claims, _ = w.version()
	say("witness-malformed", w.deferred(claims, w.model, encrypt(t, []byte("garbage"), w.identity.Recipient())))
	claims, _ = w.version()
	say("witness-malformed", w.deferred(claims, w.model, encrypt(t, append(plain, 0), w.identity.Recipient())))

	accessClaims, read := w.access(data, built, schema, 16, 3)
	claims, _ = w.version()
	say("witness-mismatch", w.deferred(claims, w.model, w.seal(read))) // of another kind

	_, foreign := w.version()
	claims, _ = w.version()
	say("unsatisfied", w.deferred(claims, w.model, w.seal(foreign))) // another event's
	accessClaims.Records++
	say("unsatisfied", w.deferred(accessClaims, access, w.seal(read)))

	r := w.work("prover/1")
	for d, reason := range want {
		if a := w.attested(d); a.Outcome != event.OutcomeRefused || a.Reason != reason {
			t.Errorf("attested as %s %s, want refused %s", a.Outcome, a.Reason, reason)
		}
	}
	w.proven(w.someVersion())
	r.stop()
	if got := gathered(t, r, "attestlog_prover_jobs_total", "model-version", "refused"); got != 6 {
		t.Errorf("%v jobs were counted as refused, want 6", got)
	}
	for _, reason := range want {
		if !slices.Contains(event.RefusalReasons(), reason) {
			t.Errorf("%q is none of the log's reasons", reason)
		}
	}
}

// gate is a prover that tells when it begins, and waits until it may go on. It may be broken.
type gate struct {
	began chan struct{}
	open  chan error
}

func newGate() *gate { return &gate{make(chan struct{}, 100), make(chan error, 100)} }

func (g *gate) Prove(ctx context.Context, k *keys.Keys, assignment frontend.Circuit) ([]byte, error) {
	g.began <- struct{}{}
	if err := <-g.open; err != nil {
		return nil, err
	}
	return keys.Prove(ctx, k.ProvingKey, k.ConstraintSystem, assignment)
}

// A worker's own trouble is never a refusal: the job is tried again until it can be done.
func TestTroubleIsNoRefusal(t *testing.T) {
	t.Run("a prover that fails", func(t *testing.T) {
		w, g := startLive(t), newGate()
		r := w.work("prover/1", func(c *worker.Config) { c.Prover = g })
		d := w.someVersion()
		g.open <- errors.New("out of luck")
		g.open <- keys.ErrUnsatisfied // the twin knows better: then it's the program that is wrong
		g.open <- nil
		w.proven(d)
		if got := gathered(t, r, "attestlog_prover_jobs_total", "model-version", "later"); got != 2 {
			t.Errorf("%v jobs were put off, want 2", got)
		}
	})
	t.Run("a log that is away while something is proven", func(t *testing.T) {
		w, g := startLive(t), newGate()
		w.work("prover/1", func(c *worker.Config) { c.Prover = g })
		d := w.someVersion()
		<-g.began
		w.down()
		g.open <- nil
		w.unreachable()
		w.up()
		w.proven(d)
	})
	t.Run("a log that is away when the job comes", func(t *testing.T) {
		w := startLive(t)
		g := newGate()
		w.work("prover/1", func(c *worker.Config) { c.Prover = g })
		first := w.someVersion()
		<-g.began // its queue is taken on
		w.down()
		second := w.someVersion()
		until(t, "the second job is taken", func() bool { return w.jobs("running")+w.jobs("scheduled") >= 2 })
		w.up()
		g.open <- nil
		g.open <- nil
		w.proven(first, second)
	})
	t.Run("keys that are damaged", func(t *testing.T) {
		w := startLive(t)
		store, err := keys.OpenStore(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		r := w.work("prover/1", func(c *worker.Config) { c.Store = store })
		w.proven(w.someVersion()) // fetched from the log
		r.stop()
		if err := os.Truncate(filepath.Join(store.Dir(), w.model.String(), "proving.key"), 1000); err != nil {
			t.Fatal(err)
		}
		r = w.work("prover/2", func(c *worker.Config) { c.Store = store })
		w.proven(w.someVersion())
		if !strings.Contains(r.said.String(), "damaged") {
			t.Error("the damage wasn't told")
		}
	})
}

// unreachable makes sure that the log can't be reached.
func (w *live) unreachable() {
	w.t.Helper()
	if _, err := w.client(func(o *client.Options) { o.Retries = -1 }).Checkpoint(w.t.Context()); err == nil {
		w.t.Fatal("the log answers")
	}
}

// Two workers on one job: River gave it to another one when the first took too long. One attestation comes out, and both are content.
func TestTwoWorkers(t *testing.T) {
	w := startLive(t)
	slow, fast := newGate(), newGate()
	one := w.work("prover/1", func(c *worker.Config) { c.Prover = slow })
	d := w.someVersion()
	<-slow.began
	two := w.work("prover/2", func(c *worker.Config) { c.Prover = fast })
	w.exec("UPDATE river.river_job SET state = 'available'") // as River's rescue does
	<-fast.began
	fast.open <- nil
	w.proven(d)
	slow.open <- nil
	until(t, "the slow worker is done, too", func() bool {
		return gathered(t, one, "attestlog_prover_jobs_total", "model-version", "gone") == 1
	})
	two.stop()
	one.stop()
	w.proven(d) // still one
	if got := gathered(t, two, "attestlog_prover_jobs_total", "model-version", "proven"); got != 1 {
		t.Errorf("%v jobs were proven by the fast worker", got)
	}
	if n := w.jobs("completed"); n != 1 {
		t.Errorf("%d jobs are completed, want 1", n)
	}
}

// A job in the hands of a worker that is gone for good is taken over, by River's rescue, once patience is over.
func TestRescue(t *testing.T) {
	w := startLive(t)
	g := newGate()
	one := w.work("prover/1", func(c *worker.Config) { c.Prover = g })
	d := w.someVersion()
	<-g.began
	w.exec("UPDATE river.river_job SET attempted_by = ARRAY['attestlog-prover:elsewhere/9'], attempted_at = now() - interval '2 hours'")
	g.open <- errors.New("gone")
	one.stop()
	w.exec("UPDATE river.river_job SET state = 'running', scheduled_at = now()")
	w.work("prover/2")
	w.proven(d)
}

// A worker that comes back takes its own jobs back at once, and nobody else's.
func TestTakesBack(t *testing.T) {
	w := startLive(t)
	g := newGate()
	one := w.work("prover/1", func(c *worker.Config) { c.Prover = g })
	mine := w.someVersion()
	<-g.began
	g.open <- errors.New("trouble")
	one.stop()
	w.exec("UPDATE river.river_job SET state = 'running', scheduled_at = now()") // as if the machine had lost power
	other := w.someVersion()
	until(t, "the job is there", func() bool { return w.jobs("available") == 1 })
	w.exec("UPDATE river.river_job SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = ARRAY['attestlog-prover:prover/2'] WHERE state = 'available'")
	w.work("prover/1")
	w.proven(mine)
	if n := w.count("SELECT count(*) FROM river.river_job WHERE state = 'running' AND attempted_by = ARRAY['attestlog-prover:prover/2']"); n != 1 || len(w.attestations(other)) != 0 {
		t.Errorf("another worker's job was taken, too")
	}
	w.work("prover/2")
	w.proven(other)
}

// The database goes away in the middle of a job, and comes back: the job is done, and so are the next ones.
func TestLostDatabase(t *testing.T) {
	w, g := startLive(t), newGate()
	r := w.work("prover/1", func(c *worker.Config) { c.Prover = g })
	d := w.someVersion()
	<-g.began
	w.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'attestlog-prover'")
	g.open <- nil
	w.proven(d)
	g.open <- nil
	w.proven(w.someVersion())
	r.stop()
	until(t, "both jobs are done", func() bool { return w.jobs("completed") == 2 })
}

// A database that lies makes a worker waste time: what it attests stays true, since it is the log that it asks.
func TestHostileDatabase(t *testing.T) {
	w := startLive(t)
	access := w.statement("data-access-16")
	honest, swapped := w.someVersion(), w.someVersion()
	later, witnessed := w.version()
	misled := w.deferred(later, w.model, w.seal(witnessed))
	claims, known := w.version()
	inline := w.say("service/1", claims, nil)
	until(t, "the jobs are there", func() bool { return w.jobs("available") == 3 })

	w.exec("DELETE FROM river.river_job WHERE args->>'event' <> $1", honest.String())
	lie := func(event, of event.Digest) {
		w.exec("INSERT INTO witnesses (idx, received, job, event, statement, sealed) VALUES (1, 1, 1, $1, $2, $3) ON CONFLICT (event) DO UPDATE SET sealed = $3",
			event[:], of[:], w.seal(known))
		w.exec("INSERT INTO river.river_job (kind, queue, args) VALUES ('prove', $1, jsonb_build_object('event', $2::text, 'statement', $3::text, 'index', 0))",
			job.Queue(of), event.String(), of.String())
	}
	lie(swapped, w.model)         // with another witness
	lie(inline, w.model)          // which defers nothing
	lie(event.Digest{1}, w.model) // which isn't there
	lie(misled, access)           // under another statement
	w.work("prover/1")
	w.proven(honest)
	if a := w.attested(swapped); a.Outcome != event.OutcomeRefused || a.Reason != "witness-mismatch" {
		t.Errorf("the swapped witness: %s %s", a.Outcome, a.Reason)
	}
	until(t, "the nonsense is dropped", func() bool { return w.jobs("cancelled") == 3 })
	for _, d := range []event.Digest{inline, {1}, misled} {
		if n := len(w.attestations(d)); n != 0 {
			t.Errorf("nonsense was attested %d times", n)
		}
	}
}

// A worker that is stopped finishes the proof that it is making, and leaves the rest to others at once.
func TestStop(t *testing.T) {
	w, g := startLive(t), newGate()
	r := w.work("prover/1", func(c *worker.Config) { c.Prover = g })
	events := []event.Digest{w.someVersion(), w.someVersion(), w.someVersion(), w.someVersion()}
	<-g.began
	var wait sync.WaitGroup
	wait.Go(r.stop)
	until(t, "the other jobs are given back", func() bool { return w.jobs("available") == len(events)-1 })
	g.open <- nil
	wait.Wait()
	attested := 0
	for _, d := range events {
		attested += len(w.attestations(d))
	}
	if attested != 1 || w.jobs("completed") != 1 {
		t.Errorf("%d events are attested and %d jobs completed, want 1 and 1", attested, w.jobs("completed"))
	}
	w.work("prover/2")
	w.proven(events...)
}

// What was sealed before a worker was registered, and not to its identity, is left to others.
func TestOlderWitness(t *testing.T) {
	w := startLive(t)
	d := w.someVersion()
	late, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keyLetters["prover/3"] = 'r'
	w.register("prover/3", event.RoleProver, late.Recipient().String())
	first := w.identity
	w.identity = late
	r := w.work("prover/3")
	until(t, "the job is put off", func() bool { return gathered(t, r, "attestlog_prover_jobs_total", "model-version", "later") > 0 })
	claims, known := w.version()
	sealed, err := witness.Seal(known, first.Recipient(), late.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	w.proven(w.deferred(claims, w.model, sealed))
	r.stop()
	w.identity = first
	w.work("prover/1")
	w.proven(d)
}

// The witness that an event names is the one that was sealed, to the bit.
func TestSealedDigest(t *testing.T) {
	w := startLive(t)
	claims, known := w.version()
	sealed := w.seal(known)
	d := w.deferred(claims, w.model, sealed)
	entry, err := w.ledger.EntryByDigest(t.Context(), d)
	if err != nil || entry.Event.Witness != sha256.Sum256(sealed) {
		t.Errorf("the entry's witness is %s, %v", entry.Event.Witness, err)
	}
	stored, err := worker.Database{Pool: w.pool}.Witness(t.Context(), d)
	if err != nil || !bytes.Equal(stored, sealed) {
		t.Errorf("another witness is stored: %v", err)
	}
	if _, err := (worker.Database{Pool: w.pool}).Witness(t.Context(), event.Digest{9}); !worker.Gone(err) {
		t.Errorf("of no witness the error is %v", err)
	}
}

// Two proofs are made at a time where that is wanted and fits the memory, and one where it doesn't fit.
func TestConcurrency(t *testing.T) {
	for _, tc := range []struct {
		name   string
		memory int64
		want   int
	}{{"much memory", 1 << 30, 2}, {"little memory", worker.NeedOf(9935, 3536999).Total() + 1<<20, 1}} {
		t.Run(tc.name, func(t *testing.T) {
			w, g := startLive(t), newGate()
			r := w.work("prover/1", func(c *worker.Config) { c.Prover, c.Concurrency, c.Memory = g, 2, tc.memory })
			events := []event.Digest{w.someVersion(), w.someVersion(), w.someVersion()}
			for range tc.want {
				<-g.began
			}
			until(t, "all jobs are taken", func() bool { return w.jobs("running") == len(events) })
			if n := gauge(t, r, "attestlog_prover_proving"); n != float64(tc.want) || len(g.began) != 0 {
				t.Errorf("%v proofs are made at a time, want %d", n, tc.want)
			}
			for range events {
				g.open <- nil
			}
			w.proven(events...)
		})
	}
}

func gauge(t *testing.T, r *working, name string) float64 {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
