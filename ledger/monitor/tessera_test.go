package monitor_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/monitor/witness"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// tesseraLog is a log that Tessera's POSIX driver keeps in a directory.
type tesseraLog struct {
	*tessera.Appender
	t       *testing.T
	dir     string
	awaiter *tessera.PublicationAwaiter
	stop    func()
}

// openTessera opens a log in a directory, under a key, cosigned by whom a policy names if there is one.
func openTessera(t *testing.T, k *logKey, dir, policy string) *tesseraLog {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	options := tessera.NewAppendOptions().WithCheckpointSigner(k.signer).WithBatching(256, 5*time.Millisecond).
		WithCheckpointInterval(100 * time.Millisecond).WithCheckpointRepublishInterval(0).WithGarbageCollectionInterval(0)
	if policy != "" {
		group, err := tessera.NewWitnessGroupFromPolicy([]byte(policy))
		if err != nil {
			t.Fatal(err)
		}
		options.WithWitnesses(group, &tessera.WitnessOptions{Timeout: 5 * time.Second})
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		t.Fatal(err)
	}
	l := &tesseraLog{Appender: appender, t: t, dir: dir, awaiter: tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 10*time.Millisecond)}
	stopped := false
	l.stop = func() {
		if !stopped {
			stopped = true
			if err := shutdown(ctx); err != nil {
				t.Error(err)
			}
			cancel()
		}
	}
	t.Cleanup(l.stop)
	return l
}

// add appends entries from an index on, and waits until a head that covers them is published.
func (l *tesseraLog) add(first int, entries ...string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	futures := make([]tessera.IndexFuture, len(entries))
	for i, e := range entries {
		futures[i] = l.Add(ctx, tessera.NewEntry([]byte(e)))
	}
	for i, future := range futures { // another order would be another history
		if at, err := future(); err != nil || at.Index != uint64(first+i) {
			l.t.Fatalf("entry %d is at %d, %v", first+i, at.Index, err)
		}
	}
	if _, _, err := l.awaiter.Await(ctx, futures[len(futures)-1]); err != nil {
		l.t.Fatal(err)
	}
}

func numbered(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("entry %d of a log that is none of ours", i))
	}
	return all
}

// directory serves what lies in a directory, which may be changed for another.
type directory struct {
	*httptest.Server
	at atomic.Pointer[string]
}

func serveDirectory(t *testing.T, dir string) *directory {
	d := &directory{}
	d.at.Store(&dir)
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/.") { // Tessera's own notes
			http.NotFound(w, r)
			return
		}
		http.FileServer(http.Dir(*d.at.Load())).ServeHTTP(w, r)
	}))
	t.Cleanup(d.Close)
	return d
}

// TestTesseraLog follows a log that is none of ours, made by Tessera's POSIX driver and served as files. Its heads are cosigned by our witness, at Tessera's
// request. It grows; and then it is put in the place of another one under the same key, in which one old entry differs.
func TestTesseraLog(t *testing.T) {
	k := newLogKey(t)
	signer := logtest.NewCosigner(t, "witness.example/w")
	cosigner, err := witness.Open(witness.Config{Signer: signer, Logs: []note.Verifier{k.key}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cosigner.Close() })
	answers := httptest.NewServer(cosigner.Handler())
	t.Cleanup(answers.Close)
	policy := fmt.Sprintf("witness w %s %s/\nquorum w\n", signer.VKey, answers.URL)

	honest := openTessera(t, k, t.TempDir(), policy)
	files := serveDirectory(t, honest.dir)
	w := watch(t, k, files.URL)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.cfg.Logs[0].Law = false
	if w.cfg.Logs[0].Policy, err = verify.ParsePolicy([]byte(policy)); err != nil {
		t.Fatal(err)
	}
	w.cfg.Dir = t.TempDir()
	w.dir = w.cfg.Dir
	w.open()
	size := 0
	for _, to := range []int{1, 200, 256, 300, 700} { // within tiles, at their ends, and beyond
		honest.add(size, numbered(size, to)...)
		size = to
		w.round()
		w.wantSize(int64(to))
		w.wantAlarms()
		if s := w.status(); s.HeadSize != int64(to) || len(s.Trouble) > 0 {
			t.Fatalf("the head is of %d entries, of %d: %q", s.HeadSize, to, s.Trouble)
		}
		if to == 300 {
			w.again()
		}
	}
	w.lasting() // no cosignature is missing
	w.wantAlarms()
	if head, ok := cosigner.Latest(origin); !ok || head.Size != 700 {
		t.Errorf("the witness has cosigned %+v", head)
	}
	honest.stop()

	// The other history: entry 100 is another. Its holder can't have it cosigned; without, it is shown all the same.
	entries := numbered(0, 800)
	entries[100] = "what should have been there"
	rewritten := openTessera(t, k, t.TempDir(), "")
	rewritten.add(0, entries...)
	rewritten.stop()
	uncosigned(t, k, cosigner, rewritten.dir)
	files.at.Store(&rewritten.dir)
	w.round()
	w.wantAlarms(monitor.Rewrite)
	report := w.wantFork(w.alarms()[0], k)
	// The oldest head that was seen of what isn't so any more.
	if report.First.Size != 200 || report.Second.Size != 800 {
		t.Errorf("the evidence is of %d and %d entries", report.First.Size, report.Second.Size)
	}
	w.wantSize(700)

	// A tile of the honest log rots on its disk.
	files.at.Store(&honest.dir)
	bundle := filepath.Join(honest.dir, "tile", "entries", "001")
	b, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(bundle, b, 0o644); err != nil {
		t.Fatal(err)
	}
	fresh := watch(t, k, files.URL)
	if err := fresh.Close(); err != nil {
		t.Fatal(err)
	}
	fresh.cfg.Logs[0].Law = false
	fresh.cfg.Dir = t.TempDir()
	fresh.open()
	fresh.lasting()
	fresh.wantAlarms(monitor.Altered)
}

// uncosigned fails if a witness cosigns the head of another history, which a directory holds.
func uncosigned(t *testing.T, k *logKey, w *witness.Witness, dir string) {
	t.Helper()
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	head, err := verify.OpenHead(signed, k.key)
	if err != nil {
		t.Fatal(err)
	}
	from := client.FileFetcher{Root: dir}
	builder, err := client.NewProofBuilder(t.Context(), uint64(head.Size), from.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	latest, _ := w.Latest(origin)
	hashes, err := builder.ConsistencyProof(t.Context(), uint64(latest.Size), uint64(head.Size))
	if err != nil {
		t.Fatal(err)
	}
	request := verify.AddCheckpoint{Old: latest.Size, Note: signed}
	for _, h := range hashes {
		request.Hashes = append(request.Hashes, [32]byte(h))
	}
	if line, err := w.AddCheckpoint(t.Context(), &request); err == nil {
		t.Errorf("the witness cosigned another history: %s", line)
	}
}
