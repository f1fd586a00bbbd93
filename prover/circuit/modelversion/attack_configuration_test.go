package modelversion

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/statement"
)

var configurationAttacks = []attack{
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
