package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// proverFlags are what prove and verify share.
type proverFlags struct {
	keys       string
	statements string
}

func (f *proverFlags) bind(fs *flag.FlagSet) {
	fs.StringVar(&f.keys, "keys", ".cache/keys", "the `directory` of proving keys; what is missing there is set up, which takes some 170 µs a constraint")
	fs.StringVar(&f.statements, "statements", "all", "the `names` of the statements, with commas between")
}

func (f *proverFlags) circuits() ([]circuit.Circuit, error) {
	if f.statements == "all" {
		return circuit.All(), nil
	}
	var chosen []circuit.Circuit
	for _, name := range strings.Split(f.statements, ",") {
		c, err := circuit.ByName(name)
		if err != nil {
			return nil, &usageError{"--statements: " + err.Error()}
		}
		chosen = append(chosen, c)
	}
	return chosen, nil
}

// prover proves one statement about made-up data.
type prover struct {
	circuit circuit.Circuit
	keys    *keys.Keys
	// An event's, where there is one; otherwise a sample's.
	subject *subject
	sample  func() (frontend.Circuit, error)
}

// open compiles the circuit, and loads its keys or sets them up.
func (f *proverFlags) open(ctx context.Context, r *report, c circuit.Circuit) (*prover, error) {
	ccs, err := c.Compile()
	if err != nil {
		return nil, err
	}
	store, err := keys.OpenStore(f.keys)
	if err != nil {
		return nil, err
	}
	k, err := loadOrSetUp(ctx, r, store, c.Statement.Name, ccs)
	if err != nil {
		return nil, err
	}
	p := &prover{circuit: c, keys: k}
	if c.Statement.Proves == event.DataAccess {
		p.subject, err = newSubject(ctx, c.Statement, k.VerifyingKey.Digest())
	} else {
		p.sample, err = c.Sampler()
	}
	return p, err
}

func loadOrSetUp(ctx context.Context, r *report, store *keys.Store, name string, ccs constraint.ConstraintSystem) (*keys.Keys, error) {
	list, err := store.List()
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if m.Statement != name || keys.CheckCircuit(ccs, m.ConstraintSystem.SHA256) != nil {
			continue
		}
		k, err := store.LoadFor(m.Digest(), ccs)
		if err == nil || !errors.Is(err, keys.ErrCorrupt) {
			return k, err
		}
	}
	r.progress("setting up %s, of %d constraints, in %s", name, ccs.GetNbConstraints(), store.Dir())
	next := time.Duration(0)
	k, err := keys.Setup(ctx, ccs, func(elapsed, estimate time.Duration) {
		if elapsed >= next {
			r.progress("set-up of %s: %d of about %d s", name, int(elapsed.Seconds()), int(estimate.Seconds()))
			next += 5 * time.Second
		}
	})
	if err != nil {
		return nil, err
	}
	_, err = store.Put(name, k, time.Now())
	return k, err
}

// subject is a made-up event with its witness, as an application would hold them when it comes to prove a data access.
type subject struct {
	dataset event.Digest
	claims  *event.DatasetClaims
	witness *statement.DataAccessWitness
	event   event.Event
	next    int64
}

const (
	sampleColumns  = 20
	sampleRows     = 4000
	samplePurposes = 4
	sampleOrigin   = "bench.example"
)

// newSubject makes a data set and an access to it that fills the statement's class.
func newSubject(ctx context.Context, s statement.Statement, vk event.Digest) (*subject, error) {
	random := rand.NewChaCha8([32]byte{byte(s.Capacity)})
	numbers := rand.New(random)
	rows := make([]table.Row, sampleRows)
	for i := range rows {
		rows[i].Cells = make([]uint16, sampleColumns)
		for j := range rows[i].Cells {
			rows[i].Cells[j] = uint16(numbers.Uint32())
		}
		rows[i].Consent = 1<<samplePurposes - 1
		_, _ = random.Read(rows[i].Salt[:]) // it can't fail
	}
	t, err := table.Build(ctx, sampleColumns, rows, nil)
	if err != nil {
		return nil, err
	}
	root := t.Root()
	b := &subject{dataset: event.DigestOf([]byte("a data set")), claims: sampleDataset(root.Bytes())}
	read := make([]int, s.Capacity)
	for i := range read {
		read[i] = i * sampleRows / s.Capacity
	}
	var salt table.Salt
	_, _ = random.Read(salt[:])
	if b.witness, err = statement.NewDataAccessWitness(t, statement.SchemaDigest(b.claims), salt, read...); err != nil {
		return nil, err
	}
	columns := []string{"c00", "c02", "c03", "c11", "c19"}
	mask, err := statement.ColumnMask(b.claims, columns)
	if err != nil {
		return nil, err
	}
	list, err := b.witness.Accesses(s.Capacity, mask)
	if err != nil {
		return nil, err
	}
	b.event = event.Event{
		Log: sampleOrigin, Source: "bench/1", Proof: event.ProofInline, Statement: vk, Prev: event.DigestOf([]byte("the event before")),
		Subject: event.Subject{Name: "bench", Digest: event.DigestOf([]byte("a system"))},
		Claims:  &event.DataAccessClaims{Accesses: list, Columns: columns, Dataset: b.dataset, Purpose: "p1", Records: int64(s.Capacity)},
	}
	return b, nil
}

func sampleDataset(root event.Element) *event.DatasetClaims {
	c := &event.DatasetClaims{Root: root, Rows: sampleRows}
	for i := range sampleColumns {
		c.Columns = append(c.Columns, event.Column{Name: fmt.Sprintf("c%02d", i), Role: event.RoleOther,
			Coding: event.Coding{Integer: &event.IntegerCoding{Max: 65535}}})
	}
	for i := range samplePurposes {
		c.Purposes = append(c.Purposes, fmt.Sprintf("p%d", i))
	}
	return c
}

// Event resolves the one data set that the event refers to.
func (b *subject) Event(d event.Digest) (*event.Event, error) {
	if d != b.dataset {
		return nil, fmt.Errorf("there is no event %s", d)
	}
	return &event.Event{Claims: b.claims}, nil
}

// assign does what an application does before it proves: number the event, derive the public inputs, check the claims against
// the witness, fill the circuit. Every call is about another event. Of statements about other kinds of events than data accesses there
// is the circuit's own sample, which is always the same, and whose public inputs are known.
func (p *prover) assign() (frontend.Circuit, error) {
	if p.subject == nil {
		return p.sample()
	}
	p.subject.next++
	e := p.subject.event
	e.Seq = 1 + p.subject.next
	payload, err := e.Encode()
	if err != nil {
		return nil, err
	}
	return p.circuit.Assign(p.subject.witness, &e, event.DigestOf(payload), p.subject)
}

// what says what assign does, for details.
func (p *prover) what() string {
	if p.subject == nil {
		return "a sample's claims checked against the witness, assigned"
	}
	return "claims checked against the witness, assigned"
}

// prove makes a proof of another event, all that an application waits for included.
func (p *prover) prove(ctx context.Context) (zkverify.Item, error) {
	assignment, err := p.assign()
	if err != nil {
		return zkverify.Item{}, err
	}
	proof, public, err := p.keys.Prove(ctx, assignment)
	return zkverify.Item{VK: p.keys.VerifyingKey, Proof: proof, Public: public}, err
}
