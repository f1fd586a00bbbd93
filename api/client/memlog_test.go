package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

const origin = "log.example/2026"

// memLog is a log in memory behind the real API, for faults that a real one can't be made to have. It numbers and proves like
// a log, and lets anybody in.
type memLog struct {
	api.Ledger
	signer note.Signer
	public string

	mu       sync.Mutex
	leaves   [][]byte
	hashes   []tlog.Hash
	chains   map[string]verify.Chain
	refuse   func(e *event.Event, env *event.Envelope) *ledger.Refusal // nil lets all pass
	batches  int
	keys     map[event.Digest][]byte // proving keys by verifying key
	keyEntry map[event.Digest]int64
}

func newMemLog(t testing.TB) *memLog {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	return memLogOf(t, private, public)
}

func memLogOf(t testing.TB, private, public string) *memLog {
	t.Helper()
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return &memLog{signer: signer, public: public, chains: map[string]verify.Chain{}, keys: map[event.Digest][]byte{}, keyEntry: map[event.Digest]int64{}}
}

// twin is a log under the same key with nothing in it.
func (m *memLog) twin() *memLog {
	return &memLog{signer: m.signer, public: m.public, chains: map[string]verify.Chain{}, keys: map[event.Digest][]byte{}, keyEntry: map[event.Digest]int64{}}
}

func (m *memLog) Origin() string                  { return origin }
func (m *memLog) Ready(ctx context.Context) error { return nil }

func (m *memLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		out[i] = m.hashes[at]
	}
	return out, nil
}

func (m *memLog) Submit(_ context.Context, subs []*event.Submission) []ledger.Outcome {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches++
	outcomes := make([]ledger.Outcome, len(subs))
	failed := map[string]bool{}
	places := make([]int64, len(subs))
	for i, sub := range subs {
		places[i], outcomes[i].Duplicate, outcomes[i].Refusal = m.admit(sub, failed)
	}
	for i := range outcomes {
		if outcomes[i].Refusal == nil {
			outcomes[i].Receipt = m.receipt(places[i])
		}
	}
	return outcomes
}

func (m *memLog) admit(sub *event.Submission, failed map[string]bool) (index int64, duplicate bool, refusal *ledger.Refusal) {
	e, err := sub.Envelope.Open()
	if err != nil {
		return 0, false, &ledger.Refusal{Code: ledger.Malformed, Detail: err.Error()}
	}
	if at, ok := m.find(sub.Envelope.Digest()); ok {
		return at, true, nil
	}
	if failed[e.Source] {
		return 0, false, &ledger.Refusal{Code: ledger.DependsOn, Detail: "An earlier event was refused."}
	}
	chain, ok := m.chains[e.Source]
	if !ok {
		chain = verify.NewChain()
	}
	if m.refuse != nil {
		refusal = m.refuse(e, &sub.Envelope)
	}
	if refusal == nil && chain.Judge(e) != nil {
		refusal = &ledger.Refusal{Code: ledger.SequenceFork, Detail: "Not the next one.", Expected: &ledger.Next{Seq: chain.Seq, Prev: chain.Prev}}
	}
	if refusal != nil {
		failed[e.Source] = true
		return 0, false, refusal
	}
	if (e.Proof == event.ProofDeferred) != (len(sub.Witness) > 0) || len(sub.Witness) > 0 && event.DigestOf(sub.Witness) != e.Witness {
		failed[e.Source] = true
		return 0, false, &ledger.Refusal{Code: ledger.WitnessMismatch, Detail: "Not the witness that the event names."}
	}
	leaf, err := (&event.Leaf{Submission: *sub, Logged: int64(1700000000000 + len(m.leaves))}).Encode()
	if err != nil {
		return 0, false, &ledger.Refusal{Code: ledger.TooLarge, Detail: err.Error()}
	}
	index = int64(len(m.leaves))
	more, err := tlog.StoredHashes(index, leaf, m)
	if err != nil {
		panic(err)
	}
	m.hashes = append(m.hashes, more...)
	m.leaves = append(m.leaves, leaf)
	m.chains[e.Source] = verify.After(e, sub.Envelope.Digest())
	return index, false, nil
}

func (m *memLog) find(d event.Digest) (int64, bool) {
	for i := range m.leaves {
		if m.entry(int64(i)).Digest == d {
			return int64(i), true
		}
	}
	return 0, false
}

func (m *memLog) entry(index int64) *ledger.Entry {
	opened, err := verify.OpenEntry(index, m.leaves[index])
	if err != nil {
		panic(err)
	}
	return &ledger.Entry{Index: index, Digest: opened.Digest, Leaf: m.leaves[index], Decoded: opened.Leaf, Event: opened.Event}
}

func (m *memLog) head() ledger.PublishedHead {
	size := int64(len(m.leaves))
	root, err := tlog.TreeHash(size, m)
	if err != nil {
		panic(err)
	}
	signed, err := verify.SignHead(m.signer, size, root)
	if err != nil {
		panic(err)
	}
	return ledger.PublishedHead{Size: size, Root: root, Note: signed}
}

func (m *memLog) prove(index int64) [][32]byte {
	proof, err := tlog.ProveRecord(int64(len(m.leaves)), index, m)
	if err != nil {
		panic(err)
	}
	return plain(proof)
}

func plain(proof []tlog.Hash) [][32]byte {
	out := make([][32]byte, len(proof))
	for i := range proof {
		out[i] = proof[i]
	}
	return out
}

