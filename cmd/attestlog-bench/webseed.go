package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"filippo.io/age"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
)

// Who speaks in the log that the viewer shows, and about what.
const (
	shownServices = 40
	shownSystems  = 20 // each with a data set, its release, a training run, an approval and a model
	shownSteps    = 128
	shownDays     = 90 // that the log seems to have run for
	shownWriters  = 4
	oneInProven   = 16  // of the accesses
	oneInDeferred = 512 // a third of which is proven later, and a third refused
)

// shown is a log such as the viewer shows after some months: many small events of many services, and what they rest on.
type shown struct {
	*server
	attester *attester
	services []*chain
	prover   *chain
	systems  []shownSystem
	digests  []event.Digest // of some events
	behind   atomic.Int64   // how far the log's clock is behind, in nanoseconds

	mu       sync.Mutex
	deferred []*event.Submission
}

// shownSystem is an AI system with its history.
type shownSystem struct {
	name         string
	raw, model   event.Digest
	dataset      int64 // entry
	modelVersion int64 // entry
}

// now is the log's clock.
func (s *shown) now() time.Time { return time.Now().Add(-time.Duration(s.behind.Load())) }

// say logs events of one source, and gives their indices.
func (s *shown) say(ctx context.Context, from *chain, events ...event.Event) ([]int64, error) {
	var subs []*event.Submission
	for _, e := range events {
		sub, err := from.next(e)
		if err != nil {
			return nil, err
		}
		subs = append(subs, sub)
	}
	var indices []int64
	for _, o := range s.ledger.Submit(ctx, subs) {
		if o.Refusal != nil {
			return nil, fmt.Errorf("couldn't fill the log: %w", o.Refusal)
		}
		indices = append(indices, o.Receipt.Index)
	}
	return indices, nil
}

// fill writes so many entries.
func (s *shown) fill(ctx context.Context, r *report, entries int64) error {
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // it can't fail
	var err error
	if s.attester, err = newAttester(seed); err != nil {
		return err
	}
	named := func(number int, format string) *chain {
		c := newChain(s.load.Origin, seed, number)
		c.source = fmt.Sprintf(format, number)
		return c
	}
	controller, lab, board := named(1001, "bank-%d/records"), named(1002, "lab-%d/trainer"), named(1003, "board-%d/secretary")
	s.prover = named(1004, "prover-%d/1")
	first := []event.Event{controller.register(event.RoleController), lab.register(event.RoleService), board.register(event.RoleService), s.attester.register()}
	for i := range shownServices {
		s.services = append(s.services, named(i, "scoring-gateway/eu-west-%d"))
		first = append(first, s.services[i].register(event.RoleService))
	}
	registration, err := s.registerProver()
	if err != nil {
		return err
	}
	if _, err := s.say(ctx, s.operator, append(first, registration)...); err != nil {
		return err
	}
	for i := range shownSystems {
		if err := s.system(ctx, i, controller, lab, board); err != nil {
			return err
		}
	}
	if err := s.work(ctx, r, entries); err != nil {
		return err
	}
	return s.attest(ctx)
}

// registerProver registers a proving worker that never works.
func (s *shown) registerProver() (event.Event, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return event.Event{}, fmt.Errorf("couldn't make an identity: %w", err)
	}
	request := keyfile.NewProverRequest(s.load.Origin, s.prover.source, s.prover.key, nil, identity.Recipient().String())
	e := s.prover.register(event.RoleProver)
	claims := e.Claims.(*event.SourceClaims)
	claims.Recipient, claims.Consent = request.Recipient, request.Consent
	return e, nil
}

