package modelversion

import (
	"math/big"
	"reflect"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/math/bits"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// An attack is a false statement with a forged witness that one group of constraints stops, and nothing else does.
type attack struct {
	name string
	// weaken puts something that lacks the point in place of the one group.
	weaken func(g *groups)
	// forge returns the forged assignment, and how the malicious prover writes a number in digits: nil, or a function that returns
	// whether it wrote v in out, else it is written honestly.
	forge func(t *testing.T) (*Circuit, func(v *big.Int, out []*big.Int) bool)
}

// plain is a forgery that writes its digits honestly.
func plain(forge func(t *testing.T) *Circuit) func(t *testing.T) (*Circuit, func(*big.Int, []*big.Int) bool) {
	return func(t *testing.T) (*Circuit, func(*big.Int, []*big.Int) bool) { return forge(t), nil }
}

// weakened is the circuit without the group that an attack is about.
type weakened struct {
	Circuit
	attack *attack
}

func (c *weakened) Define(api frontend.API) error {
	g := sound()
	c.attack.weaken(&g)
	return define(api, &c.Circuit, g)
}

// claims assigns a statement as it stands, true or not.
func claims(predicates ...event.Predicate) func(t *testing.T) (*Circuit, func(*big.Int, []*big.Int) bool) {
	return plain(func(t *testing.T) *Circuit { return assign(t, serves(t, predicates...)) })
}

// attacks are all of them.
var attacks = slices.Concat(releaseAttacks, configurationAttacks)

var releaseAttacks = []attack{
	{
		name:   "a release's salt that is no salt of 16 bytes",
		weaken: func(g *groups) { g.salts = saltsBut(0) },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.ReleaseSalt = gadget.Constant(pow2(table.SaltBits))
			leaf := poseidon.Sum(poseidon.Release, toElement(model(2)), pow2(table.SaltBits))
			c.Releases = gadget.Constant(poseidon.Sum(poseidon.Approval, climbed(leaf, s, statement.ReleaseDepth)))
			return c
		}),
	},
	{
		name:   "a salt of the served weights that is no salt of 16 bytes",
		weaken: func(g *groups) { g.salts = saltsBut(1) },
		forge: plain(func(t *testing.T) *Circuit {
			c := assign(t, serves(t))
			c.ServedSalt = gadget.Constant(pow2(table.SaltBits))
			c.Weights = gadget.Constant(poseidon.Sum(poseidon.Served, toElement(model(2)), pow2(table.SaltBits)))
			return c
		}),
	},
	{
		name:   "a configuration's salt that is no salt of 16 bytes",
		weaken: func(g *groups) { g.salts = saltsBut(2) },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.ConfigurationSalt = gadget.Constant(pow2(table.SaltBits))
			c.Configuration = list(num(3), pow2(table.SaltBits), entries(s.w.Configuration)...)
			return c
		}),
	},
	{
		name:   "a place that is a fraction: a model that nobody approved",
		weaken: func(g *groups) { g.place = placeWithoutBits },
		forge: func(t *testing.T) (*Circuit, func(*big.Int, []*big.Int) bool) {
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
			return c, func(v *big.Int, out []*big.Int) bool {
				if len(out) != placeDigits {
					return false
				}
				write(out, big.NewInt(2))
				out[0].Set(gadget.Constant(d))
				return true
			}
		},
	},
	{
		name:   "a release that isn't approved",
		weaken: func(g *groups) { g.release = releaseAnywhere },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			approval := s.p.Releases
			s.w.Release.Weights = model(9)
			s.restate(t)
			s.p.Releases = approval
			return assign(t, s)
		}),
	},
	{
		name:   "another release's salt",
		weaken: func(g *groups) { g.release = releaseAnywhere },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			s.w.Release.Salt[15]++
			return assign(t, s)
		}),
	},
	{
		name:   "another place",
		weaken: func(g *groups) { g.release = releaseAnywhere },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			s.w.Release.Place = 3
			return assign(t, s)
		}),
	},
	{
		name:   "another approval",
		weaken: func(g *groups) { g.release = releaseAnywhere },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			s.p.Releases[31] ^= 1
			return assign(t, s)
		}),
	},
	{
		name:   "an empty leaf of the tree taken for a model",
		weaken: func(g *groups) { g.release = releaseWithoutLeaf },
		forge: plain(func(t *testing.T) *Circuit {
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
		}),
	},
	{
		name:   "a leaf without its salt: an approval that tells what it approves",
		weaken: func(g *groups) { g.release = releaseWithoutSalt },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			leaf := poseidon.Sum(poseidon.Release, toElement(model(2)), fr.Element{})
			c.Releases = gadget.Constant(poseidon.Sum(poseidon.Approval, climbed(leaf, s, statement.ReleaseDepth)))
			return c
		}),
	},
	{
		name:   "a root that isn't tagged: any node could be an approval",
		weaken: func(g *groups) { g.release = releaseWithoutRootTag },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.Releases = gadget.Constant(climbed(leafOf(s), s, statement.ReleaseDepth))
			return c
		}),
	},
	{
		name:   "another model is served than the approved one",
		weaken: func(g *groups) { g.served = func(frontend.API, *gadget.Hasher, *Circuit) {} },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			other, err := statement.ServedWeights(model(9), s.w.Salt)
			if err != nil {
				t.Fatal(err)
			}
			s.p.Weights = other
			return assign(t, s)
		}),
	},
	{
		name:   "a stated run's weights, with those of another model that is approved",
		weaken: func(g *groups) { g.served = func(frontend.API, *gadget.Hasher, *Circuit) {} },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			s.w.Salt = table.Salt{}
			stated, err := statement.ServedWeights(model(3), table.Salt{})
			if err != nil {
				t.Fatal(err)
			}
			s.p.Weights = stated
			return assign(t, s)
		}),
	},
	{
		name:   "served weights whose salt is cut: anyone can try out the log's models",
		weaken: func(g *groups) { g.served = servedWithoutSalt },
		forge: plain(func(t *testing.T) *Circuit {
			c := assign(t, serves(t))
			c.Weights = gadget.Constant(poseidon.Sum(poseidon.Served, toElement(model(2)), fr.Element{}))
			return c
		}),
	},
}

