package verify_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"filippo.io/torchwood"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/verify"
)

// witnessKeys are a key of each type that cosigns: as a signer of the formats library, and as a vkey.
func witnessKeys(t *testing.T, name string) map[string]struct {
	signer note.Signer
	vkey   string
} {
	t.Helper()
	keys := map[string]struct {
		signer note.Signer
		vkey   string
	}{}
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	ed, err := fnote.NewSignerForCosignatureV1(private)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := fnote.VKeyToCosignatureV1(public)
	if err != nil {
		t.Fatal(err)
	}
	keys["Ed25519"] = struct {
		signer note.Signer
		vkey   string
	}{ed, vkey}
	private, public, err = fnote.GenerateMLDSAKey(name)
	if err != nil {
		t.Fatal(err)
	}
	ml, err := fnote.NewMLDSASigner(private)
	if err != nil {
		t.Fatal(err)
	}
	keys["ML-DSA-44"] = struct {
		signer note.Signer
		vkey   string
	}{ml, public}
	return keys
}

// TestCosignaturesAreThoseOfOthers holds our verifier of cosignatures against those of formats and of torchwood: it takes what they take, and
// refuses what they refuse.
func TestCosignaturesAreThoseOfOthers(t *testing.T) {
	root := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	for kind, k := range witnessKeys(t, "witness.example/w1") {
		t.Run(kind, func(t *testing.T) {
			ours, err := verify.NewCosigner(k.vkey)
			if err != nil {
				t.Fatal(err)
			}
			oracles := map[string]note.Verifier{}
			if oracles["formats"], err = fnote.NewVerifierForCosignatureV1(k.vkey); err != nil {
				t.Fatal(err)
			}
			if kind == "Ed25519" {
				if oracles["torchwood"], err = torchwood.NewCosignatureVerifier(k.vkey); err != nil {
					t.Fatal(err)
				}
			}
			for name, o := range oracles {
				if o.Name() != ours.Name() || o.KeyHash() != ours.KeyHash() {
					t.Errorf("it is %s+%08x, and %s says %s+%08x", ours.Name(), ours.KeyHash(), name, o.Name(), o.KeyHash())
				}
			}
			judge := func(what string, text, signature []byte, want bool) {
				t.Helper()
				if got := ours.Verify(text, signature); got != want {
					t.Errorf("%s: verifies: %t, want %t", what, got, want)
				}
				for name, o := range oracles {
					if got := o.Verify(text, signature); got != want {
						t.Errorf("%s: %s says %t, want %t", what, name, got, want)
					}
				}
			}
			for _, size := range []int{0, 1, 12, 1 << 40} {
				text := fmt.Appendf(nil, "log.example/a\n%d\n%s\n", size, root)
				signature, err := k.signer.Sign(text)
				if err != nil {
					t.Fatal(err)
				}
				judge("as signed", text, signature, true)
				for at := 0; at < len(signature); at += 1 + len(signature)/80 {
					bent := bytes.Clone(signature)
					bent[at] ^= 1
					judge(fmt.Sprintf("byte %d of the signature", at), text, bent, false)
				}
				for at := range text {
					bent := bytes.Clone(text)
					bent[at] ^= 1
					judge(fmt.Sprintf("byte %d of the text", at), bent, signature, false)
				}
				judge("a byte less", text, signature[:len(signature)-1], false)
				judge("a byte more", text, append(bytes.Clone(signature), 0), false)
				judge("the time alone", text, signature[:8], false)
				judge("nothing", text, nil, false)
				judge("half the text", text[:len(text)/3], signature, false)
			}
		})
	}
}

// TestCosignersKeyIsReadStrictly: formats takes a key whose hash is wrong, and one of a log; we don't.
func TestCosignersKeyIsReadStrictly(t *testing.T) {
	for kind, k := range witnessKeys(t, "witness.example/w1") {
		name, rest, _ := strings.Cut(k.vkey, "+")
		hash, key, _ := strings.Cut(rest, "+")
		material, err := base64.StdEncoding.DecodeString(key)
		if err != nil {
			t.Fatal(err)
		}
		typed := func(first byte, rest []byte) string {
			return base64.StdEncoding.EncodeToString(append([]byte{first}, rest...))
		}
		long, short := strings.Repeat("n", 256), material[:len(material)-1]
		for what, c := range map[string]struct{ vkey, want string }{
			"another name":                {"x" + k.vkey, "its hash is"},
			"another hash":                {name + "+00000000+" + key, "its hash is"},
			"a hash of 7 digits":          {name + "+" + hash[:7] + "+" + key, "joined by +"},
			"a hash with a sign":          {name + "++" + hash[1:] + "+" + key, "joined by +"},
			"no hash":                     {name + "++" + key, "joined by +"},
			"a name with a space":         {"w 1+" + hash + "+" + key, "joined by +"},
			"a name that no one can read": {"\xff+" + hash + "+" + key, "joined by +"},
			"no name":                     {"+" + hash + "+" + key, "joined by +"},
			"no key":                      {name + "+" + hash + "+", "not base64"},
			"not base64":                  {name + "+" + hash + "+" + key[:len(key)-1] + "!", "not base64"},
			"a log's type":                {named(name, typed(1, material[1:])), "signature type 1"},
			"a type of nobody's":          {named(name, typed(0xff, material[1:])), "signature type 255"},
			"a byte less":                 {named(name, base64.StdEncoding.EncodeToString(short)), "bytes, and one of"},
			"a byte more":                 {named(name, base64.StdEncoding.EncodeToString(append(bytes.Clone(material), 0))), "bytes, and one of"},
			"nothing":                     {"", "joined by +"},
		} {
			if _, err := verify.NewCosigner(c.vkey); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: got %v, want an error with %q", kind, what, err, c.want)
			}
		}
		if _, err := verify.NewCosigner(named(long, key)); (err == nil) != (kind == "Ed25519") {
			t.Errorf("%s: a name that is too long to be signed in one byte's length: %v", kind, err)
		}
	}
}

// named is the vkey of a key under a name, with the hash that belongs to it.
func named(name, key64 string) string {
	key, err := base64.StdEncoding.DecodeString(key64)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%s+%08x+%s", name, verify.KeyHash(name, key), key64)
}
