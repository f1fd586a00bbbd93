package keys

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16_bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/prover/zkverify"
)

// A dump is gnark v0.16.1's ProvingKey.WriteDump:
//
//	marker, 8 bytes
//	domain: cardinality (8 bytes, big-endian), 5 field elements, 1 byte
//	G1 points α, β, δ and G2 points β, δ, uncompressed
//	number of wires, of infinities in A, in B (8 bytes each, big-endian)
//	a byte for each wire whether A is infinity, and the same for B
//	number of commitment keys (4 bytes, big-endian)
//	G1 slices A, B, Z, K, a G2 slice B, and two G1 slices for each commitment
//	key; each is a length (8 bytes, little-endian) and points as they lie in memory
const (
	dumpDomain  = 8
	dumpPoints  = dumpDomain + 8 + 5*fr.Bytes + 1
	dumpWires   = dumpPoints + 3*bn254.SizeOfG1AffineUncompressed + 2*bn254.SizeOfG2AffineUncompressed
	dumpFlags   = dumpWires + 3*8
	maxLogWires = 40
)

var errDump = errors.New("couldn't read proving key: its lengths don't fit its size")

// checkLengths walks the lengths in a dump. gnark's reader allocates whatever
// they say, and a digest only says that these are the bytes that somebody meant.
func checkLengths(dump []byte) error {
	if len(dump) < dumpFlags {
		return errDump
	}
	cardinality := binary.BigEndian.Uint64(dump[dumpDomain:])
	wires := binary.BigEndian.Uint64(dump[dumpWires:])
	rest := dump[dumpFlags:]
	if wires > 1<<maxLogWires || uint64(len(rest)) < 2*wires+4 {
		return errDump
	}
	commitments := binary.BigEndian.Uint32(rest[2*wires:])
	rest = rest[2*wires+4:]
	if commitments > 1 {
		return fmt.Errorf("couldn't read proving key: %d commitments, at most one is supported", commitments)
	}
	const g1, g2 = bn254.SizeOfG1AffineUncompressed, bn254.SizeOfG2AffineUncompressed
	sizes := []uint64{g1, g1, g1, g1, g2}
	for range commitments {
		sizes = append(sizes, g1, g1)
	}
	for i, size := range sizes {
		if len(rest) < 8 {
			return errDump
		}
		n := binary.LittleEndian.Uint64(rest)
		rest = rest[8:]
		if n > uint64(len(rest))/size {
			return errDump
		}
		if i == 2 && (cardinality == 0 || n != cardinality-1) { // Z
			return errDump
		}
		rest = rest[n*size:]
	}
	if len(rest) > 0 {
		return errDump
	}
	return nil
}

// parseProvingKey reads a dump. It is safe for any bytes; but points are taken as they lie there, so only those of a dump with the right digest are any.
func parseProvingKey(dump []byte) (*groth16_bn254.ProvingKey, error) {
	if err := checkLengths(dump); err != nil {
		return nil, err
	}
	pk := &groth16_bn254.ProvingKey{}
	if err := pk.ReadDump(bytes.NewReader(dump)); err != nil {
		return nil, fmt.Errorf("couldn't read proving key: %w", err)
	}
	return pk, nil
}

// checkShape says whether pk can be a proving key of ccs and of vk, as far as
// sizes and the points that both keys share show it. gnark's prover relies on
// the sizes, and would crash the process.
func checkShape(pk *groth16_bn254.ProvingKey, ccs constraint.ConstraintSystem, vk *zkverify.VerifyingKey) error {
	wires := ccs.GetNbInternalVariables() + ccs.GetNbPublicVariables() + ccs.GetNbSecretVariables()
	fits := func(infinity []bool, nbInfinity uint64, points int) bool {
		n := 0
		for _, b := range infinity {
			if b {
				n++
			}
		}
		return len(infinity) == wires && nbInfinity == uint64(n) && points == wires-n
	}
	commitments, ok := ccs.GetCommitments().(constraint.Groth16Commitments)
	if !ok || len(commitments) != len(pk.CommitmentKeys) {
		return errors.New("the proving key has other commitments than the constraint system")
	}
	secret := wires - ccs.GetNbPublicVariables() - len(commitments)
	for i, c := range commitments {
		secret -= len(c.PrivateCommitted)
		if key := &pk.CommitmentKeys[i]; len(key.Basis) != len(c.PrivateCommitted) || len(key.BasisExpSigma) != len(key.Basis) {
			return errors.New("the proving key has another commitment than the constraint system")
		}
	}
	shared := vk.Points()
	switch {
	case !fits(pk.InfinityA, pk.NbInfinityA, len(pk.G1.A)),
		!fits(pk.InfinityB, pk.NbInfinityB, len(pk.G1.B)),
		len(pk.G2.B) != len(pk.G1.B),
		len(pk.G1.K) != secret,
		pk.Domain.Cardinality < uint64(ccs.GetNbConstraints()), // a ceremony's may be larger than need be
		uint64(len(pk.G1.Z)) != pk.Domain.Cardinality-1:
		return errors.New("the proving key is not for this constraint system")
	case pk.G1.Alpha != shared.Alpha || pk.G2.Beta != shared.Beta || pk.G2.Delta != shared.Delta:
		return errors.New("the proving key is not this verifying key's")
	}
	return nil
}
