package web

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/verify"
)

// crowded takes down how many bundles are asked for at once, and gives none before all turns are taken.
type crowded struct {
	Log
	mu        sync.Mutex
	now, most int
	full      chan struct{}
}

func (c *crowded) Bundle(context.Context, client.BundleQuery) (*verify.Bundle, *verify.BundleReport, error) {
	c.mu.Lock()
	if c.now++; c.now == maxTurns && c.most < maxTurns {
		close(c.full)
	}
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	<-c.full
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
	return nil, nil, client.ErrUnpublished
}

func TestEvidenceInTurn(t *testing.T) {
	c := &crowded{full: make(chan struct{})}
	v := newPaper(t, func(*Config, *paperLog) {})
	v.log = c
	var asking sync.WaitGroup
	for range 10 * maxTurns {
		asking.Go(func() { _, _, _ = v.bundle(t.Context(), client.BundleQuery{}) })
	}
	asking.Wait()
	if c.most != maxTurns {
		t.Errorf("%d at once, want %d", c.most, maxTurns)
	}

	for range maxTurns {
		v.turns <- struct{}{}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := v.bundle(gone, client.BundleQuery{})
	if f := explain(err); f.status != http.StatusServiceUnavailable || !strings.Contains(f.title, "Many ask") {
		t.Errorf("whose turn doesn't come is told %+v", f)
	}
}
