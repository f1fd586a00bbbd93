package zkverify_test

import (
	"math/big"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// powers has public inputs Y[i] = X^(i+2), for a secret X: as many inputs as the
// real statements have. commit says which of them are committed to with X, by
// gnark's api.Commit; without it there's no commitment.
type powers struct {
	X      frontend.Variable
	Y      []frontend.Variable `gnark:",public"`
	commit []int
}

func (c *powers) Define(api frontend.API) error {
	x := c.X
	for i := range c.Y {
		x = api.Mul(x, c.X)
		api.AssertIsEqual(x, c.Y[i])
	}
	if c.commit == nil {
		return nil
	}
	committed := []frontend.Variable{c.X}
	for _, i := range c.commit {
		committed = append(committed, c.Y[i])
	}
	h, err := api.(frontend.Committer).Commit(committed...)
	if err != nil {
		return err
	}
	api.AssertIsDifferent(api.Mul(h, h), 0)
	return nil
}

// statement is a circuit with its keys, in gnark's form and in ours.
type statement struct {
	circuit *powers
	ccs     constraint.ConstraintSystem
	pk      groth16.ProvingKey
	gvk     groth16.VerifyingKey
	vk      *zkverify.VerifyingKey
}

func newStatement(inputs int, commit []int) (s *statement, err error) {
	s = &statement{circuit: &powers{Y: make([]frontend.Variable, inputs), commit: commit}}
	if s.ccs, err = gadget.Compile(s.circuit); err != nil {
		return nil, err
	}
	if s.pk, s.gvk, err = groth16.Setup(s.ccs); err != nil {
		return nil, err
	}
	s.vk, err = keys.FromGnarkVK(s.gvk)
	return s, err
}

// proven is a proof, in gnark's form and in ours.
type proven struct {
	*statement
	gproof  groth16.Proof
	gpublic witness.Witness
	proof   []byte
	public  []event.Element
}

func (s *statement) prove(t testing.TB, x int64) *proven {
	t.Helper()
	assignment := &powers{X: x, Y: make([]frontend.Variable, len(s.circuit.Y))}
	p := &proven{statement: s}
	y := big.NewInt(x)
	for i := range assignment.Y {
		y = new(big.Int).Mod(new(big.Int).Mul(y, big.NewInt(x)), ecc.BN254.ScalarField())
		assignment.Y[i] = y
		var e event.Element
		y.FillBytes(e[:])
		p.public = append(p.public, e)
	}
	full, err := frontend.NewWitness(assignment, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	if p.gpublic, err = full.Public(); err != nil {
		t.Fatal(err)
	}
	if p.gproof, err = groth16.Prove(s.ccs, s.pk, full); err != nil {
		t.Fatal(err)
	}
	if p.proof, err = keys.EncodeProof(p.gproof); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *proven) item() zkverify.Item {
	return zkverify.Item{VK: p.vk, Proof: p.proof, Public: append([]event.Element(nil), p.public...)}
}

// Names of the fixtures.
const (
	oneInput       = "one input"
	eightInputs    = "eight inputs"
	committing     = "commitment"
	committingOpen = "commitment to publics"
)

// fixtures are shared by the tests of this package, which only read them.
func fixtures(t testing.TB) map[string]*statement {
	t.Helper()
	f, err := setUpOnce()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var setUpOnce = sync.OnceValues(func() (map[string]*statement, error) {
	all := map[string]*statement{}
	for name, c := range map[string]struct {
		inputs int
		commit []int
	}{
		oneInput:       {1, nil},
		eightInputs:    {8, nil},
		committing:     {8, []int{}},
		committingOpen: {8, []int{6, 1, 3}},
	} {
		s, err := newStatement(c.inputs, c.commit)
		if err != nil {
			return nil, err
		}
		all[name] = s
	}
	return all, nil
})
