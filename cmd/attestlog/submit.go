package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/access"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/receipt"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
)

const submitManual = `Makes claims into an event: gives them the source's next number, signs them, proves them if --accesses and --dataset say
how, sends them, checks the log's receipt, and keeps it beside the claims. The answer comes once the event is in the
log for good.

The source's place in its chain is kept in a state file beside its key, such as gateway@1.state. It is the source's: it stays when
the key changes. What is not answered when the program ends is
sent again by the next submit of that source, byte for byte; nothing is logged twice.

With --raw, the file is a submission that is signed already (attestlog prove writes such files, and any program can).
It is sent as it is.
`

type submit struct {
	log     logFlags
	proving provingFlags
	signing signingFlags

	accesses, state, receipt string
	raw                      bool
}

func bindSubmit(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	s := new(submit)
	s.log.bind(fs)
	s.proving.bind(fs)
	s.signing.bind(fs)
	fs.StringVar(&s.accesses, "accesses", "", "the access list, a `file` that attestlog prove wrote: prove the claims")
	fs.StringVar(&s.state, "state", "", "the `file` that keeps the source's place in its chain (default beside the key, such as gateway@1.state)")
	fs.StringVar(&s.receipt, "receipt", "", "the `file` to keep the receipt in (default beside the claims, ending in .receipt.json)")
	fs.BoolVar(&s.raw, "raw", false, "the file is a signed submission: send it as it is")
	return s.run
}

func (s *submit) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 1 {
		return misuse("want one file with claims")
	}
	path := args[0]
	if (s.accesses == "") != (s.proving.dataset == "") {
		return misuse("--accesses and --dataset belong together: a proof takes both")
	}
	if s.receipt == "" {
		s.receipt = strings.TrimSuffix(path, ".json") + ".receipt.json"
	}
	if _, err := os.Lstat(s.receipt); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: this was submitted before; to log it once more, name another --receipt", s.receipt)
	}
	r, err := s.log.connect(t)
	if err != nil {
		return err
	}
	var receipt *client.Receipt
	if s.raw {
		receipt, err = s.sendRaw(ctx, r, path)
	} else {
		receipt, err = s.sendClaims(ctx, t, r, path)
	}
	if err != nil {
		return refused(r, err)
	}
	if err := s.keep(t, r, receipt); err != nil {
		return err
	}
	return r.judge(nil)
}

// refused gives a refusal its exit code. Here even "not found" is one: of a source, or of what the claims refer to.
func refused(r *remote, err error) error {
	if client.HasCode(err, client.CodeNotFound) {
		return &failure{exitRefused, err}
	}
	return r.judge(err)
}

func (s *submit) sendRaw(ctx context.Context, r *remote, path string) (*client.Receipt, error) {
	if s.signing != (signingFlags{}) || s.accesses != "" {
		return nil, misuse("--raw sends what is signed already: --source, --key and --accesses have no place beside it")
	}
	b, err := readBounded(path, 128<<10)
	if err != nil {
		return nil, err
	}
	sub, err := event.DecodeSubmission(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r.Submit(ctx, sub)
}

func (s *submit) sendClaims(ctx context.Context, t *terminal, r *remote, path string) (*client.Receipt, error) {
	if err := s.signing.check(); err != nil {
		return nil, err
	}
	b, err := readBounded(path, draft.MaxFile)
	if err != nil {
		return nil, err
	}
	what, err := draft.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key, err := keyfile.ReadPrivate(s.signing.key)
	if err != nil {
		return nil, err
	}
	d := client.Draft{Subject: what.Subject, Claims: what.Claims, Purpose: what.Purpose, Jurisdiction: what.Jurisdiction,
		Retention: what.Retention, Period: what.Period, Correlation: what.Correlation}
	if s.accesses != "" {
		if err := s.addProof(ctx, t, r, &d); err != nil {
			return nil, err
		}
	}
	if s.state == "" {
		s.state = s.signing.state()
	}
	source, err := r.OpenSource(client.SourceOptions{Name: s.signing.source, Key: key, State: s.state, Refused: t.refusedOrphan})
	if err != nil {
		return nil, err
	}
	receipt, err := source.Record(ctx, d)
	return receipt, errors.Join(err, source.Close())
}

// addProof makes the draft one that is proven as soon as it has its number, by the access list and the data set's secrets.
func (s *submit) addProof(ctx context.Context, t *terminal, r *remote, d *client.Draft) error {
	claims, ok := d.Claims.(*event.DataAccessClaims)
	if !ok {
		return misuse("--accesses proves data accesses, and these claims are of kind %s", d.Claims.Kind())
	}
	f, err := openSecret(s.accesses)
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := access.Read(f)
	if err != nil {
		return fmt.Errorf("%s: %w", s.accesses, err)
	}
	secrets, err := s.proving.readDataset(ctx, t)
	if err != nil {
		return err
	}
	if _, err := datasetEntry(ctx, r, reference{digest: claims.Dataset, byHash: true}, secrets); err != nil {
		return err
	}
	w, err := list.Witness(secrets)
	if err != nil {
		return err
	}
	prover, err := s.proving.prover(t, r)
	if err != nil {
		return err
	}
	if err := prover.Inline(ctx, d, w, list.Statement.Name); err != nil {
		return err
	}
	prove := d.Prove
	d.Prove = func(ctx context.Context, e *event.Event, digest event.Digest) ([]byte, error) {
		proof, err := prove(ctx, e, digest)
		return proof, untrue(list.Explain(err))
	}
	return nil
}

func (s *submit) keep(t *terminal, r *remote, logged *client.Receipt) error {
	b, err := receipt.Encode(&logged.Receipt)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.receipt), 0o755); err != nil {
		return fmt.Errorf("couldn't write the receipt: %w", err)
	}
	if err := writeNew(s.receipt, b, 0o644); err != nil {
		return err
	}
	head, err := verify.OpenHead(logged.Note, r.Key())
	if err != nil {
		return err
	}
	what := "Logged"
	if logged.Duplicate {
		what = "This was logged before,"
	}
	t.say("%s as entry %d of %s, in a tree of %s entries.", what, logged.Index, r.Origin(), thousands(head.Size))
	t.field("event", "%s", logged.Digest)
	t.field("logged", "%s (the log's clock)", clock(logged.Logged))
	t.field("receipt", "%s", s.receipt)
	if t.json {
		t.printJSON(map[string]any{"index": logged.Index, "digest": logged.Digest, "logged": logged.Logged, "size": head.Size,
			"duplicate": logged.Duplicate, "receipt": s.receipt})
	}
	return nil
}
