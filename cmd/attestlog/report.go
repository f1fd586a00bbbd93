package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/proving"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/statement"
	"github.com/attestlog/attestlog/web/words"
)

// reporting are the flags of a command that may report as a source: who speaks, and how what it says is proven.
type reporting struct {
	signing  signingFlags
	proving  provingFlags
	deferred bool // proofs are left to the log's provers
	state    string
}

func (f *reporting) bind(fs *flag.FlagSet) {
	f.signing.bind(fs)
	fs.StringVar(&f.state, "state", "", "the `file` that keeps the source's place in its chain (default beside the key, such as gateway@1.state)")
}

func (f *reporting) bindDeferred(fs *flag.FlagSet) {
	fs.BoolVar(&f.deferred, "deferred", false, "leave proofs to the log's provers: witnesses go along, sealed to them")
}

// given tells whether anybody is to speak.
func (f *reporting) given() bool { return f.signing != (signingFlags{}) }

func (f *reporting) check() error {
	if f.deferred && !f.given() {
		return misuse("--deferred leaves the proof of what is logged to others: name --source and --key")
	}
	if !f.given() {
		return nil
	}
	return f.signing.check()
}

// reporter is a speaker that proves what it says: the keys are loaded once, if there is anything to prove.
type reporter struct {
	*speaker
	t      *terminal
	flags  *reporting
	prover *proving.Prover
}

// open opens the source.
func (f *reporting) open(ctx context.Context, t *terminal, r *remote) (*reporter, error) {
	speaker, err := speak(ctx, t, r, &f.signing, f.state)
	if err != nil {
		return nil, err
	}
	return &reporter{speaker: speaker, t: t, flags: f}, nil
}

// record logs what a draft says, proven by the witness if there is one, here or later by others.
func (r *reporter) record(ctx context.Context, what *draft.Draft, w statement.Witness) (*client.Receipt, error) {
	d := numberless(what)
	if err := r.prove(ctx, &d, w); err != nil {
		return nil, err
	}
	return r.source.Record(ctx, d)
}

// prove gives a draft its proof by the witness, if there is one.
func (r *reporter) prove(ctx context.Context, d *client.Draft, w statement.Witness) error {
	if w == nil {
		return nil
	}
	if r.prover == nil {
		var err error
		if r.prover, err = r.flags.proving.prover(r.t, r.r); err != nil {
			return err
		}
	}
	return r.attach(ctx, d, w)
}

func (r *reporter) attach(ctx context.Context, d *client.Draft, w statement.Witness) error {
	if r.flags.deferred {
		return untrue(r.prover.Defer(ctx, d, r.name, w, ""))
	}
	return inline(ctx, r.prover, d, w, "", untrue)
}

// Record makes a reporter the recorder of a training run.
func (r *reporter) Record(ctx context.Context, what *draft.Draft, w statement.Witness) (*verify.Receipt, error) {
	found, err := r.record(ctx, what, w)
	if err != nil {
		return nil, err
	}
	return &found.Receipt, nil
}

// logged keeps a receipt in a file, tells of it, and returns what --json says.
func (t *terminal) logged(r *remote, path string, logged *client.Receipt) (map[string]any, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("couldn't write the receipt: %w", err)
	}
	if err := keepReceipt(path, logged); err != nil {
		return nil, err
	}
	head, err := verify.OpenHead(logged.Note, r.Key())
	if err != nil {
		return nil, err
	}
	what := "Logged"
	if logged.Duplicate {
		what = "This was logged before,"
	}
	t.say("%s as entry %d of %s, in a tree of %s entries.", what, logged.Index, r.Origin(), words.Number(head.Size))
	t.field("event", "%s", logged.Digest)
	t.field("logged", "%s (the log's clock)", clock(logged.Logged))
	t.field("receipt", "%s", path)
	return map[string]any{"index": logged.Index, "digest": logged.Digest, "logged": logged.Logged, "size": head.Size,
		"duplicate": logged.Duplicate, "receipt": path}, nil
}

// say logs what the files in a folder say, and keeps the receipt there. result is what --json says of them.
func (f *reporting) say(ctx context.Context, t *terminal, r *remote, dir string, what *draft.Draft, w statement.Witness, result map[string]any) (err error) {
	reporter, err := f.open(ctx, t, r)
	if err != nil {
		return refused(ctx, r, err)
	}
	defer func() { err = errors.Join(err, reporter.Close()) }()
	claims := filepath.Join(dir, claimsFile)
	logged, err := reporter.sayOnce(ctx, claims, what, func(d *client.Draft) error { return reporter.prove(ctx, d, w) })
	if err != nil {
		return refused(ctx, r, fmt.Errorf("the claims are ready, attestlog submit %s goes on with them: %w", claims, err))
	}
	receipt, err := t.logged(r, filepath.Join(dir, receiptFile), logged)
	if err != nil {
		return err
	}
	if err := forgetIntent(claims); err != nil {
		return err
	}
	if maps.Copy(result, receipt); t.json {
		t.printJSON(result)
	}
	return r.judge(ctx, nil)
}

// secretFile is a file for its owner's eyes only.
type secretFile struct {
	name    string
	content []byte
}

// writeClaims writes what is said in public, once everything secret that it takes to open it lies beside it.
func writeClaims(dir string, what *draft.Draft, secrets ...secretFile) error {
	public, err := what.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make the directory: %w", err)
	}
	for _, s := range secrets {
		if err := durable.Create(filepath.Join(dir, s.name), s.content, 0o600); err != nil {
			return err
		}
	}
	return durable.Create(filepath.Join(dir, claimsFile), public, 0o644)
}

// checkFree makes sure, before anything takes long, that nothing is in the way of the files.
func checkFree(dir string, names ...string) error {
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already, and is not replaced: name another --out", path)
		}
	}
	return nil
}
