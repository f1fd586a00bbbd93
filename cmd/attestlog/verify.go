package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/evidence"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

const verifyManual = `Checks everything about an entry that can be checked with the log's public key alone, step by step: the head's
signature, that the entry is in the tree, who signed it and with what right, the entries that it refers to, the proof.
Then it says what is proven, what is only claimed, and what stays trusted.

Named by INDEX or DIGEST, the evidence is fetched from the log. Named by a DIR that attestlog get --out saved, it is
read from there, and nothing is sent anywhere.

With --release, the entry is a data set that was released as the anonymized form of another (attestlog anonymize). Every chunk of it
is verified, and that they are all the chunks that there are: what each of them keeps to, the whole then does.

An entry whose key or statement was revoked later, with doubt that reaches back to it, still verifies: the verdict then adds
IN DOUBT, and the exit code is 6, so that no script takes it for sound.
`

type verifyCommand struct {
	log   logFlags
	whole bool
}

func bindVerify(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	v := new(verifyCommand)
	v.log.bind(fs)
	fs.BoolVar(&v.whole, "release", false, "the entry is a released data set: verify all chunks of its anonymization, and that they make one release")
	return v.run
}

func (v *verifyCommand) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("want one entry: its index, the event's digest, or a directory with the evidence")
	}
	if v.whole {
		ref, err := parseReference(args[0])
		if err != nil {
			return err
		}
		return v.release(ctx, t, ref)
	}
	if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
		return v.offline(t, args[0])
	}
	ref, err := parseReference(args[0])
	if err != nil {
		return err
	}
	r, err := v.log.connect(t)
	if err != nil {
		return err
	}
	ev, err := r.gather(ctx, ref)
	if err := r.judge(err); err != nil {
		return err
	}
	report, err := ev.Verify(r.Key())
	return t.report(report, err)
}

func (v *verifyCommand) offline(t *terminal, dir string) error {
	key, err := v.log.verifier()
	if err != nil {
		return err
	}
	ev, err := evidence.Load(dir)
	if err != nil {
		return &failure{exitUnverified, err}
	}
	report, err := ev.Verify(key)
	return t.report(report, err)
}

// report prints a verification, and gives its error the exit code.
func (t *terminal) report(r *verify.Report, err error) error {
	for _, s := range r.Steps {
		if s.Err != nil {
			t.say("  ✗ %-14s %s", s.Name, wrap(s.Err.Error(), "                   ", 100))
			continue
		}
		t.say("  ✓ %-14s %s", s.Name, wrap(s.Detail, "                   ", 100))
	}
	t.say("")
	t.say("Verdict: %s", verdictWords(r))
	t.list("In doubt", "!", r.Doubts)
	t.list("Proven", "✓", r.Proven)
	t.list("Claimed, by the source's word alone", "·", r.Claimed)
	t.list("Trusted, because nothing here can show it", "·", r.Trusted)
	if t.json {
		t.printJSON(reportJSON(r))
	}
	if err != nil {
		return &failure{exitUnverified, err}
	}
	if len(r.Doubts) > 0 {
		return &failure{exitDoubt, fmt.Errorf("it holds, in doubt: %s", r.Doubts[0])}
	}
	return nil
}

// list prints sentences under a heading, if there are any.
func (t *terminal) list(heading, mark string, sentences []string) {
	if len(sentences) == 0 {
		return
	}
	t.say("\n%s:", heading)
	for _, s := range sentences {
		t.say("  %s %s", mark, wrap(s, "    ", 110))
	}
}

func verdictWords(r *verify.Report) string {
	words := map[verify.Verdict]string{
		verify.Proven:  "PROVEN",
		verify.Claimed: "IN THE LOG, claimed without a proof",
		verify.Waiting: "IN THE LOG, its proof is still to come",
		verify.Refuted: "REFUTED: don't rely on it",
	}[r.Verdict]
	if r.Groth16 != nil && r.Groth16.Statement.Claims.Proves == event.Custom {
		words += ", under an imported statement" // what that means is its importer's word
	}
	if len(r.Doubts) > 0 {
		words += "; IN DOUBT"
	}
	return words
}

func reportJSON(r *verify.Report) map[string]any {
	type step struct {
		Name   string `json:"name"`
		OK     bool   `json:"ok"`
		Detail string `json:"detail"`
	}
	steps := []step{}
	for _, s := range r.Steps {
		if s.Err != nil {
			steps = append(steps, step{s.Name, false, s.Err.Error()})
			continue
		}
		steps = append(steps, step{s.Name, true, s.Detail})
	}
	out := map[string]any{"verdict": r.Verdict, "steps": steps, "doubts": orEmpty(r.Doubts), "proven": orEmpty(r.Proven),
		"claimed": orEmpty(r.Claimed), "trusted": orEmpty(r.Trusted)}
	if r.Entry != nil {
		out["index"], out["digest"], out["size"] = r.Entry.Index, r.Entry.Digest, r.Head.Size
	}
	return out
}

// orEmpty is a list that JSON shows as [] where there is nothing.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
