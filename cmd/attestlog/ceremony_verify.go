package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/evidence"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/keys/ceremony"
	"github.com/attestlog/attestlog/web/words"
)

type ceremonyVerify struct {
	log      logFlags
	evidence string
}

func bindCeremonyVerify(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	c := new(ceremonyVerify)
	c.log.bind(fs)
	fs.StringVar(&c.evidence, "evidence", "", "a `directory` with the evidence for the statement's entry, from attestlog get --out, in place of --server")
	return c.run
}

func (c *ceremonyVerify) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("want one directory, the ceremony's")
	}
	if c.evidence != "" && c.log.server != "" {
		return misuse("--evidence stands in place of --server")
	}
	// The log first: what fails there fails at once.
	entry, err := c.entry(ctx, t, args[0])
	if err != nil {
		return err
	}
	opened, err := ceremony.Open(args[0], tableOfStatements, t.reporter())
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return unverified(err)
	}
	defer t.gently(ctx)()
	r, err := opened.Verify(ctx)
	if err != nil {
		return unverified(err)
	}
	t.say("%s, a circuit of %s constraints.", r.Manifest.Statement, words.Number(r.Manifest.Constraints))
	t.phase(1, r.Phase1)
	result := map[string]any{"statement": r.Manifest.Statement, "constraint_system": r.Manifest.ConstraintSystem, "phase1": phaseJSON(r.Phase1), "sealed": false}
	if len(r.Phase1.Beacon.Value) > 0 {
		t.phase(2, r.Phase2)
		result["phase2"] = phaseJSON(r.Phase2)
	}
	if r.Transcript == nil {
		t.say("So far it holds. It isn't sealed yet.")
	} else {
		t.say("The keys in %s are what comes out of that, byte for byte.", args[0])
		t.transcript(r.Transcript)
		t.field("transcript", "%s", r.Digest)
		result["sealed"], result["transcript"], result["verifying_key"], result["proving_key"] = true, r.Digest, r.Transcript.VerifyingKey, r.Transcript.ProvingKey
	}
	if entry != nil {
		if err := isRegistered(entry, r); err != nil {
			return unverified(err)
		}
		t.field("log", "entry %d registers these keys, with this transcript", entry.Index)
		result["index"] = entry.Index
	}
	if r.Transcript != nil {
		t.say("Nobody can forge proofs under these keys if one contributor to each phase threw the secret away. Who that is, no file can show.")
	}
	if t.json {
		t.printJSON(result)
	}
	return nil
}

func phaseJSON(p ceremony.PhaseRecord) map[string]any {
	list := []map[string]any{}
	for _, c := range p.Contributions {
		list = append(list, map[string]any{"digest": c.Digest, "name": c.Name})
	}
	return map[string]any{"contributions": list, "beacon": fmt.Sprintf("%x", p.Beacon.Value), "source": p.Beacon.Source}
}

// entry is the statement's entry, verified, where a log was named; nil otherwise.
func (c *ceremonyVerify) entry(ctx context.Context, t *terminal, dir string) (*verify.Entry, error) {
	switch {
	case c.evidence != "":
		key, err := c.log.verifier()
		if err != nil {
			return nil, err
		}
		ev, err := evidence.Load(c.evidence)
		if err != nil {
			return nil, unverified(err)
		}
		report, err := ev.Verify(key)
		if err != nil {
			return nil, unverified(fmt.Errorf("the evidence in %s does not hold: %w", c.evidence, err))
		}
		return report.Entry, nil
	case c.log.server != "":
		transcript, err := ceremony.ReadTranscript(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the ceremony isn't sealed, so no log can have its keys: leave out --server")
		}
		if err != nil {
			return nil, unverified(err)
		}
		r, err := c.log.connect(t)
		if err != nil {
			return nil, err
		}
		registered, err := r.Statement(ctx, transcript.VerifyingKey)
		if err := r.judge(ctx, err); err != nil {
			return nil, fmt.Errorf("the log doesn't have the statement %s: %w", transcript.VerifyingKey, err)
		}
		ev, err := r.gather(ctx, reference{index: registered.Registration.Index})
		if err := r.judge(ctx, err); err != nil {
			return nil, err
		}
		report, err := ev.Verify(r.Key())
		if err != nil {
			return nil, unverified(fmt.Errorf("the registration of %s does not hold: %w", transcript.Statement, err))
		}
		return report.Entry, nil
	case c.log.key != "":
		return nil, misuse("--log-key is for a log that --server or --evidence names")
	}
	return nil, nil
}

// isRegistered compares a ceremony with what the log's entry says of its statement.
func isRegistered(entry *verify.Entry, r *ceremony.Result) error {
	claims, ok := entry.Event.Claims.(*event.StatementClaims)
	if !ok || claims.Action != event.StatementRegister {
		return fmt.Errorf("entry %d registers no statement", entry.Index)
	}
	if r.Transcript == nil {
		return fmt.Errorf("entry %d can't be about this ceremony, which isn't sealed", entry.Index)
	}
	for _, f := range []struct {
		what      string
		got, want any
	}{
		{"transcript", claims.Transcript, r.Digest},
		{"set-up", claims.Setup, event.SetupCeremony},
		{"name", claims.Name, r.Transcript.Statement},
		{"circuit", claims.ConstraintSystem, r.Transcript.ConstraintSystem},
		{"proving key", claims.ProvingKey, r.Transcript.ProvingKey},
		{"proving key's size", claims.ProvingKeySize, r.Transcript.ProvingKeySize},
		{"verifying key", event.DigestOf(claims.VerifyingKey), r.Transcript.VerifyingKey},
	} {
		if f.got != f.want {
			return fmt.Errorf("entry %d doesn't register what this ceremony made: its %s is %v, and the ceremony's %v", entry.Index, f.what, f.got, f.want)
		}
	}
	return nil
}
