package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/attestlog/attestlog/ledger/event"
)

func bindHTTP(fs *flag.FlagSet) func(context.Context, plan, *report) error {
	var d databaseFlags
	var f remoteFlags
	var load loadConfig
	d.bind(fs)
	f.bind(fs)
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
		var t *target
		if f.url != "" {
			t, err = f.open(ctx, load)
		} else {
			t, err = startServer(ctx, r, &d, load)
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.close()) }()
		if err := t.found(ctx); err != nil {
			return err
		}
		g, err := startGenerator(ctx, r, t.load)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, g.close()) }()
		return measureHTTP(ctx, p, r, t, g)
	}
}

// generatorProcess is the load generator: this program, started a second time.
type generatorProcess struct {
	command *exec.Cmd
	in      io.WriteCloser
	orders  *json.Encoder
	results *json.Decoder
}

func startGenerator(ctx context.Context, r *report, load loadConfig) (*generatorProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("couldn't start the load generator: %w", err)
	}
	g := &generatorProcess{command: exec.CommandContext(ctx, self, loadCommand)}
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

func (g *generatorProcess) do(order loadOrder) (result loadResult, err error) {
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
func (g *generatorProcess) close() error {
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
	bare      series // p99 of a handler that does nothing
	answer    int    // bytes
	server    series // CPU time an event, in µs
	generator series
}

// run makes a round. Enough events are signed beforehand for half as much again as the round before took.
func (c *loadCase) run(g *generatorProcess, p plan, expect float64) error {
	c.order.For = p.slice()
	for _, rate := range c.rate {
		expect = max(expect, rate)
	}
	c.order.Prepare = int(1.5 * expect * p.slice().Seconds())
	computed := cpuTime()
	result, err := g.do(c.order)
	if err != nil {
		return err
	}
	c.server = append(c.server, (cpuTime()-computed).Seconds()*1e6/float64(result.Events))
	c.generator = append(c.generator, result.CPU*1e6/float64(result.Events))
	c.rate, c.p99, c.answer = append(c.rate, float64(result.Events)/result.Seconds), append(c.p99, result.P99), result.Answer
	return nil
}

// runBare sends requests over the same connections to a handler that does nothing with them.
func (c *loadCase) runBare(g *generatorProcess, p plan, t *target) error {
	result, err := g.do(loadOrder{Batches: c.order.Batches, Bare: t.bare(c.answer), For: p.slice() / 2})
	c.bare = append(c.bare, result.P99)
	return err
}

func measureHTTP(ctx context.Context, p plan, r *report, t *target, g *generatorProcess) error {
	signatures, err := newSignatures()
	if err != nil {
		return err
	}
	single, full, minimal := &loadCase{}, &loadCase{order: loadOrder{Batches: true}}, &loadCase{order: loadOrder{Batches: true, Minimal: true}}
	r.progress("events one by one and in batches, from another process")
	brief := plan{p.seconds / 4, p.rounds}
	for _, c := range []*loadCase{single, full, minimal} { // warms up, tells about how many events to sign, and isn't counted
		if err := c.run(g, brief, 2000); err != nil {
			return err
		}
	}
	expect := map[*loadCase]float64{single: single.rate[0], full: full.rate[0], minimal: minimal.rate[0]}
	var verified, alone series // signatures a second; CPU time of one in µs
	measures := []measure{func(context.Context) error {
		rate, cost, err := signatures.rate(p.slice())
		verified, alone = append(verified, rate), append(alone, cost)
		return err
	}}
	for _, c := range []*loadCase{single, full, minimal} {
		*c = loadCase{order: c.order, answer: c.answer}
		measures = append(measures,
			func(context.Context) error { return c.run(g, p, expect[c]) },
			func(context.Context) error { return c.runBare(g, p, t) })
	}
	if err := interleave(ctx, p, measures...); err != nil {
		return err
	}
	const (
		rateLimit = "limit: crypto/ed25519 verifying the same kind of signatures on all cores of this machine, with nothing else going on; %s"
		waitLimit = "limit: the p99 over the same connections of %s; %s"
	)
	var errs []error
	for _, c := range []struct {
		name, what string
		*loadCase
	}{
		{"single", fmt.Sprintf("events of %d bytes one by one over %d connections at once, pre-signed, each answered by a full receipt", signatures.size, t.load.Connections), single},
		{"batch", fmt.Sprintf("batches of %d events of %d bytes from %d sources, over %d connections at once, pre-signed, answered by full receipts", t.load.Batch, signatures.size, t.load.BatchSources, t.load.BatchConns), full},
		{"batch-minimal", fmt.Sprintf("batches of %d events of %d bytes from %d sources, over %d connections at once, pre-signed, answered without leaves and hashes, as Prefer: return=minimal asks", t.load.Batch, signatures.size, t.load.BatchSources, t.load.BatchConns), minimal},
	} {
		detail := fmt.Sprintf("%s (%d bytes); the load generator is another process on this machine, which takes %s µs of CPU time an event",
			c.what, c.answer, short(c.generator.median()))
		if t.here {
			detail += fmt.Sprintf(", the server without PostgreSQL %s µs, a signature alone %s µs", short(c.server.median()), short(alone.median()))
		}
		detail += "; "
		errs = append(errs,
			r.figure("http/"+c.name+"/rate", "events/s", c.rate, verified, detail+rateLimit, t.about),
			r.figure("http/"+c.name+"/p99", "ms", c.p99, c.bare, detail+waitLimit, t.bareAbout, t.about))
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
	c := newChain(sampleOrigin, make([]byte, 32), 0)
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

// rate verifies on all cores for so long, and says how many signatures that were a second, and what CPU time one took in µs.
func (s *signatures) rate(d time.Duration) (rate, cost float64, err error) {
	counts := make([]int, runtime.GOMAXPROCS(0))
	errs := make([]error, len(counts))
	var wg sync.WaitGroup
	start, computed := time.Now(), cpuTime()
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
	return float64(all) / time.Since(start).Seconds(), (cpuTime() - computed).Seconds() * 1e6 / float64(all), firstError(errs)
}
