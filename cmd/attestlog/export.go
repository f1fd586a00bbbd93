package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/snarkjs"
	"github.com/attestlog/attestlog/prover/zkverify"
)

const exportManual = `Writes the verifying key, the proof and the public inputs of a proven event as snarkjs reads them, once all the evidence for the event
holds. In DIR, which is made, lie then verification_key.json, proof.json and public.json, and

  snarkjs groth16 verify verification_key.json public.json proof.json

checks the proof with a verifier that isn't attestlog's. Note what that shows: that the proof is one for these public inputs.
That they are the event's, that the event is in the log, and that the key is the one that the operator registered, attestlog verify shows.

snarkjs knows no Groth16 commitments, which anonymization and training-step use: their proofs can't be exported. Those of data accesses, of
model versions and under imported statements can. Named by a DIR that attestlog get --out saved, an event is
verified and exported without a network.
`

type export struct {
	log logFlags
	out string
}

func bindExport(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	e := new(export)
	e.log.bind(fs)
	fs.StringVar(&e.out, "out", "", "the `directory` to write to; it must be new or empty")
	return e.run
}

func (x *export) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("want one entry: its index, the event's digest, or a directory with the evidence")
	}
	if x.out == "" {
		return misuse("--out is missing")
	}
	if there, err := os.ReadDir(x.out); err == nil && len(there) > 0 {
		return fmt.Errorf("couldn't write to %s: it isn't empty", x.out)
	}
	about, err := x.log.evidence(ctx, t, args[0])
	if err != nil {
		return err
	}
	report, err := about.evidence.VerifyUnder(about.key, about.policy)
	if err != nil {
		return &failure{exitUnverified, fmt.Errorf("nothing is exported, because the evidence does not hold: %w", err)}
	}
	files, err := exportFiles(report)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(x.out, 0o755); err != nil {
		return fmt.Errorf("couldn't make the directory: %w", err)
	}
	for _, f := range files {
		if err := durable.Create(filepath.Join(x.out, f.name), f.contents, 0o644); err != nil {
			return err
		}
	}
	g := report.Groth16
	t.say("Wrote the proof of entry %d under %s, its verifying key and its %d public inputs to %s.", report.Entry.Index, g.Statement.Claims.Name, len(g.Public), x.out)
	t.say("Check it: cd %s && snarkjs groth16 verify verification_key.json public.json proof.json", x.out)
	if t.json {
		t.printJSON(map[string]any{"index": report.Entry.Index, "digest": report.Entry.Digest, "statement": g.Statement.ID, "name": g.Statement.Claims.Name,
			"public": len(g.Public), "doubts": orEmpty(report.Doubts), "out": x.out})
	}
	if len(report.Doubts) > 0 {
		return &failure{exitDoubt, fmt.Errorf("the proof is exported, and in doubt: %s", report.Doubts[0])}
	}
	return nil
}

type exportedFile struct {
	name     string
	contents []byte
}

// exportFiles makes the three files of a verified proof.
func exportFiles(report *verify.Report) ([]exportedFile, error) {
	g := report.Groth16
	if g == nil {
		return nil, fmt.Errorf("there is nothing to export: entry %d, of kind %s, has no proof", report.Entry.Index, report.Entry.Event.Kind())
	}
	vk, err := zkverify.ParseVerifyingKey(g.Statement.Claims.VerifyingKey)
	if err != nil {
		return nil, err
	}
	key, err := snarkjs.FormatVerifyingKey(vk)
	if errors.Is(err, snarkjs.ErrCommitment) {
		return nil, fmt.Errorf("couldn't export entry %d: proofs under %s have a Groth16 commitment, which snarkjs can't verify; those of data accesses, model versions and imported statements can be exported",
			report.Entry.Index, g.Statement.Claims.Name)
	}
	if err != nil {
		return nil, err
	}
	proof, err := zkverify.ParseProof(g.Proof, vk)
	if err != nil {
		return nil, err
	}
	proofJSON, err := snarkjs.FormatProof(proof)
	if err != nil {
		return nil, err
	}
	publicJSON, err := snarkjs.FormatPublic(g.Public)
	if err != nil {
		return nil, err
	}
	return []exportedFile{{"verification_key.json", key}, {"proof.json", proofJSON}, {publicFile, publicJSON}}, nil
}