func TestAttacks(t *testing.T) {
	ccs, err := full()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d constraints", ccs.GetNbConstraints())
	honest := serves(t, is("temperature", "<=", 700), is("bias", "in", 1, -5), is("tools", "!=", 1))
	if err := solve(ccs, assign(t, honest)); err != nil {
		t.Fatalf("the circuit refuses an honest witness: %v", err)
	}
	nBits := solver.GetHintID(bits.GetHints()[1])
	for i := range attacks {
		a := &attacks[i]
		t.Run(a.name, func(t *testing.T) {
			forged, digits := a.forge(t)
			var opts []solver.Option
			if digits != nil {
				forgeries := 0
				opts = append(opts, solver.OverrideHint(nBits, func(_ *big.Int, in, out []*big.Int) error {
					write(out, in[0])
					if digits(in[0], out) {
						forgeries++
					}
					return nil
				}), solver.WithNbTasks(1))
				defer func() {
					if forgeries == 0 {
						t.Error("the forged digits were never asked for")
					}
				}()
			}
			without := compile(t, &weakened{attack: a})
			if err := solve(without, &weakened{Circuit: *forged}, opts...); err != nil {
				t.Errorf("the forgery fails even without the group, so that it proves nothing: %v", err)
			}
			if err := solve(ccs, forged, opts...); err == nil {
				t.Error("the circuit accepts the forgery")
			}
		})
	}
}

// Every group has an attack, and every attack is on one group.
func TestEveryGroupIsAttacked(t *testing.T) {
	attacked := map[string]bool{"bind": true} // TestUnboundContext
	before := reflect.ValueOf(sound())
	for _, a := range attacks {
		g := sound()
		a.weaken(&g)
		after := reflect.ValueOf(g)
		changed := 0
		for i := range after.NumField() {
			if after.Field(i).Pointer() != before.Field(i).Pointer() {
				attacked[after.Type().Field(i).Name] = true
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("%s: changes %d groups, want 1", a.name, changed)
		}
	}
	for i := range before.NumField() {
		if name := before.Type().Field(i).Name; !attacked[name] {
			t.Errorf("there is no attack on the group %s", name)
		}
	}
}

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

// write writes v in binary.
func write(out []*big.Int, v *big.Int) {
	for i := range out {
		out[i].SetUint64(uint64(v.Bit(i)))
	}
}