// system writes the history of an AI system, from raw data to the served model. Its proofs are left out: they take the reader no longer than
// those of accesses.
func (s *shown) system(ctx context.Context, number int, controller, lab, board *chain) error {
	sys := shownSystem{name: fmt.Sprintf("credit-scoring-%02d", number)}
	subject := event.Subject{Name: sys.name, Digest: event.DigestOf([]byte(sys.name))}
	raw := loadDataset()
	raw.Root[31] = byte(number + 1)
	released := sampleDataset(event.Element{30: 1, 31: byte(number + 1)})
	at, err := s.say(ctx, controller, event.Event{Subject: event.Subject{Name: sys.name + " applications", Digest: event.DigestOf([]byte("raw " + sys.name))}, Claims: raw})
	if err != nil {
		return err
	}
	sys.raw, sys.dataset = controller.prev, at[0]
	if _, err = s.say(ctx, controller, event.Event{Subject: event.Subject{Name: sys.name + " release", Digest: event.DigestOf([]byte("released " + sys.name))}, Claims: released}); err != nil {
		return err
	}
	release := controller.prev
	weights := func(step int) (w event.Element) {
		binary.BigEndian.PutUint32(w[20:], uint32(number+1))
		binary.BigEndian.PutUint32(w[28:], uint32(step+1))
		return w
	}
	chunks := event.Event{Subject: subject, Claims: &event.AnonymizationClaims{ChunkRows: 1024, Dataset: sys.raw, Released: release, K: 5, Diversity: 2, Suppressed: 11, Hierarchy: event.Element{31: 9}}}
	if _, err = s.say(ctx, controller, chunks); err != nil {
		return err
	}
	run := event.Event{Subject: subject, Claims: &event.TrainingRunClaims{Batch: 32, Dataset: release, Features: []event.Feature{{Column: "c00", Scale: 1 << 14}}, Label: event.Label{Column: "c01", Positive: 1},
		LearningRate: 6553, Steps: shownSteps, Weights: weights(0)}}
	if _, err = s.say(ctx, lab, run); err != nil {
		return err
	}
	runDigest := lab.prev
	var steps []event.Event
	for i := range shownSteps {
		steps = append(steps, event.Event{Subject: subject, Claims: &event.TrainingStepClaims{Run: runDigest, Step: int64(i + 1), Before: weights(i), After: weights(i + 1)}})
	}
	if _, err = s.say(ctx, lab, steps...); err != nil {
		return err
	}
	lastStep := lab.prev
	if _, err = s.say(ctx, board, event.Event{Subject: subject, Claims: &event.ApprovalClaims{Releases: event.Element{31: byte(number + 1)}}}); err != nil {
		return err
	}
	served := event.Event{Subject: subject, Claims: &event.ModelVersionClaims{Approval: board.prev, Configuration: event.Element{31: 1}, Version: "2026.11", Run: runDigest, Step: lastStep, Weights: weights(shownSteps)}}
	service := s.services[number%len(s.services)]
	if at, err = s.say(ctx, service, served); err != nil {
		return err
	}
	sys.modelVersion, sys.model = at[0], service.prev
	s.systems = append(s.systems, sys)
	return nil
}

// work fills the log with accesses, day by day: some proven, a few with their proofs deferred.
func (s *shown) work(ctx context.Context, r *report, entries int64) error {
	left := entries - s.systems[len(s.systems)-1].modelVersion - 1
	var done atomic.Int64
	var writing sync.WaitGroup
	failed := make([]error, shownWriters)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for w := range shownWriters {
		var mine []*chain
		for i := w; i < len(s.services); i += shownWriters {
			mine = append(mine, s.services[i])
		}
		writing.Go(func() {
			for n := int64(w); done.Load() < left && failed[w] == nil; n += shownWriters {
				batch, err := s.batch(mine, n)
				if err == nil {
					err = s.submit(ctx, batch)
				}
				if failed[w] = err; err != nil {
					cancel()
				}
				at := done.Add(int64(len(batch)))
				s.behind.Store(int64(shownDays * 24 * float64(time.Hour) * max(0, 1-float64(at)/float64(left))))
				if before := at - int64(len(batch)); before*10/left != at*10/left {
					r.progress("filling a log: %d of %d entries", at, left)
				}
			}
		})
	}
	writing.Wait()
	s.behind.Store(0)
	return firstError(failed)
}

// batch is the n-th one of a writer.
func (s *shown) batch(from []*chain, n int64) (batch []*event.Submission, err error) {
	for i := range bulkSize {
		number := n*bulkSize + int64(i)
		source, system := from[i%len(from)], s.systems[number%shownSystems]
		e := access(s.systems[0].raw) // the set-up knows this data set's commitment
		e.Subject = event.Subject{Name: system.name, Digest: event.DigestOf([]byte(system.name))}
		e.Purpose = fmt.Sprintf("application %d", number)
		var sub *event.Submission
		switch {
		case number%oneInDeferred == 1:
			sub, err = s.attester.deferred(source, e)
			s.mu.Lock()
			s.deferred = append(s.deferred, sub)
			s.mu.Unlock()
		case number%oneInProven == 2:
			sub, _, err = s.attester.proveEvent(source, e)
		default:
			sub, err = source.next(e)
		}
		if err != nil {
			return nil, err
		}
		batch = append(batch, sub)
	}
	s.mu.Lock()
	s.digests = append(s.digests, batch[len(batch)/2].Envelope.Digest())
	s.mu.Unlock()
	return batch, nil
}

// attest proves a third of what was deferred, and refuses another.
func (s *shown) attest(ctx context.Context) error {
	for some := range slices.Chunk(s.deferred, 300) {
		var late []event.Event
		for i, sub := range some {
			e, err := sub.Envelope.Open()
			if err != nil {
				return err
			}
			claims := &event.AttestationClaims{Event: sub.Envelope.Digest(), Outcome: event.OutcomeRefused, Reason: "unsatisfied"}
			if i%3 == 0 {
				claims.Outcome, claims.Reason = event.OutcomeProven, ""
				if claims.Proof, _, err = s.attester.proofOf(e, sub.Envelope.Digest()); err != nil {
					return err
				}
			}
			if i%3 < 2 {
				late = append(late, event.Event{Subject: e.Subject, Claims: claims})
			}
		}
		if _, err := s.say(ctx, s.prover, late...); err != nil {
			return err
		}
	}
	return nil
}
