package keyfile_test

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
)

func TestRequest(t *testing.T) {
	const origin = "log.example/2026"
	const recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
	fresh := func() *keyfile.Request { return keyfile.NewProverRequest(origin, "gateway/1", key, nil, recipient) }
	b, err := fresh().Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := keyfile.ParseRequest(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fresh(), got); diff != "" {
		t.Errorf("another request came back (-want +got):\n%s", diff)
	}
	if err := got.Check(origin); err != nil {
		t.Errorf("a good request was refused: %v", err)
	}
	for name, spoil := range map[string]func(*keyfile.Request){
		"another log":             func(r *keyfile.Request) { r.Log = "other" },
		"another source":          func(r *keyfile.Request) { r.Source = "gateway/2" },
		"not a source":            func(r *keyfile.Request) { r.Source = "gateway" },
		"another key":             func(r *keyfile.Request) { r.Key = make([]byte, ed25519.PublicKeySize) },
		"a short key":             func(r *keyfile.Request) { r.Key = r.Key[:5] },
		"without consent":         func(r *keyfile.Request) { r.Consent = nil },
		"with a short recovery":   func(r *keyfile.Request) { r.Recovery = r.Key[:5] },
		"with a foreign recovery": func(r *keyfile.Request) { r.Recovery = bytes.Repeat([]byte{9}, ed25519.PublicKeySize) },
		"with a foreign recipient": func(r *keyfile.Request) {
			r.Recipient = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"
		},
		"without its recipient":  func(r *keyfile.Request) { r.Recipient = "" },
		"with a recipient bent":  func(r *keyfile.Request) { r.Recipient = recipient[:61] + "q" },
		"with its consent bent ": func(r *keyfile.Request) { r.Consent[3] ^= 1 },
	} {
		r := fresh()
		spoil(r)
		if err := r.Check(origin); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, text := range map[string]string{
		"empty":           "",
		"unknown members": `{"role":"operator"}`,
		"two of them":     string(b) + string(b),
		"too large":       `{"log":"` + strings.Repeat("x", 2000) + `"}`,
	} {
		if _, err := keyfile.ParseRequest([]byte(text)); err == nil {
			t.Errorf("%s: accepted as a request", name)
		}
	}
}
