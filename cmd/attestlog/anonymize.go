package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/attestlog/attestlog/cmd/attestlog/internal/dataset"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/hierarchy"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/proving"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/release"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/statement"
)

const anonymizeManual = `Makes the anonymized form of a committed data set, logs it, and proves chunk by chunk that it is one: that every raw
row is released generalized as the hierarchy file says (attestlog help hierarchy), exactly once, or suppressed; that at least
k released rows share each combination of quasi-identifiers, with at least l values of the sensitive column; and that direct
identifiers are gone. Rows of classes that don't reach k and l are suppressed, which is no error: the report counts them.

k and l hold in every chunk of 1,024 or 128 rows by itself, and therefore in the whole. Larger chunks suppress fewer rows and
take longer to prove.

In DIR, which is made, lie then

  claims.json     the released data set, in public: as attestlog dataset commit writes it
  secrets         its rows, salts and consents. It serves wherever a data set's secrets do, such as to prove accesses to it
  released.csv    its rows, to be read by people
  release         how it came from the raw one, suppressed rows included: what it takes to prove the chunks
  report.json     how many rows are released and suppressed, in how many classes, by chunk
  chunk-N/        once the released data set is in the log: each chunk's claims, with the receipt or the witness

All but claims.json and what is in the log is for the owner's eyes only.

With --source and --key, the released data set is logged and every chunk proven and logged. Interrupted, and run again with
the same DIR, it goes on where it stopped, with the same release. With --deferred the log's provers make the proofs (attestlog help submit). Without them it stops after each step that others must take: submit
DIR/claims.json (attestlog submit), run this again, and submit each chunk's claims with its witness.

Columns of the data set must stand where the proof looks for them: first a sensitive one, then three to six quasi-identifiers,
then up to three direct identifiers in places 8 to 10, others behind or between. The schema's order decides when it is committed.
`

type anonymize struct {
	log     logFlags
	proving provingFlags
	signing signingFlags

	entry, hierarchy, released, name, state, out string
	k, diversity, chunkRows                      int
	deferred, wait                               bool
}

func bindAnonymize(fs *flag.FlagSet) func(context.Context, *terminal, []string) error {
	a := new(anonymize)
	a.log.bind(fs)
	a.log.bindProvers(fs)
	a.proving.bind(fs)
	a.signing.bind(fs)
	fs.StringVar(&a.entry, "entry", "", "the raw data set's `entry`: its index, or the event's digest")
	fs.StringVar(&a.hierarchy, "hierarchy", "", "the hierarchy's `file`")
	fs.IntVar(&a.k, "k", 0, "at least this `number` of rows share each combination of quasi-identifiers")
	fs.IntVar(&a.diversity, "l", 0, "at least this `number` of values of the sensitive column are among them (default 1)")
	fs.IntVar(&a.chunkRows, "chunk-rows", 0, "the `rows` of a chunk, 1024 or 128 (default 1024 where the log has a statement about them)")
	fs.StringVar(&a.name, "name", "", "what the released data set is called, a `name` (default the raw one's with -anonymized)")
	fs.StringVar(&a.released, "released", "", "the released data set's `entry`, if it was logged elsewhere than by this command or from DIR")
	fs.BoolVar(&a.deferred, "deferred", false, "leave the proofs to the log's provers: the witnesses go along, sealed to them")
	fs.BoolVar(&a.wait, "wait", false, "with --deferred: wait until all chunks are attested, and verify them")
	fs.StringVar(&a.state, "state", "", "the `file` that keeps the source's place in its chain (default beside the key, such as gateway@1.state)")
	fs.StringVar(&a.out, "out", "", "the `directory` to write to, or to go on with")
	return a.run
}

// The files in a release's folder, beside those of a data set.
const (
	releaseFile  = "release"
	releasedFile = "released.csv"
	reportFile   = "report.json"
	witnessFile  = "witness"
	receiptFile  = "claims.receipt.json"
)

