package modelversion

import (
	"math/big"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

type attack = circuittest.Attack[Circuit, groups]

var underAttack = circuittest.Circuit[Circuit, groups]{
	New:     func() *Circuit { return new(Circuit) },
	Compile: full,
	Sound:   sound,
	Define:  define,
	Unbind:  func(g *groups) { g.bind = func(frontend.API, *Circuit) {} },
	Context: func(c *Circuit) *frontend.Variable { return &c.Context },
}

// claims assigns a statement as it stands, true or not.
func claims(predicates ...event.Predicate) func(t *testing.T) *Circuit {
	return func(t *testing.T) *Circuit { return assign(t, serves(t, predicates...)) }
}

// attacks are all of them.
var attacks = slices.Concat(releaseAttacks, configurationAttacks)

var releaseAttacks = []attack{
	{
		Name:   "a release's salt that is no salt of 16 bytes",
		Weaken: func(g *groups) { g.salts = saltsBut(0) },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.ReleaseSalt = gadget.Constant(pow2(table.SaltBits))
			leaf := poseidon.Sum(poseidon.Release, toElement(model(2)), pow2(table.SaltBits))
			c.Releases = gadget.Constant(poseidon.Sum(poseidon.Approval, climbed(leaf, s, statement.ReleaseDepth)))
			return c
		},
	},
	{
		Name:   "a salt of the served weights that is no salt of 16 bytes",
		Weaken: func(g *groups) { g.salts = saltsBut(1) },
		Forge: func(t *testing.T) *Circuit {
			c := assign(t, serves(t))
			c.ServedSalt = gadget.Constant(pow2(table.SaltBits))
			c.Weights = gadget.Constant(poseidon.Sum(poseidon.Served, toElement(model(2)), pow2(table.SaltBits)))
			return c
		},
	},
	{
		Name:   "a configuration's salt that is no salt of 16 bytes",
		Weaken: func(g *groups) { g.salts = saltsBut(2) },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.ConfigurationSalt = gadget.Constant(pow2(table.SaltBits))
			c.Configuration = list(num(3), pow2(table.SaltBits), entries(s.w.Configuration)...)
			return c
		},
	},
	{
		Name:   "a place that is a fraction: a model that nobody approved",
		Weaken: func(g *groups) { g.place = placeWithoutBits },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.Model = number(model(9))
			c.Weights = gadget.Constant(poseidon.Sum(poseidon.Served, toElement(model(9)), s.w.Salt.Element()))
			// Between the forged leaf x and a partner that keeps the sum of the two true leaves, the right fraction d of a swap gives
			// back just these.
			x := poseidon.Sum(poseidon.Release, toElement(model(9)), s.w.Release.Salt.Element())
			first := leafOf(s)
			partner := sub(add(first, s.w.Release.Siblings[0][0]), x)
			c.Siblings[0][0] = gadget.Constant(partner)
			d := div(sub(first, x), sub(partner, x))
			c.Place = gadget.Constant(add(d, num(2))) // place 2 is digit 1 of two, and digit 0 is d
			return c
		},
		Digits: func(_ *testing.T, v *big.Int, out []*big.Int) bool {
			if len(out) != placeDigits {
				return false
			}
			circuittest.WriteBits(out, big.NewInt(2))
			out[0].Sub(v, big.NewInt(2)).Mod(out[0], fr.Modulus()) // d
			return true
		},
	},
	{
		Name:   "a release that isn't approved",
		Weaken: func(g *groups) { g.release = releaseAnywhere },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			approval := s.p.Releases
			s.w.Release.Weights = model(9)
			s.restate(t)
			s.p.Releases = approval
			return assign(t, s)
		},
	},
	{
		Name:   "another release's salt",
		Weaken: func(g *groups) { g.release = releaseAnywhere },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			s.w.Release.Salt[15]++
			return assign(t, s)
		},
	},
	{
		Name:   "another place",
		Weaken: func(g *groups) { g.release = releaseAnywhere },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			s.w.Release.Place = 3
			return assign(t, s)
		},
	},
	{
		Name:   "another approval",
		Weaken: func(g *groups) { g.release = releaseAnywhere },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			s.p.Releases[31] ^= 1
			return assign(t, s)
		},
	},
	{
		Name:   "an empty leaf of the tree taken for a model",
		Weaken: func(g *groups) { g.release = releaseWithoutLeaf },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			empty := poseidon.Empty(poseidon.EmptyRelease)
			c.Model, c.Place = gadget.Constant(empty), statement.MaxReleases-1 // far beyond the last release
			c.Weights = gadget.Constant(poseidon.Sum(poseidon.Served, empty, s.w.Salt.Element()))
			first := climbed(leafOf(s), s, statement.ReleaseDepth-1) // the root's first child has all releases below it
			for level := range c.Siblings {
				for k := range c.Siblings[level] {
					c.Siblings[level][k] = gadget.Constant(empty)
				}
				empty = poseidon.Node([poseidon.Arity]fr.Element{empty, empty, empty, empty})
			}
			c.Siblings[statement.ReleaseDepth-1][1] = gadget.Constant(first)
			return c
		},
	},
	{
		Name:   "a leaf without its salt: an approval that tells what it approves",
		Weaken: func(g *groups) { g.release = releaseWithoutSalt },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			leaf := poseidon.Sum(poseidon.Release, toElement(model(2)), fr.Element{})
			c.Releases = gadget.Constant(poseidon.Sum(poseidon.Approval, climbed(leaf, s, statement.ReleaseDepth)))
			return c
		},
	},
	{
		Name:   "a root that isn't tagged: any node could be an approval",
		Weaken: func(g *groups) { g.release = releaseWithoutRootTag },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.Releases = gadget.Constant(climbed(leafOf(s), s, statement.ReleaseDepth))
			return c
		},
	},
	{
		Name:   "another model is served than the approved one",
		Weaken: func(g *groups) { g.served = func(frontend.API, *gadget.Hasher, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			other, err := statement.ServedWeights(model(9), s.w.Salt)
			if err != nil {
				t.Fatal(err)
			}
			s.p.Weights = other
			return assign(t, s)
		},
	},
	{
		Name:   "a stated run's weights, with those of another model that is approved",
		Weaken: func(g *groups) { g.served = func(frontend.API, *gadget.Hasher, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			s.w.Salt = table.Salt{}
			stated, err := statement.ServedWeights(model(3), table.Salt{})
			if err != nil {
				t.Fatal(err)
			}
			s.p.Weights = stated
			return assign(t, s)
		},
	},
	{
		Name:   "served weights whose salt is cut: anyone can try out the log's models",
		Weaken: func(g *groups) { g.served = servedWithoutSalt },
		Forge: func(t *testing.T) *Circuit {
			c := assign(t, serves(t))
			c.Weights = gadget.Constant(poseidon.Sum(poseidon.Served, toElement(model(2)), fr.Element{}))
			return c
		},
	},
}

func TestAttacks(t *testing.T) {
	underAttack.Attack(t, attacks, assign(t, serves(t, is("temperature", "<=", 700), is("bias", "in", 1, -5), is("tools", "!=", 1))))
}

// Every group has an attack, and every attack is on one group.
func TestEveryGroupIsAttacked(t *testing.T) { underAttack.EveryGroupIsAttacked(t, attacks) }

// leafOf is the leaf of the release that a witness opens.
func leafOf(s *served) fr.Element {
	return poseidon.Sum(poseidon.Release, toElement(s.w.Release.Weights), s.w.Release.Salt.Element())
}

// climbed is the node so many levels above a leaf, at the place and with the siblings of a witness. The place must be 2.
func climbed(leaf fr.Element, s *served, levels int) fr.Element {
	node := leaf
	for level, siblings := range s.w.Release.Siblings[:levels] {
		children := [poseidon.Arity]fr.Element{node, siblings[0], siblings[1], siblings[2]}
		if level == 0 {
			children = [poseidon.Arity]fr.Element{siblings[1], siblings[2], node, siblings[0]}
		}
		node = poseidon.Node(children)
	}
	return node
}
