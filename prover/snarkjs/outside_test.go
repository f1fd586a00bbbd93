package snarkjs_test

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
)

// outside is y of a point of the twist's curve with x = 1 that is not in the subgroup; found by the square root.
var outside = func() (y [2]any) {
	var x, b, yy bn254.E2
	x.SetOne()
	// b' = 3/(9+u), taken from a point that is on the curve.
	_, _, _, g := bn254.Generators()
	var cube bn254.E2
	cube.Square(&g.X).Mul(&cube, &g.X)
	b.Square(&g.Y).Sub(&b, &cube)
	yy.Add(&x, &b)
	if yy.Legendre() != 1 {
		panic("x = 1 is on no point")
	}
	yy.Sqrt(&yy)
	return [2]any{yy.A0.String(), yy.A1.String()}
}()
