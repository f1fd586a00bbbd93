package ledger_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/migrations/pgtest"
	"github.com/attestlog/attestlog/prover/worker/job"
)

// held is a worker that takes jobs and holds on to them until it is told.
type held struct {
	river.WorkerDefaults[job.Args]
	took chan job.Args
	let  chan error
}

func (h *held) Work(ctx context.Context, j *river.Job[job.Args]) error {
	h.took <- j.Args
	select {
	case err := <-h.let:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What /v1/proving and the metrics show, from an empty queue to a proven event, with a real worker of River.
func TestProving(t *testing.T) {
	w := newWorldOn(t, pgtest.URL(t))
	registry := prometheus.NewRegistry()
	w.cfg.Metrics = registry
	w.start()
	k := accessKeys(t)
	data := w.foundProving(k)
	look := func() *ledger.Proving {
		t.Helper()
		p, err := w.log.Proving(t.Context())
		if err != nil || len(p.Queues) != 1 || p.Queues[0].Name != "data-access-16" || p.Queues[0].Statement != k.VerifyingKey.Digest() {
			t.Fatalf("proving: %+v, %v", p, err)
		}
		return p
	}
	if p := look(); p.Witnesses != 0 || p.Proven != 0 || p.Queues[0].Oldest != 0 || p.Queues[0].Served != 0 || len(p.Workers) != 0 {
		t.Errorf("an empty queue: %+v", p)
	}
	first, prove := w.deferring("gateway/1", 'g', k, data, 3)
	second, _ := w.deferring("gateway/1", 'g', k, data, 4)
	receipts := w.must(first, second)
	until(t, "both events have jobs", func() bool { return w.jobs() == 2 })
	until(t, "they are seen", func() bool { return look().Witnesses == 2 })
	if q := look().Queues[0]; q.Waiting != 2 || q.Running != 0 || q.Oldest != receipts[0].Logged || q.Done != 0 {
		t.Errorf("two events wait: %+v", q)
	}

	pool, err := pgxpool.New(t.Context(), w.cfg.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	worker := &held{took: make(chan job.Args, 2), let: make(chan error)}
	workers := river.NewWorkers()
	river.AddWorker(workers, worker)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{ID: "a-worker", Schema: job.Schema, Workers: workers,
		Queues: map[string]river.QueueConfig{job.Queue(k.VerifyingKey.Digest()): {MaxWorkers: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := <-worker.took
	if took.Event != first.Envelope.Digest() || took.Statement != k.VerifyingKey.Digest() || took.Index != receipts[0].Index {
		t.Errorf("the worker took %+v", took)
	}
	until(t, "the worker is seen", func() bool { return len(look().Workers) == 1 })
	p := look()
	if q := p.Queues[0]; q.Waiting != 1 || q.Running != 1 || q.Served == 0 || time.Since(time.UnixMilli(q.Served)) > time.Minute {
		t.Errorf("one event is worked on: %+v", q)
	}
	if a := p.Workers[0]; a.Name != "a-worker" || a.Running != 1 || a.Done != 0 || a.Seen == 0 {
		t.Errorf("the worker: %+v", a)
	}
	w.must(w.say("prover/1", 'p', proven(first, prove())), w.say("prover/1", 'p', unproven(second)))
	worker.let <- nil
	<-worker.took
	worker.let <- nil
	until(t, "all is done", func() bool { p := look(); return p.Witnesses == 0 && p.Queues[0].Done == 2 })
	p = look()
	if q := p.Queues[0]; p.Proven != 1 || p.Refused != 1 || q.Waiting != 0 || q.Running != 0 || q.Oldest != 0 || q.Median <= 0 || q.Slowest < q.Median {
		t.Errorf("all is done: %+v", p)
	}
	if err := client.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if v := gauge(t, registry, "attestlog_proving_known"); v != 1 {
		t.Errorf("attestlog_proving_known is %v", v)
	}
	if v := gauge(t, registry, "attestlog_proving_witnesses"); v != 0 {
		t.Errorf("attestlog_proving_witnesses is %v", v)
	}
}

// Without a database the other metrics are there all the same.
func TestMetricsWithoutADatabase(t *testing.T) {
	server := pgtest.Server(t)
	w := newWorldOn(t, server.URL())
	registry := prometheus.NewRegistry()
	w.cfg.Metrics = registry
	w.start()
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, "the queue is unknown", func() bool { return gauge(t, registry, "attestlog_proving_known") == 0 })
	server.Restart(t)
}
