package zkverify_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark/backend/groth16"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/zkverify"
)

func verify(i zkverify.Item) error { return zkverify.Verify(i.VK, i.Proof, i.Public) }

// refuse checks that an item fails singly, and in a batch next to good ones
// without harming them.
func refuse(t *testing.T, what string, bad zkverify.Item, good ...zkverify.Item) {
	t.Helper()
	if verify(bad) == nil {
		t.Errorf("%s: verified", what)
	}
	for i, err := range zkverify.VerifyBatch(append([]zkverify.Item{bad}, good...)) {
		if (err != nil) != (i == 0) {
			t.Errorf("%s: in a batch, item %d: %v", what, i, err)
		}
	}
}

func TestAgreesWithGnark(t *testing.T) {
	for name, s := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			var items []zkverify.Item
			for x := int64(2); x < 9; x++ {
				p := s.prove(t, x)
				if err := groth16.Verify(p.gproof, s.gvk, p.gpublic); err != nil {
					t.Fatal(err)
				}
				if err := verify(p.item()); err != nil {
					t.Errorf("x=%d: %v", x, err)
				}
				items = append(items, p.item())
				for i, err := range zkverify.VerifyBatch(items) {
					if err != nil {
						t.Errorf("batch of %d: item %d: %v", len(items), i, err)
					}
				}
			}
			p, other := s.prove(t, 10), s.prove(t, 11)
			if groth16.Verify(p.gproof, s.gvk, other.gpublic) == nil {
				t.Fatal("gnark takes another's public inputs")
			}
			mixed := p.item()
			mixed.Public = other.public
			if err := verify(mixed); !errors.Is(err, zkverify.ErrInvalid) {
				t.Errorf("another's public inputs: %v, want %v", err, zkverify.ErrInvalid)
			}
		})
	}
}

func TestEachPublicInputMatters(t *testing.T) {
	for name, s := range fixtures(t) {
		good := s.prove(t, 5)
		for i := range good.public {
			bad := good.item()
			bad.Public[i][31] ^= 1
			refuse(t, fmt.Sprintf("%s: input %d changed", name, i+1), bad, good.item())
		}
		if len(good.public) > 1 {
			bad := good.item()
			bad.Public[0], bad.Public[1] = bad.Public[1], bad.Public[0]
			refuse(t, name+": inputs 1 and 2 swapped", bad, good.item())
		}
		bad := good.item()
		bad.Public = bad.Public[1:]
		refuse(t, name+": an input missing", bad, good.item())
		bad.Public = append(good.item().Public, event.Element{})
		refuse(t, name+": an input too many", bad, good.item())

		bad = good.item()
		y := new(big.Int).SetBytes(bad.Public[0][:])
		y.Add(y, ecc.BN254.ScalarField()).FillBytes(bad.Public[0][:])
		refuse(t, name+": an input plus r", bad, good.item())
	}
}

func TestEveryByteOfAProofMatters(t *testing.T) {
	for _, name := range []string{oneInput, committingOpen} {
		p := fixtures(t)[name].prove(t, 7)
		for at := range p.proof {
			for _, flip := range []byte{0x01, 0x80} {
				bad := p.item()
				bad.Proof = bytes.Clone(p.proof)
				bad.Proof[at] ^= flip
				if verify(bad) == nil {
					t.Errorf("%s: byte %d ^ %#x: verified", name, at, flip)
				}
			}
		}
		for _, n := range []int{0, 1, 127, len(p.proof) - 1} {
			bad := p.item()
			bad.Proof = p.proof[:n]
			refuse(t, fmt.Sprintf("%s: cut to %d bytes", name, n), bad, p.item())
		}
		bad := p.item()
		bad.Proof = append(bytes.Clone(p.proof), 0)
		refuse(t, name+": a byte too long", bad, p.item())
	}
}

// parts of a proof's encoding: offset and length of each point.
var parts = []struct {
	name     string
	from, to int
}{
	{"A", 0, 32}, {"B", 32, 96}, {"C", 96, 128}, {"commitment", 128, 160}, {"proof of knowledge", 160, 192},
}

