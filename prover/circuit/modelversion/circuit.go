// Package modelversion is the circuit of the model-version statement: the weights that are served are those of an approved
// release, and the hidden configuration satisfies the public predicates.
//
// # How it works
//
// An approval commits to a tree of releases, whose leaves hash the commitment W to a model's weights with a salt. The prover
// opens a leaf and climbs five levels to the root, without showing which leaf. The same W, hashed with another salt, is
// public as the served weights. Where the model isn't to be known, that salt is fresh and secret; where it is, the verifier
// hashes the W that the claims state with a salt of zeros, and the circuit need not know which of the two it is proving.
//
// The configuration is a committed list of up to 16 pairs of key and value. Keys are 248-bit digests, and no two of them are
// equal: the product of their differences has an inverse. Values are integers v with |v| < 2^53.
//
// The predicates are hashed into one public input by the verifier, who knows them, so nothing about their form has to be
// proven: at most one comparison each, bounds in range. For each predicate the prover names a slot; that slot must be real and have the
// predicate's key. So a predicate about an absent key can't be proven, not even an inequality. One difference
// serves ≤ and ≥, one product of eight differences serves =, ≠ and membership.
//
// # Constraints
//
//	leaf, served, root  1,665   three sponge calls
//	climb               1,346   five levels, ten digits of the place
//	salts                 387   three times 128 digits
//	values                896   54 digits each, and one value less
//	keys                  135   105 products, and an inverse a slot
//	real, slots            48   flags, key and value or the empty setting
//	configuration       1,665   three sponge calls over 34 elements
//	flags                  41   40 digits
//	predicates          2,775   five sponge calls over 73 elements
//	each predicate        121   slot 54, order 56, set 9, difference 2
//	public inputs           9   one each, and four comparisons
//
// # Groups
//
// As in package dataaccess, the constraints are written as groups, one function each, and for each there is an attack test in
// which a forged witness passes the circuit without that group and fails the circuit with it.
package modelversion

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Shape of the circuit; it is that of package statement.
const (
	placeDigits = 2 * statement.ReleaseDepth
	settings    = statement.MaxSettings
	slotDigits  = 4 // 2^4 settings
	conditions  = event.MaxPredicates
	set         = event.MaxSet
	comparisons = statement.Comparisons
	valueBits   = statement.ValueBits
)

// Circuit is the circuit with its inputs. As a shape for compiling its zero value will do; as an assignment, make it with
// [Assign].
type Circuit struct {
	Context       frontend.Variable `gnark:",public"` // ties the proof to one event
	Releases      frontend.Variable `gnark:",public"` // the commitment to the approved releases
	Weights       frontend.Variable `gnark:",public"` // H(W, salt)
	Configuration frontend.Variable `gnark:",public"` // the commitment to the configuration
	Predicates    frontend.Variable `gnark:",public"` // the hash of the predicates

	Model       frontend.Variable // W: the commitment to the model's weights
	ReleaseSalt frontend.Variable
	Place       frontend.Variable // of the release in the tree
	Siblings    [statement.ReleaseDepth][poseidon.Arity - 1]frontend.Variable
	ServedSalt  frontend.Variable

	ConfigurationSalt frontend.Variable
	Settings          [settings]Setting

	Flags      frontend.Variable // which predicate makes which comparison
	Conditions [conditions]Condition
}

// Setting is a slot of the configuration.
type Setting struct {
	Real  frontend.Variable // 1: a setting; 0: padding
	Key   frontend.Variable
	Value frontend.Variable
}

// Condition is a slot for a predicate.
type Condition struct {
	Key    frontend.Variable
	Bounds [set]frontend.Variable
	Slot   frontend.Variable // of the configuration, where the key stands
}

// Compile returns the constraint system. It refuses a circuit with unconstrained wires.
func Compile() (constraint.ConstraintSystem, error) {
	ccs, err := gadget.Compile(new(Circuit))
	if err != nil {
		return nil, fmt.Errorf("model version: %w", err)
	}
	return ccs, nil
}

// Define builds the constraints.
func (c *Circuit) Define(api frontend.API) error { return define(api, c, sound()) }

