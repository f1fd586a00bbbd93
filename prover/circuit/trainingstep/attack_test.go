package trainingstep

import (
	"slices"
	"testing"

	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/circuit/circuittest"
)

type attack = circuittest.Attack[Circuit, groups]

var underAttack = circuittest.Circuit[Circuit, groups]{
	New:     func() *Circuit { return New(batch, columns) },
	Compile: full,
	Sound:   sound,
	Define:  define,
	Unbind:  func(g *groups) { g.bind = func(*parts, *Circuit) {} },
	Context: func(c *Circuit) *frontend.Variable { return &c.Context },
}

// attacks are all of them.
var attacks = slices.Concat(batchAttacks, stepAttacks)

func TestAttacks(t *testing.T) {
	underAttack.Attack(t, attacks, assign(t, takes(t, data(t, 1, narrow), 4, 9, 30)), assign(t, takes(t, data(t, 1, columns), 4, 9, 9, 0)))
}

// Every group has an attack, and every attack is on one group.
func TestEveryGroupIsAttacked(t *testing.T) { underAttack.EveryGroupIsAttacked(t, attacks) }
