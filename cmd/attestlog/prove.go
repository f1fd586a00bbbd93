package main

import (
	"context"
	"crypto/ed25519"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/access"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/web/words"
)

const proveManual = `Says which records of a data set were read, and proves it: that all of them are rows of the data set which consented to
the purpose, and that no other columns were read. In DIR, which is made, lie then

  claims.json      what the source says in public: how many records, which columns, what purpose, a commitment to the list
  accesses         the list itself with its salt, for the source's eyes only: what it shows an auditor who asks later
  submission.json  with --source and --key: the event, numbered, signed and proven, for attestlog submit --raw

A proof is good for one event only, number and all. So without --source and --key this stops at the claims, and
attestlog submit DIR/claims.json --accesses DIR/accesses --dataset FILE numbers, signs, proves and sends in one go.
Use that for a source that submits other events, too: it keeps count of them.

The proving key is fetched from the log, once, and has to be the one that the statement's entry names. Keys are never made
here. Claims that are not true of the data, such as a row that doesn't consent, end with exit code 5.
`

type prove struct {
	log     logFlags
	proving provingFlags
	signing signingFlags

	entry, rows, columns, purpose string
	subject, subjectDigest        string
	state, out                    string
}

// signingFlags say who speaks.
type signingFlags struct {
	source, key string
}

func (s *signingFlags) bind(fs *flag.FlagSet) {
	fs.StringVar(&s.source, "source", "", "the `name` under which the key is registered, such as gateway/1")
	fs.StringVar(&s.key, "key", "", "the source's private key, a `file` that attestlog keygen wrote")
}

func (s *signingFlags) check() error {
	if s.source == "" || s.key == "" {
		return misuse("--source and --key are needed: they say who speaks")
	}
	if err := event.CheckSource(s.source); err != nil {
		return misuse("--source: %w", err)
	}
	return nil
}

// state is where the source's place in its chain is kept unless --state says otherwise: beside its key, and named by the source, so that
// it is found under the next key, too. No source has an @ in its name, so no two share a file.
func (s *signingFlags) state() string {
	return filepath.Join(filepath.Dir(s.key), strings.ReplaceAll(s.source, "/", "@")+".state")
}

func bindProve(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	p := new(prove)
	p.log.bind(fs)
	p.proving.bind(fs)
	p.signing.bind(fs)
	fs.StringVar(&p.entry, "entry", "", "the data set's `entry`: its index, or the event's digest")
	fs.StringVar(&p.rows, "rows", "", "the rows that were read, from 0: a `list` such as 3,17,40-97")
	fs.StringVar(&p.columns, "columns", "", "the columns that were read: a `list` with commas between")
	fs.StringVar(&p.purpose, "purpose", "", "what for: a `name` among the data set's purposes")
	fs.StringVar(&p.subject, "subject", "", "the `name` of the AI system that read")
	fs.StringVar(&p.subjectDigest, "subject-digest", "", "the SHA-256 of that system's release, in `hex`")
	fs.StringVar(&p.state, "state", "", "the `file` in which attestlog submit keeps the source's place in its chain (default beside the key, such as gateway@1.state)")
	fs.StringVar(&p.out, "out", "", "the `directory` to write to")
	return p.run
}

func (p *prove) check() (reference, []int, event.Digest, error) {
	fail := func(err error) (reference, []int, event.Digest, error) { return reference{}, nil, event.Digest{}, err }
	for _, f := range []struct{ name, value string }{{"dataset", p.proving.dataset}, {"entry", p.entry}, {"rows", p.rows}, {"columns", p.columns},
		{"purpose", p.purpose}, {"subject", p.subject}, {"subject-digest", p.subjectDigest}, {"out", p.out}} {
		if f.value == "" {
			return fail(misuse("--%s is missing", f.name))
		}
	}
	if p.signing != (signingFlags{}) {
		if err := p.signing.check(); err != nil {
			return fail(err)
		}
		if err := p.signing.checkUncounted(p.state, "let attestlog submit number, sign and prove"); err != nil {
			return fail(err)
		}
	}
	ref, err := parseReference(p.entry)
	if err != nil {
		return fail(err)
	}
	rows, err := access.ParseRows(p.rows)
	if err != nil {
		return fail(misuse("--rows: %w", err))
	}
	digest, err := event.ParseDigest(p.subjectDigest)
	if err != nil {
		return fail(misuse("--subject-digest: %w", err))
	}
	return ref, rows, digest, nil
}

// checkUncounted refuses to number an event behind the back of a source that keeps count, in the file that --state names or the one beside its
// key: it would find an event in the log that it never recorded, and take it for somebody else's.
func (s *signingFlags) checkUncounted(state, instead string) error {
	if state == "" {
		state = s.state()
	}
	if _, err := os.Lstat(state); err == nil {
		return fmt.Errorf("%s counts its events in %s: leave out --source and --key here, and %s", s.source, state, instead)
	}
	return nil
}

// The files in a proof's folder.
const (
	accessesFile   = "accesses"
	submissionFile = "submission.json"
)

