package statement_test

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/gadget/poseidon"
	"github.com/attestlog/attestlog/prover/statement"
)

// The vectors' digests are those of their codes, packed here as SPEC.md says: 30 bytes to a number, the first one lowest. The
// other way, from hierarchy files to these codes, is tested where such files are read.
func TestHierarchyVectors(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "hash", "hierarchy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Codes string
		Digest      event.Element
	}
	if err := json.Unmarshal(b, &vectors); err != nil || len(vectors) < 2 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		codes, err := hex.DecodeString(v.Codes)
		if err != nil || len(codes) != 768 {
			t.Fatalf("%s: %d codes, %v", v.Name, len(codes), err)
		}
		var h statement.Hierarchy
		var packed []fr.Element
		number := new(big.Int)
		for i, code := range codes {
			h[i/128][i%128] = code
			number.Add(number, new(big.Int).Lsh(big.NewInt(int64(code)), uint(8*(i%30))))
			if i%30 == 29 || i == len(codes)-1 {
				packed = append(packed, *new(fr.Element).SetBigInt(number))
				number = new(big.Int)
			}
		}
		sum := poseidon.Sum(poseidon.Hierarchy, packed...)
		if got := h.Digest(); got != v.Digest || got != sum.Bytes() || len(packed) != 26 {
			t.Errorf("%s: got %s, by the specification %x, want %s", v.Name, got, sum.Bytes(), v.Digest)
		}
	}
}
