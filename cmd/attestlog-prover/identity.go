package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"filippo.io/age"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
)

// readIdentity reads a file as age-keygen writes it, with one X25519 identity, that only its owner can read. Errors never quote it.
func readIdentity(path string) (*age.X25519Identity, error) {
	text, err := keyfile.ReadSecret(path)
	if err != nil {
		return nil, err
	}
	identities, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: it is no file of age identities", path)
	}
	if len(identities) != 1 {
		return nil, fmt.Errorf("couldn't use %s: it holds %d identities, and a worker has one", path, len(identities))
	}
	identity, ok := identities[0].(*age.X25519Identity)
	if !ok {
		return nil, fmt.Errorf("couldn't use %s: its identity is not an X25519 one", path)
	}
	return identity, nil
}

// makeIdentity reads the identity in a file, or makes one and writes it there where there is no such file.
func makeIdentity(path string) (identity *age.X25519Identity, fresh bool, err error) {
	identity, err = readIdentity(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return identity, false, err
	}
	if identity, err = age.GenerateX25519Identity(); err != nil {
		return nil, false, fmt.Errorf("couldn't make an identity: %w", err)
	}
	text := fmt.Sprintf("# public key: %s\n%s", identity.Recipient(), identity)
	return identity, true, keyfile.WriteSecret(path, text)
}
