package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/health"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
)

const keygenManual = `Writes a witness's key to FILE, for its owner alone, and its public half to FILE.pub, for the policies of those who trust the witness
(c2sp.org/tlog-policy). The key's type is Ed25519 cosignature/v1 (c2sp.org/tlog-cosignature). No file is ever replaced.
`

func bindKeygen(flags *flag.FlagSet) command.Run {
	name := flags.String("name", "", "the witness's `name`, such as witness.example/1: a name that nobody else has")
	return func(_ context.Context, s command.Streams, operands []string) error {
		switch {
		case len(operands) != 1:
			return command.Misusef("want one file to write the key to")
		case *name == "":
			return command.Misusef("--name is missing")
		}
		if err := event.CheckOrigin(*name); err != nil {
			return command.Misusef("--name: %q can't name a witness: want letters, digits and . _ ~ / : -", *name)
		}
		vkey, err := generate(operands[0], *name)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "Wrote a new key. Keep %s to yourself; %s.pub is for everyone.\n", operands[0], operands[0])
		fmt.Fprintf(s.Out, "  in a policy  witness NAME %s https://ADDRESS-OF-THIS-MONITOR/\n", vkey)
		return nil
	}
}

// generate makes a key, writes it, and gives its public half.
func generate(path, name string) (vkey string, err error) {
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err == nil {
		vkey, err = fnote.VKeyToCosignatureV1(public)
	}
	if err != nil {
		return "", fmt.Errorf("couldn't make a key: %w", err)
	}
	// The public half first: whoever sees the private one has both.
	if err := keyfile.WritePublic(path+".pub", vkey); err != nil {
		return "", err
	}
	if err := keyfile.WriteSecret(path, secret); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		return "", errors.Join(err, os.Remove(path+".pub"))
	}
	return vkey, nil
}

func bindHealth(flags *flag.FlagSet) command.Run {
	url := flags.String("url", "http://127.0.0.1:8090", "the `URL` of the monitor's --listen")
	timeout := flags.Duration("timeout", 5*time.Second, "how long its answer may take")
	return func(ctx context.Context, s command.Streams, operands []string) error {
		if len(operands) > 0 {
			return command.Misusef("%q is one argument too many", operands[0])
		}
		err := health.Ask(ctx, *url, "healthz", *timeout)
		if errors.Is(err, health.ErrNoURL) {
			return command.Misusef("--url: %s", err)
		}
		if err != nil {
			return err
		}
		_, err = io.WriteString(s.Out, "ok\n")
		return err
	}
}
