// Package snarkjs reads and writes Groth16 verifying keys, proofs and public inputs as snarkjs does, the tool of circom's world, so that people verify
// attestlog's proofs with their own tools, and bring keys and proofs of their own circuits.
//
// snarkjs writes JSON. Numbers are decimal strings. A point of G1 is [x, y, "1"], a point of G2 [[x0, x1], [y0, y1], ["1", "0"]] with x = x0 + x1·u, and
// infinity is ["0", "1", "0"]:
//
//	verification_key.json   protocol, curve, nPublic, vk_alpha_1, vk_beta_2, vk_gamma_2, vk_delta_2, vk_alphabeta_12, IC
//	proof.json              pi_a, pi_b, pi_c, protocol, curve
//	public.json             a list of the public inputs
//
// In the notation of package zkverify, IC is K, vk_alphabeta_12 is e(α, β), which follows from the rest, and pi_a, pi_b, pi_c are A, B, C. A circuit of circom has no
// Groth16 commitments (gnark's api.Commit), and snarkjs knows none: what has one can't be written.
//
// Reading is strict: sizes are bounded first, members are those and no others, numbers are in the one decimal form that they have and below the modulus of
// their field, points are on their curve and in the subgroup. What the points mean is for zkverify to judge.
package snarkjs

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/zkverify"
)

// What the longest files have, in bytes, whatever white space stands in them: check that before reading one.
const (
	MaxVerifyingKey = 128 << 10
	MaxProof        = 8 << 10
)

// ErrCommitment says that something has a Groth16 commitment, which snarkjs doesn't know.
var ErrCommitment = errors.New("it has a Groth16 commitment, which snarkjs can't verify")

const (
	protocol = "groth16"
	curve    = "bn128" // circom's name for BN254
)

// The files, as snarkjs orders their members.
type (
	g1 [3]string
	g2 [3][2]string
	gt [2][3][2]string

	verifyingKey struct {
		Protocol  string `json:"protocol"`
		Curve     string `json:"curve"`
		Public    int    `json:"nPublic"`
		Alpha     g1     `json:"vk_alpha_1"`
		Beta      g2     `json:"vk_beta_2"`
		Gamma     g2     `json:"vk_gamma_2"`
		Delta     g2     `json:"vk_delta_2"`
		AlphaBeta gt     `json:"vk_alphabeta_12"`
		IC        []g1   `json:"IC"`
	}
	proof struct {
		A        g1     `json:"pi_a"`
		B        g2     `json:"pi_b"`
		C        g1     `json:"pi_c"`
		Protocol string `json:"protocol"`
		Curve    string `json:"curve"`
	}
)

// FormatVerifyingKey writes verification_key.json. The error wraps [ErrCommitment] where the key has a commitment.
func FormatVerifyingKey(vk *zkverify.VerifyingKey) ([]byte, error) {
	p := vk.Points()
	if p.Commitment != nil {
		return nil, fmt.Errorf("couldn't write the verifying key: %w", ErrCommitment)
	}
	product, err := bn254.Pair([]bn254.G1Affine{p.Alpha}, []bn254.G2Affine{p.Beta})
	if err != nil {
		return nil, fmt.Errorf("couldn't write the verifying key: %w", err)
	}
	file := verifyingKey{Protocol: protocol, Curve: curve, Public: vk.NumPublic(), Alpha: formatG1(&p.Alpha), Beta: formatG2(&p.Beta),
		Gamma: formatG2(&p.Gamma), Delta: formatG2(&p.Delta), AlphaBeta: formatGT(&product)}
	for i := range p.K {
		file.IC = append(file.IC, formatG1(&p.K[i]))
	}
	return indent(file)
}

// FormatProof writes proof.json. The error wraps [ErrCommitment] where the proof has a commitment.
func FormatProof(p *zkverify.Proof) ([]byte, error) {
	if p.Commitment != nil {
		return nil, fmt.Errorf("couldn't write the proof: %w", ErrCommitment)
	}
	return indent(proof{A: formatG1(&p.A), B: formatG2(&p.B), C: formatG1(&p.C), Protocol: protocol, Curve: curve})
}

// FormatPublic writes public.json.
func FormatPublic(public []event.Element) ([]byte, error) {
	list := make([]string, len(public))
	for i, e := range public {
		list[i] = Number(e)
	}
	return indent(list)
}