func (a *anonymize) run(ctx context.Context, t *terminal, args []string) error {
	switch {
	case len(args) != 0:
		return misuse("%q is one argument too many", args[0])
	case a.proving.dataset == "":
		return misuse("--dataset is missing: the raw data set's secrets")
	case a.out == "":
		return misuse("--out is missing")
	case a.deferred && a.signing == (signingFlags{}):
		return misuse("--deferred submits the chunks, which takes --source and --key")
	case a.wait && !a.deferred:
		return misuse("--wait waits for proofs that are --deferred")
	case a.signing != (signingFlags{}):
		if err := a.signing.check(); err != nil {
			return err
		}
	}
	r, err := a.log.connect(t)
	if err != nil {
		return err
	}
	raw, err := a.proving.readDataset(ctx, t)
	if err != nil {
		return err
	}
	made, err := a.resume(ctx, t, raw)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		made, err = a.release(ctx, t, r, raw)
	}
	if err != nil {
		return r.judge(ctx, err)
	}
	result := a.report(t, made, fresh)
	if err := a.publish(ctx, t, r, made, result); err != nil {
		return r.judge(ctx, untrue(err))
	}
	if t.json {
		t.printJSON(result)
	}
	return r.judge(ctx, nil)
}

// resume reads the release that an earlier run made. The error wraps fs.ErrNotExist if there is none.
func (a *anonymize) resume(ctx context.Context, t *terminal, raw *dataset.Dataset) (*release.Release, error) {
	f, err := openSecret(filepath.Join(a.out, releaseFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, release.MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the release: %w", err)
	}
	released, err := (&provingFlags{dataset: filepath.Join(a.out, secretsFile)}).readDataset(ctx, t)
	if err != nil {
		return nil, err
	}
	made, err := release.Decode(b, raw, released)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(a.out, releaseFile), err)
	}
	return made, a.same(made)
}

// same refuses flags that ask for another release than there is: once written, a release stays as it is.
func (a *anonymize) same(made *release.Release) error {
	differs := ""
	switch {
	case a.k != 0 && a.k != made.K:
		differs = fmt.Sprintf("k = %d", made.K)
	case a.diversity != 0 && a.diversity != made.Diversity:
		differs = fmt.Sprintf("l = %d", made.Diversity)
	case a.chunkRows != 0 && a.chunkRows != made.ChunkRows:
		differs = fmt.Sprintf("chunks of %d rows", made.ChunkRows)
	case a.name != "" && a.name != made.Released.Name:
		differs = fmt.Sprintf("the name %q", made.Released.Name)
	case a.hierarchy != "":
		by, err := a.readHierarchy(made.Raw)
		if err != nil {
			return err
		}
		if h, _, err := statement.Generalize(made.Raw.Claims, by); err != nil || h != *made.Hierarchy {
			differs = "another hierarchy"
		}
	}
	if differs != "" {
		return fmt.Errorf("%s holds a release of this data set with %s: name another --out for a new one", a.out, differs)
	}
	return nil
}

func (a *anonymize) readHierarchy(raw *dataset.Dataset) (map[string]statement.Generalization, error) {
	h, err := decodeFile(a.hierarchy, hierarchy.MaxFile, readBounded, hierarchy.Parse)
	if err != nil {
		return nil, err
	}
	by, err := h.Bind(raw.Claims)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.hierarchy, err)
	}
	return by, nil
}

// release makes the release, and writes it: all of it, or nothing.
func (a *anonymize) release(ctx context.Context, t *terminal, r *remote, raw *dataset.Dataset) (*release.Release, error) {
	if err := a.checkFresh(); err != nil {
		return nil, err
	}
	ref, err := parseReference(a.entry)
	if err != nil {
		return nil, err
	}
	if _, err := statement.LayoutOf(raw.Claims); err != nil {
		return nil, fmt.Errorf("%s can't be anonymized as it was committed: %w. Bring the columns into that order in its schema, and commit to it again: attestlog help hierarchy says how", raw.Name, err)
	}
	by, err := a.readHierarchy(raw)
	if err != nil {
		return nil, err
	}
	entry, err := datasetEntry(ctx, r, ref, raw)
	if err != nil {
		return nil, err
	}
	terms := release.Terms{ChunkRows: a.chunkRows, K: a.k, Diversity: max(a.diversity, 1)}
	if terms.ChunkRows == 0 {
		if terms.ChunkRows, err = defaultChunk(ctx, r); err != nil {
			return nil, err
		}
	}
	name := a.name
	if name == "" {
		name = raw.Name + "-anonymized"
	}
	made, err := release.Make(ctx, raw, entry.Digest, by, terms, name, t.datasetProgress())
	if err != nil {
		return nil, err
	}
	return made, a.write(made)
}

