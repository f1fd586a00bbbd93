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

	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
)

// readSRS reads the sealed first phase, which must have the digest that its record states. Every point is checked to be one; that they are
// powers of one τ is Verify's to say.
func (c *Ceremony) readSRS(ctx context.Context, want event.Digest) (*mpcsetup.SrsCommons, error) {
	path := c.path(phase1Dir, srsFile)
	l := srsLayout(c.manifest.N)
	b, err := readFile(path, l.size)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(b) != want {
		return nil, fmt.Errorf("couldn't use %s: it has another SHA-256 than %s says", path, sealedFile)
	}
	if err := l.check(b); err != nil {
		return nil, fmt.Errorf("couldn't use %s: %w", path, err)
	}
	srs := new(mpcsetup.SrsCommons)
	err = c.report.step(ctx, "reading the sealed phase 1", estimate(c.manifest.N, readCost[1]), func() error {
		if _, err := srs.ReadFrom(bytes.NewReader(b)); err != nil {
			return err
		}
		return same(srs, b)
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't use %s: it is damaged: %w", path, err)
	}
	return srs, nil
}

// sealPhase1 ends the first phase, whose links are verified again, and prepares the second.
func (c *Ceremony) sealPhase1(ctx context.Context, beacon Beacon) error {
	done, err := c.phase1.verify(ctx)
	if err != nil {
		return err
	}
	_, srs, record, err := c.endPhase1(ctx, done, beacon)
	if err != nil {
		return err
	}
	// The result first, which may be there of a try that was interrupted; its record makes it count.
	if err := durable.Replace(c.path(phase1Dir, srsFile), srs, 0o644); err != nil {
		return err
	}
	_, err = writeRecord(c.path(phase1Dir, sealedFile), record.members)
	return err
}

// endPhase1 works the beacon in. It uses up the chain's last state.
func (c *Ceremony) endPhase1(ctx context.Context, done *chain, beacon Beacon) (srs *mpcsetup.SrsCommons, file []byte, record *sealedPhase1, err error) {
	if len(done.links) == 0 {
		return nil, nil, nil, errors.New("couldn't seal phase 1: nobody has contributed, so its secret would be the beacon, which all know")
	}
	var b bytes.Buffer
	err = c.report.step(ctx, "sealing phase 1", estimate(c.manifest.N, sealCost[1]), func() error {
		sealed := done.last.(phase1State).Seal(beacon.Value)
		srs = &sealed
		_, err := srs.WriteTo(&b)
		return err
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("couldn't seal phase 1: %w", err)
	}
	return srs, b.Bytes(), &sealedPhase1{
		PhaseRecord: PhaseRecord{Beacon: beacon, Contributions: done.links},
		Manifest:    c.manifest.Phase1,
		SRS:         sha256.Sum256(b.Bytes()),
	}, nil
}

// copyPhase1 copies the sealed first phase of another ceremony, and returns the digest of its manifest. What was copied before stays.
func copyPhase1(ctx context.Context, dir, from string, n int64) (event.Digest, error) {
	from, dir = filepath.Join(from, phase1Dir), filepath.Join(dir, phase1Dir)
	var m phase1Manifest
	manifest, err := readCanonical(filepath.Join(from, phase1ManifestFile), m.members)
	if err != nil {
		return event.Digest{}, err
	}
	if m.N != n {
		return event.Digest{}, fmt.Errorf("the first phase in %s is for circuits of another size: %d, this one's is %d", from, m.N, n)
	}
	var s sealedPhase1
	sealed, err := readCanonical(filepath.Join(from, sealedFile), s.members)
	if errors.Is(err, fs.ErrNotExist) {
		return event.Digest{}, fmt.Errorf("the first phase in %s isn't sealed yet", from)
	}
	if err != nil {
		return event.Digest{}, err
	}
	id := event.Digest(sha256.Sum256(manifest))
	if s.Manifest != id {
		return event.Digest{}, fmt.Errorf("%s seals another first phase than the one that lies there", filepath.Join(from, sealedFile))
	}
	if err := copyFile(filepath.Join(dir, phase1ManifestFile), manifest); err != nil {
		return event.Digest{}, err
	}
	copyDigest := func(name string, size int64, want event.Digest) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := readFile(filepath.Join(from, name), size)
		if err != nil {
			return err
		}
		if sha256.Sum256(b) != want {
			return fmt.Errorf("%s has another SHA-256 than %s says", filepath.Join(from, name), sealedFile)
		}
		return copyFile(filepath.Join(dir, name), b)
	}
	body, srs := phase1Layout(n), srsLayout(n)
	for i, c := range s.Contributions {
		if err := copyDigest(contributionFile(i+1), int64(maxHeader)+body.size, c.Digest); err != nil {
			return event.Digest{}, err
		}
	}
	if err := copyDigest(srsFile, srs.size, s.SRS); err != nil {
		return event.Digest{}, err
	}
	return id, copyFile(filepath.Join(dir, sealedFile), sealed)
}

// copyFile writes a file, or finds the same one.
func copyFile(path string, b []byte) error {
	err := writeFile(path, b)
	if !errors.Is(err, ErrExist) {
		return err
	}
	there, err := readFile(path, int64(len(b)))
	if err == nil && !bytes.Equal(there, b) {
		err = fmt.Errorf("%s is there already, with another content", path)
	}
	return err
}