// groups are the circuit's groups of constraints; sound has the real ones. Tests replace one at a time.
type groups struct {
	bind          func(api frontend.API, c *Circuit)
	salts         func(api frontend.API, c *Circuit)
	place         func(api frontend.API, place frontend.Variable) (digits []frontend.Variable)
	release       func(api frontend.API, h *gadget.Hasher, c *Circuit, place []frontend.Variable)
	served        func(api frontend.API, h *gadget.Hasher, c *Circuit)
	real          func(api frontend.API, s []Setting)
	value         func(api frontend.API, value frontend.Variable)
	keys          func(api frontend.API, s []Setting)
	slot          func(api frontend.API, s *Setting) (entry []frontend.Variable)
	configuration func(api frontend.API, h *gadget.Hasher, c *Circuit, entries []frontend.Variable)
	flags         func(api frontend.API, flags frontend.Variable) (digits []frontend.Variable)
	predicates    func(api frontend.API, h *gadget.Hasher, c *Circuit)
	setting       func(api frontend.API, used frontend.Variable, q *Condition, s []Setting) (value frontend.Variable)
	order         func(api frontend.API, atMost, atLeast, value, bound frontend.Variable)
	member        func(api frontend.API, among, product frontend.Variable)
	differ        func(api frontend.API, unequal, product frontend.Variable)
}

func sound() groups {
	return groups{
		bindPublic, saltsInRange, placeInRange, climb, serve, realFirst, valueInRange, distinctKeys, listSlot, commitConfiguration,
		comparisonFlags, hashPredicates, pickSetting, inOrder, inSet, unequalTo,
	}
}

func define(api frontend.API, c *Circuit, g groups) error {
	h := gadget.NewHasher(api)
	g.bind(api, c)
	g.salts(api, c)
	g.release(api, h, c, g.place(api, c.Place))
	g.served(api, h, c)

	s := c.Settings[:]
	g.real(api, s)
	g.keys(api, s)
	var entries []frontend.Variable
	for i := range s {
		g.value(api, s[i].Value)
		entries = append(entries, g.slot(api, &s[i])...)
	}
	g.configuration(api, h, c, entries)

	flags := g.flags(api, c.Flags)
	g.predicates(api, h, c)
	for i := range c.Conditions {
		q := &c.Conditions[i]
		is := flags[comparisons*i : comparisons*(i+1)]
		equal, unequal, atMost, atLeast, in := is[0], is[1], is[2], is[3], is[4]
		value := g.setting(api, api.Add(equal, unequal, atMost, atLeast, in), q, s)
		g.order(api, atMost, atLeast, value, q.Bounds[0])

		product := api.Sub(value, q.Bounds[0])
		for _, b := range q.Bounds[1:] {
			product = api.Mul(product, api.Sub(value, b))
		}
		g.member(api, api.Add(equal, in), product)
		g.differ(api, unequal, product)
	}
	return nil
}

// bindPublic gives each public input a constraint of its own. The context is in no other: without this, a proof would
// serve any event.
func bindPublic(api frontend.API, c *Circuit) {
	gadget.BindPublic(api, c.Context, c.Releases, c.Weights, c.Configuration, c.Predicates)
}

// saltsInRange shows that the three salts have 128 bits, so that what is proven can be disclosed in the form that an auditor
// knows.
func saltsInRange(api frontend.API, c *Circuit) {
	for _, salt := range []frontend.Variable{c.ReleaseSalt, c.ServedSalt, c.ConfigurationSalt} {
		gadget.Bits(api, salt, table.SaltBits)
	}
}

// placeInRange splits the place into its ten digits. They must be binary: at a place of the right fraction any leaf at all
// would lead to the root.
func placeInRange(api frontend.API, place frontend.Variable) []frontend.Variable {
	return gadget.Bits(api, place, placeDigits)
}

// climb shows that the model, with its release's salt, is a leaf of the approved releases. A leaf is tagged, so that neither an
// empty leaf nor an inner node nor another hash can stand for one; so is what is made of the root.
func climb(api frontend.API, h *gadget.Hasher, c *Circuit, place []frontend.Variable) {
	leaf := h.Sum(poseidon.Release, c.Model, c.ReleaseSalt)
	root := h.Climb(leaf, c.Siblings[:], place)
	api.AssertIsEqual(h.Sum(poseidon.Approval, root), c.Releases)
}

// serve ties the served weights to the model that was shown to be approved.
func serve(api frontend.API, h *gadget.Hasher, c *Circuit) {
	api.AssertIsEqual(h.Sum(poseidon.Served, c.Model, c.ServedSalt), c.Weights)
}

// realFirst shows that the flags are binary and that real slots come first. With real slots behind padding one configuration
// would have many lists, none of them in the form that an auditor opens, and keys would be compared in vain.
func realFirst(api frontend.API, s []Setting) {
	last := len(s) - 1
	api.AssertIsBoolean(s[last].Real)
	for i := last; i > 0; i-- {
		gadget.AssertImplies(api, s[i].Real, s[i-1].Real)
	}
}

