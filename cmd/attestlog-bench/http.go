package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

func bindHTTP(fs *flag.FlagSet) func(context.Context, plan, *report) error {
	var d databaseFlags
	var load loadConfig
	d.bind(fs)
	fs.IntVar(&load.Connections, "connections", 256, "how many connections send events one by one, each from a source of its own")
	fs.IntVar(&load.BatchConns, "batch-connections", 4, "how many connections send batches")
	fs.IntVar(&load.Batch, "batch", 1000, "events in a batch, at most 1,000")
	fs.IntVar(&load.BatchSources, "batch-sources", 100, "sources whose events are in a batch")
	return func(ctx context.Context, p plan, r *report) (err error) {
		switch {
		case load.Connections < 1 || load.Connections > 10_000:
			return &usageError{"--connections must be from 1 to 10,000"}
		case load.BatchConns < 1 || load.BatchConns > 1000:
			return &usageError{"--batch-connections must be from 1 to 1,000"}
		case load.Batch < 2 || load.Batch > 1000:
			return &usageError{"--batch must be from 2 to 1,000"}
		case load.BatchSources < 1 || load.BatchSources > load.Batch:
			return &usageError{"--batch-sources must be from 1 to the number of events in a batch"}
		}
		db, err := d.open(ctx, r)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.close(ctx)) }()
		s, err := startServer(ctx, db, load)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		g, err := startGenerator(ctx, r, s.load)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, g.close()) }()
		return measureHTTP(ctx, p, r, db, g)
	}
}

// server is the handler of attestlogd on a ledger of its own, on a port of the loopback interface.
type server struct {
	ledger *ledger.Ledger
	load   loadConfig
	stop   []func() error // in reverse order
}

func (s *server) close() error {
	var errs []error
	for i := len(s.stop) - 1; i >= 0; i-- {
		errs = append(errs, s.stop[i]())
	}
	return errors.Join(errs...)
}

// background runs something that ends when its context does, as part of the server.
func (s *server) background(ctx context.Context, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	s.stop = append(s.stop, func() error { cancel(); return <-done })
}

func startServer(ctx context.Context, db *database, load loadConfig) (_ *server, err error) {
	s := &server{load: load}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	url, err := db.log(ctx, "http")
	if err != nil {
		return nil, err
	}
	secret, _, err := note.GenerateKey(rand.Reader, sampleOrigin)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the log's key: %w", err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the log's key: %w", err)
	}
	s.ledger, err = ledger.Open(ctx, ledger.Config{DatabaseURL: url, Origin: sampleOrigin, Signer: signer, HeadsFile: filepath.Join(db.dir, "heads")})
	if err != nil {
		return nil, err
	}
	s.stop = append(s.stop, func() error { s.ledger.Close(); return nil })
	s.background(ctx, s.ledger.Run)
	if err := s.awaitReady(ctx); err != nil {
		return nil, err
	}
	if err := s.found(ctx); err != nil {
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

// found writes what the load builds on: the operator, a data set, and the sources.
func (s *server) found(ctx context.Context) error {
	s.load.Seed = make([]byte, 32)
	_, _ = rand.Read(s.load.Seed) // it can't fail
	all := s.load.sources()
	operator, controller := newChain(s.load.Seed, all), newChain(s.load.Seed, all+1)
	registrations := []event.Event{operator.register(event.RoleOperator), controller.register(event.RoleController)}
	for i := range all {
		registrations = append(registrations, newChain(s.load.Seed, i).register(event.RoleService))
	}
	if _, err := s.submit(ctx, operator, registrations[:1]); err != nil { // alone: nothing can be judged before it
		return err
	}
	if _, err := s.submit(ctx, operator, registrations[1:]); err != nil {
		return err
	}
	dataset := event.Event{Subject: event.Subject{Name: "records", Digest: event.DigestOf([]byte("a file"))}, Claims: sampleDataset(event.Element{31: 1})}
	digest, err := s.submit(ctx, controller, []event.Event{dataset})
	s.load.Dataset = digest
	return err
}

// submit logs events of one source in order, and returns the last one's digest.
func (s *server) submit(ctx context.Context, from *chain, events []event.Event) (event.Digest, error) {
	var subs []*event.Submission
	for _, e := range events {
		sub, err := from.next(e)
		if err != nil {
			return event.Digest{}, err
		}
		subs = append(subs, sub)
	}
	for _, o := range s.ledger.Submit(ctx, subs) {
		if o.Refusal != nil {
			return event.Digest{}, fmt.Errorf("couldn't log what the load builds on: %w", o.Refusal)
		}
	}
	return from.prev, nil
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

// remote is the load generator: this program, started a second time.
type remote struct {
	command *exec.Cmd
	in      io.WriteCloser
	orders  *json.Encoder
	results *json.Decoder
}

func startGenerator(ctx context.Context, r *report, load loadConfig) (*remote, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("couldn't start the load generator: %w", err)
	}
	g := &remote{command: exec.CommandContext(ctx, self, loadCommand)}
	g.command.Stderr = r.err
	in, err := g.command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("couldn't start the load generator: %w", err)
	}
	out, err := g.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("couldn't start the load generator: %w", err)
	}
	if err := g.command.Start(); err != nil {
		return nil, fmt.Errorf("couldn't start the load generator: %w", err)
	}
	g.in, g.orders, g.results = in, json.NewEncoder(in), json.NewDecoder(out)
	if err := g.orders.Encode(load); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't start the load generator: %w", err), g.close())
	}
	return g, nil
}

