package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
)

const keygenManual = `A worker has two keys. With the one in FILE, Ed25519, it signs attestations; its public half goes to FILE.pub. With the one
named by --identity, an age identity (X25519), it opens what applications seal to it. Both files are for their owner alone. No
file is ever replaced: a key or an identity that is there already is used, so that the same command may be given again.

With --log and --source, FILE.request is written too: what the log's operator needs to register the worker, with
attestlogd source add --role prover. It names the worker's recipient, the public half of its identity, under the key's own consent.

Workers that drain one log's queue have one identity, so that each can open every witness: copy the identity's file, by
a way that nobody else sees, and let each worker have a key and a name of its own. A witness is sealed to the recipients
that were registered when it was sent: before an identity is given up, its worker must have finished what was sealed to it.
`

type keygen struct {
	identity, log, source, recovery string
}

func bindKeygen(fs *flag.FlagSet) command.Run {
	k := new(keygen)
	fs.StringVar(&k.identity, "identity", "", "the `file` of the age identity; it is made if there is none")
	fs.StringVar(&k.log, "log", "", "the `origin` of the log that the worker is to be registered in")
	fs.StringVar(&k.source, "source", "", "the `name` to register, such as prover/1: one for each worker")
	fs.StringVar(&k.recovery, "recovery", "", "the public key `file` of another key, kept offline, that may rotate or revoke this one")
	return k.run
}

func (k *keygen) run(_ context.Context, s command.Streams, operands []string) error {
	switch {
	case len(operands) != 1:
		return command.Misusef("want one file to write the key to")
	case k.identity == "":
		return command.Misusef("--identity is missing")
	case (k.log == "") != (k.source == ""):
		return command.Misusef("--log and --source belong together")
	case k.recovery != "" && k.source == "":
		return command.Misusef("--recovery belongs to a request: add --log and --source")
	}
	if k.source != "" {
		if err := errors.Join(event.CheckOrigin(k.log), event.CheckSource(k.source)); err != nil {
			return command.Misusef("%s", err)
		}
	}
	path := operands[0]
	identity, fresh, err := makeIdentity(k.identity)
	if err != nil {
		return err
	}
	if fresh {
		fmt.Fprintf(s.Out, "Wrote a new identity. Who has %s reads what is sealed to it.\n", k.identity)
	}
	key, fresh, err := makeKey(path)
	if err != nil {
		return err
	}
	if fresh {
		fmt.Fprintf(s.Out, "Wrote a new key. Keep %s to yourself; %s.pub is for everyone.\n", path, path)
	}
	fmt.Fprintf(s.Out, "  recipient    %s\n", identity.Recipient())
	fmt.Fprintf(s.Out, "  key id       %s\n", event.KeyID(key.Public().(ed25519.PublicKey)))
	if k.source == "" {
		return nil
	}
	if err := k.request(path+".request", key, identity.Recipient().String()); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "Hand %s.request to the operator of %s, who registers it with attestlogd source add --role prover.\n", path, k.log)
	return nil
}

// makeKey reads the key in a file, or makes one and writes it there where there is no such file.
func makeKey(path string) (key ed25519.PrivateKey, fresh bool, err error) {
	if _, err := os.Lstat(path); err == nil {
		key, err = keyfile.ReadPrivate(path)
		return key, false, err
	}
	key, err = keyfile.Generate(path)
	return key, true, err
}

func (k *keygen) request(path string, key ed25519.PrivateKey, recipient string) error {
	var recovery ed25519.PublicKey
	if k.recovery != "" {
		var err error
		if recovery, err = keyfile.ReadPublic(k.recovery); err != nil {
			return err
		}
	}
	b, err := keyfile.NewProverRequest(k.log, k.source, key, recovery, recipient).Encode()
	if err != nil {
		return err
	}
	err = keyfile.WritePublic(path, string(b[:len(b)-1])) // which ends lines itself
	if errors.Is(err, fs.ErrExist) {
		if before, readErr := os.ReadFile(path); readErr == nil && bytes.Equal(before, b) {
			return nil // it says the same
		}
	}
	return err
}
