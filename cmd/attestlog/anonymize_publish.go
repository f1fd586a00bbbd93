package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/draft"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/proving"
	"github.com/attestlog/attestlog/cmd/attestlog/internal/release"
	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/verify"
	"github.com/attestlog/attestlog/prover/witness"
	"github.com/attestlog/attestlog/web/words"
)

// mostChunks is how many chunks are told one by one; report.json has them all.
const mostChunks = 16

// report says what the release is like, and returns what --json prints.
func (a *anonymize) report(t *terminal, made *release.Release, fresh bool) map[string]any {
	c := counts(made)
	what := "Released"
	if !fresh {
		what = "Going on with the release of"
	}
	t.say("%s %s as %s: %s of %s rows in %s; %s suppressed.", what, made.Raw.Name, made.Released.Name,
		words.Number(c.Whole.Rows-c.Whole.Suppressed), words.Number(c.Whole.Rows), words.Count(c.Whole.Classes, "class"), are(c.Whole.Suppressed, "row"))
	t.field("k", "%d: so many rows share each combination of quasi-identifiers, at least, in every chunk by itself", c.K)
	t.field("l", "%d: so many values of %q are among them, at least", c.Diversity, made.Raw.Claims.Columns[0].Name)
	for i, s := range c.Chunks {
		if i == mostChunks {
			t.field("…", "%s more; %s has them", words.Count(len(c.Chunks)-i, "chunk"), filepath.Join(a.out, reportFile))
			break
		}
		t.field(fmt.Sprintf("chunk %d", i), "%s, %s suppressed; %s, the smallest of %d", words.Count(s.Rows, "row"), words.Number(s.Suppressed), words.Count(s.Classes, "class"), s.Smallest)
	}
	t.field("hierarchy", "%s", c.Hierarchy)
	t.field("rows", "%s: as private as the rows in it", filepath.Join(a.out, releasedFile))
	t.field("secret", "%s and %s: keep them, and keep them to yourself", filepath.Join(a.out, secretsFile), filepath.Join(a.out, releaseFile))
	if fresh && 5*c.Whole.Suppressed > c.Whole.Rows {
		t.warn("more than a fifth of the rows are suppressed: coarser hierarchies or larger chunks keep more")
	}
	return map[string]any{"release": c, "out": a.out, "fresh": fresh}
}

func are(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return words.Count(n, noun) + " are"
}

// publish takes the release as far into the log as the flags allow.
func (a *anonymize) publish(ctx context.Context, t *terminal, r *remote, made *release.Release, result map[string]any) error {
	// The raw data set must still be what the log has: so whatever follows stands on it.
	if _, err := datasetEntry(ctx, r, reference{digest: made.Entry, byHash: true}, made.Raw); err != nil {
		return err
	}
	if a.signing == (signingFlags{}) {
		return a.prepareFiles(ctx, t, r, made, result)
	}
	s, err := speak(ctx, t, r, &a.signing, a.state)
	if err != nil {
		return err
	}
	return errors.Join(a.submitAll(ctx, t, r, s, made, result), s.Close())
}

// submitAll logs the released data set and then each chunk, unless the log has them already, and verifies that they make one release.
func (a *anonymize) submitAll(ctx context.Context, t *terminal, r *remote, s *speaker, made *release.Release, result map[string]any) error {
	released, err := a.findReleased(ctx, r, made)
	if err != nil {
		return err
	}
	d, err := made.Released.Draft()
	if err != nil {
		return err
	}
	if released == nil {
		logged, err := s.once(ctx, d, filepath.Join(a.out, receiptFile), event.ProofNone, nil)
		if err != nil {
			return err
		}
		released = &logged.Digest
		t.say("%s is entry %d.", made.Released.Name, logged.Index)
	}
	prover, err := a.proving.prover(t, r)
	if err != nil {
		return err
	}
	var chunks []*client.Receipt
	for chunk := range made.Chunks() {
		logged, err := a.submitChunk(ctx, s, prover, made, chunk, *released, d.Subject)
		if err != nil {
			return fmt.Errorf("couldn't log chunk %d: %w", chunk, err)
		}
		how := "proven with"
		if a.deferred {
			how = "to be proven with"
		}
		t.say("Chunk %d is entry %d, %s %s.", chunk, logged.Index, how, made.Statement())
		chunks = append(chunks, logged)
	}
	result["released"], result["entries"] = *released, indices(chunks)
	if a.deferred && !a.wait {
		t.say("The log's provers are to prove them: attestlog verify --release %s says when they have.", *released)
		return nil
	}
	if a.wait {
		for _, logged := range chunks {
			by, err := await(ctx, t, r, logged)
			if err != nil {
				return err
			}
			t.say("Entry %d is proven by %s in entry %d.", logged.Index, by.Event.Source, by.Index)
		}
	}
	return a.verify(ctx, t, r, indices(chunks), result)
}

