package worker_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
	"github.com/attestlog/attestlog/migrations/pgtest"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/witness"
	"github.com/attestlog/attestlog/prover/worker"
)

const origin = "log.example/2026"

// TestMain is also the worker that TestKilled kills: this binary, told so by its first argument.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childArg {
		runChild(os.Args[2])
		return
	}
	pgtest.Main(m)
}

// live is a log on PostgreSQL behind HTTP, with a statement, an approval, and provers.
type live struct {
	t       testing.TB
	cfg     ledger.Config
	public  string
	url     string
	db      string
	handler atomic.Pointer[http.Handler]
	ledger  *ledger.Ledger
	stop    func()
	pool    *pgxpool.Pool // the test's own

	chains   map[string]verify.Chain
	identity *age.X25519Identity
	store    *keys.Store // has the keys, as the log's operator does
	model    event.Digest
	approval event.Digest
	releases *statement.Approval
	versions int
}

func keyOf(letter byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{letter}, 32))
}

// keyLetters are whose key is whose.
var keyLetters = map[string]byte{"operator/1": 'o', "service/1": 's', "prover/1": 'p', "prover/2": 'q'}

func startLive(t testing.TB) *live {
	t.Helper()
	keys := logtest.New(t, origin)
	w := &live{t: t, public: keys.VKey, db: pgtest.URL(t), chains: map[string]verify.Chain{}, store: keytest.Store(t)}
	w.cfg = ledger.Config{DatabaseURL: w.db, Origin: origin, Signer: keys.Signer,
		HeadsFile: filepath.Join(t.TempDir(), "heads"), PublishEvery: 10 * time.Millisecond}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	w.identity = identity
	w.pool = pgtest.Connect(t, w.db)
	w.start()
	t.Cleanup(func() { w.stop() })
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*w.handler.Load()).ServeHTTP(rw, r) }))
	t.Cleanup(server.Close)
	w.url = server.URL
	w.found()
	return w
}

