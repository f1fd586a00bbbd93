package ledger

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/attestlog/attestlog/prover/zkverify"
)

const (
	// foldMin and foldPerCore bound how many proofs are checked by one equation: 128 on two cores, up to 256 on four. A proof of
	// data-access costs 560 µs of CPU time alone, 250 among 8, 195 among 16, 160 among 32, 145 among 64, 138 among 128, 135 among
	// 256. A bad one among them makes the fold about three times as dear, whatever its size: 20 ms of CPU time more among 64, 35
	// among 128, 60 among 256.
	foldMin, foldPerCore, foldMax = 128, 64, 256
	// gatherQuiet without an arrival, and whoever could come at once has come; gatherLimit in all, where arrivals don't end.
	gatherQuiet, gatherLimit = 20 * time.Microsecond, 2 * time.Millisecond
	// After a bad proof, so many of the same source are checked apart: sixteen after the first, twice as many after each further one.
	penanceFirst, penanceMost = 16, 4096
	// apartEach and apartAll are how many proofs of one such source, and of all together, may wait to be checked apart.
	apartEach, apartAll = 64, 1024
)

var (
	// errUnchecked is the verdict on a proof that came along with a bad one of the same source: nobody looked at it.
	errUnchecked = errors.New("an earlier proof of the same source failed")
	// errApartFull is the verdict on a proof of a source that has too many waiting.
	errApartFull = errors.New("too many proofs of this source wait to be checked one by one")
)

// sentProof is a proof with the source whose event it came with. The event's signature was verified before, but the proof stands outside of what is
// signed: it need not come from the source. See proofChecker for what that makes possible.
type sentProof struct {
	source string
	item   zkverify.Item
}

// proofChecker checks the proofs of all requests, many at once. As the sequencer does with its batches, it makes no one wait for
// a timer: while one fold is being checked, what arrives waits, and goes into the next one. So a lone proof is checked at once,
// and under load folds grow until they are cheap.
//
// Before it takes a fold, it lets those go first who can come at once: see gather.
//
// Those who wait take turns: each fold has as many proofs of one request as of another, as far as they have any, so that a
// batch of a thousand doesn't keep a single event waiting for long.
//
// A bad proof makes its fold about three times as dear, once: from then on the proofs of that source are checked apart, one
// after another, and never more than one of them between two folds. Sources are registered by the operator, so whoever is
// found out doesn't come back under another name; and proofs get here after signature and quota.
//
// Whoever gets hold of a source's signed envelope before it is in the log, from a proxy, an outbox or a spilled request, can send it with a bad proof
// and so put an honest source under penance. That makes the source's proofs wait longer, and be refused as busy where more of them come than are checked
// apart; it gets no event of the source's refused for good, since the same envelope is taken with its own proof after that. And it can't go on
// once the envelope is in the log: what is there is answered without looking at the proof.
//
// It has at most one goroutine, which lives while there is something to check.
type proofChecker struct {
	verify  func([]zkverify.Item) []error // zkverify.VerifyBatch
	most    int                           // proofs in a fold
	now     func() time.Time
	metrics *metrics

	running sync.WaitGroup
	mu      sync.Mutex
	busy    bool                // the goroutine runs
	waiting []*errand           // those that have proofs to be folded; the first has its turn
	apart   []*suspect          // those that have proofs to be checked apart; likewise
	known   map[string]*suspect // everyone who ever sent a bad proof
	aside   int                 // how many proofs wait to be checked apart
}

// errand is what one request has to check.
type errand struct {
	proofs   []sentProof
	verdicts []error
	next     int            // the first proof that was not taken yet
	open     int            // how many have no verdict yet
	failed   map[string]int // for each source of which a proof failed, the first that did; nil if none did
	left     bool           // nobody waits for it any more
	done     chan struct{}
}

// place is a proof on its way.
type place struct {
	errand *errand
	at     int
}

func (p place) source() string { return p.errand.proofs[p.at].source }

// settle gives a proof its verdict.
func (p place) settle(verdict error) {
	e := p.errand
	e.verdicts[p.at] = verdict
	if verdict != nil {
		if e.failed == nil {
			e.failed = map[string]int{}
		}
		if first, ok := e.failed[p.source()]; !ok || p.at < first {
			e.failed[p.source()] = p.at
		}
	}
	if e.open--; e.open == 0 {
		close(e.done)
	}
}

// vain tells whether the proof came along after one that failed, so that its event is refused whatever it proves.
func (p place) vain() bool {
	first, ok := p.errand.failed[p.source()]
	return ok && first < p.at
}

// suspect is a source that sent a bad proof.
type suspect struct {
	penance int     // how many of its proofs are checked apart after a bad one
	left    int     // how many are left of them; 0: it is trusted again
	waiting []place // in order
}

func newProofChecker(m *metrics) *proofChecker {
	return &proofChecker{
		verify: zkverify.VerifyBatch, now: time.Now, metrics: m, known: map[string]*suspect{},
		most: min(max(foldMin, foldPerCore*runtime.GOMAXPROCS(0)), foldMax),
	}
}

