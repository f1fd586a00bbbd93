package proving

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/keys"
)

// load compiles the circuit, since this program's circuit decides what is proven, whatever the log says; and gets the key
// from the store, or from the log. Files that were damaged here are fetched once more.
func (p *Prover) load(ctx context.Context, l *loaded, s *client.Statement) error {
	ccs, err := p.compile(l)
	if err != nil {
		return err
	}
	if !p.has(s.Claims) {
		if err := p.fetch(ctx, ccs, s); err != nil {
			return err
		}
	}
	err = p.open(l, ccs, s.Digest)
	if errors.Is(err, keys.ErrCorrupt) {
		p.watcher.Warn("the keys of %s that were kept here are damaged, and are fetched again", s.Claims.Name)
		if err := p.fetch(ctx, ccs, s); err != nil {
			return err
		}
		err = p.open(l, ccs, s.Digest)
	}
	return err
}

func (p *Prover) compile(l *loaded) (ccs constraint.ConstraintSystem, err error) {
	estimate := time.Duration(l.claims.Constraints) * 15 * time.Microsecond
	err = p.watcher.During("compiling the circuit", estimate, func() error {
		if ccs, err = l.circuit.Compile(); err != nil {
			return err
		}
		return keys.CheckCircuit(ccs, l.claims.ConstraintSystem)
	})
	return ccs, err
}

// has tells whether the store has the statement's keys already.
func (p *Prover) has(c *event.StatementClaims) bool {
	m, err := p.store.Manifest(event.DigestOf(c.VerifyingKey))
	return err == nil && m.ProvingKey == (keys.File{SHA256: c.ProvingKey, Size: c.ProvingKeySize})
}

// open loads the keys, every byte checked against the digests of the statement's entry.
func (p *Prover) open(l *loaded, ccs constraint.ConstraintSystem, id event.Digest) (err error) {
	return p.watcher.During("loading the proving key", time.Second, func() error {
		l.keys, err = p.store.LoadFor(id, ccs)
		return err
	})
}

// fetch puts the proving key that the log serves into the store, if it is the one that the statement's entry names.
func (p *Prover) fetch(ctx context.Context, ccs constraint.ConstraintSystem, s *client.Statement) error {
	body, err := p.log.ProvingKey(ctx, s, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	report, end := p.watcher.Fetching("fetching the proving key", s.Claims.ProvingKeySize)
	defer end()
	_, err = p.store.AddProvingKey(ctx, &counted{r: body, report: report}, ccs, keys.Source{
		Name: s.Claims.Name, Setup: s.Claims.Setup, Transcript: s.Claims.Transcript, ConstraintSystem: s.Claims.ConstraintSystem, VerifyingKey: s.Claims.VerifyingKey,
		ProvingKey: keys.File{SHA256: s.Claims.ProvingKey, Size: s.Claims.ProvingKeySize},
	}, time.Now())
	return err
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