func (a *anonymize) checkFresh() error {
	for _, f := range []struct {
		name    string
		missing bool
	}{{"entry", a.entry == ""}, {"hierarchy", a.hierarchy == ""}, {"k", a.k == 0}} {
		if f.missing {
			return misuse("--%s is missing, and %s holds no release to go on with", f.name, a.out)
		}
	}
	there, err := os.ReadDir(a.out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("couldn't look into the directory: %w", err)
	}
	if len(there) > 0 {
		return fmt.Errorf("%s isn't empty, and holds no release: name another --out", a.out)
	}
	return nil
}

// defaultChunk is the larger size of chunks, where the log has a statement about them.
func defaultChunk(ctx context.Context, r *remote) (int, error) {
	large, err := statement.ByName("anonymization-1024")
	if err != nil {
		return 0, err
	}
	small, err := statement.ByName("anonymization-128")
	if err != nil {
		return 0, err
	}
	if _, found, err := proving.Find(ctx, r, []statement.Statement{large, small}); err == nil {
		return found.Capacity, nil
	}
	return small.Capacity, nil // it can't be proven yet; but released it can be
}

// write writes the release into a folder beside the one that is to be, which then gets its name.
func (a *anonymize) write(made *release.Release) error {
	parent := filepath.Dir(filepath.Clean(a.out))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("couldn't make the directory: %w", err)
	}
	dir, err := os.MkdirTemp(parent, ".release-")
	if err != nil {
		return fmt.Errorf("couldn't make the directory: %w", err)
	}
	if err := writeRelease(dir, made); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err := os.Rename(dir, a.out); err != nil {
		return errors.Join(fmt.Errorf("couldn't write the release: %w", err), os.RemoveAll(dir))
	}
	return durable.SyncFolder(parent)
}

func writeRelease(dir string, made *release.Release) error {
	record, err := made.Encode()
	if err != nil {
		return err
	}
	d, err := made.Released.Draft()
	if err != nil {
		return err
	}
	claims, err := d.Encode()
	if err != nil {
		return err
	}
	report, err := json.MarshalIndent(counts(made), "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't write the report: %w", err)
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{secretsFile, made.Released.WriteSecrets},
		{releasedFile, made.WriteCSV},
		{releaseFile, writes(record)},
		{reportFile, writes(append(report, '\n'))},
	} {
		if err := durable.CreateFrom(filepath.Join(dir, f.name), 0o600, f.write); err != nil {
			return err
		}
	}
	return durable.Create(filepath.Join(dir, claimsFile), claims, 0o644)
}

func writes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// releaseCounts is report.json, and what --json prints of a release.
type releaseCounts struct {
	Name      string            `json:"name"`
	ChunkRows int               `json:"chunk_rows"`
	K         int               `json:"k"`
	Diversity int               `json:"l"`
	Hierarchy event.Element     `json:"hierarchy"`
	Whole     release.Summary   `json:"whole"`
	Chunks    []release.Summary `json:"chunks"`
}

func counts(made *release.Release) releaseCounts {
	c := releaseCounts{made.Released.Name, made.ChunkRows, made.K, made.Diversity, made.Hierarchy.Digest(), made.Whole(), nil}
	for chunk := range made.Chunks() {
		c.Chunks = append(c.Chunks, made.Chunk(chunk))
	}
	return c
}