func TestPointsMustBeWellFormed(t *testing.T) {
	for _, name := range []string{oneInput, committing} {
		p := fixtures(t)[name].prove(t, 3)
		for _, part := range parts {
			if part.to > len(p.proof) {
				continue
			}
			replace := func(what string, change func(point []byte)) {
				bad := p.item()
				bad.Proof = bytes.Clone(p.proof)
				change(bad.Proof[part.from:part.to])
				refuse(t, name+": "+part.name+" "+what, bad, p.item())
				if _, err := zkverify.ParseProof(bad.Proof, p.vk); err == nil {
					t.Errorf("%s: %s %s: parsed", name, part.name, what)
				}
			}
			replace("at infinity", func(b []byte) { clear(b); b[0] = 0x40 })
			replace("all zero", func(b []byte) { clear(b) })
			replace("with the flag of an uncompressed point", func(b []byte) { b[0] &= 0x3f })
			replace("with coordinate p", func(b []byte) {
				flags := b[0] & 0xc0
				ecc.BN254.BaseField().FillBytes(b[:32])
				b[0] |= flags
			})
			replace("with coordinate 2^254-1", func(b []byte) {
				for i := range b {
					b[i] = 0xff
				}
			})
		}
	}
}

// A negated is another point, and C negated too: both signs are the proof's.
func TestSignsMatter(t *testing.T) {
	p := fixtures(t)[committing].prove(t, 3)
	for _, part := range parts {
		bad := p.item()
		bad.Proof = bytes.Clone(p.proof)
		bad.Proof[part.from] ^= 0x40
		refuse(t, part.name+" negated", bad, p.item())
	}
}

func TestPointsOutsideTheSubgroup(t *testing.T) {
	p := fixtures(t)[oneInput].prove(t, 3)
	good := []zkverify.Item{p.item(), p.item(), p.item(), p.item(), p.item(), p.item(), p.item(), p.item()}
	outsider := bn254.GeneratePointNotInG2(bn254.E2{})
	var q bn254.G2Affine
	q.FromJacobian(&outsider)
	if !q.IsOnCurve() || q.IsInSubGroup() {
		t.Fatal("want a point of the twist outside the subgroup")
	}
	encoded := q.Bytes()
	bad := p.item()
	bad.Proof = bytes.Clone(p.proof)
	copy(bad.Proof[32:96], encoded[:])
	refuse(t, "B outside the subgroup", bad, good...)
	if _, err := zkverify.ParseProof(bad.Proof, p.vk); err == nil {
		t.Error("B outside the subgroup: parsed")
	}
}

