package keys_test

import (
	"crypto/sha256"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/keys"
)

func fileOf(b []byte) keys.File {
	return keys.File{SHA256: event.Digest(sha256.Sum256(b)), Size: int64(len(b))}
}

func otherCurveVK() groth16.VerifyingKey { return groth16.NewVerifyingKey(ecc.BLS12_381) }
