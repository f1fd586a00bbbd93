package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/monitor/witness"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

// witnesses are three real ones, of which two make the quorum, and each of which can be unplugged, or hang.
type witnesses struct {
	down   [3]atomic.Bool
	hangs  [3]atomic.Pointer[hanging]
	lines  string // of the policy, that name them
	policy *verify.Policy
}

// under is another policy of the same witnesses.
func (all *witnesses) under(t *testing.T, quorum string) *verify.Policy {
	t.Helper()
	p, err := verify.ParsePolicy([]byte(all.lines + quorum))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hanging is a witness that takes requests and answers none until it is released.
type hanging struct {
	held     chan []byte // the first request's body
	released chan struct{}
}

func (h *hanging) hold(in *http.Request) {
	body, err := io.ReadAll(in.Body) // or nobody tells that the log has left
	if err != nil {
		return
	}
	in.Body = io.NopCloser(bytes.NewReader(body))
	select {
	case h.held <- body:
	default:
	}
	select {
	case <-h.released:
	case <-in.Context().Done():
	}
}

func startWitnesses(t *testing.T, key note.Verifier) *witnesses {
	t.Helper()
	all := &witnesses{}
	var text strings.Builder
	for i := range all.down {
		signer := logtest.NewCosigner(t, fmt.Sprintf("w%d.example", i))
		w, err := witness.Open(witness.Config{Signer: signer, Logs: []note.Verifier{key}, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
			if all.down[i].Load() {
				panic(http.ErrAbortHandler)
			}
			if h := all.hangs[i].Load(); h != nil {
				h.hold(in)
			}
			w.Handler().ServeHTTP(out, in)
		}))
		t.Cleanup(server.Close)
		fmt.Fprintf(&text, "witness w%d %s %s\n", i, signer.VKey, server.URL)
	}
	all.lines = text.String()
	all.policy = all.under(t, "group g 2 w0 w1 w2\nquorum g\n")
	return all
}

func (w *world) witnessing(policy *verify.Policy) {
	w.cfg.Witnesses = &ledger.Witnessing{Policy: policy, Key: w.key, Deadline: 2 * time.Second, Refresh: 2 * time.Second,
		Suspicions: filepath.Join(w.t.TempDir(), "suspicions")}
}

func TestWitnessesCosignPublishedHeads(t *testing.T) {
	w := newWorldOn(t, pgtest.URL(t))
	registry := prometheus.NewRegistry()
	w.cfg.Metrics = registry
	all := startWitnesses(t, w.key)
	w.witnessing(all.policy)
	w.start()
	data := w.found()
	first := w.must(w.say("gateway/1", 'g', claim(data, 1)))[0]
	until(t, "the head is cosigned by all", func() bool {
		head, ok := w.log.Published()
		if !ok || head.Size < first.Size {
			return false
		}
		opened, cosignatures, err := all.policy.Open(head.Note, w.key)
		return err == nil && len(cosignatures) == 3 && opened.Size == head.Size && head.Quorum
	})
	// What is published is what others verify, too, down to the proofs that lead to it.
	published, _ := w.log.Published()
	theirs, err := torchwood.ParsePolicy([]byte("log " + w.vkey + "\n" + all.lines + "group g all w0 w1 w2\nquorum g\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c, n, err := torchwood.VerifyCheckpoint(published.Note, theirs); err != nil || c.N != published.Size || len(n.Sigs) != 4 {
		t.Errorf("of the published head torchwood says %v", err)
	}
	receipt := verify.Receipt{Index: first.Index, Leaf: first.Leaf}
	hashes, head, err := w.log.Inclusion(t.Context(), first.Index, 0)
	if err != nil {
		t.Fatal(err)
	}
	receipt.Hashes, receipt.Note = hashes, head.Note
	if err := torchwood.VerifyProof(theirs, tlog.RecordHash(first.Leaf), receipt.TlogProof()); err != nil {
		t.Errorf("of a proof torchwood says %v", err)
	}
	if s := w.log.Witnesses(); !s.Satisfied || s.Quorum != "2 of (w0, w1, w2)" || len(s.List) != 3 || s.List[1].Size < first.Size {
		t.Errorf("status %+v", s)
	}
	witnessed, _ := w.log.Published()

	// Two are down: the log goes on, and its proofs lead to the head that has its quorum, as long as that covers the entry.
	all.down[0].Store(true)
	all.down[1].Store(true)
	later := w.must(w.say("gateway/1", 'g', claim(data, 1)))[0]
	until(t, "a head is published without quorum", func() bool {
		head, _ := w.log.Published()
		_, cosignatures, err := all.policy.Open(head.Note, w.key)
		var few *verify.QuorumError
		return head.Size >= later.Size && !head.Quorum && errors.As(err, &few) && len(cosignatures) == 1
	})
	if _, head, err := w.log.Inclusion(t.Context(), first.Index, 0); err != nil || head.Size != witnessed.Size || !head.Quorum {
		t.Errorf("the proof of an old entry leads to size %d, quorum %t, %v; want %d", head.Size, head.Quorum, err, witnessed.Size)
	}
	if _, head, err := w.log.Inclusion(t.Context(), later.Index, 0); err != nil || head.Size < later.Size {
		t.Errorf("the proof of a new entry leads to size %d, %v", head.Size, err)
	}
	if s := w.log.Witnesses(); s.Satisfied || s.List[0].Trouble == "" || s.List[2].Trouble != "" {
		t.Errorf("status %+v", s)
	}
	if gauge(t, registry, "attestlog_witness_quorum") != 0 {
		t.Error("the metric says that there is a quorum")
	}

	// They come back: the same head gets its cosignatures, with nothing new in the log.
	all.down[0].Store(false)
	all.down[1].Store(false)
	until(t, "the head gets its quorum", func() bool {
		head, _ := w.log.Published()
		_, cosignatures, err := all.policy.Open(head.Note, w.key)
		return err == nil && head.Quorum && len(cosignatures) == 3
	})
	// And is shown to them again, so that readers see that it is fresh.
	before, _ := w.log.Published()
	_, old, err := all.policy.Open(before.Note, w.key)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the cosignatures are renewed", func() bool {
		head, _ := w.log.Published()
		_, renewed, err := all.policy.Open(head.Note, w.key)
		return err == nil && head.Size == before.Size && len(renewed) == 3 && renewed[0].Time.After(old[0].Time)
	})
	saved, err := w.log.CheckpointAt(t.Context(), before.Size)
	if err != nil || saved.Published != before.Published {
		t.Errorf("the head of size %d was published at %d, now at %d, %v", before.Size, before.Published, saved.Published, err)
	}
	if left, err := os.ReadDir(w.cfg.Witnesses.Suspicions); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("suspicions: %v, %v", left, err)
	}
}

