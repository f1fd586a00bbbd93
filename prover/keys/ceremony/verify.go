package ceremony

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/ledger/event/canon"
	"github.com/attestlog/attestlog/prover/keys"
)

// Result is what a verification has found.
type Result struct {
	Manifest Manifest
	// Phase1 and Phase2 have the contributions that were verified, and the beacon once the phase is sealed.
	Phase1, Phase2 PhaseRecord
	// Transcript is nil as long as the ceremony isn't sealed; Digest is its SHA-256.
	Transcript *Transcript
	Digest     event.Digest
	// Keys are those in the ceremony's store.
	Keys *keys.Manifest
}

// Verify repeats the whole ceremony, as far as it has gone, but for the secrets: every contribution of both phases, the beacons, and the
// keys, which must come out byte for byte. It needs all files.
func (c *Ceremony) Verify(ctx context.Context) (*Result, error) {
	r := &Result{Manifest: c.manifest}
	done, err := c.phase1.verify(ctx)
	if err != nil {
		return nil, err
	}
	r.Phase1.Contributions = done.links
	phase1, sealed, err := c.sealed()
	if errors.Is(err, fs.ErrNotExist) {
		return r, c.nothingAfter(phase2Dir, transcriptFile)
	}
	if err != nil {
		return nil, err
	}
	srs, err := c.verifySeal(ctx, done, phase1, sealed)
	if err != nil {
		return nil, err
	}
	r.Phase1 = phase1.PhaseRecord
	derived := func(context.Context) (*mpcsetup.SrsCommons, error) { return srs, nil }

	file, err := readFile(c.path(transcriptFile), maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		r.Phase2.Contributions, err = c.verifyOpenPhase2(ctx, sealed, derived)
		return r, err
	}
	if err != nil {
		return nil, err
	}
	t, err := ParseTranscript(file)
	if err != nil {
		return nil, err
	}
	if err := checkBeacons(phase1.Beacon, t.Phase2.Beacon); err != nil {
		return nil, fmt.Errorf("couldn't verify phase 2: %w", err)
	}
	_, own, err := c.endPhase2(ctx, phase1, t.Phase2.Beacon, derived)
	if err != nil {
		return nil, err
	}
	if err := isTranscript(own, file); err != nil {
		return nil, err
	}
	r.Phase2, r.Transcript, r.Digest = t.Phase2, t, sha256.Sum256(file)
	r.Keys, err = c.checkKeys(t, r.Digest)
	return r, err
}

// verifySeal says whether phase 1 ended as its record says.
func (c *Ceremony) verifySeal(ctx context.Context, done *chain, phase1 *sealedPhase1, sealed event.Digest) (*mpcsetup.SrsCommons, error) {
	srs, file, own, err := c.endPhase1(ctx, done, phase1.Beacon)
	if err != nil {
		return nil, err
	}
	record, err := canon.Encode(own.members)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(record) != sealed {
		return nil, fmt.Errorf("couldn't verify phase 1: its contributions and its beacon don't give what %s says", c.path(phase1Dir, sealedFile))
	}
	there, err := readFile(c.path(phase1Dir, srsFile), int64(len(file)))
	if err == nil && !bytes.Equal(there, file) {
		err = fmt.Errorf("couldn't verify phase 1: %s is not what comes out of it", c.path(phase1Dir, srsFile))
	}
	return srs, err
}

// verifyOpenPhase2 verifies the second phase as far as it has gone.
func (c *Ceremony) verifyOpenPhase2(ctx context.Context, sealed event.Digest, srs func(context.Context) (*mpcsetup.SrsCommons, error)) ([]Contribution, error) {
	if last, err := highest(c.path(phase2Dir)); last < 0 || err != nil {
		return nil, err
	}
	p, err := c.phase2(sealed, srs)
	if err != nil {
		return nil, err
	}
	done, err := p.verify(ctx)
	if err != nil {
		return nil, err
	}
	return done.links, nil
}

// nothingAfter makes sure that nothing claims to follow a phase that isn't sealed.
func (c *Ceremony) nothingAfter(names ...string) error {
	for _, name := range names {
		if there, err := exists(c.path(name)); err != nil || there {
			if err == nil {
				err = fmt.Errorf("couldn't verify the ceremony: %s is there, but phase 1 isn't sealed", c.path(name))
			}
			return err
		}
	}
	return nil
}

// isTranscript compares a transcript that was worked out with the file.
func isTranscript(own *Transcript, file []byte) error {
	b, err := canon.Encode(own.members)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, file) {
		return fmt.Errorf("couldn't verify the ceremony: %s is not the transcript of what lies here", transcriptFile)
	}
	return nil
}