// valueInRange shows that |v| < 2^53, so that a difference of two such numbers has a sign: its size is below 2^54, far from
// the field's order.
func valueInRange(api frontend.API, value frontend.Variable) {
	offset := new(big.Int).Lsh(big.NewInt(1), valueBits)
	up := api.Add(value, offset)
	gadget.Bits(api, up, valueBits+1)
	api.AssertIsDifferent(up, 0) // or −2^53 would do, which no configuration can have
}

// distinctKeys shows that each real slot's key differs from the keys before it: else a key could stand twice, and each
// predicate about it choose the value that suits it.
func distinctKeys(api frontend.API, s []Setting) {
	for j := 1; j < len(s); j++ {
		product := api.Sub(s[j].Key, s[0].Key)
		for i := 1; i < j; i++ {
			product = api.Mul(product, api.Sub(s[j].Key, s[i].Key))
		}
		assertNotZero(api, s[j].Real, product)
	}
}

// assertNotZero proves that x isn't 0 where the condition, 0 or 1, is 1. Two constraints.
func assertNotZero(api frontend.API, condition, x frontend.Variable) {
	api.AssertIsDifferent(api.Add(1, api.Mul(condition, api.Sub(x, 1))), 0)
}

// listSlot returns what a slot adds to the list: key and value if it is real, else the empty setting.
func listSlot(api frontend.API, s *Setting) []frontend.Variable {
	empty := gadget.Constant(poseidon.Empty(poseidon.EmptySetting))
	return []frontend.Variable{
		api.Add(api.Mul(s.Real, api.Sub(s.Key, empty)), empty),
		api.Mul(s.Real, s.Value),
	}
}

// commitConfiguration ties the list to its commitment. Number and salt are hashed too: the salt keeps anyone from trying out
// configurations.
func commitConfiguration(api frontend.API, h *gadget.Hasher, c *Circuit, entries []frontend.Variable) {
	n := frontend.Variable(0)
	for i := range c.Settings {
		n = api.Add(n, c.Settings[i].Real)
	}
	list := append([]frontend.Variable{n, c.ConfigurationSalt}, entries...)
	api.AssertIsEqual(h.Sum(poseidon.Configuration, list...), c.Configuration)
}

// comparisonFlags splits the flags. They must be binary: a flag of 2 for one comparison adds up to a flag of 1 for the next.
func comparisonFlags(api frontend.API, flags frontend.Variable) []frontend.Variable {
	return gadget.Bits(api, flags, conditions*comparisons)
}

// hashPredicates ties flags, keys and bounds to the predicates of the claims.
func hashPredicates(api frontend.API, h *gadget.Hasher, c *Circuit) {
	list := []frontend.Variable{c.Flags}
	for i := range c.Conditions {
		list = append(append(list, c.Conditions[i].Key), c.Conditions[i].Bounds[:]...)
	}
	api.AssertIsEqual(h.Sum(poseidon.Predicates, list...), c.Predicates)
}

// pickSetting returns the value of the slot that the prover names, and shows that the slot is real and has the predicate's
// key, unless there is no predicate. The slot's digits must be binary: between two keys, at the right fraction, lies any other.
func pickSetting(api frontend.API, used frontend.Variable, q *Condition, s []Setting) frontend.Variable {
	return settingAt(api, gadget.Bits(api, q.Slot, slotDigits), used, q, s)
}

func settingAt(api frontend.API, digits []frontend.Variable, used frontend.Variable, q *Condition, s []Setting) frontend.Variable {
	var real, key, value [settings]frontend.Variable
	for i := range s {
		real[i], key[i], value[i] = s[i].Real, s[i].Key, s[i].Value
	}
	api.AssertIsEqual(api.Mul(used, api.Sub(1, gadget.Mux(api, digits, real[:]))), 0)
	api.AssertIsEqual(api.Mul(used, api.Sub(q.Key, gadget.Mux(api, digits, key[:]))), 0)
	return gadget.Mux(api, digits, value[:])
}

// inOrder shows that the value is at most, or at least, the bound, if the predicate says so. Their difference must be small: a
// negative one is among the field's largest numbers.
func inOrder(api frontend.API, atMost, atLeast, value, bound frontend.Variable) {
	difference := api.Mul(api.Sub(atLeast, atMost), api.Sub(value, bound))
	gadget.Bits(api, difference, valueBits+1)
}

// inSet shows that the value is one of the bounds, if the predicate says so: the product of the differences is zero.
func inSet(api frontend.API, among, product frontend.Variable) {
	api.AssertIsEqual(api.Mul(among, product), 0)
}

// unequalTo shows that the value is none of the bounds, if the predicate says so.
func unequalTo(api frontend.API, unequal, product frontend.Variable) {
	assertNotZero(api, unequal, product)
}
