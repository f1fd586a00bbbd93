package zkverify_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/frontend"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/frontend/cs/r1cs"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/zkverify"
)

func TestVerifyingKeyEncoding(t *testing.T) {
	for name, want := range map[string]struct{ public, size, proof int }{
		oneInput:       {1, 19 + 32 + 3*64 + 2*32, 128},
		eightInputs:    {8, 19 + 32 + 3*64 + 9*32, 128},
		committing:     {8, 19 + 2 + 32 + 3*64 + 10*32 + 128, 192},
		committingOpen: {8, 19 + 2 + 6 + 32 + 3*64 + 10*32 + 128, 192},
	} {
		vk := fixtures(t)[name].vk
		b := vk.Bytes()
		if len(b) != want.size || vk.NumPublic() != want.public || vk.ProofSize() != want.proof {
			t.Errorf("%s: %d bytes, %d inputs, proofs of %d bytes; want %+v", name, len(b), vk.NumPublic(), vk.ProofSize(), want)
		}
		if vk.Digest() != event.Digest(sha256.Sum256(b)) {
			t.Errorf("%s: the digest isn't that of the encoding", name)
		}
		again, err := zkverify.ParseVerifyingKey(b)
		if err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Errorf("%s: %v", name, err)
		}
		points := vk.Points()
		if !bytes.Equal(points.Encode(), b) {
			t.Errorf("%s: another encoding from the points", name)
		}
		b[0] = 'x'
		if vk.Bytes()[0] == 'x' {
			t.Errorf("%s: Bytes hands out the key's own memory", name)
		}
	}
}

func TestEveryByteOfAVerifyingKeyMatters(t *testing.T) {
	for _, name := range []string{oneInput, committingOpen} {
		s := fixtures(t)[name]
		p := s.prove(t, 3)
		encoding := s.vk.Bytes()
		for at := 0; at < len(encoding); at++ {
			b := bytes.Clone(encoding)
			b[at] ^= 1
			vk, err := zkverify.ParseVerifyingKey(b)
			if err != nil {
				continue
			}
			if vk.Digest() == s.vk.Digest() {
				t.Errorf("%s: byte %d: the same digest", name, at)
			}
			if zkverify.Verify(vk, p.proof, p.public) == nil {
				t.Errorf("%s: byte %d: the proof still verifies", name, at)
			}
		}
		for _, b := range [][]byte{nil, encoding[:10], encoding[:len(encoding)-1], append(bytes.Clone(encoding), 0)} {
			if _, err := zkverify.ParseVerifyingKey(b); err == nil {
				t.Errorf("%s: parsed at %d bytes instead of %d", name, len(b), len(encoding))
			}
		}
	}
}

