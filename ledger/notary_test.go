package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/ledger/verify/logtest"
)

// desk is a notary with a log that is nothing but its leaves' hashes.
type desk struct {
	*notary
	t      *testing.T
	hashes stored
	size   int64
	ended  chan error
	stop   func()
}

func newDesk(t *testing.T) *desk {
	file := openHeads(t, filepath.Join(t.TempDir(), "heads"))
	t.Cleanup(func() { _ = file.close() }) // some tests close it before
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNotary(logtest.New(t, headsOrigin).Signer, file, &state{chains: chains{known: map[string]verify.Chain{}}}, m, tilestore.Tip{}, newEdge(0, nil, 64))
	if err != nil {
		t.Fatal(err)
	}
	return &desk{notary: n, t: t, ended: make(chan error, 1)}
}

func (d *desk) start() {
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	go func() { d.ended <- d.run(ctx) }()
	d.t.Cleanup(cancel)
}

// batch announces a batch of leaves and gives the tip that committing it leads to.
func (d *desk) batch(leaves ...string) tilestore.Tip {
	b := &batch{first: d.size, end: d.size}
	for _, leaf := range leaves {
		d.hashes.append(d.t, d.size, []byte(leaf))
		b.leaves = append(b.leaves, hashLeaf([]byte(leaf)))
		d.size++
		b.end++
	}
	d.expect(b)
	root, err := tlog.TreeHash(d.size, d.hashes)
	if err != nil {
		d.t.Fatal(err)
	}
	return tilestore.Tip{Size: d.size, Root: root}
}

func TestNotarySignsOncePerRound(t *testing.T) {
	d := newDesk(t)
	for _, leaves := range [][]string{{"a"}, {"b", "c"}, {"d"}} {
		d.commit(d.batch(leaves...))
	}
	d.start()
	signed, err := d.covering(t.Context(), 0)
	if err != nil || signed.tree.size != 4 {
		t.Fatalf("the first head has size %d, %v", signed.tree.size, err)
	}
	d.stop()
	if err := <-d.ended; err != nil {
		t.Fatal(err)
	}
	if len(d.file.notes) != 1 {
		t.Errorf("%d heads were signed for three batches that were committed before", len(d.file.notes))
	}
}

// A tip can arrive while the one before it wakes the notary: then it is signed at once, and the second wake-up finds nothing to do.
func TestNotaryIsWokenTooLate(t *testing.T) {
	d := newDesk(t)
	d.start()
	for i, leaf := range []string{"a", "b", "c"} {
		d.commit(d.batch(leaf))
		if _, err := d.covering(t.Context(), int64(i)); err != nil {
			t.Fatal(err)
		}
		select {
		case d.wake <- struct{}{}:
		case err := <-d.ended:
			t.Fatalf("it ended with %v", err)
		}
	}
	d.commit(d.batch("d"))
	if signed, err := d.covering(t.Context(), 3); err != nil || signed.tree.size != 4 {
		t.Errorf("got %v", err)
	}
}

// What was committed last is signed even if the end comes at the same time.
func TestNotaryFinishes(t *testing.T) {
	d := newDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.commit(d.batch("a"))
	if err := d.run(ctx); err != nil {
		t.Fatal(err)
	}
	if signed, err := d.covering(t.Context(), 0); err != nil || signed.tree.size != 1 {
		t.Errorf("nothing was signed: %v", err)
	}
	if _, err := d.covering(t.Context(), 1); !errors.Is(err, errNotaryStopped) {
		t.Errorf("waiting for what never comes: %v", err)
	}
}

func TestNotarySignsNoRootThatItDoesNotFind(t *testing.T) {
	d := newDesk(t)
	d.start()
	tip := d.batch("a", "b")
	tip.Root[0] ^= 1
	d.commit(tip)
	if _, err := d.covering(t.Context(), 0); !errors.Is(err, errNotaryStopped) {
		t.Errorf("got %v", err)
	}
	if err := <-d.ended; err == nil || !strings.Contains(err.Error(), "nothing is signed") {
		t.Errorf("it ended with %v", err)
	}
	if b, err := os.ReadFile(d.file.path); err != nil || len(b) > 0 {
		t.Errorf("the heads file has %q, %v", b, err)
	}
}

func TestNotarySignsNothingThatItDidNotSee(t *testing.T) {
	d := newDesk(t)
	d.start()
	tip := d.batch("a")
	tip.Size++ // another process wrote, too
	d.commit(tip)
	if err := <-d.ended; err == nil || !strings.Contains(err.Error(), "were judged in this term") {
		t.Errorf("it ended with %v", err)
	}
}

// A note that can't be made durable is never shown.
func TestNotaryWithoutItsFile(t *testing.T) {
	d := newDesk(t)
	d.start()
	d.commit(d.batch("a"))
	if _, err := d.covering(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := d.file.file.Close(); err != nil {
		t.Fatal(err)
	}
	d.commit(d.batch("b"))
	if _, err := d.covering(t.Context(), 1); !errors.Is(err, errNotaryStopped) {
		t.Errorf("got %v", err)
	}
	if err := <-d.ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("it ended with %v", err)
	}
	if signed, _ := d.newest(); signed.tree.size != 1 {
		t.Errorf("the newest head has size %d", signed.tree.size)
	}
}
