package ceremony

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"

	"github.com/attestlog/attestlog/ledger/event"
)

// Receipt is what a contributor publishes, and compares with the transcript once the ceremony is sealed.
type Receipt struct {
	Phase  int
	Number int
	Contribution
	File     string
	Previous event.Digest // SHA-256 of the file that it follows
	// Unchecked says what could not be verified of the contribution that it follows, because a file is not here; empty if nothing.
	Unchecked string
}

// ErrSealed says that there is nothing left to contribute to.
var ErrSealed = errors.New("the ceremony is sealed")

// open is the phase that takes contributions.
func (c *Ceremony) open() (*phase, error) {
	sealed, err := exists(c.path(transcriptFile))
	if err != nil {
		return nil, err
	}
	if sealed {
		return nil, ErrSealed
	}
	record, digest, err := c.sealed()
	if errors.Is(err, fs.ErrNotExist) {
		return c.phase1, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := c.phase2(digest, func(ctx context.Context) (*mpcsetup.SrsCommons, error) { return c.readSRS(ctx, record.SRS) })
	if err != nil {
		return nil, err
	}
	return p.phase, nil
}

// Contribute adds a contribution to the phase that is open, under a name by which the contributor wants to be known.
//
// It needs the manifests and the last contribution, and in the second phase the record of the first. It verifies that the last
// contribution follows from the one before it if that is here, too; without it, it makes sure that every point is what it must be,
// so that no secret leaks, and the receipt says what was not checked. What is written was read back and verified.
func (c *Ceremony) Contribute(ctx context.Context, name string) (*Receipt, error) {
	if err := checkLine("the contributor's name", strings.TrimSpace(name), MaxName); err != nil {
		return nil, err
	}
	unlock, err := lock(c.dir)
	if err != nil {
		return nil, err
	}
	r, err := c.contribute(ctx, strings.TrimSpace(name))
	return r, errors.Join(err, unlock())
}

func (c *Ceremony) contribute(ctx context.Context, name string) (*Receipt, error) {
	p, err := c.open()
	if err != nil {
		return nil, err
	}
	last, err := highest(p.dir)
	if err != nil {
		return nil, err
	}
	if last < p.first {
		if p.number == 2 {
			return nil, fmt.Errorf("couldn't contribute: %s is missing, where phase 2 starts: sealing phase 1 again makes it", p.path(0))
		}
		last = 0
	}
	if last == MaxContributions {
		return nil, fmt.Errorf("couldn't contribute: a phase takes %d contributions", MaxContributions)
	}
	prev, previous, unchecked, err := p.verifyLast(ctx, last)
	if err != nil {
		return nil, err
	}
	next, err := p.again(ctx, last)
	if err != nil {
		return nil, err
	}
	r := &Receipt{Phase: p.number, Number: last + 1, File: p.path(last + 1), Previous: previous, Unchecked: unchecked}
	if err := p.report.step(ctx, fmt.Sprintf("contributing to phase %d", p.number), estimate(p.n, contributeCost[p.number]), func() error {
		next.Contribute()
		return nil
	}); err != nil {
		return nil, fmt.Errorf("couldn't contribute: %w", err)
	}
	file, err := p.encode(r.Number, previous, name, next)
	if err != nil {
		return nil, err
	}
	// What others will read is what is verified, not what lies in memory.
	own, err := p.parseContribution(file, r.Number)
	if err != nil {
		return nil, fmt.Errorf("couldn't contribute: %w", err)
	}
	if next, err = p.load(ctx, own); err != nil {
		return nil, err
	}
	if err := p.link(ctx, previous, prev, own, next); err != nil {
		return nil, err
	}
	r.Contribution = own.record()
	return r, writeFile(r.File, file)
}

// verifyLast loads the last contribution and verifies that it follows from the one before it, as far as the files are here.
func (p *phase) verifyLast(ctx context.Context, last int) (s state, digest event.Digest, unchecked string, err error) {
	if last < p.first { // phase 1, first contribution: the start is no file
		s, err = p.start(ctx)
		return s, p.origin, "", err
	}
	c, err := p.read(last)
	if err != nil {
		return nil, event.Digest{}, "", err
	}
	if s, err = p.load(ctx, c); err != nil {
		return nil, event.Digest{}, "", err
	}
	if last == 0 { // phase 2, first contribution
		start, err := p.start(ctx)
		if errors.Is(err, fs.ErrNotExist) {
			return s, c.digest, fmt.Sprintf("whether phase 2 starts where it must: %s is not here", srsFile), nil
		}
		if err != nil {
			return nil, event.Digest{}, "", err
		}
		return s, c.digest, "", p.isStart(c, start)
	}
	before, beforeDigest := state(nil), p.origin
	if last == 1 && p.first == 1 {
		before, err = p.start(ctx)
	} else {
		var b *contribution
		b, err = p.read(last - 1)
		if errors.Is(err, fs.ErrNotExist) {
			return s, c.digest, fmt.Sprintf("whether contribution %d follows from the one before it: %s is not here", last, contributionFile(last-1)), nil
		}
		if err == nil {
			beforeDigest = b.digest
			before, err = p.load(ctx, b)
		}
	}
	if err != nil {
		return nil, event.Digest{}, "", err
	}
	return s, c.digest, "", p.link(ctx, beforeDigest, before, c, s)
}

// again loads the last state once more: contributing changes it in place.
func (p *phase) again(ctx context.Context, last int) (state, error) {
	if last < p.first {
		return p.start(ctx)
	}
	c, err := p.read(last)
	if err != nil {
		return nil, err
	}
	return p.load(ctx, c)
}
