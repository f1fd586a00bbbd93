package ledger

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/migrations/pgtest"
)

func TestSequencer(t *testing.T) {
	s, err := OpenSequencer(t.Context(), SequencerConfig{DatabaseURL: pgtest.URL(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	const submitters, each = 16, 20
	leaves := make([]Raw, submitters*each)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range submitters {
		wg.Go(func() {
			for n := range each {
				raw := Raw{Leaf: fmt.Appendf(nil, "leaf %d of %d", n, i), Kind: event.DataAccess, Source: fmt.Sprintf("load/%d", i), Subject: "bench"}
				indices, err := s.Append(ctx, raw)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				leaves[indices[0]] = raw
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	size, err := s.Size(ctx)
	if err != nil || size != submitters*each {
		t.Fatalf("%d leaves, %v", size, err)
	}
	var hashes stored
	for i, raw := range leaves {
		hashes.append(t, int64(i), raw.Leaf)
	}
	root, err := tlog.TreeHash(size, hashes)
	if err != nil {
		t.Fatal(err)
	}
	for i, raw := range leaves {
		proof, err := s.Inclusion(ctx, int64(i), size)
		if err != nil {
			t.Fatal(err)
		}
		var p tlog.RecordProof
		for _, h := range proof {
			p = append(p, h)
		}
		if err := tlog.CheckRecord(p, size, root, int64(i), tlog.RecordHash(raw.Leaf)); err != nil {
			t.Errorf("leaf %d: %v", i, err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := s.Append(t.Context(), leaves[0]); err == nil {
		t.Error("a leaf was appended after the end")
	}
	s.Close()
}
