package worker_test

import (
	"context"
	"strings"
	"testing"

	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/worker"
)

// Keys from a ceremony are fetched and taken on like others, and what the store says of them is what the log says.
func TestTakesOnKeysOfACeremony(t *testing.T) {
	w := startLive(t)
	transcript := event.Digest{7}
	access := w.statement("data-access-16", func(c *event.StatementClaims) { c.Setup, c.Transcript = event.SetupCeremony, transcript })
	data, built, schema := w.dataset()
	claims, known := w.access(data, built, schema, 16, 1)
	store, err := keys.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w.work("prover/1", func(c *worker.Config) { c.Store = store })
	w.proven(w.deferred(claims, access, w.seal(known)))
	if m, err := store.Manifest(access); err != nil || m.Setup != event.SetupCeremony || m.Transcript != transcript {
		t.Errorf("the store has %+v, %v", m, err)
	}
}

// Statements that come while the worker runs are taken on. Under those that are revoked nothing more is proven, and what waits is refused:
// it would wait for ever, and its witness with it.
func TestStatementsComeAndGo(t *testing.T) {
	w := startLive(t)
	r := w.work("prover/1")
	w.proven(w.someVersion())
	access := w.statement("data-access-16")
	data, built, schema := w.dataset()
	claims, known := w.access(data, built, schema, 16, 1)
	w.proven(w.deferred(claims, access, w.seal(known)))
	waiting := w.someVersion()
	w.proven(waiting)
	w.say("operator/1", &event.StatementClaims{Action: event.StatementRevoke, Statement: w.model}, nil)
	until(t, "the statement is let go of", func() bool { return strings.Contains(r.said.String(), "it was revoked") })
	w.proven(w.deferred(claims, access, w.seal(known)))
}

// A statement is revoked while no worker runs: the next one refuses what waits, without keys and without opening the witness.
func TestWhatWaitsUnderARevokedStatementIsRefused(t *testing.T) {
	w := startLive(t)
	waiting := w.someVersion()
	w.say("operator/1", &event.StatementClaims{Action: event.StatementRevoke, Statement: w.model}, nil)
	w.work("prover/1", func(c *worker.Config) { c.Prover = noProver{} })
	if a := w.attested(waiting); a.Outcome != event.OutcomeRefused || a.Reason != event.ReasonStatementRevoked {
		t.Errorf("what waited was attested with %+v", a)
	}
}

// noProver must not be asked.
type noProver struct{}

func (noProver) Prove(context.Context, *keys.Keys, frontend.Circuit) ([]byte, error) {
	panic("something was proven")
}

// A worker says what it takes on and what not and why, and never takes a job of what it doesn't.
func TestTakesOnWhatFits(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*worker.Config)
		why    string
	}{
		{"memory", func(c *worker.Config) { c.Memory = worker.NeedOf(20000, 10<<20).Total() }, "it takes"},
		{"a list", func(c *worker.Config) { c.Statements = []string{"model-version"} }, "it is not among --statements"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := startLive(t)
			access := w.statement("data-access-16")
			data, built, schema := w.dataset()
			claims, known := w.access(data, built, schema, 16, 1)
			large := w.deferred(claims, access, w.seal(known))
			r := w.work("prover/1", tc.change)
			w.proven(w.someVersion())
			w.proven(w.someVersion())
			if len(w.attestations(large)) != 0 || w.jobs("available") != 1 {
				t.Error("a job was taken that the worker isn't made for")
			}
			if said := r.said.String(); !strings.Contains(said, `msg="doesn't take on a statement" statement=data-access-16`) || !strings.Contains(said, tc.why) {
				t.Error("the worker didn't say why it leaves something")
			}
			w.work("prover/2")
			w.proven(large)
		})
	}
	if _, err := worker.New(worker.Config{Memory: worker.Base}); err == nil {
		t.Error("a worker works without memory")
	}
}
