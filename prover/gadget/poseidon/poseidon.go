// Package poseidon is attestlog's one hash for circuits, in plain Go: Poseidon2
// over the scalar field of BN254, with full security margin and domain separation.
//
// SHA-256 costs some thirty thousand constraints a block in a circuit; Poseidon2
// (https://eprint.iacr.org/2023/323) works on field elements and costs a few
// hundred. Whatever a proof speaks about is therefore committed with this hash,
// whatever only people check (events, trees, files) with SHA-256.
//
// Three things are built on the permutation, and nothing else may be:
//
//   - [Sum], a sponge of width 16 for data. Lane 0, the capacity, starts as a
//     [Tag] of the domain and the number of elements, so that no two uses and no
//     two lengths can share a hash; lanes 1 to 15 take the input.
//   - [Node], four to one, for the interior of trees of fixed depth.
//   - [Empty], a tag that stands where there is no data.
//
// The number of rounds is always stated. The libraries' default constructors use
// 6 full and 50 partial rounds; we use 8 and 56 (8 and 57 from width 8 on), the
// designers' numbers with their margin. The bytes are in prover/gadget/SPEC.md
// and vectors in testdata/hash.
//
// The package links gnark-crypto's field arithmetic only, so that a verifier, a
// command or a browser can hash without any proof system. Its twin inside
// circuits is the package prover/gadget.
package poseidon

import (
	"fmt"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/poseidon2"
)

// Sponge and tree shapes.
const (
	Width = 16        // lanes of the sponge
	Rate  = Width - 1 // lanes that take input; lane 0 is the capacity
	Arity = 4         // children of an interior node
)

// Rounds returns the number of full and of partial rounds for a width of 2, 3,
// 4, 8 or 16 lanes. It panics for any other width: widths are constants of the
// code, never input.
func Rounds(width int) (full, partial int) {
	switch width {
	case 2, 3, 4:
		return 8, 56
	case 8, 16:
		return 8, 57
	}
	panic(fmt.Sprintf("poseidon: no rounds are defined for width %d", width))
}

// The permutations hold nothing but round constants and are safe for concurrent
// use. Deriving the constants of the narrow ones takes a moment, hence the Once.
var (
	permutation2  = sync.OnceValue(func() *poseidon2.Permutation { return newPermutation(2) })
	permutation3  = sync.OnceValue(func() *poseidon2.Permutation { return newPermutation(3) })
	permutation4  = sync.OnceValue(func() *poseidon2.Permutation { return newPermutation(4) })
	permutation8  = sync.OnceValue(func() *poseidon2.Permutation { return newPermutation(8) })
	permutation16 = sync.OnceValue(func() *poseidon2.Permutation { return newPermutation(16) })
)

func newPermutation(width int) *poseidon2.Permutation {
	full, partial := Rounds(width)
	return poseidon2.NewPermutation(width, full, partial)
}

// Permute applies the permutation of width len(state), which must be 2, 3, 4, 8
// or 16, in place.
func Permute(state []fr.Element) {
	var p *poseidon2.Permutation
	switch len(state) {
	case 2:
		p = permutation2()
	case 3:
		p = permutation3()
	case 4:
		p = permutation4()
	case 8:
		p = permutation8()
	case 16:
		p = permutation16()
	default:
		panic(fmt.Sprintf("poseidon: no permutation of width %d", len(state)))
	}
	if err := p.Permutation(state); err != nil {
		panic(err) // the width is right by construction
	}
}

// Sum hashes any number of elements under a domain. The state starts as
// (Tag(domain, len(in)), 0, …, 0); each group of up to 15 elements is added to
// lanes 1 to 15 and the state permuted (once also when there is no input); the
// result is lane 1. The length stands in the tag, so the zeros that fill the
// last group cannot be confused with zeros in the input.
func Sum(d Domain, in ...fr.Element) fr.Element {
	var state [Width]fr.Element
	state[0] = Tag(d, len(in))
	for {
		n := min(len(in), Rate)
		for i := range n {
			state[1+i].Add(&state[1+i], &in[i])
		}
		Permute(state[:])
		in = in[n:]
		if len(in) == 0 {
			return state[1]
		}
	}
}

// Node hashes four children into their parent: P(x)[0] + x[0] for the
// permutation P of width 4. Adding x[0] back makes the function one-way. There is
// no tag: a tree has a fixed depth, and its leaves and what is made of its root
// are tagged, so that no node can be shown at another height.
func Node(children [Arity]fr.Element) fr.Element {
	first := children[0]
	Permute(children[:])
	return *first.Add(&first, &children[0])
}
