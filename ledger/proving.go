package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/worker/job"
)

// Proving is how deferred proving goes. What the log holds is counted in it; the rest is as River's tables have it, which workers
// write: it is for watching, and nothing rests on it.
type Proving struct {
	At        int64 // when it was looked up, in milliseconds since 1970
	Witnesses int64 // deferred events that nobody has attested
	Proven    int64 // attestations in the log that bring a proof
	Refused   int64 // attestations in the log that refuse one
	Queues    []ProvingQueue
	Workers   []ProvingWorker
}

// ProvingQueue is the queue of one statement.
type ProvingQueue struct {
	Statement event.Digest
	Name      string // of the statement
	Waiting   int64  // events whose proof no worker is at
	Running   int64  // jobs that a worker has
	Failing   int64  // of those that wait: jobs that were tried in vain, and will be again
	Oldest    int64  // the log's time of the oldest event that nobody has attested, in milliseconds since 1970; 0 without one
	Served    int64  // when a worker last said that it serves the queue, in milliseconds since 1970; 0 if none ever did
	Done      int64  // jobs in the sample that the times are of: the newest done, 1,000 of all queues together
	Median    time.Duration
	Slowest   time.Duration // the 95th percentile: from when a worker took a job until it was done
}

// ProvingWorker is a client of River that took jobs, by the name that it gave itself.
type ProvingWorker struct {
	Name    string
	Running int64 // jobs that it has
	Done    int64 // jobs in the sample that it did
	Seen    int64 // when it last took a job, in milliseconds since 1970
}

const (
	// provingFresh is how long an answer serves again: anybody may ask, and the database shouldn't have to look each time.
	provingFresh = 2 * time.Second
	// maxWorkers bounds how many workers are listed.
	maxWorkers = 100
)

// provingCache keeps the last look. Safe for concurrent use; whoever comes during a look waits for it.
type provingCache struct {
	mu   sync.Mutex
	last *Proving
	at   time.Time
}

// Proving looks at the queue of proving jobs; an answer is up to two seconds old.
func (l *Ledger) Proving(ctx context.Context) (*Proving, error) {
	l.proving.mu.Lock()
	defer l.proving.mu.Unlock()
	if l.proving.last != nil && time.Since(l.proving.at) < provingFresh {
		return l.proving.last, nil
	}
	p, err := l.lookAtProving(ctx)
	if err != nil {
		return nil, refuseRead(err, "")
	}
	l.proving.last, l.proving.at = p, time.Now()
	return p, nil
}

func (l *Ledger) lookAtProving(ctx context.Context) (*Proving, error) {
	registry, err := l.registry(ctx)
	if err != nil {
		return nil, err
	}
	p := &Proving{At: l.cfg.Now().UnixMilli()}
	if p.Proven, p.Refused, err = l.store.AttestedCount(ctx); err != nil {
		return nil, err
	}
	queues := map[string]*ProvingQueue{}
	var names []string
	for _, s := range registry.Statements() {
		name := job.Queue(s.ID)
		names = append(names, name)
		queues[name] = &ProvingQueue{Statement: s.ID, Name: s.Claims.Name}
	}
	pool := l.store.Pool()
	for _, look := range []func(context.Context, *pgxpool.Pool, *Proving, map[string]*ProvingQueue) error{
		lookAtWitnesses, lookAtJobs, lookAtServed, lookAtTimes, lookAtWorkers,
	} {
		if err := look(ctx, pool, p, queues); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		p.Queues = append(p.Queues, *queues[name])
	}
	return p, nil
}

func lookAtWitnesses(ctx context.Context, pool *pgxpool.Pool, p *Proving, queues map[string]*ProvingQueue) error {
	rows, err := pool.Query(ctx, "SELECT statement, count(*), min(received) FROM witnesses GROUP BY statement")
	if err != nil {
		return err
	}
	var statement []byte
	var n, oldest int64
	_, err = pgx.ForEachRow(rows, []any{&statement, &n, &oldest}, func() error {
		p.Witnesses += n
		if q := queues[job.Queue(event.Digest(statement))]; q != nil {
			q.Waiting, q.Oldest = n, oldest
		}
		return nil
	})
	return err
}

