package gadget_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/prover/gadget"
)

type loose struct {
	Bound frontend.Variable `gnark:",public"`
	Loose frontend.Variable `gnark:",public"`
	Free  frontend.Variable
	bind  bool
}

func (c *loose) Define(api frontend.API) error {
	gadget.BindPublic(api, c.Bound)
	if c.bind {
		gadget.BindPublic(api, c.Loose, c.Free)
	}
	return nil
}

func TestCompileRefusesUnconstrainedInputs(t *testing.T) {
	for _, options := range [][]frontend.CompileOption{nil, {frontend.IgnoreUnconstrainedInputs()}} {
		_, err := gadget.Compile(&loose{}, options...)
		if !errors.Is(err, gadget.ErrUnconstrained) || !strings.Contains(err.Error(), "Loose, Free") {
			t.Errorf("got %v, want a refusal that names both inputs", err)
		}
	}
	if _, err := gadget.Compile(&loose{bind: true}); err != nil {
		t.Error(err)
	}
}
