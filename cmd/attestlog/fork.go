package main

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"

	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/words"
)

const forkManual = `Checks a file of evidence that the holder of a log's key signed two histories, as clients and monitors write it when they
find such a thing. It needs the log's key and nothing else: no server, no network, and nobody's word.

If the file shows a fork, that is printed and the exit code is 0: the log must not be trusted any more, whatever it says now. If it
shows nothing, because a signature or a hash is wrong or the two heads are of one history, the exit code is 3. ledger/verify/SPEC.md
has the format.
`

type verifyFork struct{ log logFlags }

func bindVerifyFork(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	v := new(verifyFork)
	v.log.bindKey(fs)
	return v.run
}

func (v *verifyFork) run(_ context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("name one file of evidence")
	}
	key, err := v.log.verifier()
	if err != nil {
		return err
	}
	fork, err := decodeFile(args[0], verify.MaxFork, readBounded, verify.ParseFork)
	if err != nil {
		return err
	}
	report, err := fork.Check(key)
	if err != nil {
		return &failure{exitUnverified, fmt.Errorf("%s shows no fork: %w", args[0], err)}
	}
	t.say("FORK: %s.", report)
	t.field("first", "%s entries, root %s", words.Number(report.First.Size), rootText(report.First.Root))
	t.field("second", "%s entries, root %s", words.Number(report.Second.Size), rootText(report.Second.Root))
	if report.First.Size != report.Second.Size {
		t.field("within it", "the first %s entries of the second have the root %s", words.Number(report.First.Size), rootText(report.Implied))
	}
	t.field("signed by", "%s+%08x, both", key.Name(), key.KeyHash())
	if t.json {
		t.printJSON(map[string]any{"fork": true, "origin": report.First.Origin, "first": string(report.First.Note), "second": string(report.Second.Note), "implied_root": rootText(report.Implied)})
	}
	return nil
}

// rootText is a root as checkpoints write it.
func rootText(root [32]byte) string { return base64.StdEncoding.EncodeToString(root[:]) }
