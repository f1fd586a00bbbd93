package ceremony_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"

	"github.com/attestlog/attestlog/prover/keys/ceremony"
)

// The header of a file of this test: the contributor's name follows at byte 86, the body's length and the body follow that.
func bodyAt(b []byte) int { return 16 + 1 + 4 + 32 + 32 + 1 + int(b[85]) + 8 }

// changed flips a bit of a file, which makes another file of it but not another length.
func changed(at func(b []byte) int) func([]byte) []byte {
	return func(b []byte) []byte { b[at(b)] ^= 1; return b }
}

// relink makes the headers of a phase's files name one another again, so that what is wrong with them has to be found in their bodies.
func relink(t *testing.T, dir string, first int) {
	t.Helper()
	var previous *[32]byte
	for number := first; ; number++ {
		path := filepath.Join(dir, file(number))
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		binary.BigEndian.PutUint32(b[17:], uint32(number))
		if previous != nil {
			copy(b[53:85], previous[:])
		}
		digest := sha256.Sum256(b)
		previous = &digest
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func file(number int) string { return "000" + string(rune('0'+number)) + ".mpc" }

// TestMutations spoils a verified ceremony in one way after another. Each is found by Verify, and by CheckDigests unless it says that only the
// cryptography shows it.
func TestMutations(t *testing.T) {
	good := whole(t, committing)
	foreign := whole(t, committing)
	if _, err := verify(t, good.Dir()); err != nil {
		t.Fatal(err)
	}
	in := func(name string, change func([]byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { edit(t, filepath.Join(dir, name), change) }
	}
	from := func(name, as string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			b, err := os.ReadFile(filepath.Join(foreign.Dir(), name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, as), b, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	middle := func(b []byte) int { return (bodyAt(b) + len(b)) / 2 }
	for _, m := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"manifest of another statement", in("ceremony.json", replace("power-22-true", "power-21-false")), "not the one it is about"},
		{"manifest of an unknown statement", in("ceremony.json", replace("power-22-true", "power-99-true")), "no such statement"},
		{"manifest of another circuit", in("ceremony.json", replace(`"constraintSystem":"`, `"constraintSystem":"0000`)), "not the one it is about"},
		{"manifest of another domain", in("ceremony.json", replace(`"n":32`, `"n":64`)), "not the one it is about"},
		{"manifest with a space", in("ceremony.json", replace(`"n":32`, `"n": 32`)), "ceremony.json"},
		{"manifest with a line feed", in("ceremony.json", func(b []byte) []byte { return append(b, '\n') }), "ceremony.json"},
		{"manifest of version 2", in("ceremony.json", replace("ceremony/v1", "ceremony/v2")), "ceremony.json"},
		{"manifest cut short", in("ceremony.json", truncated(10)), "ceremony.json"},
		{"manifest too long", in("ceremony.json", func(b []byte) []byte { return append(b, make([]byte, 1<<20)...) }), "at most"},
		{"phase 1 of another ceremony", from("phase1/manifest.json", "phase1/manifest.json"), "another one than"},
		{"phase 1 of another domain", in("phase1/manifest.json", replace(`"n":32`, `"n":64`)), "another one than"},
		{"phase 1 of no domain", in("phase1/manifest.json", replace(`"n":32`, `"n":33`)), "power of two"},
		{"beacon of phase 1", in("phase1/sealed.json", replace("0101", "0100")), "phase 1"},
		{"beacon's digits of phase 1 in upper case", in("phase1/sealed.json", replace(`"beacon":"01`, `"beacon":"0A`)), "lower-case"},
		{"beacon's source of phase 1", in("phase1/sealed.json", replace("Round 1", "Round 3")), ""},
		{"contributor's name in phase 1's record", in("phase1/sealed.json", replace("Blaise", "Blaisd")), ""},
		{"record of phase 1 of another ceremony", from("phase1/sealed.json", "phase1/sealed.json"), "seals another first phase"},
		{"powers of phase 1", in("phase1/sealed.srs", changed(func(b []byte) int { return len(b) / 2 })), "sealed.srs"},
		{"powers of phase 1, cut short", in("phase1/sealed.srs", truncated(1)), "sealed.srs"},
		{"powers of phase 1 of another ceremony", from("phase1/sealed.srs", "phase1/sealed.srs"), "sealed.srs"},
		{"start of phase 2", in("phase2/0000.mpc", changed(middle)), "contribution 0 of phase 2"},
		{"start of phase 2 of another ceremony", from("phase2/0000.mpc", "phase2/0000.mpc"), "another ceremony"},
		{"beacon of phase 2", in("transcript.json", replace("0202", "0200")), "not the transcript"},
		{"beacon's source of phase 2", in("transcript.json", replace("Round 2", "Round 1")), ""},
		{"beacon of phase 1 for phase 2 as well", in("transcript.json", replace(strings.Repeat("02", 32), strings.Repeat("01", 32))), "known before phase 2 began"},
		{"transcript of another ceremony", from("transcript.json", "transcript.json"), ""},
		{"transcript cut short", in("transcript.json", truncated(1)), "transcript"},
		{"a contributor's name in the transcript", in("transcript.json", replace("Dorothy", "Dorothea")), "not the transcript"},
		{"a contributor's digest in the transcript", in("transcript.json", replace(`"digest":"`, `"digest":"00000000`)), ""},
		{"missing beacon", in("transcript.json", replace(`"beacon"`, `"bacon"`)), "transcript"},
		{"first contribution to phase 1", in("phase1/0001.mpc", changed(middle)), "contribution 1 of phase 1"},
		{"last contribution to phase 1", in("phase1/0003.mpc", changed(middle)), "contribution 3 of phase 1"},
		{"first contribution to phase 2", in("phase2/0001.mpc", changed(middle)), "contribution 1 of phase 2"},
		{"last contribution to phase 2", in("phase2/0003.mpc", changed(middle)), "contribution 3 of phase 2"},
		{"contribution cut short", in("phase1/0002.mpc", truncated(1)), "cut short"},
		{"contribution cut short in its header", in("phase1/0002.mpc", func(b []byte) []byte { return b[:50] }), "cut short"},
		{"contribution that goes on", in("phase1/0002.mpc", func(b []byte) []byte { return append(b, 0) }), "phase 1"},
		{"empty contribution", in("phase2/0002.mpc", func([]byte) []byte { return nil }), "no contribution"},
		{"contribution of another format", in("phase2/0002.mpc", changed(func([]byte) int { return 15 })), "no contribution, version 1"},
		{"contribution of the other phase", in("phase2/0002.mpc", func(b []byte) []byte { b[16] = 1; return b }), "belongs to phase 1"},
		{"contribution of no phase", in("phase2/0002.mpc", func(b []byte) []byte { b[16] = 3; return b }), "no phase 3"},
		{"contribution with a long name", in("phase1/0002.mpc", func(b []byte) []byte { b[85] = 65; return b }), "at most 64"},
		{"contribution without a name", in("phase1/0002.mpc", func(b []byte) []byte {
			b[85] = 0
			return append(b[:86:86], b[86+len("Blaise"):]...)
		}), "name is missing"},
		{"contribution with a name that moves", in("phase1/0002.mpc", func(b []byte) []byte { b[86] = 0x1b; return b }), "can't be shown"},
		{"contribution with another name", in("phase1/0002.mpc", func(b []byte) []byte { b[86] = 'C'; return b }), "doesn't follow"},
		{"contribution dropped in between", func(t *testing.T, dir string) { remove(t, dir, "phase1/0002.mpc") }, "no such file"},
		{"contribution dropped at the end", func(t *testing.T, dir string) { remove(t, dir, "phase2/0003.mpc") }, "not the transcript"},
		{"contribution dropped at the end of phase 1", func(t *testing.T, dir string) { remove(t, dir, "phase1/0003.mpc") }, ""},
		{"contribution dropped at the start", func(t *testing.T, dir string) { remove(t, dir, "phase1/0001.mpc") }, "no such file"},
		{"start of phase 2 dropped", func(t *testing.T, dir string) { remove(t, dir, "phase2/0000.mpc") }, "no such file"},
		{"contributions in another order", func(t *testing.T, dir string) { swap(t, dir, "phase2/0002.mpc", "phase2/0003.mpc") }, "wrong name"},
		{"contribution from another ceremony", from("phase1/0002.mpc", "phase1/0002.mpc"), "another ceremony"},
		{"contribution from another ceremony's phase 2", from("phase2/0002.mpc", "phase2/0002.mpc"), "another ceremony"},
		{"contribution repeated", func(t *testing.T, dir string) {
			b, err := os.ReadFile(filepath.Join(dir, "phase2/0003.mpc"))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "phase2/0004.mpc"), b, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, "wrong name"},
		{"contribution under a strange name", func(t *testing.T, dir string) { swap(t, dir, "phase1/0003.mpc", "phase1/3.mpc") }, "no contribution's name"},
		{"hostile domain size", in("phase1/0002.mpc", func(b []byte) []byte {
			binary.BigEndian.PutUint64(b[bodyAt(b)+3*96:], 1<<62)
			return b
		}), "length at byte 288"},
		{"hostile number of commitments", in("phase2/0002.mpc", func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[bodyAt(b):], 0xffff)
			return b
		}), "length at byte 0"},
		{"hostile length of a slice", in("phase2/0002.mpc", func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[bodyAt(b)+2+32:], 0xffffffff)
			return b
		}), "length at byte 34"},
		{"hostile length of the body", in("phase2/0002.mpc", func(b []byte) []byte {
			binary.BigEndian.PutUint64(b[bodyAt(b)-8:], 1<<63)
			return b
		}), "cut short"},
		{"no challenge", in("phase2/0002.mpc", func(b []byte) []byte { b[len(b)-33] = 0; return b }), "length at byte"},
		{"a directory in a file's place", func(t *testing.T, dir string) {
			remove(t, dir, "phase1/0002.mpc")
			if err := os.Mkdir(filepath.Join(dir, "phase1/0002.mpc"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "no regular file"},
		{"proving key", spoilKeys("proving.key"), "another SHA-256"},
		{"verifying key", spoilKeys("verifying.key"), "another SHA-256"},
		{"keys dropped", func(t *testing.T, dir string) { remove(t, dir, "keys") }, "no keys"},
	} {
		t.Run(m.name, func(t *testing.T) {
			dir := copied(t, good)
			m.spoil(t, dir)
			if _, err := verify(t, dir); err == nil || !strings.Contains(err.Error(), m.want) {
				t.Errorf("verify: got %v, want %q", err, m.want)
			}
			c, err := ceremony.Open(dir, table, nil)
			if err == nil {
				_, err = c.CheckDigests(t.Context())
			}
			if err == nil {
				t.Error("the digests fit")
			}
		})
	}
}

// TestKnownBeacon has all of a ceremony's files fit, keys included, but for the second phase's beacon, which everybody knew when the phase began.
func TestKnownBeacon(t *testing.T) {
	c := begin(t, plain, ceremony.Options{})
	contribute(t, c, "Ada")
	seal(t, c, beacon1)
	contribute(t, c, "Blaise")
	if err := c.SealWithKnownBeacon(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, check := range map[string]func(context.Context) (*ceremony.Result, error){"Verify": c.Verify, "CheckDigests": c.CheckDigests} {
		if _, err := check(t.Context()); err == nil || !strings.Contains(err.Error(), "known before phase 2 began") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForgedBodies takes what is wrong past the headers: only the bodies, and the proofs in them, tell.
func TestForgedBodies(t *testing.T) {
	good := begin(t, committing, ceremony.Options{})
	contribute(t, good, "Ada", "Blaise", "Chien-Shiung")
	foreign := begin(t, committing, ceremony.Options{})
	contribute(t, foreign, "Ada", "Blaise", "Chien-Shiung")
	seal(t, good, beacon1)
	contribute(t, good, "Ada", "Blaise", "Chien-Shiung")
	// The same phase 1, another phase 2.
	beside, err := ceremony.Open(copied(t, good), table, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []int{1, 2, 3} {
		remove(t, beside.Dir(), "phase2/"+file(number))
	}
	contribute(t, beside, "Ada", "Blaise", "Chien-Shiung")

	body := func(from string, name string) func(b []byte) []byte {
		return func(b []byte) []byte {
			other, err := os.ReadFile(filepath.Join(from, name))
			if err != nil {
				t.Fatal(err)
			}
			return append(b[:bodyAt(b):bodyAt(b)], other[bodyAt(other):]...)
		}
	}
	// at replaces bytes of the body.
	at := func(offset int, with []byte) func(b []byte) []byte {
		return func(b []byte) []byte {
			if offset < 0 {
				copy(b[len(b)+offset:], with)
			} else {
				copy(b[bodyAt(b)+offset:], with)
			}
			return b
		}
	}
	_, _, one1, one2 := bn254.Generators()
	g1, g2 := one1.Bytes(), one2.Bytes()
	outside := outsideSubgroup(t)
	infinity1, infinity2 := make([]byte, 32), make([]byte, 64)
	infinity1[0], infinity2[0] = 0x40, 0x40
	noPoint := bytes.Repeat([]byte{0xff}, 32)
	const (
		powers1 = 3*96 + 8 + 64 // [τ]₁ in phase 1
		n       = 32
		powers2 = powers1 + (2*n-2)*32 // [τ]₂
		beta    = powers2 + (n-1)*64
		alpha   = beta + n*32
	)
	for _, m := range []struct {
		name   string
		phase1 bool
		file   string
		change func([]byte) []byte
		want   string
	}{
		{"contribution to another ceremony", true, "phase1/0001.mpc", body(foreign.Dir(), "phase1/0001.mpc"), "challenge does not match"},
		{"later contribution to another ceremony", true, "phase1/0002.mpc", body(foreign.Dir(), "phase1/0002.mpc"), "challenge does not match"},
		{"first contribution to another phase 2", false, "phase2/0002.mpc", body(beside.Dir(), "phase2/0001.mpc"), "challenge does not match"},
		{"later contribution to another phase 2", false, "phase2/0002.mpc", body(beside.Dir(), "phase2/0002.mpc"), "challenge does not match"},
		{"contribution twice", true, "phase1/0002.mpc", body(good.Dir(), "phase1/0001.mpc"), "challenge does not match"},
		{"contribution to phase 2 twice", false, "phase2/0002.mpc", body(good.Dir(), "phase2/0001.mpc"), "challenge does not match"},
		{"another challenge", true, "phase1/0001.mpc", at(-1, []byte{0}), "challenge does not match"},
		{"no contribution to τ", true, "phase1/0001.mpc", at(0, infinity1), "zero contribution"},
		{"another secret in τ's proof", true, "phase1/0001.mpc", at(0, g1[:]), "contribution to τ"},
		{"no knowledge of τ", true, "phase1/0001.mpc", at(32, g2[:]), "contribution to τ"},
		{"τ at infinity", true, "phase1/0001.mpc", at(powers1, infinity1), "contribution to τ"},
		{"another τ", true, "phase1/0001.mpc", at(powers1, g1[:]), "contribution to τ"},
		{"another τ²", true, "phase1/0001.mpc", at(powers1+32, g1[:]), "pairing mismatch"},
		{"last power of τ", true, "phase1/0001.mpc", at(powers2-32, g1[:]), "pairing mismatch"},
		{"another τ in the other group", true, "phase1/0001.mpc", at(powers2, g2[:]), "pairing mismatch"},
		{"powers at infinity in the other group", true, "phase1/0001.mpc", at(powers2, infinity2), "pairing mismatch"},
		{"another α", true, "phase1/0001.mpc", at(alpha, g1[:]), "contribution to α"},
		{"another α τ", true, "phase1/0001.mpc", at(alpha+32, g1[:]), "pairing mismatch"},
		{"another β", true, "phase1/0001.mpc", at(beta, g1[:]), "contribution to β"},
		{"another β in the other group", true, "phase1/0001.mpc", at(3*96+8, g2[:]), "contribution to β"},
		{"a point off the curve", true, "phase1/0001.mpc", at(powers1, noPoint), "damaged"},
		{"a point outside the subgroup", true, "phase1/0001.mpc", at(powers2, outside), "subgroup"},
		{"a proof outside the subgroup", true, "phase1/0001.mpc", at(32, outside), "subgroup"},
		{"δ", false, "phase2/0001.mpc", at(2, g1[:]), "contribution to δ"},
		{"a private wire's point", false, "phase2/0001.mpc", at(2+32+4, g1[:]), "contribution to δ"},
		{"no contribution to σ", false, "phase2/0001.mpc", at(-33-96, infinity1), "zero contribution"},
		{"σ of another secret", false, "phase2/0001.mpc", at(-33-2*96-64, g2[:]), "contribution to σ"},
		{"σ at infinity", false, "phase2/0001.mpc", at(-33-2*96-64, infinity2), "contribution to σ"},
		{"the commitment's basis", false, "phase2/0001.mpc", at(-33-2*96-64-32, g1[:]), "contribution to σ"},
		{"σ outside the subgroup", false, "phase2/0001.mpc", at(-33-2*96-64, outside), "subgroup"},
	} {
		t.Run(m.name, func(t *testing.T) {
			dir := copied(t, good)
			phase, first := "phase2", 0
			if m.phase1 {
				phase, first = "phase1", 1
				remove(t, dir, "phase2")
				remove(t, dir, "phase1/sealed.json")
			}
			edit(t, filepath.Join(dir, m.file), m.change)
			relink(t, filepath.Join(dir, phase), first)
			if _, err := verify(t, dir); err == nil || !strings.Contains(err.Error(), m.want) {
				t.Errorf("verify: got %v, want %q", err, m.want)
			}
			// A contributor who comes next sees it, too.
			last := 2
			if strings.HasSuffix(m.file, "0001.mpc") {
				last = 1
			}
			for number := last + 1; number <= 3; number++ {
				remove(t, dir, phase+"/"+file(number))
			}
			c, err := ceremony.Open(dir, table, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Contribute(t.Context(), "Dorothy"); err == nil || !strings.Contains(err.Error(), m.want) {
				t.Errorf("contribute: got %v, want %q", err, m.want)
			}
			if _, err := os.Stat(filepath.Join(dir, phase, file(last+1))); err == nil {
				t.Error("contributed to what doesn't hold")
			}
		})
	}
}

// outsideSubgroup is a point on the twist that is not in the subgroup, as a hostile file might have: a secret that multiplies it leaks its residue.
func outsideSubgroup(t *testing.T) []byte {
	t.Helper()
	var b [64]byte
	for b[0] = 0x80; ; b[63]++ {
		var p bn254.G2Affine
		_, err := p.SetBytes(b[:])
		if err != nil && strings.Contains(err.Error(), "subgroup") {
			return b[:]
		}
		if b[63] == 255 {
			t.Fatal("found no point outside the subgroup")
		}
	}
}

func replace(old, with string) func([]byte) []byte {
	return func(b []byte) []byte {
		// A digest keeps its length: what is put before its digits goes off their end.
		if strings.HasSuffix(with, "0000") {
			i := bytes.Index(b, []byte(old))
			extra := len(with) - len(old)
			end := i + len(old) + 64
			return append(append(append(bytes.Clone(b[:i]), with...), b[i+len(old):end-extra]...), b[end:]...)
		}
		return bytes.Replace(b, []byte(old), []byte(with), 1)
	}
}

func truncated(by int) func([]byte) []byte {
	return func(b []byte) []byte { return b[:len(b)-by] }
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// swap exchanges two files; the second need not be there.
func swap(t *testing.T, dir, one, two string) {
	t.Helper()
	one, two = filepath.Join(dir, one), filepath.Join(dir, two)
	if _, err := os.Stat(two); err != nil {
		if err := os.Rename(one, two); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := errors.Join(os.Rename(one, one+"x"), os.Rename(two, one), os.Rename(one+"x", two)); err != nil {
		t.Fatal(err)
	}
}

func spoilKeys(name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		found, err := filepath.Glob(filepath.Join(dir, "keys", "*", name))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		edit(t, found[0], func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	}
}