// Groth16 is malleable by design: (sA, B/s, C) proves the same, and so does
// (A, B + sδ, C + sA). This is why nothing is ever identified by proof bytes.
func TestRerandomizedProofsVerify(t *testing.T) {
	for name, s := range fixtures(t) {
		p := s.prove(t, 4)
		parsed, err := zkverify.ParseProof(p.proof, s.vk)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(parsed.Bytes(), p.proof) {
			t.Errorf("%s: Bytes doesn't give back what was parsed", name)
		}
		factor := big.NewInt(1234567)
		inverse := new(big.Int).ModInverse(factor, ecc.BN254.ScalarField())

		scaled := *parsed
		scaled.A.ScalarMultiplication(&parsed.A, factor)
		scaled.B.ScalarMultiplication(&parsed.B, inverse)

		shifted := *parsed
		delta := s.vk.Points().Delta
		var sDelta bn254.G2Affine
		var sA bn254.G1Affine
		sDelta.ScalarMultiplication(&delta, factor)
		sA.ScalarMultiplication(&parsed.A, factor)
		shifted.B.Add(&parsed.B, &sDelta)
		shifted.C.Add(&parsed.C, &sA)

		for _, q := range []*zkverify.Proof{&scaled, &shifted} {
			again := p.item()
			again.Proof = q.Bytes()
			if bytes.Equal(again.Proof, p.proof) {
				t.Fatal("the proof didn't change")
			}
			if err := verify(again); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A commitment and a proof of knowledge that do not belong together must fail
// for that reason, whatever the main equation says.
func TestProofOfKnowledge(t *testing.T) {
	s := fixtures(t)[committing]
	p, other := s.prove(t, 3), s.prove(t, 4)
	bad := p.item()
	bad.Proof = append(bytes.Clone(p.proof[:160]), other.proof[160:]...)
	if err := verify(bad); !errors.Is(err, zkverify.ErrKnowledge) {
		t.Errorf("got %v, want %v", err, zkverify.ErrKnowledge)
	}
	refuse(t, "another's proof of knowledge", bad, p.item(), other.item())
	bad.Proof = append(bytes.Clone(p.proof[:128]), other.proof[128:]...)
	if err := verify(bad); !errors.Is(err, zkverify.ErrInvalid) {
		t.Errorf("got %v, want %v", err, zkverify.ErrInvalid)
	}
	refuse(t, "another's commitment", bad, p.item(), other.item())
}

func TestForeignKey(t *testing.T) {
	p := fixtures(t)[eightInputs].prove(t, 3)
	other, err := newStatement(8, nil)
	if err != nil {
		t.Fatal(err)
	}
	bad := p.item()
	bad.VK = other.vk
	refuse(t, "a key of another set-up", bad, p.item())
	bad.VK = fixtures(t)[committing].vk
	refuse(t, "a key with a commitment", bad, p.item())
	bad.VK = nil
	refuse(t, "no key", bad, p.item())
}

func TestBatchFindsExactlyTheBadOnes(t *testing.T) {
	var good []zkverify.Item
	for _, s := range fixtures(t) {
		for x := int64(2); x < 5; x++ {
			good = append(good, s.prove(t, x).item())
		}
	}
	spoil := func(i zkverify.Item, how int) zkverify.Item {
		i.Public = append([]event.Element(nil), i.Public...)
		i.Proof = bytes.Clone(i.Proof)
		switch how % 4 {
		case 0:
			i.Public[0][31] ^= 1 // well-formed, false
		case 1:
			i.Proof[5] ^= 1 // most likely off the curve
		case 2:
			outsider := bn254.GeneratePointNotInG2(bn254.E2{})
			var q bn254.G2Affine
			q.FromJacobian(&outsider)
			b := q.Bytes()
			copy(i.Proof[32:], b[:])
		case 3:
			i.Proof[96] ^= 0x40 // C negated
		}
		return i
	}
	for _, n := range []int{0, 1, 2, 3, 11, 33} {
		for _, bad := range [][]int{nil, {0}, {1}, {2, 7}, {0, 1, 2, 3}, {10, 20, 30, 32}} {
			items := make([]zkverify.Item, n)
			isBad := make([]bool, n)
			for i := range items {
				items[i] = good[i%len(good)]
			}
			for how, i := range bad {
				if i < n {
					items[i] = spoil(items[i], how)
					isBad[i] = true
				}
			}
			verdicts := zkverify.VerifyBatch(items)
			if len(verdicts) != n {
				t.Fatalf("%d verdicts for %d items", len(verdicts), n)
			}
			for i, err := range verdicts {
				if (err != nil) != isBad[i] {
					t.Errorf("n=%d, bad=%v: item %d: %v", n, bad, i, err)
				}
				if single := verify(items[i]); fmt.Sprint(single) != fmt.Sprint(err) {
					t.Errorf("n=%d, bad=%v: item %d: %v, singly %v", n, bad, i, err, single)
				}
			}
		}
	}
}

// Two errors that cancel out when proofs are simply multiplied together: the
// random weights must keep them apart. C_1 + P and C_2 - P is such a pair.
func TestErrorsDoNotCancelOut(t *testing.T) {
	s := fixtures(t)[oneInput]
	p, q := s.prove(t, 2), s.prove(t, 3)
	_, _, g, _ := bn254.Generators()
	shift := func(i zkverify.Item, sign int64) zkverify.Item {
		parsed, err := zkverify.ParseProof(i.Proof, i.VK)
		if err != nil {
			t.Fatal(err)
		}
		var d bn254.G1Affine
		d.ScalarMultiplication(&g, big.NewInt(sign))
		parsed.C.Add(&parsed.C, &d)
		i.Proof = parsed.Bytes()
		return i
	}
	for range 20 {
		for i, err := range zkverify.VerifyBatch([]zkverify.Item{shift(p.item(), 1), shift(q.item(), -1)}) {
			if !errors.Is(err, zkverify.ErrInvalid) {
				t.Fatalf("item %d: %v, want %v", i, err, zkverify.ErrInvalid)
			}
		}
	}
}

func TestBigBatchIsFoldedInParts(t *testing.T) {
	p := fixtures(t)[oneInput].prove(t, 2)
	items := make([]zkverify.Item, 600)
	for i := range items {
		items[i] = p.item()
	}
	items[599].Public[0][31] ^= 1
	for i, err := range zkverify.VerifyBatch(items) {
		if (err != nil) != (i == 599) {
			t.Errorf("item %d: %v", i, err)
		}
	}
}
