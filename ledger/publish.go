package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/ledger/internal/cosign"
	"github.com/attestlog/attestlog/ledger/internal/tilestore"
	"github.com/attestlog/attestlog/ledger/verify"
)

// publish makes the newest signed head the published one, as soon as there is one and PublishEvery has passed since the last. With
// witnesses, it waits for their cosignatures, and shows them the newest head again from time to time, so that readers see that it
// is fresh, and late cosignatures are added.
func (t *term) publish(ctx context.Context) error {
	l := t.ledger
	if err := l.refreshPublished(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	last, _ := l.Published()
	var wait time.Duration
	if last.Size > 0 {
		wait = l.cfg.PublishEvery - l.cfg.Now().Sub(time.UnixMilli(last.Published))
		wait = min(wait, l.cfg.PublishEvery) // the clock may have stepped back
	}
	for {
		signed, changed := t.notary.newest()
		if signed == nil || signed.signedHead.size <= last.Size {
			again, stop := l.refreshTimer(last)
			select {
			case <-changed:
				stop()
				continue
			case <-again:
			case <-ctx.Done():
				stop()
				return nil
			}
		} else if wait > 0 {
			begin := time.Now()
			select {
			case <-time.After(wait):
				wait -= time.Since(begin)
				continue // with what is the newest by now
			case <-ctx.Done():
				return nil
			}
		}
		head := signedHead{size: last.Size, root: last.Root, note: last.Note}
		published := time.UnixMilli(last.Published)
		if signed != nil && signed.signedHead.size > last.Size {
			head, published = signed.signedHead, l.cfg.Now()
		}
		next, err := l.publishHead(ctx, head, published)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		last, wait = next, l.cfg.PublishEvery
	}
}

// publishHead collects cosignatures, saves the head, and shows it. A head that was published before keeps those that it has.
func (l *Ledger) publishHead(ctx context.Context, head signedHead, published time.Time) (PublishedHead, error) {
	collected, err := l.cosigned(ctx, head)
	if err != nil {
		return PublishedHead{}, err
	}
	return l.savePublished(ctx, head, published, collected)
}

// savePublished saves a head with its cosignatures, and shows it.
func (l *Ledger) savePublished(ctx context.Context, head signedHead, published time.Time, collected cosign.Collected) (PublishedHead, error) {
	save := tilestore.Head{Size: head.size, Root: head.root, Published: published, Note: collected.Note, Quorum: collected.Quorum}
	if err := l.store.SaveHead(ctx, save); err != nil {
		return PublishedHead{}, fmt.Errorf("couldn't publish the head of size %d: %w", head.size, err)
	}
	l.show(save)
	return publishedHead(save), nil
}

// Witnessing says who cosigns the log's heads.
type Witnessing struct {
	Policy   *verify.Policy // the witnesses with URLs are asked
	Key      note.Verifier  // the log's own
	Deadline time.Duration  // how long a head waits for its cosignatures; 5 s if zero
	// Refresh is how often the newest head is shown to the witnesses while there is no newer one; 5 min if zero. While the policy isn't
	// satisfied it is a twentieth of that.
	Refresh time.Duration
	// Suspicions is the directory for requests that a witness refused as inconsistent: with the witness's own head they are
	// evidence of a fork.
	Suspicions string
}

const (
	defaultRefresh = 5 * time.Minute
	hurry          = 20
)

func (l *Ledger) newWitnesses(w Witnessing) *cosign.Witnesses {
	suspicions{w.Suspicions}.recall(l.log)
	return cosign.New(cosign.Config{Policy: w.Policy, Key: w.Key, Deadline: w.Deadline, Logger: l.log, Now: l.cfg.Now,
		Keep:   suspicions{w.Suspicions}.keep,
		Newest: l.newestSigned,
		Prove: func(ctx context.Context, from, to int64) ([][32]byte, error) {
			proof, err := l.store.Consistency(ctx, from, to)
			return hashes(proof), err
		},
	})
}

// newestSigned is the size of the newest head that was signed in this term; 0 before it began.
func (l *Ledger) newestSigned() int64 {
	t := l.term.Load()
	if t == nil {
		return 0
	}
	if signed, _ := t.notary.newest(); signed != nil {
		return signed.signedHead.size
	}
	return 0
}

// refreshTimer tells when the newest published head is to be shown to the witnesses again: never without witnesses, or without a head.
func (l *Ledger) refreshTimer(last PublishedHead) (<-chan time.Time, func()) {
	if l.witnesses == nil || last.Size == 0 {
		return nil, func() {}
	}
	after := l.cfg.Witnesses.Refresh
	if after <= 0 {
		after = defaultRefresh
	}
	if !last.Quorum {
		after /= hurry
	}
	timer := time.NewTimer(after)
	return timer.C, func() { timer.Stop() }
}

// cosigned is a head with what the witnesses say to it. It fails only if one of them is ahead of the log.
func (l *Ledger) cosigned(ctx context.Context, head signedHead) (cosign.Collected, error) {
	if l.witnesses == nil {
		return cosign.Collected{Note: head.note, Quorum: true}, nil
	}
	opened, err := verify.OpenHead(head.note, l.cfg.Witnesses.Key)
	if err != nil {
		return cosign.Collected{}, err
	}
	collected, err := l.witnesses.Collect(ctx, opened)
	if err == nil {
		_, err = verify.OpenHead(collected.Note, l.cfg.Witnesses.Key) // what is published must be read again
	}
	l.metrics.witnessed(l.witnesses.Status(), collected.Quorum)
	var ahead *cosign.AheadError
	if errors.As(err, &ahead) {
		return collected, &HeadsConflict{Where: "witness " + ahead.Witness, Size: ahead.Size, DatabaseSize: ahead.Known}
	}
	return collected, err
}

// askWitnesses shows the head that a term begins with to the witnesses, before anything is written: a database behind what one of
// them cosigned lost entries. An empty log shows the empty tree, which every history continues. Witnesses that are down keep nobody
// from writing. A head that is published already gets the cosignatures that it lacks: it may be from before there was a policy, or another.
func (l *Ledger) askWitnesses(ctx context.Context, signed *signedTree) error {
	if l.witnesses == nil {
		return nil
	}
	if signed == nil {
		empty, err := verify.SignHead(l.cfg.Signer, 0, [32]byte(rfc6962.DefaultHasher.EmptyRoot()))
		if err != nil {
			return err
		}
		_, err = l.cosigned(ctx, signedHead{note: empty})
		return err
	}
	if err := l.refreshPublished(ctx); err != nil {
		return err
	}
	head := signed.signedHead
	last, published := l.Published()
	if !published || last.Size != head.size {
		_, err := l.cosigned(ctx, head)
		return err
	}
	head.note = last.Note
	_, err := l.publishHead(ctx, head, time.UnixMilli(last.Published))
	return err
}

// Witnesses is how it stands with the log's witnesses.
type Witnesses struct {
	Quorum    string // what the policy asks for, in words; empty without a policy
	Satisfied bool   // the newest published head has it
	List      []WitnessStatus
}

// WitnessStatus is how it stands with one of them.
type WitnessStatus = cosign.Status

// Witnesses says who cosigns, how far they are, and what is wrong with them.
func (l *Ledger) Witnesses() Witnesses {
	if l.witnesses == nil {
		return Witnesses{Satisfied: true}
	}
	newest, ok := l.Published()
	return Witnesses{Quorum: l.cfg.Witnesses.Policy.Quorum(), Satisfied: ok && newest.Quorum, List: l.witnesses.Status()}
}
