// Package webtest makes live logs for the tests of the viewer: PostgreSQL, a ledger, the API on loopback HTTP, two witnesses that
// cosign and a third that is down, and a client of it all that checks every answer.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	log := webtest.Full(t)                 // a log with entries of every kind; the constants of type Name say which
//	handler, err := web.New(web.Config{Log: log.Client, Key: log.Key, Policy: log.Policy})
//	page := get("/entries/" + fmt.Sprint(log.At(webtest.AccessProven)))
//
// Empty makes a log without a single entry, and Hostile one whose entries try to break out of a page.
//
// Nothing is pretended but the witnesses of proofs: proofs come from prover/zkverify/simulate, which knows the secrets of a set-up and
// so makes valid Groth16 proofs at a verifier's cost, for whatever public inputs. The ledger, the client and a verifier in a
// browser check them like any others. A whole history, raw data to served model, is there in a few seconds instead of
// minutes. What can't be seen in such a log is a circuit: that is what the tests in prover/circuit are for.
//
// Only tests import this package.
package webtest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/monitor/witness"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

// Origin names the logs of this package.
const Origin = "log.example/credit"

// Log is a log that runs until its test ends.
type Log struct {
	VKey    string         // the log's key as a string
	Key     note.Verifier  // and as a verifier
	Signer  note.Signer    // what signs its heads: with it a test forks the log
	Policy  *verify.Policy // two of three witnesses
	URL     string         // the API's, on loopback
	API     http.Handler   // what answers there
	Client  *client.Client // checks every answer, but for the witnesses' cosignatures: those are for the viewer to show
	Ledger  *ledger.Ledger
	Sources map[string]ed25519.PrivateKey // every source's newest key

	t       testing.TB
	behind  atomic.Int64 // how far the log's clock is behind the real one, in nanoseconds
	writer  *client.Client
	mu      sync.Mutex
	writers map[string]*client.Source
	named   map[Name]*client.Receipt
}

// Name is an entry of a log that tests look for.
type Name string

// Empty is a log that nobody wrote to.
func Empty(t testing.TB) *Log {
	t.Helper()
	keys := logtest.New(t, Origin)
	l := &Log{t: t, VKey: keys.VKey, Key: keys.Key, Signer: keys.Signer, Sources: map[string]ed25519.PrivateKey{}, writers: map[string]*client.Source{}, named: map[Name]*client.Receipt{}}
	l.Policy = witnesses(t, l.Key)
	l.run(ledger.Config{DatabaseURL: pgtest.URL(t), Origin: Origin, Signer: l.Signer, HeadsFile: filepath.Join(t.TempDir(), "heads"),
		PublishEvery: 10 * time.Millisecond, Now: l.Now,
		Witnesses: &ledger.Witnessing{Policy: l.Policy, Key: l.Key, Deadline: 2 * time.Second, Grace: 2 * time.Second, Suspicions: filepath.Join(t.TempDir(), "suspicions")}})
	handler, err := api.New(api.Config{Ledger: l.Ledger})
	if err != nil {
		t.Fatal(err)
	}
	l.API = handler
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	l.URL = server.URL
	l.Client, l.writer = l.Connect(), l.Connect()
	t.Cleanup(l.closeWriters)
	return l
}

// run opens the ledger and waits until it takes events.
func (l *Log) run(cfg ledger.Config) {
	l.t.Helper()
	opened, err := ledger.Open(l.t.Context(), cfg)
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- opened.Run(ctx) }()
	l.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			l.t.Errorf("the ledger ended with %v", err)
		}
		opened.Close()
	})
	until(l.t, "the log takes events", func() bool { return opened.Ready(ctx) == nil })
	l.Ledger = opened
}

