package gadget

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr/poseidon2"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget/poseidon"
)

// Permutation is Poseidon2 in a circuit, with the rounds of package poseidon.
//
// gnark's standard library has one too, which costs as many constraints. This one
// writes the s-box as x³·x² instead of x⁴·x. In Groth16 a wire costs work in G2, the
// dearest part of a proof, if it stands on the right-hand side of any product; here
// x³ never does, so a third of the hash's wires drop out. Proofs are a tenth faster.
type Permutation struct {
	api           frontend.API
	width         int
	full, partial int
	keys          [][]*big.Int // by round; those of partial rounds are for lane 0, and zero or absent for the others
	external      [][]*big.Int // the matrix of full rounds
	diagonal      []*big.Int   // the matrix of partial rounds is all ones plus this diagonal
}

// NewPermutation returns Poseidon2 of width 2, 3, 4, 8 or 16; in constraints it
// costs 216, 240, 264, 363 or 555.
func NewPermutation(api frontend.API, width int) *Permutation {
	full, partial := poseidon.Rounds(width)
	parameters := poseidon2.NewParameters(width, full, partial)
	p := &Permutation{api: api, width: width, full: full, partial: partial, external: externalMatrix(width)}
	for _, round := range parameters.RoundKeys {
		keys := make([]*big.Int, len(round))
		for i := range round {
			keys[i] = Constant(round[i])
		}
		p.keys = append(p.keys, keys)
	}
	switch width {
	case 2:
		p.diagonal = numbers(1, 2)
	case 3:
		p.diagonal = numbers(1, 1, 2)
	default:
		for _, d := range parameters.DiagM1 {
			p.diagonal = append(p.diagonal, Constant(d))
		}
	}
	return p
}

// externalMatrix is circ(2, 1) or circ(2, 1, 1) for widths 2 and 3, M4 for width 4,
// and circ(2 M4, M4, …, M4) for multiples of it: sections 5.1 and 5.2 of the paper.
func externalMatrix(width int) [][]*big.Int {
	m4 := [4][4]int64{{5, 7, 1, 3}, {4, 6, 1, 1}, {1, 3, 5, 7}, {1, 1, 4, 6}}
	m := make([][]*big.Int, width)
	for i := range m {
		m[i] = make([]*big.Int, width)
		for j := range m[i] {
			entry := int64(1)
			if width >= 4 {
				entry = m4[i%4][j%4]
			}
			if width != 4 && (width < 4 && i == j || width > 4 && i/4 == j/4) {
				entry *= 2
			}
			m[i][j] = big.NewInt(entry)
		}
	}
	return m
}

func numbers(n ...int64) []*big.Int {
	out := make([]*big.Int, len(n))
	for i := range n {
		out[i] = big.NewInt(n[i])
	}
	return out
}

// Permute applies the permutation to a state of its width, in place.
func (p *Permutation) Permute(state []frontend.Variable) {
	if len(state) != p.width {
		panic("gadget: the state has another width than the permutation")
	}
	p.mixExternal(state)
	for round, keys := range p.keys {
		for i, k := range keys {
			state[i] = p.api.Add(state[i], k)
		}
		if half := p.full / 2; round >= half && round < half+p.partial {
			state[0] = p.sbox(state[0])
			p.mixInternal(state)
			continue
		}
		for i := range state {
			state[i] = p.sbox(state[i])
		}
		p.mixExternal(state)
	}
}

// sbox returns x⁵ by three constraints. The order of the factors matters: x stands on
// the left where it meets x², since gnark puts the longer expression there, and
// x³ on the left of the last product.
func (p *Permutation) sbox(x frontend.Variable) frontend.Variable {
	x2 := p.api.Mul(x, x)
	x3 := p.api.Mul(x, x2)
	return p.api.Mul(x3, x2)
}

// mixExternal multiplies the state by the matrix of full rounds.
func (p *Permutation) mixExternal(state []frontend.Variable) {
	mixed := make([]frontend.Variable, p.width)
	for i, row := range p.external {
		terms := make([]frontend.Variable, p.width)
		for j := range row {
			terms[j] = p.api.Mul(state[j], row[j])
		}
		mixed[i] = p.api.Add(terms[0], terms[1], terms[2:]...)
	}
	copy(state, mixed)
}

// mixInternal multiplies the state by the matrix of partial rounds.
func (p *Permutation) mixInternal(state []frontend.Variable) {
	sum := p.api.Add(state[0], state[1], state[2:]...)
	for i := range state {
		state[i] = p.api.Add(sum, p.api.Mul(state[i], p.diagonal[i]))
	}
}
