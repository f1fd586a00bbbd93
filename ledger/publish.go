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
// witnesses, it waits for their cosignatures, adds those that come late, and shows them the newest head again from time to time, so that readers
// see that it is fresh.
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
	late := l.lateNews()
	for {
		signed, changed := t.notary.newest()
		if signed == nil || signed.signedHead.size <= last.Size {
			again, stop := l.refreshTimer(last)
			select {
			case <-changed:
				stop()
				continue
			case <-late:
				stop()
				if err := l.addLate(ctx, &last); err != nil {
					return unlessEnded(ctx, err)
				}
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
			case <-late:
				wait -= time.Since(begin)
				if err := l.addLate(ctx, &last); err != nil {
					return unlessEnded(ctx, err)
				}
				continue
			case <-ctx.Done():
				return nil
			}
		}
		head := signedHead{size: last.Size, root: last.Root, note: last.Note}
		published := time.UnixMilli(last.Published)
		if signed != nil && signed.signedHead.size > last.Size {
			head, published = signed.signedHead, l.cfg.Now()
		}
		next, err := l.publishHead(ctx, head, published, cosign.Enough)
		if err != nil || ctx.Err() != nil {
			return unlessEnded(ctx, err)
		}
		last, wait = next, l.cfg.PublishEvery
	}
}

// unlessEnded leaves out what goes wrong because ctx has ended.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// publishHead collects cosignatures, saves the head, and shows it. A head that was published before keeps those that it has.
func (l *Ledger) publishHead(ctx context.Context, head signedHead, published time.Time, until cosign.Until) (PublishedHead, error) {
	collected, err := l.cosigned(ctx, head, until)
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
	Grace    time.Duration  // how long one that has enough of them waits for the rest; 200 ms if zero
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
	return cosign.New(cosign.Config{Policy: w.Policy, Key: w.Key, Deadline: w.Deadline, Grace: w.Grace, Logger: l.log, Now: l.cfg.Now,
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
func (l *Ledger) cosigned(ctx context.Context, head signedHead, until cosign.Until) (cosign.Collected, error) {
	if l.witnesses == nil {
		return cosign.Collected{Note: head.note, Quorum: true}, nil
	}
	opened, err := verify.OpenHead(head.note, l.cfg.Witnesses.Key)
	if err != nil {
		return cosign.Collected{}, err
	}
	collected, err := l.witnesses.Collect(ctx, opened, until)
	l.metrics.witnessed(l.witnesses.Status(), collected.Quorum)
	return collected, conflicting(err)
}

// conflicting says of a witness that is ahead what it is ahead of.
func conflicting(err error) error {
	var ahead *cosign.AheadError
	if errors.As(err, &ahead) {
		return &HeadsConflict{Where: "witness " + ahead.Witness, Size: ahead.Size, DatabaseSize: ahead.Known}
	}
	return err
}

// lateNews has a token when there are late cosignatures: never without witnesses.
func (l *Ledger) lateNews() <-chan struct{} {
	if l.witnesses == nil {
		return nil
	}
	return l.witnesses.News()
}

// addLate adds to published heads the cosignatures that came after they were shown; last is the newest of them. It is called where heads are
// published, one after the other, so that none is saved twice at once.
func (l *Ledger) addLate(ctx context.Context, last *PublishedHead) error {
	bySize, err := l.witnesses.Late()
	if err != nil {
		return conflicting(err)
	}
	for size, cosignatures := range bySize {
		head, err := l.store.Head(ctx, size)
		if errors.Is(err, tilestore.ErrNotFound) { // it was shown to witnesses before the term began, and not published: a newer one was
			continue
		}
		if err != nil {
			return fmt.Errorf("couldn't read the head of size %d, to add cosignatures to it: %w", size, err)
		}
		collected, err := l.witnesses.Add(head.Note, size, cosignatures)
		if err != nil {
			return err
		}
		next, err := l.savePublished(ctx, signedHead{size: size, root: head.Root}, head.Published, collected)
		if err != nil {
			return err
		}
		if size == last.Size {
			*last = next
		}
	}
	l.metrics.witnessed(l.witnesses.Status(), last.Quorum)
	return nil
}

// askWitnesses shows the head that a term begins with to the witnesses, before anything is written: a database behind what one of
// them cosigned lost entries. So each is waited for until the deadline, whatever the policy asks for. An empty log shows the empty tree, which
// every history continues. Witnesses that are down keep nobody from writing. A head that is published already gets the cosignatures that it
// lacks: it may be from before there was a policy, or another.
func (l *Ledger) askWitnesses(ctx context.Context, signed *signedTree) error {
	if l.witnesses == nil {
		return nil
	}
	if signed == nil {
		empty, err := verify.SignHead(l.cfg.Signer, 0, [32]byte(rfc6962.DefaultHasher.EmptyRoot()))
		if err != nil {
			return err
		}
		_, err = l.cosigned(ctx, signedHead{note: empty}, cosign.All)
		return err
	}
	if err := l.refreshPublished(ctx); err != nil {
		return err
	}
	head := signed.signedHead
	last, published := l.Published()
	if !published || last.Size != head.size {
		_, err := l.cosigned(ctx, head, cosign.All)
		return err
	}
	head.note = last.Note
	_, err := l.publishHead(ctx, head, time.UnixMilli(last.Published), cosign.All)
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
