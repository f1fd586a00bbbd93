package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/health"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

const keygenManual = `Writes a witness's key to FILE, for its owner alone, and its public half to FILE.pub, for the policies of those who trust the witness
(c2sp.org/tlog-policy). The key's type is Ed25519 cosignature/v1 (c2sp.org/tlog-cosignature). No file is ever replaced.

--policy writes such a policy, too: one that asks for this witness's cosignature and no other. It is what attestlogd serve --witness-policy and attestlog --policy
take. With --resume, files that an earlier run wrote for the same name are left as they are.
`

// keygen is the configuration of attestlog-monitor keygen.
type keygen struct {
	name, policy, url string
	resume            bool
}

func bindKeygen(flags *flag.FlagSet) command.Run {
	k := new(keygen)
	flags.StringVar(&k.name, "name", "", "the witness's `name`, such as witness.example/1: a name that nobody else has")
	flags.StringVar(&k.policy, "policy", "", "a `file` to write a policy to that asks for this witness's cosignature")
	flags.StringVar(&k.url, "url", "", "the `address` of this witness's monitor, for that policy")
	flags.BoolVar(&k.resume, "resume", false, "go on where an earlier run stopped, or do nothing if it is all done")
	return k.run
}

func (k *keygen) run(_ context.Context, s command.Streams, operands []string) error {
	switch {
	case len(operands) != 1:
		return command.Misusef("want one file to write the key to")
	case k.name == "":
		return command.Misusef("--name is missing")
	case (k.policy == "") != (k.url == ""):
		return command.Misusef("--policy and --url belong together")
	}
	if err := event.CheckOrigin(k.name); err != nil {
		return command.Misusef("--name: %q can't name a witness: want letters, digits and . _ ~ / : -", k.name)
	}
	path := operands[0]
	vkey, said, err := k.make(path)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, said)
	if k.policy != "" {
		return k.writePolicy(vkey)
	}
	fmt.Fprintf(s.Out, "  in a policy  witness NAME %s https://ADDRESS-OF-THIS-MONITOR/\n", vkey)
	return nil
}

// make makes the key, or regains the one that an earlier run made, and says which.
func (k *keygen) make(path string) (vkey, said string, err error) {
	if k.resume {
		if _, missing := os.Lstat(path); missing == nil {
			vkey, err = regain(path, k.name)
			return vkey, path + " is there already.", err
		}
		// A public half without a private one is what a run left that was interrupted: nobody can have got anything from it.
		if err := os.Remove(path + ".pub"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", "", fmt.Errorf("couldn't make a key: %w", err)
		}
	}
	vkey, err = generate(path, k.name)
	return vkey, fmt.Sprintf("Wrote a new key. Keep %s to yourself; %s.pub is for everyone.", path, path), err
}

// writePolicy writes the policy, unless it is there already.
func (k *keygen) writePolicy(vkey string) error {
	text := fmt.Sprintf("# Asks for the cosignature of one witness (c2sp.org/tlog-policy).\nwitness %s %s %s\nquorum %s", k.name, vkey, k.url, k.name)
	if _, err := verify.ParsePolicy([]byte(text)); err != nil {
		return command.Misusef("--url: %s", err)
	}
	err := keyfile.WritePublic(k.policy, text)
	if k.resume && errors.Is(err, fs.ErrExist) {
		have, unread := os.ReadFile(k.policy)
		if unread == nil && string(have) == text+"\n" {
			return nil
		}
		return fmt.Errorf("%s is there already, and says something else: %w", k.policy, errors.Join(err, unread))
	}
	return err
}

// regain gives the public half of a key that was made before.
func regain(path, name string) (vkey string, err error) {
	signer, err := readWitnessKey(path)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path + ".pub")
	if err != nil {
		return "", fmt.Errorf("couldn't read the public half of %s: %w", path, err)
	}
	vkey = strings.TrimSpace(string(text))
	key, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil || key.Name() != signer.Name() || key.KeyHash() != signer.KeyHash() {
		return "", fmt.Errorf("%s.pub is not the public half of %s", path, path)
	}
	if signer.Name() != name {
		return "", fmt.Errorf("the key in %s is that of %s", path, signer.Name())
	}
	return vkey, nil
}

// readWitnessKey reads a key that keygen wrote.
func readWitnessKey(path string) (*fnote.Signer, error) {
	secret, err := keyfile.ReadSecret(path)
	if err != nil {
		return nil, err
	}
	signer, err := fnote.NewSignerForCosignatureV1(strings.TrimSpace(secret))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the witness's key in %s: it is none that attestlog-monitor keygen wrote", path)
	}
	return signer, nil
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

func bindHealth(fs *flag.FlagSet) command.Run {
	return health.Question{URL: "http://127.0.0.1:8090", Of: "the `URL` of the monitor's --listen", Page: "healthz", Answer: "ok"}.Bind(fs)
}