// Number is a field element as snarkjs writes it, in public.json and in the input.json of a circuit.
func Number(e event.Element) string { return new(big.Int).SetBytes(e[:]).String() }

func indent(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return nil, fmt.Errorf("couldn't write JSON: %w", err)
	}
	return append(b, '\n'), nil
}

func formatG1(p *bn254.G1Affine) g1 {
	if p.IsInfinity() {
		return infinity
	}
	return g1{p.X.String(), p.Y.String(), "1"}
}

func formatG2(p *bn254.G2Affine) g2 {
	return g2{{p.X.A0.String(), p.X.A1.String()}, {p.Y.A0.String(), p.Y.A1.String()}, {"1", "0"}}
}

func formatGT(e *bn254.GT) (out gt) {
	for i, half := range []*bn254.E6{&e.C0, &e.C1} {
		for j, part := range []*bn254.E2{&half.B0, &half.B1, &half.B2} {
			out[i][j] = [2]string{part.A0.String(), part.A1.String()}
		}
	}
	return out
}

// infinity is the point at infinity of G1. Only K_0 may be there.
var infinity = g1{"0", "1", "0"}

// ParseVerifyingKey reads verification_key.json, and then has zkverify judge the key as it judges every other.
func ParseVerifyingKey(b []byte) (*zkverify.VerifyingKey, error) {
	vk, err := parseVerifyingKey(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read snarkjs's verifying key: %w", err)
	}
	return vk, nil
}

func parseVerifyingKey(b []byte) (*zkverify.VerifyingKey, error) {
	if len(b) > MaxVerifyingKey {
		return nil, fmt.Errorf("it has %d bytes, and at most %d are allowed", len(b), MaxVerifyingKey)
	}
	var f verifyingKey
	f.IC = []g1{}
	err := readObject(b, map[string]any{"protocol": &f.Protocol, "curve": &f.Curve, "nPublic": &f.Public, "vk_alpha_1": &f.Alpha, "vk_beta_2": &f.Beta,
		"vk_gamma_2": &f.Gamma, "vk_delta_2": &f.Delta, "vk_alphabeta_12": &f.AlphaBeta, "IC": &f.IC}, "vk_alphabeta_12")
	if err != nil {
		return nil, err
	}
	if err := checkSystem(f.Protocol, f.Curve); err != nil {
		return nil, err
	}
	if f.Public < 1 || f.Public > zkverify.MaxPublicInputs {
		return nil, fmt.Errorf("nPublic: the circuit has %d public inputs, and 1 to %d can be verified: make the others private, and one of their hash public", f.Public, zkverify.MaxPublicInputs)
	}
	if len(f.IC) != f.Public+1 {
		return nil, fmt.Errorf("IC: for %d public inputs %d points must stand here, not %d", f.Public, f.Public+1, len(f.IC))
	}
	p := zkverify.KeyPoints{K: make([]bn254.G1Affine, len(f.IC))}
	r := &reader{}
	r.g1("vk_alpha_1", f.Alpha, &p.Alpha)
	r.g2("vk_beta_2", f.Beta, &p.Beta)
	r.g2("vk_gamma_2", f.Gamma, &p.Gamma)
	r.g2("vk_delta_2", f.Delta, &p.Delta)
	for i, k := range f.IC {
		if i == 0 && k == infinity {
			continue // the zero value
		}
		r.g1(fmt.Sprintf("IC[%d]", i), k, &p.K[i])
	}
	if r.err != nil {
		return nil, r.err
	}
	if f.AlphaBeta != (gt{}) {
		product, err := bn254.Pair([]bn254.G1Affine{p.Alpha}, []bn254.G2Affine{p.Beta})
		if err != nil || formatGT(&product) != f.AlphaBeta {
			return nil, errors.New("vk_alphabeta_12: this is not e(alpha, beta)")
		}
	}
	if p.Delta.Equal(&p.Gamma) {
		return nil, errors.New("delta equals gamma, so anyone could forge proofs: the set-up has no contribution yet; make one with snarkjs zkey contribute, and export the key of what comes out")
	}
	return zkverify.ParseVerifyingKey(p.Encode())
}

