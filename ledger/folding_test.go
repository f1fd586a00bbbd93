package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
	"github.com/attestlog/attestlog/prover/zkverify/simulate"
)

// attested is a log with many services whose accesses are proven by whoever kept the set-up's secrets: valid proofs, by the hundred.
type attested struct {
	*world
	data  event.Digest
	s     statement.Statement
	setup *simulate.Setup
	// checks has what was checked together, as how many proofs and how many of them were bad.
	mu     sync.Mutex
	checks [][2]int
	held   chan struct{} // told by each check that waits
	hold   chan struct{} // each check waits until it is closed; nil: none waits
}

func newAttested(t *testing.T, services int) *attested {
	w := &attested{world: newWorld(t), held: make(chan struct{}, 100)}
	w.data = w.found()
	var err error
	if w.s, err = statement.ByName("data-access-16"); err != nil {
		t.Fatal(err)
	}
	if w.setup, err = simulate.New([]byte(t.Name()), len(w.s.Inputs)); err != nil {
		t.Fatal(err)
	}
	d := event.DigestOf([]byte("a file"))
	subs := []*event.Submission{w.say("op/1", 'o', &event.StatementClaims{Action: event.StatementRegister, ConstraintSystem: d, Constraints: 1000,
		Proves: event.DataAccess, Name: w.s.Name, ProvingKey: d, ProvingKeySize: 1000, Setup: event.SetupOneParty, VerifyingKey: w.setup.VerifyingKey().Bytes()})}
	for i := range services {
		subs = append(subs, w.say("op/1", 'o', register(service(i), byte(150+i), event.RoleService)))
	}
	w.must(subs...)
	w.log.WatchProofs(func(items []zkverify.Item, check func([]zkverify.Item) []error) []error {
		w.mu.Lock()
		hold := w.hold
		w.mu.Unlock()
		if hold != nil {
			w.held <- struct{}{}
			<-hold
		}
		verdicts := check(items)
		bad := 0
		for _, err := range verdicts {
			if err != nil {
				bad++
			}
		}
		w.mu.Lock()
		w.checks = append(w.checks, [2]int{len(items), bad})
		w.mu.Unlock()
		return verdicts
	})
	return w
}

func service(i int) string { return fmt.Sprintf("service/%d", i) }

// access is a service's next event with its proof. bad: with the proof of another event.
func (w *attested) access(i int, bad bool) *event.Submission {
	w.t.Helper()
	e := w.draft(service(i), claim(w.data, 3))
	e.Proof, e.Statement = event.ProofInline, w.setup.VerifyingKey().Digest()
	chain, known := w.chains[e.Source]
	sub := w.sign(e, byte(150+i))
	public, err := w.s.Public(e, sub.Envelope.Digest(), one{smallDataset().claims})
	if err != nil {
		w.t.Fatal(err)
	}
	if bad {
		public[0] = event.Element{31: 9}
		delete(w.chains, e.Source) // it never happened
		if known {
			w.chains[e.Source] = chain
		}
	}
	if sub.Proof, err = w.setup.Prove(public); err != nil {
		w.t.Fatal(err)
	}
	return sub
}

func (w *attested) submit(sub *event.Submission) ledger.Outcome {
	return w.log.Submit(context.Background(), []*event.Submission{sub})[0]
}

// Of 64 proofs that come at the same time, each with a request of its own, one is bad: it costs its sender, and not the others.
func TestOneBadProofAmong64(t *testing.T) {
	const n, liar = 64, 41
	w := newAttested(t, n+1)
	subs := make([]*event.Submission, n)
	for i := range subs {
		subs[i] = w.access(i, i == liar)
	}
	first := w.access(n, false)
	w.hold = make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { w.check(first, w.submit(first).Receipt) })
	<-w.held
	outcomes := make([]ledger.Outcome, n)
	for i, sub := range subs {
		wg.Go(func() { outcomes[i] = w.submit(sub) })
	}
	until(t, "all the others wait", func() bool { return w.log.WaitingProofs() >= n })
	close(w.hold)
	wg.Wait()
	for i, o := range outcomes {
		switch {
		case i == liar && (o.Refusal == nil || o.Refusal.Code != ledger.ProofInvalid || o.Refusal.Check != "groth16"):
			t.Errorf("the bad proof got in, or was refused with %v", o.Refusal)
		case i != liar && o.Refusal != nil:
			t.Errorf("event %d was refused with %v, for the sake of another's", i, o.Refusal)
		case i != liar:
			w.check(subs[i], o.Receipt)
		}
	}
	if want := [][2]int{{1, 0}, {n, 1}}; !slices.Equal(w.checks, want) {
		t.Errorf("proofs were checked as %v (how many, bad ones), want %v", w.checks, want)
	}
}

// A source floods the log with bad proofs while others go about their work. Nobody waits longer for it than for one proof a fold, once it
// is found out. That is counted, and not timed.
func TestFloodOfBadProofsFromOneSource(t *testing.T) {
	const honest, each, evil = 8, 6, 8
	w := newAttested(t, honest+1)
	subs := make([][]*event.Submission, honest)
	for i := range subs {
		for range each {
			subs[i] = append(subs[i], w.access(i, false))
		}
	}
	garbage := w.access(evil, true) // it has the right number, so that only its proof is wrong
	if o := w.submit(garbage); o.Refusal == nil || o.Refusal.Code != ledger.ProofInvalid {
		t.Fatalf("the bad proof got in, or was refused with %v", o.Refusal)
	}
	var flood, work sync.WaitGroup
	var over atomic.Bool
	for range 24 {
		flood.Go(func() {
			for !over.Load() {
				if o := w.submit(garbage); o.Refusal == nil || o.Refusal.Code != ledger.ProofInvalid {
					t.Errorf("a bad proof got in, or was refused with %v", o.Refusal)
				}
			}
		})
	}
	for i := range subs {
		work.Go(func() {
			for _, sub := range subs[i] {
				o := w.submit(sub)
				if o.Refusal != nil {
					t.Errorf("an honest event was refused with %v", o.Refusal)
					return
				}
				w.check(sub, o.Receipt)
			}
		})
	}
	work.Wait()
	over.Store(true)
	flood.Wait()
	good, alone := 0, 0
	for _, check := range w.checks {
		proofs, bad := check[0], check[1]
		switch {
		case bad == 0:
			good += proofs
		case bad != 1 || proofs != 1:
			t.Errorf("%d bad proofs were checked together with %d good ones", bad, proofs-bad)
		default:
			alone++
		}
	}
	if good != honest*each {
		t.Errorf("%d good proofs were checked, want %d", good, honest*each)
	}
	t.Logf("%d checks: %d good proofs, and %d bad ones apart", len(w.checks), good, alone)
}

// Who gives up while the proof waits gets an answer at once, and the log is as before.
func TestGivingUpOnAProof(t *testing.T) {
	w := newAttested(t, 2)
	first, second := w.access(0, false), w.access(1, false)
	w.hold = make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { w.check(first, w.submit(first).Receipt) })
	<-w.held
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	o := w.log.Submit(ctx, []*event.Submission{second})[0]
	if o.Refusal == nil || o.Refusal.Code != ledger.Unavailable || !errors.Is(o.Refusal, context.DeadlineExceeded) {
		t.Errorf("who gave up got %v", o.Refusal)
	}
	close(w.hold)
	wg.Wait()
	w.must(second)
}
