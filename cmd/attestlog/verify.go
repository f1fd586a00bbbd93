package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/access"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/evidence"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/model"
	commandline "github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/web/words"
)

const verifyManual = `Checks everything about an entry that can be checked with the log's public key alone, step by step: the head's
signature, that the entry is in the tree, who signed it and with what right, the entries that it refers to, the proof.
Then it says what is proven, what is only claimed, and what stays trusted.

Named by INDEX or DIGEST, the evidence is fetched from the log. Named by a DIR that attestlog get --out saved, it is
read from there, and nothing is sent anywhere.

A FILE that attestlog bundle made (.attestlog) is about many entries: of each, PASS or FAIL is said, and what stays trusted; and one verdict about the
file, which is FAIL where any of it fails. Nothing is sent anywhere.

With --release, the entry is a data set that was released as the anonymized form of another (attestlog anonymize). Every chunk of it
is verified, and that they are all the chunks that there are: what each of them keeps to, the whole then does.

What a source disclosed of its secrets is held against the commitments in the claims with --disclosed: a configuration, weights, a model or releases
(attestlog help models); or an access list, whose rows take the data set's secrets to know. What isn't what was committed to ends with exit code 3.

With --policy, the head must carry the cosignatures that the policy asks for: then the log can't have shown you another history
than those witnesses.

An entry whose key or statement was revoked later, with doubt that reaches back to it, still verifies: the verdict then adds
IN DOUBT, and the exit code is 6, so that no script takes it for sound.
`

type verifyCommand struct {
	log       logFlags
	whole     bool
	disclosed commandline.Repeated
	dataset   provingFlags // of an access list that is disclosed
}

func bindVerify(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	v := new(verifyCommand)
	v.log.bind(fs)
	fs.BoolVar(&v.whole, "release", false, "the entry is a released data set: verify all chunks of its anonymization, and that they make one release")
	fs.Var(&v.disclosed, "disclosed", "a `file` that opens a commitment in the claims: a configuration, weights, a model, releases, or an access list; may be given several times")
	fs.StringVar(&v.dataset.dataset, "dataset", "", "the secrets of the data set that a disclosed access list is about, a `file`")
	return v.run
}

func (v *verifyCommand) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("want one entry: its index, the event's digest, or a directory or file with the evidence")
	}
	if bundleFile(args[0]) {
		return v.verifyFile(t, args[0])
	}
	if v.whole {
		if len(v.disclosed) > 0 {
			return misuse("--disclosed opens the claims of one entry, and --release is about many")
		}
		ref, err := parseReference(args[0])
		if err != nil {
			return err
		}
		return v.release(ctx, t, ref)
	}
	about, err := v.log.evidence(ctx, t, args[0])
	if err != nil {
		return err
	}
	return v.conclude(ctx, t, about.evidence, about.key, about.policy)
}

// supported is an entry's evidence, with what it is to be verified by.
type supported struct {
	evidence *verify.Evidence
	key      note.Verifier
	policy   *verify.Policy
}

// evidence gets the evidence about an entry: from the log, by its index or its event's digest; or from a folder where attestlog get --out
// saved it, without a network.
func (l *logFlags) evidence(ctx context.Context, t *terminal, name string) (*supported, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return l.savedEvidence(name)
	}
	ref, err := parseReference(name)
	if err != nil {
		return nil, err
	}
	r, err := l.connect(t)
	if err != nil {
		return nil, err
	}
	ev, err := r.gather(ctx, ref)
	if err := r.judge(ctx, err); err != nil {
		return nil, err
	}
	return &supported{ev, r.Key(), r.policy}, nil
}

func (l *logFlags) savedEvidence(dir string) (*supported, error) {
	key, err := l.verifier()
	if err != nil {
		return nil, err
	}
	policy, err := l.witnesses()
	if err != nil {
		return nil, err
	}
	ev, err := evidence.Load(dir)
	if err != nil {
		return nil, &failure{exitUnverified, err}
	}
	return &supported{ev, key, policy}, nil
}

// conclude verifies the evidence, and then what was disclosed about it.
func (v *verifyCommand) conclude(ctx context.Context, t *terminal, ev *verify.Evidence, key note.Verifier, policy *verify.Policy) error {
	report, err := ev.VerifyUnder(key, policy)
	if err != nil {
		return t.report(report, err)
	}
	another, err := v.disclose(ctx, t, report)
	if err != nil {
		return err
	}
	return t.report(report, another)
}

