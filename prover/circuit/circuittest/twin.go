package circuittest

import (
	"errors"
	"testing"

	"github.com/attestlog/attestlog/prover/statement"
)

// Verdicts count what a circuit and its twin in plain Go said alike: "true", or the rule that was broken.
type Verdicts map[string]int

// Agree fails the test unless both accept, or both refuse and the twin names the rule. The name says what was changed.
func (v Verdicts) Agree(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, name string, twin, circuit error) {
	t.Helper()
	if (twin == nil) != (circuit == nil) {
		t.Fatalf("%s: the twin says %v, the circuit %v", name, twin, circuit)
	}
	var broken *statement.Violation
	switch {
	case twin == nil:
		v["true"]++
	case errors.As(twin, &broken):
		v[string(broken.Rule)]++
	default:
		t.Fatalf("%s: %v names no rule", name, twin)
	}
}

// Suffice fails the test if it saw fewer true statements, or fewer verdicts of different kinds, than it must to mean something.
func (v Verdicts) Suffice(t testing.TB, kept, kinds int) {
	t.Helper()
	t.Logf("verdicts: %v", v)
	if v["true"] < kept || len(v) < kinds {
		t.Errorf("the test saw too little: %v", v)
	}
}