func (m *memLog) receipt(index int64) *ledger.Receipt {
	e, head := m.entry(index), m.head()
	return &ledger.Receipt{Index: index, Digest: e.Digest, Logged: e.Decoded.Logged, Leaf: e.Leaf, Size: head.Size, Hashes: m.prove(index), Checkpoint: head.Note}
}

func (m *memLog) Entry(_ context.Context, index int64) (*ledger.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if index >= int64(len(m.leaves)) {
		return nil, &ledger.Refusal{Code: ledger.NotFound, Detail: "No such entry."}
	}
	return m.entry(index), nil
}

func (m *memLog) EntryByDigest(_ context.Context, d event.Digest) (*ledger.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.find(d)
	if !ok {
		return nil, &ledger.Refusal{Code: ledger.NotFound, Detail: "No such event."}
	}
	return m.entry(at), nil
}

func (m *memLog) Inclusion(_ context.Context, index, size int64) ([][32]byte, ledger.PublishedHead, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.prove(index), m.head(), nil
}

func (m *memLog) Consistency(_ context.Context, from, to int64) ([][32]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if to > int64(len(m.leaves)) {
		return nil, &ledger.Refusal{Code: ledger.NotFound, Detail: "No such tree."}
	}
	proof, err := tlog.ProveTree(to, from, m)
	return plain(proof), err
}

func (m *memLog) Tile(_ context.Context, level int, n int64, width int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return tlog.ReadTileData(tlog.Tile{H: 8, L: level, N: n, W: width}, m)
}

func (m *memLog) Published() (ledger.PublishedHead, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.head(), true
}

func (m *memLog) Source(_ context.Context, name string) (ledger.SourceState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	chain, ok := m.chains[name]
	if !ok {
		chain = verify.NewChain()
	}
	return ledger.SourceState{Name: name, Role: event.RoleService, Epoch: 1, Status: "active", Next: ledger.Next{Seq: chain.Seq, Prev: chain.Prev}}, nil
}

func (m *memLog) Statement(_ context.Context, vk event.Digest) (ledger.StatementState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.keyEntry[vk]
	if !ok {
		return ledger.StatementState{}, &ledger.Refusal{Code: ledger.NotFound, Detail: "No such statement."}
	}
	return ledger.StatementState{Digest: vk, Claims: m.entry(at).Event.Claims.(*event.StatementClaims), Registered: at, Status: "active"}, nil
}

type readSeekNopCloser struct{ io.ReadSeeker }

func (readSeekNopCloser) Close() error { return nil }

// ProvingKey makes a memLog the keys of its own API.
func (m *memLog) ProvingKey(_ context.Context, vk event.Digest) (io.ReadSeekCloser, error) {
	return readSeekNopCloser{bytes.NewReader(m.keys[vk])}, nil
}

// size is how many entries there are.
func (m *memLog) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.leaves)
}

// checkChain fails the test unless a source's entries are numbered from 1 without gaps, each after the one before, and want of them.
func (m *memLog) checkChain(t testing.TB, source string, want int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	chain, got := verify.NewChain(), 0
	for i := range m.leaves {
		e := m.entry(int64(i))
		if e.Event.Source != source {
			continue
		}
		if err := chain.Judge(e.Event); err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		chain, got = verify.After(e.Event, e.Digest), got+1
	}
	if got != want {
		t.Errorf("the log has %d events of %s, want %d", got, source, want)
	}
}

// serveLog serves a log over HTTP until the test ends.
func serveLog(t testing.TB, l api.Ledger, keys api.Keys) string {
	t.Helper()
	handler, err := api.New(api.Config{Ledger: l, Keys: keys, Limits: api.Limits{Refused: -1}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// faulty is a transport that a test breaks. The hook sees each request and does with it what it wants; send does it properly.
type faulty struct {
	mu   sync.Mutex
	hook func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error)
	base http.Transport
}

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	hook := f.hook
	f.mu.Unlock()
	send := func() (*http.Response, error) { return f.base.RoundTrip(r) }
	if hook == nil {
		return send()
	}
	return hook(r, send)
}

func (f *faulty) set(hook func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

// lose does a request and loses its answer.
func lose(send func() (*http.Response, error)) (*http.Response, error) {
	response, err := send()
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return nil, fmt.Errorf("the line went dead")
}

func connect(t testing.TB, url, key string, change ...func(*client.Options)) (*client.Client, *faulty) {
	t.Helper()
	transport := &faulty{}
	t.Cleanup(transport.base.CloseIdleConnections)
	o := client.Options{LogKey: key, HTTP: &http.Client{Transport: transport}, Pause: time.Millisecond, MaxPause: 5 * time.Millisecond, Retries: 5}
	for _, f := range change {
		f(&o)
	}
	c, err := client.New(url, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, transport
}

var sourceKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

// accessDraft is an event without a proof.
func accessDraft(records int64) client.Draft {
	return client.Draft{
		Subject: event.Subject{Name: "credit-scoring", Digest: event.DigestOf([]byte("system"))},
		Claims:  &event.DataAccessClaims{Columns: []string{"age"}, Dataset: event.DigestOf([]byte("data")), Purpose: "credit-scoring", Records: records},
	}
}

// submission is a signed event at a place of a source's chain.
func submission(t testing.TB, source string, at verify.Chain) (*event.Submission, verify.Chain) {
	t.Helper()
	d := accessDraft(60)
	e := &event.Event{Subject: d.Subject, Log: origin, Source: source, Seq: at.Seq, Prev: at.Prev, Time: 1700000000000, Proof: event.ProofNone, Claims: d.Claims}
	payload, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return &event.Submission{Envelope: event.Sign(payload, sourceKey)}, verify.After(e, event.DigestOf(payload))
}
