package cosign

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/attestlog/attestlog/ledger/verify"
)

// Collected is a head with the cosignatures that came in time.
type Collected struct {
	Note   []byte // the signed note with a line for each cosignature behind the log's
	Quorum bool   // they satisfy the policy
}

// Until says how long a head waits for its witnesses, within the deadline.
type Until int

const (
	// Enough is until the policy is satisfied, or nobody is missing but witnesses that nobody waits for; and then for the grace.
	Enough Until = iota
	// All is until each has answered. A head that says whether the log may be written asks every witness whether it is ahead.
	All
)

// round is one head's turn. The witnesses' answers belong to it until its head is returned.
type round struct {
	size    int64
	answers chan reply // with room for one of each
	over    bool       // what comes now is late; Witnesses.mu is held
}

// reply is what came of asking a witness.
type reply struct {
	witness     int
	cosignature verify.Cosignature
	err         error
}

// late is an answer to the question about a head that didn't wait for it.
type late struct {
	size int64
	reply
}

// errReplaced says that a witness was still busy with an older head when there was a newer one to show.
var errReplaced = errors.New("there is a newer head to show")

// Collect asks all witnesses at once to cosign a head, and returns when enough of them have, or all have answered, or the deadline has
// passed. Who hasn't answered by then is not given up: see [Witnesses.Late]. A witness that doesn't cosign is no error, but one that is
// ahead of the log is: an *[AheadError]. Whoever ends ctx calls [Witnesses.Wait] for what is still under way.
func (w *Witnesses) Collect(ctx context.Context, head verify.Head, until Until) (Collected, error) {
	w.collect.Lock()
	defer w.collect.Unlock()
	bare, err := verify.BareNote(head.Note, w.cfg.Key)
	if err != nil {
		return Collected{}, err
	}
	// Cosignatures that the head has already are kept where there is no newer one: they are of this very head.
	have, err := w.earlier(head.Note)
	if err != nil {
		return Collected{}, err
	}
	head.Note = bare
	r, missing := w.show(ctx, head)
	var ahead *AheadError
	take := func(a reply) {
		delete(missing, a.witness)
		if a.err == nil {
			have[a.witness] = &a.cosignature
		} else if ahead == nil {
			errors.As(a.err, &ahead)
		}
	}
	deadline := time.NewTimer(w.cfg.Deadline)
	defer deadline.Stop()
	var grace <-chan time.Time
	for waiting := true; waiting && len(missing) > 0; {
		if grace == nil && until == Enough && (w.satisfied(have) || !w.awaited(missing)) {
			grace = time.After(w.cfg.Grace)
		}
		select {
		case a := <-r.answers:
			take(a)
		case <-grace:
			waiting = false
		case <-deadline.C:
			waiting = false
		case <-ctx.Done():
			waiting = false
		}
	}
	for _, a := range w.end(r) {
		take(a)
	}
	c, err := w.assemble(bare, head.Size, have)
	if ahead != nil {
		return c, ahead
	}
	return c, err
}

// show asks all witnesses about a head. A witness that is still busy with an older one is asked when it is done with that, unless there is a
// newer head by then: so of a witness that hangs nothing piles up, and one that is slow is not interrupted for ever.
func (w *Witnesses) show(ctx context.Context, head verify.Head) (r *round, missing map[int]bool) {
	r = &round{size: head.Size, answers: make(chan reply, len(w.states))}
	missing = map[int]bool{}
	w.replace()
	waiting, replace := context.WithCancel(ctx)
	w.replace = replace
	for i := range w.cfg.Policy.Witnesses {
		if w.cfg.Policy.Witnesses[i].URL == nil {
			continue
		}
		missing[i] = true
		w.asking.Go(func() {
			a := reply{witness: i, err: errReplaced}
			select {
			case w.turns[i] <- struct{}{}:
				if waiting.Err() == nil {
					a.cosignature, a.err = w.cosign(ctx, i, head)
				}
				<-w.turns[i]
			case <-waiting.Done():
			}
			w.deliver(r, a)
		})
	}
	return r, missing
}

