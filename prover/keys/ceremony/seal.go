package ceremony

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"

	"github.com/attestlog/attestlog/prover/keys"
)

// Seal ends the phase that is open: it verifies the phase's contributions, works the beacon in, and writes down what comes out. After phase 1 that
// is where phase 2 starts, after phase 2 the keys and the transcript, which is then returned. Where an earlier Seal was interrupted, Seal
// with the same beacon goes on.
func (c *Ceremony) Seal(ctx context.Context, beacon Beacon) (*Transcript, error) {
	if err := beacon.Check(); err != nil {
		return nil, fmt.Errorf("couldn't seal: %w", err)
	}
	unlock, err := lock(c.dir)
	if err != nil {
		return nil, err
	}
	t, err := c.seal(ctx, beacon)
	return t, errors.Join(err, unlock())
}

func (c *Ceremony) seal(ctx context.Context, beacon Beacon) (*Transcript, error) {
	done, err := exists(c.path(transcriptFile))
	if err == nil && done {
		err = ErrSealed
	}
	if err != nil {
		return nil, err
	}
	phase1, _, err := c.sealed()
	if errors.Is(err, fs.ErrNotExist) {
		if err := c.sealPhase1(ctx, beacon); err != nil {
			return nil, err
		}
		return nil, c.beginPhase2(ctx)
	}
	if err != nil {
		return nil, err
	}
	begun, err := exists(c.path(phase2Dir, contributionFile(0)))
	fresh := checkBeacons(phase1.Beacon, beacon)
	switch {
	case err != nil:
		return nil, err
	case !begun && fresh != nil:
		return nil, c.beginPhase2(ctx)
	case !begun:
		return nil, errors.New("couldn't seal: phase 1 is sealed with another beacon, and phase 2 hasn't begun; go on with phase 1's")
	case fresh != nil:
		return nil, fmt.Errorf("couldn't seal phase 2: %w", fresh)
	}
	return c.sealPhase2(ctx, phase1, beacon)
}

// checkBeacons says whether phase 2's beacon may be that after phase 1's: who knew it could choose a contribution by it.
func checkBeacons(phase1, phase2 Beacon) error {
	if bytes.Equal(phase1.Value, phase2.Value) {
		return errors.New("its beacon sealed phase 1, so it was known before phase 2 began")
	}
	return nil
}

func (c *Ceremony) sealPhase2(ctx context.Context, phase1 *sealedPhase1, beacon Beacon) (*Transcript, error) {
	made, t, err := c.endPhase2(ctx, phase1, beacon, func(ctx context.Context) (*mpcsetup.SrsCommons, error) { return c.readSRS(ctx, phase1.SRS) })
	if err != nil {
		return nil, err
	}
	digest, err := t.Digest()
	if err != nil {
		return nil, err
	}
	store, err := keys.OpenStore(c.path(keysDir))
	if err != nil {
		return nil, err
	}
	if _, err := store.PutCeremony(t.Statement, made, digest, time.Now()); err != nil {
		return nil, err
	}
	_, err = writeRecord(c.path(transcriptFile), t.members)
	return t, err
}

// endPhase2 verifies the second phase's contributions, works the beacon in, and returns the keys and the transcript.
func (c *Ceremony) endPhase2(ctx context.Context, phase1 *sealedPhase1, beacon Beacon, srs func(context.Context) (*mpcsetup.SrsCommons, error)) (*keys.Keys, *Transcript, error) {
	_, sealed, err := c.sealed()
	if err != nil {
		return nil, nil, err
	}
	p, err := c.phase2(sealed, srs)
	if err != nil {
		return nil, nil, err
	}
	done, err := p.verify(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(done.links) == 0 {
		return nil, nil, errors.New("couldn't seal phase 2: nobody has contributed, so its secret would be the beacon, which all know")
	}
	made, err := c.makeKeys(ctx, p, done, beacon)
	if err != nil {
		return nil, nil, err
	}
	file, err := keys.ProvingKeyFile(made.ProvingKey)
	if err != nil {
		return nil, nil, err
	}
	return made, &Transcript{
		ConstraintSystem: c.manifest.ConstraintSystem,
		Manifest:         c.id,
		N:                c.manifest.N,
		Phase1:           phase1.PhaseRecord,
		Phase1Manifest:   c.manifest.Phase1,
		SRS:              phase1.SRS,
		Phase2:           PhaseRecord{Beacon: beacon, Contributions: done.links},
		Start:            done.start,
		ProvingKey:       file.SHA256,
		ProvingKeySize:   file.Size,
		Statement:        c.manifest.Statement,
		VerifyingKey:     made.VerifyingKey.Digest(),
	}, nil
}

// makeKeys turns the second phase's end into keys. It uses up the chain's last state.
func (c *Ceremony) makeKeys(ctx context.Context, p *secondPhase, done *chain, beacon Beacon) (*keys.Keys, error) {
	made := &keys.Keys{ConstraintSystem: c.r1cs}
	err := c.report.step(ctx, "making the keys", estimate(c.manifest.N, sealCost[2]), func() error {
		pk, gvk := done.last.(phase2State).Seal(p.srs, &p.evaluations, beacon.Value)
		vk, err := keys.FromGnarkVK(gvk)
		made.ProvingKey, made.VerifyingKey = pk, vk
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't seal phase 2: %w", err)
	}
	return made, nil
}
