package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river/rivertype"

	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/worker/job"
)

// Config says what a worker takes on, and with what.
type Config struct {
	// Self is who the worker is, as [Client.Check] found it in the log. One process at a time may work under one name.
	Self Self
	// Log and Recorder are the log, Database is where its jobs and sealed witnesses lie.
	Log      Log
	Recorder Recorder
	Database Database
	// Witnesses hands out witnesses; the database does if nil.
	Witnesses Witnesses
	// Identity opens witnesses.
	Identity *age.X25519Identity
	// Store keeps proving keys; those that are missing are fetched from the log.
	Store *keys.Store
	// Prover makes proofs; package keys does if nil.
	Prover Prover
	// Statements are the names of the statements to take on; empty for all that there are and will be, as far as they fit.
	Statements []string
	// Memory is how many bytes the worker may take. Statements that need more are not taken on: see [NeedOf].
	Memory int64
	// Concurrency is how many proofs are made at a time, where that fits the memory; 1 if 0. A single one uses all cores already.
	Concurrency int
	// Patience is how long a job may be in one worker's hands until another one may take it over; an hour if 0. It is for machines that are
	// gone for good: a worker that comes back takes its own jobs back at once.
	Patience time.Duration
	// Grace is how long after the log took an event its witness, which this worker can't open, is left to live provers with other
	// identities; a week if 0. Then the event is refused: a refusal is for ever, and the witness is deleted, so give a prover that is
	// down the time to come back.
	Grace time.Duration
	// Refresh is how often the log is asked for new statements, and the queue for jobs that got lost; 30 s if 0.
	Refresh time.Duration
	// Pause is how long a job waits after trouble, doubled each time up to MaxPause; 1 s and 5 min if 0.
	Pause, MaxPause time.Duration
	// Drain is how long jobs under way may take to end once the worker is to stop; a minute if 0.
	Drain   time.Duration
	Logger  *slog.Logger          // nil for none
	Metrics prometheus.Registerer // nil for none
}

// Worker proves deferred events. Make one with [New].
type Worker struct {
	c          Config
	self       Self
	statements *statements
	queues     *queues
	room       *room
	refs       *library
	provers    *provers
	metrics    *metrics
	ahead      chan struct{} // one for each job that is being prepared or proven

	working   context.Context // ends when the worker is to stop: nothing new is begun then
	finishing context.Context // ends when the worker has no time left: what was begun is given up then

	giveUp context.CancelCauseFunc // ends both

	mu     sync.Mutex
	failed error               // why it can't go on
	busy   map[int64]time.Time // by number, the jobs that are being worked on, and those that were until lately, with the time when they ended
}

// New makes a worker. It does nothing yet.
func New(c Config) (*Worker, error) {
	if c.Witnesses == nil {
		c.Witnesses = c.Database
	}
	if c.Prover == nil {
		c.Prover = gnark{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	c.Concurrency = max(c.Concurrency, 1)
	for _, d := range []struct {
		set *time.Duration
		to  time.Duration
	}{{&c.Patience, time.Hour}, {&c.Grace, 7 * 24 * time.Hour}, {&c.Refresh, 30 * time.Second}, {&c.Pause, time.Second}, {&c.MaxPause, 5 * time.Minute}, {&c.Drain, time.Minute}} {
		if *d.set == 0 {
			*d.set = d.to
		}
	}
	if c.Memory <= Base {
		return nil, fmt.Errorf("couldn't work with %s of memory: %s is taken before anything is proven", mebibytes(c.Memory), mebibytes(Base))
	}
	w := &Worker{c: c, self: c.Self, statements: newStatements(), refs: newLibrary(c.Log),
		provers: &provers{log: c.Log, age: c.Refresh}, ahead: make(chan struct{}, c.Concurrency+1), busy: map[int64]time.Time{}}
	w.queues = &queues{worker: w}
	w.room = newRoom(c.Memory, c.Concurrency, w.loadKeys)
	var err error
	if w.metrics, err = newMetrics(c.Metrics, w.room.held); err != nil {
		return nil, fmt.Errorf("couldn't register metrics: %w", err)
	}
	return w, nil
}

// riverID is the name by which River knows this worker: the same at every start, so that it finds its own jobs again.
func (w *Worker) riverID() string {
	const most = 100 // River's
	id := "attestlog-prover:" + w.self.Name
	return id[:min(len(id), most)]
}

// Run works until ctx ends, and then until the jobs under way have ended, or Drain is over. A database that can't be reached, or a
// log, is only an error at the start. If nothing can be added to the log any more, such as when the log claims another history, or the
// worker's key was revoked, nothing more is proven, and the error wraps [ErrMute] and the reason.
func (w *Worker) Run(ctx context.Context) error {
	finishing, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(errStopping)
	working, stop := context.WithCancelCause(finishing)
	defer stop(errStopping)
	w.working, w.finishing, w.giveUp = working, finishing, giveUp
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(working, end)() // a worker that can't go on looks for nothing either
	if err := w.takeBack(ctx, time.Now()); err != nil && ctx.Err() == nil {
		return err
	}
	if err := w.refresh(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	if w.statements.count() == 0 && ctx.Err() == nil {
		w.c.Logger.Warn("takes on no statement of the log's, and waits for others", "memory", mebibytes(w.c.Memory))
	}
	w.tend(ctx)
	stop(errStopping)
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.c.Drain)
	defer cancel()
	return errors.Join(w.Err(), w.queues.stop(draining))
}

// errStopping is why jobs end that were not being proven when the worker was told to stop, and all others when it had no time left.
var errStopping = errors.New("the worker stops")

// tend looks after statements and lost jobs now and then, until ctx ends, or the worker can't go on.
func (w *Worker) tend(ctx context.Context) {
	tick := time.NewTicker(w.c.Refresh)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		w.checkMute(nil)
		err := errors.Join(w.refresh(ctx), w.takeBack(ctx, time.Now().Add(-settling)))
		if err != nil && ctx.Err() == nil {
			w.c.Logger.Warn("couldn't look for new statements and lost jobs", "err", err)
		}
	}
}

// settling is how long River may take to bring a job from the database to us, and the news that it ended back there.
const settling = time.Minute

// takeBack takes back jobs that are marked as this worker's since before a time, and that it isn't working on.
func (w *Worker) takeBack(ctx context.Context, since time.Time) error {
	n, err := w.c.Database.takeBack(ctx, w.riverID(), since, w.held(time.Now()))
	if n > 0 {
		w.c.Logger.Info("took back jobs that an earlier run left", "jobs", n)
	}
	return err
}

// held are the numbers of the jobs that are being worked on, or ended so lately that the database may not know.
func (w *Worker) held(now time.Time) []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := make([]int64, 0, len(w.busy))
	for id, ended := range w.busy {
		if !ended.IsZero() && now.Sub(ended) > settling {
			delete(w.busy, id)
			continue
		}
		held = append(held, id)
	}
	return held
}

