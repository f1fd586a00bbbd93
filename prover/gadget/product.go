package gadget

import (
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
)

// Products asserts that one expression times another is a third. That is what a constraint of a rank-1 constraint system
// is, but gnark's API takes two for it: one for the product, and one to compare it.
type Products struct {
	api       frontend.API
	blueprint constraint.BlueprintGenericR1C
	id        constraint.BlueprintID
	direct    bool // a constraint system is being built, and not a witness tried out
}

// NewProducts returns it for one circuit.
func NewProducts(api frontend.API) *Products {
	p := &Products{api: api}
	if _, p.direct = api.Compiler().ToCanonicalVariable(0).(constraint.LinearExpression); p.direct {
		p.id = api.Compiler().AddBlueprint(&p.blueprint)
	}
	return p
}

// Assert proves that a · b = c. It costs one constraint.
func (p *Products) Assert(a, b, c frontend.Variable) {
	if !p.direct {
		p.api.AssertIsEqual(p.api.Mul(a, b), c)
		return
	}
	r := constraint.R1C{L: p.terms(a), R: p.terms(b), O: p.terms(c)}
	var calldata []uint32
	p.blueprint.CompressR1C(&r, &calldata)
	p.api.Compiler().AddInstruction(p.id, calldata)
}

// terms are the terms of an expression, or of a constant as gnark has it: times the wire that is one.
func (p *Products) terms(v frontend.Variable) constraint.LinearExpression {
	v = p.api.Add(v, 0) // makes an expression of a constant
	return p.api.Compiler().ToCanonicalVariable(v).(constraint.LinearExpression)
}