func (g *remote) do(order loadOrder) (result loadResult, err error) {
	if err := g.orders.Encode(order); err != nil {
		return result, fmt.Errorf("couldn't reach the load generator: %w", err)
	}
	if err := g.results.Decode(&result); err != nil {
		return result, fmt.Errorf("the load generator ended: %w", err)
	}
	if result.Err != "" {
		return result, errors.New(result.Err)
	}
	return result, nil
}

// close lets the load generator end, which it does when its input ends.
func (g *remote) close() error {
	err := g.in.Close()
	if waited := g.command.Wait(); waited != nil {
		err = errors.Join(err, fmt.Errorf("the load generator failed: %w", waited))
	}
	return err
}

// loadCase is one kind of load, with what it gave.
type loadCase struct {
	order     loadOrder
	rate, p99 series
	bare      series // p99 of /bare
	answer    int
}

// run makes a round. Enough events are signed beforehand for half as much again as the round before took.
func (c *loadCase) run(g *remote, p plan, expect float64) error {
	c.order.For = p.slice()
	for _, rate := range c.rate {
		expect = max(expect, rate)
	}
	c.order.Prepare = int(1.5 * expect * p.slice().Seconds())
	result, err := g.do(c.order)
	if err != nil {
		return err
	}
	c.rate, c.p99, c.answer = append(c.rate, float64(result.Events)/result.Seconds), append(c.p99, result.P99), result.Answer
	return nil
}

// runBare sends the same requests, over the same connections, to a handler that does nothing with them.
func (c *loadCase) runBare(g *remote, p plan) error {
	result, err := g.do(loadOrder{Batches: c.order.Batches, Bare: true, Answer: c.answer, For: p.slice() / 2})
	c.bare = append(c.bare, result.P99)
	return err
}

func measureHTTP(ctx context.Context, p plan, r *report, db *database, g *remote) error {
	signatures, err := newSignatures()
	if err != nil {
		return err
	}
	single, full, minimal := &loadCase{}, &loadCase{order: loadOrder{Batches: true}}, &loadCase{order: loadOrder{Batches: true, Minimal: true}}
	r.progress("events one by one and in batches, from another process")
	short := plan{p.seconds / 4, p.rounds}
	for _, c := range []*loadCase{single, full, minimal} { // warms up, tells about how many events to sign, and isn't counted
		if err := c.run(g, short, 2000); err != nil {
			return err
		}
	}
	expect := map[*loadCase]float64{single: single.rate[0], full: full.rate[0], minimal: minimal.rate[0]}
	var verified series
	measures := []measure{func(context.Context) error {
		rate, err := signatures.rate(p.slice())
		verified = append(verified, rate)
		return err
	}}
	for _, c := range []*loadCase{single, full, minimal} {
		c.rate, c.p99 = nil, nil
		measures = append(measures,
			func(context.Context) error { return c.run(g, p, expect[c]) },
			func(context.Context) error { return c.runBare(g, p) })
	}
	if err := interleave(ctx, p, measures...); err != nil {
		return err
	}
	const (
		rateLimit = "limit: crypto/ed25519 verifying the same kind of signatures, on all cores, with nothing else going on; %s"
		waitLimit = "limit: the p99 of the same requests over the same connections to a handler that only reads them and answers as many bytes; %s"
	)
	var errs []error
	for _, c := range []struct {
		name, what string
		*loadCase
	}{
		{"single", "events of %d bytes one by one over all connections at once, pre-signed, each answered by a full receipt (%d bytes) once it is durable; ", single},
		{"batch", "batches of events of %d bytes, pre-signed, from many sources, each batch answered by full receipts (%d bytes); ", full},
		{"batch-minimal", "batches of events of %d bytes, pre-signed, from many sources, answered as Prefer: return=minimal asks, without leaves and hashes (%d bytes); ", minimal},
	} {
		detail := c.what + "the load generator is another process on the same machine; "
		errs = append(errs,
			r.figure("http/"+c.name+"/rate", "events/s", c.rate, verified, detail+rateLimit, signatures.size, c.answer, db.settings),
			r.figure("http/"+c.name+"/p99", "ms", c.p99, c.bare, detail+waitLimit, signatures.size, c.answer, db.settings))
	}
	return errors.Join(errs...)
}

// signatures measures what Ed25519 verification alone would allow.
type signatures struct {
	key      ed25519.PublicKey
	messages [][]byte
	signed   [][]byte
	size     int // bytes of a submission
}

func newSignatures() (*signatures, error) {
	c := newChain(make([]byte, 32), 0)
	s := &signatures{key: c.public()}
	for range 256 {
		sub, err := c.next(access(event.DigestOf([]byte("a data set"))))
		if err != nil {
			return nil, err
		}
		b, err := sub.Encode()
		if err != nil {
			return nil, err
		}
		s.size = len(b)
		s.messages = append(s.messages, dsse.PAE(event.PayloadType, sub.Envelope.Payload))
		s.signed = append(s.signed, sub.Envelope.Signature[:])
	}
	return s, nil
}

// rate verifies on all cores for so long, and says how many signatures that were a second.
func (s *signatures) rate(d time.Duration) (float64, error) {
	counts := make([]int, runtime.GOMAXPROCS(0))
	errs := make([]error, len(counts))
	var wg sync.WaitGroup
	start := time.Now()
	for i := range counts {
		wg.Go(func() {
			n := 0
			for ; n == 0 || time.Since(start) < d; n++ {
				if at := n % len(s.messages); !ed25519.Verify(s.key, s.messages[at], s.signed[at]) {
					errs[i] = errors.New("a valid signature doesn't verify")
				}
			}
			counts[i] = n
		})
	}
	wg.Wait()
	all := 0
	for _, n := range counts {
		all += n
	}
	return float64(all) / time.Since(start).Seconds(), errors.Join(errs...)
}
