package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/attestlog/attestlog/prover/worker/job"
)

// queues are River's queues that this worker takes jobs from: none at first.
type queues struct {
	worker *Worker

	mu     sync.Mutex
	client *river.Client[pgx.Tx] // made with the first queue: River wants at least one
	closed bool
}

// perQueue is how many jobs of a queue a worker holds at a time: so many as may be proven, one that is prepared, and one whose
// attestation is on its way.
func (w *Worker) perQueue() river.QueueConfig {
	return river.QueueConfig{MaxWorkers: w.c.Concurrency + 2}
}

func (q *queues) add(ctx context.Context, name string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return context.Canceled
	case q.client != nil:
		return q.client.Queues().Add(name, q.worker.perQueue())
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, riverWorker{worker: q.worker}); err != nil {
		return fmt.Errorf("couldn't set up the job queue: %w", err)
	}
	client, err := river.NewClient(riverpgxv5.New(q.worker.c.Database.Pool), &river.Config{
		ID:     q.worker.riverID(),
		Schema: job.Schema,
		Queues: map[string]river.QueueConfig{name: q.worker.perQueue()},
		// A job has no time limit of its own. But only one that had a limit, and exceeded it, is given to another worker.
		JobTimeout:           q.worker.c.Patience,
		RescueStuckJobsAfter: q.worker.c.Patience + time.Second,
		FetchCooldown:        20 * time.Millisecond, // a small proof takes a tenth of a second
		Workers:              workers,
		Logger:               slog.New(riverLog{q.worker.c.Logger.Handler()}),
	})
	if err != nil {
		return fmt.Errorf("couldn't set up the job queue: %w", err)
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("couldn't start to take jobs: %w", err)
	}
	q.client = client
	return nil
}

// stop takes no more jobs and waits for those under way, as long as ctx lasts.
func (q *queues) stop(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.client == nil {
		return nil
	}
	if err := q.client.Stop(ctx); err != nil {
		return fmt.Errorf("couldn't finish the jobs under way: %w", err)
	}
	return nil
}

// riverWorker is the worker as River calls it.
type riverWorker struct {
	river.WorkerDefaults[job.Args]
	worker *Worker
}

// Work implements river.Worker. It never fails: a job is done, or nonsense, or tried again later, for as long as it takes.
func (r riverWorker) Work(_ context.Context, j *river.Job[job.Args]) error {
	w := r.worker
	w.begin(j.ID)
	defer w.end(j.ID)
	// Without River's context, which ends after Patience: what was proven until then is still worth something.
	ended := w.handle(j.Args, snoozes(j.JobRow))
	switch ended {
	case endedLater:
		if w.working.Err() != nil {
			return river.JobSnooze(0) // this worker is going: anybody may take it at once
		}
		return river.JobSnooze(w.later(j.JobRow))
	case endedInvalid:
		return river.JobCancel(errNonsense)
	}
	return nil
}

// riverLog keeps River's logging at a level that suits it: what it tells as news is of interest to who looks for a fault.
type riverLog struct{ slog.Handler }

func (l riverLog) Enabled(ctx context.Context, level slog.Level) bool {
	return l.Handler.Enabled(ctx, quieter(level))
}

func (l riverLog) Handle(ctx context.Context, r slog.Record) error {
	r.Level, r.Message = quieter(r.Level), "queue: "+r.Message
	return l.Handler.Handle(ctx, r)
}

func (l riverLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return riverLog{l.Handler.WithAttrs(attrs)}
}

func (l riverLog) WithGroup(name string) slog.Handler { return riverLog{l.Handler.WithGroup(name)} }

func quieter(level slog.Level) slog.Level {
	if level == slog.LevelInfo {
		return slog.LevelDebug
	}
	return level
}

// later is how long a job waits that met trouble: a second, then twice as long each time, up to the limit.
func (w *Worker) later(j *rivertype.JobRow) time.Duration {
	return min(w.c.Pause<<min(snoozes(j), 20), w.c.MaxPause)
}