// ParseProof reads proof.json. Whether the proof proves anything is for zkverify.Verify, which takes its Bytes.
func ParseProof(b []byte) (*zkverify.Proof, error) {
	p, err := parseProof(b)
	if err != nil {
		return nil, fmt.Errorf("couldn't read snarkjs's proof: %w", err)
	}
	return p, nil
}

func parseProof(b []byte) (*zkverify.Proof, error) {
	if len(b) > MaxProof {
		return nil, fmt.Errorf("it has %d bytes, and at most %d are allowed", len(b), MaxProof)
	}
	f := proof{Curve: curve}
	// Some provers, such as rapidsnark, leave the curve out.
	if err := readObject(b, map[string]any{"pi_a": &f.A, "pi_b": &f.B, "pi_c": &f.C, "protocol": &f.Protocol, "curve": &f.Curve}, "curve"); err != nil {
		return nil, err
	}
	if err := checkSystem(f.Protocol, f.Curve); err != nil {
		return nil, err
	}
	p, r := &zkverify.Proof{}, &reader{}
	r.g1("pi_a", f.A, &p.A)
	r.g2("pi_b", f.B, &p.B)
	r.g1("pi_c", f.C, &p.C)
	if r.err != nil {
		return nil, r.err
	}
	return p, nil
}

func checkSystem(system, over string) error {
	if system != protocol {
		return fmt.Errorf("protocol: only %s is verified here, not %q", protocol, clip(system))
	}
	if over != curve {
		return fmt.Errorf("curve: only %s (BN254) is verified here, not %q", curve, clip(over))
	}
	return nil
}

// reader reads points, up to the first that is none.
type reader struct{ err error }

func (r *reader) g1(name string, from g1, p *bn254.G1Affine) {
	r.coordinate(name, from[0], &p.X)
	r.coordinate(name, from[1], &p.Y)
	switch {
	case r.err != nil:
	case from[2] != "1":
		r.err = fmt.Errorf("%s: a point ends with \"1\" here, and none is at infinity", name)
	case !p.IsOnCurve() || p.IsInfinity():
		r.err = fmt.Errorf("%s: this is no point of the curve", name)
	}
}

func (r *reader) g2(name string, from g2, p *bn254.G2Affine) {
	r.coordinate(name, from[0][0], &p.X.A0)
	r.coordinate(name, from[0][1], &p.X.A1)
	r.coordinate(name, from[1][0], &p.Y.A0)
	r.coordinate(name, from[1][1], &p.Y.A1)
	switch {
	case r.err != nil:
	case from[2] != [2]string{"1", "0"}:
		r.err = fmt.Errorf("%s: a point ends with [\"1\", \"0\"] here, and none is at infinity", name)
	case !p.IsOnCurve() || p.IsInfinity():
		r.err = fmt.Errorf("%s: this is no point of the curve", name)
	case !p.IsInSubGroup():
		r.err = fmt.Errorf("%s: this point is not in the subgroup", name)
	}
}

func (r *reader) coordinate(name, s string, to *fp.Element) {
	if r.err != nil {
		return
	}
	n, err := decimal(s, fp.Modulus())
	if err != nil {
		r.err = fmt.Errorf("%s: %w", name, err)
		return
	}
	to.SetBigInt(n)
}

// ParseNumber reads a field element in snarkjs's decimal form.
func ParseNumber(s string) (e event.Element, err error) {
	n, err := decimal(s, fr.Modulus())
	if err != nil {
		return e, err
	}
	n.FillBytes(e[:])
	return e, nil
}

// decimal reads a number in its one decimal form, below a modulus of 254 bits.
func decimal(s string, below *big.Int) (*big.Int, error) {
	plain := len(s) > 0 && len(s) <= 77 && (s[0] != '0' || len(s) == 1)
	for i := range len(s) {
		plain = plain && '0' <= s[i] && s[i] <= '9'
	}
	if !plain {
		return nil, fmt.Errorf("%q is no number in plain decimal digits", clip(s))
	}
	n, _ := new(big.Int).SetString(s, 10)
	if n.Cmp(below) >= 0 {
		return nil, fmt.Errorf("%s is not below the modulus of its field", s)
	}
	return n, nil
}

// clip shortens a text for an error that quotes it; a number below the modulus fits, with its 77 digits.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
