package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/evidence"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/web/words"
)

const getManual = `Fetches the entry at an index, or the event with a digest, checks that it is in the log, and prints it.

With --out, all the evidence for it is fetched, too, verified and saved: the entry, those of the sources and the
statement that it rests on and of the data set that it refers to, each with its proof. attestlog verify DIR checks it
again, then or in years, without a network.
`

type get struct {
	log logFlags
	out string
}

func bindGet(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	g := new(get)
	g.log.bind(fs)
	fs.StringVar(&g.out, "out", "", "the `directory` to save the evidence in; it must be new or empty")
	return g.run
}

func (g *get) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("want one entry: its index, or the event's digest")
	}
	ref, err := parseReference(args[0])
	if err != nil {
		return err
	}
	r, err := g.log.connect(t)
	if err != nil {
		return err
	}
	if g.out != "" {
		return g.save(ctx, t, r, ref)
	}
	_, entry, err := r.entry(ctx, ref)
	if err := r.judge(ctx, err); err != nil {
		return err
	}
	proof := proofWords(entry)
	if entry.Event.Proof == event.ProofDeferred {
		by, said, err := attestation(ctx, r, entry.Digest)
		if err := r.judge(ctx, err); err != nil {
			return err
		}
		proof = attestedWords(entry, by, said)
	}
	return show(t, entry, proof)
}

// show prints an entry.
func show(t *terminal, e *verify.Entry, proof string) error {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, e.Leaf.Envelope.Payload, "", "  "); err != nil {
		return fmt.Errorf("couldn't print the payload: %w", err)
	}
	if t.json {
		t.printJSON(map[string]any{"index": e.Index, "digest": e.Digest, "kind": e.Event.Kind().String(), "logged": e.Leaf.Logged,
			"keyid": e.Leaf.Envelope.KeyID, "proof": len(e.Leaf.Proof) > 0, "event": json.RawMessage(e.Leaf.Envelope.Payload)})
		return nil
	}
	t.say("Entry %d: %s by %s", e.Index, e.Event.Kind(), e.Event.Source)
	t.field("event", "%s", e.Digest)
	t.field("logged", "%s (the log's clock)", clock(e.Leaf.Logged))
	t.field("proof", "%s", proof)
	t.say("%s", pretty.String())
	return nil
}

func proofWords(e *verify.Entry) string {
	switch e.Event.Proof {
	case event.ProofInline:
		return fmt.Sprintf("%d bytes, not checked here: attestlog verify %d", len(e.Leaf.Proof), e.Index)
	}
	return "none: the claims are the source's word"
}

// attestedWords say how far a deferred proof is, in the provers' words.
func attestedWords(e, by *verify.Entry, said *event.AttestationClaims) string {
	switch {
	case said == nil:
		return "deferred: no prover has attested it yet"
	case said.Outcome == event.OutcomeRefused:
		return fmt.Sprintf("deferred: %s refused it in entry %d: %s", by.Event.Source, by.Index, said.Reason)
	}
	return fmt.Sprintf("deferred, and brought by %s in entry %d; not checked here: attestlog verify %d", by.Event.Source, by.Index, e.Index)
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000 UTC") }

func inDoubt(r *verify.Report) string {
	if len(r.Doubts) > 0 {
		return ", in doubt"
	}
	return ""
}

func (g *get) save(ctx context.Context, t *terminal, r *remote, ref reference) error {
	ev, err := r.gather(ctx, ref)
	if err := r.judge(ctx, err); err != nil {
		return err
	}
	// Saved before it is judged: evidence that fails is evidence, too.
	if err := evidence.Save(g.out, ev); err != nil {
		return err
	}
	report, err := ev.VerifyUnder(r.Key(), r.policy)
	if err != nil {
		return &failure{exitUnverified, fmt.Errorf("the evidence is saved in %s, and does not hold: %w", g.out, err)}
	}
	t.say("Saved the evidence for entry %d in %s: %s, all in the tree of %s entries. Verdict: %s%s.", report.Entry.Index, g.out,
		words.Count(1+len(ev.Relied), "receipt"), words.Number(report.Head.Size), report.Verdict, inDoubt(report))
	t.relyOnReport(report)
	t.say("Verify it without a network: attestlog verify %s --log-key KEY", g.out)
	if t.json {
		t.printJSON(map[string]any{"index": report.Entry.Index, "digest": report.Entry.Digest, "verdict": report.Verdict, "doubts": orEmpty(report.Doubts), "evidence": g.out, "receipts": 1 + len(ev.Relied)})
	}
	return nil
}
