package monitor_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

const origin = "log.example/2026"

// logKey is a log's key, under which a test signs as many histories as it likes.
type logKey struct {
	signer note.Signer
	key    note.Verifier
	vkey   string
}

func newLogKey(t testing.TB) *logKey {
	t.Helper()
	log := logtest.New(t, origin)
	return &logKey{log.Signer, log.Key, log.VKey}
}

// history is a log that judges nothing: a test writes whatever it wants into it.
type history struct {
	t testing.TB
	*logKey
	leaves [][]byte
	hashes []tlog.Hash
	chains map[string]verify.Chain
	logged int64
}

func newHistory(t testing.TB, k *logKey) *history {
	return &history{t: t, logKey: k, chains: map[string]verify.Chain{}, logged: 1_700_000_000_000}
}

// branch is another history that begins as this one does.
func (h *history) branch() *history {
	c := *h
	c.leaves, c.hashes = slices.Clone(h.leaves), slices.Clone(h.hashes)
	c.chains = map[string]verify.Chain{}
	for name, chain := range h.chains {
		c.chains[name] = chain
	}
	return &c
}

func (h *history) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		out[i] = h.hashes[at]
	}
	return out, nil
}

func (h *history) size() int64 { return int64(len(h.leaves)) }

// write appends a leaf.
func (h *history) write(leaf []byte) {
	h.t.Helper()
	more, err := tlog.StoredHashes(h.size(), leaf, h)
	if err != nil {
		h.t.Fatal(err)
	}
	h.hashes, h.leaves = append(h.hashes, more...), append(h.leaves, leaf)
}

// rebuild is the history of other leaves.
func (h *history) rebuild(leaves [][]byte) *history {
	c := newHistory(h.t, h.logKey)
	for _, leaf := range leaves {
		c.write(leaf)
	}
	return c
}

// key is a key known by its name.
func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(name string) ed25519.PublicKey { return key(name).Public().(ed25519.PublicKey) }

// draft is a source's next event.
func (h *history) draft(source string, claims event.Claims) *event.Event {
	chain, ok := h.chains[source]
	if !ok {
		chain = verify.NewChain()
	}
	return &event.Event{Subject: event.Subject{Name: "credit scoring"}, Log: origin, Source: source, Seq: chain.Seq, Prev: chain.Prev,
		Time: 1_700_000_000_000, Proof: event.ProofNone, Claims: claims}
}

// sign makes the leaf of an event, signed with a key, and moves the source's chain on.
func (h *history) sign(e *event.Event, by string, proof ...byte) []byte {
	h.t.Helper()
	payload, err := e.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	h.logged++
	leaf := event.Leaf{Submission: event.Submission{Envelope: event.Sign(payload, key(by)), Proof: proof}, Logged: h.logged}
	b, err := leaf.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	h.chains[e.Source] = verify.After(e, event.DigestOf(payload))
	return b
}

// say appends a source's next event, signed with its key of the same name, and gives its digest.
func (h *history) say(source string, claims event.Claims) event.Digest {
	h.t.Helper()
	h.write(h.sign(h.draft(source, claims), source))
	return h.chains[source].Prev
}

const operator = "operator/1"

// register appends the registration of a source.
func (h *history) register(source string, role event.SourceRole) {
	h.t.Helper()
	h.say(operator, &event.SourceClaims{Action: event.SourceRegister, Source: source, Role: role, Key: public(source),
		Consent: ed25519.Sign(key(source), event.ConsentMessage(origin, source, public(source), nil, ""))})
}

// founded is a history with an operator, a controller with a data set, a service, and a prover.
func founded(t testing.TB, k *logKey) (h *history, data event.Digest) {
	h = newHistory(t, k)
	h.register(operator, event.RoleOperator)
	h.register("controller/1", event.RoleController)
	h.register("gateway/1", event.RoleService)
	h.register("prover/1", event.RoleProver)
	data = h.say("controller/1", &event.DatasetClaims{Columns: []event.Column{{Name: "age", Role: "quasi", Coding: event.Coding{Integer: &event.IntegerCoding{Max: 120}}},
		{Name: "defaulted", Role: "other", Coding: event.Coding{Integer: &event.IntegerCoding{Max: 1}}}},
		Purposes: []string{"scoring"}, Rows: 1000})
	return h, data
}

func access(data event.Digest) *event.DataAccessClaims {
	return &event.DataAccessClaims{Columns: []string{"age"}, Dataset: data, Purpose: "scoring", Records: 60}
}

// note signs the head of a size.
func (h *history) note(size int64) []byte {
	h.t.Helper()
	root, err := tlog.TreeHash(size, h)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.signed(size, root)
}

func (h *history) signed(size int64, root [32]byte) []byte {
	h.t.Helper()
	signed, err := verify.SignHead(h.signer, size, root)
	if err != nil {
		h.t.Fatal(err)
	}
	return signed
}

// tile is what C2SP tlog-tiles has at a path, of the tree of a size; nil if there is no such thing.
func (h *history) tile(path string, size int64) []byte {
	t, err := torchwood.ParseTilePath(path)
	if err != nil {
		return nil
	}
	if t.L >= 0 {
		if (t.N*256+int64(t.W))<<(8*t.L) > size {
			return nil
		}
		b, err := tlog.ReadTileData(t, h)
		if err != nil {
			return nil
		}
		return b
	}
	if t.N*256+int64(t.W) > size {
		return nil
	}
	var b []byte
	for _, leaf := range h.leaves[t.N*256 : t.N*256+int64(t.W)] {
		if b, err = torchwood.AppendTileEntry(b, leaf); err != nil {
			h.t.Fatal(err)
		}
	}
	return b
}

// view is what a log shows to somebody.
type view struct {
	*history
	shown int64
	head  []byte                             // in place of the signed one
	bend  func(path string, b []byte) []byte // may change what is served; nil is 404
}

func (h *history) shows(size int64) *view { return &view{history: h, shown: size} }

// badLog serves views: to each address its own, if there is one for it.
type badLog struct {
	*httptest.Server
	mu    sync.Mutex
	view  *view
	views map[string]*view // by the asker's address
	asked map[string]int   // paths
}

func serveLog(t testing.TB, v *view) *badLog {
	l := &badLog{view: v, views: map[string]*view{}, asked: map[string]int{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			t.Error(err)
		}
		path := strings.TrimPrefix(r.URL.Path, "/")
		l.mu.Lock()
		v := l.view
		if other := l.views[host]; other != nil {
			v = other
		}
		l.asked[path]++
		l.mu.Unlock()
		var b []byte
		if path == "checkpoint" {
			if b = v.head; b == nil {
				b = v.note(v.shown)
			}
		} else {
			b = v.tile(path, v.shown)
		}
		if v.bend != nil {
			b = v.bend(path, bytes.Clone(b))
		}
		if b == nil {
			http.NotFound(w, r)
			return
		}
		w.Write(b)
	}))
	t.Cleanup(l.Close)
	return l
}

// show changes what everybody sees.
func (l *badLog) show(v *view) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view = v
}