// A witness that takes requests and never answers keeps no head from being published, where the others are enough. What it says late is added.
func TestSilentWitness(t *testing.T) {
	w := newWorldOn(t, pgtest.URL(t))
	all := startWitnesses(t, w.key)
	w.witnessing(all.policy)
	never := time.Hour // what waits for it hangs
	w.cfg.Witnesses.Deadline, w.cfg.Witnesses.Grace, w.cfg.Witnesses.Refresh = never, time.Millisecond, never
	w.start()
	silent := &hanging{held: make(chan []byte, 1), released: make(chan struct{})}
	release := sync.OnceFunc(func() { close(silent.released) })
	t.Cleanup(release)
	all.hangs[2].Store(silent)
	data := w.found()
	request, err := verify.ParseAddCheckpoint(<-silent.held)
	if err != nil {
		t.Fatal(err)
	}
	held, err := verify.OpenHead(request.Note, w.key)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		last := w.must(w.say("gateway/1", 'g', claim(data, 1)))[0]
		until(t, "a head is published with those who answer", func() bool {
			head, ok := w.log.Published()
			return ok && head.Size > last.Index && head.Quorum
		})
	}
	before, err := w.log.CheckpointAt(t.Context(), held.Size)
	if err != nil {
		t.Fatal(err)
	}
	if _, cosignatures, err := all.policy.Open(before.Note, w.key); err != nil || len(cosignatures) != 2 {
		t.Fatalf("the head that hangs has %d cosignatures, %v", len(cosignatures), err)
	}

	release()
	newest, _ := w.log.Published()
	for what, size := range map[string]int64{"the head that it was asked about": held.Size, "the newest head": newest.Size} {
		until(t, what+" has all cosignatures", func() bool {
			head, err := w.log.CheckpointAt(t.Context(), size)
			if err != nil {
				t.Fatal(err)
			}
			_, cosignatures, err := all.policy.Open(head.Note, w.key)
			return err == nil && len(cosignatures) == 3 && head.Quorum
		})
	}
	until(t, "the one that is shown has them", func() bool {
		head, _ := w.log.Published()
		_, cosignatures, err := all.policy.Open(head.Note, w.key)
		return err == nil && head.Size == newest.Size && len(cosignatures) == 3
	})
	after, err := w.log.CheckpointAt(t.Context(), held.Size)
	if err != nil || after.Published != before.Published || after.Root != before.Root || !bytes.HasPrefix(after.Note, request.Note) {
		t.Errorf("with its late cosignature the head is %+v, %v; before it was %+v", after, err, before)
	}
	if s := w.log.Witnesses().List[2]; s.Unawaited || s.Trouble != "" || s.Size != newest.Size {
		t.Errorf("status %+v", s)
	}
}