func (p *prove) run(ctx context.Context, t *terminal, args []string) error {
	if len(args) != 0 {
		return misuse("%q is one argument too many", args[0])
	}
	ref, rows, digest, err := p.check()
	if err != nil {
		return err
	}
	if err := checkFree(p.out, claimsFile, accessesFile, submissionFile); err != nil {
		return err
	}
	r, err := p.log.connect(t)
	if err != nil {
		return err
	}
	d, err := p.proving.readDataset(ctx, t)
	if err != nil {
		return err
	}
	entry, err := datasetEntry(ctx, r, ref, d)
	if err != nil {
		return r.judge(ctx, err)
	}
	list, err := access.NewList(rows)
	if err != nil {
		return err
	}
	claims, err := list.Claims(d, entry.Digest, strings.Split(p.columns, ","), p.purpose)
	if err != nil {
		return untrue(err)
	}
	what := &draft.Draft{Subject: event.Subject{Name: p.subject, Digest: digest}, Claims: claims}
	var made *proof
	if p.signing.key != "" {
		if made, err = p.submission(ctx, t, r, list, d, what); err != nil {
			return r.judge(ctx, err)
		}
	}
	if err := p.write(what, list, made); err != nil {
		return err
	}
	p.report(t, d, list, claims, made)
	return r.judge(ctx, nil)
}

// write writes all files, once nothing can fail any more but the disk.
func (p *prove) write(d *draft.Draft, list *access.List, made *proof) error {
	public, err := d.Encode()
	if err != nil {
		return err
	}
	secret, err := list.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.out, 0o700); err != nil {
		return fmt.Errorf("couldn't make the directory: %w", err)
	}
	if err := durable.Create(filepath.Join(p.out, accessesFile), secret, 0o600); err != nil {
		return err
	}
	if made != nil {
		if err := durable.Create(filepath.Join(p.out, submissionFile), made.submission, 0o644); err != nil {
			return err
		}
	}
	return durable.Create(filepath.Join(p.out, claimsFile), public, 0o644)
}

func (p *prove) report(t *terminal, d *dataset.Dataset, list *access.List, claims *event.DataAccessClaims, made *proof) {
	result := map[string]any{"claims": filepath.Join(p.out, claimsFile), "accesses": filepath.Join(p.out, accessesFile), "statement": list.Statement.Name}
	t.say("The claims are true of the data: %s of %s, each consenting to %s; %s.", words.Count(len(list.Rows), "record"), d.Name, p.purpose, words.Count(len(claims.Columns), "column"))
	t.field("public", "%s", filepath.Join(p.out, claimsFile))
	t.field("secret", "%s", filepath.Join(p.out, accessesFile))
	if made != nil {
		path := filepath.Join(p.out, submissionFile)
		t.say("Proved with %s in %.1f s: %d bytes that are good for this one event.", list.Statement.Name, made.took.Seconds(), made.size)
		t.field("event", "%s, number %d of %s", made.digest, made.seq, p.signing.source)
		t.field("ready", "%s: send it with attestlog submit --raw", path)
		result["submission"], result["digest"], result["proof_bytes"], result["seconds"] = path, made.digest, made.size, made.took.Seconds()
	}
	if t.json {
		t.printJSON(result)
	}
}

// proof is an event with its proof, ready to send.
type proof struct {
	submission []byte
	digest     event.Digest
	seq        int64
	size       int // of the proof, in bytes
	took       time.Duration
}

// submission numbers, signs and proves the event, for the place in the source's chain that comes next.
func (p *prove) submission(ctx context.Context, t *terminal, r *remote, list *access.List, data *dataset.Dataset, d *draft.Draft) (*proof, error) {
	key, err := keyfile.ReadPrivate(p.signing.key)
	if err != nil {
		return nil, err
	}
	state, err := r.SourceState(ctx, p.signing.source)
	if err != nil {
		return nil, err
	}
	if !state.Key.Equal(key.Public().(ed25519.PublicKey)) {
		return nil, fmt.Errorf("the key in %s is not the one that is registered for %s", p.signing.key, p.signing.source)
	}
	prover, err := p.proving.prover(t, r)
	if err != nil {
		return nil, err
	}
	e := d.Event(r.Origin(), p.signing.source, state.Next.Seq, state.Next.Prev, time.Now().UnixMilli())
	e.Proof = event.ProofInline
	if e.Statement, err = prover.PrepareStatement(ctx, list.Statement); err != nil {
		return nil, err
	}
	w, err := list.Witness(data)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	bytes, err := prover.Prove(ctx, e, w)
	if err != nil {
		return nil, untrue(list.Explain(err))
	}
	took := time.Since(start)
	payload, err := e.Encode()
	if err != nil {
		return nil, err
	}
	b, err := (&event.Submission{Envelope: event.Sign(payload, key), Proof: bytes}).Encode()
	if err != nil {
		return nil, err
	}
	return &proof{append(b, '\n'), event.DigestOf(payload), e.Seq, len(bytes), took}, nil
}
