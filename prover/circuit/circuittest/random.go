package circuittest

import (
	"math/rand/v2"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/prover/gadget/table"
)

// RandomElement is an element of up to 31 bytes: nearly any of the field.
func RandomElement(r *rand.Rand) (e fr.Element) {
	var b [31]byte
	fill(r, b[:])
	return *e.SetBytes(b[:])
}

// RandomSalt is any salt.
func RandomSalt(r *rand.Rand) (s table.Salt) {
	fill(r, s[:])
	return s
}

func fill(r *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}
