package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

// What the log puts together an auditor verifies by the log's key alone, revocations included.
func TestBundlesVerify(t *testing.T) {
	w := startLive(t)
	data := w.say("clinic/1", 'c', &event.DatasetClaims{Rows: 1, Columns: []event.Column{{Name: "age", Role: event.RoleOther, Coding: event.Coding{Integer: &event.IntegerCoding{Max: 9}}}},
		Purposes: []string{"research"}})
	w.submit(data)
	access := w.say("gateway/1", 'g', &event.DataAccessClaims{Columns: []string{"age"}, Dataset: data.Envelope.Digest(), Purpose: "research", Records: 1})
	w.submit(access)
	w.submit(w.say("operator/1", 'o', &event.SourceClaims{Action: event.SourceRevoke, Key: public('c'), Source: "clinic/1", From: 3}))
	w.fill(20)

	fetch := func(query string) []byte {
		t.Helper()
		status, header, file := w.get("/v1/bundles?" + query)
		if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Disposition"), `attachment; filename="entry-`) {
			t.Fatalf("%s: %d %v %.300s", query, status, header, file)
		}
		return file
	}
	file := fetch("provenance=" + access.Envelope.Digest().String())
	b, err := verify.ParseBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Verify(w.key, nil)
	if err != nil || !slices.Equal(b.Asked(), []int64{3, 4}) || len(r.Doubts()) == 0 {
		t.Fatalf("it is about %v: %v; doubts %q", b.Asked(), err, r.Doubts())
	}
	p, err := r.Provenance(4)
	if err != nil || p.State() != verify.LinkClaimed || len(p.Links) != 1 || !slices.Equal(p.Raw, []int64{3}) {
		t.Errorf("the walk is %+v, %v", p, err)
	}
	size := fmt.Sprintf("&size=%d", r.Head.Size)
	if again := fetch("entries=4,3" + size); !bytes.Equal(again, file) {
		t.Error("the same entries and head give another file")
	}
	all := make([]string, 26)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	if b, err = verify.ParseBundle(fetch("entries=" + strings.Join(all, ","))); err == nil {
		_, err = b.Verify(w.key, nil)
	}
	if err != nil {
		t.Errorf("of everything: %v", err)
	}
}

// slowReader is a client that doesn't take its answer until it is let go.
type slowReader struct {
	recorder
	begun, let chan struct{}
}

func (r *slowReader) Write(b []byte) (int, error) {
	close(r.begun)
	<-r.let
	return r.recorder.Write(b)
}

// Whoever asks for bundles keeps no submission waiting, and who reads his slowly keeps nobody else from theirs.
func TestRoomForBundles(t *testing.T) {
	making, finish := make(chan struct{}), make(chan struct{})
	log := &stub{evidence: func(context.Context, ledger.EvidenceQuery) (*verify.Bundle, error) {
		making <- struct{}{}
		<-finish
		return &verify.Bundle{}, nil
	}}
	s, err := newServer(Config{Ledger: log, Limits: Limits{Batch: 1 << 20, InFlight: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	ask := func(w http.ResponseWriter) {
		s.routes.ServeHTTP(w, request(t, http.MethodGet, "/v1/bundles?entries=1", ""))
	}
	readers := make([]*slowReader, maxMaking)
	for i := range readers {
		readers[i] = &slowReader{recorder{header: http.Header{}}, make(chan struct{}), make(chan struct{})}
		asking.Go(func() { ask(readers[i]) })
		<-making
	}
	if !s.bodies.TryAcquire(1 << 20) {
		t.Error("bundles take room of submissions")
	}
	late := &recorder{header: http.Header{}}
	ask(late)
	if late.status != http.StatusTooManyRequests || late.header.Get("Retry-After") != "1" || !strings.Contains(late.body.String(), `"code":"busy"`) {
		t.Errorf("one more: %d, %v, %s", late.status, late.header, &late.body)
	}
	close(finish)
	for _, r := range readers {
		<-r.begun
	}
	next := &recorder{header: http.Header{}}
	answered := make(chan struct{})
	asking.Go(func() { ask(next); close(answered) })
	select {
	case <-making:
	case <-answered: // refused
	}
	for _, r := range readers {
		close(r.let)
	}
	asking.Wait()
	if got := next.header.Get("Content-Disposition"); next.body.Len() == 0 || got != `attachment; filename="entry-1.attestlog"` {
		t.Errorf("while others read: %d, %v, %.200s", next.status, next.header, &next.body)
	}
}
