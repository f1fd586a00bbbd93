package anonymization

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
)

// What follows are groups with their point missing.

// halfFlags has digits that are not binary: 1 is 0 + 2 · ½.
func halfFlags(api frontend.API, mask frontend.Variable) []frontend.Variable {
	half := new(fr.Element).Inverse(ptr(number(2)))
	api.AssertIsEqual(mask, uint64(layout))
	return []frontend.Variable{0, gadget.Constant(*half), 0, 0, 1, 0}
}

func ptr(e fr.Element) *fr.Element { return &e }

func chunkZero(api frontend.API, _ frontend.Variable, digits int) []frontend.Variable {
	return gadget.Bits(api, api.Mul(0, 1), digits)
}

func pathOfChunkZero(api frontend.API, h *gadget.Hasher, leaves, siblings, digits []frontend.Variable) frontend.Variable {
	zero := make([]frontend.Variable, len(digits))
	for i := range zero {
		zero[i] = 0
	}
	return climb(api, h, leaves, siblings, zero)
}

func hashAll(_ frontend.API, h *gadget.Hasher, rows [][rowElements]frontend.Variable, _ []frontend.Variable) (leaves []frontend.Variable) {
	for from := 0; from < len(rows); from += rowsPerBlock {
		var block []frontend.Variable
		for _, row := range rows[from : from+rowsPerBlock] {
			block = append(block, row[:]...)
		}
		leaves = append(leaves, h.Sum(poseidon.Block, block...))
	}
	return leaves
}

func permuteBeyond(api frontend.API, at challenges, c *Circuit) {
	all := *c
	all.Raw = append([]RawRow(nil), c.Raw...)
	for i := range all.Raw {
		all.Raw[i].Real = 1
	}
	permute(api, at, &all)
}