func (w *Worker) begin(id int64) { w.mark(id, time.Time{}) }

func (w *Worker) end(id int64) { w.mark(id, time.Now()) }

func (w *Worker) mark(id int64, ended time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy[id] = ended
}

// handle works on one job, which has been put off so many times, and tells how it ended.
func (w *Worker) handle(args job.Args, snoozed int) (ended string) {
	name := "unknown"
	if t := w.statements.find(args.Statement); t != nil {
		name = t.registered.Claims.Name
	}
	start := time.Now()
	ended, err := w.judge(args, snoozed)
	w.metrics.jobs.WithLabelValues(name, ended).Inc()
	log := w.c.Logger.With("event", args.Event, "entry", args.Index, "statement", name)
	switch {
	case errors.Is(err, errOthers):
		log.Info("left a job to others", "because", err)
	case ended == endedLater:
		if w.working.Err() == nil {
			log.Warn("couldn't finish a job, which is tried again", "err", err)
		}
	case ended == endedInvalid:
		log.Error("dropped a job", "err", err)
	default:
		log.Info("finished a job", "ended", ended, "seconds", time.Since(start).Seconds())
	}
	return ended
}

// judge is handle with the reason.
func (w *Worker) judge(args job.Args, snoozed int) (ended string, err error) {
	t, err := w.proven(args)
	if err == nil {
		err = w.attest(w.finishing, t)
	}
	switch {
	case errors.Is(err, errGone):
		return endedGone, nil
	case errors.Is(err, errNonsense), errors.Is(err, errUnknown) && snoozed >= triesOfUnknown:
		return endedInvalid, err
	case err != nil:
		return endedLater, err
	case t.reason != "":
		return endedRefused, nil
	}
	return endedProven, nil
}

// proven prepares and proves a job. Only so many are here at a time as are being proven, and one more.
func (w *Worker) proven(args job.Args) (*task, error) {
	if w.checkMute(nil); w.working.Err() != nil {
		return nil, context.Cause(w.working)
	}
	select {
	case w.ahead <- struct{}{}:
	case <-w.working.Done():
		return nil, context.Cause(w.working)
	}
	defer func() { <-w.ahead }()
	t, err := w.prepare(w.working, args)
	if err != nil || t.reason != "" {
		return t, err
	}
	return t, w.prove(t)
}

// snoozes is how often a job has been put off, as River counts it.
func snoozes(j *rivertype.JobRow) int {
	var counted struct {
		Snoozes int `json:"snoozes"`
	}
	if json.Unmarshal(j.Metadata, &counted) != nil || counted.Snoozes < 0 {
		return 0
	}
	return counted.Snoozes
}
