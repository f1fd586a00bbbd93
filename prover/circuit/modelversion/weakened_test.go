package modelversion

import (
	"math/big"

	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// What follows are the groups, each with its point missing.

// saltsBut leaves out one of the three salts.
func saltsBut(out int) func(frontend.API, *Circuit) {
	return func(api frontend.API, c *Circuit) {
		for i, salt := range []frontend.Variable{c.ReleaseSalt, c.ServedSalt, c.ConfigurationSalt} {
			if i != out {
				gadget.Bits(api, salt, table.SaltBits)
			}
		}
	}
}

func placeWithoutBits(api frontend.API, place frontend.Variable) []frontend.Variable {
	return gadget.Digits(api, place, placeDigits)
}

func releaseAnywhere(api frontend.API, h *gadget.Hasher, c *Circuit, place []frontend.Variable) {
	h.Climb(h.Sum(poseidon.Release, c.Model, c.ReleaseSalt), c.Siblings[:], place)
}

func releaseWithoutLeaf(api frontend.API, h *gadget.Hasher, c *Circuit, place []frontend.Variable) {
	api.AssertIsEqual(h.Sum(poseidon.Approval, h.Climb(c.Model, c.Siblings[:], place)), c.Releases)
}

func releaseWithoutSalt(api frontend.API, h *gadget.Hasher, c *Circuit, place []frontend.Variable) {
	root := h.Climb(h.Sum(poseidon.Release, c.Model, 0), c.Siblings[:], place)
	api.AssertIsEqual(h.Sum(poseidon.Approval, root), c.Releases)
}

func releaseWithoutRootTag(api frontend.API, h *gadget.Hasher, c *Circuit, place []frontend.Variable) {
	api.AssertIsEqual(h.Climb(h.Sum(poseidon.Release, c.Model, c.ReleaseSalt), c.Siblings[:], place), c.Releases)
}

func servedWithoutSalt(api frontend.API, h *gadget.Hasher, c *Circuit) {
	api.AssertIsEqual(h.Sum(poseidon.Served, c.Model, 0), c.Weights)
}

func binaryInAnyOrder(api frontend.API, s []Setting) {
	for i := range s {
		api.AssertIsBoolean(s[i].Real)
	}
}

func valueWithoutEdge(api frontend.API, value frontend.Variable) {
	gadget.Bits(api, api.Add(value, new(big.Int).Lsh(big.NewInt(1), valueBits)), valueBits+1)
}

func neighboursDiffer(api frontend.API, s []Setting) {
	for j := 1; j < len(s); j++ {
		assertNotZero(api, s[j].Real, api.Sub(s[j].Key, s[j-1].Key))
	}
}

func slotWithoutPadding(_ frontend.API, s *Setting) []frontend.Variable {
	return []frontend.Variable{s.Key, s.Value}
}

func configurationWithoutSalt(api frontend.API, h *gadget.Hasher, c *Circuit, entries []frontend.Variable) {
	salt := c.ConfigurationSalt
	c.ConfigurationSalt = 0
	commitConfiguration(api, h, c, entries)
	c.ConfigurationSalt = salt
}

func configurationWithoutNumber(api frontend.API, h *gadget.Hasher, c *Circuit, entries []frontend.Variable) {
	list := append([]frontend.Variable{settings, c.ConfigurationSalt}, entries...)
	api.AssertIsEqual(h.Sum(poseidon.Configuration, list...), c.Configuration)
}

func flagsWithoutBits(api frontend.API, flags frontend.Variable) []frontend.Variable {
	return gadget.Digits(api, flags, conditions*comparisons)
}

// tooCool isn't true of what the tests serve.
var tooCool = is("temperature", "<=", 10)

// predicatesWithout has part of the first condition as tooCool has it, whatever the prover compares with.
func predicatesWithout(flags, key, bounds bool) func(frontend.API, *gadget.Hasher, *Circuit) {
	return func(api frontend.API, h *gadget.Hasher, c *Circuit) {
		p, err := statement.NewPredicates([]event.Predicate{tooCool})
		if err != nil {
			panic(err)
		}
		stated, part := p.Encode(), *c
		if flags {
			part.Flags = gadget.Constant(stated[0])
		}
		if key {
			part.Conditions[0].Key = gadget.Constant(stated[1])
		}
		for j := range part.Conditions[0].Bounds {
			if bounds {
				part.Conditions[0].Bounds[j] = gadget.Constant(stated[2+j])
			}
		}
		hashPredicates(api, h, &part)
	}
}

func settingWithoutBits(api frontend.API, used frontend.Variable, q *Condition, s []Setting) frontend.Variable {
	return settingAt(api, gadget.Digits(api, q.Slot, slotDigits), used, q, s)
}

func settingOfAnyKey(api frontend.API, used frontend.Variable, q *Condition, s []Setting) frontend.Variable {
	var real, value [settings]frontend.Variable
	for i := range s {
		real[i], value[i] = s[i].Real, s[i].Value
	}
	digits := gadget.Bits(api, q.Slot, slotDigits)
	api.AssertIsEqual(api.Mul(used, api.Sub(1, gadget.Mux(api, digits, real[:]))), 0)
	return gadget.Mux(api, digits, value[:])
}

func settingEvenIfPadding(api frontend.API, used frontend.Variable, q *Condition, s []Setting) frontend.Variable {
	var key, value [settings]frontend.Variable
	for i := range s {
		key[i], value[i] = s[i].Key, s[i].Value
	}
	digits := gadget.Bits(api, q.Slot, slotDigits)
	api.AssertIsEqual(api.Mul(used, api.Sub(q.Key, gadget.Mux(api, digits, key[:]))), 0)
	return gadget.Mux(api, digits, value[:])
}

func settingIfPresent(api frontend.API, used frontend.Variable, q *Condition, s []Setting) frontend.Variable {
	var real, key, value [settings]frontend.Variable
	for i := range s {
		real[i], key[i], value[i] = s[i].Real, s[i].Key, s[i].Value
	}
	digits := gadget.Bits(api, q.Slot, slotDigits)
	same := api.IsZero(api.Sub(q.Key, gadget.Mux(api, digits, key[:])))
	api.AssertIsEqual(api.Mul(used, same, api.Sub(1, gadget.Mux(api, digits, real[:]))), 0)
	return api.Mul(same, gadget.Mux(api, digits, value[:])) // an absent key counts as 0
}

func orderWithoutSign(api frontend.API, atMost, atLeast, value, bound frontend.Variable) {
	difference := api.Mul(api.Sub(atLeast, atMost), api.Sub(value, bound))
	gadget.Bits(api, api.Add(difference, new(big.Int).Lsh(big.NewInt(1), valueBits+1)), valueBits+2)
}

func orderOfAtMostAlone(api frontend.API, atMost, _, value, bound frontend.Variable) {
	inOrder(api, atMost, 0, value, bound)
}

// orderOfRemainders compares only the low 53 digits, as if values were unsigned and of that size.
func orderOfRemainders(api frontend.API, atMost, atLeast, value, bound frontend.Variable) {
	offset := new(big.Int).Lsh(big.NewInt(1), valueBits)
	low := func(x frontend.Variable) frontend.Variable {
		return gadget.Sum(api, gadget.Bits(api, api.Add(x, offset), valueBits+1)[:valueBits])
	}
	inOrder(api, atMost, atLeast, low(value), low(bound))
}