// A head that was published under no policy, or another, is held against today's, and gets what it lacks when a term begins: no entry has to
// come for that.
func TestWitnessesOfAnotherPolicy(t *testing.T) {
	w := newWorldOn(t, pgtest.URL(t))
	w.start()
	w.found()
	until(t, "a head is published", func() bool { head, ok := w.log.Published(); return ok && head.Size > 1 && head.Quorum })
	unwitnessed, _ := w.log.Published()
	w.stop()

	all := startWitnesses(t, w.key)
	for i := range all.down {
		all.down[i].Store(true)
	}
	w.witnessing(all.policy)
	w.cfg.Witnesses.Refresh = time.Hour
	w.start()
	head, _ := w.log.Published()
	if s := w.log.Witnesses(); s.Satisfied || head.Quorum || head.Size != unwitnessed.Size {
		t.Errorf("without cosignatures the head of %d counts as witnessed: %+v", head.Size, s)
	}
	w.stop()
	all.down[1].Store(false)
	w.witnessing(all.under(t, "quorum w1\n"))
	w.cfg.Witnesses.Refresh = time.Hour
	w.start()
	if head, _ = w.log.Published(); !head.Quorum || head.Size != unwitnessed.Size || head.Published != unwitnessed.Published {
		t.Errorf("the head was not cosigned when the term began: %+v", head)
	}
	w.stop()
	all.down[2].Store(false)
	w.witnessing(all.policy)
	w.cfg.Witnesses.Refresh = time.Hour
	w.start()
	head, _ = w.log.Published()
	if _, cosignatures, err := all.policy.Open(head.Note, w.key); err != nil || len(cosignatures) != 2 || !w.log.Witnesses().Satisfied {
		t.Errorf("the head has %d cosignatures, %v", len(cosignatures), err)
	}
	saved, err := w.log.CheckpointAt(t.Context(), head.Size)
	if err != nil || string(saved.Note) != string(head.Note) {
		t.Errorf("what is saved is %q, %v", saved.Note, err)
	}
}

// An older copy of the database, with its heads file: nothing on this machine tells that it is old, but the witnesses do.
func TestLogBehindItsWitnesses(t *testing.T) {
	w := newWorldOn(t, pgtest.URL(t))
	all := startWitnesses(t, w.key)
	w.witnessing(all.policy)
	w.start()
	w.found()
	until(t, "the head is cosigned", func() bool { head, ok := w.log.Published(); return ok && head.Quorum && head.Size > 1 })
	w.stop()

	old := newWorldOn(t, pgtest.URL(t))
	old.cfg.Signer, old.key = w.cfg.Signer, w.key
	old.witnessing(all.policy)
	old.open()
	var conflict *ledger.HeadsConflict
	until(t, "the ledger refuses to write", func() bool { return errors.As(old.log.Ready(t.Context()), &conflict) })
	if !strings.HasPrefix(conflict.Where, "witness w") || conflict.DatabaseSize != 0 || conflict.Size < 2 {
		t.Errorf("the conflict is %v", conflict)
	}
	kept, err := filepath.Glob(filepath.Join(old.cfg.Witnesses.Suspicions, "*.request"))
	if err != nil || len(kept) != 3 {
		t.Fatalf("suspicions: %v, %v", kept, err)
	}
	b, err := os.ReadFile(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	if request, err := verify.ParseAddCheckpoint(b); err != nil || len(request.Note) == 0 {
		t.Errorf("what was kept is %q: %v", b, err)
	}
	if out := old.log.Submit(t.Context(), []*event.Submission{{}}); out[0].Refusal == nil || out[0].Refusal.Code != ledger.Unavailable {
		t.Errorf("a submission gets %+v", out[0])
	}
	// Whoever starts it again is told, whatever the witnesses say by then.
	old.stop()
	var said bytes.Buffer
	old.cfg.Logger = slog.New(slog.NewTextHandler(&said, nil))
	for i := range all.down {
		all.down[i].Store(true)
	}
	again, err := ledger.Open(t.Context(), old.cfg)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if text := said.String(); !strings.Contains(text, "hinted at another history") || !strings.Contains(text, "requests=3") {
		t.Errorf("it says %q", text)
	}
}
