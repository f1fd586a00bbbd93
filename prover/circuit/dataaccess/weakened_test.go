package dataaccess

import (
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
)

// What follows are the groups, each with its point missing.

func purposeWithoutOne(api frontend.API, purpose frontend.Variable) []frontend.Variable {
	return gadget.Bits(api, purpose, table.MaxPurposes)
}

func purposeWithoutBits(api frontend.API, purpose frontend.Variable) []frontend.Variable {
	flags := gadget.Digits(api, purpose, table.MaxPurposes)
	api.AssertIsEqual(gadget.Pack(api, flags, 0), 1)
	for _, f := range flags {
		api.Compiler().MarkBoolean(f) // or the implications would notice
	}
	return flags
}

func columnsWithoutBits(api frontend.API, mask frontend.Variable) []frontend.Variable {
	return gadget.Digits(api, mask, columns)
}

func datasetWithoutRows(api frontend.API, h *gadget.Hasher, c *Circuit) {
	api.AssertIsEqual(h.Sum(poseidon.Table, h.Root(c.Top[:]), 20, c.SchemaHigh, c.SchemaLow), c.Dataset)
}

func binaryInAnyOrder(api frontend.API, slots []Slot) {
	for i := range slots {
		api.AssertIsBoolean(slots[i].Real)
	}
}

func orderWithoutRange(api frontend.API, previous frontend.Variable, s *Slot) frontend.Variable {
	return api.Add(previous, api.Mul(s.Real, api.Add(s.Gap, 1)))
}

func indexWithoutTop(api frontend.API, index frontend.Variable) []frontend.Variable {
	return gadget.Bits(api, index, indexDigits+1)[:indexDigits]
}

func pathToAnywhere(api frontend.API, h *gadget.Hasher, s *Slot, digits, _ []frontend.Variable) {
	h.Climb(h.Sum(poseidon.Block, s.Block[:]...), s.Siblings[:], digits[rowDigits:rowDigits+pathDigits])
}

func pathOfAnyTop(api frontend.API, h *gadget.Hasher, s *Slot, digits, top []frontend.Variable) {
	node := h.Climb(h.Sum(poseidon.Block, s.Block[:]...), s.Siblings[:], digits[rowDigits:rowDigits+pathDigits])
	product := frontend.Variable(1)
	for _, t := range top {
		product = api.Mul(product, api.Sub(node, t))
	}
	api.AssertIsEqual(product, 0)
}

func firstRow(_ frontend.API, s *Slot, _ []frontend.Variable) [rowElements]frontend.Variable {
	return [rowElements]frontend.Variable(s.Block[:rowElements])
}

func cellsWithoutRange(api frontend.API, elements []frontend.Variable) (cells []frontend.Variable) {
	for _, e := range elements {
		digits := gadget.Digits(api, e, table.CellBits*table.CellsPerElement)
		for ; len(digits) > 0; digits = digits[table.CellBits:] {
			cells = append(cells, gadget.Sum(api, digits[:table.CellBits]))
		}
	}
	return cells
}

func packAll(api frontend.API, cells, _ []frontend.Variable) (elements []frontend.Variable) {
	for ; len(cells) > 0; cells = cells[table.CellsPerElement:] {
		elements = append(elements, gadget.Pack(api, cells[:table.CellsPerElement], table.CellBits))
	}
	return elements
}

func binaryConsent(api frontend.API, digits, _ []frontend.Variable) {
	for _, d := range digits {
		api.AssertIsBoolean(d)
	}
}

func consentWithoutBits(api frontend.API, digits, purpose []frontend.Variable) {
	consent := frontend.Variable(0)
	for p := range digits {
		consent = api.Add(consent, api.Mul(digits[p], purpose[p]))
	}
	api.AssertIsEqual(consent, 1)
}

func slotWithoutPadding(_ frontend.API, _, index frontend.Variable, cells []frontend.Variable) []frontend.Variable {
	return append([]frontend.Variable{index}, cells...)
}

func accessesWithoutSalt(api frontend.API, h *gadget.Hasher, c *Circuit, entries []frontend.Variable) {
	api.AssertIsEqual(h.Sum(poseidon.AccessList, append([]frontend.Variable{c.Records, 0}, entries...)...), c.Accesses)
}