func indices(logged []*client.Receipt) (list []int64) {
	for _, l := range logged {
		list = append(list, l.Index)
	}
	return list
}

// submitChunk proves and logs a chunk.
func (a *anonymize) submitChunk(ctx context.Context, s *speaker, prover *proving.Prover, made *release.Release, chunk int, released event.Digest, subject event.Subject) (*client.Receipt, error) {
	d := &draft.Draft{Subject: subject, Claims: made.Claims(chunk, released)}
	dir, err := a.writeChunk(chunk, d)
	if err != nil {
		return nil, err
	}
	mode := event.ProofInline
	if a.deferred {
		mode = event.ProofDeferred
	}
	return s.once(ctx, d, filepath.Join(dir, receiptFile), mode, func(numbered *client.Draft) error {
		w, err := made.Witness(chunk)
		if err != nil {
			return err
		}
		if a.deferred {
			return prover.Defer(ctx, numbered, s.name, w, made.Statement())
		}
		return prover.Inline(ctx, numbered, w, made.Statement())
	})
}

// verify makes sure that what was logged holds, as anybody will who asks: each chunk, and all of them together.
func (a *anonymize) verify(ctx context.Context, t *terminal, r *remote, indices []int64, result map[string]any) error {
	var chunks []*verify.Evidence
	for _, index := range indices {
		ev, err := r.gather(ctx, reference{index: index})
		if err != nil {
			return err
		}
		chunks = append(chunks, ev)
	}
	whole, err := verify.VerifyRelease(r.Key(), r.policy, chunks)
	if err != nil {
		return &failure{exitUnverified, err}
	}
	t.say("%s", whole)
	result["verified"] = map[string]any{"rows": whole.Rows, "k": whole.K, "l": whole.Diversity, "suppressed": whole.Suppressed, "chunks": len(chunks)}
	return nil
}

// findReleased finds the released data set's entry: the one that a flag names, or a receipt in the folder. Without either it is nil.
func (a *anonymize) findReleased(ctx context.Context, r *remote, made *release.Release) (*event.Digest, error) {
	var ref reference
	digest, err := receiptDigest(filepath.Join(a.out, receiptFile))
	switch {
	case a.released != "":
		if ref, err = parseReference(a.released); err != nil {
			return nil, err
		}
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	default:
		ref = reference{digest: digest, byHash: true}
	}
	entry, err := datasetEntry(ctx, r, ref, made.Released)
	if err != nil {
		return nil, err
	}
	return &entry.Digest, nil
}

// prepareFiles writes the claims and witnesses of all chunks, for others to submit; or says what must come before.
func (a *anonymize) prepareFiles(ctx context.Context, t *terminal, r *remote, made *release.Release, result map[string]any) error {
	released, err := a.findReleased(ctx, r, made)
	if err != nil {
		return err
	}
	if released == nil {
		t.say("Next: attestlog submit %s --source NAME --key FILE, and then this again.", filepath.Join(a.out, claimsFile))
		return nil
	}
	d, err := made.Released.Draft()
	if err != nil {
		return err
	}
	var dirs []string
	for chunk := range made.Chunks() {
		dir, err := a.writeChunk(chunk, &draft.Draft{Subject: d.Subject, Claims: made.Claims(chunk, *released)})
		if err != nil {
			return err
		}
		if err := writeWitness(filepath.Join(dir, witnessFile), made, chunk); err != nil {
			return err
		}
		dirs = append(dirs, dir)
	}
	result["released"], result["chunks"] = *released, dirs
	t.say("Next, for each chunk: attestlog submit %s --witness %s --source NAME --key FILE", filepath.Join(dirs[0], claimsFile), filepath.Join(dirs[0], witnessFile))
	return nil
}

// writeChunk writes a chunk's claims into its folder, unless they are there.
func (a *anonymize) writeChunk(chunk int, d *draft.Draft) (string, error) {
	dir := filepath.Join(a.out, fmt.Sprintf("chunk-%d", chunk))
	claims, err := d.Encode()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("couldn't make the directory: %w", err)
	}
	path := filepath.Join(dir, claimsFile)
	if there, err := readBounded(path, draft.MaxFile); err == nil && bytes.Equal(there, claims) {
		return dir, nil
	}
	return dir, durable.Create(path, claims, 0o644)
}

// writeWitness writes a chunk's witness anew: it is the same each time.
func writeWitness(path string, made *release.Release, chunk int) error {
	w, err := made.Witness(chunk)
	if err != nil {
		return err
	}
	b, err := witness.Encode(w)
	if err != nil {
		return err
	}
	return durable.Replace(path, b, 0o600)
}
