package gadget

import (
	"math/big"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget/poseidon"
)

// A multiset A is the multiset in which each t_j stands m_j times if
//
//	Σ 1/(X − a_i) = Σ m_j/(X − t_j)
//
// at a random point X (Haböck, https://eprint.iacr.org/2022/1530). It is random only if
// all a_i, t_j and m_j are fixed before X is known: [Challenges] commits to them. Every
// inverse is a real one: a quotient 0/0 could have any value.

// Challenges commits to variables, by the circuit's one Groth16 commitment, and returns two
// challenges that depend on all of them: a point X, and a weight Y that makes one
// element of several, a + Y·b. Y is a hash of X, so that neither is a power of the other.
func Challenges(api frontend.API, h *Hasher, committed []frontend.Variable) (point, weight frontend.Variable) {
	committer, ok := api.(frontend.Committer)
	if !ok {
		panic("gadget: this builder can't commit")
	}
	x, err := committer.Commit(committed...)
	if err != nil {
		panic(err) // the variables are no variables: an error of the circuit
	}
	tag := Constant(poseidon.Empty(poseidon.Challenge))
	return x, h.Node([poseidon.Arity]frontend.Variable{tag, x, 0, 0})
}

// Poles returns Σ 1/(x − v). One constraint for each value.
func Poles(api frontend.API, x frontend.Variable, values []frontend.Variable) frontend.Variable {
	terms := make([]frontend.Variable, len(values))
	for i, v := range values {
		terms[i] = api.Inverse(api.Sub(x, v))
	}
	return total(api, terms)
}

// WeightedPoles returns Σ weights[i]/(x − values[i]). Two constraints for each value.
func WeightedPoles(api frontend.API, x frontend.Variable, values, weights []frontend.Variable) frontend.Variable {
	terms := make([]frontend.Variable, len(values))
	for i, v := range values {
		terms[i] = api.Mul(weights[i], api.Inverse(api.Sub(x, v)))
	}
	return total(api, terms)
}

// guarded is how many constants share one factor of the guard of ConstantPoles.
const guarded = 64

// ConstantPoles returns Σ weights[i]/(x − constants[i]): one constraint for each constant, and
// about 2 for each 64 of them. Those show first that x is none of the constants, by
// the inverse of the product of all x − c; the quotients that follow are then no 0/0.
// A factor for 64 constants at once is a polynomial whose coefficients are known, and so
// a linear expression in the powers of x.
func ConstantPoles(api frontend.API, x frontend.Variable, constants []uint64, weights []frontend.Variable) frontend.Variable {
	powers := []frontend.Variable{1, x}
	for len(powers) <= guarded {
		powers = append(powers, api.Mul(powers[len(powers)-1], x))
	}
	product := frontend.Variable(1)
	for group := range slices.Chunk(constants, guarded) {
		coefficients := polynomial(group)
		terms := make([]frontend.Variable, len(coefficients))
		for d := range coefficients {
			terms[d] = api.Mul(powers[d], Constant(coefficients[d]))
		}
		product = api.Mul(product, total(api, terms))
	}
	api.Inverse(product)

	terms := make([]frontend.Variable, len(constants))
	for i, c := range constants {
		terms[i] = api.DivUnchecked(weights[i], api.Sub(x, new(big.Int).SetUint64(c)))
	}
	return total(api, terms)
}

// polynomial returns the coefficients of the product of all x − c, lowest first.
func polynomial(roots []uint64) []fr.Element {
	p := []fr.Element{fr.One()}
	for _, root := range roots {
		var c fr.Element
		c.SetUint64(root)
		next := make([]fr.Element, len(p)+1)
		for d := range p {
			next[d+1].Add(&next[d+1], &p[d])
			var low fr.Element
			low.Mul(&p[d], &c)
			next[d].Sub(&next[d], &low)
		}
		p = next
	}
	return p
}

// total adds up any number of terms.
func total(api frontend.API, terms []frontend.Variable) frontend.Variable {
	switch len(terms) {
	case 0:
		return 0
	case 1:
		return terms[0]
	}
	return api.Add(terms[0], terms[1], terms[2:]...)
}
