// Package gadget holds the parts that attestlog's circuits are made of: the hash,
// the opening of table rows, binary decomposition, and the binding of public
// inputs. Each is the in-circuit twin of plain Go code, package poseidon for the
// hash and package table for the commitment; property tests hold the twins equal.
//
// A circuit is a system of equations x·y = z over the scalar field of BN254. Three
// traps follow from that, and the gadgets exist to close them:
//
//   - A public input that stands in no equation of its own may be replaced in a
//     finished proof by anybody. [BindPublic] gives each one an equation.
//   - Numbers wrap around at the field's order, some 2^254. A comparison or a
//     packing means what it says only for numbers known to be small; [Bits] makes
//     them so, by writing them in binary. (gnark's rangecheck would be cheaper, but
//     it adds a commitment to the proof, which other verifiers don't know.)
//   - A value that the prover hands in is only as good as the equation that ties it
//     to something committed.
//
// gnark's frontend is linked from here on; whoever only verifies doesn't come here.
package gadget

import (
	"math/big"

	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/math/bits"
)

// BindPublic puts each public input into a constraint of its own, x·x = w.
//
// In Groth16 the verifier adds up K_i·x_i over the public inputs. If an input is in
// no constraint, its K_i is the point at infinity, the input drops out of the sum,
// and a proof verifies for any value of it. gnark compiles such a circuit without
// complaint.
func BindPublic(api frontend.API, inputs ...frontend.Variable) {
	for _, x := range inputs {
		api.Mul(x, x)
	}
}

// Bits writes v in n binary digits, least significant first, and so proves that
// 0 ≤ v < 2^n. n must be below 254, so that there is one way only to do it. It
// costs n + 1 constraints.
func Bits(api frontend.API, v frontend.Variable, n int) []frontend.Variable {
	if n >= api.Compiler().FieldBitLen() {
		panic("gadget: a number of that many bits wraps around the field")
	}
	return bits.ToBinary(api, v, bits.WithNbDigits(n))
}

// Digits is Bits without the proof that each digit is 0 or 1: the caller has to
// give it, digit by digit. It costs 1 constraint.
func Digits(api frontend.API, v frontend.Variable, n int) []frontend.Variable {
	if n >= api.Compiler().FieldBitLen() {
		panic("gadget: a number of that many bits wraps around the field")
	}
	return bits.ToBinary(api, v, bits.WithNbDigits(n), bits.WithUnconstrainedOutputs())
}

// Sum returns the number that binary digits make up, least significant first. It
// costs nothing, and does not prove that they are binary.
func Sum(api frontend.API, digits []frontend.Variable) frontend.Variable {
	return sumOf(api, digits, 1)
}

// Pack returns the sum of values[j] times 2^(width j): the packing of numbers of
// width bits. It is injective only if each value is known to be that small and
// all of them together fit 253 bits.
func Pack(api frontend.API, values []frontend.Variable, width uint) frontend.Variable {
	return sumOf(api, values, width)
}

func sumOf(api frontend.API, values []frontend.Variable, width uint) frontend.Variable {
	terms := make([]frontend.Variable, 0, len(values)+2)
	terms = append(terms, 0, 0) // Add wants at least two
	for j, v := range values {
		terms = append(terms, api.Mul(v, new(big.Int).Lsh(big.NewInt(1), width*uint(j))))
	}
	return api.Add(terms[0], terms[1], terms[2:]...)
}

// comparator is what gnark's builder and its test engine offer beside the API.
type comparator interface {
	MustBeLessOrEqCst(bits []frontend.Variable, bound *big.Int, debug frontend.Variable)
}

// AssertImplies proves that digit is 0 or 1, and that it is 1 wherever condition
// is. The condition must be known to be 0 or 1 already (by [Bits]). It costs one
// constraint for both:
//
//	(digit − condition) · (digit − 1) = 0
//
// Where the condition is 0 this says that the digit is binary, and where it is 1
// that the digit's distance from 1 is zero. The equation is had by comparing the
// two-bit number (condition, 1 − digit) with 2, which gnark does in that very form;
// by the plain API it would take two constraints.
func AssertImplies(api frontend.API, condition, digit frontend.Variable) {
	c, ok := api.Compiler().(comparator)
	if !ok {
		panic("gadget: this builder can't compare bits with a constant")
	}
	not := api.Sub(1, digit)
	// Adding 0 changes nothing, but the test engine takes computed numbers only.
	c.MustBeLessOrEqCst([]frontend.Variable{not, api.Add(condition, 0)}, big.NewInt(2), not)
	api.Compiler().MarkBoolean(digit) // proven above, and so may be a condition in turn
}

// Mux returns values[i], where i is the number that the binary digits make up,
// least significant first. There must be 2^len(digits) values; it costs one
// constraint less than that.
func Mux(api frontend.API, digits []frontend.Variable, values []frontend.Variable) frontend.Variable {
	if len(values) != 1<<len(digits) {
		panic("gadget: a mux needs a value for each number")
	}
	for _, d := range digits {
		half := make([]frontend.Variable, len(values)/2)
		for i := range half {
			half[i] = api.Add(values[2*i], api.Mul(d, api.Sub(values[2*i+1], values[2*i])))
		}
		values = half
	}
	return values[0]
}
