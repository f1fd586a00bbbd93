package snarkjs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit/circuittest"
	"github.com/attestlog/attestlog/prover/circuit/trainingstep"
	"github.com/attestlog/attestlog/prover/keys/keytest"
	"github.com/attestlog/attestlog/prover/snarkjs"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// testdata/threshold is what snarkjs wrote for a circuit of circom's with two public inputs: a context, 5, and a threshold, 10.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "threshold", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func public(t testing.TB) (list []event.Element) {
	t.Helper()
	var numbers []string
	if err := json.Unmarshal(fixture(t, "public.json"), &numbers); err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers {
		e, err := snarkjs.ParseNumber(n)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// What snarkjs proved verifies here, and nothing beside it.
func TestReadsWhatSnarkjsWrites(t *testing.T) {
	vk, err := snarkjs.ParseVerifyingKey(fixture(t, "verification_key.json"))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := snarkjs.ParseProof(fixture(t, "proof.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := zkverify.Verify(vk, proof.Bytes(), public(t)); err != nil {
		t.Error(err)
	}
	for i := range public(t) {
		other := public(t)
		other[i][31]++
		if err := zkverify.Verify(vk, proof.Bytes(), other); !errors.Is(err, zkverify.ErrInvalid) {
			t.Errorf("with another public input %d: %v", i, err)
		}
	}
}

// What is written is, but for white space at the end, what snarkjs writes.
func TestWritesAsSnarkjsDoes(t *testing.T) {
	vk, err := snarkjs.ParseVerifyingKey(fixture(t, "verification_key.json"))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := snarkjs.ParseProof(fixture(t, "proof.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func() ([]byte, error){
		"verification_key.json": func() ([]byte, error) { return snarkjs.FormatVerifyingKey(vk) },
		"proof.json":            func() ([]byte, error) { return snarkjs.FormatProof(proof) },
		"public.json":           func() ([]byte, error) { return snarkjs.FormatPublic(public(t)) },
	} {
		got, err := write()
		if err != nil {
			t.Fatal(err)
		}
		if want := fixture(t, name); !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want)) {
			t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
		}
	}
}

// Keys and proofs of gnark's go out and come back as they were.
func TestRoundTrip(t *testing.T) {
	k := keytest.Keys(t, "foreign", func() (constraint.ConstraintSystem, error) { return circuittest.CompileForeign(3) })
	inputs := []event.Element{{31: 8}, {31: 49}, {31: 1}}
	made, _, err := k.Prove(t.Context(), circuittest.AssignForeign(7, inputs))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := zkverify.ParseProof(made, k.VerifyingKey)
	if err != nil {
		t.Fatal(err)
	}
	text, err := snarkjs.FormatProof(proof)
	if err != nil {
		t.Fatal(err)
	}
	back, err := snarkjs.ParseProof(text)
	if err != nil || !bytes.Equal(back.Bytes(), made) {
		t.Errorf("the proof comes back as %x, %v", back.Bytes(), err)
	}
	if text, err = snarkjs.FormatVerifyingKey(k.VerifyingKey); err != nil {
		t.Fatal(err)
	}
	vk, err := snarkjs.ParseVerifyingKey(text)
	if err != nil || vk.Digest() != k.VerifyingKey.Digest() {
		t.Errorf("the key comes back as another one: %v", err)
	}
}

func TestCommitmentsAreRefused(t *testing.T) {
	k := keytest.Keys(t, "training-step-32x32", func() (constraint.ConstraintSystem, error) { return trainingstep.Compile(32, 32) })
	if _, err := snarkjs.FormatVerifyingKey(k.VerifyingKey); !errors.Is(err, snarkjs.ErrCommitment) {
		t.Errorf("got %v", err)
	}
	if _, err := snarkjs.FormatProof(&zkverify.Proof{Commitment: &zkverify.ProofCommitment{}}); !errors.Is(err, snarkjs.ErrCommitment) {
		t.Errorf("got %v", err)
	}
}

const (
	p = "21888242871839275222246405745257275088696311157297823662689037894645226208583"
	r = "21888242871839275222246405745257275088548364400416034343698204186575808495617"
)

func TestRefusedVerifyingKeys(t *testing.T) {
	good := string(fixture(t, "verification_key.json"))
	const x, beta = `"6397137998512492620028640216631205859499929121873727530846899692664050318859"`, `"8530121555592754269453255349648804256827814512038491750161875147835145417094"`
	for _, c := range []struct{ name, from, to, want string }{
		{"nothing", good, ``, "no JSON object"},
		{"a list", good, `[]`, "no JSON object"},
		{"cut short", "\n}", ``, "not JSON"},
		{"something behind it", "\n}", "\n} {}", "something follows"},
		{"too long", "{", "{" + strings.Repeat(" ", snarkjs.MaxVerifyingKey), "at most"},
		{"another protocol", `"groth16"`, `"plonk"`, "only groth16"},
		{"another curve", `"bn128"`, `"bls12381"`, "only bn128"},
		{"unknown member", `"protocol"`, `"more": 1, "protocol"`, `"more" is not known`},
		{"member with another capital", `"IC"`, `"ic"`, `"ic" is not known`},
		{"member twice", `"nPublic": 2`, `"nPublic": 2, "nPublic": 2`, "stands twice"},
		{"member missing", ` "nPublic": 2,`, ``, `"nPublic" is missing`},
		{"no public input", `"nPublic": 2`, `"nPublic": 0`, "1 to 256 can be verified"},
		{"a fraction of public inputs", `"nPublic": 2`, `"nPublic": 2.5`, "another type"},
		{"too many public inputs", `"nPublic": 2`, `"nPublic": 257`, "1 to 256 can be verified"},
		{"fewer points than inputs", `"nPublic": 2`, `"nPublic": 3`, "4 points must stand here, not 3"},
		{"null", x, `null`, "null stands for nothing"},
		{"a number that is no string", x, strings.Trim(x, `"`), "another type"},
		{"a leading zero", x, `"0` + x[1:], "plain decimal"},
		{"a sign", x, `"-` + x[1:], "plain decimal"},
		{"hexadecimal", x, `"0x1"`, "plain decimal"},
		{"nothing for a number", x, `""`, "plain decimal"},
		{"the field's modulus", x, `"` + p + `"`, "not below the modulus"},
		{"very many digits", x, `"` + strings.Repeat("9", 10000) + `"`, "plain decimal"},
		{"another x", x, `"1"`, "vk_alpha_1: this is no point of the curve"},
		{"a point of G2 off its curve", beta, `"1"`, "vk_beta_2: this is no point of the curve"},
		{"a point with two coordinates", x + ",", ``, "3 elements must stand here, not 2"},
		{"a point with four", x, x + ", " + x, "3 elements must stand here, not 4"},
		{"another product", `"5692961426764816473215182750717877887845131437110996841400816955315374970030"`, `"5"`, "not e(alpha, beta)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(good, c.from) {
				t.Fatalf("%q doesn't stand in the key", c.from)
			}
			if _, err := snarkjs.ParseVerifyingKey([]byte(strings.Replace(good, c.from, c.to, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := snarkjs.ParseVerifyingKey(fixture(t, "unfinished_key.json")); err == nil || !strings.Contains(err.Error(), "no contribution yet") {
		t.Errorf("a key of a set-up without a contribution: got %v", err)
	}
}

// Points that no decompression would give are told from those that are on the curve: a key is judged by all of its coordinates.
func TestRefusedPoints(t *testing.T) {
	edit := func(t *testing.T, change func(key map[string]any)) error {
		var key map[string]any
		if err := json.Unmarshal(fixture(t, "verification_key.json"), &key); err != nil {
			t.Fatal(err)
		}
		change(key)
		b, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = snarkjs.ParseVerifyingKey(b)
		return err
	}
	at := []any{"0", "1", "0"}
	for name, c := range map[string]struct {
		change func(key map[string]any)
		want   string
	}{
		"as it was":           {func(map[string]any) {}, ""},
		"without the product": {func(k map[string]any) { delete(k, "vk_alphabeta_12") }, ""},
		"K_0 at infinity":     {func(k map[string]any) { k["IC"].([]any)[0] = at }, ""},
		"K_1 at infinity":     {func(k map[string]any) { k["IC"].([]any)[1] = at }, "IC[1]: a point ends with"},
		"K_1 as zeros":        {func(k map[string]any) { k["IC"].([]any)[1] = []any{"0", "0", "1"} }, "IC[1]: this is no point"},
		"another y":           {func(k map[string]any) { k["vk_alpha_1"].([]any)[1] = "1" }, "no point of the curve"},
		"projective":          {func(k map[string]any) { k["vk_alpha_1"].([]any)[2] = "2" }, "ends with"},
		"delta at infinity":   {func(k map[string]any) { k["vk_delta_2"].([]any)[2] = []any{"0", "0"} }, "ends with"},
		"outside the subgroup": {func(k map[string]any) {
			k["vk_gamma_2"] = []any{[]any{"1", "0"}, outside[:], []any{"1", "0"}}
		}, "not in the subgroup"},
		"delta is gamma": {func(k map[string]any) { k["vk_delta_2"] = k["vk_gamma_2"] }, "no contribution yet"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := edit(t, c.change); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestRefusedProofs(t *testing.T) {
	good := string(fixture(t, "proof.json"))
	const x = `"17473234482962648251174750271798776456576570077372852279999365419591998906857"`
	for _, c := range []struct{ name, from, to, want string }{
		{"without a curve", "\"groth16\",\n \"curve\": \"bn128\"", `"groth16"`, ""},
		{"another curve", `"bn128"`, `"bls12381"`, "only bn128"},
		{"another protocol", `"groth16"`, `"fflonk"`, "only groth16"},
		{"too long", "{", "{" + strings.Repeat(" ", snarkjs.MaxProof), "at most"},
		{"another x", x, `"1"`, "pi_a: this is no point"},
		{"a missing point", `"pi_b"`, `"pi_d"`, `"pi_d" is not known`},
		{"public inputs within", `"pi_a"`, `"publicSignals": ["1"], "pi_a"`, `"publicSignals" is not known`},
		{"infinity", x, `"0"`, "no point of the curve"},
	} {
		if !strings.Contains(good, c.from) {
			t.Fatalf("%q doesn't stand in the proof", c.from)
		}
		_, err := snarkjs.ParseProof([]byte(strings.Replace(good, c.from, c.to, 1)))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := snarkjs.ParseNumber(r); err == nil {
		t.Error("r is a number of the field")
	}
}

// Whatever is read as a key or a proof is written, and read as the same again.

func FuzzParseVerifyingKey(f *testing.F) {
	f.Add(fixture(f, "verification_key.json"))
	f.Add(fixture(f, "unfinished_key.json"))
	f.Add([]byte(`{"IC":[["0","1","0"]]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		vk, err := snarkjs.ParseVerifyingKey(b)
		if err != nil {
			return
		}
		text, err := snarkjs.FormatVerifyingKey(vk)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := snarkjs.ParseVerifyingKey(text); err != nil || again.Digest() != vk.Digest() {
			t.Fatalf("%s comes back as another key: %v", text, err)
		}
	})
}

func FuzzParseProof(f *testing.F) {
	f.Add(fixture(f, "proof.json"))
	f.Add([]byte(`{"pi_a":["1","2","1"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		proof, err := snarkjs.ParseProof(b)
		if err != nil {
			return
		}
		text, err := snarkjs.FormatProof(proof)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := snarkjs.ParseProof(text); err != nil || !bytes.Equal(again.Bytes(), proof.Bytes()) {
			t.Fatalf("%s comes back as another proof: %v", text, err)
		}
	})
}
