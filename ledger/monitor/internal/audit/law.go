// Package audit judges all entries of a log by the law of the log: what its operator's sequencer should have done, a monitor does again.
//
// The law itself is ledger/verify's. Here is what it takes to hold a whole log against it, in the order of its entries, many at a time: signatures
// and proofs on all cores, the rest in sequence. A finding never stops the audit. An entry that its source didn't sign, or had no right
// to, counts as never said; one that breaks another rule keeps its place in its source's numbers, and nothing else.
package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// Rules that an entry can break beside those of package verify.
const (
	RuleMalformed verify.Rule = "malformed"     // the leaf is not canonical, or no event is in it
	RuleLogged    verify.Rule = "logged-back"   // the log's time stepped back
	RuleProof     verify.Rule = "proof-invalid" // the proof doesn't verify
)

// Finding is an entry that breaks a rule.
type Finding struct {
	Index  int64
	Rule   verify.Rule
	Detail string
}

// Config says what an audit stands on.
type Config struct {
	Origin string
	Dir    string // for the files "events" and "digests"
	// Root is the root of the log's tree of a size, up to the entries that are being judged.
	Root func(size int64) ([32]byte, error)
	// Unproven leaves out the proofs, to measure the rest.
	Unproven bool
}

// State is what an audit must be told to go on: what its files don't say themselves.
type State struct {
	Size    int64                   `json:"size"`
	Logged  int64                   `json:"logged"`          // the log's last time
	Chains  map[string]verify.Chain `json:"chains"`          // of all sources
	Events  int64                   `json:"events"`          // bytes of the file
	Digests uint32                  `json:"digestsChecksum"` // CRC-32C of the file
}

// Law is a log's history as far as it was judged. Not safe for concurrent use. After an error its state is unknown: open it anew.
type Law struct {
	cfg      Config
	size     int64
	logged   int64
	registry *verify.Registry
	chains   map[string]verify.Chain
	touched  map[string]bool // sources whose chains changed since Changed was called
	runs     map[event.Digest]verify.Progress
	attested map[event.Digest]verify.Attested
	events   *events
	digests  *digests

	keys       map[event.Digest]*zkverify.VerifyingKey
	statements map[event.Digest]*statement.Statement
}

// Open goes on where an audit was committed; with the zero State it begins.
func Open(cfg Config, s State) (*Law, error) {
	l := &Law{cfg: cfg, size: s.Size, logged: s.Logged, chains: s.Chains, touched: map[string]bool{},
		registry: verify.NewRegistry(cfg.Origin), runs: map[event.Digest]verify.Progress{}, attested: map[event.Digest]verify.Attested{},
		keys: map[event.Digest]*zkverify.VerifyingKey{}, statements: map[event.Digest]*statement.Statement{}}
	if l.chains == nil {
		l.chains = map[string]verify.Chain{}
	}
	var err error
	if l.digests, err = openDigests(cfg.Dir, s.Size, s.Digests); err != nil {
		return nil, err
	}
	if l.events, err = openEvents(cfg.Dir, s.Events, l.apply); err != nil {
		return nil, errors.Join(err, l.digests.file.Close())
	}
	return l, nil
}

// Close lets go of the files.
func (l *Law) Close() error { return errors.Join(l.events.file.Close(), l.digests.file.Close()) }

// Sync makes the files durable.
func (l *Law) Sync() error {
	if err := l.events.file.Sync(); err != nil {
		return err
	}
	return l.digests.file.Sync()
}

// State is what there is to commit, the chains of all sources included. It shares the map.
func (l *Law) State() State {
	return State{Size: l.size, Logged: l.logged, Chains: l.chains, Events: l.events.file.Len(), Digests: l.digests.sum}
}

// Changed is State with those chains alone that changed since it was last called.
func (l *Law) Changed() State {
	s := l.State()
	s.Chains = make(map[string]verify.Chain, len(l.touched))
	for name := range l.touched {
		s.Chains[name] = l.chains[name]
	}
	clear(l.touched)
	return s
}

// Registry is who may say what, as of the last entry. It must not be changed.
func (l *Law) Registry() *verify.Registry { return l.registry }