// start opens the ledger and waits until it leads.
func (w *live) start() {
	w.t.Helper()
	l, err := ledger.Open(context.Background(), w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	until(w.t, "the log takes events", func() bool { return l.Ready(ctx) == nil })
	handler, err := api.New(api.Config{Ledger: l, Keys: servedKeys{w.store}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.handler.Store(&handler)
	w.ledger = l
	w.stop = sync.OnceFunc(func() {
		w.down()
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the ledger ended with %v", err)
		}
		l.Close()
	})
}

// down breaks all connections to the log, and up lets them through again.
func (w *live) down() {
	broken := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	w.handler.Store(&broken)
}

func (w *live) up() {
	handler, err := api.New(api.Config{Ledger: w.ledger, Keys: servedKeys{w.store}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.handler.Store(&handler)
}

// until waits for what no signal tells.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited that %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// say submits an event of a source and returns its digest. More changes the event before it is signed.
func (w *live) say(source string, claims event.Claims, sealed []byte, more ...func(*event.Event)) event.Digest {
	w.t.Helper()
	chain, ok := w.chains[source]
	if !ok {
		chain = verify.NewChain()
	}
	e := &event.Event{Subject: event.Subject{Name: "credit-scoring"}, Log: origin, Source: source, Seq: chain.Seq, Prev: chain.Prev,
		Time: 1700000000000, Proof: event.ProofNone, Claims: claims}
	for _, change := range more {
		change(e)
	}
	payload, err := e.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	digest := event.DigestOf(payload)
	sub := &event.Submission{Envelope: event.Sign(payload, keyOf(keyLetters[source])), Witness: sealed}
	if o := w.ledger.Submit(w.t.Context(), []*event.Submission{sub})[0]; o.Refusal != nil {
		w.t.Fatal(o.Refusal)
	}
	w.chains[source] = verify.After(e, digest)
	return digest
}

func (w *live) register(source string, role event.SourceRole, recipient string) event.Digest {
	key := keyOf(keyLetters[source])
	public := key.Public().(ed25519.PublicKey)
	return w.say("operator/1", &event.SourceClaims{Action: event.SourceRegister, Key: public, Role: role, Source: source, Recipient: recipient,
		Consent: ed25519.Sign(key, event.ConsentMessage(origin, source, public, nil, recipient))}, nil)
}

// found makes the log's first entries.
func (w *live) found() {
	w.t.Helper()
	w.register("operator/1", event.RoleOperator, "")
	w.register("service/1", event.RoleService, "")
	for _, name := range []string{"prover/1", "prover/2"} {
		w.register(name, event.RoleProver, w.identity.Recipient().String())
	}
	w.model = w.statement("model-version")
	releases := []statement.ModelRelease{{Weights: event.Element{31: 1}, Salt: table.Salt{1}}, {Weights: event.Element{31: 2}, Salt: table.Salt{2}}}
	var err error
	if w.releases, err = statement.Approve(releases); err != nil {
		w.t.Fatal(err)
	}
	w.approval = w.say("service/1", w.releases.Claims(), nil)
}

// statement registers one with keys that the store has. More changes what is claimed.
func (w *live) statement(name string, more ...func(*event.StatementClaims)) event.Digest {
	w.t.Helper()
	m, k := keysOf(w.t, w.store, name)
	claims := &event.StatementClaims{Action: event.StatementRegister, ConstraintSystem: m.ConstraintSystem.SHA256, Constraints: int64(m.Constraints),
		Proves: circuitOf(w.t, name).Statement.Proves, Name: name, ProvingKey: m.ProvingKey.SHA256, ProvingKeySize: m.ProvingKey.Size, Setup: m.Setup,
		VerifyingKey: k.VerifyingKey.Bytes()}
	for _, change := range more {
		change(claims)
	}
	w.say("operator/1", claims, nil)
	return m.Digest()
}

func circuitOf(t testing.TB, name string) circuit.Circuit {
	c, err := circuit.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func keysOf(t testing.TB, store *keys.Store, name string) (*keys.Manifest, *keys.Keys) {
	t.Helper()
	k := keytest.Keys(t, name, circuitOf(t, name).Compile)
	m, err := store.Manifest(k.VerifyingKey.Digest())
	if err != nil {
		t.Fatal(err)
	}
	return m, k
}

// servedKeys serves proving keys, as attestlogd does.
type servedKeys struct{ store *keys.Store }

// ProvingKey implements api.Keys.
func (s servedKeys) ProvingKey(_ context.Context, vk event.Digest) (io.ReadSeekCloser, error) {
	file, _, err := s.store.OpenProvingKey(vk)
	if errors.Is(err, keys.ErrNotFound) {
		return nil, fs.ErrNotExist
	}
	return file, err
}

// version is a model version with its witness. Each is another one.
func (w *live) version() (*event.ModelVersionClaims, *statement.ModelVersionWitness) {
	w.t.Helper()
	w.versions++
	release, err := w.releases.Open(w.versions % 2)
	if err != nil {
		w.t.Fatal(err)
	}
	configuration, err := statement.NewConfiguration(table.Salt{byte(w.versions), byte(w.versions >> 8), 1}, statement.Setting{Key: "temperature", Value: 700})
	if err != nil {
		w.t.Fatal(err)
	}
	known := &statement.ModelVersionWitness{Release: release, Configuration: configuration}
	claims := &event.ModelVersionClaims{Approval: w.approval, Version: fmt.Sprint(w.versions),
		Predicates: []event.Predicate{{Key: "temperature", Comparison: "<=", Bounds: []int64{1000}}}}
	if err := known.WithholdRun(claims, table.Salt{byte(w.versions), byte(w.versions >> 8), 2}); err != nil {
		w.t.Fatal(err)
	}
	return claims, known
}

func (w *live) seal(known statement.Witness) []byte {
	w.t.Helper()
	sealed, err := witness.Seal(known, w.identity.Recipient())
	if err != nil {
		w.t.Fatal(err)
	}
	return sealed
}

// deferred says that a proof of claims comes later.
func (w *live) deferred(claims event.Claims, of event.Digest, sealed []byte) event.Digest {
	w.t.Helper()
	return w.say("service/1", claims, sealed, func(e *event.Event) {
		e.Proof, e.Statement, e.Witness = event.ProofDeferred, of, sha256.Sum256(sealed)
	})
}

// someVersion is a deferred model version that is true.
func (w *live) someVersion() event.Digest {
	w.t.Helper()
	claims, known := w.version()
	return w.deferred(claims, w.model, w.seal(known))
}

// client is a client of the log.
func (w *live) client(change ...func(*client.Options)) worker.Client {
	w.t.Helper()
	o := client.Options{LogKey: w.public, Pause: 5 * time.Millisecond, MaxPause: 50 * time.Millisecond}
	for _, c := range change {
		c(&o)
	}
	c, err := client.New(w.url, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return worker.Client{Client: c}
}

// working is a worker that runs.
type working struct {
	*worker.Worker
	said    *lines
	metrics *prometheus.Registry
	stop    func() // and waits until it has ended
	source  *client.Source
	ended   chan struct{} // closed once it has
	ends    error         // what it must end with, told before it does
}

// work lets a worker run until the test ends, or it is stopped.
func (w *live) work(name string, change ...func(*worker.Config)) *working {
	w.t.Helper()
	c := w.client()
	self, err := c.Check(w.t.Context(), name, keyOf(keyLetters[name]), w.identity)
	if err != nil {
		w.t.Fatal(err)
	}
	source, err := c.OpenSource(client.SourceOptions{Name: name, Key: keyOf(keyLetters[name]), State: filepath.Join(w.t.TempDir(), "state")})
	if err != nil {
		w.t.Fatal(err)
	}
	r := &working{said: new(lines), metrics: prometheus.NewRegistry(), source: source, ended: make(chan struct{})}
	pool, err := worker.Connect(w.t.Context(), w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := worker.Config{Self: self, Log: c, Recorder: source, Database: worker.Database{Pool: pool}, Identity: w.identity, Store: w.store,
		Memory: 1 << 30, Refresh: 100 * time.Millisecond, Pause: 10 * time.Millisecond, MaxPause: 50 * time.Millisecond, Drain: time.Minute,
		Logger: slog.New(slog.NewTextHandler(r.said, nil)), Metrics: r.metrics}
	for _, f := range change {
		f(&cfg)
	}
	if r.Worker, err = worker.New(cfg); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		defer close(r.ended)
		ended <- r.Run(ctx)
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, r.ends) {
			w.t.Errorf("%s ended with %v", name, err)
		}
		if err := source.Close(); err != nil {
			w.t.Errorf("closing the source of %s: %v", name, err)
		}
		pool.Close()
	})
	w.t.Cleanup(func() {
		r.stop()
		if w.t.Failed() {
			w.t.Logf("%s said:\n%s", name, r.said)
		}
	})
	return r
}

// lines keeps what is logged.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// attestations are all that the log says of an event's proof.
func (w *live) attestations(of event.Digest) (all []*event.AttestationClaims) {
	w.t.Helper()
	q := ledger.Query{Kinds: []event.Kind{event.Attestation}, Limit: 1000}
	for {
		page, err := w.ledger.Entries(w.t.Context(), q)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range page.Entries {
			if c := e.Event.Claims.(*event.AttestationClaims); c.Event == of {
				all = append(all, c)
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return all
		}
	}
}

// attested waits for an event's attestation, and makes sure that there is one, and that the witness is gone.
func (w *live) attested(of event.Digest) *event.AttestationClaims {
	w.t.Helper()
	until(w.t, "the event is attested", func() bool { return len(w.attestations(of)) > 0 })
	all := w.attestations(of)
	if len(all) != 1 {
		w.t.Fatalf("the event has %d attestations", len(all))
	}
	if n := w.count("SELECT count(*) FROM witnesses WHERE event = $1", of[:]); n != 0 {
		w.t.Errorf("the witness of an attested event is still there")
	}
	return all[0]
}

// proven is attested for events that must be proven.
func (w *live) proven(of ...event.Digest) {
	w.t.Helper()
	for _, d := range of {
		if a := w.attested(d); a.Outcome != event.OutcomeProven || len(a.Proof) == 0 {
			w.t.Errorf("the event is attested as %s: %s", a.Outcome, a.Reason)
		}
	}
}

func (w *live) count(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.pool.QueryRow(w.t.Context(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *live) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// jobs counts River's jobs in a state.
func (w *live) jobs(state string) int {
	w.t.Helper()
	return w.count("SELECT count(*) FROM river.river_job WHERE state = $1", state)
}
