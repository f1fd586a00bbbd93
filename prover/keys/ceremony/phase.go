package ceremony

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"

	"github.com/attestlog/attestlog/ledger/event"
)

// state is where a phase stands: gnark's Phase1 or Phase2.
type state interface {
	io.WriterTo
	io.ReaderFrom
	// Contribute multiplies a new secret in, and forgets it.
	Contribute()
	// verify says whether next is this state with one secret multiplied in whose contributor knew it. Both must be well-formed.
	verify(next state) error
}

type phase1State struct{ *mpcsetup.Phase1 }

func (s phase1State) verify(next state) error { return s.Phase1.Verify(next.(phase1State).Phase1) }

type phase2State struct{ *mpcsetup.Phase2 }

func (s phase2State) verify(next state) error { return s.Phase2.Verify(next.(phase2State).Phase2) }

// phase is one of the two, with what it takes to read its files.
type phase struct {
	number int
	dir    string
	n      int64        // size of the domain
	id     event.Digest // which the headers name
	origin event.Digest // what the first file follows
	first  int          // number of the first file: 1 in phase 1, whose start needs no file; 0 in phase 2
	layout layout
	empty  func() state
	// start computes where the phase starts. In phase 2 it takes long, and the sealed phase 1.
	start  func(context.Context) (state, error)
	report Report
}

// Report is told of each step that takes long, before it begins, with an estimate of how long it takes on the development machine (2 cores); what it
// returns is called when the step has ended.
type Report func(step string, estimate time.Duration) (done func())

func (r Report) step(ctx context.Context, name string, estimate time.Duration, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r != nil {
		defer r(name, estimate)()
	}
	return guard(f)
}

// guard turns a panic into an error. Nothing that a file holds should get gnark to panic: its lengths and points are checked before. This
// is for what nobody thought of, and it can't catch what a goroutine of gnark's own does.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("gnark gave up: %v", r)
		}
	}()
	return f()
}

func (p *phase) path(number int) string { return filepath.Join(p.dir, contributionFile(number)) }

// what names a contribution for people.
func (p *phase) what(number int) string {
	return fmt.Sprintf("contribution %d of phase %d (%s)", number, p.number, p.path(number))
}

// read reads a contribution's file. The error wraps fs.ErrNotExist where there is none.
func (p *phase) read(number int) (*contribution, error) {
	b, err := readFile(p.path(number), int64(maxHeader)+p.layout.size)
	if err != nil {
		return nil, err
	}
	c, err := p.parseContribution(b, number)
	if err != nil {
		return nil, fmt.Errorf("couldn't use %s: %w", p.what(number), err)
	}
	return c, nil
}

