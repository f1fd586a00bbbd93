package modelversion

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Assign fills the circuit with a witness and public inputs. It judges neither: that is
// [statement.CheckModelVersion]'s business, to be asked first. It only refuses what has no place in the circuit: too many
// settings, weights that are no element.
func Assign(w *statement.ModelVersionWitness, p statement.ModelVersionPublic) (*Circuit, error) {
	if n := len(w.Configuration.Settings); n > settings {
		return nil, fmt.Errorf("%d settings can't be assigned to %d slots", n, settings)
	}
	if !w.Release.Weights.Valid() {
		return nil, fmt.Errorf("the release's weights can't be assigned: they are not below the order of the field")
	}
	c := &Circuit{
		Context:           number(p.Context),
		Releases:          number(p.Releases),
		Weights:           number(p.Weights),
		Configuration:     number(p.Configuration),
		Predicates:        number(p.Predicates.Commit()),
		Model:             number(w.Release.Weights),
		ReleaseSalt:       salt(w.Release.Salt),
		Place:             w.Release.Place,
		ServedSalt:        salt(w.Salt),
		ConfigurationSalt: salt(w.Configuration.Salt),
	}
	for level := range c.Siblings {
		for k := range c.Siblings[level] {
			c.Siblings[level][k] = gadget.Constant(w.Release.Siblings[level][k])
		}
	}
	slots := make(map[string]int, settings)
	for i := range c.Settings {
		if i >= len(w.Configuration.Settings) {
			c.Settings[i] = Setting{0, gadget.Constant(poseidon.Empty(poseidon.EmptySetting)), 0}
			continue
		}
		s := w.Configuration.Settings[i]
		key := gadget.Constant(statement.SettingKey(s.Key))
		c.Settings[i] = Setting{1, key, s.Value}
		slots[key.String()] = i
	}
	encoded := p.Predicates.Encode()
	c.Flags = gadget.Constant(encoded[0])
	for i := range c.Conditions {
		q := encoded[1+i*(1+set):]
		key := gadget.Constant(q[0])
		c.Conditions[i].Key = key
		c.Conditions[i].Slot = slots[key.String()] // of an absent key 0, where it isn't
		for j := range c.Conditions[i].Bounds {
			c.Conditions[i].Bounds[j] = gadget.Constant(q[1+j])
		}
	}
	return c, nil
}

func number(e event.Element) frontend.Variable { return new(big.Int).SetBytes(e[:]) }

func salt(s table.Salt) frontend.Variable { return new(big.Int).SetBytes(s[:]) }
