package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"filippo.io/age"
	"github.com/consensys/gnark/frontend"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/witness"
	"github.com/attestlog/attestlog/prover/worker"
)

// workerFlags are those of worker.
type workerFlags struct {
	databaseFlags
	proverFlags
	queue string
	jobs  int
}

func bindWorker(fs *flag.FlagSet) func(context.Context, plan, *report) error {
	f := new(workerFlags)
	f.databaseFlags.bind(fs)
	f.proverFlags.bind(fs)
	fs.StringVar(&f.queue, "queue", "data-access-16", "the `name` of the data-access statement whose jobs are in the queue; --statements says whose memory is measured")
	fs.IntVar(&f.jobs, "jobs", 50, "how many jobs are in the queue")
	return func(ctx context.Context, p plan, r *report) error {
		quietGnark(r)
		circuits, err := f.circuits()
		if err != nil {
			return err
		}
		if f.jobs < 1 || f.jobs > 10000 {
			return &usageError{"--jobs must be from 1 to 10000"}
		}
		if err := f.measureQueue(ctx, p, r); err != nil {
			return err
		}
		for _, c := range circuits {
			if err := f.measureMemory(ctx, r, c); err != nil {
				return err
			}
		}
		return nil
	}
}

// measureQueue compares a worker that drains a queue with the bare prover on the same witnesses.
func (f *workerFlags) measureQueue(ctx context.Context, p plan, r *report) (err error) {
	q, err := f.newQueue(ctx, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.close()) }()
	var ours, bare series
	round := 0
	err = interleave(ctx, p,
		func(ctx context.Context) error {
			r.progress("draining a queue of %d jobs, round %d", f.jobs, round+1)
			round++
			took, err := q.drain(ctx)
			ours = append(ours, took.Seconds()/float64(f.jobs))
			return err
		},
		func(ctx context.Context) error {
			took, err := q.bare(ctx)
			bare = append(bare, took.Seconds()/float64(f.jobs))
			return err
		})
	if err != nil {
		return err
	}
	name := q.made.circuit.Statement.Name
	if err := r.figure("worker/job/time", "s", ours, bare,
		"a job of %s, of a queue of %d: fetched, opened, checked, proven, verified, attested in the log and answered, with log and PostgreSQL on the same machine (%s); "+
			"limit: bare keys.Prove of the same witnesses with the same keys, circuits filled beforehand", name, f.jobs, q.server.about); err != nil {
		return err
	}
	return r.figure("worker/overhead/ratio", "of the bare time", ours.over(bare), series{maxOverhead},
		"time of a queue of %d jobs of %s over the bare prover's time, round by round; limit: what it may be", f.jobs, name)
}

// measureMemory holds the memory that a worker counts with for a statement against the peak of a process that proves it.
func (f *workerFlags) measureMemory(ctx context.Context, r *report, c circuit.Circuit) error {
	made, err := f.proverFlags.open(ctx, r, c) // which sets up what is missing
	if err != nil {
		return err
	}
	m, err := f.manifest(made)
	if err != nil {
		return err
	}
	r.progress("measuring the memory of %s", m.Statement)
	result, err := once(ctx, r, onceOrder{Keys: f.proverFlags.keys, Statement: m.Statement, ID: m.Digest(), Proofs: coldProofs})
	if err != nil {
		return err
	}
	need := worker.NeedOf(int64(m.Constraints), m.ProvingKey.Size)
	return r.figure("worker/"+m.Statement+"/memory", "MiB", series{float64(result.Peak) / (1 << 20)}, series{float64(need.Total()) / (1 << 20)},
		"peak of resident memory of a process that compiles the circuit, loads the keys and makes %d proofs; limit: what a worker counts with", coldProofs)
}

// maxOverhead is what a worker may take in place of the bare prover's 1.
const maxOverhead = 1.05

// queue is a log with a worker that stands still until it is told to go on.
type queue struct {
	flags  *workerFlags
	server *server
	made   *prover

	service     *chain
	recipient   age.Recipient
	pool        *pgxpool.Pool
	log         *client.Client
	assignments []frontend.Circuit // of events like those in the queue, for the bare prover
	gate        chan struct{}      // lets one job after the other begin
	attested    chan error
	stop        []func() error
}

