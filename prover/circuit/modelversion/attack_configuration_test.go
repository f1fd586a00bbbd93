package modelversion

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/statement"
)

var configurationAttacks = []attack{
	{
		Name:   "flags that are not binary: one and two halves make two settings",
		Weaken: func(g *groups) { g.real = func(frontend.API, []Setting) {} },
		Forge: func(t *testing.T) *Circuit {
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
		},
	},
	{
		Name:   "a gap in the list: a real setting behind padding",
		Weaken: func(g *groups) { g.real = binaryInAnyOrder },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.Settings[2], c.Settings[3] = c.Settings[3], c.Settings[2]
			all := entries(s.w.Configuration)
			none := [2]fr.Element{poseidon.Empty(poseidon.EmptySetting)}
			c.Configuration = list(num(3), s.w.Configuration.Salt.Element(), all[0], all[1], none, all[2])
			return c
		},
	},
	{
		Name:   "a value too large for the comparison",
		Weaken: func(g *groups) { g.value = func(frontend.API, frontend.Variable) {} },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t, is("temperature", ">=", 1<<53-1))
			s.w.Configuration.Settings[slotOf(t, s, "temperature")].Value = 1 << 53
			s.restate(t)
			return assign(t, s)
		},
	},
	{
		Name:   "a value of −2^53, which no configuration can have",
		Weaken: func(g *groups) { g.value = valueWithoutEdge },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t, is("temperature", "<=", 0))
			s.w.Configuration.Settings[slotOf(t, s, "temperature")].Value = -1 << 53
			s.restate(t)
			return assign(t, s)
		},
	},
	{
		Name:   "a key twice, with a value for each predicate",
		Weaken: func(g *groups) { g.keys = func(frontend.API, []Setting) {} },
		Forge:  twoTemperatures,
	},
	{
		Name:   "a key twice, with another one in between",
		Weaken: func(g *groups) { g.keys = neighboursDiffer },
		Forge:  twoTemperatures,
	},
	{
		Name:   "a setting shown in padding, beyond the number of settings",
		Weaken: func(g *groups) { g.slot = slotWithoutPadding },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			extra := [2]fr.Element{statement.SettingKey("hidden"), num(1)}
			c.Settings[3].Key, c.Settings[3].Value = gadget.Constant(extra[0]), 1
			c.Configuration = list(num(3), s.w.Configuration.Salt.Element(), append(entries(s.w.Configuration), extra)...)
			return c
		},
	},
	{
		Name: "another configuration",
		Weaken: func(g *groups) {
			g.configuration = func(frontend.API, *gadget.Hasher, *Circuit, []frontend.Variable) {}
		},
		Forge: func(t *testing.T) *Circuit {
			s := serves(t, is("temperature", "<=", 10))
			s.w.Configuration.Settings[slotOf(t, s, "temperature")].Value = 0 // in truth it is 700
			return assign(t, s)
		},
	},
	{
		Name:   "a configuration whose salt is cut",
		Weaken: func(g *groups) { g.configuration = configurationWithoutSalt },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.Configuration = list(num(3), fr.Element{}, entries(s.w.Configuration)...)
			return c
		},
	},
	{
		Name:   "padding as settings: sixteen are committed to, three are there",
		Weaken: func(g *groups) { g.configuration = configurationWithoutNumber },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t)
			c := assign(t, s)
			c.Configuration = list(num(settings), s.w.Configuration.Salt.Element(), entries(s.w.Configuration)...)
			return c
		},
	},
	{
		Name:   "flags of comparisons that are not binary: ≥ written as two times ≤",
		Weaken: func(g *groups) { g.flags = flagsWithoutBits },
		Forge: func(t *testing.T) *Circuit {
			// 2^3, at least, is written 2·2^2: minus two times the difference, which a value too small has positive.
			return assign(t, serves(t, is("temperature", ">=", 800)))
		},
		Digits: func(_ *testing.T, v *big.Int, out []*big.Int) bool {
			if len(out) != conditions*comparisons || v.Cmp(big.NewInt(1<<3)) != 0 {
				return false
			}
			circuittest.WriteBits(out, new(big.Int))
			out[2].SetInt64(2)
			return true
		},
	},
	{
		Name:   "other predicates than those of the claims",
		Weaken: func(g *groups) { g.predicates = func(frontend.API, *gadget.Hasher, *Circuit) {} },
		Forge: func(t *testing.T) *Circuit {
			c := assign(t, serves(t, is("temperature", "<=", 700)))
			c.Predicates = number(serves(t, is("temperature", "<=", 10)).p.Predicates.Commit())
			return c
		},
	},
	{
		Name:   "a predicate as padding",
		Weaken: func(g *groups) { g.predicates = predicatesWithout(true, false, false) },
		Forge: func(t *testing.T) *Circuit {
			c := assign(t, serves(t, tooCool))
			c.Flags = 0 // the flags alone tell predicates from padding
			return c
		},
	},
	{
		Name:   "a predicate about another key",
		Weaken: func(g *groups) { g.predicates = predicatesWithout(false, true, false) },
		Forge: func(t *testing.T) *Circuit {
			c := assign(t, serves(t, is("bias", "<=", 10)))
			c.Predicates = number(serves(t, tooCool).p.Predicates.Commit())
			return c
		},
	},
	{
		Name:   "a predicate with another bound",
		Weaken: func(g *groups) { g.predicates = predicatesWithout(false, false, true) },
		Forge: func(t *testing.T) *Circuit {
			c := assign(t, serves(t, is("temperature", "<=", 1000)))
			c.Predicates = number(serves(t, tooCool).p.Predicates.Commit())
			return c
		},
	},
	{
		Name:   "a slot that is a fraction: an absent key between two that are there",
		Weaken: func(g *groups) { g.setting = settingWithoutBits },
		Forge: func(t *testing.T) *Circuit {
			s := serves(t, is("absent", "!=", 0))
			c := assign(t, s)
			k0, k1 := statement.SettingKey(s.w.Configuration.Settings[0].Key), statement.SettingKey(s.w.Configuration.Settings[1].Key)
			d := div(sub(statement.SettingKey("absent"), k0), sub(k1, k0))
			c.Conditions[0].Slot = gadget.Constant(d)
			return c
		},
		Digits: func(_ *testing.T, v *big.Int, out []*big.Int) bool {
			if len(out) != slotDigits || v.BitLen() <= slotDigits { // all slots but the fraction are small
				return false
			}
			circuittest.WriteBits(out, new(big.Int))
			out[0].Set(v)
			return true
		},
	},
	{
		Name:   "an absent key that satisfies ≠ by another key's value",
		Weaken: func(g *groups) { g.setting = settingOfAnyKey },
		Forge:  claims(is("absent", "!=", 3)),
	},
	{
		Name:   "an absent key that satisfies ≠ because it counts as 0",
		Weaken: func(g *groups) { g.setting = settingIfPresent },
		Forge:  claims(is("absent", "!=", 3)),
	},
	{
		Name:   "a key that stands in padding only",
		Weaken: func(g *groups) { g.setting = settingEvenIfPadding },
		Forge: func(t *testing.T) *Circuit {
			c := assign(t, serves(t, is("absent", "=", 1)))
			c.Settings[5].Key, c.Settings[5].Value = gadget.Constant(statement.SettingKey("absent")), 1
			c.Conditions[0].Slot = 5
			return c
		},
	},
	{
		Name: "a value above the bound",
		Weaken: func(g *groups) {
			g.order = func(frontend.API, frontend.Variable, frontend.Variable, frontend.Variable, frontend.Variable) {}
		},
		Forge: claims(is("temperature", "<=", 699)),
	},
	{
		Name:   "a negative value below a bound of zero",
		Weaken: func(g *groups) { g.order = orderOfAtMostAlone },
		Forge:  claims(is("bias", ">=", 0)),
	},
	{
		Name:   "a negative bound below the value",
		Weaken: func(g *groups) { g.order = orderWithoutSign },
		Forge:  claims(is("tools", "<=", -1)),
	},
	{
		Name:   "a comparison that wraps around: −5 counted as a number of 53 digits",
		Weaken: func(g *groups) { g.order = orderOfRemainders },
		Forge:  claims(is("bias", ">=", 700)),
	},
	{
		Name:   "another value than the one stated",
		Weaken: func(g *groups) { g.member = func(frontend.API, frontend.Variable, frontend.Variable) {} },
		Forge:  claims(is("temperature", "=", 10)),
	},
	{
		Name:   "a value outside of the set",
		Weaken: func(g *groups) { g.member = func(frontend.API, frontend.Variable, frontend.Variable) {} },
		Forge:  claims(is("bias", "in", 5, 4, 3)),
	},
	{
		Name:   "the very value that it should not be",
		Weaken: func(g *groups) { g.differ = func(frontend.API, frontend.Variable, frontend.Variable) {} },
		Forge:  claims(is("tools", "!=", 0)),
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
