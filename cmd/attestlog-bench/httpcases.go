package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/attestlog/attestlog/ledger/event"
)

// httpCases are the cases by name.
var httpCases = []string{"single", "batch", "batch-minimal", "attested", "attested-batch"}

// knowsCases tells whether a list of names makes sense.
func knowsCases(list string) bool {
	for _, name := range strings.Split(list, ",") {
		if list != "all" && !slices.Contains(httpCases, name) {
			return false
		}
	}
	return true
}

// yardstick is what a rate over HTTP can't exceed, because the server must do at least that for each event.
type yardstick struct {
	what    string // after "limit: "
	one     string // what the server does for an event
	measure func(time.Duration) (rate, cost float64, err error)
	rates   series // a second
	costs   series // CPU time of one, in µs
}

func (y *yardstick) run(p plan) error {
	rate, cost, err := y.measure(p.slice())
	y.rates, y.costs = append(y.rates, rate), append(y.costs, cost)
	return err
}

// loadCase is one kind of load, with what it gave.
type loadCase struct {
	name, what string
	limit      *yardstick

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
	result, err := g.do(loadOrder{Batches: c.order.Batches, Attested: c.order.Attested, Bare: t.bare(c.answer), For: p.slice() / 2})
	c.bare = append(c.bare, result.P99)
	return err
}

// loadCases are those of the cases that were chosen.
func loadCases(load loadConfig, chosen string) (cases []*loadCase, err error) {
	signatures, err := newSignatures()
	if err != nil {
		return nil, err
	}
	folds, err := newFolds()
	if err != nil {
		return nil, err
	}
	signed := &yardstick{one: "a signature alone", measure: signatures.rate,
		what: "crypto/ed25519 verifying the same kind of signatures on all cores of this machine, with nothing else going on"}
	proven := &yardstick{one: "a proof alone", measure: folds.rate,
		what: fmt.Sprintf("zkverify.VerifyBatch of as many proofs of the same statement as fit one fold (%d), on all cores of this machine, with nothing else going on", len(folds.items))}
	proofs := ", each with an inline proof of data-access-16 (simulated: made from the set-up's secrets, which is quick, and costs the verifier the same)"
	singly := func(size int) string {
		return fmt.Sprintf("events of %d bytes one by one over %d connections at once, each from a source of its own, pre-signed, each answered by a full receipt", size, load.Connections)
	}
	batches := func(size int) string {
		return fmt.Sprintf("batches of %d events of %d bytes from %d sources, over %d connections at once, pre-signed", load.Batch, size, load.BatchSources, load.BatchConns)
	}
	for _, c := range []*loadCase{
		{name: "single", what: singly(signatures.size), limit: signed},
		{name: "batch", what: batches(signatures.size) + ", answered by full receipts", limit: signed, order: loadOrder{Batches: true}},
		{name: "batch-minimal", what: batches(signatures.size) + ", answered without leaves and hashes, as Prefer: return=minimal asks",
			limit: signed, order: loadOrder{Batches: true, Minimal: true}},
		{name: "attested", what: singly(folds.size) + proofs, limit: proven, order: loadOrder{Attested: true}},
		{name: "attested-batch", what: batches(folds.size) + ", answered by full receipts" + proofs, limit: proven, order: loadOrder{Attested: true, Batches: true}},
	} {
		if chosen == "all" || slices.Contains(strings.Split(chosen, ","), c.name) {
			cases = append(cases, c)
		}
	}
	return cases, nil
}

func measureHTTP(ctx context.Context, p plan, r *report, t *target, g *generatorProcess, chosen string) error {
	cases, err := loadCases(t.load, chosen)
	if err != nil {
		return err
	}
	r.progress("events one by one and in batches, from another process")
	brief := plan{p.seconds / 4, p.rounds}
	var measures []measure
	var yardsticks []*yardstick
	for _, c := range cases { // warms up, tells about how many events to sign, and isn't counted
		if err := c.run(g, brief, 2000); err != nil {
			return err
		}
		expect := c.rate[0]
		*c = loadCase{name: c.name, what: c.what, limit: c.limit, order: c.order, answer: c.answer}
		if !slices.Contains(yardsticks, c.limit) {
			yardsticks = append(yardsticks, c.limit)
			measures = append(measures, func(context.Context) error { return c.limit.run(p) })
		}
		measures = append(measures,
			func(context.Context) error { return c.run(g, p, expect) },
			func(context.Context) error { return c.runBare(g, p, t) })
	}
	if err := interleave(ctx, p, measures...); err != nil {
		return err
	}
	var errs []error
	for _, c := range cases {
		detail := fmt.Sprintf("%s (%d bytes); the load generator is another process on this machine, which takes %s µs of CPU time an event",
			c.what, c.answer, short(c.generator.median()))
		if t.here {
			detail += fmt.Sprintf(", the server without PostgreSQL %s µs, %s %s µs", short(c.server.median()), c.limit.one, short(c.limit.costs.median()))
		}
		errs = append(errs,
			r.figure("http/"+c.name+"/rate", "events/s", c.rate, c.limit.rates, "%s; limit: %s; %s", detail, c.limit.what, t.about),
			r.figure("http/"+c.name+"/p99", "ms", c.p99, c.bare, "%s; limit: the p99 over the same connections of %s; %s", detail, t.bareAbout, t.about))
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