func TestRefusedVerifyingKeys(t *testing.T) {
	_, _, _, g2 := bn254.Generators()
	outsiderJac := bn254.GeneratePointNotInG2(bn254.E2{})
	var outsider, minus bn254.G2Affine
	outsider.FromJacobian(&outsiderJac)
	for name, c := range map[string]struct {
		change func(*zkverify.KeyPoints)
		want   string
	}{
		"K_1 at infinity":                 {func(k *zkverify.KeyPoints) { k.K[1] = bn254.G1Affine{} }, "K[1]: point at infinity"},
		"K of the commitment at infinity": {func(k *zkverify.KeyPoints) { k.K[9] = bn254.G1Affine{} }, "K[9]: point at infinity"},
		"K_1 twice":                       {func(k *zkverify.KeyPoints) { k.K[3] = k.K[1] }, "K[3] equals ±K[1]"},
		"K_1 and its opposite":            {func(k *zkverify.KeyPoints) { k.K[8].Neg(&k.K[1]) }, "K[8] equals ±K[1]"},
		"alpha at infinity":               {func(k *zkverify.KeyPoints) { k.Alpha = bn254.G1Affine{} }, "alpha: point at infinity"},
		"beta at infinity":                {func(k *zkverify.KeyPoints) { k.Beta = bn254.G2Affine{} }, "beta: point at infinity"},
		"gamma at infinity":               {func(k *zkverify.KeyPoints) { k.Gamma = bn254.G2Affine{} }, "gamma: point at infinity"},
		"delta at infinity":               {func(k *zkverify.KeyPoints) { k.Delta = bn254.G2Affine{} }, "delta: point at infinity"},
		"gamma outside the subgroup":      {func(k *zkverify.KeyPoints) { k.Gamma = outsider }, "gamma: point outside the subgroup"},
		"delta equal to gamma":            {func(k *zkverify.KeyPoints) { k.Delta = k.Gamma }, "delta equals ±gamma"},
		"delta equal to minus gamma":      {func(k *zkverify.KeyPoints) { minus.Neg(&k.Gamma); k.Delta = minus }, "delta equals ±gamma"},
		"delta the generator":             {func(k *zkverify.KeyPoints) { k.Delta = g2 }, "no contribution"},
		"sigma 1":                         {func(k *zkverify.KeyPoints) { minus.Neg(&k.Commitment.G); k.Commitment.GSigmaNeg = minus }, "sigma"},
		"G outside the subgroup":          {func(k *zkverify.KeyPoints) { k.Commitment.G = outsider }, "commitment key G: point outside"},
		"committed inputs out of order":   {func(k *zkverify.KeyPoints) { k.Commitment.Committed = []int{3, 2} }, "out of range or order"},
		"committed input twice":           {func(k *zkverify.KeyPoints) { k.Commitment.Committed = []int{2, 2} }, "out of range or order"},
		"committed input 0":               {func(k *zkverify.KeyPoints) { k.Commitment.Committed = []int{0} }, "out of range or order"},
		"committed input too high":        {func(k *zkverify.KeyPoints) { k.Commitment.Committed = []int{9} }, "out of range or order"},
		"more committed than there are":   {func(k *zkverify.KeyPoints) { k.Commitment.Committed = make([]int, 9) }, "9 of 8"},
		"no public input":                 {func(k *zkverify.KeyPoints) { k.K = k.K[:2]; k.Commitment.Committed = nil }, "0 public inputs"},
		"too many public inputs":          {func(k *zkverify.KeyPoints) { k.K = make([]bn254.G1Affine, 259) }, "257 public inputs"},
	} {
		points := fixtures(t)[committingOpen].vk.Points()
		c.change(&points)
		_, err := zkverify.ParseVerifyingKey(points.Encode())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// K_0 is at infinity when a circuit does without the constant 1, and only then.
func TestConstantAtInfinity(t *testing.T) {
	s := fixtures(t)[oneInput]
	points := s.vk.Points()
	points.K[0] = bn254.G1Affine{}
	vk, err := zkverify.ParseVerifyingKey(points.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(vk.Bytes(), points.Encode()) {
		t.Error("another encoding")
	}
	p := s.prove(t, 2)
	if err := zkverify.Verify(vk, p.proof, p.public); err == nil {
		t.Error("a changed key verifies")
	}
}

// free declares a public input that nothing uses: gnark compiles it, sets it up,
// and then accepts proofs for any value of it. We don't take the key.
type free struct {
	X frontend.Variable
	Y frontend.Variable `gnark:",public"`
	Z frontend.Variable `gnark:",public"`
}

func (c *free) Define(api frontend.API) error {
	api.AssertIsEqual(api.Mul(c.X, c.X), c.Y)
	return nil
}

func TestUnconstrainedPublicInputIsRefused(t *testing.T) {
	ccs, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &free{})
	if err != nil {
		t.Fatal(err)
	}
	_, gvk, err := groth16.Setup(ccs)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.FromGnarkVK(gvk); err == nil || !strings.Contains(err.Error(), "K[2]: point at infinity") {
		t.Errorf("got %v, want a refusal of K[2]", err)
	}
}

// summed has two public inputs that only count together. gnark compiles it, sets it up, and accepts a proof for 2 + 7 as one for 3 + 6: the one of an
// event for another, were one of them the context. We don't take the key.
type summed struct {
	X frontend.Variable
	Y frontend.Variable `gnark:",public"`
	Z frontend.Variable `gnark:",public"`
}

func (c *summed) Define(api frontend.API) error {
	api.AssertIsEqual(api.Mul(c.X, c.X), api.Add(c.Y, c.Z))
	return nil
}

func TestInputsOfOneWeightAreRefused(t *testing.T) {
	ccs, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &summed{})
	if err != nil {
		t.Fatal(err)
	}
	pk, gvk, err := groth16.Setup(ccs)
	if err != nil {
		t.Fatal(err)
	}
	full, err := frontend.NewWitness(&summed{X: 3, Y: 2, Z: 7}, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	proof, err := groth16.Prove(ccs, pk, full)
	if err != nil {
		t.Fatal(err)
	}
	other, err := frontend.NewWitness(&summed{Y: 3, Z: 6}, ecc.BN254.ScalarField(), frontend.PublicOnly())
	if err != nil {
		t.Fatal(err)
	}
	if err := groth16.Verify(proof, gvk, other); err != nil {
		t.Errorf("gnark sees to it by now (%v): is the check still of use?", err)
	}
	if _, err := keys.FromGnarkVK(gvk); err == nil || !strings.Contains(err.Error(), "K[2] equals ±K[1]") {
		t.Errorf("got %v, want a refusal of K[2]", err)
	}
}

func FuzzParseVerifyingKey(f *testing.F) {
	for _, s := range fixtures(f) {
		f.Add(s.vk.Bytes())
	}
	f.Add([]byte("attestlog-vk-v1\n\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		vk, err := zkverify.ParseVerifyingKey(b)
		if err != nil {
			return
		}
		if !bytes.Equal(vk.Bytes(), b) {
			t.Fatal("accepted, but encodes differently")
		}
		points := vk.Points()
		if !bytes.Equal(points.Encode(), b) {
			t.Fatal("its points encode differently")
		}
	})
}

func FuzzParseProof(f *testing.F) {
	vks := map[int]*zkverify.VerifyingKey{}
	for _, name := range []string{oneInput, committingOpen} {
		s := fixtures(f)[name]
		f.Add(s.prove(f, 3).proof)
		vks[s.vk.ProofSize()] = s.vk
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for size, vk := range vks {
			p, err := zkverify.ParseProof(b, vk)
			if err != nil {
				continue
			}
			if len(b) != size || !bytes.Equal(p.Bytes(), b) {
				t.Fatal("accepted, but encodes differently")
			}
		}
	})
}

func FuzzVerify(f *testing.F) {
	s := fixtures(f)[committingOpen]
	p := s.prove(f, 3)
	var public []byte
	for _, x := range p.public {
		public = append(public, x[:]...)
	}
	f.Add(p.proof, public)
	f.Add(p.proof[:128], public[:32])
	f.Fuzz(func(t *testing.T, proof, public []byte) {
		item := zkverify.Item{VK: s.vk, Proof: proof}
		for len(public) >= 32 {
			item.Public = append(item.Public, event.Element(public[:32]))
			public = public[32:]
		}
		single := verify(item)
		batch := zkverify.VerifyBatch([]zkverify.Item{item, p.item(), item})
		if fmt.Sprint(batch[0]) != fmt.Sprint(single) || batch[1] != nil || fmt.Sprint(batch[2]) != fmt.Sprint(single) {
			t.Fatalf("singly %v, in a batch %v", single, batch)
		}
	})
}