func (q *queue) close() (err error) {
	for i := len(q.stop) - 1; i >= 0; i-- {
		err = errors.Join(err, q.stop[i]())
	}
	return err
}

func (f *workerFlags) newQueue(ctx context.Context, r *report) (_ *queue, err error) {
	c, err := circuit.ByName(f.queue)
	if err == nil && c.Statement.Proves != event.DataAccess {
		err = errors.New("it is about another kind of events than data accesses")
	}
	if err != nil {
		return nil, &usageError{"--queue: " + err.Error()}
	}
	q := &queue{flags: f, gate: make(chan struct{}), attested: make(chan error, f.jobs)}
	defer func() {
		if err != nil {
			err = errors.Join(err, q.close())
		}
	}()
	if q.made, err = f.proverFlags.open(ctx, r, c); err != nil {
		return nil, err
	}
	if q.server, err = newServer(ctx, r, &f.databaseFlags, loadConfig{}); err != nil {
		return nil, err
	}
	q.stop = append(q.stop, q.server.close)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("couldn't make an identity: %w", err)
	}
	q.recipient = identity.Recipient()
	prover, err := q.found(ctx, identity)
	if err != nil {
		return nil, err
	}
	for range f.jobs {
		assignment, err := q.made.assign()
		if err != nil {
			return nil, err
		}
		q.assignments = append(q.assignments, assignment)
	}
	return q, q.hire(ctx, prover, identity)
}

// found writes to the log what the queue's events rest on.
func (q *queue) found(ctx context.Context, identity *age.X25519Identity) (prover *chain, err error) {
	seed := sha256.Sum256([]byte("worker"))
	prover, q.service = newChain(sampleOrigin, seed[:], 0), newChain(sampleOrigin, seed[:], 1)
	request := keyfile.NewProverRequest(sampleOrigin, prover.source, prover.key, nil, identity.Recipient().String())
	registration := prover.register(event.RoleProver)
	claims := registration.Claims.(*event.SourceClaims)
	claims.Recipient, claims.Consent = request.Recipient, request.Consent
	made := q.made
	m, err := q.flags.manifest(made)
	if err != nil {
		return nil, err
	}
	statement := event.Event{
		Subject: event.Subject{Name: m.Statement, Digest: m.Digest()},
		Claims: &event.StatementClaims{Action: event.StatementRegister, ConstraintSystem: m.ConstraintSystem.SHA256, Constraints: int64(m.Constraints),
			Proves: made.circuit.Statement.Proves, Name: m.Statement, ProvingKey: m.ProvingKey.SHA256, ProvingKeySize: m.ProvingKey.Size, Setup: m.Setup,
			Transcript: m.Transcript, VerifyingKey: made.keys.VerifyingKey.Bytes()},
	}
	if err := q.server.log(ctx, q.server.operator, registration, q.service.register(event.RoleService), statement); err != nil {
		return nil, err
	}
	dataset := event.Event{Subject: event.Subject{Name: "records", Digest: event.DigestOf([]byte("a file"))}, Claims: made.subject.claims}
	if err := q.server.log(ctx, q.service, dataset); err != nil {
		return nil, err
	}
	made.subject.dataset = q.service.prev
	made.subject.event.Claims.(*event.DataAccessClaims).Dataset = q.service.prev
	return prover, nil
}

// manifest is that of the keys of an opened prover.
func (f *workerFlags) manifest(made *prover) (*keys.Manifest, error) {
	store, err := keys.OpenStore(f.proverFlags.keys)
	if err != nil {
		return nil, err
	}
	return store.Manifest(made.keys.VerifyingKey.Digest())
}