// witnesses makes a policy of two real witnesses and one that doesn't answer; two make the quorum.
func witnesses(t testing.TB, key note.Verifier) *verify.Policy {
	t.Helper()
	var policy strings.Builder
	for i, name := range []string{"witness.regulator.example", "witness.university.example", "witness.asleep.example"} {
		signer := logtest.NewCosigner(t, name)
		w, err := witness.Open(witness.Config{Signer: signer, Logs: []note.Verifier{key}, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		server := httptest.NewServer(w.Handler())
		t.Cleanup(server.Close)
		if i == 2 {
			server.Close()
		}
		fmt.Fprintf(&policy, "witness w%d %s %s\n", i, signer.VKey, server.URL)
	}
	policy.WriteString("group two-of-three 2 w0 w1 w2\nquorum two-of-three\n")
	p, err := verify.ParsePolicy([]byte(policy.String()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Connect makes another client of the log, which by default asks for no cosignatures.
func (l *Log) Connect(change ...func(*client.Options)) *client.Client {
	l.t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	l.t.Cleanup(transport.CloseIdleConnections)
	o := client.Options{LogKey: l.VKey, HTTP: &http.Client{Transport: transport}, Pause: 5 * time.Millisecond, MaxPause: 50 * time.Millisecond}
	for _, f := range change {
		f(&o)
	}
	c, err := client.New(l.URL, o)
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

// Altered makes a client of the log whose answers somebody alters on the way. What alter returns is what the client gets: it may
// be anything, such as what isn't UTF-8.
func (l *Log) Altered(alter func(path string, body []byte) []byte, change ...func(*client.Options)) *client.Client {
	l.t.Helper()
	return l.Connect(append(change, func(o *client.Options) {
		o.HTTP = &http.Client{Transport: alterer{o.HTTP.Transport, alter}}
		o.Retries = -1
	})...)
}

// Now is the log's clock. While a history is written it lies back in time, and then it is the real one.
func (l *Log) Now() time.Time { return time.Now().Add(-time.Duration(l.behind.Load())) }

// goBack has what is said next said so long ago. Log time never steps back: each call names less than the one before.
func (l *Log) goBack(d time.Duration) { l.behind.Store(int64(d)) }

// Say logs what a source says, and waits for the receipt. The source must be registered.
func (l *Log) Say(source string, d client.Draft) *client.Receipt {
	l.t.Helper()
	r, err := l.from(source).Record(l.t.Context(), d)
	if err != nil {
		l.t.Fatalf("%s: %v", source, err)
	}
	return r
}

// from opens a source's chain with its newest key.
func (l *Log) from(source string) *client.Source {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.writers[source]; s != nil {
		return s
	}
	s, err := l.writer.OpenSource(client.SourceOptions{Name: source, Key: l.key(source), State: filepath.Join(l.t.TempDir(), "state"), Now: l.Now})
	if err != nil {
		l.t.Fatal(err)
	}
	l.writers[source] = s
	return s
}

// key is a source's newest key. The first one follows from the name.
func (l *Log) key(source string) ed25519.PrivateKey {
	if l.Sources[source] == nil {
		l.Sources[source] = keyOf(source)
	}
	return l.Sources[source]
}

func keyOf(seed string) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte(seed))
	return ed25519.NewKeyFromSeed(sum[:])
}

// replaceKey has a source speak with another key from now on.
func (l *Log) replaceKey(source string, key ed25519.PrivateKey) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.writers[source]; s != nil {
		if err := s.Close(); err != nil {
			l.t.Fatal(err)
		}
		delete(l.writers, source)
	}
	l.Sources[source] = key
}

func (l *Log) closeWriters() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, s := range l.writers {
		if err := s.Close(); err != nil {
			l.t.Errorf("closing %s: %v", name, err)
		}
	}
}

// call gives an entry a name.
func (l *Log) call(name Name, r *client.Receipt) *client.Receipt {
	l.named[name] = r
	return r
}

// Receipt is the receipt of an entry that has a name.
func (l *Log) Receipt(name Name) *client.Receipt {
	l.t.Helper()
	r := l.named[name]
	if r == nil {
		l.t.Fatalf("this log has no entry called %q", name)
	}
	return r
}

// At is the index of an entry that has a name.
func (l *Log) At(name Name) int64 {
	l.t.Helper()
	return l.Receipt(name).Index
}

// Digest is the event digest of an entry that has a name.
func (l *Log) Digest(name Name) event.Digest {
	l.t.Helper()
	return l.Receipt(name).Digest
}

// Names lists the names of this log's entries.
func (l *Log) Names() []Name {
	var all []Name
	for name := range l.named {
		all = append(all, name)
	}
	return all
}

// settle waits until a head that the witnesses cosigned covers everything.
func (l *Log) settle(last *client.Receipt) {
	l.t.Helper()
	witnessed := l.Connect(func(o *client.Options) { o.Policy = l.Policy })
	if _, err := witnessed.WaitWitnessed(l.t.Context(), last.Index); err != nil {
		l.t.Fatal(err)
	}
}

// Size is the size of the log's newest published head.
func (l *Log) Size() int64 {
	l.t.Helper()
	head, err := l.Client.Checkpoint(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return head.Size
}

// EarlierHead is the size of a head that was published before the newest one.
func (l *Log) EarlierHead() int64 {
	l.t.Helper()
	heads, err := l.Client.Checkpoints(l.t.Context(), l.Size(), 3)
	if err != nil || len(heads) == 0 {
		l.t.Fatalf("%d heads before the newest, %v", len(heads), err)
	}
	return heads[len(heads)-1].Size
}

// Statement is the identity of the statement that an entry with a name registers.
func (l *Log) Statement(name Name) event.Digest {
	l.t.Helper()
	entry, err := verify.OpenEntry(0, l.Receipt(name).Leaf)
	if err != nil {
		l.t.Fatal(err)
	}
	claims, ok := entry.Event.Claims.(*event.StatementClaims)
	if !ok {
		l.t.Fatalf("%q registers no statement", name)
	}
	return verify.StatementID(claims.VerifyingKey)
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