// deliver gives an answer to the head that it is about, or keeps it if that has been returned.
func (w *Witnesses) deliver(r *round, a reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !r.over {
		r.answers <- a
		return
	}
	if ahead := (*AheadError)(nil); a.err != nil && !errors.As(a.err, &ahead) {
		return
	}
	w.late = append(w.late, late{r.size, a})
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// end ends a head's turn, and returns the answers that nobody took.
func (w *Witnesses) end(r *round) (rest []reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.over = true
	for len(r.answers) > 0 {
		rest = append(rest, <-r.answers)
	}
	return rest
}

// awaited tells whether there is one among these witnesses that heads wait for.
func (w *Witnesses) awaited(missing map[int]bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range missing {
		if !w.states[i].Unawaited {
			return true
		}
	}
	return false
}

// News holds a token while there is something to be had of [Witnesses.Late].
func (w *Witnesses) News() <-chan struct{} { return w.news }

// Late gives, once, the cosignatures that came after their heads were returned, by the sizes of these. An *[AheadError] is one that came late.
func (w *Witnesses) Late() (map[int64][]verify.Cosignature, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[int64][]verify.Cosignature{}
	var err error
	for _, one := range w.late {
		if one.err != nil {
			err = one.err
		} else {
			all[one.size] = append(all[one.size], one.cosignature)
		}
	}
	w.late = nil
	return all, err
}

// Add adds cosignatures of a head to its note, each in place of an older one of the same witness.
func (w *Witnesses) Add(signed []byte, size int64, cosignatures []verify.Cosignature) (Collected, error) {
	bare, err := verify.BareNote(signed, w.cfg.Key)
	if err != nil {
		return Collected{}, err
	}
	have, err := w.earlier(signed)
	if err != nil {
		return Collected{}, err
	}
	for _, c := range cosignatures {
		if old := have[c.Witness]; old == nil || c.Time.After(old.Time) {
			have[c.Witness] = &c
		}
	}
	return w.assemble(bare, size, have)
}

// Wait waits until nothing is under way any more, and forgets what came late: who begins anew asks again. The context of every Collect must
// have ended, or it takes up to two deadlines.
func (w *Witnesses) Wait() {
	w.asking.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late = nil
}

// earlier are the cosignatures that a note has, by witness.
func (w *Witnesses) earlier(signed []byte) ([]*verify.Cosignature, error) {
	_, cosignatures, err := w.cfg.Policy.Open(signed, w.cfg.Key)
	var few *verify.QuorumError
	if err != nil && !errors.As(err, &few) {
		return nil, err
	}
	have := make([]*verify.Cosignature, len(w.cfg.Policy.Witnesses))
	for _, c := range cosignatures {
		have[c.Witness] = &c
	}
	return have, nil
}

func (w *Witnesses) satisfied(have []*verify.Cosignature) bool {
	return w.cfg.Policy.Satisfied(func(i int) bool { return have[i] != nil })
}

// assemble makes the note of a head and its cosignatures, which must be read again by everybody.
func (w *Witnesses) assemble(bare []byte, size int64, have []*verify.Cosignature) (Collected, error) {
	have = slices.Clone(have)
	c := Collected{Note: slices.Clip(bare)} // somebody may still be asked with it
	for i, one := range have {
		if one == nil {
			continue
		}
		if len(c.Note)+len(one.Line) > verify.MaxNote { // a note that nobody can read helps nobody
			w.cfg.Logger.Error("a head has no room for a cosignature", "witness", w.cfg.Policy.Witnesses[i].Name, "size", size)
			have[i] = nil
			continue
		}
		c.Note = append(c.Note, one.Line...)
	}
	c.Quorum = w.satisfied(have)
	_, err := verify.OpenHead(c.Note, w.cfg.Key)
	return c, err
}
