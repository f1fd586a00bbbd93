package circuit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

var update = flag.Bool("update", false, "write prover/stats.csv instead of checking it")

var header = []string{"statement", "constraints", "public", "secret", "internal", "sha256"}

// prover/stats.csv pins what each circuit costs, and its identity, the SHA-256 of the constraint system. A change of either
// is another circuit: registered keys no longer fit it.
func TestStats(t *testing.T) {
	rows := [][]string{header}
	for _, c := range circuit.All() {
		ccs, err := c.Compile()
		if err != nil {
			t.Fatal(err)
		}
		checkSystem(t, c, ccs)
		rows = append(rows, []string{
			c.Statement.Name, strconv.Itoa(ccs.GetNbConstraints()),
			strconv.Itoa(ccs.GetNbPublicVariables() - 1), strconv.Itoa(ccs.GetNbSecretVariables()), strconv.Itoa(ccs.GetNbInternalVariables()),
			digestOf(t, ccs),
		})
	}
	var got bytes.Buffer
	if err := csv.NewWriter(&got).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "stats.csv")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("circuits cost\n%s\nand prover/stats.csv says\n%s", got.String(), want)
	}
}

func digestOf(t *testing.T, ccs constraint.ConstraintSystem) string {
	t.Helper()
	h := sha256.New()
	if _, err := ccs.WriteTo(h); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// checkSystem checks what holds of every constraint system: no wire is unconstrained, it has the statement's public
// inputs in order, no commitments, and the sample solves it.
func checkSystem(t *testing.T, c circuit.Circuit, ccs constraint.ConstraintSystem) {
	t.Helper()
	loose, err := gadget.Unconstrained(ccs)
	if err != nil || len(loose) > 0 {
		t.Errorf("%s: unconstrained wires %v, %v", c.Statement.Name, loose, err)
	}
	named := ccs.(interface{ VariableToString(int) string })
	if n := ccs.GetNbPublicVariables() - 1; n != len(c.Statement.Inputs) {
		t.Fatalf("%s: %d public inputs, want %d", c.Statement.Name, n, len(c.Statement.Inputs))
	}
	for i, input := range c.Statement.Inputs {
		if got := named.VariableToString(i + 1); !strings.EqualFold(got, input) {
			t.Errorf("%s: public input %d is %s, want %s", c.Statement.Name, i, got, input)
		}
	}
	want := 0
	if c.Statement.Proves == event.TrainingStep || c.Statement.Proves == event.Anonymization {
		want = 1 // for what is looked up
	}
	if n := len(ccs.GetCommitments().CommitmentIndexes()); n != want {
		t.Errorf("%s: %d commitments, which other verifiers don't know; want %d", c.Statement.Name, n, want)
	}
	assignment, public, err := c.Sample()
	if err != nil {
		t.Fatal(err)
	}
	w, err := frontend.NewWitness(assignment, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	if err := ccs.IsSolved(w, solver.WithHints(gadget.Hints()...), solver.OverrideHint(solver.GetHintID(cs.Bsb22CommitmentComputePlaceholder), challenge)); err != nil || len(public) != len(c.Statement.Inputs) {
		t.Errorf("%s: the sample doesn't solve it: %v", c.Statement.Name, err)
	}
}

// challenge plays the commitment, whose value depends on everything that is committed to.
func challenge(_ *big.Int, in, out []*big.Int) error {
	h := sha256.New()
	for _, v := range in {
		h.Write(v.FillBytes(make([]byte, 32)))
	}
	out[0].SetBytes(h.Sum(nil)[:31])
	return nil
}

func TestEveryStatementHasACircuit(t *testing.T) {
	all := circuit.All()
	for i, s := range statement.All() {
		if i >= len(all) || all[i].Statement.Name != s.Name {
			t.Errorf("there is no circuit for %s", s.Name)
		}
	}
	if _, err := circuit.ByName("data-access-17"); err == nil {
		t.Error("there is a circuit for a statement that doesn't exist")
	}
	if _, err := circuit.For(statement.Statement{Name: "new", Proves: event.Seal}); err == nil {
		t.Error("there is a circuit for a kind that has none")
	}
}

// one resolves one event.
type one struct{ e *event.Event }

func (o one) Event(d event.Digest) (*event.Event, error) {
	if d != (event.Digest{1}) {
		return nil, fmt.Errorf("no event %s", d)
	}
	return o.e, nil
}

func TestAssign(t *testing.T) {
	claims := &event.DatasetClaims{
		Columns:  []event.Column{{Name: "age", Role: event.RoleQuasi, Coding: event.Coding{Integer: &event.IntegerCoding{Max: 120}}}},
		Purposes: []string{"credit-scoring", "audit"}, Rows: 8,
	}
	rows := make([]table.Row, claims.Rows)
	for i := range rows {
		rows[i] = table.Row{Cells: []uint16{uint16(20 + i)}, Consent: 0b01, Salt: table.Salt{byte(i)}}
	}
	tab, err := table.Build(context.Background(), 1, rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	root := tab.Root()
	claims.Root = root.Bytes()
	w, err := statement.NewDataAccessWitness(tab, statement.SchemaDigest(claims), table.Salt{1}, 2, 5)
	if err != nil {
		t.Fatal(err)
	}
	c, err := circuit.ByName("data-access-16")
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.Accesses(c.Statement.Capacity, 1)
	if err != nil {
		t.Fatal(err)
	}
	access := &event.DataAccessClaims{Accesses: list, Columns: []string{"age"}, Dataset: event.Digest{1}, Purpose: "credit-scoring", Records: 2}
	e := &event.Event{Log: "log.example", Proof: event.ProofInline, Statement: event.Digest{2}, Claims: access}
	refs := one{&event.Event{Claims: claims}}

	ccs, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	assignment, err := c.Assign(w, e, event.Digest{3}, refs)
	if err != nil {
		t.Fatal(err)
	}
	full, err := frontend.NewWitness(assignment, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	if err := ccs.IsSolved(full); err != nil {
		t.Error(err)
	}

	access.Purpose = "audit"
	_, err = c.Assign(w, e, event.Digest{3}, refs)
	var v *statement.Violation
	if !errors.Is(err, circuit.ErrFalse) || !errors.As(err, &v) || v.Rule != statement.RuleConsent {
		t.Errorf("a row without consent: got %v, want rule %s", err, statement.RuleConsent)
	}
	access.Purpose = "marketing"
	var r *statement.RangeError
	if _, err = c.Assign(w, e, event.Digest{3}, refs); !errors.As(err, &r) || r.Code != statement.UnknownPurpose {
		t.Errorf("a purpose that the data set doesn't have: got %v", err)
	}
	if _, err = c.Assign(w, &event.Event{Claims: claims}, event.Digest{3}, refs); err == nil {
		t.Error("a data set's entry is assigned to a data access")
	}
}
