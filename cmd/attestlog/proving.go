package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/access"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/statement"
)

// provingFlags say where the secrets and the keys lie that a proof takes.
type provingFlags struct {
	dataset, keys string
}

func (p *provingFlags) bind(fs *flag.FlagSet) {
	fs.StringVar(&p.dataset, "dataset", "", "the data set's secrets, a `file` that attestlog dataset commit wrote")
	fs.StringVar(&p.keys, "keys", "", "the `directory` where proving keys are kept once they are fetched (default in the user's cache directory)")
}

// readDataset reads the data set's secrets.
func (p *provingFlags) readDataset(ctx context.Context, t *terminal) (*dataset.Dataset, error) {
	f, err := openSecret(p.dataset)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, err := dataset.ReadSecrets(ctx, f, t.datasetProgress())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.dataset, err)
	}
	return d, nil
}

func (p *provingFlags) store() (*keys.Store, error) {
	dir := p.keys
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, misuse("--keys is missing, and there is no cache directory to use instead: %w", err)
		}
		dir = filepath.Join(cache, "attestlog", "keys")
	}
	return keys.OpenStore(dir)
}

// proving is all that it takes to prove accesses to one data set.
type proving struct {
	list    *access.List
	secrets *dataset.Dataset
	entry   *event.Event // the data set's, as the log has it
	prover  *access.Prover
}

// datasetEntry fetches the entry of a data set and makes sure that it commits to the one that is at hand.
func datasetEntry(ctx context.Context, r *remote, ref reference, d *dataset.Dataset) (*verify.Entry, error) {
	_, entry, err := r.entry(ctx, ref)
	if err != nil {
		return nil, err
	}
	claims, ok := entry.Event.Claims.(*event.DatasetClaims)
	if !ok {
		return nil, fmt.Errorf("entry %d is an event of kind %s, not a data set", entry.Index, entry.Event.Kind())
	}
	logged, err := statement.Dataset(claims)
	if err != nil {
		return nil, err
	}
	own, err := d.Commitment()
	if err != nil {
		return nil, err
	}
	if logged != own {
		return nil, fmt.Errorf("entry %d commits to another data set than these secrets open", entry.Index)
	}
	return entry, nil
}

// prepare gets a statement's keys ready. It never makes any: a key comes from the log, and is the one that the statement's entry names.
func prepare(ctx context.Context, t *terminal, r *remote, p *provingFlags, s statement.Statement) (*access.Prover, error) {
	registered, err := findStatement(ctx, r, s.Name)
	if err != nil {
		return nil, err
	}
	if registered.Claims.Setup == event.SetupOneParty {
		t.warn("the keys of %s come from a %s; whoever ran it could forge proofs", s.Name, verify.SetupWords(event.SetupOneParty))
	}
	store, err := p.store()
	if err != nil {
		return nil, err
	}
	var ccs constraint.ConstraintSystem
	if err := t.during("compiling the circuit", 2*time.Second, func() (err error) {
		ccs, err = access.Compile(registered.Claims)
		return err
	}); err != nil {
		return nil, err
	}
	if !access.HasKey(store, registered.Claims) {
		if err := fetchKey(ctx, t, r, store, ccs, registered); err != nil {
			return nil, err
		}
	}
	prover, err := load(t, store, ccs, registered)
	if errors.Is(err, keys.ErrCorrupt) {
		t.warn("the keys of %s that were kept here are damaged, and are fetched again", s.Name)
		if err := fetchKey(ctx, t, r, store, ccs, registered); err != nil {
			return nil, err
		}
		prover, err = load(t, store, ccs, registered)
	}
	return prover, err
}

func load(t *terminal, store *keys.Store, ccs constraint.ConstraintSystem, s *client.Statement) (prover *access.Prover, err error) {
	err = t.during("loading the proving key", time.Second, func() error {
		prover, err = access.NewProver(store, ccs, s.Claims)
		return err
	})
	return prover, err
}

// findStatement finds the newest statement of a name that stands, and makes sure that the log's operator registered it.
func findStatement(ctx context.Context, r *remote, name string) (*client.Statement, error) {
	all, err := r.Statements(ctx)
	if err != nil {
		return nil, err
	}
	var found *client.Statement
	for _, s := range all {
		if s.Claims.Name == name && s.Status == "active" {
			found = s
		}
	}
	if found == nil {
		return nil, fmt.Errorf("the log has no statement %s that stands: its operator registers statements with attestlogd init", name)
	}
	ev, err := r.gather(ctx, reference{index: found.Registration.Index})
	if err != nil {
		return nil, err
	}
	if _, err := ev.Verify(r.Key()); err != nil {
		return nil, &failure{exitUnverified, fmt.Errorf("the registration of %s does not hold: %w", name, err)}
	}
	return found, nil
}

func fetchKey(ctx context.Context, t *terminal, r *remote, store *keys.Store, ccs constraint.ConstraintSystem, s *client.Statement) error {
	body, err := r.ProvingKey(ctx, s, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	b := t.bar("fetching the proving key", s.Claims.ProvingKeySize)
	defer b.end()
	return access.AddKey(ctx, store, &counted{r: body, report: b.set}, ccs, s.Claims)
}

// counted reports how much was read.
type counted struct {
	r      io.Reader
	n      int64
	report func(int64)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.report(c.n)
	return n, err
}

// prove proves an event that is complete.
func (p *proving) prove(ctx context.Context, t *terminal, e *event.Event) (proof []byte, err error) {
	estimate := time.Duration(p.list.Statement.Capacity) * 50 * time.Millisecond
	err = t.during("proving", estimate, func() error {
		proof, err = p.prover.Prove(ctx, e, p.list, p.secrets, p.entry)
		return err
	})
	return proof, untrue(err)
}

// untrue gives an error that says that claims are not true its exit code.
func untrue(err error) error {
	var u *access.Untrue
	var v *statement.Violation
	var out *statement.RangeError
	if errors.As(err, &u) || errors.As(err, &v) || errors.As(err, &out) {
		return &failure{exitUntrue, fmt.Errorf("there is no proof of this, because it isn't true: %w", err)}
	}
	return err
}