// state reads a contribution's body: every point is on the curve, in the subgroup, and written in the one way that there is.
func (p *phase) state(c *contribution) (state, error) {
	s := p.empty()
	err := guard(func() error {
		read, err := s.ReadFrom(bytes.NewReader(c.body))
		if err != nil {
			return err
		}
		if read != int64(len(c.body)) {
			return errors.New("something follows its end")
		}
		return same(s, c.body)
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't use %s: its body is damaged: %w", p.what(int(c.number)), err)
	}
	return s, nil
}

// same says whether s is written as b. gnark also reads points that are not compressed, among other things.
func same(s io.WriterTo, b []byte) error {
	rest := &comparer{rest: b}
	if _, err := s.WriteTo(rest); err != nil {
		return err
	}
	if len(rest.rest) > 0 {
		return errNotCanonical
	}
	return nil
}

var errNotCanonical = errors.New("it has a point that is not in canonical form")

// comparer compares what is written to it.
type comparer struct{ rest []byte }

func (c *comparer) Write(b []byte) (int, error) {
	if !bytes.HasPrefix(c.rest, b) {
		return 0, errNotCanonical
	}
	c.rest = c.rest[len(b):]
	return len(b), nil
}

// load is state as a step that is reported.
func (p *phase) load(ctx context.Context, c *contribution) (s state, err error) {
	err = p.report.step(ctx, fmt.Sprintf("reading contribution %d of phase %d", c.number, p.number), estimate(p.n, readCost[p.number]), func() error {
		s, err = p.state(c)
		return err
	})
	return s, err
}

// link says whether next follows from prev, whose file is before.
func (p *phase) link(ctx context.Context, before event.Digest, prev state, c *contribution, next state) error {
	if c.previous != before {
		return fmt.Errorf("couldn't use %s: it doesn't follow from the file before it", p.what(int(c.number)))
	}
	err := p.report.step(ctx, fmt.Sprintf("verifying contribution %d of phase %d", c.number, p.number), estimate(p.n, linkCost[p.number]), func() error {
		return prev.verify(next)
	})
	if err != nil {
		return fmt.Errorf("couldn't verify %s: %w", p.what(int(c.number)), err)
	}
	return nil
}

// chain is a phase's contributions, every link of which was verified.
type chain struct {
	last  state
	start event.Digest // of the file 0000.mpc, in phase 2
	links []Contribution
	end   event.Digest // of the last file
}

// verify verifies all contributions from the start on.
func (p *phase) verify(ctx context.Context) (*chain, error) {
	most, err := highest(p.dir)
	if err != nil {
		return nil, err
	}
	at, err := p.start(ctx)
	if err != nil {
		return nil, err
	}
	done := &chain{last: at, end: p.origin}
	for number := p.first; number <= most; number++ {
		c, err := p.read(number)
		if err != nil {
			return nil, err
		}
		if number == 0 {
			if err := p.isStart(c, at); err != nil {
				return nil, err
			}
			done.start, done.end = c.digest, c.digest
			continue
		}
		next, err := p.load(ctx, c)
		if err != nil {
			return nil, err
		}
		if err := p.link(ctx, done.end, done.last, c, next); err != nil {
			return nil, err
		}
		done.last, done.end = next, c.digest
		done.links = append(done.links, c.record())
	}
	return done, nil
}

// isStart says whether c is where phase 2 starts.
func (p *phase) isStart(c *contribution, start state) error {
	if err := guard(func() error { return same(start, c.body) }); err != nil {
		return fmt.Errorf("couldn't verify %s: it isn't where phase 2 of this circuit starts from its sealed phase 1", p.what(0))
	}
	return nil
}

// encode is the file of a state.
func (p *phase) encode(number int, previous event.Digest, name string, s state) ([]byte, error) {
	h := header{phase: uint8(p.number), number: uint32(number), ceremony: p.id, previous: previous, name: name, body: uint64(p.layout.size)}
	b := bytes.NewBuffer(make([]byte, 0, int64(maxHeader)+p.layout.size))
	b.Write(h.encode())
	if _, err := s.WriteTo(b); err != nil {
		return nil, fmt.Errorf("couldn't encode %s: %w", p.what(number), err)
	}
	return b.Bytes(), nil
}

// newPhase1 is the first phase of a ceremony.
func newPhase1(dir string, m *phase1Manifest, id event.Digest, report Report) *phase {
	p := &phase{number: 1, dir: filepath.Join(dir, phase1Dir), n: m.N, id: id, first: 1, layout: phase1Layout(m.N), report: report}
	p.empty = func() state { return phase1State{new(mpcsetup.Phase1)} }
	p.start = func(context.Context) (state, error) {
		s := mpcsetup.NewPhase1(uint64(m.N))
		s.Challenge = id[:]
		return phase1State{s}, nil
	}
	return p
}

// phase2Challenge is what the first contribution of phase 2 is bound to: the ceremony, and how its first phase ended.
func phase2Challenge(ceremony, sealed event.Digest) []byte {
	h := sha256.New()
	h.Write([]byte("attestlog/ceremony/phase-2/v1"))
	h.Write(ceremony[:])
	h.Write(sealed[:])
	return h.Sum(nil)
}
