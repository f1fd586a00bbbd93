package gadget

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget/poseidon"
)

// Hasher is the in-circuit twin of package poseidon.
type Hasher struct {
	api           frontend.API
	sponge, node4 *Permutation
}

// NewHasher returns a hasher for one circuit.
func NewHasher(api frontend.API) *Hasher {
	return &Hasher{api: api, sponge: NewPermutation(api, poseidon.Width), node4: NewPermutation(api, poseidon.Arity)}
}

// Sum is [poseidon.Sum]: 555 constraints for each 15 elements.
func (h *Hasher) Sum(d poseidon.Domain, in ...frontend.Variable) frontend.Variable {
	var state [poseidon.Width]frontend.Variable
	state[0] = Constant(poseidon.Tag(d, len(in)))
	for i := 1; i < len(state); i++ {
		state[i] = 0
	}
	for {
		n := min(len(in), poseidon.Rate)
		for i := range n {
			state[1+i] = h.api.Add(state[1+i], in[i])
		}
		h.sponge.Permute(state[:])
		in = in[n:]
		if len(in) == 0 {
			return state[1]
		}
	}
}

// Block is [table.HashBlock] for either of two layouts: where wide is 1 a block is two
// rows of 31 to 90 columns, 14 elements; where it is 0 it is four rows of up to 30, 12
// elements, and the other two are shown to be 0. wide must be known to be 0 or 1. It
// costs 559 constraints.
func (h *Hasher) Block(wide frontend.Variable, elements [14]frontend.Variable) frontend.Variable {
	narrowTag, wideTag := poseidon.Tag(poseidon.Block, 12), poseidon.Tag(poseidon.Block, 14)
	more := Constant(*wideTag.Sub(&wideTag, &narrowTag))
	var state [poseidon.Width]frontend.Variable
	state[0] = h.api.Add(h.api.Mul(wide, more), Constant(narrowTag))
	copy(state[1:], elements[:])
	state[15] = 0
	for _, e := range elements[12:] {
		h.api.AssertIsEqual(h.api.Mul(wide, e), e)
	}
	h.sponge.Permute(state[:])
	return state[1]
}

// Node is [poseidon.Node]: 264 constraints.
func (h *Hasher) Node(children [poseidon.Arity]frontend.Variable) frontend.Variable {
	first := children[0]
	h.node4.Permute(children[:])
	return h.api.Add(children[0], first)
}

// Root hashes nodes, a power of four of them, into the root of the tree above.
func (h *Hasher) Root(nodes []frontend.Variable) frontend.Variable {
	for len(nodes) > 1 {
		parents := make([]frontend.Variable, len(nodes)/poseidon.Arity)
		for i := range parents {
			parents[i] = h.Node([poseidon.Arity]frontend.Variable(nodes[poseidon.Arity*i:]))
		}
		nodes = parents
	}
	return nodes[0]
}

// Climb returns the node that a node leads to, given the three siblings on each
// level and the node's position: two binary digits a level, least significant
// first, lowest level first. It costs 267 constraints a level.
//
// The siblings come in the order of [table.Siblings]: the partner in the node's
// pair, then the other pair. Three conditional swaps put all into place: by the low
// digit the node trades places with its partner, by the high one the two pairs do.
func (h *Hasher) Climb(node frontend.Variable, siblings [][poseidon.Arity - 1]frontend.Variable, position []frontend.Variable) frontend.Variable {
	if len(position) != 2*len(siblings) {
		panic("gadget: a position has two digits a level")
	}
	for level, s := range siblings {
		low, high := position[2*level], position[2*level+1]
		a, b := h.swap(low, node, s[0])
		c0, c2 := h.swap(high, a, s[1])
		c1, c3 := h.swap(high, b, s[2])
		node = h.Node([poseidon.Arity]frontend.Variable{c0, c1, c2, c3})
	}
	return node
}

// swap returns (a, b), or (b, a) if the digit is 1. One constraint.
func (h *Hasher) swap(digit, a, b frontend.Variable) (first, second frontend.Variable) {
	moved := h.api.Mul(digit, h.api.Sub(b, a))
	return h.api.Add(a, moved), h.api.Sub(b, moved)
}

// Constant turns a native element into a constant of a circuit, or into a value
// for a witness.
func Constant(e fr.Element) *big.Int { return e.BigInt(new(big.Int)) }
