package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"os"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
)

const keygenManual = `Writes an Ed25519 key to FILE, which only its owner can read, and the public half to FILE.pub. No file is ever
replaced.

With --log and --source, FILE.request is written too: what the log's operator needs to register the key. It holds
the key's own consent, so that nobody can register it for another log or under another name. If FILE is there
already, only the request is written. For a source that is registered already, attestlog key rotate takes the request.

A recovery key, named with --recovery when the source is registered, is made like any other, without --log and --source,
and kept offline: it can revoke the source's key, and give it another one, when that is stolen or lost.

A proving worker's request names with --recipient to whom witnesses are sealed for it.
`

type keygen struct {
	log, source, recovery, recipient string
}

func bindKeygen(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	k := new(keygen)
	fs.StringVar(&k.log, "log", "", "the `origin` of the log that the key is to be registered in")
	fs.StringVar(&k.source, "source", "", "the `name` to register, such as gateway/1: one for each replica of a service")
	fs.StringVar(&k.recovery, "recovery", "", "the public key `file` of another key, kept offline, that may rotate or revoke this one")
	fs.StringVar(&k.recipient, "recipient", "", "a proving worker's age `recipient`, age1…: what its identity file was made with")
	return k.run
}

func (k *keygen) run(_ context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("want one file to write the key to")
	}
	if (k.log == "") != (k.source == "") {
		return misuse("--log and --source belong together")
	}
	if k.source != "" {
		if err := errors.Join(event.CheckOrigin(k.log), event.CheckSource(k.source)); err != nil {
			return misuse("%w", err)
		}
	}
	if k.recipient != "" {
		if err := event.CheckRecipient(k.recipient); err != nil {
			return misuse("--recipient: %w", err)
		}
		if k.source == "" {
			return misuse("--recipient belongs to a request: add --log and --source")
		}
	}
	path := args[0]
	key, fresh, err := k.key(path)
	if err != nil {
		return err
	}
	public := key.Public().(ed25519.PublicKey)
	result := map[string]any{"keyid": event.KeyID(public), "key": path, "public": path + ".pub"}
	if fresh {
		t.say("Wrote a new key. Keep %s to yourself; %s.pub is for everyone.", path, path)
	}
	t.field("key id", "%s", event.KeyID(public))
	if k.source != "" {
		if err := k.request(path+".request", key); err != nil {
			return err
		}
		result["request"] = path + ".request"
		t.say("Hand %s.request to the operator of %s, who registers it with attestlogd source add.", path, k.log)
	}
	if t.json {
		t.printJSON(result)
	}
	return nil
}

// key makes the key, or reads it where only a request is wanted.
func (k *keygen) key(path string) (key ed25519.PrivateKey, fresh bool, err error) {
	if _, err := os.Lstat(path); err == nil && k.source != "" {
		key, err := keyfile.ReadPrivate(path)
		return key, false, err
	}
	key, err = keyfile.Generate(path)
	return key, true, err
}

func (k *keygen) request(path string, key ed25519.PrivateKey) error {
	var recovery ed25519.PublicKey
	if k.recovery != "" {
		var err error
		if recovery, err = keyfile.ReadPublic(k.recovery); err != nil {
			return err
		}
	}
	b, err := keyfile.NewProverRequest(k.log, k.source, key, recovery, k.recipient).Encode()
	if err != nil {
		return err
	}
	return durable.Create(path, b, 0o644)
}
