package ceremony

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/canon"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/keys"
)

// Statement is what keys are made for: a name, and the circuit as this program has it.
type Statement struct {
	Name    string
	Compile func() (constraint.ConstraintSystem, error)
}

// Statements finds a statement by its name.
type Statements func(name string) (Statement, error)

// Ceremony is a ceremony's directory, and the circuit that it is about.
type Ceremony struct {
	dir      string
	manifest Manifest
	id       event.Digest // SHA-256 of ceremony.json
	r1cs     *cs.R1CS
	phase1   *phase
	report   Report
}

// Options are what one may want to say beyond the statement.
type Options struct {
	// Phase1 is the directory of another ceremony whose sealed first phase serves for this one, too; it must be of the same size. Its files are copied.
	// They are not verified before Verify does.
	Phase1 string
	// Report may be nil.
	Report Report
}

// Init begins a ceremony in dir, which it makes. Where an earlier Init for the same statement was interrupted, it goes on.
func Init(ctx context.Context, dir string, st Statement, o Options) (*Ceremony, error) {
	r1cs, manifest, err := compile(st)
	if err != nil {
		return nil, fmt.Errorf("couldn't begin the ceremony: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, phase1Dir), 0o755); err != nil {
		return nil, fmt.Errorf("couldn't begin the ceremony: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	c, err := begin(ctx, dir, manifest, r1cs, o)
	return c, errors.Join(err, unlock())
}

func begin(ctx context.Context, dir string, manifest *Manifest, r1cs *cs.R1CS, o Options) (*Ceremony, error) {
	var err error
	if o.Phase1 != "" {
		manifest.Phase1, err = copyPhase1(ctx, dir, o.Phase1, manifest.N)
	} else {
		manifest.Phase1, err = beginPhase1(dir, manifest.N)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't begin the ceremony: %w", err)
	}
	path := filepath.Join(dir, manifestFile)
	var found Manifest
	_, err = readRecord(path, found.members)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, err = writeRecord(path, manifest.members)
	case err == nil && found != *manifest:
		err = fmt.Errorf("couldn't begin the ceremony: %s holds another one, of %s", dir, found.Statement)
	}
	if err != nil {
		return nil, err
	}
	c, err := open(dir, r1cs, o.Report)
	if err != nil || o.Phase1 == "" {
		return c, err
	}
	return c, c.beginPhase2(ctx)
}

// compile compiles a statement's circuit, and says what its ceremony is about.
func compile(st Statement) (*cs.R1CS, *Manifest, error) {
	ccs, err := st.Compile()
	if err != nil {
		return nil, nil, err
	}
	if err := gadget.CheckConstrained(ccs); err != nil {
		return nil, nil, err
	}
	r1cs, ok := ccs.(*cs.R1CS)
	if !ok {
		return nil, nil, fmt.Errorf("%s is a %T, no rank-1 constraint system over bn254", st.Name, ccs)
	}
	digest, _, err := keys.ConstraintSystemDigest(ccs)
	if err != nil {
		return nil, nil, err
	}
	n := int64(minDomain)
	for n < int64(ccs.GetNbConstraints()) {
		n *= 2
	}
	return r1cs, &Manifest{ConstraintSystem: digest, Constraints: int64(ccs.GetNbConstraints()), N: n, Statement: st.Name}, nil
}

// beginPhase1 makes phase1/manifest.json, or finds it, and returns its digest.
func beginPhase1(dir string, n int64) (event.Digest, error) {
	path := filepath.Join(dir, phase1Dir, phase1ManifestFile)
	var m phase1Manifest
	digest, err := readRecord(path, m.members)
	if err == nil && m.N != n {
		return event.Digest{}, fmt.Errorf("%s is there already, for circuits of another size (%d, this one's is %d)", path, m.N, n)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return digest, err
	}
	m.N = n
	rand.Read(m.Nonce[:])
	return writeRecord(path, m.members)
}

// Open opens a ceremony. The circuit that statements has under the ceremony's name must be the one that keys are made for.
func Open(dir string, statements Statements, report Report) (*Ceremony, error) {
	var m Manifest
	_, err := readRecord(filepath.Join(dir, manifestFile), m.members)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no ceremony in %s: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	st, err := statements(m.Statement)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the ceremony: %w", err)
	}
	r1cs, own, err := compile(st)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the ceremony: %w", err)
	}
	if own.Phase1 = m.Phase1; *own != m {
		return nil, fmt.Errorf("couldn't open the ceremony: this program's circuit of %s is not the one it is about: %s with %d constraints here, %s with %d there; "+
			"use the version of the program that began it", m.Statement, own.ConstraintSystem, own.Constraints, m.ConstraintSystem, m.Constraints)
	}
	return open(dir, r1cs, report)
}

