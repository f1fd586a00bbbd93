package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/cmd/internal/progress"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/statement"
)

// setup makes the keys of statements, or finds them where an earlier set-up left them.
type setup struct {
	dir      string // the log's own store of keys
	cache    string // a store shared between logs; empty for none
	progress io.Writer
	logger   *slog.Logger
}

// run returns what the log's entry says of a statement whose keys are in the log's own store.
func (s setup) run(ctx context.Context, st statement.Statement) (*event.StatementClaims, error) {
	own, err := keys.OpenStore(s.dir)
	if err != nil {
		return nil, err
	}
	c, err := circuit.For(st)
	if err != nil {
		return nil, err
	}
	ccs, err := c.Compile()
	if err != nil {
		return nil, err
	}
	// An init that was interrupted may have left keys that no entry names yet: they are as good as new ones.
	manifest, err := own.Find(st.Name, ccs)
	if errors.Is(err, keys.ErrNotFound) {
		manifest, err = s.obtain(ctx, own, st, ccs)
	}
	if err != nil {
		return nil, err
	}
	vk, err := own.VerifyingKey(manifest.Digest())
	if err != nil {
		return nil, err
	}
	return registrationOf(st.Proves, manifest, vk.Bytes()), nil
}

// obtain takes keys from the cache, or makes new ones, and puts them into the log's own store.
func (s setup) obtain(ctx context.Context, own *keys.Store, st statement.Statement, ccs constraint.ConstraintSystem) (*keys.Manifest, error) {
	if s.cache == "" {
		made, err := s.make(ctx, st, ccs)
		if err != nil {
			return nil, err
		}
		return own.Put(st.Name, made, time.Now())
	}
	cache, err := keys.OpenStore(s.cache)
	if err != nil {
		return nil, err
	}
	cached, err := cache.Find(st.Name, ccs)
	if errors.Is(err, keys.ErrNotFound) {
		var made *keys.Keys
		if made, err = s.make(ctx, st, ccs); err == nil {
			cached, err = cache.Put(st.Name, made, time.Now())
		}
	}
	if err != nil {
		return nil, err
	}
	return own.Copy(ctx, cache, cached.Digest(), ccs)
}

// make runs a one-party set-up.
func (s setup) make(ctx context.Context, st statement.Statement, ccs constraint.ConstraintSystem) (*keys.Keys, error) {
	s.logger.Info("setting up a statement", "name", st.Name, "constraints", ccs.GetNbConstraints())
	report, done := progress.Bar(s.progress, "set-up of "+st.Name)
	defer done()
	return keys.Setup(ctx, ccs, report)
}