// hire starts a worker that takes the queue's jobs. It has its keys in memory and waits at the gate when this returns.
func (q *queue) hire(ctx context.Context, prover *chain, identity *age.X25519Identity) error {
	store, err := keys.OpenStore(q.flags.proverFlags.keys)
	if err != nil {
		return err
	}
	cl, err := client.New("http://"+q.server.load.Address, client.Options{LogKey: q.server.verifier})
	if err != nil {
		return err
	}
	q.log = cl
	log := worker.Client{Client: cl}
	self, err := log.Check(ctx, prover.source, prover.key, identity)
	if err != nil {
		return err
	}
	source, err := cl.OpenSource(client.SourceOptions{Name: prover.source, Key: prover.key, State: filepath.Join(q.server.dir, "prover.state")})
	if err != nil {
		return err
	}
	q.stop = append(q.stop, source.Close)
	if q.pool, err = worker.Connect(ctx, q.server.url); err != nil {
		return err
	}
	q.stop = append(q.stop, func() error { q.pool.Close(); return nil })
	database := worker.Database{Pool: q.pool}
	memory, err := worker.MachineMemory()
	if err != nil {
		return err
	}
	w, err := worker.New(worker.Config{Self: self, Log: log, Recorder: recorder{source, q}, Database: database, Witnesses: gated{database, q},
		Identity: identity, Store: store, Statements: []string{q.made.circuit.Statement.Name}, Memory: memory})
	if err != nil {
		return err
	}
	working, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(working) }()
	q.stop = append(q.stop, func() error { cancel(); return <-ended })
	_, err = q.drainSome(ctx, 1) // the first proof warms caches and the heap up, and loads the keys
	return err
}

// gated keeps jobs from beginning before the clock runs.
type gated struct {
	worker.Witnesses
	queue *queue
}

func (g gated) Witness(ctx context.Context, d event.Digest) ([]byte, error) {
	select {
	case <-g.queue.gate:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return g.Witnesses.Witness(ctx, d)
}

// recorder tells when an attestation is in the log.
type recorder struct {
	worker.Recorder
	queue *queue
}

func (r recorder) Record(ctx context.Context, d client.Draft) (*client.Receipt, error) {
	receipt, err := r.Recorder.Record(ctx, d)
	if c := d.Claims.(*event.AttestationClaims); err == nil && c.Outcome != event.OutcomeProven {
		err = fmt.Errorf("the worker refused a job: %s", c.Reason)
	}
	r.queue.attested <- err
	return receipt, err
}

// drain fills the queue, and tells how long the worker takes from the first job to the last answer of the log.
func (q *queue) drain(ctx context.Context) (time.Duration, error) {
	return q.drainSome(ctx, q.flags.jobs)
}

func (q *queue) drainSome(ctx context.Context, jobs int) (time.Duration, error) {
	var subs []*event.Submission
	for range jobs {
		e := q.made.subject.event
		sealed, err := witness.Seal(q.made.subject.witness, q.recipient)
		if err != nil {
			return 0, err
		}
		e.Proof, e.Witness = event.ProofDeferred, sha256.Sum256(sealed)
		sub, err := q.service.sign(&e)
		if err != nil {
			return 0, err
		}
		sub.Witness = sealed
		subs = append(subs, sub)
	}
	if err := q.server.submit(ctx, subs); err != nil {
		return 0, err
	}
	if err := q.awaitJobs(ctx, jobs); err != nil {
		return 0, err
	}
	// A worker believes what is under a published head alone, and the log publishes one a second: a queue that waits is under one.
	if _, err := q.log.Event(ctx, subs[len(subs)-1].Envelope.Digest()); err != nil {
		return 0, err
	}
	runtime.GC() // what filling the queue left behind is not the worker's
	start := time.Now()
	for waiting := jobs; jobs > 0; {
		gate := q.gate
		if waiting == 0 {
			gate = nil
		}
		select {
		case gate <- struct{}{}:
			waiting--
		case err := <-q.attested:
			if err != nil {
				return 0, err
			}
			jobs--
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return time.Since(start), nil
}

// awaitJobs returns when the log has put all jobs into the queue, which it does soon after the commit.
func (q *queue) awaitJobs(ctx context.Context, jobs int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var without int
		err := q.pool.QueryRow(ctx, "SELECT count(*) FROM witnesses WHERE job IS NULL").Scan(&without)
		if err == nil && without == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("couldn't fill the queue with %d jobs: %w", jobs, errors.Join(err, ctx.Err()))
		}
	}
}

// bare proves as many witnesses with nothing around it.
func (q *queue) bare(ctx context.Context) (time.Duration, error) {
	runtime.GC()
	start := time.Now()
	for _, assignment := range q.assignments {
		if _, err := keys.Prove(ctx, q.made.keys.ProvingKey, q.made.keys.ConstraintSystem, assignment); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}
