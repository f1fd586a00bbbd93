package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/cmd/internal/garbage"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

// target is a log that is measured over HTTP.
type target struct {
	load      loadConfig
	about     string // for details
	here      bool   // it runs in this process
	bare      func(answer int) string
	bareAbout string
	operator  *chain
	submit    func(context.Context, []*event.Submission) error
	stop      []func() error // in reverse order
}

func (t *target) close() error {
	var errs []error
	for i := len(t.stop) - 1; i >= 0; i-- {
		errs = append(errs, t.stop[i]())
	}
	return errors.Join(errs...)
}

// found writes what the load builds on: the sources, a statement, and a data set that their events refer to.
func (t *target) found(ctx context.Context) error {
	t.load.Seed = make([]byte, 32)
	_, _ = rand.Read(t.load.Seed) // it can't fail
	all := t.load.sources()
	controller := newChain(t.load.Origin, t.load.Seed, all)
	prover, err := newAttester(t.load.Seed)
	if err != nil {
		return err
	}
	registrations := []event.Event{controller.register(event.RoleController), prover.register()}
	for i := range all {
		registrations = append(registrations, newChain(t.load.Origin, t.load.Seed, i).register(event.RoleService))
	}
	for some := range slices.Chunk(registrations, 1000) {
		if err := t.log(ctx, t.operator, some...); err != nil {
			return err
		}
	}
	dataset := event.Event{Subject: event.Subject{Name: "records", Digest: event.DigestOf([]byte("a file"))}, Claims: loadDataset()}
	err = t.log(ctx, controller, dataset)
	t.load.Dataset = controller.prev
	return err
}

// log logs events of one source in order.
func (t *target) log(ctx context.Context, from *chain, events ...event.Event) error {
	var subs []*event.Submission
	for _, e := range events {
		sub, err := from.next(e)
		if err != nil {
			return err
		}
		subs = append(subs, sub)
	}
	if err := t.submit(ctx, subs); err != nil {
		return fmt.Errorf("couldn't log what the load builds on: %w", err)
	}
	return nil
}

// server is the handler of attestlogd on a ledger of its own, on a port of the loopback interface.
type server struct {
	target
	ledger   *ledger.Ledger
	verifier string // the log's public key
	url      string // of its database
	dir      string // for files of ours; removed in the end
}

// background runs something that ends when its context does, as part of the server.
func (s *server) background(ctx context.Context, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	s.stop = append(s.stop, func() error { cancel(); return <-done })
}

func startServer(ctx context.Context, r *report, d *databaseFlags, load loadConfig) (_ *target, err error) {
	s, err := newServer(ctx, r, d, load)
	if err != nil {
		return nil, err
	}
	return &s.target, nil
}

func newServer(ctx context.Context, r *report, d *databaseFlags, load loadConfig, change ...func(*ledger.Config)) (_ *server, err error) {
	s := &server{target: target{load: load}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	restore := garbage.CollectLess() // as attestlogd serve does
	s.stop = append(s.stop, func() error { restore(); return nil })
	db, err := d.open(ctx, r)
	if err != nil {
		return nil, err
	}
	s.stop = append(s.stop, func() error { return db.close(ctx) })
	if s.url, err = db.log(ctx, "http"); err != nil {
		return nil, err
	}
	s.dir = db.dir
	s.load.Origin, s.about, s.here = sampleOrigin, db.settings, true
	s.bare = func(answer int) string { return fmt.Sprintf("POST /bare?size=%d", answer) }
	s.bareAbout = "the same requests to a handler that only reads them and answers as many bytes"
	secret, verifier, err := note.GenerateKey(rand.Reader, sampleOrigin)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the log's key: %w", err)
	}
	s.verifier = verifier
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the log's key: %w", err)
	}
	cfg := ledger.Config{DatabaseURL: s.url, Origin: sampleOrigin, Signer: signer, HeadsFile: filepath.Join(db.dir, "heads")}
	for _, f := range change {
		f(&cfg)
	}
	s.ledger, err = ledger.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.stop = append(s.stop, func() error { s.ledger.Close(); return nil })
	s.background(ctx, s.ledger.Run)
	if err := s.awaitReady(ctx); err != nil {
		return nil, err
	}
	s.submit = s.submitToLedger
	if s.operator, err = newOperator(); err != nil {
		return nil, err
	}
	if err := s.log(ctx, s.operator, s.operator.register(event.RoleOperator)); err != nil {
		return nil, err
	}
	handler, err := api.New(api.Config{Ledger: s.ledger})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /bare", bare)
	mux.Handle("/", handler)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("couldn't listen on the loopback interface: %w", err)
	}
	s.load.Address = listener.Addr().String()
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	s.background(ctx, func(ctx context.Context) error {
		context.AfterFunc(ctx, func() { server.Close() })
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("couldn't serve: %w", err)
		}
		return nil
	})
	return s, nil
}

func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !s.ledger.Leads() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("couldn't become the log's writer: %w", errors.Join(ctx.Err(), s.ledger.Ready(ctx)))
		}
	}
	return nil
}

// newOperator is the operator of a new log.
func newOperator() (*chain, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the operator's key: %w", err)
	}
	return &chain{origin: sampleOrigin, source: "operator/1", key: key}, nil
}

func (s *server) submitToLedger(ctx context.Context, subs []*event.Submission) error {
	for _, o := range s.ledger.Submit(ctx, subs) {
		if o.Refusal != nil {
			return o.Refusal
		}
	}
	return nil
}

// bare is what HTTP costs by itself: it reads the body, and answers as many bytes as the log would.
func bare(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.Atoi(r.FormValue("size"))
	if err != nil || size < 0 || size > 64<<20 {
		http.Error(w, "size is missing", http.StatusBadRequest)
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(size))
	_, _ = w.Write(bytes.Repeat([]byte{' '}, size)) // the client is gone if this fails
}
