// Package circuittest tests that a circuit lets nothing false through, and that
// each of its constraints is there for a reason.
//
// A circuit's define is a sequence of groups of constraints, held in a struct of
// functions: sound() is the one that is proven with. An attack test takes one of
// them away. It says a lie that this group alone stops: it weakens the group (puts
// something in its place that lacks the point), forges a witness as a malicious
// prover would, and shows two things about that same witness:
//
//   - accepted without its group: the weakened circuit is satisfied. So the forgery
//     is complete, and no other constraint stops it, not even by accident;
//   - refused with it: the real constraint system is not.
//
// The first half is what makes the second one tell something: a forgery that fails
// for another reason (a hash that wasn't made again, a sum that is off) would be
// refused by a circuit that lacks the group, too. Together they show that the group
// is needed, and that it does its work.
//
// A malicious prover doesn't run our code. What a circuit has a hint compute (the
// digits of a number, the bytes) is the prover's free choice, so an attack may
// choose it: [Attack.Digits] and [Attack.Bytes] take the place of the hint in both
// systems. What a prover can't choose, the challenge of a Groth16 commitment, is
// played by a hash of all that is committed to.
//
// [Circuit.EveryGroupIsAttacked] holds a circuit to having an attack for each of its
// groups, so that nobody adds a group without one. The context of the event, which
// nothing but itself constrains, has an attack with a real proof:
// [Circuit.UnboundContext]. [EachPublicInputCounts] does the rest with a real proof
// of the real circuit.
package circuittest

import (
	"math/big"
	"reflect"
	"testing"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/math/bits"

	"github.com/attestlog/attestlog/prover/gadget"
)

// Circuit is a circuit under attack: C is the struct of its inputs, G that of its
// groups, all of whose fields are functions.
type Circuit[C, G any] struct {
	// New returns the circuit without an assignment, in the size that is attacked.
	New func() *C
	// Compile returns the real constraint system, in the same size.
	Compile func() (constraint.ConstraintSystem, error)
	// Sound returns the real groups, and Define makes a circuit of any.
	Sound  func() G
	Define func(frontend.API, *C, G) error
	// Unbind weakens the group that makes the context count, and Context finds this input.
	Unbind  func(*G)
	Context func(*C) *frontend.Variable
	// Recount, if not nil, makes right what an honest prover counts of a witness. The real
	// system must refuse a forgery both as it was forged and counted anew.
	Recount func(*C)
}

// Attack is a false statement with a forged witness that one group of constraints
// stops, and nothing else does.
type Attack[C, G any] struct {
	Name string
	// Weaken puts something that lacks the point in place of the one group.
	Weaken func(*G)
	// Forge returns the forged assignment.
	Forge func(*testing.T) *C
	// Digits and Bytes, if not nil, are how the malicious prover writes numbers in binary
	// or in bytes. An attack whose forger is never asked, or never cheats, fails.
	Digits, Bytes Forger
}

// Forger changes how v is written in out, least significant digit first. It finds
// the honest digits there, and returns whether it cheated.
type Forger func(t *testing.T, v *big.Int, out []*big.Int) bool

// Attack shows that the circuit accepts what is honest, and each forgery without its
// group, but not with it. Each attack is a subtest.
func (c *Circuit[C, G]) Attack(t *testing.T, attacks []Attack[C, G], honest ...*C) {
	t.Helper()
	ccs, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d constraints", ccs.GetNbConstraints())
	if len(honest) == 0 {
		t.Fatal("there is no honest witness: a circuit that refuses all would pass")
	}
	for _, h := range honest {
		if err := Solve(ccs, c.weakened(h, nil)); err != nil {
			t.Fatalf("the circuit refuses an honest witness: %v", err)
		}
	}
	for i := range attacks {
		a := &attacks[i]
		t.Run(a.Name, func(t *testing.T) {
			forged := a.Forge(t)
			opts, forgeries := a.hints(t)
			without := compile(t, c.weakened(c.New(), a.Weaken))
			if err := Solve(without, c.weakened(forged, nil), opts...); err != nil {
				t.Errorf("the forgery fails even without the group, so that it proves nothing: %v", err)
			}
			if err := Solve(ccs, c.weakened(forged, nil), opts...); err == nil {
				t.Error("the circuit accepts the forgery")
			}
			if (a.Digits != nil || a.Bytes != nil) && *forgeries == 0 {
				t.Error("the forged digits were never asked for")
			}
			if c.Recount != nil {
				c.Recount(forged)
				if err := Solve(ccs, c.weakened(forged, nil), opts...); err == nil {
					t.Error("the circuit accepts the forgery with its look-ups counted")
				}
			}
		})
	}
}

// hints play the malicious prover's, and count how often they cheat.
func (a *Attack[C, G]) hints(t *testing.T) (opts []solver.Option, forgeries *int) {
	forgeries = new(int)
	cheat := func(honest solver.Hint, forge Forger) {
		if forge == nil {
			return
		}
		opts = append(opts, solver.OverrideHint(solver.GetHintID(honest), func(m *big.Int, in, out []*big.Int) error {
			if err := honest(m, in, out); err != nil {
				return err
			}
			if forge(t, in[0], out) {
				*forgeries++
			}
			return nil
		}), solver.WithNbTasks(1)) // one at a time: a forger counts, and may fail the test
	}
	cheat(bits.GetHints()[1], a.Digits) // nBits
	cheat(gadget.BytesHint, a.Bytes)
	return opts, forgeries
}

// EveryGroupIsAttacked checks that every group has an attack, and that every attack
// is on one group. Unbind counts as an attack: [Circuit.UnboundContext] makes it.
func (c *Circuit[C, G]) EveryGroupIsAttacked(t *testing.T, attacks []Attack[C, G]) {
	t.Helper()
	attacked := map[string]bool{}
	before := reflect.ValueOf(c.Sound())
	for _, a := range append([]Attack[C, G]{{Name: "unbind", Weaken: c.Unbind}}, attacks...) {
		g := c.Sound()
		a.Weaken(&g)
		after := reflect.ValueOf(g)
		changed := 0
		for i := range after.NumField() {
			if after.Field(i).Pointer() != before.Field(i).Pointer() {
				attacked[after.Type().Field(i).Name] = true
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("%s: changes %d groups, want 1", a.Name, changed)
		}
	}
	for i := range before.NumField() {
		if name := before.Type().Field(i).Name; !attacked[name] {
			t.Errorf("there is no attack on the group %s", name)
		}
	}
}

// WriteBits writes v in binary, as an honest prover does.
func WriteBits(out []*big.Int, v *big.Int) {
	for i := range out {
		out[i].SetUint64(uint64(v.Bit(i)))
	}
}