// open opens a ceremony whose manifest is known to fit the circuit.
func open(dir string, r1cs *cs.R1CS, report Report) (*Ceremony, error) {
	c := &Ceremony{dir: dir, r1cs: r1cs, report: report}
	var err error
	if c.id, err = readRecord(filepath.Join(dir, manifestFile), c.manifest.members); err != nil {
		return nil, err
	}
	var m phase1Manifest
	digest, err := readRecord(filepath.Join(dir, phase1Dir, phase1ManifestFile), m.members)
	if err != nil {
		return nil, err
	}
	if digest != c.manifest.Phase1 || m.N != c.manifest.N {
		return nil, fmt.Errorf("couldn't open the ceremony: its first phase in %s is another one than %s says", phase1Dir, manifestFile)
	}
	c.phase1 = newPhase1(dir, &m, digest, report)
	return c, nil
}

// Manifest says what keys are made for.
func (c *Ceremony) Manifest() Manifest { return c.manifest }

// Dir is the ceremony's directory.
func (c *Ceremony) Dir() string { return c.dir }

func (c *Ceremony) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

// sealed reads how phase 1 ended. The error wraps fs.ErrNotExist if it didn't yet.
func (c *Ceremony) sealed() (*sealedPhase1, event.Digest, error) {
	s := new(sealedPhase1)
	digest, err := readRecord(c.path(phase1Dir, sealedFile), s.members)
	if err != nil {
		return nil, event.Digest{}, err
	}
	if s.Manifest != c.manifest.Phase1 {
		return nil, event.Digest{}, fmt.Errorf("couldn't use %s: it seals another first phase", c.path(phase1Dir, sealedFile))
	}
	return s, digest, nil
}

// phase2 is the second phase; srs returns the sealed first phase where that is needed.
func (c *Ceremony) phase2(sealed event.Digest, srs func(context.Context) (*mpcsetup.SrsCommons, error)) (*secondPhase, error) {
	l, err := phase2Layout(c.manifest.N, c.r1cs)
	if err != nil {
		return nil, err
	}
	p := &secondPhase{phase: &phase{number: 2, dir: c.path(phase2Dir), n: c.manifest.N, id: c.id, origin: sealed, layout: l, report: c.report}}
	p.empty = func() state { return phase2State{new(mpcsetup.Phase2)} }
	p.start = func(ctx context.Context) (state, error) {
		if p.srs, err = srs(ctx); err != nil {
			return nil, err
		}
		s := new(mpcsetup.Phase2)
		err := c.report.step(ctx, "working out where phase 2 starts", estimateStart(c.manifest.N), func() error {
			p.evaluations = s.Initialize(c.r1cs, p.srs)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("couldn't work out where phase 2 starts: %w", err)
		}
		s.Challenge = phase2Challenge(c.id, sealed)
		return phase2State{s}, nil
	}
	return p, nil
}

// secondPhase is phase 2 with what its start leaves behind for its end.
type secondPhase struct {
	*phase
	srs         *mpcsetup.SrsCommons
	evaluations mpcsetup.Phase2Evaluations
}

// beginPhase2 writes where phase 2 starts, unless that was done.
func (c *Ceremony) beginPhase2(ctx context.Context) error {
	if err := os.MkdirAll(c.path(phase2Dir), 0o755); err != nil {
		return fmt.Errorf("couldn't begin phase 2: %w", err)
	}
	record, sealed, err := c.sealed()
	if err != nil {
		return err
	}
	p, err := c.phase2(sealed, func(ctx context.Context) (*mpcsetup.SrsCommons, error) { return c.readSRS(ctx, record.SRS) })
	if err != nil {
		return err
	}
	if there, err := exists(p.path(0)); there || err != nil {
		return err
	}
	start, err := p.start(ctx)
	if err != nil {
		return err
	}
	file, err := p.encode(0, sealed, "", start)
	if err != nil {
		return err
	}
	return writeFile(p.path(0), file)
}

// readCanonical reads a JSON file of another ceremony, with its bytes.
func readCanonical(path string, members func(*canon.Object)) ([]byte, error) {
	b, err := readFile(path, maxRecord)
	if err != nil {
		return nil, err
	}
	if err := canon.Decode(b, members); err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", path, err)
	}
	return b, nil
}
