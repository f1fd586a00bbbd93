package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/torchwood"
	flog "github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

func open(t testing.TB, dir string, signer note.Signer, logs ...*logtest.Log) *Witness {
	t.Helper()
	cfg := Config{Signer: signer, Dir: dir}
	for _, l := range logs {
		cfg.Logs = append(cfg.Logs, l.Key)
	}
	w, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestWitness(t *testing.T) {
	log, stranger := logtest.New(t, "log.example"), logtest.New(t, "stranger.example")
	impostor := logtest.New(t, "log.example")
	good, fork := log.History(20, 20, ""), log.History(20, 5, "fork")
	signer := logtest.NewCosigner(t, "witness.example/w")
	w := open(t, t.TempDir(), signer, log)
	refused := func(name string, r *verify.AddCheckpoint, status int, stale bool, size int64) {
		t.Helper()
		line, err := w.AddCheckpoint(t.Context(), r)
		var e *RefusedError
		if !errors.As(err, &e) || e.Status != status || e.Stale != stale || e.Size != size || line != nil {
			t.Errorf("%s: %q, %#v; want status %d", name, line, err, status)
		}
	}
	cosigned := func(name string, r *verify.AddCheckpoint) {
		t.Helper()
		line, err := w.AddCheckpoint(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n, err := note.Open(append(r.Note, line...), note.VerifierList(signer.Key))
		if err != nil || len(n.Sigs) != 1 {
			t.Errorf("%s: the cosignature doesn't verify: %v", name, err)
		}
		head, ok := w.Latest("log.example")
		if !ok || !strings.HasPrefix(string(head.Note), string(r.Note)) || !strings.HasSuffix(string(head.Note), string(line)) {
			t.Errorf("%s: the latest head is %q", name, head.Note)
		}
	}
	refused("an unknown log", stranger.History(3, 3, "").Request(0, 3), 404, false, 0)
	refused("a foreign key", impostor.History(3, 3, "").Request(0, 3), 403, false, 0)
	refused("an old size above the checkpoint's", &verify.AddCheckpoint{Old: 4, Note: good.Head(3)}, 400, false, 0)
	refused("an old size that was never cosigned", good.Request(2, 3), 409, true, 0)
	refused("a proof from nothing", &verify.AddCheckpoint{Hashes: [][32]byte{{1}}, Note: good.Head(3)}, 422, false, 0)
	refused("no checkpoint", &verify.AddCheckpoint{Note: []byte("log.example\n")}, 403, false, 0)
	refused("nothing", &verify.AddCheckpoint{}, 400, false, 0)
	cosigned("the first", good.Request(0, 7))
	cosigned("the same again", good.Request(7, 7))
	refused("stale", good.Request(0, 9), 409, true, 7)
	refused("smaller", good.Request(3, 5), 409, true, 7)
	refused("another root", &verify.AddCheckpoint{Old: 7, Note: fork.Head(7)}, 409, false, 0)
	refused("a fork with its own proof", fork.Request(7, 12), 422, false, 0)
	refused("no proof", &verify.AddCheckpoint{Old: 7, Note: good.Head(12)}, 422, false, 0)
	cosigned("a larger one", good.Request(7, 20))
	refused("back", good.Request(7, 20), 409, true, 20)
}

func TestWitnessRemembers(t *testing.T) {
	log := logtest.New(t, "log.example")
	h := log.History(9, 9, "")
	signer := logtest.NewCosigner(t, "witness.example/w")
	dir := t.TempDir()
	w := open(t, dir, signer, log)
	if _, err := w.AddCheckpoint(t.Context(), h.Request(0, 4)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Signer: signer, Logs: []note.Verifier{log.Key}, Dir: dir}); err == nil || !strings.Contains(err.Error(), "another process uses it") {
		t.Errorf("a second witness on the same directory: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = open(t, dir, signer, log)
	if head, ok := w.Latest("log.example"); !ok || head.Size != 4 {
		t.Errorf("after a restart the latest head is %+v", head)
	}
	if _, err := w.AddCheckpoint(t.Context(), h.Request(4, 9)); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(statePath(dir, "log.example"), []byte("garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Signer: signer, Logs: []note.Verifier{log.Key}, Dir: dir}); err == nil || !strings.Contains(err.Error(), "couldn't read what was cosigned of log.example") {
		t.Errorf("a witness that forgot opens with %v", err)
	}
}

// Whoever shows a checkpoint may add lines to it. They are nobody's business, and a note has room for so many only.
func TestWitnessKeepsNoForeignLines(t *testing.T) {
	log := logtest.New(t, "log.example")
	h := log.History(9, 9, "")
	signer := logtest.NewCosigner(t, "witness.example/w")
	dir := t.TempDir()
	w := open(t, dir, signer, log)
	r := h.Request(0, 4)
	for i := range 99 {
		r.Note = fmt.Appendf(r.Note, "— junk.example/%d AAAAAAAA\n", i)
	}
	line, err := w.AddCheckpoint(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if head, _ := w.Latest("log.example"); string(head.Note) != string(h.Head(4))+string(line) {
		t.Errorf("the witness keeps %q", head.Note)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if head, ok := open(t, dir, signer, log).Latest("log.example"); !ok || head.Size != 4 {
		t.Errorf("after a restart: %+v", head)
	}
}

// What can't be remembered isn't cosigned.
func TestWitnessOnAFullDisk(t *testing.T) {
	log := logtest.New(t, "log.example")
	h := log.History(9, 9, "")
	signer := logtest.NewCosigner(t, "witness.example/w")
	dir := t.TempDir()
	w := open(t, dir, signer, log)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if line, err := w.AddCheckpoint(t.Context(), h.Request(0, 4)); err == nil || errors.As(err, &refused) || line != nil {
		t.Errorf("without a directory the witness answers %q, %v", line, err)
	}
	if _, ok := w.Latest("log.example"); ok {
		t.Error("the head counts as cosigned")
	}
}

// Of two heads that both continue the last, one alone is cosigned.
func TestWitnessUnderARace(t *testing.T) {
	log := logtest.New(t, "log.example")
	a, b := log.History(9, 5, "a"), log.History(9, 5, "b")
	signer := logtest.NewCosigner(t, "witness.example/w")
	w := open(t, t.TempDir(), signer, log)
	if _, err := w.AddCheckpoint(t.Context(), a.Request(0, 5)); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		h := a
		if i%2 == 1 {
			h = b
		}
		r := h.Request(5, 9)
		all.Go(func() { _, errs[i] = w.AddCheckpoint(context.Background(), r) })
	}
	all.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		}
	}
	if done != 1 {
		t.Errorf("%d of eight requests from size 5 were cosigned", done)
	}
}

// torchwoodPolicy asks, in torchwood's terms, for the log's signature and the witness's.
func torchwoodPolicy(t *testing.T, log *logtest.Log, witness logtest.Cosigner) torchwood.Policy {
	t.Helper()
	policy, err := torchwood.ParsePolicy(fmt.Appendf(nil, "log %s\nwitness w %s\nquorum w\n", log.VKey, witness.VKey))
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// TestOthersReadCosignatures has torchwood and transparency-dev verify what this witness cosigns, and read when it did.
func TestOthersReadCosignatures(t *testing.T) {
	log := logtest.New(t, "log.example")
	h := log.History(20, 20, "")
	signer := logtest.NewCosigner(t, "witness.example/w")
	w := open(t, t.TempDir(), signer, log)
	policy := torchwoodPolicy(t, log, signer)
	theirs, err := fnote.NewVerifierForCosignatureV1(signer.VKey)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Unix()
	for from, to := int64(0), int64(0); to <= 20; from, to = to, to+4 {
		line, err := w.AddCheckpoint(t.Context(), h.Request(from, to))
		if err != nil {
			t.Fatal(err)
		}
		signed := append(h.Head(to), line...)
		c, n, err := torchwood.VerifyCheckpoint(signed, policy)
		if err != nil || c.N != to || len(n.Sigs) != 2 {
			t.Fatalf("size %d: torchwood says %v", to, err)
		}
		if at, err := torchwood.CosignatureTimestamp(n.Sigs[1]); err != nil || at < before || at > time.Now().Unix() {
			t.Errorf("size %d: cosigned at %d, %v", to, at, err)
		}
		f, _, n, err := flog.ParseCheckpoint(signed, "log.example", log.Key, theirs)
		if err != nil || f.Size != uint64(to) || len(n.Sigs) != 2 {
			t.Errorf("size %d: transparency-dev says %v", to, err)
		}
		head, _ := w.Latest("log.example")
		if _, _, err := torchwood.VerifyCheckpoint(head.Note, policy); err != nil {
			t.Errorf("size %d: of what a monitor gets, torchwood says %v", to, err)
		}
		if to > 0 {
			if _, _, err := torchwood.VerifyCheckpoint(append(h.Head(to-1), line...), policy); err == nil {
				t.Errorf("size %d: the cosignature passes for that of another head", to)
			}
		}
	}
}

// A log of others may have extension lines in its heads. The cosignature covers them.
func TestWitnessOfExtensionLines(t *testing.T) {
	log := logtest.New(t, "log.example")
	h := log.History(9, 9, "")
	signer := logtest.NewCosigner(t, "witness.example/w")
	w := open(t, t.TempDir(), signer, log)
	policy := torchwoodPolicy(t, log, signer)
	r := h.Request(0, 4)
	text, _, _ := strings.Cut(string(r.Note), "\n\n")
	extended, err := note.Sign(&note.Note{Text: text + "\nTimestamp: 1\n"}, log.Signer)
	if err != nil {
		t.Fatal(err)
	}
	r.Note = extended
	line, err := w.AddCheckpoint(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := torchwood.VerifyCheckpoint(append(slices.Clone(r.Note), line...), policy)
	if err != nil || c.N != 4 || c.Extension != "Timestamp: 1\n" {
		t.Errorf("torchwood reads %+v, %v", c, err)
	}
	if _, _, err := torchwood.VerifyCheckpoint(append(h.Head(4), line...), policy); err == nil {
		t.Error("the cosignature passes for one without the extension")
	}
	if _, err := w.AddCheckpoint(t.Context(), h.Request(4, 9)); err != nil {
		t.Error(err)
	}
}

func TestWitnessOverHTTP(t *testing.T) {
	log := logtest.New(t, "log.example")
	h, fork := log.History(9, 9, ""), log.History(9, 2, "fork")
	signer := logtest.NewCosigner(t, "witness.example/w")
	server := httptest.NewServer(open(t, t.TempDir(), signer, log).Handler())
	t.Cleanup(server.Close)
	post := func(body []byte) (int, string, string) {
		t.Helper()
		answer, err := http.Post(server.URL+"/add-checkpoint", "text/plain", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Header.Get("Content-Type"), string(text)
	}
	for _, c := range []struct {
		name   string
		body   []byte
		status int
		kind   string
		text   string
	}{
		{"garbage", []byte("garbage"), 400, "text/plain", "not a request"},
		{"too much", make([]byte, verify.MaxAddCheckpoint+1), 413, "text/plain", "couldn't read"},
		{"the first", h.Request(0, 4).Encode(), 200, "text/plain", "— witness.example/w "},
		{"stale", h.Request(0, 9).Encode(), 409, verify.SizeContentType, "4\n"},
		{"a fork", fork.Request(4, 9).Encode(), 422, "text/plain", "does not continue"},
		{"another root", (&verify.AddCheckpoint{Old: 4, Note: fork.Head(4)}).Encode(), 409, "text/plain", "another root"},
	} {
		status, kind, text := post(c.body)
		if status != c.status || !strings.HasPrefix(kind, c.kind) || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d, %s, %q", c.name, status, kind, text)
		}
	}
	answer, err := http.Get(server.URL + "/" + OriginHash("log.example") + "/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != 200 || !strings.HasPrefix(string(body), string(h.Head(4))) {
		t.Errorf("the monitor gets %d, %q", answer.StatusCode, body)
	}
	if answer, err := http.Get(server.URL + "/" + OriginHash("other.example") + "/checkpoint"); err != nil || answer.StatusCode != 404 {
		t.Errorf("of an unknown log the monitor gets %v, %v", answer, err)
	}
}