// disclose holds files that open commitments against the claims of an entry that was verified. Each is one more step of the report. A
// file that opens something else is the first error; it says nothing against the entry.
func (v *verifyCommand) disclose(ctx context.Context, t *terminal, report *verify.Report) (another, err error) {
	for _, path := range v.disclosed {
		detail, err := v.open(ctx, t, path, report.Entry.Event.Claims)
		if err != nil && !errors.Is(err, model.ErrAnother) {
			return nil, err
		}
		report.Steps = append(report.Steps, verify.Step{Name: "disclosed", Detail: detail, Err: err})
		if err != nil {
			return fmt.Errorf("disclosed: %w", err), nil
		}
		report.Proven = append(report.Proven, "Disclosed: "+detail+".")
	}
	return nil, nil
}

func (v *verifyCommand) open(ctx context.Context, t *terminal, path string, claims event.Claims) (string, error) {
	b, err := readBounded(path, access.MaxFile)
	if err != nil {
		return "", err
	}
	var detail string
	if a, ok := claims.(*event.DataAccessClaims); ok {
		detail, err = v.openAccesses(ctx, t, b, a)
	} else {
		detail, err = model.Check(b, claims)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return detail, nil
}

// openAccesses holds an access list against the claims. What it says that was read of each row takes the data set's secrets to know.
func (v *verifyCommand) openAccesses(ctx context.Context, t *terminal, b []byte, claims *event.DataAccessClaims) (string, error) {
	list, err := access.Decode(b)
	if err != nil {
		return "", err
	}
	if v.dataset.dataset == "" {
		return "", misuse("an access list is held against the data set's rows: name its secrets with --dataset")
	}
	d, err := v.dataset.readDataset(ctx, t)
	if err != nil {
		return "", err
	}
	w, err := list.Witness(d)
	if err != nil {
		return "", err
	}
	mask, err := statement.ColumnMask(d.Claims, claims.Columns)
	if err != nil {
		return "", err
	}
	accesses, err := w.Accesses(list.Statement.Capacity, mask)
	if err != nil {
		return "", err
	}
	if accesses != claims.Accesses {
		return "", fmt.Errorf("this is not the access list, or not the data set: %w", model.ErrAnother)
	}
	return "the access list is the one that the claims commit to: " + words.Count(len(list.Rows), "row"), nil
}

// report prints a verification, and gives its error the exit code.
func (t *terminal) report(r *verify.Report, err error) error {
	for _, s := range r.Steps {
		t.step(s)
	}
	t.say("")
	t.say("Verdict: %s", verdictWords(r))
	t.relyOnReport(r)
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

// step prints one step of a verification.
func (t *terminal) step(s verify.Step) {
	if s.Err != nil {
		t.say("  ✗ %-14s %s", s.Name, wrap(s.Err.Error(), "                   ", 100))
		return
	}
	t.say("  ✓ %-14s %s", s.Name, wrap(s.Detail, "                   ", 100))
}

// relyOnReport marks an output that goes by a proof's verification.
func (t *terminal) relyOnReport(r *verify.Report) {
	if r.Groth16 != nil {
		t.relyOnStatements(r.Groth16.Statement)
	}
}

// relyOnStatements marks an output that goes by proofs under some statements.
func (t *terminal) relyOnStatements(list ...verify.StatementState) {
	for _, s := range list {
		if words := t.relyOn(s.Claims.Name, s.Claims.Setup); words != "" {
			t.say("It relies on %s.", words)
		}
	}
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
		verify.Refused: "IN THE LOG, and a prover REFUSED to prove it: claimed, at most",
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
	out := map[string]any{"verdict": r.Verdict, "steps": stepsJSON(r.Steps), "doubts": orEmpty(r.Doubts), "proven": orEmpty(r.Proven),
		"claimed": orEmpty(r.Claimed), "trusted": orEmpty(r.Trusted)}
	if g := r.Groth16; g != nil {
		out["statement"], out["setup"] = g.Statement.Claims.Name, g.Statement.Claims.Setup
	}
	if r.Entry != nil {
		out["index"], out["digest"], out["size"] = r.Entry.Index, r.Entry.Digest, r.Head.Size
	}
	if r.Attestation != nil {
		out["attestation"] = r.Attestation.Index
	}
	return out
}

func stepsJSON(all []verify.Step) any {
	type step struct {
		Name   string `json:"name"`
		OK     bool   `json:"ok"`
		Detail string `json:"detail"`
	}
	steps := []step{}
	for _, s := range all {
		if s.Err != nil {
			steps = append(steps, step{s.Name, false, s.Err.Error()})
			continue
		}
		steps = append(steps, step{s.Name, true, s.Detail})
	}
	return steps
}

// orEmpty is a list that JSON shows as [] where there is nothing.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
