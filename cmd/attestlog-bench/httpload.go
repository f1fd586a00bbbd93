package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
)

// loadCommand makes this program the load generator of http: it reads orders from standard input and answers each on standard
// output, a JSON object a line.
const loadCommand = "http-load"

// loadConfig is the first line that the load generator gets.
type loadConfig struct {
	Address      string       // of the server: host:port
	Origin       string       // of its log
	Seed         []byte       // of the sources' keys
	Dataset      event.Digest // what the events refer to
	Connections  int          // that send events one by one, each from a source of its own
	BatchConns   int          // that send batches
	BatchSources int          // of each of them
	Batch        int          // events in a batch
}

// sources is how many sources the load comes from: those of attested events are others than those of mere claims.
func (c *loadConfig) sources() int { return 2 * (c.Connections + c.BatchConns*c.BatchSources) }

// loadOrder is one round of load.
type loadOrder struct {
	Batches  bool          // or events one by one
	Attested bool          // with proofs
	Minimal  bool          // Prefer: return=minimal
	Bare     string        // "METHOD target" of a handler that does nothing, to send requests to instead; with bodies if POST
	Prepare  int           // events to sign, and to prove, before the clock starts; the round ends when they are used up
	For      time.Duration // at most
}

// kind says whose turn it is to send.
func (o *loadOrder) kind() callerKind { return callerKind{o.Batches, o.Attested} }

// loadResult is what came of a round.
type loadResult struct {
	Events   int
	Seconds  float64
	P50, P99 float64 // of requests, in milliseconds
	Answer   int     // bytes of an answer's body
	CPU      float64 // seconds that the load generator computed, the signing beforehand not counted
	Err      string
}

// generateLoad serves orders until its input ends.
func generateLoad(ctx context.Context, in io.Reader, out io.Writer) error {
	orders, results := json.NewDecoder(in), json.NewEncoder(out)
	var cfg loadConfig
	if err := orders.Decode(&cfg); err != nil {
		return fmt.Errorf("couldn't read what load to make: %w", err)
	}
	g, err := newGenerator(cfg)
	if err != nil {
		return err
	}
	defer g.close()
	for {
		var order loadOrder
		switch err := orders.Decode(&order); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("couldn't read what load to make: %w", err)
		}
		result, err := g.round(ctx, order)
		if err != nil {
			result = loadResult{Err: err.Error()}
		}
		if err := results.Encode(result); err != nil {
			return fmt.Errorf("couldn't say what came of the load: %w", err)
		}
	}
}

// callerKind is what sort of requests a connection sends.
type callerKind struct{ batches, attested bool }

// generator has the connections of all kinds.
type generator struct {
	cfg     loadConfig
	callers map[callerKind][]*caller
	prover  *attester
}

// caller is one connection with the sources whose events go over it, so that they arrive in order.
type caller struct {
	conn    net.Conn
	answers *bufio.Reader
	sources []*chain
	events  int      // in a request
	ready   [][]byte // signed bodies, in order
	request bytes.Buffer
	body    bytes.Buffer
	last    []byte // a body that was sent, for /bare
}

func newGenerator(cfg loadConfig) (*generator, error) {
	prover, err := newAttester(cfg.Seed)
	if err != nil {
		return nil, err
	}
	g := &generator{cfg: cfg, callers: map[callerKind][]*caller{}, prover: prover}
	number := 0
	callers := func(n, sources, events int) (list []*caller) {
		for range n {
			c := &caller{events: events}
			for range sources {
				c.sources = append(c.sources, newChain(cfg.Origin, cfg.Seed, number))
				number++
			}
			list = append(list, c)
		}
		return list
	}
	for _, attested := range []bool{false, true} {
		g.callers[callerKind{attested: attested}] = callers(cfg.Connections, 1, 1)
		g.callers[callerKind{batches: true, attested: attested}] = callers(cfg.BatchConns, cfg.BatchSources, cfg.Batch)
	}
	return g, nil
}

func (g *generator) close() {
	for _, list := range g.callers {
		for _, c := range list {
			if c.conn != nil {
				c.conn.Close()
			}
		}
	}
}

// round signs events, then sends them as fast as the server answers.
func (g *generator) round(ctx context.Context, order loadOrder) (loadResult, error) {
	callers := g.callers[order.kind()]
	if order.Bare == "" {
		if err := g.prepare(callers, order); err != nil {
			return loadResult{}, err
		}
	}
	for _, c := range callers {
		if err := c.connect(ctx, g.cfg.Address); err != nil {
			return loadResult{}, err
		}
	}
	waits := make([]series, len(callers))
	errs := make([]error, len(callers))
	ctx, done := context.WithTimeout(ctx, order.For)
	defer done()
	var wg sync.WaitGroup
	start, computed := time.Now(), cpuTime()
	for i, c := range callers {
		wg.Go(func() {
			for ctx.Err() == nil && errs[i] == nil {
				body := c.take(order)
				if body == nil {
					done() // without all of its connections the load isn't the one that was ordered
					return
				}
				sent := time.Now()
				errs[i] = c.send(order, body)
				waits[i] = append(waits[i], time.Since(sent).Seconds()*1e3)
			}
		})
	}
	wg.Wait()
	took := time.Since(start).Seconds()
	var all series
	for _, w := range waits {
		all = append(all, w...)
	}
	result := loadResult{Events: len(all) * callers[0].events, Seconds: took, P50: all.quantile(.5), P99: all.quantile(.99),
		Answer: callers[0].body.Len(), CPU: (cpuTime() - computed).Seconds()}
	return result, firstError(errs)
}

