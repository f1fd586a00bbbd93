package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/access"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/proving"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/statement"
)

// provingFlags say where the secrets and the keys lie that a proof takes.
type provingFlags struct {
	dataset, keys string
}

func (p *provingFlags) bind(fs *flag.FlagSet) {
	fs.StringVar(&p.dataset, "dataset", "", "the data set's secrets, a `file` that attestlog dataset commit wrote")
	p.bindKeys(fs)
}

func (p *provingFlags) bindKeys(fs *flag.FlagSet) {
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

// prover makes the proofs that this command needs.
func (p *provingFlags) prover(t *terminal, r *remote) (*proving.Prover, error) {
	store, err := p.store()
	if err != nil {
		return nil, err
	}
	return proving.New(r, store, watcher{t}), nil
}

// Verify makes a remote a proving.Log: what an entry says is relied on once all the evidence for it holds.
func (r *remote) Verify(ctx context.Context, index int64) error {
	ev, err := r.gather(ctx, reference{index: index})
	if err != nil {
		return err
	}
	if _, err := ev.Verify(r.Key()); err != nil {
		return &failure{exitUnverified, fmt.Errorf("entry %d does not hold: %w", index, err)}
	}
	return nil
}

// watcher shows a prover's steps on a terminal.
type watcher struct{ t *terminal }

func (w watcher) During(what string, estimate time.Duration, f func() error) error {
	return w.t.during(what, estimate, f)
}

func (w watcher) Fetching(what string, total int64) (report func(int64), end func()) {
	b := w.t.bar(what, total)
	return b.set, b.end
}

func (w watcher) Warn(format string, args ...any) { w.t.warn(format, args...) }

func (w watcher) Untrusted(statement string, setup event.Setup) {
	if words := w.t.relyOn(statement, setup); words != "" {
		w.t.warn("%s", words)
	}
}

// untrue gives an error that says that claims are not true its exit code.
func untrue(err error) error {
	var known *failure
	if errors.As(err, &known) {
		return err // it has its exit code
	}
	if errors.Is(err, circuit.ErrFalse) {
		return &failure{exitUntrue, fmt.Errorf("there is no proof of this: %w", err)}
	}
	var u *access.Untrue
	var v *statement.Violation
	var out *statement.RangeError
	if errors.As(err, &u) || errors.As(err, &v) || errors.As(err, &out) || errors.Is(err, statement.ErrNotApproved) {
		return &failure{exitUntrue, fmt.Errorf("there is no proof of this, because it isn't true: %w", err)}
	}
	return err
}
