package main

import (
	"strings"
	"testing"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/circuit/trainingstep"
	"github.com/attestlog/attestlog/prover/keys/keytest"
)

// What snarkjs can't verify is refused with the reason, and not written in some form that it would misread.
func TestExportRefusesCommitments(t *testing.T) {
	k := keytest.Keys(t, "training-step-32x32", func() (constraint.ConstraintSystem, error) { return trainingstep.Compile(32, 32) })
	_, err := exportFiles(&verify.Report{Entry: &verify.Entry{Index: 7}, Groth16: &verify.Groth16{
		Statement: verify.StatementState{Claims: &event.StatementClaims{Name: "training-step-32x32", VerifyingKey: k.VerifyingKey.Bytes()}}}})
	if err == nil || !strings.Contains(err.Error(), "proofs under training-step-32x32 have a Groth16 commitment, which snarkjs can't verify") {
		t.Errorf("got %v", err)
	}
}