// opened is an entry on its way through the audit.
type opened struct {
	*verify.Entry
	leaf []byte
	err  error // of opening it
	sign error // of its signature, or of who signed it
	law  error // of the registry's judgement
}

// Judged is what came of some entries.
type Judged struct {
	Entries  []*verify.Entry // nil where one is malformed
	Findings []Finding       // in the order of the log
	Proofs   int             // how many were checked
}

// Judge judges the next entries, by their leaves.
func (l *Law) Judge(ctx context.Context, leaves [][]byte) (*Judged, error) {
	all := make([]opened, len(leaves))
	each(len(all), func(i int) {
		all[i].leaf = leaves[i]
		all[i].Entry, all[i].err = verify.OpenEntry(l.size+int64(i), leaves[i])
	})
	j := &judging{Law: l, ctx: ctx, first: l.size, all: all, Judged: Judged{Entries: make([]*verify.Entry, len(all))}}
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && !all[to].changes() {
			to++
		}
		// Up to there the registry stays as it is, so that any number of goroutines may ask it.
		part := all[from:to]
		each(len(part), func(i int) { l.identify(&part[i]) })
		if to < len(all) {
			to++
		}
		for i := from; i < to; i++ {
			if all[i].changes() {
				l.identify(&all[i])
			}
			if err := j.settle(i); err != nil {
				return nil, err
			}
		}
		from = to
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if err := j.prove(); err != nil {
		return nil, err
	}
	l.size += int64(len(all))
	return &j.Judged, nil
}

func (o *opened) changes() bool { return o.err == nil && verify.Changes(o.Event.Kind()) }

// identify checks an entry's signature under the key that its source has, and what the source may say.
func (l *Law) identify(o *opened) {
	if o.err != nil {
		return
	}
	envelope := &o.Leaf.Envelope
	key, err := l.registry.Signer(o.Event, envelope.KeyID)
	if err == nil {
		if err = envelope.Verify(key); err != nil {
			err = &verify.Violation{Rule: verify.RuleSignature, Detail: err.Error()}
		}
	}
	if o.sign = err; err == nil {
		o.law = l.registry.Judge(o.Index, o.Event, envelope.KeyID)
	}
}

// apply records a lawful entry, when it is judged and when it is read back.
func (l *Law) apply(e *verify.Entry) {
	l.registry.Apply(e.Index, e.Event, e.Leaf.Envelope.KeyID)
	switch c := e.Event.Claims.(type) {
	case *event.TrainingRunClaims:
		l.runs[e.Digest] = verify.NewProgress(c)
	case *event.TrainingStepClaims:
		l.runs[c.Run] = l.runs[c.Run].After(c)
	case *event.AttestationClaims:
		have, ok := l.attested[c.Event]
		if !ok {
			have = verify.Unattested()
		}
		l.attested[c.Event] = have.After(c, e.Index)
	}
}

// each runs f for 0 to n−1, on all cores where there is much.
func each(n int, f func(i int)) {
	const chunk = 16
	var next atomic.Int64
	work := func() {
		for {
			to := int(next.Add(chunk))
			if to-chunk >= n {
				return
			}
			for i := to - chunk; i < min(to, n); i++ {
				f(i)
			}
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+chunk-1)/chunk) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// violation says which rule an error of the law's is about.
func violation(err error) (verify.Rule, string) {
	var v *verify.Violation
	if errors.As(err, &v) {
		return v.Rule, v.Detail
	}
	return RuleMalformed, err.Error()
}

// key finds a registered statement's verifying key, parsed once.
func (l *Law) key(s *verify.StatementState) (*zkverify.VerifyingKey, *statement.Statement, error) {
	if vk := l.keys[s.ID]; vk != nil {
		return vk, l.statements[s.ID], nil
	}
	known, err := statement.Registered(s.Claims)
	if err != nil {
		return nil, nil, err
	}
	vk, err := zkverify.ParseVerifyingKey(s.Claims.VerifyingKey)
	if err != nil {
		return nil, nil, fmt.Errorf("the verifying key of statement %s can't be used: %w", s.ID, err)
	}
	l.keys[s.ID], l.statements[s.ID] = vk, &known
	return vk, &known, nil
}