// prepare signs the events that the order wants, for the callers together, on all cores.
func (g *generator) prepare(callers []*caller, order loadOrder) error {
	next := func(from *chain) (*event.Submission, error) { return from.next(access(g.cfg.Dataset)) }
	if order.Attested {
		next = func(from *chain) (*event.Submission, error) { return g.prover.next(from, g.cfg.Dataset) }
	}
	each := max(order.Prepare/callers[0].events/len(callers), 2)
	errs := make([]error, len(callers))
	var wg sync.WaitGroup
	for i, c := range callers {
		wg.Go(func() {
			for len(c.ready) < each && errs[i] == nil {
				errs[i] = c.sign(next)
			}
		})
	}
	wg.Wait()
	return firstError(errs)
}

// sign makes the body of the caller's next request. In a batch, each source has its turn several times.
func (c *caller) sign(next func(*chain) (*event.Submission, error)) error {
	var list [][]byte
	for i := range c.events {
		sub, err := next(c.sources[i%len(c.sources)])
		if err != nil {
			return err
		}
		b, err := sub.Encode()
		if err != nil {
			return err
		}
		list = append(list, b)
	}
	body := list[0]
	if c.events > 1 {
		body = append(append([]byte(`{"events":[`), bytes.Join(list, []byte{','})...), "]}"...)
	}
	c.ready = append(c.ready, body)
	return nil
}

func (c *caller) connect(ctx context.Context, address string) (err error) {
	if c.conn != nil {
		return nil
	}
	if c.conn, err = new(net.Dialer).DialContext(ctx, "tcp", address); err != nil {
		return fmt.Errorf("couldn't connect to the server: %w", err)
	}
	c.answers = bufio.NewReaderSize(c.conn, 64<<10)
	return nil
}

// take is the next body; nil if there is none.
func (c *caller) take(order loadOrder) []byte {
	if order.Bare != "" {
		return c.last
	}
	if len(c.ready) == 0 {
		return nil
	}
	c.last, c.ready = c.ready[0], c.ready[1:]
	return c.last
}

// send writes a request and reads the whole answer. Requests are written by hand: the load generator shares the machine with the
// server, and must be cheap.
func (c *caller) send(order loadOrder, body []byte) error {
	line := "POST /v1/events"
	switch {
	case order.Bare != "":
		line = order.Bare
	case order.Batches:
		line = "POST /v1/events:batch"
	}
	if !strings.HasPrefix(line, "POST ") {
		body = nil
	}
	c.request.Reset()
	fmt.Fprintf(&c.request, "%s HTTP/1.1\r\nHost: %s\r\n", line, c.conn.RemoteAddr())
	if body != nil {
		fmt.Fprintf(&c.request, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	if order.Minimal {
		c.request.WriteString("Prefer: return=minimal\r\n")
	}
	c.request.WriteString("\r\n")
	c.request.Write(body)
	if err := c.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return fmt.Errorf("couldn't bound how long a request may take: %w", err)
	}
	if _, err := c.conn.Write(c.request.Bytes()); err != nil {
		return fmt.Errorf("couldn't send a request: %w", err)
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return fmt.Errorf("couldn't read an answer: %w", err)
	}
	defer answer.Body.Close()
	c.body.Reset()
	if _, err := c.body.ReadFrom(answer.Body); err != nil {
		return fmt.Errorf("couldn't read an answer: %w", err)
	}
	return c.check(order, answer.StatusCode)
}

// check makes sure that the log took every event.
func (c *caller) check(order loadOrder, status int) error {
	taken := 0
	switch {
	case order.Bare != "" && status == http.StatusOK:
		return nil
	case !order.Batches && status == http.StatusCreated:
		taken = 1
	case order.Batches && status == http.StatusOK:
		taken = bytes.Count(c.body.Bytes(), []byte(`"status":201`))
	}
	if taken == c.events {
		return nil
	}
	answer := c.body.Bytes()
	if at := bytes.Index(answer, []byte(`"problem"`)); at > 0 {
		answer = answer[at:]
	}
	return fmt.Errorf("the log took %d of %d events (status %d): %.300s", taken, c.events, status, answer)
}