// check gives one verdict on each proof, in order: nil, an error of package zkverify, errUnchecked or errApartFull. It fails
// only where ctx ends before all have one.
func (c *proofChecker) check(ctx context.Context, proofs []sentProof) ([]error, error) {
	if len(proofs) == 0 {
		return nil, nil
	}
	e := &errand{proofs: proofs, verdicts: make([]error, len(proofs)), open: len(proofs), done: make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, e)
	if !c.busy {
		c.busy = true
		c.running.Go(c.run)
	}
	c.mu.Unlock()
	select {
	case <-e.done:
		return e.verdicts, nil
	case <-ctx.Done():
		c.mu.Lock()
		e.left = true
		c.mu.Unlock()
		return nil, ctx.Err()
	}
}

// close waits until nothing is being checked. Nobody may call check any more.
func (c *proofChecker) close() { c.running.Wait() }

// run checks until nothing waits.
func (c *proofChecker) run() {
	for {
		c.gather()
		c.mu.Lock()
		fold := c.nextFold()
		lone, any := c.nextApart()
		c.busy = len(fold) > 0 || any
		c.mu.Unlock()
		switch {
		case len(fold) > 0:
			c.conclude(fold)
		case !any:
			return
		}
		if any {
			c.conclude([]place{lone})
		}
	}
}

// gather yields its turn, again and again while that brings proofs: many requests are under way at the same time where a batch was
// just committed, and the first of them would otherwise be checked alone, which takes as long as a fold of eight.
func (c *proofChecker) gather() {
	begin := c.now()
	for last, n := begin, 0; n < c.most; {
		runtime.Gosched()
		now := c.now()
		c.mu.Lock()
		more := len(c.waiting)
		c.mu.Unlock()
		if more > n {
			n, last = more, now
		}
		if now.Sub(last) > gatherQuiet || now.Sub(begin) > gatherLimit {
			return
		}
	}
}

// conclude checks proofs and says what came of it.
func (c *proofChecker) conclude(fold []place) {
	items := make([]zkverify.Item, len(fold))
	for i, p := range fold {
		items[i] = p.errand.proofs[p.at].item
	}
	verdicts := c.verify(items)
	c.metrics.folds.Observe(float64(len(fold)))
	c.mu.Lock()
	defer c.mu.Unlock()
	offended := map[string]bool{}
	for i, p := range fold {
		switch source := p.source(); {
		case verdicts[i] == nil:
			c.praise(source)
		case !offended[source]: // several bad ones at once are one offence
			offended[source] = true
			c.blame(source)
		}
		p.settle(verdicts[i])
	}
}

// praise brings a suspect nearer to being trusted again.
func (c *proofChecker) praise(source string) {
	if s := c.known[source]; s != nil && s.left > 0 {
		s.left--
	}
}

// blame makes the next proofs of a source be checked apart.
func (c *proofChecker) blame(source string) {
	s := c.known[source]
	if s == nil {
		s = &suspect{penance: penanceFirst / 2}
		c.known[source] = s
	}
	s.penance = min(2*s.penance, penanceMost)
	s.left = s.penance
}

// nextFold takes the proofs of the next fold: at each one's turn as many as all could have, then as many as there is room for.
func (c *proofChecker) nextFold() (fold []place) {
	share := max(1, c.most/max(1, len(c.waiting)))
	for len(fold) < c.most && len(c.waiting) > 0 {
		round := c.waiting
		c.waiting = nil
		for i, e := range round {
			if len(fold) == c.most {
				c.waiting = append(slices.Clone(round[i:]), c.waiting...) // they come before those that had their turn
				break
			}
			fold = c.take(e, fold, min(len(fold)+share, c.most))
			if !e.left && e.next < len(e.proofs) {
				c.waiting = append(c.waiting, e)
			}
		}
	}
	return fold
}

// take adds proofs of an errand to the fold until it has so many, and puts those of suspects aside.
func (c *proofChecker) take(e *errand, fold []place, until int) []place {
	for ; !e.left && e.next < len(e.proofs) && len(fold) < until; e.next++ {
		p := place{e, e.next}
		switch s := c.known[p.source()]; {
		case p.vain():
			p.settle(errUnchecked)
		case s == nil || s.left == 0:
			fold = append(fold, p)
		case len(s.waiting) >= apartEach || c.aside >= apartAll:
			p.settle(errApartFull)
		default:
			if len(s.waiting) == 0 {
				c.apart = append(c.apart, s)
			}
			s.waiting = append(s.waiting, p)
			c.setAside(1)
		}
	}
	return fold
}

// nextApart takes one proof of the suspect whose turn it is.
func (c *proofChecker) nextApart() (place, bool) {
	for len(c.apart) > 0 {
		s := c.apart[0]
		p := s.waiting[0]
		s.waiting = s.waiting[1:]
		c.setAside(-1)
		c.apart = c.apart[1:]
		if len(s.waiting) > 0 {
			c.apart = append(c.apart, s)
		} else {
			s.waiting = nil
		}
		switch e := p.errand; {
		case e.left:
		case p.vain():
			p.settle(errUnchecked)
		default:
			return p, true
		}
	}
	return place{}, false
}

// setAside counts what waits to be checked apart.
func (c *proofChecker) setAside(change int) {
	c.aside += change
	c.metrics.apart.Set(float64(c.aside))
}

// busyApart refuses a proof that was not checked.
func busyApart() *Refusal {
	return &Refusal{Code: Busy, RetryAfter: time.Second, Detail: "proofs of this source were invalid lately, so that its proofs are checked one by one, and too many of them wait; " +
		"send fewer at a time, and verify each proof before you send it"}
}
