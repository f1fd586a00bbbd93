package modelversion

import (
	"math/big"
	"reflect"
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

var attacks = []attack{
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
	{
		name:   "flags that are not binary: one and two halves make two settings",
		weaken: func(g *groups) { g.real = func(frontend.API, []Setting) {} },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			half := div(num(1), num(2))
			all := entries(s.w.Configuration)
			none := [2]fr.Element{poseidon.Empty(poseidon.EmptySetting)}
			for i := 1; i < 3; i++ {
				c.Settings[i].Real = gadget.Constant(half)
				for k := range all[i] {
					all[i][k] = mul(half, add(all[i][k], none[k]))
				}
			}
			c.Configuration = list(num(2), s.w.Configuration.Salt.Element(), all...)
			return c
		}),
	},
	{
		name:   "a gap in the list: a real setting behind padding",
		weaken: func(g *groups) { g.real = binaryInAnyOrder },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.Settings[2], c.Settings[3] = c.Settings[3], c.Settings[2]
			all := entries(s.w.Configuration)
			none := [2]fr.Element{poseidon.Empty(poseidon.EmptySetting)}
			c.Configuration = list(num(3), s.w.Configuration.Salt.Element(), all[0], all[1], none, all[2])
			return c
		}),
	},
	{
		name:   "a value too large for the comparison",
		weaken: func(g *groups) { g.value = func(frontend.API, frontend.Variable) {} },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t, is("temperature", ">=", 1<<53-1))
			s.w.Configuration.Settings[slotOf(t, s, "temperature")].Value = 1 << 53
			s.restate(t)
			return assign(t, s)
		}),
	},
	{
		name:   "a value of −2^53, which no configuration can have",
		weaken: func(g *groups) { g.value = valueWithoutEdge },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t, is("temperature", "<=", 0))
			s.w.Configuration.Settings[slotOf(t, s, "temperature")].Value = -1 << 53
			s.restate(t)
			return assign(t, s)
		}),
	},
	{
		name:   "a key twice, with a value for each predicate",
		weaken: func(g *groups) { g.keys = func(frontend.API, []Setting) {} },
		forge:  plain(twoTemperatures),
	},
	{
		name:   "a key twice, with another one in between",
		weaken: func(g *groups) { g.keys = neighboursDiffer },
		forge:  plain(twoTemperatures),
	},
	{
		name:   "a setting shown in padding, beyond the number of settings",
		weaken: func(g *groups) { g.slot = slotWithoutPadding },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			extra := [2]fr.Element{statement.SettingKey("hidden"), num(1)}
			c.Settings[3].Key, c.Settings[3].Value = gadget.Constant(extra[0]), 1
			c.Configuration = list(num(3), s.w.Configuration.Salt.Element(), append(entries(s.w.Configuration), extra)...)
			return c
		}),
	},
	{
		name: "another configuration",
		weaken: func(g *groups) {
			g.configuration = func(frontend.API, *gadget.Hasher, *Circuit, []frontend.Variable) {}
		},
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t, is("temperature", "<=", 10))
			s.w.Configuration.Settings[slotOf(t, s, "temperature")].Value = 0 // in truth it is 700
			return assign(t, s)
		}),
	},
	{
		name:   "a configuration whose salt is cut",
		weaken: func(g *groups) { g.configuration = configurationWithoutSalt },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.Configuration = list(num(3), fr.Element{}, entries(s.w.Configuration)...)
			return c
		}),
	},
	{
		name:   "padding as settings: sixteen are committed to, three are there",
		weaken: func(g *groups) { g.configuration = configurationWithoutNumber },
		forge: plain(func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.Configuration = list(num(settings), s.w.Configuration.Salt.Element(), entries(s.w.Configuration)...)
			return c
		}),
	},
	{
		name:   "flags of comparisons that are not binary: ≥ written as two times ≤",
		weaken: func(g *groups) { g.flags = flagsWithoutBits },
		forge: func(t *testing.T) (*Circuit, func(*big.Int, []*big.Int) bool) {
			// 2^3, at least, is written 2·2^2: minus two times the difference, which a value too small has positive.
			c := assign(t, serves(t, is("temperature", ">=", 800)))
			return c, func(v *big.Int, out []*big.Int) bool {
				if len(out) != conditions*comparisons || v.Cmp(big.NewInt(1<<3)) != 0 {
					return false
				}
				write(out, new(big.Int))
				out[2].SetInt64(2)
				return true
			}
		},
	},
	{
		name:   "other predicates than those of the claims",
		weaken: func(g *groups) { g.predicates = func(frontend.API, *gadget.Hasher, *Circuit) {} },
		forge: plain(func(t *testing.T) *Circuit {
			c := assign(t, serves(t, is("temperature", "<=", 700)))
			c.Predicates = number(serves(t, is("temperature", "<=", 10)).p.Predicates.Commit())
			return c
		}),
	},
	{
		name:   "a predicate as padding",
		weaken: func(g *groups) { g.predicates = predicatesWithout(true, false, false) },
		forge: plain(func(t *testing.T) *Circuit {
			c := assign(t, serves(t, tooCool))
			c.Flags = 0 // the flags alone tell predicates from padding
			return c
		}),
	},
	{
		name:   "a predicate about another key",
		weaken: func(g *groups) { g.predicates = predicatesWithout(false, true, false) },
		forge: plain(func(t *testing.T) *Circuit {
			c := assign(t, serves(t, is("bias", "<=", 10)))
			c.Predicates = number(serves(t, tooCool).p.Predicates.Commit())
			return c
		}),
	},
	{
		name:   "a predicate with another bound",
		weaken: func(g *groups) { g.predicates = predicatesWithout(false, false, true) },
		forge: plain(func(t *testing.T) *Circuit {
			c := assign(t, serves(t, is("temperature", "<=", 1000)))
			c.Predicates = number(serves(t, tooCool).p.Predicates.Commit())
			return c
		}),
	},
	{
		name:   "a slot that is a fraction: an absent key between two that are there",
		weaken: func(g *groups) { g.setting = settingWithoutBits },
		forge: func(t *testing.T) (*Circuit, func(*big.Int, []*big.Int) bool) {
			s := serves(t, is("absent", "!=", 0))
			c := assign(t, s)
			k0, k1 := statement.SettingKey(s.w.Configuration.Settings[0].Key), statement.SettingKey(s.w.Configuration.Settings[1].Key)
			d := div(sub(statement.SettingKey("absent"), k0), sub(k1, k0))
			c.Conditions[0].Slot = gadget.Constant(d)
			return c, func(v *big.Int, out []*big.Int) bool {
				if len(out) != slotDigits || v.Cmp(gadget.Constant(d)) != 0 {
					return false
				}
				write(out, new(big.Int))
				out[0].Set(v)
				return true
			}
		},
	},
	{
		name:   "an absent key that satisfies ≠ by another key's value",
		weaken: func(g *groups) { g.setting = settingOfAnyKey },
		forge:  claims(is("absent", "!=", 3)),
	},
	{
		name:   "an absent key that satisfies ≠ because it counts as 0",
		weaken: func(g *groups) { g.setting = settingIfPresent },
		forge:  claims(is("absent", "!=", 3)),
	},
	{
		name:   "a key that stands in padding only",
		weaken: func(g *groups) { g.setting = settingEvenIfPadding },
		forge: plain(func(t *testing.T) *Circuit {
			c := assign(t, serves(t, is("absent", "=", 1)))
			c.Settings[5].Key, c.Settings[5].Value = gadget.Constant(statement.SettingKey("absent")), 1
			c.Conditions[0].Slot = 5
			return c
		}),
	},
	{
		name: "a value above the bound",
		weaken: func(g *groups) {
			g.order = func(frontend.API, frontend.Variable, frontend.Variable, frontend.Variable, frontend.Variable) {}
		},
		forge: claims(is("temperature", "<=", 699)),
	},
	{
		name:   "a negative value below a bound of zero",
		weaken: func(g *groups) { g.order = orderOfAtMostAlone },
		forge:  claims(is("bias", ">=", 0)),
	},
	{
		name:   "a negative bound below the value",
		weaken: func(g *groups) { g.order = orderWithoutSign },
		forge:  claims(is("tools", "<=", -1)),
	},
	{
		name:   "a comparison that wraps around: −5 counted as a number of 53 digits",
		weaken: func(g *groups) { g.order = orderOfRemainders },
		forge:  claims(is("bias", ">=", 700)),
	},
	{
		name:   "another value than the one stated",
		weaken: func(g *groups) { g.member = func(frontend.API, frontend.Variable, frontend.Variable) {} },
		forge:  claims(is("temperature", "=", 10)),
	},
	{
		name:   "a value outside of the set",
		weaken: func(g *groups) { g.member = func(frontend.API, frontend.Variable, frontend.Variable) {} },
		forge:  claims(is("bias", "in", 5, 4, 3)),
	},
	{
		name:   "the very value that it should not be",
		weaken: func(g *groups) { g.differ = func(frontend.API, frontend.Variable, frontend.Variable) {} },
		forge:  claims(is("tools", "!=", 0)),
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

// twoTemperatures has the temperature twice, with a value that each of two predicates likes.
func twoTemperatures(t *testing.T) *Circuit {
	s := serves(t, is("temperature", ">=", 700), is("temperature", "<=", 0))
	list := s.w.Configuration.Settings
	list[0], list[1] = statement.Setting{Key: "temperature", Value: 700}, statement.Setting{Key: "tools", Value: 0}
	list[2] = statement.Setting{Key: "temperature", Value: 0}
	s.restate(t)
	c := assign(t, s)
	c.Conditions[0].Slot, c.Conditions[1].Slot = 0, 2
	return c
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