func lookAtJobs(ctx context.Context, pool *pgxpool.Pool, _ *Proving, queues map[string]*ProvingQueue) error {
	rows, err := pool.Query(ctx, `SELECT queue, count(*) FILTER (WHERE state = 'running'), count(*) FILTER (WHERE state = 'retryable')
		FROM `+job.Schema+`.river_job WHERE kind = $1 AND state IN ('running', 'retryable') GROUP BY queue`, job.Args{}.Kind())
	if err != nil {
		return err
	}
	var name string
	var running, failing int64
	_, err = pgx.ForEachRow(rows, []any{&name, &running, &failing}, func() error {
		if q := queues[name]; q != nil {
			q.Running, q.Failing = running, failing
			q.Waiting = max(0, q.Waiting-running)
		}
		return nil
	})
	return err
}

// lookAtServed reads when workers last reported their queues, which they do every ten minutes.
func lookAtServed(ctx context.Context, pool *pgxpool.Pool, _ *Proving, queues map[string]*ProvingQueue) error {
	rows, err := pool.Query(ctx, "SELECT name, (extract(epoch FROM updated_at) * 1000)::bigint FROM "+job.Schema+".river_queue")
	if err != nil {
		return err
	}
	var name string
	var at int64
	_, err = pgx.ForEachRow(rows, []any{&name, &at}, func() error {
		if q := queues[name]; q != nil {
			q.Served = at
		}
		return nil
	})
	return err
}

// newestDone are the jobs that were done last: what times are taken from.
const newestDone = `(SELECT queue, attempted_by, attempted_at, finalized_at - attempted_at AS took FROM ` + job.Schema + `.river_job
	WHERE state = 'completed' AND finalized_at IS NOT NULL AND attempted_at IS NOT NULL AND kind = $1 ORDER BY finalized_at DESC LIMIT 1000)`

func lookAtTimes(ctx context.Context, pool *pgxpool.Pool, _ *Proving, queues map[string]*ProvingQueue) error {
	rows, err := pool.Query(ctx, `SELECT queue, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY took), percentile_cont(0.95) WITHIN GROUP (ORDER BY took)
		FROM `+newestDone+` done GROUP BY queue`, job.Args{}.Kind())
	if err != nil {
		return err
	}
	var name string
	var n int64
	var median, slowest time.Duration
	_, err = pgx.ForEachRow(rows, []any{&name, &n, &median, &slowest}, func() error {
		if q := queues[name]; q != nil {
			q.Done, q.Median, q.Slowest = n, median, slowest
		}
		return nil
	})
	return err
}

func lookAtWorkers(ctx context.Context, pool *pgxpool.Pool, p *Proving, _ map[string]*ProvingQueue) error {
	rows, err := pool.Query(ctx, `SELECT worker, count(*) FILTER (WHERE running), count(*) FILTER (WHERE NOT running), (extract(epoch FROM max(attempted_at)) * 1000)::bigint
		FROM (
			SELECT attempted_by[array_upper(attempted_by, 1)] AS worker, attempted_at, true AS running FROM `+job.Schema+`.river_job WHERE state = 'running' AND kind = $1
			UNION ALL
			SELECT attempted_by[array_upper(attempted_by, 1)], attempted_at, false FROM `+newestDone+` done
		) attempts WHERE worker IS NOT NULL AND attempted_at IS NOT NULL GROUP BY worker ORDER BY max(attempted_at) DESC, worker LIMIT $2`, job.Args{}.Kind(), maxWorkers)
	if err != nil {
		return err
	}
	var w ProvingWorker
	_, err = pgx.ForEachRow(rows, []any{&w.Name, &w.Running, &w.Done, &w.Seen}, func() error {
		p.Workers = append(p.Workers, w)
		return nil
	})
	return err
}