// checkKeys says whether the keys in the ceremony's store are the transcript's, every file of them whole.
func (c *Ceremony) checkKeys(t *Transcript, digest event.Digest) (*keys.Manifest, error) {
	store, err := c.Keys()
	if err != nil {
		return nil, err
	}
	m, err := store.Manifest(t.VerifyingKey)
	if err != nil {
		return nil, fmt.Errorf("couldn't verify the ceremony's keys: %w", err)
	}
	if m.Statement != t.Statement || m.Transcript != digest || m.ProvingKey != (keys.File{SHA256: t.ProvingKey, Size: t.ProvingKeySize}) {
		return nil, fmt.Errorf("couldn't verify the ceremony's keys: %w: they are not the transcript's", keys.ErrCorrupt)
	}
	if _, err := store.LoadFor(t.VerifyingKey, c.r1cs); err != nil {
		return nil, fmt.Errorf("couldn't verify the ceremony's keys: %w", err)
	}
	return m, nil
}

// Keys is the store that a sealed ceremony's keys are in.
func (c *Ceremony) Keys() (*keys.Store, error) {
	if there, err := exists(c.path(keysDir)); err != nil || !there {
		if err == nil {
			err = fmt.Errorf("the ceremony has no keys: %w", fs.ErrNotExist)
		}
		return nil, err
	}
	return keys.OpenStore(c.path(keysDir))
}

// CheckDigests is the quick half of Verify, for who has verified the transcript before: it compares every file of a sealed ceremony with the
// transcript's digests, and loads the keys. It says nothing about where the keys come from.
func (c *Ceremony) CheckDigests(ctx context.Context) (*Result, error) {
	file, err := readFile(c.path(transcriptFile), maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the ceremony isn't sealed yet: %w", err)
	}
	if err != nil {
		return nil, err
	}
	t, err := ParseTranscript(file)
	if err != nil {
		return nil, err
	}
	phase1, sealed, err := c.sealed()
	if err != nil {
		return nil, err
	}
	if err := checkBeacons(phase1.Beacon, t.Phase2.Beacon); err != nil {
		return nil, fmt.Errorf("couldn't verify phase 2: %w", err)
	}
	r := &Result{Manifest: c.manifest, Phase1: t.Phase1, Phase2: t.Phase2, Transcript: t, Digest: sha256.Sum256(file)}
	// What other files say goes in, and must give the same transcript.
	own := *t
	own.Manifest, own.ConstraintSystem, own.Statement, own.N = c.id, c.manifest.ConstraintSystem, c.manifest.Statement, c.manifest.N
	own.Phase1Manifest, own.Phase1, own.SRS = c.manifest.Phase1, phase1.PhaseRecord, phase1.SRS
	p, err := c.phase2(sealed, nil)
	if err != nil {
		return nil, err
	}
	if own.Phase1.Contributions, _, err = c.phase1.digests(ctx); err != nil {
		return nil, err
	}
	if own.Phase2.Contributions, own.Start, err = p.digests(ctx); err != nil {
		return nil, err
	}
	if err := isTranscript(&own, file); err != nil {
		return nil, err
	}
	if _, err := c.readSRS(ctx, t.SRS); err != nil {
		return nil, err
	}
	r.Keys, err = c.checkKeys(t, r.Digest)
	return r, err
}

// digests reads what the files of a phase say of themselves, and that each names the one before it. Their points are not looked at.
func (p *phase) digests(ctx context.Context) (list []Contribution, start event.Digest, err error) {
	most, err := highest(p.dir)
	if err != nil {
		return nil, start, err
	}
	end := p.origin
	for number := p.first; number <= most; number++ {
		if err := ctx.Err(); err != nil {
			return nil, start, err
		}
		c, err := p.read(number)
		if err != nil {
			return nil, start, err
		}
		if c.previous != end {
			return nil, start, fmt.Errorf("couldn't use %s: it doesn't follow from the file before it", p.what(number))
		}
		end = c.digest
		if number == 0 {
			start = c.digest
			continue
		}
		list = append(list, c.record())
	}
	return list, start, nil
}

// ReadTranscript reads the transcript in a ceremony's directory; nothing of it is verified. The error wraps fs.ErrNotExist where the ceremony
// isn't sealed.
func ReadTranscript(dir string) (*Transcript, error) {
	b, err := readFile(filepath.Join(dir, transcriptFile), maxRecord)
	if err != nil {
		return nil, err
	}
	return ParseTranscript(b)
}
